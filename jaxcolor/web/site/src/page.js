// Small parts of the page that several modules use.

/** Returns the element of an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Returns a new element with properties, and what is inside. */
export function element(name, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside);
  return made;
}

/** Returns a square of a color. */
export function swatch(color) {
  const made = element("span", { className: "swatch", ariaHidden: "true" });
  made.style.background = color;
  return made;
}

/** Says what happens; screen readers read it out. */
export function say(text) {
  byId("status").textContent = text;
}

/** Shows what went wrong, until the next call of `forgive`. */
export function complain(text) {
  byId("problems").append(element("p", { textContent: text }));
}

/** Takes away what went wrong before. */
export function forgive() {
  byId("problems").replaceChildren();
}
