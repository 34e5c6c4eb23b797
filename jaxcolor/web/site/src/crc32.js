// The checksum of PNG and ZIP: ISO 3309.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

/** Returns the CRC-32 of bytes. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (let n = 0; n < bytes.length; n++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[n]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}
