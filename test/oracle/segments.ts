// The segments that oracle cases use: the selectors of a Linux process and the LDT of test/oracle/executor.c,
// entry for entry, as descriptors and as hidden parts (SDM vol. 3, 3.4.5).

import { descriptor } from "../engine/environment.js";

export interface Segment {
  readonly selector: number;
  readonly base: number;
  /** Limit field of the descriptor (20 bits). */
  readonly field: number;
  readonly rights: number;
}

const G = 0x8000;
const D = 0x4000;
/** Present, DPL 3, AVL as Linux sets it for an LDT entry. */
const user = (type: number): number => 0x10f0 | type;

const entries: readonly (readonly [base: number, field: number, rights: number])[] = [
  [0, 0xfffff, user(3) | D | G],
  [0x30000000, 0x1fff, user(3) | D],
  [0x30000000, 0x1fff, user(3)],
  [0x30000000, 0x0fff, user(7) | D],
  [0x30000000, 0x0fff, user(7)],
  [0x30000000, 0x1fff, user(1) | D],
  [0x20000000, 0x1fff, user(11)],
  [0x20000000, 0x1fff, user(9) | D],
  [0, 0xfffff, user(11) | D | G],
  [0x30000000, 0x1fff, (user(3) & ~0x80) | D],
  [0x2ffff000, 0x2, user(3) | D | G],
  [0x30000010, 0x0, user(3) | D],
  [0x30000ff0, 0x0017, user(3)],
  [0x2fff1000, 0xffff, user(3)],
];

export const LDT: readonly Segment[] = entries.map(([base, field, rights], i) => ({
  selector: i * 8 + 7,
  base,
  field,
  rights,
}));

export const Ldt = {
  FLAT: 0,
  DATA32: 1,
  DATA16: 2,
  DOWN32: 3,
  DOWN16: 4,
  READ_ONLY: 5,
  CODE16: 6,
  CODE32_EXECUTE: 7,
  CODE32: 8,
  ABSENT: 9,
  PAGES: 10,
  ONE_BYTE: 11,
  SHORT: 12,
  WRAP: 13,
} as const;

export const USER_DATA: Segment = { selector: 0x2b, base: 0, field: 0xfffff, rights: 0xf3 | D | G };
export const USER_CODE32: Segment = { selector: 0x23, base: 0, field: 0xfffff, rights: 0xfb | D | G };
export const USER_CODE64: Segment = { selector: 0x33, base: 0, field: 0xfffff, rights: 0xfb | 0x2000 | G };
/** A null selector: no access is possible through it. */
export const NULL: Segment = { selector: 0, base: 0, field: 0, rights: 0x10000 };

const bySelector = new Map([...LDT, USER_DATA, USER_CODE32, USER_CODE64, NULL].map((s) => [s.selector, s]));

export function segmentOf(selector: number): Segment {
  const segment = bySelector.get(selector);
  if (segment === undefined) throw new Error(`no segment ${selector.toString(16)}`);
  return segment;
}

/** Limit in bytes, granularity applied. */
export function limitOf(segment: Segment): number {
  return (segment.rights & G) !== 0 ? ((segment.field << 12) | 0xfff) >>> 0 : segment.field;
}

export function ldtBytes(): Uint8Array {
  const bytes = new Uint8Array(LDT.length * 8);
  LDT.forEach((s, i) => {
    bytes.set(descriptor(s.base, s.field, s.rights), i * 8);
  });
  return bytes;
}
