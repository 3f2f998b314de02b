// Random system-level cases for test/oracle/qemu.ts: descriptors, gates and page-table entries that are mostly
// plausible, and a few instructions that use them.
//
// QEMU TCG checks no segment limits and no types on data accesses, and few limits in far transfers; it reads
// before it writes in read-modify-write instructions, and takes all 32 bits of the offset in a 16-bit gate. Cases
// stay away from these: the native oracle and test/machine cover them.

import { At, CASE_SIZE, CODE, DATA, Selector, TEST_PAGES } from "./qemu-driver.js";
import type { Random } from "./random.js";

export interface SystemCase {
  readonly bytes: Uint8Array;
  readonly kind: string;
  readonly text: string;
}

/** INT F0h fills the code page: every even offset ends a case in order. */
const LANDING = 0x80;
const FREE_SLOTS = 16;

function descriptor(r: Random): bigint {
  const system = r.oneIn(3);
  const type = system ? r.pick([0, 2, 8, 4, 5, 9, 9, 11, 12, 12, 6, 7, 14, 15]) : 0x10 | r.below(16);
  const tss = system && (type & 5) === 1;
  const base = tss ? 0x303100 : r.pick([0, 0, CODE, DATA, 0x303000, 0x303100]);
  const code = !system && (type & 8) !== 0;
  const granular = code || (!tss && r.oneIn(2));
  const limit = code
    ? 0xfffff
    : granular
      ? r.pick([0xfffff, 0xfffff, 0x3ff, 0])
      : r.pick([0xffff, 0xfff, 0x67, 0x66, 0x2b, 0x10, 0]);
  const dpl = r.pick([0, 0, 3, 3, 1, 2]);
  const present = r.oneIn(8) ? 0 : 0x80;
  const access = present | (dpl << 5) | type;
  if (system && (type === 4 || type === 12 || type === 5)) return gate(r, access);
  const flags = (granular ? 8 : 0) | (code || !r.oneIn(4) ? 4 : 0);
  return (
    BigInt(limit & 0xffff) |
    (BigInt(base & 0xffffff) << 16n) |
    (BigInt(access) << 40n) |
    (BigInt((limit >> 16) | (flags << 4)) << 48n) |
    (BigInt(base >>> 24) << 56n)
  );
}

function gate(r: Random, access: number): bigint {
  const target = selector(r);
  const narrow = (access & 0x1f) === 6 || (access & 0x1f) === 7 || (access & 0x1f) === 4;
  const offset = narrow ? LANDING : r.pick([CODE + LANDING, CODE + LANDING, LANDING, 0x10]);
  const count = r.oneIn(3) ? r.below(32) : 0;
  return (
    BigInt(offset & 0xffff) |
    (BigInt(target) << 16n) |
    (BigInt(count) << 32n) |
    (BigInt(access) << 40n) |
    (BigInt(offset >>> 16) << 48n)
  );
}

function selector(r: Random): number {
  const rpl = r.pick([0, 0, 3, 3, 1, 2]);
  switch (r.below(6)) {
    case 0:
      return (
        (r.pick([
          Selector.CODE,
          Selector.DATA,
          Selector.USER_CODE,
          Selector.USER_DATA,
          Selector.TSS,
          Selector.LDT,
          Selector.TSS2,
        ]) &
          ~3) |
        rpl
      );
    case 1:
      return rpl | (r.oneIn(3) ? r.u32() & 0xfff8 : 0);
    case 2:
      return (r.below(8) * 8) | 4 | rpl;
    default:
      return (Selector.FREE + r.below(FREE_SLOTS) * 8) | rpl;
  }
}

const u32 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24];
const u16 = (value: number): number[] => [value & 0xff, value >> 8];

type Fragment = (r: Random) => readonly [name: string, bytes: number[]];

const SEGMENT_CODES = [0, 2, 3, 4, 5];

const FRAGMENTS: readonly Fragment[] = [
  (r) => {
    const seg = r.pick(SEGMENT_CODES);
    return [`mov s${seg}`, [0x66, 0xb8, ...u16(selector(r)), 0x8e, 0xc0 | (seg << 3)]];
  },
  (r) => {
    const [name, pop] = r.pick([
      ["es", [0x07]],
      ["ds", [0x1f]],
      ["ss", [0x17]],
      ["fs", [0x0f, 0xa1]],
      ["gs", [0x0f, 0xa9]],
    ] as const);
    return [`pop ${name}`, [0x68, ...u32(selector(r)), ...pop]];
  },
  (r) => {
    const [name, code] = r.pick([
      ["lar", [0x0f, 0x02, 0xd8, 0x81, 0xe3, ...u32(0xf0ff00)]],
      ["lsl", [0x0f, 0x03, 0xd8]],
      ["verr", [0x0f, 0x00, 0xe0]],
      ["verw", [0x0f, 0x00, 0xe8]],
    ] as const);
    return [name, [0xb8, ...u32(selector(r)), ...code]];
  },
  (r) => {
    const vector = 0x40 + r.below(8);
    return ["int gate", [0xcd, vector]];
  },
  (r) => ["call far", [0x9a, ...u32(r.pick([CODE + LANDING, LANDING, LANDING + 2])), ...u16(selector(r))]],
  (r) => ["jmp far", [0xea, ...u32(r.pick([CODE + LANDING, LANDING, LANDING + 2])), ...u16(selector(r))]],
  (r) => {
    const extra = r.oneIn(2) ? [0x68, ...u32(selector(r)), 0x68, ...u32(r.pick([DATA + 0x800, 0x800]))] : [];
    const frame = [...extra, 0x68, ...u32(selector(r)), 0x68, ...u32(r.pick([CODE + LANDING, LANDING]))];
    return ["retf", [...frame, ...(r.oneIn(3) ? [0xca, r.below(4) * 4, 0] : [0xcb])]];
  },
  (r) => {
    const extra = r.oneIn(2) ? [0x68, ...u32(selector(r)), 0x68, ...u32(r.pick([DATA + 0x800, 0x800]))] : [];
    const image = r.u32() & 0x7ed5 & ~0x100;
    return [
      "iret",
      [...extra, 0x68, ...u32(image), 0x68, ...u32(selector(r)), 0x68, ...u32(r.pick([CODE + LANDING, LANDING])), 0xcf],
    ];
  },
  (r) => ["lldt", [0x66, 0xb8, ...u16(selector(r)), 0x0f, 0x00, 0xd0]],
  (r) => ["ltr", [0x66, 0xb8, ...u16(selector(r) | 8), 0x0f, 0x00, 0xd8]],
  (r) => {
    const at = TEST_PAGES + r.below(16) * 4096 + (r.oneIn(5) ? 0xffe : r.below(0x400) * 4);
    const code = r.pick([
      [0x8b, 0x05],
      [0x89, 0x05],
      [0x8a, 0x05],
      [0x88, 0x05],
    ]);
    return ["memory", [...code, ...u32(at)]];
  },
  (r) => ["jump to page", [0xb8, ...u32(TEST_PAGES + r.below(16) * 4096), 0xff, 0xe0]],
  (r) => {
    const flip = r.pick([0x10000, 0x40000, 8, 0x20, 4, 2]);
    return ["mov cr0", [0x0f, 0x20, 0xc0, 0x35, ...u32(flip), 0x0f, 0x22, 0xc0]];
  },
  (r) => {
    const flip = r.pick([4, 8, 0x10, 0x80, 0x100, 0x800]);
    return ["mov cr4", [0x0f, 0x20, 0xe0, 0x35, ...u32(flip), 0x0f, 0x22, 0xe0]];
  },
  (r) => ["popf", [0x68, ...u32(r.u32() & 0x3e7ed5 & ~0x20100), 0x9d]],
  () => ["clts", [0x0f, 0x06]],
  (r) => ["lmsw", [0x66, 0xb8, ...u16(r.below(16)), 0x0f, 0x01, 0xf0]],
  () => ["smsw", [0x0f, 0x01, 0xe0]],
  () => ["sldt str", [0x0f, 0x00, 0xc0, 0x0f, 0x00, 0xcb]],
  (r) => ["invlpg", [0x0f, 0x01, 0x3d, ...u32(TEST_PAGES + r.below(16) * 4096)]],
  (r) => ["arpl", [0xb8, ...u32(selector(r)), 0xb9, ...u32(selector(r)), 0x63, 0xc8]],
  (r) => ["cli sti", r.oneIn(2) ? [0xfa] : [0xfb]],
  (r) => {
    const [name, code] = r.pick([
      ["les", [0xc4, 0x1d]],
      ["lds", [0xc5, 0x1d]],
      ["lss", [0x0f, 0xb2, 0x1d]],
      ["lfs", [0x0f, 0xb4, 0x1d]],
    ] as const);
    return [name, [0xc7, 0x05, ...u32(DATA + 0x104), ...u32(selector(r)), ...code, ...u32(DATA + 0x100)]];
  },
  (r) => ["mov dr", [0xb8, ...u32(0), 0x0f, 0x23, 0xc0 | (r.pick([0, 1, 2, 3, 6]) << 3)]],
];

const DATA_ACCESS = /^(memory|les|lds|lss|lfs)$/;

function pageEntry(r: Random): number {
  if (r.oneIn(8)) return r.u32() & ~1;
  return DATA | (r.u32() & 0x67) | (r.oneIn(5) ? 0 : 1);
}

export function makeSystemCase(r: Random): SystemCase {
  const bytes = new Uint8Array(CASE_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.fill(0);
  for (let i = 0; i < 256; i += 2) bytes.set([0xcd, 0xf0], i);
  const ring3 = r.oneIn(2) ? 1 : 0;
  const names: string[] = [];
  const code: number[] = [];
  let odd = false;
  for (let n = 1 + r.below(4); n > 0; n--) {
    const [name, fragment] = r.pick(FRAGMENTS)(r);
    // No data accesses once DS may be anything; the driver's handler needs a flat SS in ring 0.
    if (odd && DATA_ACCESS.test(name)) continue;
    if (ring3 === 0 && /^(mov s2|pop ss|lss)$/.test(name)) continue;
    odd ||= /^(mov s[23]|pop (ds|ss)|lds|lss)$/.test(name);
    if (code.length + fragment.length > LANDING - 2) break;
    names.push(name);
    code.push(...fragment);
  }
  bytes.set(code, At.CODE);
  bytes.set([0xcd, 0xf0], At.CODE + code.length);
  for (let i = 0; i < FREE_SLOTS; i++) view.setBigUint64(At.GDT + i * 8, descriptor(r), true);
  for (let i = 0; i < 8; i++) view.setBigUint64(At.LDT + i * 8, descriptor(r), true);
  for (let i = 0; i < 8; i++) {
    const access = (r.oneIn(8) ? 0 : 0x80) | (r.pick([0, 3, 3]) << 5) | r.pick([14, 14, 15, 6, 7, 5, 12]);
    view.setBigUint64(At.GATES + i * 8, gate(r, access), true);
  }
  for (let i = 0; i < 16; i++) view.setUint32(At.PTES + i * 4, pageEntry(r), true);
  for (let i = 0; i < 7; i++) view.setUint32(At.REGISTERS + i * 4, r.u32(), true);
  view.setUint32(At.EFLAGS, 2 | (r.u32() & 0x3cd5) | (r.oneIn(8) ? 0x4000 : 0), true);
  view.setUint32(At.RING3, ring3, true);
  view.setUint32(At.CR0, 0x80000011 | (r.oneIn(2) ? 0x10000 : 0), true);
  view.setUint32(At.CR4, r.oneIn(2) ? 0x10 : 0, true);
  const kind = `ring ${ring3 * 3} ${names.join(", ")}`;
  return { bytes, kind: names[names.length - 1] ?? "", text: `${kind}  ${Buffer.from(code).toString("hex")}` };
}

/** The descriptors of a case, one line each: what the selectors in its code name. */
export function describeTables(item: SystemCase): string {
  const view = new DataView(item.bytes.buffer);
  const table = (name: string, at: number, count: number, first: number, step: number): string[] =>
    Array.from(
      { length: count },
      (_, i) => `${name}[${(first + i * step).toString(16)}]=${view.getBigUint64(at + i * 8, true).toString(16)}`,
    );
  return [
    ...table("gdt", At.GDT, FREE_SLOTS, Selector.FREE, 8),
    ...table("ldt", At.LDT, 8, 0, 8),
    ...table("idt", At.GATES, 8, 0x40, 1),
  ].join(" ");
}
