// Distributions over the bins of the ab plane: jaxcolor/color/rebalance.py, decode.py
// and encode.py.

// Bins within this distance are shades of one color: suggestions.RADIUS.
const SUGGESTION_RADIUS = 15;

/** Returns the weight of each bin; see rebalance.class_weights. */
export function classWeights(prior, lambda) {
  const filled = prior.reduce((count, p) => count + (p > 0), 0);
  const inverse = Float64Array.from(prior, (p) =>
    p > 0 ? 1 / ((1 - lambda) * p + lambda / filled) : 0,
  );
  const largest = inverse.reduce((most, x) => Math.max(most, x), 0);
  let mean = 0;
  prior.forEach((p, n) => {
    if (!(p > 0)) inverse[n] = largest;
    mean += p * inverse[n];
  });
  return inverse.map((x) => x / mean);
}

/** Returns logits moved from the training's lambda to another; see decode.reweight. */
export function moved(logits, model, lambda) {
  if (model.prior === null || lambda === null) return logits;
  const from = classWeights(model.prior, model.training_lambda);
  const to = classWeights(model.prior, lambda);
  const change = to.map((x, n) => Math.log(x) - Math.log(from[n]));
  const bins = change.length;
  return logits.map((x, n) => x + change[n % bins]);
}

/** Returns ab of each cell: the annealed mean of its distribution. */
export function annealedMean(logits, centers, temperature) {
  const bins = centers.length;
  const ab = new Float32Array((2 * logits.length) / bins);
  for (let start = 0, at = 0; start < logits.length; start += bins, at += 2) {
    let largest = -Infinity;
    for (let n = 0; n < bins; n++) largest = Math.max(largest, logits[start + n]);
    let sum = 0;
    let a = 0;
    let b = 0;
    for (let n = 0; n < bins; n++) {
      const share = Math.exp((logits[start + n] - largest) / temperature);
      sum += share;
      a += share * centers[n][0];
      b += share * centers[n][1];
    }
    ab[at] = a / sum;
    ab[at + 1] = b / sum;
  }
  return ab;
}

/** Returns probabilities of the bins of each cell. */
export function softmax(logits, bins) {
  const shares = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += bins) {
    let largest = -Infinity;
    for (let n = 0; n < bins; n++) largest = Math.max(largest, logits[start + n]);
    let sum = 0;
    for (let n = 0; n < bins; n++) {
      shares[start + n] = Math.exp(logits[start + n] - largest);
      sum += shares[start + n];
    }
    for (let n = 0; n < bins; n++) shares[start + n] /= sum;
  }
  return shares;
}

/** Returns a color as a distribution over the bins; see encode.soft_encode. */
export function softCode(a, b, model) {
  const near = model.centers
    .map(([x, y], bin) => ({ bin, square: (x - a) ** 2 + (y - b) ** 2 }))
    .sort((one, other) => one.square - other.square || one.bin - other.bin)
    .slice(0, model.neighbors);
  const weights = near.map(({ square }) =>
    Math.exp((near[0].square - square) / (2 * model.sigma ** 2)),
  );
  const sum = weights.reduce((total, w) => total + w, 0);
  const code = new Float32Array(model.centers.length);
  near.forEach(({ bin }, n) => {
    code[bin] = weights[n] / sum;
  });
  return code;
}

/** Returns distinct likely colors of a cell, the likeliest first; see decode.modes. */
export function modes(logits, centers, temperature, count) {
  const left = softmax(
    logits.map((x) => x / temperature),
    centers.length,
  );
  const found = [];
  for (let n = 0; n < count; n++) {
    const likeliest = left.indexOf(left.reduce((most, x) => Math.max(most, x), 0));
    let share = 0;
    let a = 0;
    let b = 0;
    centers.forEach(([x, y], bin) => {
      const [u, v] = centers[likeliest];
      if ((x - u) ** 2 + (y - v) ** 2 > SUGGESTION_RADIUS ** 2) return;
      share += left[bin];
      a += left[bin] * x;
      b += left[bin] * y;
      left[bin] = 0;
    });
    if (share > 0) found.push({ a: a / share, b: b / share, share });
  }
  return found.sort((one, other) => other.share - one.share);
}
