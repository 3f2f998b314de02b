// Lazy flags against flags computed bit by bit with a ripple-carry adder, as the manual defines them (SDM
// vol. 1, 3.4.3.1): every pair of bytes, and boundary and random operands of the wider sizes.

import {
  arithmeticFlags,
  condition,
  flagsAdc,
  flagsAdd,
  flagsDec,
  flagsEager,
  flagsInc,
  flagsLogic,
  flagsResult,
  flagsSbb,
  flagsSub,
  getCF,
  rflags,
  setRflags,
} from "../../assembly/vcpu/flags";
import { AF, ARITHMETIC, CF, DF, IF, OF, PF, RESERVED_ONE, SF, VM, ZF } from "../../assembly/x86/flags";

/** Result of the last sum or difference. */
let result: u64 = 0;

/** SF, ZF and PF of a value. */
function resultFlags(value: u64, bits: u32): u32 {
  let ones: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) ones += <u32>(value >> i) & 1;
  let zero = true;
  for (let i: u32 = 0; i < bits; i++) if (((value >> i) & 1) != 0) zero = false;
  return ((ones & 1) == 0 ? PF : 0) | (zero ? ZF : 0) | (((value >> (bits - 1)) & 1) != 0 ? SF : 0);
}

/** a + b + carry, or a - b - carry, one bit after the other. */
function ripple(a: u64, b: u64, carry: u32, bits: u32, subtract: bool): u32 {
  let flags: u32 = 0;
  let into: u32 = 0;
  let value: u64 = 0;
  for (let i: u32 = 0; i < bits; i++) {
    const x = <u32>(a >> i) & 1;
    const y = <u32>(b >> i) & 1;
    into = carry;
    value |= <u64>(x ^ y ^ carry) << i;
    if (subtract) carry = u32(x < y + carry);
    else carry = u32(x + y + carry > 1);
    if (i == 3 && carry != 0) flags |= AF;
  }
  result = value;
  return flags | (carry != 0 ? CF : 0) | (into != carry ? OF : 0) | resultFlags(value, bits);
}

let seed: u64 = 0x9e3779b97f4a7c15;
function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}
/** Operand n of a series: boundaries first. */
function operand(n: u32, bits: u32): u64 {
  const top = <u64>1 << (bits - 1);
  if (n == 0) return 0;
  if (n == 1) return 1;
  if (n == 2) return top;
  if (n == 3) return top - 1;
  if (n == 4) return top | (top - 1);
  if (n == 5) return 0x0f;
  if (n == 6) return 0x10;
  return random() & (top | (top - 1));
}

/** Differences between lazy and rippled flags of one operand pair under all additive operations. */
function differences<T>(a: u64, b: u64): u32 {
  const bits = <u32>sizeof<T>() * 8;
  let wrong: u32 = 0;
  let want = ripple(a, b, 0, bits, false);
  flagsAdd<T>(<T>a, <T>result);
  if (arithmeticFlags() != want) wrong++;
  want = ripple(a, b, 1, bits, false);
  flagsAdc<T>(<T>a, <T>result, 1);
  if (arithmeticFlags() != want) wrong++;
  want = ripple(a, b, 0, bits, false);
  flagsAdc<T>(<T>a, <T>result, 0);
  if (arithmeticFlags() != want) wrong++;
  want = ripple(a, b, 0, bits, true);
  flagsSub<T>(<T>a, <T>result);
  if (arithmeticFlags() != want) wrong++;
  want = ripple(a, b, 1, bits, true);
  flagsSbb<T>(<T>a, <T>result, 1);
  if (arithmeticFlags() != want) wrong++;
  want = ripple(a, b, 0, bits, true);
  flagsSbb<T>(<T>a, <T>result, 0);
  if (arithmeticFlags() != want) wrong++;
  return wrong;
}
function pairs<T>(count: u32): u32 {
  const bits = <u32>sizeof<T>() * 8;
  let wrong: u32 = 0;
  for (let n: u32 = 0; n < count; n++) {
    for (let m: u32 = 0; m < count; m++) wrong += differences<T>(operand(n, bits), operand(m, bits));
  }
  return wrong;
}
/** INC and DEC of one value: as adding or subtracting 1, with CF kept. */
function steps<T>(a: u64): u32 {
  const bits = <u32>sizeof<T>() * 8;
  let wrong: u32 = 0;
  for (let carry: u32 = 0; carry < 2; carry++) {
    let want = (ripple(a, 1, 0, bits, false) & ~CF) | carry;
    flagsInc<T>(<T>result, carry);
    if (arithmeticFlags() != want) wrong++;
    want = (ripple(a, 1, 0, bits, true) & ~CF) | carry;
    flagsDec<T>(<T>result, carry);
    if (arithmeticFlags() != want) wrong++;
  }
  return wrong;
}
function logic<T>(a: u64): u32 {
  const bits = <u32>sizeof<T>() * 8;
  const given = CF | OF;
  flagsLogic<T>(<T>a);
  let wrong = u32(arithmeticFlags() != resultFlags(a, bits));
  flagsResult<T>(<T>a, given);
  wrong += u32(arithmeticFlags() != (resultFlags(a, bits) | given));
  flagsResult<T>(<T>a, AF);
  return wrong + u32(arithmeticFlags() != (resultFlags(a, bits) | AF));
}
function singles<T>(count: u32): u32 {
  let wrong: u32 = 0;
  for (let n: u32 = 0; n < count; n++) {
    const a = operand(n, <u32>sizeof<T>() * 8);
    wrong += steps<T>(a) + logic<T>(a);
  }
  return wrong;
}

/** Conditions by their names (SDM vol. 1, appendix B, table B-1). */
function holds(cc: u32, flags: u32): bool {
  const c = (flags & CF) != 0;
  const z = (flags & ZF) != 0;
  const s = (flags & SF) != 0;
  const o = (flags & OF) != 0;
  const p = (flags & PF) != 0;
  if (cc == 0) return o;
  if (cc == 1) return !o;
  if (cc == 2) return c;
  if (cc == 3) return !c;
  if (cc == 4) return z;
  if (cc == 5) return !z;
  if (cc == 6) return c || z;
  if (cc == 7) return !c && !z;
  if (cc == 8) return s;
  if (cc == 9) return !s;
  if (cc == 10) return p;
  if (cc == 11) return !p;
  if (cc == 12) return s != o;
  if (cc == 13) return s == o;
  if (cc == 14) return z || s != o;
  return !z && s == o;
}
function wrongConditions(flags: u32): u32 {
  let wrong: u32 = 0;
  for (let cc: u32 = 0; cc < 16; cc++) if (condition(cc) != holds(cc, flags)) wrong++;
  return wrong;
}

describe("lazy flags", () => {
  it("of ADD, ADC, SUB, SBB: all pairs of bytes", () => {
    let wrong: u32 = 0;
    for (let a: u64 = 0; a < 256; a++) for (let b: u64 = 0; b < 256; b++) wrong += differences<u8>(a, b);
    expect(wrong).toBe(0);
  });
  it("of ADD, ADC, SUB, SBB: 16, 32 and 64 bits", () => {
    expect(pairs<u16>(60)).toBe(0);
    expect(pairs<u32>(60)).toBe(0);
    expect(pairs<u64>(60)).toBe(0);
  });
  it("of INC, DEC, logic and shifts", () => {
    let wrong: u32 = 0;
    for (let a: u64 = 0; a < 256; a++) wrong += steps<u8>(a) + logic<u8>(a);
    expect(wrong).toBe(0);
    expect(singles<u16>(200)).toBe(0);
    expect(singles<u32>(200)).toBe(0);
    expect(singles<u64>(200)).toBe(0);
  });
  it("set at once: all 64 combinations, and every condition on them", () => {
    let wrong: u32 = 0;
    for (let n: u32 = 0; n < 64; n++) {
      const flags =
        (n & 1 ? CF : 0) | (n & 2 ? PF : 0) | (n & 4 ? AF : 0) | (n & 8 ? ZF : 0) | (n & 16 ? SF : 0) | (n & 32 ? OF : 0);
      flagsEager(flags);
      if (arithmeticFlags() != flags) wrong++;
      wrong += wrongConditions(flags);
    }
    expect(wrong).toBe(0);
  });
  it("give every condition after a comparison", () => {
    let wrong: u32 = 0;
    for (let a: u64 = 0; a < 256; a += 5) {
      for (let b: u64 = 0; b < 256; b += 3) {
        const flags = ripple(a, b, 0, 8, true);
        flagsSub<u8>(<u8>a, <u8>result);
        wrong += wrongConditions(flags);
      }
    }
    expect(wrong).toBe(0);
  });
  it("known values: 7Fh + 1 and 0 - 1 in bytes", () => {
    flagsAdd<u8>(0x7f, 0x80);
    expect(arithmeticFlags()).toBe(OF | SF | AF);
    flagsSub<u8>(0, 0xff);
    expect(arithmeticFlags()).toBe(CF | PF | AF | SF);
    expect(getCF()).toBe(1);
  });
});

describe("RFLAGS", () => {
  it("joins system and arithmetic flags with the bit that is always 1", () => {
    setRflags(0xffff_ffff);
    flagsLogic<u32>(0);
    expect(rflags() & ARITHMETIC).toBe(ZF | PF);
    setRflags(IF | DF | CF);
    expect(rflags()).toBe(IF | DF | CF | RESERVED_ONE);
  });
  it("drops bits that do not exist", () => {
    setRflags(0xffff_ffff);
    // Bits 1, 3, 5, 15 and 31:22 are fixed.
    expect(rflags() & 0xffc0_802a).toBe(RESERVED_ONE);
    expect(rflags() & VM).toBe(VM);
  });
});
