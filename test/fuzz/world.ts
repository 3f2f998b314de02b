// The machine a fuzzed program runs in: 512 KiB of RAM with every table that its mode needs, and exception
// handlers that step over one byte and return, so that random code goes on after each fault.
//
//   00000 IVT         00600 real-mode handler  01000 GDT   01800 LDT    02000 TSS    03000 IDT (32)  04000 IDT (64)
//   05000 handlers    06000 ring-0 stack       08000 page tables        20000 program  30000 data   3f000 stack

import * as L from "../../src/engine/views.js";
import { descriptor, PageTables, type PagingKind, Pte, USER_PAGE } from "../engine/environment.js";
import { Machine, Rights, Seg } from "../engine/harness.js";
import type { Mode } from "../oracle/form.js";
import type { Random } from "../oracle/random.js";

export interface World {
  readonly name: string;
  readonly code: Mode;
  readonly paging: PagingKind | undefined;
  readonly cpl: 0 | 3;
  readonly kind: "real" | "v86" | "protected" | "long";
}

const world = (name: string, code: Mode, kind: World["kind"], paging: PagingKind | undefined, cpl: 0 | 3): World => ({
  name,
  code,
  kind,
  paging,
  cpl,
});

export const WORLDS: readonly World[] = [
  world("real", 16, "real", undefined, 0),
  world("v86", 16, "v86", "32", 3),
  world("protected 16-bit ring 0", 16, "protected", undefined, 0),
  world("protected 16-bit ring 3, paging", 16, "protected", "32", 3),
  world("protected ring 0", 32, "protected", undefined, 0),
  world("protected ring 0, paging", 32, "protected", "32", 0),
  world("protected ring 3, paging", 32, "protected", "32", 3),
  world("protected ring 0, PAE", 32, "protected", "pae", 0),
  world("protected ring 3, PAE", 32, "protected", "pae", 3),
  world("compatibility ring 3", 32, "long", "long", 3),
  world("compatibility 16-bit ring 0", 16, "long", "long", 0),
  world("long ring 0", 64, "long", "long", 0),
  world("long ring 3", 64, "long", "long", 3),
];

export const PROGRAM = 0x20000;
export const DATA = 0x30000;
export const STACK = 0x3f000;
const PAGES = 128;
const GDT = 0x1000;
const LDT = 0x1800;
const TSS = 0x2000;
const IDT32 = 0x3000;
const IDT64 = 0x4000;
const HANDLERS = 0x5000;
const RING0_STACK = 0x7ff0;
const WITH_ERROR = new Set([8, 10, 11, 12, 13, 14, 17]);

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
// push bp; mov bp,sp; inc word [bp+2]; pop bp; iret
const REAL_HANDLER = bytes("5589e5ff46025dcf");
// inc dword [esp]; iret, after dropping an error code where there is one; the same for 64-bit code
const HANDLER = {
  plain32: bytes("ff0424cf"),
  error32: bytes("83c404ff0424cf"),
  plain64: bytes("48ff042448cf"),
  error64: bytes("4883c40848ff042448cf"),
};

interface Prepared {
  readonly image: Uint8Array;
  readonly root: number;
}

export class FuzzMachine {
  readonly machine = new Machine({ pages: PAGES, sets: 4 });
  private readonly prepared = new Map<World, Prepared>();

  /** Fresh memory and state for one program at PROGRAM. */
  load(world: World, program: Uint8Array, random: Random): void {
    const m = this.machine;
    let prepared = this.prepared.get(world);
    if (prepared === undefined) {
      prepared = this.prepare(world);
      this.prepared.set(world, prepared);
    }
    m.u8.set(prepared.image, m.ram);
    m.u8.set(program, m.ram + PROGRAM);
    for (let page = 0; page < PAGES; page++) m.core.memoryWritten(page, 0, 4096);
    m.core.select(0);
    m.core.reset(0);
    m.core.setA20(1);
    m.settle();
    this.enter(world, prepared.root);
    for (let i = 0; i < (world.code === 64 ? 16 : 8); i++)
      m.setGpr(i, world.code === 64 ? random.operand() : random.operand() & 0xffff_ffffn);
    const segmented = world.kind === "real" || world.kind === "v86";
    m.setGpr(4, BigInt(segmented ? 0xf000 : STACK));
    m.set64(L.RIP, segmented ? 0n : BigInt(PROGRAM));
    m.core.setRflags(
      2 | (world.kind === "v86" ? 0x20000 | (random.oneIn(2) ? 0x3000 : 0) : 0) | (random.u32() & 0xcd5),
    );
    m.core.refresh();
  }

  private prepare(world: World): Prepared {
    const m = this.machine;
    m.u8.fill(0, m.ram, m.ram + PAGES * 4096);
    const u16 = (at: number, value: number): void => m.u8.set([value & 0xff, value >> 8], m.ram + at);
    for (let vector = 0; vector < 256; vector++) u16(vector * 4, 0x600);
    m.u8.set(REAL_HANDLER, m.ram + 0x600);
    this.tables();
    let root = 0;
    if (world.paging !== undefined) {
      const tables = new PageTables(m, world.paging, 0x8000);
      root = tables.root;
      for (let page = 0; page < PAGES; page++) {
        const at = page * 4096;
        const user = world.kind === "v86" || (at >= PROGRAM && at < 0x60000);
        // A few pages read-only or absent.
        const flags = page === 0x34 ? Pte.P | Pte.U : page === 0x35 ? 0n : user ? USER_PAGE : Pte.P | Pte.W;
        tables.map(BigInt(at), at, flags);
      }
    }
    for (let at = DATA; at < STACK; at += 8)
      m.set64(m.ram + at, (BigInt(at) * 0x9e3779b97f4a7c15n) & 0xffff_ffff_ffff_ffffn);
    return { image: m.u8.slice(m.ram, m.ram + PAGES * 4096), root };
  }

  private tables(): void {
    const m = this.machine;
    const put = (index: number, base: number, limit: number, rights: number): void =>
      m.u8.set(descriptor(base, limit, rights), m.ram + GDT + index * 8);
    put(1, 0, 0xfffff, Rights.CODE32);
    put(2, 0, 0xfffff, Rights.DATA32);
    put(3, 0, 0xfffff, Rights.CODE64);
    put(4, 0, 0xfffff, Rights.CODE32 | Rights.USER);
    put(5, 0, 0xfffff, Rights.DATA32 | Rights.USER);
    put(6, 0, 0xfffff, Rights.CODE64 | Rights.USER);
    put(7, 0, 0xffff, Rights.CODE16);
    put(8, 0, 0xffff, Rights.DATA16);
    put(9, TSS, 0x67, 0x89);
    put(11, LDT, 0x7f, Rights.LDT);
    put(13, TSS + 0x200, 0x67, 0x89);
    put(14, 0, 0, 0);
    // Call gate, task gate.
    m.u8.set([0, HANDLERS >> 8, 8, 0, 0, 0xec, 0, 0], m.ram + GDT + 15 * 8);
    m.u8.set([0, 0, 13 * 8, 0, 0, 0xe5, 0, 0], m.ram + GDT + 16 * 8);
    for (let i = 0; i < 16; i++)
      m.u8.set(descriptor(i * 0x1000, 0xffff >> (i & 3), 0xe0 | 0x10 | i | (i & 1 ? 0x4000 : 0)), m.ram + LDT + i * 8);
    for (const tss of [TSS, TSS + 0x200]) {
      m.set32(m.ram + tss + 4, RING0_STACK);
      m.set32(m.ram + tss + 8, 0x10);
      m.set32(m.ram + tss + 0x20, PROGRAM);
      m.set32(m.ram + tss + 0x38, STACK);
      for (const [i, selector] of [0x10, 0x08, 0x10, 0x10].entries()) m.set32(m.ram + tss + 0x48 + i * 4, selector);
    }
    this.handlers();
  }

  private handlers(): void {
    const m = this.machine;
    const places = { plain32: HANDLERS, error32: HANDLERS + 16, plain64: HANDLERS + 32, error64: HANDLERS + 48 };
    for (const [name, at] of Object.entries(places)) m.u8.set(HANDLER[name as keyof typeof HANDLER], m.ram + at);
    for (let vector = 0; vector < 256; vector++) {
      const error = WITH_ERROR.has(vector);
      const rights = vector % 3 === 0 ? 0xee : 0x8e;
      const narrow = error ? places.error32 : places.plain32;
      const wide = error ? places.error64 : places.plain64;
      m.u8.set(
        [narrow & 0xff, narrow >> 8, 0x08, 0, 0, vector === 0x40 ? 0xe5 : rights, 0, 0],
        m.ram + IDT32 + vector * 8,
      );
      if (vector === 0x40) m.u8.set([13 * 8, 0], m.ram + IDT32 + vector * 8 + 2);
      m.u8.set([wide & 0xff, wide >> 8, 0x18, 0, 0, rights, 0, 0], m.ram + IDT64 + vector * 16);
    }
  }

  private enter(world: World, root: number): void {
    const m = this.machine;
    const { kind, code, cpl } = world;
    if (kind === "real" || kind === "v86") {
      for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) m.setRealSegment(seg, DATA >> 4);
      m.setRealSegment(Seg.CS, PROGRAM >> 4);
      m.setRealSegment(Seg.SS, DATA >> 4);
      if (kind === "v86") for (let seg = 0; seg < 6; seg++) m.set32(L.SEG_ATTRIBUTES + seg * 4, 0xf3);
    } else {
      const user = cpl === 3 ? Rights.USER : 0;
      const big = code === 16 ? 0x8000 : 0xc000;
      const rights = code === 64 ? Rights.CODE64 : 0x9b | big;
      const selector = cpl === 3 ? (code === 64 ? 0x33 : 0x23) : code === 64 ? 0x18 : 0x08;
      m.setSegment(Seg.CS, selector, 0n, 0xffffffff, rights | user);
      for (const seg of [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS])
        m.setSegment(seg, cpl === 3 ? 0x2b : 0x10, 0n, 0xffffffff, 0xc093 | user);
    }
    const cr4 = world.paging === "pae" || world.paging === "long" ? 0x620n : 0x610n;
    const cr0 = kind === "real" ? 0x10n : 0x31n | (root !== 0 ? 0x8001_0000n : 0n);
    m.setControls(cr0, BigInt(root), cr4, kind === "long" ? 0xd01n : 0x801n, cpl);
    if (world.paging === "pae") for (let i = 0; i < 4; i++) m.set64(L.PDPTE + i * 8, m.get64(m.ram + root + i * 8));
    m.set64(L.GDTR_BASE, BigInt(GDT));
    m.set32(L.GDTR_LIMIT, 17 * 8 - 1);
    m.set64(L.IDTR_BASE, BigInt(kind === "real" ? 0 : kind === "long" ? IDT64 : IDT32));
    m.set32(L.IDTR_LIMIT, kind === "long" ? 0xfff : kind === "real" ? 0x3ff : 0x7ff);
    m.setSegment(Seg.TR, 9 * 8, BigInt(TSS), 0x67, kind === "real" ? 0x83 : 0x8b);
    m.setSegment(Seg.LDTR, 11 * 8, BigInt(LDT), 0x7f, Rights.LDT);
  }
}
