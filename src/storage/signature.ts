// Recognises files that are not raw images, so that a guest is never given a container's header as its first
// sectors (and never writes into one). Magic numbers from the formats' own specifications.

import { HypervisorError } from "../support/errors.js";

interface Signature {
  readonly format: string;
  readonly magic: readonly number[];
  readonly advice: string;
}

function text(value: string): number[] {
  return [...value].map((character) => character.charCodeAt(0));
}

const CONVERT = 'convert it with "qemu-img convert -O raw"';
const UNPACK = "decompress it first";

const SIGNATURES: readonly Signature[] = [
  { format: "a QCOW image", magic: [0x51, 0x46, 0x49, 0xfb], advice: CONVERT },
  { format: "a VMDK image", magic: text("KDMV"), advice: CONVERT },
  { format: "a VHDX image", magic: text("vhdxfile"), advice: CONVERT },
  { format: "a dynamic VHD image", magic: text("conectix"), advice: CONVERT },
  { format: "a gzip file", magic: [0x1f, 0x8b, 0x08], advice: UNPACK },
  { format: "an xz file", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], advice: UNPACK },
  { format: "a zstd file", magic: [0x28, 0xb5, 0x2f, 0xfd], advice: UNPACK },
];

/** Fails when `head`, the first bytes of an image, belongs to another format. */
export function checkRaw(name: string, head: Uint8Array): void {
  const found = SIGNATURES.find(({ magic }) => magic.every((byte, at) => head[at] === byte));
  if (found === undefined) return;
  throw new HypervisorError("unsupported-image", `disk "${name}" is ${found.format}, not a raw one: ${found.advice}`);
}
