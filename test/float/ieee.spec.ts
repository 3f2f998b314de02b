// Single and double precision. In round-to-nearest the truth is WebAssembly's own arithmetic, which the standard
// requires to be exact; for the directed modes, that their results bracket the nearest one and are neighbours
// exactly where PE is raised. Flags of special operands are those of SDM vol. 1, 4.9 and 11.5.2.

import {
  begin,
  DE,
  flags,
  IE,
  OE,
  PE,
  Relation,
  UE,
  ZE,
} from "../../assembly/float/control";
import { f32ToF64, f64ToF32, f64ToI32, f64ToI64, i64ToF32, i64ToF64 } from "../../assembly/float/convert";
import {
  f64Add,
  f64Compare,
  f64Div,
  f64Max,
  f64Min,
  f64Mul,
  f64Round,
  f64Sqrt,
  f64Sub,
} from "../../assembly/float/double";
import { f32Add, f32Div, f32Mul, f32Round, f32Sqrt, f32Sub } from "../../assembly/float/single";

const MASKED: u32 = 0x1f80;
const DOWN: u32 = 0x2000;
const UP: u32 = 0x4000;
const ZERO: u32 = 0x6000;
const FTZ: u32 = 0x8000;
const DAZ: u32 = 0x40;

let seed: u64 = 0x2545f4914f6cdd1d;
function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}
/** Numbers of every kind but NaNs: exponents near 0, near the ends, and anywhere; fractions with runs of bits. */
function number64(): u64 {
  let exponent = random() % 2047;
  const kind = random() & 7;
  if (kind == 0) exponent = 0;
  else if (kind == 1) exponent = 2046 - (random() & 1);
  else if (kind < 5) exponent = 1023 + (random() & 63) - 32;
  let fraction = random() >> 12;
  const shape = random() & 3;
  if (shape == 0) fraction = (<u64>0xf_ffff_ffff_ffff << (random() % 53)) & 0xf_ffff_ffff_ffff;
  else if (shape == 1) fraction = <u64>1 << (random() % 52);
  return (random() << 63) | (exponent << 52) | fraction;
}
function number32(): u32 {
  let exponent = <u32>(random() % 255);
  const kind = random() & 7;
  if (kind == 0) exponent = 0;
  else if (kind == 1) exponent = 254 - (<u32>random() & 1);
  else if (kind < 5) exponent = 127 + (<u32>random() & 31) - 16;
  let fraction = <u32>(random() >> 41);
  const shape = random() & 3;
  if (shape == 0) fraction = (<u32>0x7f_ffff << (<u32>random() % 24)) & 0x7f_ffff;
  else if (shape == 1) fraction = 1 << (<u32>random() % 23);
  return (<u32>random() << 31) | (exponent << 23) | fraction;
}

const enum Operation { ADD, SUB, MUL, DIV, SQRT, COUNT }

function compute64(op: u32, a: u64, b: u64): u64 {
  switch (op) {
    case Operation.ADD: return f64Add(a, b);
    case Operation.SUB: return f64Sub(a, b);
    case Operation.MUL: return f64Mul(a, b);
    case Operation.DIV: return f64Div(a, b);
    default: return f64Sqrt(a & ~(<u64>1 << 63));
  }
}
function truth64(op: u32, a: u64, b: u64): u64 {
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  switch (op) {
    case Operation.ADD: return reinterpret<u64>(x + y);
    case Operation.SUB: return reinterpret<u64>(x - y);
    case Operation.MUL: return reinterpret<u64>(x * y);
    case Operation.DIV: return reinterpret<u64>(x / y);
    default: return reinterpret<u64>(sqrt<f64>(abs<f64>(x)));
  }
}
function compute32(op: u32, a: u32, b: u32): u32 {
  switch (op) {
    case Operation.ADD: return f32Add(a, b);
    case Operation.SUB: return f32Sub(a, b);
    case Operation.MUL: return f32Mul(a, b);
    case Operation.DIV: return f32Div(a, b);
    default: return f32Sqrt(a & 0x7fff_ffff);
  }
}
function truth32(op: u32, a: u32, b: u32): u32 {
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  switch (op) {
    case Operation.ADD: return reinterpret<u32>(x + y);
    case Operation.SUB: return reinterpret<u32>(x - y);
    case Operation.MUL: return reinterpret<u32>(x * y);
    case Operation.DIV: return reinterpret<u32>(x / y);
    default: return reinterpret<u32>(sqrt<f32>(abs<f32>(x)));
  }
}
function isNaN64(a: u64): bool { return a << 1 > <u64>0x7ff << 53; }
function isNaN32(a: u32): bool { return a << 1 > <u32>0xff << 24; }

function badNearest64(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const op = <u32>(random() % Operation.COUNT);
    const a = number64();
    const b = number64();
    begin(MASKED);
    const got = compute64(op, a, b);
    const expected = truth64(op, a, b);
    if (isNaN64(expected) ? got != 0xfff8_0000_0000_0000 || flags() != IE : got != expected) bad++;
  }
  return bad;
}
function badNearest32(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const op = <u32>(random() % Operation.COUNT);
    const a = number32();
    const b = number32();
    begin(MASKED);
    const got = compute32(op, a, b);
    const expected = truth32(op, a, b);
    if (isNaN32(expected) ? got != 0xffc0_0000 || flags() != IE : got != expected) bad++;
  }
  return bad;
}

/** Position on the number line, for neighbours. */
function order(a: u64): i64 { return <i64>a < 0 ? <i64>(<u64>1 << 63) - <i64>a : <i64>a; }

function badDirected(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const op = <u32>(random() % Operation.COUNT);
    const a = number64();
    const b = number64();
    begin(MASKED);
    const nearest = compute64(op, a, b);
    if (isNaN64(nearest)) continue;
    begin(MASKED | DOWN);
    const below = compute64(op, a, b);
    const inexact = (flags() & PE) != 0;
    begin(MASKED | UP);
    const above = compute64(op, a, b);
    begin(MASKED | ZERO);
    const inner = compute64(op, a, b);
    const width = order(above) - order(below);
    // +0 and -0 are one place: an exact difference may be either.
    if (width != (inexact ? 1 : 0)) bad++;
    else if (nearest != below && nearest != above && nearest << 1 != 0) bad++;
    else if (inner != (<i64>nearest < 0 ? above : below) && nearest << 1 != 0) bad++;
  }
  return bad;
}

function badConversions(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const a = number64();
    const f = number32();
    const n = <i64>random() >> (random() & 63);
    begin(MASKED);
    if (f64ToF32(a) != reinterpret<u32>(<f32>reinterpret<f64>(a))) bad++;
    if (f32ToF64(f) != reinterpret<u64>(<f64>reinterpret<f32>(f))) bad++;
    if (i64ToF64(n) != reinterpret<u64>(<f64>n)) bad++;
    if (i64ToF32(n) != reinterpret<u32>(<f32>n)) bad++;
    const x = reinterpret<f64>(a);
    if (f64Round(a, 0) != reinterpret<u64>(nearest<f64>(x))) bad++;
    if (f64Round(a, 1) != reinterpret<u64>(floor<f64>(x))) bad++;
    if (f64Round(a, 2) != reinterpret<u64>(ceil<f64>(x))) bad++;
    if (f64Round(a, 3) != reinterpret<u64>(trunc<f64>(x))) bad++;
    if (f32Round(f, 0) != reinterpret<u32>(nearest<f32>(reinterpret<f32>(f)))) bad++;
    if (abs<f64>(x) < 9e18) {
      for (let mode: u32 = 0; mode < 4; mode++) {
        if (<i64>f64ToI64(a, mode) != <i64>reinterpret<f64>(f64Round(a, mode))) bad++;
      }
    }
  }
  return bad;
}

const ONE: u64 = 0x3ff0_0000_0000_0000;
const INFINITY: u64 = 0x7ff0_0000_0000_0000;
const QUIET: u64 = 0x7ff8_0000_0000_0001;
const SIGNALLING: u64 = 0x7ff0_0000_0000_0002;
const SUBNORMAL: u64 = 1;
const LARGEST: u64 = 0x7fef_ffff_ffff_ffff;
const SIGN: u64 = 0x8000_0000_0000_0000;

describe("single and double precision", () => {
  it("agrees with WebAssembly in round-to-nearest, f64", () => { expect(badNearest64(40000)).toBe(0); });
  it("agrees with WebAssembly in round-to-nearest, f32", () => { expect(badNearest32(40000)).toBe(0); });
  it("brackets the value in the directed modes", () => { expect(badDirected(40000)).toBe(0); });
  it("converts like WebAssembly", () => { expect(badConversions(20000)).toBe(0); });

  it("takes the first NaN operand and makes it quiet", () => {
    begin(MASKED);
    expect(f64Add(SIGNALLING, QUIET)).toBe(0x7ff8_0000_0000_0002);
    expect(flags()).toBe(IE);
    begin(MASKED);
    expect(f64Mul(ONE, QUIET | SIGN)).toBe(QUIET | SIGN);
    expect(flags()).toBe(0);
  });
  it("delivers the second operand of a minimum with a NaN", () => {
    begin(MASKED);
    expect(f64Min(QUIET, ONE)).toBe(ONE);
    expect(f64Max(ONE, QUIET)).toBe(QUIET);
    expect(f64Min(0, SIGN)).toBe(SIGN);
    expect(f64Max(0, SIGN)).toBe(SIGN);
    expect(flags()).toBe(IE);
  });
  it("raises ZE, IE and DE", () => {
    begin(MASKED);
    expect(f64Div(ONE, SIGN)).toBe(SIGN | INFINITY);
    expect(flags()).toBe(ZE);
    begin(MASKED);
    expect(f64Div(0, 0)).toBe(0xfff8_0000_0000_0000);
    expect(f64Sub(INFINITY, INFINITY)).toBe(0xfff8_0000_0000_0000);
    expect(f64Sqrt(SIGN | ONE)).toBe(0xfff8_0000_0000_0000);
    expect(flags()).toBe(IE);
    begin(MASKED);
    expect(f64Add(SUBNORMAL, SUBNORMAL)).toBe(2);
    expect(flags()).toBe(DE);
  });
  it("overflows and underflows by the masks", () => {
    begin(MASKED);
    expect(f64Add(LARGEST, LARGEST)).toBe(INFINITY);
    expect(flags() & 0x3f).toBe(OE | PE);
    begin(MASKED | DOWN);
    expect(f64Add(LARGEST, LARGEST)).toBe(LARGEST);
    begin(MASKED);
    // Half of the smallest normal number is exact and no underflow; a third is.
    expect(f64Mul(0x0010_0000_0000_0000, 0x3fe0_0000_0000_0000)).toBe(0x0008_0000_0000_0000);
    expect(flags()).toBe(0);
    f64Div(0x0010_0000_0000_0000, 0x4008_0000_0000_0000);
    expect(flags() & 0x3f).toBe(UE | PE);
    begin(MASKED & ~(UE << 7));
    f64Mul(0x0010_0000_0000_0000, 0x3fe0_0000_0000_0000);
    expect(flags()).toBe(UE);
  });
  it("flushes and takes zeros with FTZ and DAZ", () => {
    begin(MASKED | FTZ);
    expect(f64Mul(0x8010_0000_0000_0000, 0x3fe0_0000_0000_0000)).toBe(SIGN);
    expect(flags()).toBe(UE | PE);
    begin(MASKED | DAZ);
    expect(f64Add(SUBNORMAL, SUBNORMAL)).toBe(0);
    expect(flags()).toBe(0);
  });
  it("compares", () => {
    begin(MASKED);
    expect(f64Compare(0, SIGN, true)).toBe(Relation.EQUAL);
    expect(f64Compare(SIGN | ONE, 0, true)).toBe(Relation.LESS);
    expect(f64Compare(ONE, SIGN | INFINITY, true)).toBe(Relation.GREATER);
    expect(f64Compare(ONE, QUIET, false)).toBe(Relation.UNORDERED);
    expect(flags()).toBe(0);
    expect(f64Compare(ONE, QUIET, true)).toBe(Relation.UNORDERED);
    expect(flags()).toBe(IE);
  });
  it("gives the integer indefinite for what does not fit", () => {
    begin(MASKED);
    expect(f64ToI32(0x41e0_0000_0000_0000, 0)).toBe(0x8000_0000);
    expect(flags()).toBe(IE);
    begin(MASKED);
    expect(f64ToI32(0xc1e0_0000_0000_0000, 0)).toBe(0x8000_0000);
    expect(flags()).toBe(0);
    expect(f64ToI64(QUIET, 0)).toBe(SIGN);
    expect(flags()).toBe(IE);
  });
});
