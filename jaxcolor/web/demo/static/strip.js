// The row of photographs: a thumbnail of each, and the progress of those that arrive.

import * as album from "./album.js";

const strip = document.getElementById("strip");
const items = new Map();

/** Shows a file that is being sent; returns functions to tell its progress and its end. */
export function arriving(file) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  const bar = document.createElement("progress");
  item.className = "arriving";
  name.textContent = file.name;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);
  bar.max = 1;
  bar.value = 0;
  item.append(bar, name);
  strip.append(item);
  return {
    progress(share) {
      // All is sent, but not yet answered: how long that takes is not known.
      if (share < 1) bar.value = share;
      else bar.removeAttribute("value");
    },
    end() {
      item.remove();
    },
  };
}

function item(photograph) {
  const made = document.createElement("li");
  const button = document.createElement("button");
  const image = document.createElement("img");
  button.type = "button";
  button.title = photograph.name;
  image.alt = photograph.name;
  button.append(image);
  button.addEventListener("click", () => album.select(photograph));
  made.append(button);
  const first = strip.querySelector(".arriving");
  strip.insertBefore(made, first);
  return made;
}

function mark() {
  for (const [id, made] of items) {
    made.firstChild.setAttribute("aria-pressed", String(id === album.selected()?.id));
  }
}

album.on("changed", (photograph) => {
  if (!album.all().includes(photograph)) {
    items.get(photograph.id)?.remove();
    items.delete(photograph.id);
    return;
  }
  if (!items.has(photograph.id)) items.set(photograph.id, item(photograph));
  const image = items.get(photograph.id).querySelector("img");
  const source = photograph.after ?? photograph.before;
  if (source !== null) image.src = source;
  mark();
});
album.on("selected", mark);
