// Colors set by hand: a point of the picture, likely colors for it, and the list of them.

import * as album from "./album.js";
import { tell } from "./messages.js";
import * as previews from "./previews.js";
import { ask, Refusal } from "./requests.js";
import * as viewer from "./viewer.js";

const choice = document.getElementById("choice");
const swatches = document.getElementById("swatches");
const own = document.getElementById("own");
const list = document.getElementById("hint-list");
const removeAll = document.getElementById("remove-hints");
const panel = document.getElementById("hints");
const target = document.getElementById("target");
let chosen = null;

/** Connects the panel with the picture, where the model takes hints. */
export function begin() {
  if (choice === null) return;
  viewer.onPoint(choose);
  document.getElementById("use").addEventListener("click", () => set(own.value));
  document.getElementById("cancel").addEventListener("click", cancel);
  removeAll.addEventListener("click", () => replace([]));
  for (const radio of document.querySelectorAll("input[name=mode]")) {
    radio.addEventListener("change", arrange);
  }
  choice.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
  });
  album.on("selected", (photograph) => {
    close();
    if (photograph !== null) show();
  });
}

async function choose(x, y) {
  chosen = { x, y };
  const photograph = album.selected();
  document.getElementById("choice-place").textContent = `Color at column ${x}, row ${y}`;
  swatches.replaceChildren();
  choice.hidden = false;
  show();
  try {
    const answer = await ask(`/photographs/${photograph.id}/suggestions?x=${x}&y=${y}`);
    const found = await answer.json();
    // Another point may have been chosen since.
    if (chosen?.x !== x || chosen?.y !== y) return;
    swatches.replaceChildren(...found.map(swatch));
    if (found.length > 0) own.value = found[0].color;
  } catch (error) {
    // A network that takes hints may have no colors to suggest.
    if (!(error instanceof Refusal)) throw error;
  }
  (swatches.firstChild ?? own).focus();
}

function swatch({ color, share }) {
  const button = document.createElement("button");
  const patch = document.createElement("span");
  const told = document.createElement("span");
  button.type = "button";
  patch.className = "patch";
  patch.style.backgroundColor = color;
  told.textContent = `${Math.round(100 * share)} %`;
  button.setAttribute("aria-label", `${color}, ${told.textContent}`);
  button.append(patch, told);
  button.addEventListener("click", () => set(color));
  return button;
}

function set(color) {
  const { x, y } = chosen;
  const others = album.selected().wishes.hints.filter((hint) => hint.x !== x || hint.y !== y);
  close();
  replace([...others, { x, y, color }]);
  tell(`Color ${color} set at column ${x}, row ${y}`);
  target.focus();
}

function cancel() {
  close();
  show();
  target.focus();
}

function close() {
  chosen = null;
  choice.hidden = true;
}

function replace(hints) {
  const photograph = album.selected();
  photograph.wishes = { ...photograph.wishes, hints };
  show();
  previews.update(photograph);
}

function show() {
  const { hints } = album.selected().wishes;
  viewer.mark(hints, chosen);
  list.replaceChildren(...hints.map(entry));
  removeAll.hidden = hints.length < 2;
  arrange();
}

/** Shows the panel while colors are set, and while there are any. */
function arrange() {
  panel.hidden = !viewer.isForPoints() && list.children.length === 0;
}

function entry(hint) {
  const item = document.createElement("li");
  const patch = document.createElement("span");
  const told = document.createElement("span");
  const remove = document.createElement("button");
  patch.className = "patch";
  patch.style.backgroundColor = hint.color;
  told.textContent = `${hint.color} at ${hint.x}, ${hint.y}`;
  remove.type = "button";
  remove.textContent = "Remove";
  remove.setAttribute("aria-label", `Remove ${told.textContent}`);
  remove.addEventListener("click", () => {
    replace(album.selected().wishes.hints.filter((each) => each !== hint));
    target.focus();
  });
  item.append(patch, told, remove);
  return item;
}
