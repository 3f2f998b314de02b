// The header of a bzImage (Linux/x86 Boot Protocol, Documentation/arch/x86/boot.rst), at offset 1F1h of the
// file: what the kernel says about itself. The file is [boot sector and setup code | protected-mode part];
// somewhere in the latter lies the packed vmlinux (since protocol 2.08), the rest unpacks it.

import { ByteReader, hex } from "../support/bytes.js";
import { unpack } from "./compression/unpack.js";
import { invalid, unsupported } from "./image.js";

const SECTOR = 512;
const BOOT_FLAG = 0xaa55;
const HEADER_MAGIC = 0x53726448; // "HdrS"
/** Where the setup header starts, in the file and in boot_params. */
export const SETUP_HEADER = 0x1f1;
const LOADED_HIGH = 1;
const SETUP_SECTORS_DEFAULT = 4;
const COMMAND_LINE_MAX_OLD = 255;
const INITRD_MAX_OLD = 0x37ff_ffff;
const CODE32_START = 0x100000;
const XLF_KERNEL_64 = 1;

// Protocol versions that brought something.
const WITH_COMMAND_LINE_SIZE = 0x206;
const WITH_PAYLOAD = 0x208;
const WITH_INIT_SIZE = 0x20a;
const WITH_XLOADFLAGS = 0x20c;
/** A vmlinux larger than this is a damaged length field. */
const PAYLOAD_MAX = 0x4000_0000;

export interface BzImage {
  /** Boot protocol version, 20Fh for 2.15. */
  readonly protocol: number;
  /** The setup header as it stands in the file, from offset 1F1h. */
  readonly setupHeader: Uint8Array;
  /** The protected-mode part. */
  readonly code: Uint8Array;
  /** The packed vmlinux, where there is one. */
  readonly payload: Uint8Array | undefined;
  /** Where the protected-mode part goes, and the memory that it and what it unpacks need from there. */
  readonly loadAddress: number;
  readonly initSize: number;
  /** The code has an entry for 64-bit mode, 200h behind its start. */
  readonly entry64: boolean;
  /** Characters of the longest command line. */
  readonly commandLineMax: number;
  /** Highest address that the initial RAM disk may occupy. */
  readonly initrdMax: number;
}

export function isBzImage(bytes: Uint8Array): boolean {
  if (bytes.length < 0x206) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint16(0x1fe, true) === BOOT_FLAG && view.getUint32(0x202, true) === HEADER_MAGIC;
}

export function parseBzImage(bytes: Uint8Array): BzImage {
  const file = new ByteReader(bytes, invalid);
  const what = "the kernel's setup header";
  if (bytes.length < 0x206) invalid(`a file of ${bytes.length} bytes is too short for a Linux kernel`);
  if (file.u16(0x1fe, what) !== BOOT_FLAG) invalid("not a Linux kernel: the boot flag AA55h is missing at 1FEh");
  if (file.u32(0x202, what) !== HEADER_MAGIC) invalid('not a Linux kernel: the magic "HdrS" is missing at 202h');
  const protocol = file.u16(0x206, what);
  if (protocol < WITH_COMMAND_LINE_SIZE) {
    unsupported(
      `the kernel has boot protocol ${formatVersion(protocol)}; 2.06 (Linux 2.6.22) is the oldest that boots`,
    );
  }
  if ((file.u8(0x211, what) & LOADED_HIGH) === 0) unsupported("a zImage, loaded below 1 MiB; only a bzImage boots");

  // The jump at 200h leads over the header: its displacement gives the length.
  const headerEnd = 0x202 + file.u8(0x201, what);
  const setupHeader = file.slice(SETUP_HEADER, headerEnd - SETUP_HEADER, what);
  const setupSectors = file.u8(SETUP_HEADER, what) || SETUP_SECTORS_DEFAULT;
  const codeAt = (setupSectors + 1) * SECTOR;
  const codeSize = file.u32(0x1f4, what) * 16;
  file.require(codeAt, 1, "the kernel's protected-mode part");
  // The size is rounded up to 16 bytes; a signature may follow.
  const code = bytes.subarray(codeAt, Math.min(codeAt + codeSize, bytes.length));
  if (codeSize - code.length >= 16) {
    invalid(`the kernel is truncated: ${codeSize} bytes of protected-mode code announced, ${code.length} there`);
  }
  const field = (offset: number, since: number, absent: number): number =>
    protocol >= since && offset + 4 <= headerEnd ? file.u32(offset, what) : absent;
  const payloadSize = field(0x24c, WITH_PAYLOAD, 0);
  const payloadAt = field(0x248, WITH_PAYLOAD, 0);
  const preferred = field(0x258, WITH_INIT_SIZE, CODE32_START);
  const xloadFlags = field(0x234, WITH_XLOADFLAGS, 0) >>> 16;
  const relocatable = (field(0x234, WITH_INIT_SIZE, 0) & 0xff) !== 0;
  return {
    protocol,
    setupHeader,
    code,
    payload:
      payloadSize === 0
        ? undefined
        : new ByteReader(code, invalid).slice(payloadAt, payloadSize, "the kernel's packed image"),
    loadAddress: relocatable ? preferred : field(0x214, WITH_COMMAND_LINE_SIZE, CODE32_START),
    initSize: Math.max(field(0x260, WITH_INIT_SIZE, 0), code.length),
    entry64: (xloadFlags & XLF_KERNEL_64) !== 0,
    commandLineMax: field(0x238, WITH_COMMAND_LINE_SIZE, COMMAND_LINE_MAX_OLD) || COMMAND_LINE_MAX_OLD,
    initrdMax: field(0x22c, WITH_COMMAND_LINE_SIZE, INITRD_MAX_OLD),
  };
}

/** 20Fh as "2.15". */
function formatVersion(protocol: number): string {
  return `${protocol >> 8}.${String(protocol & 0xff).padStart(2, "0")}`;
}

/** Unpacks the vmlinux. The last four bytes of the payload are its size. */
export function extractKernel(payload: Uint8Array): Uint8Array {
  const size = new ByteReader(payload, invalid).u32(payload.length - 4, "the size of the unpacked kernel");
  if (size === 0 || size > PAYLOAD_MAX) invalid(`the kernel says that it unpacks to ${hex(size)} bytes`);
  return unpack(payload, size);
}
