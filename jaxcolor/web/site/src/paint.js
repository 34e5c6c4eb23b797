// Colors under a photograph's own lightness: jaxcolor/inference/tiles.py.

import { lightness, writeLevels } from "./lab.js";

/** Returns, for each pixel along an axis, its cell, the next one, and the next's share. */
function places(pixels, cellsPerPixel, cells) {
  return Array.from({ length: pixels }, (_, n) => {
    const place = Math.min(Math.max((n + 0.5) * cellsPerPixel - 0.5, 0), cells - 1);
    const first = Math.floor(place);
    return { first, next: Math.min(first + 1, cells - 1), share: place - first };
  });
}

/**
 * Returns a function that paints rows of a photograph.
 *
 * @param colors - of each cell a and b, and perhaps their slopes by lightness.
 * @param view - of the photograph.
 * @param photo - its width and height: the photograph's own, or any other size at which
 *   it is to be painted.
 * @param strength - factor on the chroma.
 */
export function painter(colors, view, photo, strength) {
  const { rows, columns, stride, inner } = view;
  const channels = colors.length / (rows * columns);
  const across = places(photo.width, inner.width / photo.width / stride, columns);
  const down = places(photo.height, inner.height / photo.height / stride, rows);
  const mixed = new Float64Array(channels * columns);

  /** Paints RGBA, in place: rows from one on. */
  return (top, rgba) => {
    const count = rgba.length / (4 * photo.width);
    for (let y = 0; y < count; y++) {
      const { first, next, share } = down[top + y];
      for (let n = 0; n < mixed.length; n++) {
        const above = colors[first * columns * channels + n];
        const below = colors[next * columns * channels + n];
        mixed[n] = above + share * (below - above);
      }
      for (let x = 0; x < photo.width; x++) {
        const at = 4 * (y * photo.width + x);
        const left = across[x].first * channels;
        const right = across[x].next * channels;
        const along = (c) =>
          mixed[left + c] + across[x].share * (mixed[right + c] - mixed[left + c]);
        const own = lightness(rgba[at], rgba[at + 1], rgba[at + 2]);
        let a = along(0);
        let b = along(1);
        if (channels === 4) {
          a += own * along(2);
          b += own * along(3);
        }
        writeLevels(own, strength * a, strength * b, rgba, at);
      }
    }
  };
}
