// The .xz container (The .xz File Format 1.1.0): a stream header, blocks that each name their filters, an
// index and a footer. Read is what kernels are packed with: LZMA2, with or without the x86 branch filter,
// checked by CRC-32 or not at all. The index repeats what the blocks say and is not needed.

import { alignUp, ByteReader } from "../../support/bytes.js";
import { crc32 } from "../../support/checksum.js";
import { invalid, unsupported } from "../image.js";
import { unfilterX86 } from "./bcj.js";
import { decodeLzma2 } from "./lzma2.js";

const HEADER_SIZE = 12;
const CHECK_NONE = 0;
const CHECK_CRC32 = 1;
const FILTER_X86 = 0x04;
const FILTER_LZMA2 = 0x21;
const FLAG_FILTERS = 0x03;
const FLAG_COMPRESSED_SIZE = 0x40;
const FLAG_UNCOMPRESSED_SIZE = 0x80;
const FLAG_RESERVED = 0x3c;
/** Numbers in headers have at most 63 bits: nine bytes of seven. */
const NUMBER_BYTES_MAX = 9;

/** A variable-length number; what is too large for an exact one is of no use here. */
function readNumber(file: ByteReader, at: number): { value: number; end: number } {
  let value = 0;
  for (let n = 0; n < NUMBER_BYTES_MAX; n++) {
    const byte = file.u8(at + n, "a number of the XZ header");
    value += (byte & 0x7f) * 2 ** (7 * n);
    if ((byte & 0x80) === 0) return { value, end: at + n + 1 };
  }
  return invalid("a number of the XZ header is too long");
}

interface BlockHeader {
  readonly x86: boolean;
  /** Where the compressed data begin. */
  readonly end: number;
}

function readBlockHeader(file: ByteReader, at: number): BlockHeader {
  const size = (file.u8(at, "an XZ block header") + 1) * 4;
  const body = file.slice(at, size - 4, "an XZ block header");
  if (file.u32(at + size - 4, "an XZ block header") !== crc32(body)) invalid("an XZ block header has a wrong checksum");
  const flags = file.u8(at + 1, "an XZ block header");
  if ((flags & FLAG_RESERVED) !== 0) unsupported(`an XZ block has unknown flags ${flags}`);
  let next = at + 2;
  if ((flags & FLAG_COMPRESSED_SIZE) !== 0) next = readNumber(file, next).end;
  if ((flags & FLAG_UNCOMPRESSED_SIZE) !== 0) next = readNumber(file, next).end;
  const filters: number[] = [];
  for (let n = 0; n <= (flags & FLAG_FILTERS); n++) {
    const id = readNumber(file, next);
    const properties = readNumber(file, id.end);
    filters.push(id.value);
    if (id.value === FILTER_X86 && properties.value !== 0) unsupported("an XZ branch filter has a start offset");
    next = properties.end + properties.value;
  }
  if (next > at + size - 4) invalid("the filters of an XZ block do not fit its header");
  const x86 = filters.length === 2 && filters[0] === FILTER_X86;
  if (filters.at(-1) !== FILTER_LZMA2 || (filters.length !== 1 && !x86)) {
    unsupported(`an XZ block is packed with filters ${filters.join(", ")}; LZMA2 with or without x86 is known`);
  }
  return { x86, end: at + size };
}

/** Unpacks the first stream of the bytes; `size` is what it must come to. */
export function unpackXz(bytes: Uint8Array, size: number): Uint8Array {
  const file = new ByteReader(bytes, invalid);
  const flags = file.slice(6, 2, "the XZ stream header");
  if (file.u32(8, "the XZ stream header") !== crc32(flags)) invalid("the XZ stream header has a wrong checksum");
  const check = flags[1];
  if (flags[0] !== 0 || (check !== CHECK_NONE && check !== CHECK_CRC32)) {
    unsupported(`an XZ stream with check ${check}; CRC-32 and none are known`);
  }
  const output = new Uint8Array(size);
  let at = HEADER_SIZE;
  let position = 0;
  // A header size of 0 is the index.
  while (file.u8(at, "an XZ block header") !== 0) {
    const header = readBlockHeader(file, at);
    const { inputEnd, outputEnd } = decodeLzma2(bytes, header.end, output, position);
    const block = output.subarray(position, outputEnd);
    if (header.x86) unfilterX86(block);
    at = header.end + alignUp(inputEnd - header.end, 4);
    if (check === CHECK_CRC32) {
      if (file.u32(at, "the check of an XZ block") !== crc32(block)) invalid("an XZ block has a wrong checksum");
      at += 4;
    }
    position = outputEnd;
  }
  if (position !== size) invalid(`XZ data unpack to ${position} bytes instead of ${size}`);
  return output;
}
