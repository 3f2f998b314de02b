// Processor states in which images are entered (SDM vol. 3, 9.1.4, 9.9, 9.8.5): real mode as after a BIOS,
// flat 32-bit protected mode without paging, 64-bit mode with the first 4 GiB mapped to themselves. The
// two protected starts put a descriptor table (and page tables) into low memory, so that the guest can
// reload its segment registers. Unless the image's protocol names other selectors:
//
//   GDT: 00 null | 08 code, 32-bit | 10 data | 18 code, 64-bit

import type { Partition } from "../partition/partition.js";
import type { SegmentName } from "../partition/registers.js";
import { hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";
import type { Placement } from "./image.js";

const PAGE = 4096;
/** Selectors of the code and data segment. */
export interface FlatSelectors {
  readonly code: number;
  readonly data: number;
}
export const SELECTORS32: FlatSelectors = { code: 0x08, data: 0x10 };
const SELECTORS64: FlatSelectors = { code: 0x18, data: 0x10 };
const DESCRIPTOR_CODE32 = 0x00cf_9b00_0000_ffffn;
const DESCRIPTOR_CODE64 = 0x00af_9b00_0000_ffffn;
const DESCRIPTOR_DATA = 0x00cf_9300_0000_ffffn;
const GDT_SIZE = 4 * 8;

// Access rights, as in the attributes of a segment register.
const RIGHTS_CODE32 = 0xc09b;
const RIGHTS_CODE64 = 0xa09b;
const RIGHTS_DATA = 0xc093;

const CR0_PE = 1n;
const CR0_ET = 0x10n;
const CR0_NE = 0x20n;
const CR0_PG = 0x8000_0000n;
const CR4_PAE = 0x20n;
const EFER_LME = 0x100n;

/** Entry present and writable; PS makes it a 2 MiB page. */
const ENTRY = 0x003n;
const LARGE = 0x083n;

/** Where a BIOS leaves the stack and loads a boot sector. */
const BOOT_SECTOR = 0x7c00;
const FIRST_HARD_DISK = 0x80;

/** Real mode at CS:IP; other segments 0, stack below 0:7C00, DL = first hard disk. */
export function startReal(partition: Partition, entry: number): void {
  if (entry > 0xf_ffff) {
    throw new HypervisorError("invalid-argument", `real mode cannot start at ${hex(entry)}: it is above 1 MiB`);
  }
  const { registers } = partition.processors[0];
  // Below 64 KiB the segment is 0, as for a boot sector; above, the entry is near the segment's start.
  const selector = entry <= 0xffff ? 0 : entry >> 4;
  registers.cs.selector = selector;
  registers.cs.base = BigInt(selector * 16);
  for (const name of ["ds", "es", "ss", "fs", "gs"] as const) {
    registers[name].selector = 0;
    registers[name].base = 0n;
  }
  registers.rip = BigInt(entry - selector * 16);
  registers.rsp = BigInt(BOOT_SECTOR);
  registers.rdx = BigInt(FIRST_HARD_DISK);
}

/** Segment registers of a flat address space, without a descriptor table in memory. */
export function setFlatSegments(partition: Partition, code64: boolean, selectors: FlatSelectors): void {
  const { registers } = partition.processors[0];
  const load = (name: SegmentName, selector: number, attributes: number): void => {
    const register = registers[name];
    register.selector = selector;
    register.base = 0n;
    register.limit = 0xffff_ffff;
    register.attributes = attributes;
  };
  load("cs", selectors.code, code64 ? RIGHTS_CODE64 : RIGHTS_CODE32);
  for (const name of ["ss", "ds", "es", "fs", "gs"] as const) load(name, selectors.data, RIGHTS_DATA);
}

/** A descriptor table with the segments that setFlatSegments loads; 32-bit code at 08 where that is free. */
function writeDescriptors(partition: Partition, base: number, code64: boolean, selectors: FlatSelectors): void {
  const { memory } = partition;
  memory.fill(base, GDT_SIZE);
  memory.writeUint64(base + SELECTORS32.code, DESCRIPTOR_CODE32);
  memory.writeUint64(base + selectors.code, code64 ? DESCRIPTOR_CODE64 : DESCRIPTOR_CODE32);
  memory.writeUint64(base + selectors.data, DESCRIPTOR_DATA);
  const { gdtr } = partition.processors[0].registers;
  gdtr.base = BigInt(base);
  gdtr.limit = GDT_SIZE - 1;
}

/** Flat 32-bit protected mode, paging off, interrupts off; the stack ends below the descriptor table. */
export function startProtected(
  partition: Partition,
  entry: number,
  placement: Placement,
  selectors: FlatSelectors = SELECTORS32,
): void {
  const base = placement.findLow(PAGE, "the descriptor table");
  writeDescriptors(partition, base, false, selectors);
  const { registers } = partition.processors[0];
  registers.cr0 = CR0_PE | CR0_ET | CR0_NE;
  setFlatSegments(partition, false, selectors);
  registers.rip = BigInt(entry);
  registers.rsp = BigInt(base);
}

/** 64-bit mode, the first 4 GiB mapped to themselves in 2 MiB pages; the stack ends below the tables. */
export function startLong(
  partition: Partition,
  entry: number,
  placement: Placement,
  selectors: FlatSelectors = SELECTORS64,
): void {
  const base = placement.findLow(7 * PAGE, "the page tables");
  const { memory } = partition;
  memory.fill(base, 7 * PAGE);
  writeDescriptors(partition, base, true, selectors);
  const root = base + PAGE;
  const pointers = root + PAGE;
  const directories = pointers + PAGE;
  memory.writeUint64(root, BigInt(pointers) | ENTRY);
  for (let gigabyte = 0; gigabyte < 4; gigabyte++) {
    const directory = directories + gigabyte * PAGE;
    memory.writeUint64(pointers + gigabyte * 8, BigInt(directory) | ENTRY);
    for (let n = 0; n < 512; n++) {
      memory.writeUint64(directory + n * 8, (BigInt(gigabyte * 512 + n) << 21n) | LARGE);
    }
  }
  const { registers } = partition.processors[0];
  registers.cr4 = CR4_PAE;
  registers.cr3 = BigInt(root);
  registers.efer = EFER_LME;
  registers.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
  setFlatSegments(partition, true, selectors);
  registers.rip = BigInt(entry);
  registers.rsp = BigInt(base);
}
