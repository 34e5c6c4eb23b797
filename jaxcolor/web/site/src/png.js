// Writes PNG, row by row: a canvas of the whole photograph may be larger than a phone
// allows, and would leave out the mark. Source: PNG specification, third edition.

import { crc32 } from "./crc32.js";

const SIGNATURE = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
const RGB = 2;
const RGB_AND_ALPHA = 6;
const PAETH = 4;

function chunk(name, content) {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

function header({ width, height }, isOpaque) {
  const bytes = new Uint8Array(13);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  bytes.set([8, isOpaque ? RGB : RGB_AND_ALPHA, 0, 0, 0], 8);
  return chunk("IHDR", bytes);
}

function predicted(left, up, corner) {
  const guess = left + up - corner;
  const byLeft = Math.abs(guess - left);
  const byUp = Math.abs(guess - up);
  const byCorner = Math.abs(guess - corner);
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

/** Returns rows as differences from their neighbors, each after its filter's number. */
function filtered(rgba, width, isOpaque, above) {
  const channels = isOpaque ? 3 : 4;
  const length = channels * width;
  const rows = rgba.length / (4 * width);
  const result = new Uint8Array(rows * (length + 1));
  for (let y = 0; y < rows; y++) {
    const to = y * (length + 1);
    const row = new Uint8Array(length);
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        row[x * channels + c] = rgba[4 * (y * width + x) + c];
      }
    }
    result[to] = PAETH;
    for (let n = 0; n < length; n++) {
      const left = n < channels ? 0 : row[n - channels];
      const corner = n < channels ? 0 : above[n - channels];
      result[to + 1 + n] = row[n] - predicted(left, above[n], corner);
    }
    above.set(row);
  }
  return result;
}

/**
 * Returns a PNG as a Blob.
 *
 * @param size - width and height.
 * @param isOpaque - whether to leave out alpha.
 * @param xmp - a packet of XMP.
 * @param strips - yields RGBA of rows, from the top.
 */
export async function encodePng(size, isOpaque, xmp, strips) {
  const packing = new CompressionStream("deflate");
  const packed = new Response(packing.readable).arrayBuffer();
  const writer = packing.writable.getWriter();
  const above = new Uint8Array((isOpaque ? 3 : 4) * size.width);
  for (const rgba of strips) {
    await writer.write(filtered(rgba, size.width, isOpaque, above));
  }
  await writer.close();
  // The keyword, no compression, and neither language nor translation.
  const text = `XML:com.adobe.xmp\0\0\0\0\0${xmp}`;
  const parts = [
    SIGNATURE,
    header(size, isOpaque),
    // Perceptual intent.
    chunk("sRGB", new Uint8Array([0])),
    chunk("iTXt", new TextEncoder().encode(text)),
    chunk("IDAT", new Uint8Array(await packed)),
    chunk("IEND", new Uint8Array()),
  ];
  return new Blob(parts, { type: "image/png" });
}
