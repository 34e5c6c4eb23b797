// The worker: everything that takes time, so that the page stays responsive.

import { Prediction } from "./decoding.js";
import { encodeJpeg } from "./jpeg.js";
import { markOf } from "./mark.js";
import { Network } from "./network.js";
import { painter } from "./paint.js";
import { Photo } from "./photo.js";
import { encodePng } from "./png.js";
import { Reduction } from "./resize.js";
import { viewOf, viewSize } from "./view.js";

// Longest side of a picture on the screen.
const SHOWN = 1600;
// Photographs whose predictions are kept; each takes some 15 MB.
const MOST_KEPT = 4;

let network = null;
const seen = new Map();

async function seeing(key, blob) {
  if (seen.has(key)) {
    const found = seen.get(key);
    // The last one is the most recent one.
    seen.delete(key);
    seen.set(key, found);
    return found;
  }
  const photo = await Photo.open(blob);
  try {
    const found = await predicted(photo);
    if (seen.size === MOST_KEPT) seen.delete(seen.keys().next().value);
    seen.set(key, found);
    return found;
  } finally {
    photo.close();
  }
}

async function predicted(photo) {
  const { model } = network;
  const size = viewSize(photo.size, model.size);
  const reduction = new Reduction(photo.size, size);
  let isOpaque = true;
  for (const { top, rgba } of photo.strips()) {
    reduction.add(top, rgba);
    for (let n = 3; isOpaque && n < rgba.length; n += 4) isOpaque = rgba[n] === 255;
  }
  const view = viewOf(reduction.finish(), size, model);
  const { cells, features } = await network.run(view);
  const prediction = new Prediction(model, photo.size, view, cells, features);
  return { prediction, isOpaque, shown: await photo.reduced(SHOWN) };
}

const commands = {
  async load({ runtime }) {
    network = await Network.load(runtime);
    return { model: network.model, runtime: network.runtime };
  },

  /** Returns a photograph for the screen, before and after. */
  async show({ key, blob, settings, hints }) {
    const { prediction, shown } = await seeing(key, blob);
    const colors = prediction.colors(settings, hints);
    const after = new ImageData(shown.data.slice(), shown.width, shown.height);
    painter(colors, prediction.view, shown, settings.strength)(0, after.data);
    return { before: shown, after, size: prediction.photo };
  },

  async suggest({ key, blob, settings, point }) {
    const { prediction } = await seeing(key, blob);
    return prediction.suggestions(point, settings);
  },

  /** Returns a photograph in color, at its own size, as a file. */
  async save({ key, blob, settings, hints, format }) {
    const { prediction, isOpaque } = await seeing(key, blob);
    if (format === "jpeg" && !isOpaque) {
      throw new Error("it is transparent in places, which JPEG cannot be; choose PNG");
    }
    const colors = prediction.colors(settings, hints);
    const photo = await Photo.open(blob);
    const paint = painter(colors, prediction.view, photo.size, settings.strength);
    function* painted() {
      for (const { top, rgba } of photo.strips()) {
        paint(top, rgba);
        yield rgba;
      }
    }
    const mark = markOf(network.model, settings);
    try {
      if (format === "jpeg") return await encodeJpeg(photo.size, mark, painted());
      return await encodePng(photo.size, isOpaque, mark, painted());
    } finally {
      photo.close();
    }
  },

  forget({ key }) {
    seen.delete(key);
  },
};

// One after the other: the network runs once at a time.
let last = Promise.resolve();
self.addEventListener("message", ({ data: { id, command, given } }) => {
  last = last.then(async () => {
    try {
      self.postMessage({ id, found: await commands[command](given) });
    } catch (error) {
      self.postMessage({ id, problem: error.message });
    }
  });
});
