// The memory map that a PC's firmware reports (ACPI 6.5, 15: INT 15h, AX=E820h), from the RAM of a partition.
// Below 1 MiB it is what every PC has: 639 KiB free, the extended BIOS data area behind them, the video
// window, and the firmware's segment, which is reserved whether RAM or ROM is there.

import type { GuestMemory } from "../partition/memory.js";

/** Types of a region, as E820, multiboot and PVH number them. */
export const E820_RAM = 1;
export const E820_RESERVED = 2;

export interface MemoryRegion {
  readonly base: number;
  readonly size: number;
  readonly type: number;
}

/** End of low memory that is free; the last KiB belongs to the extended BIOS data area. */
const LOW_END = 0x9fc00;
const VIDEO = 0xa0000;
const BIOS = 0xf0000;
const HIGH = 0x100000;

export function memoryMap(memory: GuestMemory): MemoryRegion[] {
  const map: MemoryRegion[] = [];
  const add = (base: number, end: number, type: number): void => {
    if (end > base) map.push({ base, size: end - base, type });
  };
  const ram = memory.ram.map(({ base, size }) => ({ base, end: base + size }));
  for (const { base, end } of ram) {
    add(base, Math.min(end, LOW_END), E820_RAM);
    add(Math.max(base, LOW_END), Math.min(end, VIDEO), E820_RESERVED);
  }
  add(BIOS, HIGH, E820_RESERVED);
  for (const { base, end } of ram) add(Math.max(base, HIGH), end, E820_RAM);
  return map;
}
