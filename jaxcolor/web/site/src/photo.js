// Photographs as the browser decodes them: upright and in sRGB. No canvas is larger than
// a strip of rows: phones limit the size of a canvas far below that of a photograph.

const STRIP_PIXELS = 2 ** 20;

function drawing(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** A decoded photograph; to be closed, as it takes four bytes for each pixel. */
export class Photo {
  /** Decodes the content of a file. */
  static async open(blob) {
    try {
      return new Photo(await createImageBitmap(blob));
    } catch {
      throw new Error("this browser cannot read it; convert it to JPEG or PNG");
    }
  }

  constructor(bitmap) {
    this.bitmap = bitmap;
    this.size = { width: bitmap.width, height: bitmap.height };
  }

  /** Yields strips of rows: the first row, and RGBA of all its pixels. */
  *strips() {
    const { width, height } = this.size;
    const most = Math.max(1, Math.min(height, Math.floor(STRIP_PIXELS / width)));
    const context = drawing(width, most);
    for (let top = 0; top < height; top += most) {
      const rows = Math.min(most, height - top);
      context.clearRect(0, 0, width, most);
      context.drawImage(this.bitmap, 0, -top);
      yield { top, rows, rgba: context.getImageData(0, 0, width, rows).data };
    }
  }

  /** Returns the photograph reduced for a screen, as ImageData. */
  async reduced(longest) {
    const scale = Math.min(1, longest / Math.max(this.size.width, this.size.height));
    const width = Math.max(1, Math.round(this.size.width * scale));
    const height = Math.max(1, Math.round(this.size.height * scale));
    const small = await createImageBitmap(this.bitmap, {
      resizeWidth: width,
      resizeHeight: height,
      resizeQuality: "high",
    });
    const context = drawing(width, height);
    context.drawImage(small, 0, 0);
    small.close();
    return context.getImageData(0, 0, width, height);
  }

  close() {
    this.bitmap.close();
  }
}
