// boot_params, the "zero page" that Linux is entered with (Documentation/arch/x86/zero-page.rst):
//
//   000 screen_info | 070 acpi_rsdp_addr | 1E8 e820_entries | 1EF sentinel, 0 | 1F1 setup header |
//   2D0 e820_table, entries of 20 bytes {u64 address, u64 size, u32 type}
//
// The setup header is the kernel's own; the loader adds what it alone knows.

import { SETUP_HEADER } from "./bzimage.js";
import type { MemoryRegion } from "./e820.js";

export const BOOT_PARAMS_SIZE = 4096;
const E820_ENTRY = 20;
const E820_MAX = 128;
/** A boot loader without a number of its own. */
const LOADER_UNDEFINED = 0xff;
const VIDEO_MODE_NORMAL = 0xffff;

export interface BootParameters {
  /** From offset 1F1h of a bzImage; absent for a bare vmlinux. */
  readonly setupHeader: Uint8Array | undefined;
  readonly commandLine: number;
  readonly initrd: { readonly base: number; readonly size: number };
  readonly memory: readonly MemoryRegion[];
  /** Address of the ACPI root pointer, 0: the kernel searches for it. */
  readonly acpiRsdp: number;
}

/** The header of a kernel that brings none: a recent protocol, loaded high. */
function defaultHeader(view: DataView): void {
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint8(0x211, 1);
}

export function bootParameters(parameters: BootParameters): Uint8Array {
  const page = new Uint8Array(BOOT_PARAMS_SIZE);
  const view = new DataView(page.buffer);
  // screen_info: text mode 3, 80 columns, 25 lines of 16 pixels, VGA.
  view.setUint8(0x06, 3);
  view.setUint8(0x07, 80);
  view.setUint8(0x0e, 25);
  view.setUint8(0x0f, 1);
  view.setUint8(0x10, 16);
  view.setBigUint64(0x70, BigInt(parameters.acpiRsdp), true);

  if (parameters.setupHeader === undefined) defaultHeader(view);
  else page.set(parameters.setupHeader, SETUP_HEADER);
  view.setUint16(0x1fa, VIDEO_MODE_NORMAL, true);
  view.setUint8(0x210, LOADER_UNDEFINED);
  view.setUint32(0x218, parameters.initrd.base, true);
  view.setUint32(0x21c, parameters.initrd.size, true);
  view.setUint32(0x228, parameters.commandLine, true);

  const entries = parameters.memory.slice(0, E820_MAX);
  view.setUint8(0x1e8, entries.length);
  for (const [n, { base, size, type }] of entries.entries()) {
    const at = 0x2d0 + n * E820_ENTRY;
    view.setBigUint64(at, BigInt(base), true);
    view.setBigUint64(at + 8, BigInt(size), true);
    view.setUint32(at + 16, type, true);
  }
  return page;
}
