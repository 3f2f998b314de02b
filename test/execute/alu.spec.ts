// Shifts and rotates against one step at a time, and products against long multiplication bit by bit (SDM
// vol. 2, RCL/RCR/ROL/ROR, SAL/SAR/SHL/SHR, MUL, IMUL). Flags for counts above 1, which the manual leaves
// undefined, are those of the last single step: what AMD processors produce.

import { imul2, mulHighSigned, mulHighUnsigned, rcl, rcr, rol, ror, sar, setCF, shl, shr } from "../../assembly/execute/alu";
import { arithmeticFlags, flagsEager } from "../../assembly/vcpu/flags";
import { AF, ARITHMETIC, CF, OF, PF, SF, ZF } from "../../assembly/x86/flags";

const enum Kind { ROL = 0, ROR = 1, RCL = 2, RCR = 3, SHL = 4, SHR = 5, SAR = 7 }

let carry: u32 = 0;
let overflow: u32 = 0;

/** One shift by one bit; sets carry and overflow. */
function step(kind: u32, a: u64, bits: u32): u64 {
  const high = <u64>1 << (bits - 1);
  const mask = high | (high - 1);
  const top = u32((a & high) != 0);
  const low = <u32>a & 1;
  const left = kind == Kind.ROL || kind == Kind.RCL || kind == Kind.SHL;
  let fill: u32 = 0;
  if (kind == Kind.ROL || kind == Kind.SAR) fill = top;
  if (kind == Kind.ROR) fill = low;
  if (kind == Kind.RCL || kind == Kind.RCR) fill = carry;
  carry = left ? top : low;
  const r = left ? ((a << 1) & mask) | fill : (a >> 1) | (fill != 0 ? high : 0);
  const now = u32((r & high) != 0);
  if (left) overflow = now ^ carry;
  else if (kind == Kind.SHR) overflow = top;
  else if (kind == Kind.SAR) overflow = 0;
  else overflow = now ^ u32((r & (high >> 1)) != 0);
  return r;
}
function resultFlags(value: u64, bits: u32): u32 {
  const even = (popcnt<u32>(<u32>value & 0xff) & 1) == 0;
  return (even ? PF : 0) | (value == 0 ? ZF : 0) | (((value >> (bits - 1)) & 1) != 0 ? SF : 0);
}

function apply<T>(kind: u32, a: T, count: u32): T {
  if (kind == Kind.ROL) return rol<T>(a, count);
  if (kind == Kind.ROR) return ror<T>(a, count);
  if (kind == Kind.RCL) return rcl<T>(a, count);
  if (kind == Kind.RCR) return rcr<T>(a, count);
  if (kind == Kind.SHL) return shl<T>(a, count);
  if (kind == Kind.SHR) return shr<T>(a, count);
  return sar<T>(a, count);
}

let seed: u64 = 0x2545f4914f6cdd1d;
function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/** Differences over all counts and kinds for one operand, with flags that were set before. */
function differences<T>(a: T, before: u32): u32 {
  const bits = <u32>sizeof<T>() * 8;
  const counts: u32 = bits == 64 ? 64 : 32;
  let wrong: u32 = 0;
  for (let kind: u32 = Kind.ROL; kind <= <u32>Kind.SAR; kind++) {
    if (kind == 6) continue;
    carry = before & CF;
    let value = <u64>a;
    for (let count: u32 = 1; count < counts; count++) {
      value = step(kind, value, bits);
      flagsEager(before);
      const got = <u64>apply<T>(kind, a, count);
      const moved = carry | (overflow << 11);
      const rest = kind < <u32>Kind.SHL ? before & (SF | ZF | AF | PF) : resultFlags(value, bits) | AF;
      if (got != value || arithmeticFlags() != (moved | rest)) wrong++;
    }
  }
  return wrong;
}
function operands<T>(): u32 {
  const high = <u64>1 << (sizeof<T>() * 8 - 1);
  let wrong = differences<T>(0, 0) + differences<T>(<T>1, CF) + differences<T>(<T>high, ARITHMETIC) + differences<T>(<T>(high - 1), 0);
  for (let i = 0; i < 100; i++) wrong += differences<T>(<T>random(), <u32>random() & ARITHMETIC);
  return wrong;
}

let productLow: u64 = 0;
/** Upper half of a * b by adding shifted copies; sets productLow. */
function longMultiply(a: u64, b: u64): u64 {
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u32 = 0; i < 64; i++) {
    if (((b >> i) & 1) == 0) continue;
    const addLow = a << i;
    const addHigh = i == 0 ? 0 : a >> (64 - i);
    const sum = low + addLow;
    high += addHigh + u64(sum < low);
    low = sum;
  }
  productLow = low;
  return high;
}
function factor(n: u32): u64 {
  if (n == 0) return 0;
  if (n == 1) return 1;
  if (n == 2) return ~(<u64>0);
  if (n == 3) return <u64>1 << 63;
  if (n == 4) return (<u64>1 << 63) - 1;
  if (n == 5) return 0xffff_ffff;
  if (n == 6) return 0x1_0000_0000;
  if (n == 7) return 0xffff_ffff_8000_0000;
  return random() >> (random() & 63);
}

describe("shifts and rotates", () => {
  it("of bytes: every value and count", () => {
    let wrong: u32 = 0;
    for (let a: u32 = 0; a < 256; a++) wrong += differences<u8>(<u8>a, 0) + differences<u8>(<u8>a, ARITHMETIC);
    expect(wrong).toBe(0);
  });
  it("of 16, 32 and 64 bits", () => {
    expect(operands<u16>()).toBe(0);
    expect(operands<u32>()).toBe(0);
    expect(operands<u64>()).toBe(0);
  });
});

describe("products", () => {
  it("upper half of an unsigned product", () => {
    expect(mulHighUnsigned(~(<u64>0), ~(<u64>0))).toBe(0xffff_ffff_ffff_fffe);
    let wrong: u32 = 0;
    for (let n: u32 = 0; n < 60; n++) {
      for (let m: u32 = 0; m < 60; m++) {
        const a = factor(n);
        const b = factor(m);
        if (mulHighUnsigned(a, b) != longMultiply(a, b)) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });
  it("upper half of a signed product: the magnitudes' product, negated if the signs differ", () => {
    expect(mulHighSigned(~(<u64>0), ~(<u64>0))).toBe(0);
    expect(mulHighSigned(<u64>1 << 63, <u64>1 << 63)).toBe(<u64>1 << 62);
    let wrong: u32 = 0;
    for (let n: u32 = 0; n < 60; n++) {
      for (let m: u32 = 0; m < 60; m++) {
        const a = factor(n);
        const b = factor(m);
        let high = longMultiply(<i64>a < 0 ? 0 - a : a, <i64>b < 0 ? 0 - b : b);
        if (<i64>(a ^ b) < 0) high = ~high + u64(productLow == 0);
        if (mulHighSigned(a, b) != high) wrong++;
      }
    }
    expect(wrong).toBe(0);
  });
  it("IMUL tells whether the product fits, and keeps the other flags", () => {
    flagsEager(SF | AF);
    expect(imul2<u16>(0x7fff, 2)).toBe(0xfffe);
    expect(arithmeticFlags()).toBe(CF | OF | SF | AF);
    expect(imul2<u16>(0xffff, 0x8000)).toBe(0x8000);
    expect(arithmeticFlags() & (CF | OF)).toBe(CF | OF);
    expect(imul2<u32>(0xffff_ffff, 0x7fff_ffff)).toBe(0x8000_0001);
    expect(arithmeticFlags() & (CF | OF)).toBe(0);
    expect(imul2<u64>(<u64>1 << 32, <u64>1 << 31)).toBe(<u64>1 << 63);
    expect(arithmeticFlags() & (CF | OF)).toBe(CF | OF);
    expect(imul2<u64>(0 - (<u64>1 << 32), <u64>1 << 31)).toBe(<u64>1 << 63);
    expect(arithmeticFlags() & (CF | OF)).toBe(0);
  });
});

describe("CF alone", () => {
  it("changes nothing else, whatever set the flags", () => {
    let wrong: u32 = 0;
    for (let a: u32 = 0; a < 256; a += 3) {
      shl<u8>(<u8>a, 3);
      const before = arithmeticFlags();
      setCF(1);
      if (arithmeticFlags() != (before | CF)) wrong++;
      setCF(0);
      if (arithmeticFlags() != (before & ~CF)) wrong++;
    }
    expect(wrong).toBe(0);
  });
});
