// The parts of the page, one of which is shown.

const VIEWS = [...document.querySelectorAll("[data-view]")];
const STATUS = document.querySelector("[data-status]");

/** Shows a part of the page, and lets a screen reader begin there. */
export function show(id) {
  for (const view of VIEWS) view.hidden = view.id !== id;
  const view = document.getElementById(id);
  view.querySelector("h1")?.focus();
  return view;
}

/** Returns the id of the part that is shown. */
export function shown() {
  return VIEWS.find((view) => !view.hidden).id;
}

/** Waits until the button of a part is pressed. */
export function pressed(view) {
  const button = view.querySelector("[data-continue]");
  return new Promise((resolve) => {
    button.addEventListener("click", resolve, { once: true });
  });
}

/** Tells a screen reader something. */
export function announce(text) {
  STATUS.textContent = text;
}

/** Lets the button for the full screen work, where there is one. */
export function offerFullScreen() {
  const button = document.querySelector("[data-fullscreen]");
  const isOffered = Boolean(document.fullscreenEnabled);
  button.hidden = !isOffered;
  document.querySelector("[data-fullscreen-hint]").hidden = !isOffered;
  button.addEventListener("click", async () => {
    try {
      await document.documentElement.requestFullscreen();
    } catch {
      // The browser's own choice; the study works without.
    }
  });
}
