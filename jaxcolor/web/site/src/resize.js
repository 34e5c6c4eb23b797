// Pillow's bicubic reduction, bit for bit: the network is to see here what it sees in
// jaxcolor. Source: Pillow, src/libImaging/Resample.c.

const SUPPORT = 2;
const SHARPNESS = -0.5;
const PRECISION = 32 - 8 - 2;

function bicubic(x) {
  const a = SHARPNESS;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** Returns, for each new pixel along an axis, where its window begins and its weights. */
export function windows(before, after) {
  const scale = before / after;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  return Array.from({ length: after }, (_, n) => {
    const center = (n + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), before);
    const weights = new Float64Array(end - first);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) {
      weights[i] = bicubic((i + first - center + 0.5) / filterScale);
      sum += weights[i];
    }
    return {
      first,
      weights: Int32Array.from(weights, (w) => {
        const share = (w / sum) * 2 ** PRECISION;
        return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
      }),
    };
  });
}

function rounded(sum) {
  return Math.min(Math.max(sum >> PRECISION, 0), 255);
}

/**
 * Reduces a photograph that arrives in strips of rows.
 *
 * Only the rows of one strip exist at full width at a time, so that photographs of any
 * size fit into the memory of a phone.
 */
export class Reduction {
  /**
   * @param before - width and height of the photograph.
   * @param after - width and height wanted.
   */
  constructor(before, after) {
    this.before = before;
    this.after = after;
    this.across = before.width === after.width ? null : windows(before.width, after.width);
    this.narrow = new Uint8Array(3 * after.width * before.height);
  }

  /** Takes rows of RGBA, from a row on. */
  add(top, rgba) {
    const { narrow, across } = this;
    const old = this.before.width;
    const width = this.after.width;
    const rows = rgba.length / (4 * old);
    for (let y = 0; y < rows; y++) {
      const from = 4 * y * old;
      let to = 3 * (top + y) * width;
      for (let x = 0; x < width; x++, to += 3) {
        if (across === null) {
          for (let c = 0; c < 3; c++) narrow[to + c] = rgba[from + 4 * x + c];
          continue;
        }
        const { first, weights } = across[x];
        let red = 1 << (PRECISION - 1);
        let green = red;
        let blue = red;
        for (let n = 0, at = from + 4 * first; n < weights.length; n++, at += 4) {
          const weight = weights[n];
          red += rgba[at] * weight;
          green += rgba[at + 1] * weight;
          blue += rgba[at + 2] * weight;
        }
        narrow[to] = rounded(red);
        narrow[to + 1] = rounded(green);
        narrow[to + 2] = rounded(blue);
      }
    }
  }

  /** Returns the RGB of the size wanted, once all rows have been added. */
  finish() {
    if (this.before.height === this.after.height) return this.narrow;
    const row = 3 * this.after.width;
    const reduced = new Uint8Array(row * this.after.height);
    const down = windows(this.before.height, this.after.height);
    const sums = new Int32Array(row);
    down.forEach(({ first, weights }, y) => {
      sums.fill(1 << (PRECISION - 1));
      weights.forEach((weight, n) => {
        const from = (first + n) * row;
        for (let i = 0; i < row; i++) sums[i] += this.narrow[from + i] * weight;
      });
      for (let i = 0; i < row; i++) reduced[y * row + i] = rounded(sums[i]);
    });
    return reduced;
  }
}
