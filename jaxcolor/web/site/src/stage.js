// The photograph, before and after, and the place for a color in it.

import { byId, element } from "./page.js";

const slider = byId("slider");
const aim = byId("aim");
// The way of an arrow key, as a share of the photograph.
const STRIDE = 0.02;
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

slider.addEventListener("slide", () => {
  slider.setAttribute("aria-valuenow", Math.round(slider.value));
});

/** Shows a photograph, under its name. */
export function show(name, { before, after }) {
  byId("stage-heading").textContent = name;
  for (const [id, image] of Object.entries({ before, after })) {
    const canvas = byId(id);
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.getContext("2d").putImageData(image, 0, 0);
  }
  byId("work").style.setProperty("--aspect", before.width / before.height);
}

function put(mark, { x, y }, size) {
  mark.style.left = `${(100 * (x + 0.5)) / size.width}%`;
  mark.style.top = `${(100 * (y + 0.5)) / size.height}%`;
}

/** Shows the places of hints. */
export function mark(hints, size) {
  const dots = hints.map((hint) => {
    const dot = element("span");
    dot.style.background = hint.color;
    put(dot, hint, size);
    return dot;
  });
  byId("dots").replaceChildren(...dots);
}

/** Shows the place that is chosen, or, with null, takes it away. */
export function point(place, size) {
  aim.hidden = place === null;
  if (place !== null) put(byId("cross"), place, size);
}

/** Moves the focus to the photograph, to choose a place in it. */
export function focus() {
  aim.focus();
}

/** Returns a place kept within a photograph. */
export function inside({ x, y }, size) {
  const within = (value, length) =>
    Math.min(Math.max(Math.floor(value) || 0, 0), length - 1);
  return { x: within(x, size.width), y: within(y, size.height) };
}

/**
 * Calls back when a place is chosen.
 *
 * @param sized - returns the size of the photograph.
 * @param placed - returns the place that is chosen.
 * @param moved - takes a new place.
 * @param chosen - is called by Enter.
 */
export function watch({ sized, placed, moved, chosen }) {
  aim.addEventListener("pointerdown", (event) => {
    const box = aim.getBoundingClientRect();
    const size = sized();
    const x = ((event.clientX - box.left) / box.width) * size.width;
    const y = ((event.clientY - box.top) / box.height) * size.height;
    moved(inside({ x, y }, size));
  });
  aim.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      chosen();
    }
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    const size = sized();
    const longest = Math.max(size.width, size.height);
    const stride = event.shiftKey ? 1 : Math.max(1, Math.round(STRIDE * longest));
    const { x, y } = placed();
    moved(inside({ x: x + stride * way[0], y: y + stride * way[1] }, size));
  });
}
