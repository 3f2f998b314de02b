// What a compressed kernel is packed with is told by its first bytes; what it comes to is known from the
// boot header, so that every unpacker writes into an array of the right size and refuses to leave it.

import { gunzipSync } from "fflate";
import { decompress as unpackZstandard } from "fzstd";
import { hex } from "../../support/bytes.js";
import { invalid, unsupported } from "../image.js";
import { unpackLz4 } from "./lz4.js";
import { unpackXz } from "./xz.js";

type Unpacker = (bytes: Uint8Array, size: number) => Uint8Array;

/** Runs a library's unpacker: whatever it says of bad data becomes our error. */
function checked(name: string, unpack: (bytes: Uint8Array, size: number) => Uint8Array): Unpacker {
  return (bytes, size) => {
    let result: Uint8Array;
    try {
      result = unpack(bytes, size);
    } catch (cause) {
      return invalid(`the ${name} data cannot be unpacked: ${(cause as Error).message}`);
    }
    if (result.length !== size) invalid(`${name} data unpack to ${result.length} bytes instead of ${size}`);
    return result;
  };
}

/** One byte more than there should be, so that too much is noticed. */
const unpackGzip = checked("gzip", (bytes, size) => gunzipSync(bytes, { out: new Uint8Array(size + 1) }));
/** The library fills the array that it is given; one of the right size makes it keep no window of its own. */
const unpackZstd = checked("Zstandard", (bytes, size) => unpackZstandard(bytes, new Uint8Array(size)));

interface Format {
  readonly name: string;
  readonly magic: readonly number[];
  /** Absent: known, but not unpacked here. */
  readonly unpack?: Unpacker;
}

const FORMATS: readonly Format[] = [
  { name: "XZ", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], unpack: unpackXz },
  { name: "LZ4", magic: [0x02, 0x21, 0x4c, 0x18], unpack: unpackLz4 },
  { name: "gzip", magic: [0x1f, 0x8b], unpack: unpackGzip },
  { name: "Zstandard", magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: unpackZstd },
  { name: "bzip2", magic: [0x42, 0x5a, 0x68] },
  { name: "LZMA", magic: [0x5d, 0x00, 0x00] },
  { name: "LZO", magic: [0x89, 0x4c, 0x5a, 0x4f] },
];

export function unpack(bytes: Uint8Array, size: number): Uint8Array {
  const format = FORMATS.find(({ magic }) => magic.every((byte, n) => bytes[n] === byte));
  if (format === undefined) {
    const start = Array.from(bytes.subarray(0, 4), (byte) => hex(byte, 2)).join(" ");
    return unsupported(`the kernel is packed in an unknown way (it starts with ${start})`);
  }
  if (format.unpack === undefined) {
    return unsupported(`the kernel is packed with ${format.name}, which only its own decompressor can unpack`);
  }
  return format.unpack(bytes, size);
}
