// Writes JPEG by the browser, and the mark into it.

const QUALITY = 0.95;
const SOI_BYTES = 2;
const APP0 = 0xe0;
const APP1 = 0xe1;
const XMP_NAME = "http://ns.adobe.com/xap/1.0/\0";

/** Returns the content of a JPEG with a packet of XMP. Source: ISO 16684-3. */
export function withXmp(jpeg, xmp) {
  const packet = new TextEncoder().encode(XMP_NAME + xmp);
  const segment = new Uint8Array(4 + packet.length);
  segment.set([0xff, APP1]);
  new DataView(segment.buffer).setUint16(2, 2 + packet.length);
  segment.set(packet, 4);
  let place = SOI_BYTES;
  // JFIF wants its own segment to be the first.
  if (jpeg[place + 1] === APP0) {
    place += 2 + new DataView(jpeg.buffer, jpeg.byteOffset).getUint16(place + 2);
  }
  return [jpeg.subarray(0, place), segment, jpeg.subarray(place)];
}

/** Returns a JPEG as a Blob; the arguments are those of `encodePng`. */
export async function encodeJpeg({ width, height }, xmp, strips) {
  const tooLarge = new Error("too large for JPEG in this browser; choose PNG");
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  if (context === null) throw tooLarge;
  let top = 0;
  for (const rgba of strips) {
    const rows = rgba.length / (4 * width);
    context.putImageData(new ImageData(rgba, width, rows), 0, top);
    top += rows;
  }
  const options = { type: "image/jpeg", quality: QUALITY };
  const blob = await canvas.convertToBlob(options).catch(() => {
    throw tooLarge;
  });
  const jpeg = new Uint8Array(await blob.arrayBuffer());
  return new Blob(withXmp(jpeg, xmp), { type: "image/jpeg" });
}
