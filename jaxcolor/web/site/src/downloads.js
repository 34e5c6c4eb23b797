// Files to download: a photograph, or all of them in an archive.

import { byId, complain, element, forgive, say } from "./page.js";
import { distinct, zipped } from "./zip.js";

const SUFFIXES = { png: ".png", jpeg: ".jpg" };
// Long enough for any browser to have taken the content.
const KEPT_MS = 60_000;

/** Hands a file to the browser's downloads. */
function handOut(name, content) {
  const href = URL.createObjectURL(content);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), KEPT_MS);
}

function named(file, format) {
  return `${file.name.replace(/\.[^.]*$/s, "") || "photograph"}-colorized${SUFFIXES[format]}`;
}

/** The buttons, which are off while files are being made. */
export class Downloads {
  /**
   * @param shown - returns the photograph that is shown.
   * @param all - returns all photographs.
   * @param painted - returns a photograph in color, as a Blob in a format.
   */
  constructor(shown, all, painted) {
    this.painted = painted;
    const make = (work) => async () => {
      forgive();
      this.enable(false);
      try {
        await work(byId("format").value);
      } finally {
        this.enable(true);
      }
    };
    byId("download").addEventListener("click", make((format) => this.one(shown(), format)));
    byId("download-all").addEventListener("click", make((format) => this.all(all(), format)));
  }

  enable(isOn) {
    byId("download").disabled = !isOn;
    byId("download-all").disabled = !isOn;
  }

  async one(photograph, format) {
    const name = named(photograph.file, format);
    say(`Writing ${name} …`);
    try {
      handOut(name, await this.painted(photograph, format));
      say(`${name} is written.`);
    } catch (error) {
      say("");
      complain(`${photograph.file.name}: ${error.message}`);
    }
  }

  async all(photographs, format) {
    const names = distinct(photographs.map(({ file }) => named(file, format)));
    const files = [];
    for (const [n, photograph] of photographs.entries()) {
      say(`Writing ${n + 1} of ${photographs.length}: ${names[n]} …`);
      try {
        files.push({ name: names[n], content: await this.painted(photograph, format) });
      } catch (error) {
        // One that fails does not end it for the others.
        complain(`${photograph.file.name}: ${error.message}`);
      }
    }
    try {
      if (files.length) handOut("colorized.zip", await zipped(files));
      say(`${files.length} of ${photographs.length} photographs are in colorized.zip.`);
    } catch (error) {
      say("");
      complain(`colorized.zip: ${error.message}`);
    }
  }
}
