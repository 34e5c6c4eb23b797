// One object, one color: jaxcolor/color/coherence.py. Maps have no padding here.

import { averaged } from "./affinity.js";

/** Returns ab averaged over cells that have like features and lightness. */
export function diffused(ab, graph, coherence) {
  let spread = ab;
  for (const step of graph.steps) {
    spread = averaged(spread, graph, step, coherence, 0);
  }
  return spread;
}

/** Returns sums over square windows; outside is zero. */
function boxed(values, { rows, columns }, radius) {
  const along = (from, length, stride, lines, between) => {
    const sums = new Float64Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let n = 0; n < length; n++) {
        const first = Math.max(0, n - radius);
        const end = Math.min(length - 1, n + radius);
        let sum = 0;
        for (let m = first; m <= end; m++) sum += from[line * between + m * stride];
        sums[line * between + n * stride] = sum;
      }
    }
    return sums;
  };
  const down = along(values, rows, columns, columns, 1);
  return along(down, columns, 1, rows, columns);
}

/**
 * Returns ab as functions of lightness: of each cell a and b at L* 0, then their slopes.
 *
 * @param ab - CIELAB units.
 * @param lightness - L*, the mean of each cell.
 * @param map - its rows and columns.
 * @param share - weight of the part that follows lightness.
 * @param settings - radius and epsilon, as model.json has them.
 */
export function guided(ab, lightness, map, share, { radius, epsilon }) {
  const guide = Float64Array.from(lightness, (l) => l / 100 - 0.5);
  const pixels = boxed(new Float64Array(guide.length).fill(1), map, radius);
  const mean = (values) => boxed(values, map, radius).map((sum, n) => sum / pixels[n]);
  const meanGuide = mean(guide);
  const squares = mean(guide.map((g) => g * g));
  const functions = new Float32Array(4 * guide.length);
  for (let c = 0; c < 2; c++) {
    const own = guide.map((_, n) => ab[2 * n + c]);
    const meanAb = mean(own);
    const products = mean(guide.map((g, n) => g * own[n]));
    const slopes = guide.map((_, n) => {
      const variance = Math.max(squares[n] - meanGuide[n] ** 2, 0);
      return (products[n] - meanGuide[n] * meanAb[n]) / (variance + epsilon);
    });
    const offset = mean(meanAb.map((x, n) => x - slopes[n] * meanGuide[n]));
    const slope = mean(slopes);
    for (let n = 0; n < guide.length; n++) {
      functions[4 * n + c] = (1 - share) * own[n] + share * (offset[n] - 0.5 * slope[n]);
      functions[4 * n + 2 + c] = (share * slope[n]) / 100;
    }
  }
  return functions;
}
