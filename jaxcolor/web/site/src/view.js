// A photograph as the network sees it: jaxcolor/inference/tiles.py.

import { lightness } from "./lab.js";

// Both sides of the view are multiples of this, as in tiles.PADDING.
const PADDING = 32;

function roundedToEven(x) {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 ? floor + 1 : floor;
}

function greatestDivisor(a, b) {
  return b ? greatestDivisor(b, a % b) : a;
}

/** Returns width and height of a photograph's view, without padding. */
export function viewSize({ width, height }, size) {
  const scale = size / Math.max(width, height);
  return {
    width: Math.max(1, roundedToEven(width * scale)),
    height: Math.max(1, roundedToEven(height * scale)),
  };
}

function mirrored(place, size) {
  const turn = place % (2 * size);
  return turn < size ? turn : 2 * size - 1 - turn;
}

/**
 * Returns the view of a photograph.
 *
 * @param rgb - the photograph at its `viewSize`.
 * @param size - width and height of that.
 * @param model - as model.json has it.
 * @returns lightness, padded by reflection; sizes with and without padding, in pixels;
 *   rows and columns of the map's cells that are no padding; and cell means.
 */
export function viewOf(rgb, size, model) {
  const multiple =
    (PADDING * model.input_multiple) / greatestDivisor(PADDING, model.input_multiple);
  const width = Math.ceil(size.width / multiple) * multiple;
  const height = Math.ceil(size.height / multiple) * multiple;
  const seen = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = mirrored(y, size.height) * size.width;
    for (let x = 0; x < width; x++) {
      const at = 3 * (row + mirrored(x, size.width));
      seen[y * width + x] = lightness(rgb[at], rgb[at + 1], rgb[at + 2]);
    }
  }
  const stride = model.output_stride;
  const rows = Math.ceil(size.height / stride);
  const columns = Math.ceil(size.width / stride);
  return {
    lightness: seen,
    width,
    height,
    inner: size,
    stride,
    rows,
    columns,
    cells: cellMeans(seen, width, stride, rows, columns),
  };
}

function cellMeans(seen, width, stride, rows, columns) {
  const means = new Float32Array(rows * columns);
  for (let y = 0; y < rows * stride; y++) {
    for (let x = 0; x < columns * stride; x++) {
      const cell = Math.floor(y / stride) * columns + Math.floor(x / stride);
      means[cell] += seen[y * width + x];
    }
  }
  return means.map((sum) => sum / stride ** 2);
}

/** Returns the row and column of a view that show a pixel of its photograph. */
export function pixelSeen({ x, y }, photo, view) {
  const row = Math.floor(((y + 0.5) * view.inner.height) / photo.height);
  const column = Math.floor(((x + 0.5) * view.inner.width) / photo.width);
  return {
    row: Math.min(row, view.inner.height - 1),
    column: Math.min(column, view.inner.width - 1),
  };
}

/** Returns the index, among cells without padding, of the cell of a pixel. */
export function cellSeen(point, photo, view) {
  const { row, column } = pixelSeen(point, photo, view);
  const down = Math.min(Math.floor(row / view.stride), view.rows - 1);
  const across = Math.min(Math.floor(column / view.stride), view.columns - 1);
  return down * view.columns + across;
}

/** Returns the values of a map of the network that are no padding. */
export function withoutPadding(map, channels, view) {
  const wide = view.width / view.stride;
  const kept = new Float32Array(view.rows * view.columns * channels);
  for (let y = 0; y < view.rows; y++) {
    const from = y * wide * channels;
    const row = map.subarray(from, from + view.columns * channels);
    kept.set(row, y * view.columns * channels);
  }
  return kept;
}
