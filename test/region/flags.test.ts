// Flags that an exit leaves in raw form come out as the manual defines them (SDM vol. 1, 3.4.3.1): from operands of
// every size, with garbage above them.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Counter, counter, exit, load, make, pay, store } from "./fake.js";
import { CODE, MODE32, PAGE_FRAME, World } from "./world.js";

const [CF, PF, AF, ZF, SF, OF] = [1, 4, 0x10, 0x40, 0x80, 0x800];
const Kind = { EAGER: 0, ADD: 1, ADC: 2, SUB: 3, SBB: 4, LOGIC: 5, INC: 6, DEC: 7, RESULT: 8 } as const;

/** Flags of a + b + carry or a - b - carry, from first principles. */
function arithmetic(a: bigint, b: bigint, carry: bigint, bits: number, subtract: boolean): number {
  const mask = (1n << BigInt(bits)) - 1n;
  const wide = subtract ? a - b - carry : a + b + carry;
  const result = wide & mask;
  const signed = (v: bigint): bigint => BigInt.asIntN(bits, v);
  const exact = subtract ? signed(a) - signed(b) - carry : signed(a) + signed(b) + carry;
  const low = subtract ? (a & 15n) - (b & 15n) - carry : (a & 15n) + (b & 15n) + carry;
  return (
    (wide < 0n || wide > mask ? CF : 0) |
    (low < 0n || low > 15n ? AF : 0) |
    (exact !== signed(result) ? OF : 0) |
    szp(result, bits)
  );
}
function szp(result: bigint, bits: number): number {
  let ones = 0;
  for (let i = 0n; i < 8n; i++) ones += Number((result >> i) & 1n);
  return (result === 0n ? ZF : 0) | ((result >> BigInt(bits - 1)) & 1n ? SF : 0) | (ones % 2 === 0 ? PF : 0);
}

let seed = 12345;
function random(): bigint {
  let value = 0n;
  for (let i = 0; i < 4; i++) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    value = (value << 16n) | BigInt((seed >> 8) & 0xffff);
  }
  return value;
}
const EDGES = [
  0n,
  1n,
  0xfn,
  0x10n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
];
const WIDE = [0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn];

/** Where the region finds what to leave in the cells. */
const CELLS = 0x9000;

const w = new World("inc ebp\ncli\nhlt");
const region = make(w.m, {
  mode: MODE32,
  reserve: 1,
  pages: [[0, PAGE_FRAME, 0, 0]],
  entries: [0],
  exits: [
    { type: L.ExitType.STATIC, place: 1 },
    { type: L.ExitType.FUEL, place: 0, back: 1 },
  ],
  body: [
    ...pay(1, 1),
    ...[L.LAZY_A, L.LAZY_A + 4, L.LAZY_RESULT, L.LAZY_RESULT + 4, L.LAZY_CARRY, L.LAZY_KIND].flatMap((cell, i) => [
      ...store(cell, load(w.m.ram + CELLS + i * 4)),
    ]),
    ...exit(0),
  ],
});

/** Flags that the guest sees behind a region that left these cells. */
function seenBehind(flags: number, cells: { a: bigint; result: bigint; carry: number; kind?: number }): number {
  const { m } = w;
  m.u8[m.get32(L.REGIONS + region * L.REGION_SIZE + L.REGION_EXITS) + L.EXIT_LAZY] = flags;
  m.set64(m.ram + CELLS, cells.a);
  m.set64(m.ram + CELLS + 8, cells.result);
  m.set32(m.ram + CELLS + 16, cells.carry);
  m.set32(m.ram + CELLS + 20, cells.kind ?? 0);
  m.set32(L.ACTIVITY, 0);
  m.set64(L.RIP, BigInt(CODE));
  const entries = counter(m, Counter.ENTRIES);
  w.finish();
  if (counter(m, Counter.ENTRIES) !== entries + 1) throw new Error("the region did not run");
  return m.core.rflags() & (CF | PF | AF | ZF | SF | OF);
}

describe.each([8, 16, 32, 64])("%i bits", (bits) => {
  const size = Math.log2(bits) - 3;
  const mask = (1n << BigInt(bits)) - 1n;
  const garbage = bits === 64 ? 0n : 0xdead_beef_5a5a_a5a5n & ~mask;
  const values = [...EDGES, ...WIDE].filter((v) => v <= mask);
  const pairs = values.flatMap((a) =>
    [values[Number(random() % BigInt(values.length))] as bigint, random() & mask].map((b) => [a, b] as const),
  );

  test("addition and subtraction, from results and from second operands", () => {
    for (const [a, b] of pairs) {
      for (const carry of [0n, 1n]) {
        for (const subtract of [false, true]) {
          const kind = (subtract ? Kind.SUB : Kind.ADD) + Number(carry);
          const expected = arithmetic(a, b, carry, bits, subtract);
          const result = (subtract ? a - b - carry : a + b + carry) & mask;
          const cells = { a: a | garbage, carry: 0xfff };
          expect(seenBehind((kind << 2) | size, { ...cells, result: result | garbage }), `${kind} ${a} ${b}`).toBe(
            expected,
          );
          if (carry === 0n) {
            const raw = { ...cells, result: b | garbage };
            expect(seenBehind(L.FLAGS_OPERAND | (kind << 2) | size, raw), `${kind} ${a} ${b}`).toBe(expected);
          }
        }
      }
    }
  });

  test("logic, increments, results with flags of their own, all at once", () => {
    for (const a of values) {
      const raw = { a: random(), result: a | garbage };
      const szpOf = szp(a, bits);
      expect(seenBehind((Kind.LOGIC << 2) | size, { ...raw, carry: 0xfff })).toBe(szpOf);
      for (const carry of [0, CF]) {
        const up = arithmetic((a - 1n) & mask, 1n, 0n, bits, false) & ~CF;
        const down = arithmetic((a + 1n) & mask, 1n, 0n, bits, true) & ~CF;
        expect(seenBehind((Kind.INC << 2) | size, { ...raw, carry })).toBe(up | carry);
        expect(seenBehind((Kind.DEC << 2) | size, { ...raw, carry })).toBe(down | carry);
        expect(seenBehind((Kind.RESULT << 2) | size, { ...raw, carry: carry | OF })).toBe(szpOf | carry | OF);
      }
      expect(seenBehind(Kind.EAGER, { ...raw, carry: CF | SF | AF })).toBe(CF | SF | AF);
      expect(seenBehind(L.FLAGS_MEMORY, { ...raw, result: a, carry: 0, kind: (Kind.LOGIC << 2) | size })).toBe(szpOf);
    }
  });

  test("CF, or CF and OF, beside the rest", () => {
    for (const [a, b] of pairs) {
      const own = arithmetic(a, b, 0n, bits, false);
      const cells = { a, result: (a + b) & mask };
      for (const carry of [0, CF, OF, CF | OF]) {
        const kind = (Kind.ADD << 2) | size;
        expect(seenBehind(L.FLAGS_DYNAMIC, { ...cells, carry, kind: kind | L.OVERLAY_CF })).toBe(
          (own & ~CF) | (carry & CF),
        );
        expect(seenBehind(L.FLAGS_DYNAMIC, { ...cells, carry, kind: kind | L.OVERLAY_CFOF })).toBe(
          (own & ~(CF | OF)) | carry,
        );
      }
    }
  });
});
