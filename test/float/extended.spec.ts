// Extended precision. With precision control at 53 bits and exponents in range, double-precision arithmetic of
// WebAssembly is the truth; at 64 bits, the equations that define remainder and division. Constants are those of
// published tables to twenty digits, special values those of SDM vol. 1, tables 4-3, 4-7 and 8-10.

import { begin, DE, flags, IE, PE, PRECISION, resultExponent, ZE } from "../../assembly/float/control";
import {
  extAdd,
  extCompare,
  extDiv,
  extMul,
  extSqrt,
  INTEGER_BIT,
  QUIET_BIT,
  SIGN,
} from "../../assembly/float/extended";
import {
  decimalTop,
  extFromDecimal,
  extFromF64,
  extFromInteger,
  extToDecimal,
  extToF64,
  extToInteger,
} from "../../assembly/float/extended-convert";
import {
  extExtract,
  extRemainder,
  extScale,
  fraction,
  fractionExponent,
  incomplete,
  quotient,
} from "../../assembly/float/extended-remainder";
import { ext2xm1, extAtan2, extCos, extSin, extTan, extYl2x, extYl2xp1 } from "../../assembly/float/transcendental";

const MASKED: u32 = 0x1f80;
const ONE: u32 = 0x3fff;

let seed: u64 = 0xd1342543de82ef95;
function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}
function start(precision: u32): void {
  begin(MASKED);
  store<u32>(PRECISION, precision);
}

/** A double of moderate size, and what 53-bit arithmetic makes of two of them. */
function double(): u64 { return (random() << 63) | ((1023 + (random() & 255) - 128) << 52) | (random() >> 12); }

function badDoubles(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const x = double();
    const y = (random() & 3) == 0 ? x + (random() & 7) : double();
    start(53);
    const a = extFromF64(x);
    const aSe = resultExponent();
    const b = extFromF64(y);
    const bSe = resultExponent();
    let got: u64;
    let expected: f64;
    switch (<u32>random() % 5) {
      case 0: got = extAdd(aSe, a, bSe, b, 0); expected = reinterpret<f64>(x) + reinterpret<f64>(y); break;
      case 1: got = extAdd(aSe, a, bSe, b, SIGN); expected = reinterpret<f64>(x) - reinterpret<f64>(y); break;
      case 2: got = extMul(aSe, a, bSe, b); expected = reinterpret<f64>(x) * reinterpret<f64>(y); break;
      case 3: got = extDiv(aSe, a, bSe, b); expected = reinterpret<f64>(x) / reinterpret<f64>(y); break;
      default: got = extSqrt(aSe & 0x7fff, a); expected = sqrt<f64>(abs<f64>(reinterpret<f64>(x))); break;
    }
    if (extToF64(resultExponent(), got) != reinterpret<u64>(expected)) bad++;
  }
  return bad;
}

/** Remainders of integers below 2^63 by integers. */
function badRemainders(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const n = random() >> (1 + (random() & 31));
    const d = 1 + (random() >> (2 + random() % 61));
    start(64);
    const a = extFromInteger(n);
    const aSe = resultExponent();
    const b = extFromInteger(d);
    const bSe = resultExponent();
    const r = extRemainder(aSe, a, bSe, b, false);
    if (incomplete || extToInteger(resultExponent(), r, 0, 64) != n % d || quotient != (<u32>(n / d) & 7)) bad++;
    const nearest = extRemainder(aSe, a, bSe, b, true);
    const twice = (n % d) * 2;
    const up = twice > d || (twice == d && (n / d & 1) != 0);
    if (extToInteger(resultExponent(), nearest, 0, 64) != n % d - (up ? d : 0)) bad++;
  }
  return bad;
}

function badDecimals(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    let digits: u64 = 0;
    let value: u64 = 0;
    const top = (<u32>(random() % 10) << 4) | <u32>(random() % 10);
    value = (top >> 4) * 10 + (top & 15);
    for (let n = 0; n < 16; n++) {
      const digit = random() % 10;
      digits = (digits << 4) | digit;
      value = value * 10 + digit;
    }
    start(64);
    const s = extFromDecimal(digits, top | 0x8000);
    const se = resultExponent();
    if (extToInteger(se, s, 0, 64) != 0 - value) bad++;
    if (extToDecimal(se, s, 0) != digits || decimalTop != (top | 0x8000)) bad++;
  }
  return bad;
}

/** The result of a function, to compare with 64 bits of a table. */
function expectValue(value: u64, exponent: u32, significand: u64): void {
  const se = resultExponent();
  expect(value).toBe(significand);
  expect(se).toBe(exponent);
}

describe("extended precision", () => {
  it("agrees with WebAssembly at 53 bits", () => { expect(badDoubles(40000)).toBe(0); });
  it("takes remainders", () => { expect(badRemainders(20000)).toBe(0); });
  it("reads and writes packed decimal", () => { expect(badDecimals(5000)).toBe(0); });

  it("prefers the NaN with the larger significand, and a quiet one", () => {
    start(64);
    extAdd(0x7fff, INTEGER_BIT | QUIET_BIT | 1, 0xffff, INTEGER_BIT | QUIET_BIT | 2, 0);
    expect(resultExponent()).toBe(0xffff);
    expect(flags()).toBe(0);
    expect(extMul(0x7fff, INTEGER_BIT | 5, 0x7fff, INTEGER_BIT | QUIET_BIT | 1)).toBe(INTEGER_BIT | QUIET_BIT | 1);
    expect(flags()).toBe(IE);
  });
  it("refuses unnormals and counts pseudo-denormals", () => {
    start(64);
    expect(extAdd(0x4000, 1, ONE, INTEGER_BIT, 0)).toBe(INTEGER_BIT | QUIET_BIT);
    expect(resultExponent()).toBe(0xffff);
    expect(flags()).toBe(IE);
    start(64);
    expectValue(extAdd(0, INTEGER_BIT, 0, INTEGER_BIT, 0), 2, INTEGER_BIT);
    expect(flags()).toBe(DE);
    expect(extCompare(0, INTEGER_BIT, 1, INTEGER_BIT, true)).toBe(0x40);
  });
  it("extracts and scales", () => {
    start(64);
    const exponent = extExtract(0xc004, 0xa000_0000_0000_0000);
    expectValue(exponent, 0x4001, 0xa000_0000_0000_0000); // 5
    expect(fractionExponent).toBe(0xbfff);
    expect(fraction).toBe(0xa000_0000_0000_0000);
    expectValue(extScale(0xbfff, 0xa000_0000_0000_0000, 0x4001, 0xa000_0000_0000_0000), 0xc004, 0xa000_0000_0000_0000);
    extExtract(0, 0);
    expect(flags()).toBe(ZE);
  });
  it("knows the functions' values at 1", () => {
    start(64);
    expectValue(extSin(ONE, INTEGER_BIT), 0x3ffe, 0xd76a_a478_4867_7021);
    expectValue(extCos(ONE, INTEGER_BIT), 0x3ffe, 0x8a51_407d_a834_5c92);
    expectValue(extTan(ONE, INTEGER_BIT), 0x3fff, 0xc759_22e5_f71d_2dc5);
    expectValue(extAtan2(ONE, INTEGER_BIT, ONE, INTEGER_BIT), 0x3ffe, 0xc90f_daa2_2168_c235);
    // log2(3), 2^0.5 - 1, log2(1 + 1/4)
    expectValue(extYl2x(ONE, INTEGER_BIT, 0x4000, 0xc000_0000_0000_0000), 0x3fff, 0xcae0_0d1c_fdeb_43d0);
    expectValue(ext2xm1(0x3ffe, INTEGER_BIT), 0x3ffd, 0xd413_cccf_e779_9211);
    expectValue(extYl2xp1(ONE, INTEGER_BIT, 0x3ffd, INTEGER_BIT), 0x3ffd, 0xa4d3_c25e_68dc_57f2);
    expect(flags() & ~0x200).toBe(PE);
  });
  it("reduces by a pi of 66 bits", () => {
    start(64);
    expectValue(extSin(0x4000, 0xc90f_daa2_2168_c235), 0xbfbf, INTEGER_BIT);
  });
});
