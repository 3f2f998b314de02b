// The guest-physical map of a partition, as pages:
//
//   0          ... 3 GiB    RAM (ROM images replace what they cover; 0xA0000-0xBFFFF is left out with a VGA hole)
//   0xC0000000 ... 4 GiB    fixed hole for APICs, PCI and firmware: RAM never appears here
//   4 GiB      ...          the rest of RAM
//
// Everything that is not RAM, ROM or a registered memory-mapped range is unmapped: reads give all ones.
// The host keeps this copy of the core's range table so that its own accesses need no call.

import { PAGE } from "../engine/plan.js";
import { hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";

export const MEMORY_MAX = 0xe000_0000;
const LOW_END_PAGE = 0xc000_0000 / PAGE;
const HIGH_PAGE = 0x1_0000_0000 / PAGE;
const VGA_FIRST = 0xa0000 / PAGE;
const VGA_END = 0xc0000 / PAGE;

/** Numbers of the core's range kinds (assembly/memory/ranges.ts). */
export const RANGE_RAM = 1;
export const RANGE_ROM = 2;
export const RANGE_MMIO = 3;

export interface RomImage {
  /** Guest-physical address, on a page boundary. */
  base: number;
  data: Uint8Array;
}

export interface MappedRange {
  readonly firstPage: number;
  readonly pages: number;
  readonly kind: typeof RANGE_RAM | typeof RANGE_ROM;
  readonly firstFrame: number;
}

export interface MemoryMap {
  readonly ranges: readonly MappedRange[];
  /** Frames of RAM and ROM together. */
  readonly frames: number;
}

/** Fails unless the size is one that a partition can have. */
export function checkMemorySize(size: number): void {
  if (!Number.isSafeInteger(size) || size <= 0 || size > MEMORY_MAX || size % PAGE !== 0) {
    throw new HypervisorError(
      "invalid-memory-size",
      `memory of ${size} bytes: it must be a multiple of 4 KiB, above 0 and at most 3.5 GiB (${MEMORY_MAX} bytes)`,
    );
  }
}

function checkRoms(roms: readonly RomImage[]): void {
  let end = 0;
  for (const rom of [...roms].sort((a, b) => a.base - b.base)) {
    if (!Number.isSafeInteger(rom.base) || rom.base < 0 || rom.base % PAGE !== 0 || rom.data.length === 0) {
      throw new HypervisorError(
        "invalid-range",
        `a ROM at ${rom.base} must be non-empty and start on a 4 KiB boundary`,
      );
    }
    if (rom.base < end) throw new HypervisorError("range-overlap", `the ROM at ${hex(rom.base)} overlaps another one`);
    end = rom.base + Math.ceil(rom.data.length / PAGE) * PAGE;
  }
}

/** Lays RAM and ROM out. */
export function mapMemory(size: number, roms: readonly RomImage[], vgaHole: boolean): MemoryMap {
  checkMemorySize(size);
  checkRoms(roms);
  const ramPages = size / PAGE;
  const low = Math.min(ramPages, LOW_END_PAGE);
  const ranges: MappedRange[] = [];
  let frame = 0;
  const holes = roms.map((rom) => ({
    first: rom.base / PAGE,
    end: rom.base / PAGE + Math.ceil(rom.data.length / PAGE),
  }));
  if (vgaHole) holes.push({ first: VGA_FIRST, end: VGA_END });
  holes.sort((a, b) => a.first - b.first);
  const addRam = (first: number, end: number): void => {
    let at = first;
    for (const hole of holes) {
      if (hole.end <= at || hole.first >= end) continue;
      if (hole.first > at) {
        ranges.push({ firstPage: at, pages: hole.first - at, kind: RANGE_RAM, firstFrame: frame });
        frame += hole.first - at;
      }
      at = Math.max(at, hole.end);
    }
    if (at < end) {
      ranges.push({ firstPage: at, pages: end - at, kind: RANGE_RAM, firstFrame: frame });
      frame += end - at;
    }
  };
  addRam(0, low);
  if (ramPages > low) addRam(HIGH_PAGE, HIGH_PAGE + ramPages - low);
  for (const rom of roms) {
    const pages = Math.ceil(rom.data.length / PAGE);
    ranges.push({ firstPage: rom.base / PAGE, pages, kind: RANGE_ROM, firstFrame: frame });
    frame += pages;
  }
  ranges.sort((a, b) => a.firstPage - b.firstPage);
  return { ranges, frames: frame };
}
