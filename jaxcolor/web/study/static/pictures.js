// Pictures, decoded before they are needed.

import { picture } from "./requests.js";

// Downloads at once.
const LANES = 4;

/**
 * Returns the decoded pictures of trials, by token.
 *
 * onProgress is called with how many there are, and of how many.
 */
export async function load(trials, onProgress) {
  const tokens = trials.flatMap((trial) => [trial.first, trial.second]);
  const waiting = [...tokens];
  const loaded = new Map();
  const decode = decoder();
  const lane = async () => {
    for (let token = waiting.shift(); token; token = waiting.shift()) {
      loaded.set(token, await decode(await picture(token)));
      onProgress(loaded.size, tokens.length);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return loaded;
}

/** Frees the memory of pictures that are not needed any more. */
export function release(pictures, trial) {
  for (const token of [trial.first, trial.second]) {
    pictures.get(token)?.close();
    pictures.delete(token);
  }
}

function decoder() {
  const scratch = document.createElement("canvas").getContext("2d");
  return async (blob) => {
    const bitmap = await createImageBitmap(blob);
    // A browser may decode as late as the first drawing.
    scratch.drawImage(bitmap, 0, 0, 1, 1);
    return bitmap;
  };
}
