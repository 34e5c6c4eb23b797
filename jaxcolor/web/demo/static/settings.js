// Sliders and variants: what is wished for of the photograph that is shown.

import * as album from "./album.js";
import * as previews from "./previews.js";
import { picture } from "./requests.js";

const sliders = [...document.querySelectorAll(".slider input")];
const variants = [...document.querySelectorAll("input[name=variant]")];
const thumbnails = [...document.querySelectorAll("img[data-variant]")];
// Milliseconds without a change, after which the thumbnails of variants follow.
const QUIET = 500;
let following = 0;

function show(photograph) {
  if (photograph === null) return;
  for (const slider of sliders) {
    slider.value = photograph.wishes[slider.name] ?? slider.dataset.default;
    showValue(slider);
  }
  for (const radio of variants) radio.checked = Number(radio.value) === (photograph.wishes.variant ?? -1);
}

function showValue(slider) {
  document.getElementById(`${slider.id}-value`).textContent = Number(slider.value).toFixed(2);
}

/** Takes a wish; null is what the model does by itself. */
function wish(name, value) {
  const photograph = album.selected();
  photograph.wishes = { ...photograph.wishes, [name]: value };
  previews.update(photograph);
}

function defaultOf(slider) {
  // The strength has no default of the model.
  return slider.name === "strength" ? 1 : null;
}

for (const slider of sliders) {
  slider.addEventListener("input", () => {
    showValue(slider);
    const isDefault = Number(slider.value) === Number(slider.dataset.default);
    wish(slider.name, isDefault ? defaultOf(slider) : Number(slider.value));
  });
}

for (const radio of variants) {
  radio.addEventListener("change", () => {
    wish("variant", Number(radio.value) < 0 ? null : Number(radio.value));
  });
}

document.getElementById("reset").addEventListener("click", () => {
  const photograph = album.selected();
  const defaults = sliders.map((slider) => [slider.name, defaultOf(slider)]);
  photograph.wishes = { ...photograph.wishes, ...Object.fromEntries(defaults), variant: null };
  show(photograph);
  previews.update(photograph);
});

/** Loads the thumbnails of the variants, once all is quiet. */
function follow(photograph) {
  if (photograph === null || photograph !== album.selected() || photograph.isBusy) return;
  // They are the same for all variants.
  const { variant: _, ...rest } = photograph.wishes;
  const key = `${photograph.id} ${JSON.stringify(rest)}`;
  clearTimeout(following);
  following = setTimeout(() => load(photograph, key), QUIET);
}

async function load(photograph, key) {
  for (const image of thumbnails) {
    if (photograph !== album.selected() || photograph.isBusy) return;
    if (image.dataset.shows === key) continue;
    try {
      const url = await picture(`/photographs/${photograph.id}/variants/${image.dataset.variant}.jpg`);
      URL.revokeObjectURL(image.src);
      image.src = url;
      image.dataset.shows = key;
    } catch {
      // A thumbnail that is missing is no reason to complain.
      return;
    }
  }
}

album.on("selected", show);
album.on("selected", follow);
album.on("changed", follow);
