// Writes ZIP archives whose files are stored as they are: pictures are compressed
// already. Source: PKWARE, APPNOTE 6.3.10.

import { crc32 } from "./crc32.js";

const LARGEST = 2 ** 32 - 1;
const MOST_FILES = 2 ** 16 - 1;
const VERSION = 20;
// Names are UTF-8.
const FLAGS = 1 << 11;
// 1 January 1980: the format's earliest date, where none is told.
const DATE = (1 << 5) | 1;

function record(length, numbers) {
  const view = new DataView(new ArrayBuffer(length));
  for (const [place, bytes, value] of numbers) {
    if (bytes === 2) view.setUint16(place, value, true);
    else view.setUint32(place, value, true);
  }
  return new Uint8Array(view.buffer);
}

/** Returns names of which none is there twice: a, a-2, a-3. */
export function distinct(names) {
  const taken = new Set();
  return names.map((name) => {
    const [, stem, suffix] = name.match(/^(.*?)(\.[^.]*)?$/s);
    let found = name;
    for (let n = 2; taken.has(found.toLowerCase()); n++) {
      found = `${stem}-${n}${suffix ?? ""}`;
    }
    taken.add(found.toLowerCase());
    return found;
  });
}

/**
 * Returns a ZIP archive as a Blob.
 *
 * @param files - names, and contents as Blobs.
 */
export async function zipped(files) {
  if (files.length > MOST_FILES) throw new Error(`more than ${MOST_FILES} files`);
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, content } of files) {
    const bytes = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await content.arrayBuffer()));
    const common = (at) => [
      [at, 2, VERSION],
      [at + 2, 2, FLAGS],
      [at + 8, 2, DATE],
      [at + 10, 4, crc],
      [at + 14, 4, content.size],
      [at + 18, 4, content.size],
      [at + 22, 2, bytes.length],
    ];
    parts.push(record(30, [[0, 4, 0x04034b50], ...common(4)]), bytes, content);
    const entry = [[0, 4, 0x02014b50], [4, 2, VERSION], ...common(6), [42, 4, offset]];
    directory.push(record(46, entry), bytes);
    offset += 30 + bytes.length + content.size;
    if (offset > LARGEST) throw new Error("more than 4 GB; download fewer at once");
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(22, [
    [0, 4, 0x06054b50],
    [8, 2, files.length],
    [10, 2, files.length],
    [12, 4, length],
    [16, 4, offset],
  ]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
