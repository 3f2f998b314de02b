// Builds the surroundings of a single program in guest memory: paging structures of every kind (SDM vol. 3,
// 4.3-4.5), a GDT with the selectors that a Linux process sees, and the hidden parts of the segment
// registers that go with them. Kernel structures are mapped for the supervisor only.

import * as L from "../../src/engine/views.js";
import { type Machine, Rights, Seg } from "./harness.js";

export const Pte = { P: 1n, W: 2n, U: 4n, A: 0x20n, D: 0x40n, PS: 0x80n, NX: 1n << 63n } as const;
export const USER_PAGE = Pte.P | Pte.W | Pte.U;

export type PagingKind = "32" | "pae" | "long";

/** [index shift, index bits] from the root down. */
const LEVELS: Record<PagingKind, readonly (readonly [bigint, bigint])[]> = {
  "32": [
    [22n, 10n],
    [12n, 10n],
  ],
  pae: [
    [30n, 2n],
    [21n, 9n],
    [12n, 9n],
  ],
  long: [
    [39n, 9n],
    [30n, 9n],
    [21n, 9n],
    [12n, 9n],
  ],
};

export class PageTables {
  readonly root: number;
  private next: number;

  constructor(
    private readonly machine: Machine,
    private readonly kind: PagingKind,
    first: number,
  ) {
    this.root = first;
    this.next = first + 4096;
    machine.poke(first, new Uint8Array(4096));
  }

  /** Maps one 4 KiB page; entries above the leaf allow everything. */
  map(linear: bigint, physical: number, flags: bigint = USER_PAGE): void {
    const levels = LEVELS[this.kind];
    let table = this.root;
    levels.forEach(([shift, bits], depth) => {
      const index = Number((linear >> shift) & ((1n << bits) - 1n));
      if (depth === levels.length - 1) this.write(table, index, BigInt(physical) | flags);
      else table = this.descend(table, index, depth);
    });
  }

  private descend(table: number, index: number, depth: number): number {
    const entry = this.read(table, index);
    if ((entry & 1n) !== 0n) return Number(entry & 0xffff_f000n);
    const made = this.next;
    this.next += 4096;
    this.machine.poke(made, new Uint8Array(4096));
    // A PAE pointer entry has reserved bits where the others have W and U.
    this.write(table, index, BigInt(made) | (this.kind === "pae" && depth === 0 ? Pte.P : USER_PAGE));
    return made;
  }

  private read(table: number, index: number): bigint {
    const m = this.machine;
    if (this.kind === "32") return BigInt(m.get32(m.ram + table + index * 4));
    return m.get64(m.ram + table + index * 8);
  }

  private write(table: number, index: number, value: bigint): void {
    const size = this.kind === "32" ? 4 : 8;
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = Number((value >> BigInt(i * 8)) & 0xffn);
    this.machine.poke(table + index * size, bytes);
  }
}

/** Selectors of the GDT below: those of a Linux process. */
export const Selector = {
  KERNEL_CODE32: 0x08,
  KERNEL_CODE64: 0x10,
  KERNEL_DATA: 0x18,
  USER_CODE32: 0x23,
  USER_DATA: 0x2b,
  USER_CODE64: 0x33,
  TSS: 0x40,
  LDT: 0x50,
} as const;

/** Guest-physical places of the structures. */
export const Place = { GDT: 0x2000, LDT: 0x3000, TSS: 0x4000, TABLES: 0x10000, TABLES_END: 0x40000 } as const;
/** Linear address at which the kernel structures are mapped (sign-extended in long mode). */
const KERNEL = { legacy: 0xc000_0000n, long: 0xffff_8000_c000_0000n };

export function kernelLinear(kind: PagingKind): bigint {
  return kind === "long" ? KERNEL.long : KERNEL.legacy;
}

/** A segment descriptor (SDM vol. 3, 3.4.5) from base, 20-bit limit and access rights. */
export function descriptor(base: number, limit: number, rights: number): Uint8Array {
  const low = ((base & 0xffff) << 16) | (limit & 0xffff);
  const high = (base & 0xff000000) | (limit & 0xf0000) | ((rights & 0xf0ff) << 8) | ((base >>> 16) & 0xff);
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, low >>> 0, true);
  view.setUint32(4, high >>> 0, true);
  return bytes;
}

export interface Environment {
  /** Width of the code: 16, 32 or 64 bits. */
  readonly code: 16 | 32 | 64;
  readonly paging: PagingKind;
  readonly cpl: 0 | 3;
}

function gdt(): Uint8Array {
  const table = new Uint8Array(0x80);
  const put = (selector: number, rights: number): void => table.set(descriptor(0, 0xfffff, rights), selector & ~7);
  put(Selector.KERNEL_CODE32, Rights.CODE32);
  put(Selector.KERNEL_CODE64, Rights.CODE64);
  put(Selector.KERNEL_DATA, Rights.DATA32);
  put(Selector.USER_CODE32, Rights.CODE32 | Rights.USER);
  put(Selector.USER_DATA, Rights.DATA32 | Rights.USER);
  put(Selector.USER_CODE64, Rights.CODE64 | Rights.USER);
  return table;
}

/** Writes tables and control state for `environment`; returns the page tables for the caller's own mappings. */
export function build(machine: Machine, environment: Environment, first: number = Place.TABLES): PageTables {
  const tables = new PageTables(machine, environment.paging, first);
  const kernel = kernelLinear(environment.paging);
  for (let physical = 0x1000; physical < 0x8000; physical += 0x1000) {
    tables.map(kernel + BigInt(physical), physical, Pte.P | Pte.W);
  }
  machine.poke(Place.GDT, gdt());
  // No I/O permission bitmap: its offset lies beyond the limit.
  machine.poke(Place.TSS + 0x66, [0xff, 0xff]);
  return tables;
}

const CR0_BASE = 0x8005_0033n;
const CR4: Record<PagingKind, bigint> = { "32": 0x600n, pae: 0x620n, long: 0x620n };

/** Enters `environment`: control registers, descriptor tables, flat segments; registers are the caller's. */
export function enter(machine: Machine, environment: Environment, root: number): void {
  const { code, paging, cpl } = environment;
  const long = paging === "long";
  const cr0 = cpl === 3 ? CR0_BASE : CR0_BASE & ~0x4_0000n;
  machine.setControls(cr0, BigInt(root), CR4[paging], long ? 0xd00n : 0x800n, cpl);
  if (paging === "pae") {
    for (let i = 0; i < 4; i++) machine.set64(L.PDPTE + i * 8, machine.get64(machine.ram + root + i * 8));
  }
  const user = cpl === 3 ? Rights.USER : 0;
  const codeRights = (code === 64 ? Rights.CODE64 : code === 32 ? Rights.CODE32 : Rights.CODE16 | 0x8000) | user;
  const dataRights = (code === 16 ? Rights.DATA16 | 0x8000 : Rights.DATA32) | user;
  machine.setSegment(Seg.CS, selectorOf(code, cpl), 0n, 0xffffffff, codeRights);
  const data = cpl === 3 ? Selector.USER_DATA : Selector.KERNEL_DATA;
  for (const seg of [Seg.ES, Seg.SS, Seg.DS]) machine.setSegment(seg, data, 0n, 0xffffffff, dataRights);
  for (const seg of [Seg.FS, Seg.GS]) machine.setSegment(seg, 0, 0n, 0xffffffff, dataRights);
  const kernel = kernelLinear(paging);
  machine.set64(L.GDTR_BASE, kernel + BigInt(Place.GDT));
  machine.set32(L.GDTR_LIMIT, 0x7f);
  machine.setSegment(Seg.LDTR, Selector.LDT, kernel + BigInt(Place.LDT), 0xffff, Rights.LDT);
  machine.setSegment(Seg.TR, Selector.TSS, kernel + BigInt(Place.TSS), 0x67, Rights.TSS32);
  machine.set64(L.IDTR_BASE, kernel + 0x5000n);
  machine.set32(L.IDTR_LIMIT, 0);
}

function selectorOf(code: 16 | 32 | 64, cpl: 0 | 3): number {
  if (cpl === 3) return code === 64 ? Selector.USER_CODE64 : Selector.USER_CODE32;
  return code === 64 ? Selector.KERNEL_CODE64 : Selector.KERNEL_CODE32;
}
