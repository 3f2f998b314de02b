// CRC-32 as ISO 3309, zlib, XZ and GPT use it: reflected polynomial EDB88320h, all ones at both ends.
// Four tables take four bytes per step.

const POLYNOMIAL = 0xedb8_8320;

/** Table n gives the effect of a byte that n more zero bytes follow. */
function tables(): readonly Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    first[byte] = value;
  }
  const all = [first];
  for (let n = 1; n < 4; n++) all.push(all[n - 1].map((value) => (value >>> 8) ^ first[value & 0xff]));
  return all;
}

const [T0, T1, T2, T3] = tables();

export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc = T3[crc & 0xff] ^ T2[(crc >>> 8) & 0xff] ^ T1[(crc >>> 16) & 0xff] ^ T0[crc >>> 24];
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
