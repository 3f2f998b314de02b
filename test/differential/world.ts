// The machines that programs run in: every mode with and without paging, in ring 0 and ring 3, segmented and flat,
// with 64-bit windows low, high and far from either end. A world is prepared once as an image of RAM; each program then
// gets its own placement of the window's frames.

import * as L from "../../src/engine/views.js";
import { descriptor, PageTables, type PagingKind, Pte, USER_PAGE } from "../engine/environment.js";
import { type Machine, Rights, Seg } from "../engine/harness.js";
import type { Mode } from "../oracle/form.js";
import { type Handlers, narrowHandlers, realHandlers, wideHandlers } from "./handlers.js";
import {
  DATA,
  GDT_LIMIT,
  POOL_FIRST,
  RAM_PAGES,
  Selector,
  System,
  Variable,
  Vector,
  WINDOW,
  WINDOW_PAGES,
} from "./layout.js";

export interface World {
  readonly name: string;
  readonly code: Mode;
  readonly kind: "real" | "v86" | "protected" | "long";
  readonly paging: PagingKind | undefined;
  readonly cpl: 0 | 3;
  /** All segments begin at the window and end with it. */
  readonly short: boolean;
  /** Linear address of the window; code of short worlds does not see it. */
  readonly base: bigint;
  /** FS reaches the data window. */
  readonly fs: boolean;
}

const HIGH = 0xffff_ffff_8000_0000n;
const FAR = 0x2a5a_c000_0000n;

const world = (
  name: string,
  code: Mode,
  kind: World["kind"],
  paging: PagingKind | undefined,
  cpl: 0 | 3,
  short: boolean,
  base = 0n,
): World => ({ name, code, kind, paging, cpl, short, base: base + BigInt(WINDOW), fs: true });

export const WORLDS: readonly World[] = [
  world("real", 16, "real", undefined, 0, true),
  world("v86", 16, "v86", "32", 3, true),
  world("16-bit ring 0", 16, "protected", undefined, 0, true),
  world("16-bit ring 3, paging", 16, "protected", "32", 3, true),
  world("16-bit compatibility ring 0", 16, "long", "long", 0, true),
  world("32-bit segmented ring 0", 32, "protected", undefined, 0, true),
  world("32-bit segmented ring 3, PAE", 32, "protected", "pae", 3, true),
  world("32-bit ring 0", 32, "protected", undefined, 0, false),
  world("32-bit ring 0, paging", 32, "protected", "32", 0, false),
  world("32-bit ring 3, paging", 32, "protected", "32", 3, false),
  world("32-bit ring 0, PAE", 32, "protected", "pae", 0, false),
  world("32-bit ring 3, PAE", 32, "protected", "pae", 3, false),
  world("compatibility ring 3", 32, "long", "long", 3, false),
  world("64-bit ring 0", 64, "long", "long", 0, false),
  world("64-bit ring 3", 64, "long", "long", 3, false),
  world("64-bit ring 0, high", 64, "long", "long", 0, false, HIGH),
  world("64-bit ring 3, far", 64, "long", "long", 3, false, FAR),
  world("64-bit ring 0", 64, "long", "long", 0, false),
];

/** A world's image of RAM and what a program needs to know of it. */
export interface Prepared {
  readonly world: World;
  readonly image: Uint8Array;
  /** Guest-physical addresses of the entries that map the window's first page, and of the roots. */
  readonly entries: readonly [number, number];
  readonly roots: readonly [number, number];
  readonly entrySize: 4 | 8;
  readonly systemCall: number;
}

/** Where the frames of a program's window are, in both address spaces. */
export interface Placement {
  /** Frame of each page of the window. */
  readonly frames: readonly [readonly number[], readonly number[]];
  /** Low bits of their entries. */
  readonly flags: readonly number[];
}

function putTables(m: Machine, handlers: Handlers, world: World): void {
  const put = (selector: number, base: number, limit: number, rights: number): void =>
    m.u8.set(descriptor(base, limit, rights), m.ram + System.GDT + (selector & ~7));
  const { USER } = Rights;
  put(Selector.CODE32, 0, 0xfffff, Rights.CODE32);
  put(Selector.CODE64, 0, 0xfffff, Rights.CODE64);
  put(Selector.DATA, 0, 0xfffff, Rights.DATA32);
  put(Selector.USER_CODE32, 0, 0xfffff, Rights.CODE32 | USER);
  put(Selector.USER_DATA, 0, 0xfffff, Rights.DATA32 | USER);
  put(Selector.USER_CODE64, 0, 0xfffff, Rights.CODE64 | USER);
  put(Selector.CODE16, WINDOW, 0xffff, Rights.CODE16);
  put(Selector.DATA16, WINDOW, 0xffff, Rights.DATA16 | USER);
  put(Selector.USER_CODE16, WINDOW, 0xffff, Rights.CODE16 | USER);
  put(Selector.STACK16, WINDOW, 0xffff, Rights.DATA16);
  put(Selector.SHORT_CODE32, WINDOW, 0xffff, 0x409b);
  put(Selector.USER_SHORT_CODE32, WINDOW, 0xffff, 0x409b | USER);
  put(Selector.SHORT_DATA32, WINDOW, 0xffff, 0x4093 | USER);
  put(Selector.SHORT_STACK32, WINDOW, 0xffff, 0x4093);
  put(Selector.TSS, System.TSS, 0x67, 0x89);
  put(Selector.FS, WINDOW + DATA, 0xffff, 0x4093 | USER);
  m.set32(m.ram + System.TSS + 4, System.RING0_STACK);
  m.set32(m.ram + System.TSS + 8, world.kind === "long" ? 0 : Selector.DATA);
  m.set32(m.ram + System.TSS + 0x64, 0x68_0000);
  for (const { address, bytes } of handlers.chunks) m.u8.set(bytes, m.ram + address);
  const open = new Set<number>([3, 4, ...Object.values(Vector)]);
  for (let vector = 0; vector < 256; vector++) {
    const to = handlers.entry(vector);
    const low = to & 0xff;
    const high = to >> 8;
    const rights = open.has(vector) ? 0xee : 0x8e;
    if (world.kind === "real") m.u8.set([low, high, 0, 0], m.ram + vector * 4);
    else if (world.kind === "long")
      m.u8.set([low, high, Selector.CODE64, 0, 0, rights], m.ram + System.IDT64 + vector * 16);
    else m.u8.set([low, high, Selector.CODE32, 0, 0, rights], m.ram + System.IDT32 + vector * 8);
  }
}

/** Address of the entry that maps a page, read from the tables. */
function entryOf(m: Machine, kind: PagingKind, root: number, linear: bigint): number {
  const levels: readonly bigint[] =
    kind === "32" ? [22n, 12n] : kind === "pae" ? [30n, 21n, 12n] : [39n, 30n, 21n, 12n];
  const [size, indices] = kind === "32" ? [4, 0x3ffn] : [8, 0x1ffn];
  let table = root;
  for (const shift of levels) {
    const at = table + Number((linear >> shift) & indices) * size;
    if (shift === 12n) return at;
    table = m.get32(m.ram + at) & ~0xfff;
  }
  throw new Error("no leaf");
}

function putPaging(m: Machine, world: World, first: number): { root: number; entries: number } {
  const kind = world.paging as PagingKind;
  const tables = new PageTables(m, kind, first);
  for (let page = 0; page < RAM_PAGES; page++) {
    const at = page * 4096;
    // The page tables themselves are open to ring 3: its programs change them too.
    const isTable =
      (at >= System.TABLES_A && at < System.TABLES_A_END) || (at >= System.TABLES_B && at < System.TABLES_B_END);
    const open = world.kind === "v86" || isTable;
    tables.map(BigInt(at), at, open ? USER_PAGE : Pte.P | Pte.W);
  }
  for (let page = 0; page < WINDOW_PAGES; page++)
    tables.map(world.base + BigInt(page * 4096), WINDOW + page * 4096, USER_PAGE);
  return { root: tables.root, entries: entryOf(m, kind, tables.root, world.base) };
}

export function prepare(m: Machine, world: World): Prepared {
  m.u8.fill(0, m.ram, m.ram + RAM_PAGES * 4096);
  const wide = wideHandlers();
  const handlers = world.kind === "real" ? realHandlers() : world.kind === "long" ? wide : narrowHandlers(world.paging);
  putTables(m, handlers, world);
  let roots: [number, number] = [0, 0];
  let entries: [number, number] = [0, 0];
  if (world.paging !== undefined) {
    const a = putPaging(m, world, System.TABLES_A);
    const b = putPaging(m, world, System.TABLES_B);
    roots = [a.root, b.root];
    entries = [a.entries, b.entries];
    const put = (selector: number, base: number): void =>
      m.u8.set(descriptor(base, 0xffff, 0x4093 | Rights.USER), m.ram + System.GDT + (selector & ~7));
    put(Selector.ENTRIES, entries[0]);
  }
  const set = (variable: number, value: number | bigint): void => m.set64(m.ram + variable, BigInt(value));
  set(Variable.ENTRIES_A, entries[0]);
  set(Variable.ENTRIES_B, entries[1]);
  set(Variable.ROOT_A, roots[0]);
  set(Variable.ROOT_B, roots[1]);
  set(Variable.BASE, world.base - BigInt(WINDOW));
  for (let at = POOL_FIRST * 4096; at < RAM_PAGES * 4096; at += 8)
    m.set64(m.ram + at, BigInt.asUintN(64, BigInt(at) * 0x9e37_79b9_7f4a_7c15n));
  return {
    world,
    image: m.u8.slice(m.ram, m.ram + RAM_PAGES * 4096),
    entries,
    roots,
    entrySize: world.paging === "32" ? 4 : 8,
    systemCall: wide.systemCall,
  };
}

/** What programs vary of their surroundings: control-register bits, limits of the segments of short worlds. */
export interface Controls {
  readonly cr0: number;
  readonly cr4: number;
  readonly codeLimit: number;
  readonly dataLimit: number;
  /** Data segments expand down: what is behind their limit is inside. */
  readonly down: boolean;
}
export const NO_LIMITS = { codeLimit: 0xffff, dataLimit: 0xffff, down: false } as const;

/** Writes the limits into the descriptors, from which segment registers are loaded again when an event returns. */
export function limit(image: Uint8Array, { codeLimit, dataLimit, down }: Controls): void {
  const put = (selector: number, bytes: number, type: number): void => {
    const at = System.GDT + (selector & ~7);
    image[at] = bytes & 0xff;
    image[at + 1] = bytes >> 8;
    image[at + 5]! |= type;
  };
  for (const selector of [
    Selector.CODE16,
    Selector.USER_CODE16,
    Selector.SHORT_CODE32,
    Selector.USER_SHORT_CODE32,
  ] as const)
    put(selector, codeLimit, 0);
  for (const selector of [Selector.DATA16, Selector.SHORT_DATA32]) put(selector, dataLimit, down ? 4 : 0);
}

/** Registers, control registers and segments of a program's start, but for general registers and flags. */
export function enter(m: Machine, { world, roots, systemCall }: Prepared, controls: Controls): void {
  const { kind, code, cpl, short, base } = world;
  const user = cpl === 3 ? Rights.USER : 0;
  const flat = 0xffff_ffff;
  if (kind === "real" || kind === "v86") {
    for (const seg of [Seg.ES, Seg.CS, Seg.SS, Seg.DS]) m.setRealSegment(seg, WINDOW >> 4);
    m.setRealSegment(Seg.FS, (WINDOW + DATA) >> 4);
    m.setRealSegment(Seg.GS, kind === "v86" ? m.get32(m.ram + Variable.ENTRIES_A) >> 4 : WINDOW >> 4);
    if (kind === "v86") for (let seg = 0; seg < 6; seg++) m.set32(L.SEG_ATTRIBUTES + seg * 4, 0xf3);
  } else if (short) {
    const big = code === 32 ? 0x4000 : 0;
    const window = BigInt(WINDOW);
    const [own, users] =
      code === 32 ? [Selector.SHORT_CODE32, Selector.USER_SHORT_CODE32] : [Selector.CODE16, Selector.USER_CODE16];
    m.setSegment(Seg.CS, cpl === 3 ? users : own, window, controls.codeLimit, 0x9b | big | user);
    const data = code === 32 ? Selector.SHORT_DATA32 : Selector.DATA16;
    const stack = code === 32 ? Selector.SHORT_STACK32 : Selector.STACK16;
    const type = 0x93 | (controls.down ? 4 : 0);
    // The stack of ring 3 is the data segment.
    m.setSegment(
      Seg.SS,
      cpl === 3 ? data : stack,
      window,
      cpl === 3 ? controls.dataLimit : 0xffff,
      (cpl === 3 ? type : 0x93) | big | user,
    );
    for (const seg of [Seg.ES, Seg.DS]) m.setSegment(seg, data, window, controls.dataLimit, type | big | Rights.USER);
    m.setSegment(Seg.FS, Selector.FS, BigInt(WINDOW + DATA), 0xffff, 0x4093 | Rights.USER);
    const paged = world.paging !== undefined;
    m.setSegment(
      Seg.GS,
      paged ? Selector.ENTRIES : data,
      paged ? m.get64(m.ram + Variable.ENTRIES_A) : window,
      0xffff,
      (paged ? 0x4093 : 0x93 | big) | Rights.USER,
    );
  } else {
    const [own, users, rights] =
      code === 64
        ? [Selector.CODE64, Selector.USER_CODE64, Rights.CODE64]
        : [Selector.CODE32, Selector.USER_CODE32, Rights.CODE32];
    m.setSegment(Seg.CS, cpl === 3 ? users : own, 0n, flat, rights | user);
    m.setSegment(Seg.SS, cpl === 3 ? Selector.USER_DATA : Selector.DATA, 0n, flat, Rights.DATA32 | user);
    for (const seg of [Seg.ES, Seg.DS, Seg.GS])
      m.setSegment(seg, Selector.USER_DATA, 0n, flat, Rights.DATA32 | Rights.USER);
    const data = BigInt.asUintN(code, base + BigInt(DATA));
    m.setSegment(Seg.FS, Selector.FS, data, code === 64 ? flat : 0xffff, (code === 64 ? 0xc093 : 0x4093) | Rights.USER);
  }
  const wide = world.paging === "pae" || world.paging === "long";
  const cr0 = (kind === "real" ? 0x30 : 0x31 | (world.paging !== undefined ? 0x8000_0000 : 0)) | controls.cr0;
  // FXSAVE, SIMD exceptions, page-size extensions or PAE.
  const cr4 = (wide ? 0x620 : 0x610) | controls.cr4;
  m.setControls(BigInt(cr0 >>> 0), BigInt(roots[0]), BigInt(cr4), kind === "long" ? 0xd01n : 0x801n, cpl);
  if (world.paging === "pae") for (let i = 0; i < 4; i++) m.set64(L.PDPTE + i * 8, m.get64(m.ram + roots[0] + i * 8));
  m.set64(L.GDTR_BASE, BigInt(System.GDT));
  m.set32(L.GDTR_LIMIT, GDT_LIMIT);
  m.set64(L.IDTR_BASE, BigInt(kind === "real" ? 0 : kind === "long" ? System.IDT64 : System.IDT32));
  m.set32(L.IDTR_LIMIT, kind === "long" ? 0xfff : kind === "real" ? 0x3ff : 0x7ff);
  m.setSegment(Seg.TR, Selector.TSS, BigInt(System.TSS), 0x67, kind === "real" ? 0x83 : 0x8b);
  m.setSegment(Seg.LDTR, 0, 0n, 0, Rights.UNUSABLE | Rights.LDT);
  // SYSCALL and SYSRET of a kernel with these selectors.
  m.set64(L.MSR_STAR, (BigInt(Selector.USER_CODE32) << 48n) | (BigInt(Selector.CODE64) << 32n));
  m.set64(L.MSR_LSTAR, BigInt(systemCall));
  m.set64(L.MSR_SFMASK, 0x700n);
}

/** Writes a program's placement into both address spaces. */
export function place(bytes: Uint8Array, prepared: Prepared, placement: Placement): void {
  const { entries, entrySize } = prepared;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  placement.frames.forEach((frames, space) => {
    frames.forEach((frame, page) => {
      view.setUint32(entries[space]! + page * entrySize, ((frame << 12) | placement.flags[page]!) >>> 0, true);
    });
  });
}
