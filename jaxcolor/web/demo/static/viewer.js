// The photograph, before and after: a divider between both, or a target for colors.

import * as album from "./album.js";
import { tell } from "./messages.js";

const viewer = document.getElementById("viewer");
const before = document.getElementById("before");
const after = document.getElementById("after");
const divider = document.getElementById("divider");
const target = document.getElementById("target");
const busy = document.getElementById("busy");
// Shares of the width and the height that an arrow key moves the cross by.
const STEP = 0.01;
const LONG_STEP = 0.1;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let cross = { x: 0.5, y: 0.5 };
let isBusyFrom = 0;

/** Calls a function with the column and the row of each pixel that is pointed at. */
export function onPoint(listener) {
  if (target === null) return;
  const point = ({ x, y }) => {
    const { width, height } = album.selected();
    listener(pixel(x, width), pixel(y, height));
  };
  target.addEventListener("click", (event) => {
    const box = target.getBoundingClientRect();
    cross = {
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
    };
    point(cross);
  });
  target.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) move(arrow, event.shiftKey ? LONG_STEP : STEP);
    else if (event.key === "Enter" || event.key === " ") point(cross);
    else return;
    event.preventDefault();
  });
  target.addEventListener("focus", showCross);
}

/** Shows the colors that are set, and the point whose color is being chosen. */
export function mark(hints, chosen) {
  if (target === null) return;
  for (const old of target.querySelectorAll(".hint")) old.remove();
  const { width, height } = album.selected();
  const points = chosen === null ? hints : [...hints, { ...chosen, color: null }];
  for (const { x, y, color } of points) {
    const dot = document.createElement("span");
    dot.className = color === null ? "hint chosen" : "hint";
    dot.setAttribute("aria-hidden", "true");
    place(dot, (x + 0.5) / width, (y + 0.5) / height);
    if (color !== null) dot.style.backgroundColor = color;
    target.append(dot);
  }
}

/** Returns whether the picture is for setting colors now. */
export function isForPoints() {
  return viewer.dataset.mode === "point";
}

function setMode(mode) {
  viewer.dataset.mode = mode;
  if (target !== null) target.hidden = mode !== "point";
  divider.hidden = mode === "point";
}

function pixel(share, count) {
  return Math.min(count - 1, Math.max(0, Math.floor(share * count)));
}

function move([right, down], step) {
  cross = { x: clamp(cross.x + right * step), y: clamp(cross.y + down * step) };
  showCross();
  const { width, height } = album.selected();
  tell(`Column ${pixel(cross.x, width)}, row ${pixel(cross.y, height)}`);
}

function showCross() {
  const shown = target.querySelector(".cross");
  shown.hidden = false;
  place(shown, cross.x, cross.y);
}

function place(element, x, y) {
  element.style.left = `${100 * x}%`;
  element.style.top = `${100 * y}%`;
}

function clamp(share) {
  return Math.min(1, Math.max(0, share));
}

function show(photograph) {
  if (photograph === null || photograph !== album.selected()) return;
  setSource(before, photograph.before);
  // Until there are colors, the photograph itself.
  setSource(after, photograph.after ?? photograph.before);
  before.alt = `${photograph.name}, as it is`;
  after.alt = `${photograph.name}, in color`;
  viewer.style.setProperty("--ratio", photograph.width / photograph.height);
  viewer.setAttribute("aria-busy", String(photograph.isBusy));
  document.getElementById("name").textContent = photograph.name;
  document.getElementById("size").textContent = `${photograph.width} × ${photograph.height}`;
  const notes = photograph.notes.map((note) => {
    const item = document.createElement("li");
    item.textContent = note;
    return item;
  });
  document.getElementById("notes").replaceChildren(...notes);
  showBusy(photograph.isBusy);
}

/** Says that work is done only when it takes a moment, so that a slider does not flicker. */
function showBusy(isBusy) {
  isBusyFrom = isBusy ? isBusyFrom || performance.now() : 0;
  if (!isBusy) {
    busy.hidden = true;
    return;
  }
  setTimeout(() => {
    const isStill = isBusyFrom !== 0 && performance.now() - isBusyFrom >= 300;
    if (isStill) busy.hidden = false;
  }, 320);
}

function setSource(image, url) {
  if (url === null) image.removeAttribute("src");
  else if (image.src !== url) image.src = url;
}

divider.addEventListener("input", () => {
  viewer.style.setProperty("--divider", `${divider.value}%`);
  divider.setAttribute("aria-valuetext", `${divider.value} % before`);
});
for (const radio of document.querySelectorAll("input[name=mode]")) {
  radio.addEventListener("change", () => setMode(radio.value));
}
album.on("changed", show);
album.on("selected", show);
setMode("compare");
