// Colors set by hand, as evidence: jaxcolor/color/hint_diffusion.py. Maps have no
// padding here.

import { averaged, neighbors } from "./affinity.js";
import { softmax } from "./bins.js";

/**
 * Returns how much each hint counts in each cell.
 *
 * @param logits - of the bins, of each cell.
 * @param lightness - L*, the mean of each cell.
 * @param map - its rows and columns.
 * @param cells - the index of the cell of each hint.
 * @param model - as model.json has it.
 */
export function shares(logits, lightness, map, cells, model) {
  const { between, sweeps, leak, half } = model.spreading;
  const roots = softmax(logits, model.centers.length).map(Math.sqrt);
  const graph = neighbors(roots, lightness, map, between, model.axes);
  const count = cells.length;
  const fixed = new Float32Array(lightness.length * count);
  const hinted = new Map();
  for (const cell of cells) hinted.set(cell, (hinted.get(cell) ?? 0) + 1);
  // Several hints of one cell share it.
  cells.forEach((cell, n) => {
    fixed[cell * count + n] = 1 / hinted.get(cell);
  });
  let amounts = fixed;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const step of graph.steps) {
      amounts = averaged(amounts, graph, step, 1, leak);
      for (const cell of hinted.keys()) {
        const at = cell * count;
        amounts.set(fixed.subarray(at, at + count), at);
      }
    }
  }
  for (let cell = 0; cell < lightness.length; cell++) {
    if (hinted.has(cell)) continue;
    let total = half;
    for (let n = 0; n < count; n++) total += amounts[cell * count + n];
    for (let n = 0; n < count; n++) amounts[cell * count + n] /= total;
  }
  return amounts;
}

/** Returns the sum of the hints' shares of each cell. */
export function wholeShare(shares, count) {
  return Float32Array.from({ length: shares.length / count }, (_, cell) => {
    let sum = 0;
    for (let n = 0; n < count; n++) sum += shares[cell * count + n];
    return sum;
  });
}

/** Returns logits of the mean of the network's distribution and those of hints. */
export function mixed(logits, shares, codes) {
  const bins = codes[0].length;
  const count = codes.length;
  const whole = wholeShare(shares, count);
  const own = softmax(logits, bins);
  return logits.map((logit, at) => {
    const cell = Math.floor(at / bins);
    if (!(whole[cell] > 0)) return logit;
    let share = Math.max(1 - whole[cell], 0) * own[at];
    for (let n = 0; n < count; n++) share += shares[cell * count + n] * codes[n][at % bins];
    return Math.log(share);
  });
}
