// Weights between cells that look alike: jaxcolor/color/affinity.py. Maps have no
// padding here, so that every cell is inside.

// Half of the neighbors; the weight towards each is that of the opposite one back.
const DIRECTIONS = [
  [0, 1],
  [1, 0],
  [1, 1],
  [1, -1],
];
const SHORTEST = 1e-6;
const ITERATIONS = 4;

/**
 * Returns orthonormal axes that nearly span the principal subspace, by rows.
 *
 * @param product - symmetric matrix of size x size.
 * @param start - size x count numbers: the axes to begin with, as jaxcolor draws them.
 */
export function principalAxes(product, size, count, start) {
  let trace = 0;
  for (let n = 0; n < size; n++) trace += product[n * size + n];
  const scale = 1 / Math.max(trace, SHORTEST);
  // By rows: each axis is contiguous.
  let axes = new Float64Array(size * count);
  for (let n = 0; n < size; n++) {
    for (let k = 0; k < count; k++) axes[k * size + n] = start[n * count + k];
  }
  for (let turn = 0; turn < ITERATIONS; turn++) {
    const grown = new Float64Array(size * count);
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let j = 0; j < size; j++) sum += product[i * size + j] * axes[k * size + j];
        grown[k * size + i] = sum * scale;
      }
      orthonormalize(grown, k, size);
    }
    axes = grown;
  }
  return axes;
}

/** Makes an axis orthogonal to those before it, twice, and of length 1. */
function orthonormalize(axes, k, size) {
  const axis = axes.subarray(k * size, (k + 1) * size);
  for (let pass = 0; pass < 2; pass++) {
    const along = new Float64Array(k);
    for (let other = 0; other < k; other++) {
      for (let n = 0; n < size; n++) along[other] += axes[other * size + n] * axis[n];
    }
    for (let other = 0; other < k; other++) {
      for (let n = 0; n < size; n++) axis[n] -= along[other] * axes[other * size + n];
    }
  }
  let square = 0;
  for (let n = 0; n < size; n++) square += axis[n] * axis[n];
  const length = Math.sqrt(Math.max(square, SHORTEST ** 4));
  for (let n = 0; n < size; n++) axis[n] /= length;
}

/** Returns principal components of features, as vectors of length 1 for each cell. */
function unit(features, channels, components, start) {
  const cells = features.length / channels;
  const mean = new Float64Array(channels);
  for (let n = 0; n < features.length; n++) mean[n % channels] += features[n];
  for (let c = 0; c < channels; c++) mean[c] /= cells;
  let flat = Float64Array.from(features, (x, n) => x - mean[n % channels]);
  let width = channels;
  if (channels > components) {
    const product = new Float64Array(channels * channels);
    for (let cell = 0; cell < cells; cell++) {
      const at = cell * channels;
      for (let i = 0; i < channels; i++) {
        const x = flat[at + i];
        const row = i * channels;
        for (let j = i; j < channels; j++) product[row + j] += x * flat[at + j];
      }
    }
    for (let i = 0; i < channels; i++) {
      for (let j = 0; j < i; j++) product[i * channels + j] = product[j * channels + i];
    }
    const axes = principalAxes(product, channels, components, start);
    const projected = new Float64Array(cells * components);
    for (let cell = 0; cell < cells; cell++) {
      for (let k = 0; k < components; k++) {
        let sum = 0;
        for (let c = 0; c < channels; c++) {
          sum += flat[cell * channels + c] * axes[k * channels + c];
        }
        projected[cell * components + k] = sum;
      }
    }
    flat = projected;
    width = components;
  }
  for (let at = 0; at < flat.length; at += width) {
    let square = 0;
    for (let k = 0; k < width; k++) square += flat[at + k] ** 2;
    const length = Math.sqrt(Math.max(square, SHORTEST ** 2));
    for (let k = 0; k < width; k++) flat[at + k] /= length;
  }
  return { flat, width };
}

/**
 * Returns the weights between cells.
 *
 * @param features - of each cell, channels last.
 * @param lightness - L* of each cell.
 * @param map - its rows and columns.
 * @param settings - a Diffusion, as model.json has it.
 * @param axes - by the number of components: see `start` of `principalAxes`.
 */
export function neighbors(features, lightness, { rows, columns }, settings, axes) {
  const channels = features.length / lightness.length;
  const { components } = settings;
  const { flat, width } = unit(features, channels, components, axes[components]);
  const steps = settings.distances.map((distance) =>
    DIRECTIONS.map(([down, across]) => {
      const dy = distance * down;
      const dx = distance * across;
      const weights = new Float32Array(rows * columns);
      for (let y = 0; y + dy < rows; y++) {
        const first = Math.max(0, -dx);
        const end = Math.min(columns, columns - dx);
        for (let x = first; x < end; x++) {
          const here = y * columns + x;
          const there = here + dy * columns + dx;
          let cosine = 0;
          for (let k = 0; k < width; k++) {
            cosine += flat[here * width + k] * flat[there * width + k];
          }
          const contrast = (lightness[here] - lightness[there]) / settings.deviation;
          weights[here] =
            settings.weight *
            Math.exp(settings.sharpness * (cosine - 1) - contrast ** 2 / 2);
        }
      }
      return { weights, offset: dy * columns + dx };
    }),
  );
  return { steps, cells: rows * columns };
}

/**
 * Returns each cell's mean of itself, of weight 1, and its neighbors at one distance.
 *
 * @param spread - values of each cell, channels last.
 * @param graph - of the cells.
 * @param step - of the graph.
 * @param coherence - factor on the weights of neighbors.
 * @param leak - weight of 0 beside them.
 */
export function averaged(spread, graph, step, coherence, leak) {
  const channels = spread.length / graph.cells;
  const total = Float64Array.from(spread);
  const whole = new Float64Array(graph.cells).fill(1 + leak);
  for (const { weights, offset } of step) {
    for (let here = 0; here < graph.cells; here++) {
      const weight = coherence * weights[here];
      if (weight === 0) continue;
      const there = here + offset;
      whole[here] += weight;
      whole[there] += weight;
      for (let c = 0; c < channels; c++) {
        total[here * channels + c] += weight * spread[there * channels + c];
        total[there * channels + c] += weight * spread[here * channels + c];
      }
    }
  }
  return Float32Array.from(total, (x, n) => x / whole[Math.floor(n / channels)]);
}
