// FPREM, FPREM1, FSCALE and FXTRACT on extended values (SDM vol. 2; APM vol. 5). All are exact but for results
// that FSCALE takes out of range. Protocol in control.ts.

import { raiseFlags, resultExponent, ZE } from "./control";
import { extFromInteger } from "./extended-convert";
import {
  BIAS,
  exponentOf,
  finish,
  infinite,
  invalid,
  isInfinite,
  isNegative,
  isSpecial,
  isZero,
  noteSubnormal,
  result,
  SIGN,
  significandOf,
  special,
  special1,
  zero,
} from "./extended";

/** A remainder was computed: no operand was invalid or a NaN. */
export let reduced: bool = false;
/** Lowest three bits of the quotient, and whether the reduction must go on (C2). */
export let quotient: u32 = 0;
export let incomplete: bool = false;

/** Remainder of a by b; `nearest`: with the quotient rounded to nearest (FPREM1) instead of truncated. */
export function extRemainder(aSe: u32, a: u64, bSe: u32, b: u64, nearest: bool): u64 {
  quotient = 0;
  incomplete = false;
  reduced = false;
  if (isSpecial(aSe, a) || isSpecial(bSe, b)) return special(aSe, a, bSe, b);
  if (isInfinite(aSe, a) || isZero(bSe, b)) return invalid();
  noteSubnormal(aSe, a);
  noteSubnormal(bSe, b);
  reduced = true;
  if (a == 0) return zero(aSe);
  const sign = aSe & SIGN;
  const aExponent = exponentOf(aSe, a);
  if (isInfinite(bSe, b)) return finish(sign, aExponent, significandOf(a), 0, 64);
  const bExponent = exponentOf(bSe, b);
  const divisor = significandOf(b);
  let rest = significandOf(a);
  const distance = aExponent - bExponent;
  if (distance < 0) {
    // |b| / 2 < |a| < |b| rounds up to a quotient of 1.
    if (!nearest || distance < -1 || rest <= divisor) return finish(sign, aExponent, rest, 0, 64);
    quotient = 1;
    return remainderOf(sign ^ SIGN, aExponent, divisor - (rest - divisor));
  }
  incomplete = distance >= 64;
  const steps = incomplete ? 32 + (distance & 31) : distance;
  let q: u32 = 0;
  if (rest >= divisor) {
    rest -= divisor;
    q = 1;
  }
  for (let i = 0; i < steps; i++) {
    const carry = rest >> 63 != 0;
    rest <<= 1;
    q <<= 1;
    if (carry || rest >= divisor) {
      rest -= divisor;
      q |= 1;
    }
  }
  if (incomplete) return remainderOf(sign, aExponent - steps, rest);
  const complement = divisor - rest;
  if (nearest && (rest > complement || (rest == complement && (q & 1) != 0))) {
    quotient = (q + 1) & 7;
    return remainderOf(sign ^ SIGN, bExponent, complement);
  }
  quotient = q & 7;
  // A zero has the sign of the dividend.
  return remainderOf(sign, bExponent, rest);
}
/** rest / 2^63 * 2^e. */
function remainderOf(sign: u32, e: i32, rest: u64): u64 {
  if (rest == 0) return zero(sign);
  const leading = <i32>clz<u64>(rest);
  return finish(sign, e - leading, rest << leading, 0, 64);
}

/** a * 2^trunc(b). */
export function extScale(aSe: u32, a: u64, bSe: u32, b: u64): u64 {
  if (isSpecial(aSe, a) || isSpecial(bSe, b)) return special(aSe, a, bSe, b);
  const sign = aSe & SIGN;
  if (isInfinite(bSe, b)) {
    const down = isNegative(bSe);
    if (down ? isInfinite(aSe, a) : isZero(aSe, a)) return invalid();
    noteSubnormal(aSe, a);
    return down ? zero(sign) : infinite(sign);
  }
  noteSubnormal(aSe, a);
  noteSubnormal(bSe, b);
  if (isZero(aSe, a) || isInfinite(aSe, a)) return result(aSe, a);
  return finish(sign, exponentOf(aSe, a) + truncated(bSe, b), significandOf(a), 0, 64);
}
/** Integer part, limited to what takes every exponent out of range. */
function truncated(se: u32, s: u64): i32 {
  if (isZero(se, s)) return 0;
  const e = exponentOf(se, s);
  if (e < 0) return 0;
  const amount = e > 16 ? 0x1_ffff : <i32>(s >> (63 - e));
  return isNegative(se) ? -amount : amount;
}

/** The second result of the last extExtract. */
export let fractionExponent: u32 = 0;
export let fraction: u64 = 0;

/** FXTRACT: returns the exponent as a number; the value brought to [1, 2) is in fractionExponent and fraction. */
export function extExtract(se: u32, s: u64): u64 {
  fractionExponent = se;
  fraction = s;
  if (isSpecial(se, s)) {
    const value = special1(se, s);
    fraction = value;
    fractionExponent = resultExponent();
    return value;
  }
  if (isZero(se, s)) {
    raiseFlags(ZE);
    return infinite(SIGN);
  }
  if (isInfinite(se, s)) return infinite(0);
  noteSubnormal(se, s);
  fractionExponent = (se & SIGN) | <u32>BIAS;
  fraction = significandOf(s);
  return extFromInteger(exponentOf(se, s));
}
