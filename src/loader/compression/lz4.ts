// LZ4 legacy frames (LZ4 Frame Format, appendix): the magic number, then blocks behind their packed size. A
// block is a row of sequences: a token of two lengths, literals, and a match that reaches back up to 64 KiB
// inside the block.

import { ByteReader } from "../../support/bytes.js";
import { invalid } from "../image.js";

const MAGIC = 0x184c2102;
const MATCH_MIN = 4;
/** A length of 15 goes on in further bytes, the last of which is below 255. */
const LENGTH_MORE = 15;

/** Unpacks one block to output[from]; returns where it ended. */
function unpackBlock(input: Uint8Array, output: Uint8Array, from: number): number {
  let at = 0;
  let position = from;
  const length = (nibble: number): number => {
    let value = nibble;
    if (nibble === LENGTH_MORE) {
      let byte = 255;
      while (byte === 255) {
        if (at >= input.length) invalid("an LZ4 block ends in the middle of a length");
        byte = input[at++];
        value += byte;
      }
    }
    return value;
  };
  while (at < input.length) {
    const token = input[at++];
    const literals = length(token >> 4);
    if (literals > input.length - at) invalid("an LZ4 block ends in the middle of its literals");
    if (literals > output.length - position) invalid("LZ4 data are longer than announced");
    output.set(input.subarray(at, at + literals), position);
    at += literals;
    position += literals;
    // The last sequence has no match.
    if (at === input.length) break;
    if (at + 2 > input.length) invalid("an LZ4 block ends in the middle of a match");
    const distance = input[at] | (input[at + 1] << 8);
    at += 2;
    const count = length(token & 15) + MATCH_MIN;
    if (distance === 0 || distance > position - from) invalid("LZ4 data reach back behind their beginning");
    if (count > output.length - position) invalid("LZ4 data are longer than announced");
    for (const end = position + count; position < end; position++) output[position] = output[position - distance];
  }
  return position;
}

/** Unpacks legacy frames that come to `size` bytes; what follows them is not looked at. */
export function unpackLz4(bytes: Uint8Array, size: number): Uint8Array {
  const file = new ByteReader(bytes, invalid);
  const output = new Uint8Array(size);
  let at = 0;
  let position = 0;
  while (position < size) {
    const packed = file.u32(at, "the size of an LZ4 block");
    at += 4;
    // A frame may follow a frame.
    if (packed === MAGIC) continue;
    position = unpackBlock(file.slice(at, packed, "an LZ4 block"), output, position);
    at += packed;
  }
  return output;
}
