// sRGB to CIELAB and back: the JavaScript form of jaxcolor/color/cielab.py and
// compose.py. D65, 2 degrees; constants of scikit-image.

const XYZ_FROM_RGB = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
];
const WHITE = [0.95047, 1, 1.08883];
const SRGB_KNEE = 0.04045;
// CIE 15:2004, section 8.2.1.
const LAB_KNEE = 0.008856;
const LAB_SLOPE = 7.787;
const LAB_OFFSET = 16 / 116;
// See cielab.clip_chroma.
const GAMUT_TOLERANCE = 1e-5;
const CHROMA_STEPS = 16;
const CHROMA_HALVINGS = 8;

const SCALED = XYZ_FROM_RGB.map((row, n) => row.map((x) => x / WHITE[n]));
const RGB_SCALE = inverse(SCALED);

// Linear light of the 256 levels of sRGB.
export const LINEAR = Float64Array.from({ length: 256 }, (_, n) => linear(n / 255));

// Where the linear light of a channel rounds to a higher level: a table and a few
// comparisons are many times faster than a power for each channel of each pixel.
const THRESHOLDS = Float64Array.from({ length: 257 }, (_, n) =>
  n === 0 ? -Infinity : n === 256 ? Infinity : linear((n - 0.5) / 255),
);
const GUESSES = 4096;
const GUESS = new Uint8Array(GUESSES + 1);
for (let n = 0, level = 0; n <= GUESSES; n++) {
  while (n / GUESSES >= THRESHOLDS[level + 1]) level++;
  GUESS[n] = level;
}

function linear(srgb) {
  return srgb > SRGB_KNEE ? ((srgb + 0.055) / 1.055) ** 2.4 : srgb / 12.92;
}

function levelOf(light) {
  if (!(light > 0)) return 0;
  if (light >= 1) return 255;
  let level = GUESS[Math.floor(light * GUESSES)];
  while (light >= THRESHOLDS[level + 1]) level++;
  return level;
}

function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  const det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((x) => x / det));
}

function forward(x) {
  return x > LAB_KNEE ? Math.cbrt(x) : LAB_SLOPE * x + LAB_OFFSET;
}

const KNEE = LAB_SLOPE * LAB_KNEE + LAB_OFFSET;

function backward(f) {
  return f > KNEE ? f * f * f : (f - LAB_OFFSET) / LAB_SLOPE;
}

/** Returns L* of levels of sRGB. */
export function lightness(red, green, blue) {
  const [r, g, b] = SCALED[1];
  return 116 * forward(r * LINEAR[red] + g * LINEAR[green] + b * LINEAR[blue]) - 16;
}

/** Returns L*, a* and b* of levels of sRGB. */
export function labOfLevels(red, green, blue) {
  const light = [LINEAR[red], LINEAR[green], LINEAR[blue]];
  const [x, y, z] = SCALED.map((row) =>
    forward(row[0] * light[0] + row[1] * light[1] + row[2] * light[2]),
  );
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/**
 * Writes the levels of a color to an array, at a place.
 *
 * A color outside sRGB loses chroma until it is inside; its lightness and hue stay.
 */
export function writeLevels(lightness, a, b, levels, place) {
  const fy = (Math.min(Math.max(lightness, 0), 100) + 16) / 116;
  const y = backward(fy);
  let factor = 1;
  if (!isInside(fy, y, a, b, 1)) {
    factor = 0;
    // The largest chroma that is inside, looked for among sixteen and then halved:
    // bright yellows leave the gamut, come back and leave again.
    for (let n = CHROMA_STEPS - 1; n > 0; n--) {
      if (isInside(fy, y, a, b, n / CHROMA_STEPS)) {
        factor = n / CHROMA_STEPS;
        break;
      }
    }
    for (let n = 0, step = 0.5 / CHROMA_STEPS; n < CHROMA_HALVINGS; n++, step /= 2) {
      if (isInside(fy, y, a, b, factor + step)) factor += step;
    }
  }
  const x = backward(fy + factor * (a / 500));
  const z = backward(fy - factor * (b / 200));
  for (let n = 0; n < 3; n++) {
    const row = RGB_SCALE[n];
    levels[place + n] = levelOf(row[0] * x + row[1] * y + row[2] * z);
  }
}

function isInside(fy, y, a, b, factor) {
  const x = backward(fy + factor * (a / 500));
  const z = backward(fy - factor * (b / 200));
  for (let n = 0; n < 3; n++) {
    const row = RGB_SCALE[n];
    const light = row[0] * x + row[1] * y + row[2] * z;
    if (Math.abs(light - 0.5) > 0.5 + GAMUT_TOLERANCE) return false;
  }
  return true;
}
