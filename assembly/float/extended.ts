// Arithmetic on 80-bit extended values with the x87 rules (SDM vol. 1, 4.8.3, 8.2, 8.5 and table 4-7; APM vol. 1,
// 6.3, 6.8). Protocol in control.ts; results are rounded to PRECISION bits where the x87 does so.
//
//   79 sign | 78:64 exponent, bias 16383 | 63 integer bit | 62:0 fraction
//
//   exponent 0, integer bit 1      pseudo-denormal: the value that exponent 1 would give, and DE
//   exponent > 0, integer bit 0    unnormal, pseudo-NaN or pseudo-infinity: IE wherever it is an operand
//   exponent 7FFFh                 infinity (fraction 0) or NaN; bit 62 makes it quiet
//
// Of two NaN operands the one with the larger significand is taken, a quiet one before a signalling one.

import {
  DE,
  IE,
  PRECISION,
  raiseFlags,
  Relation,
  resultExponent,
  Rounding,
  rounding,
  setResultExponent,
  ZE,
} from "./control";
import { difference, exponent, flipped, product, quotient, root, sum, tail } from "./finite";
import { round } from "./round";

export const SIGN: u32 = 0x8000;
/** Marks an operand that was subnormal in a narrower format (never in a result). */
export const SUBNORMAL: u32 = 0x10000;
export const MAXIMUM: u32 = 0x7fff;
export const BIAS: i32 = 16383;
/** What unmasked underflow and overflow add to or take from the exponent of a register result. */
export const WRAP: i32 = 24576;
export const INTEGER_BIT: u64 = 1 << 63;
export const QUIET_BIT: u64 = 1 << 62;
export const INDEFINITE_EXPONENT: u32 = 0xffff;
export const INDEFINITE: u64 = INTEGER_BIT | QUIET_BIT;

// ---- classes --------------------------------------------------------------------------------------

@inline export function exponentField(se: u32): u32 { return se & MAXIMUM; }
@inline export function isNegative(se: u32): bool { return (se & SIGN) != 0; }
@inline export function isZero(se: u32, s: u64): bool { return s == 0 && exponentField(se) == 0; }
@inline export function isUnsupported(se: u32, s: u64): bool { return exponentField(se) != 0 && (s & INTEGER_BIT) == 0; }
@inline export function isInfinite(se: u32, s: u64): bool { return exponentField(se) == MAXIMUM && s == INTEGER_BIT; }
@inline export function isNaN(se: u32, s: u64): bool { return exponentField(se) == MAXIMUM && s > INTEGER_BIT; }
@inline export function isSignalling(se: u32, s: u64): bool { return isNaN(se, s) && (s & QUIET_BIT) == 0; }
/** Denormals and pseudo-denormals. */
@inline function isSubnormal(se: u32, s: u64): bool { return exponentField(se) == 0 && s != 0; }

/** Exponent of the leading bit of a finite non-zero value, and the significand moved there. */
@inline export function exponentOf(se: u32, s: u64): i32 {
  const biased = <i32>exponentField(se);
  return biased != 0 ? biased - BIAS : 1 - BIAS - <i32>clz<u64>(s);
}
@inline export function significandOf(s: u64): u64 { return s << clz<u64>(s); }

// ---- results --------------------------------------------------------------------------------------

@inline export function result(se: u32, s: u64): u64 {
  setResultExponent(se);
  return s;
}
export function invalid(): u64 {
  raiseFlags(IE);
  return result(INDEFINITE_EXPONENT, INDEFINITE);
}
/** Rounds a finite non-zero value to `p` bits. */
export function finish(sign: u32, e: i32, high: u64, low: u64, p: u32): u64 {
  const significand = round(sign != 0, e, high, low, p, BIAS, WRAP);
  return result(sign | resultExponent(), significand);
}
@inline function rounded(sign: u32, e: i32, high: u64, low: u64): u64 {
  return finish(sign, e, high, low, load<u32>(PRECISION));
}
@inline export function infinite(sign: u32): u64 { return result(sign | MAXIMUM, INTEGER_BIT); }
@inline export function zero(sign: u32): u64 { return result(sign, 0); }

/** NaN or unsupported operand: nothing to compute. */
@inline export function isSpecial(se: u32, s: u64): bool { return isUnsupported(se, s) || isNaN(se, s); }
/** The result where an operand is a NaN or unsupported. */
export function special(aSe: u32, a: u64, bSe: u32, b: u64): u64 {
  if (isUnsupported(aSe, a) || isUnsupported(bSe, b)) return invalid();
  const aSignals = isSignalling(aSe, a);
  const bSignals = isSignalling(bSe, b);
  if (aSignals || bSignals) raiseFlags(IE);
  let first: bool;
  if (!isNaN(bSe, b)) first = true;
  else if (!isNaN(aSe, a)) first = false;
  else if (aSignals != bSignals) first = bSignals;
  else if (a != b) first = a > b;
  else first = !isNegative(aSe);
  return first ? result(aSe, a | QUIET_BIT) : result(bSe, b | QUIET_BIT);
}
/** The same for one operand. */
export function special1(se: u32, s: u64): u64 {
  if (isUnsupported(se, s)) return invalid();
  if (isSignalling(se, s)) raiseFlags(IE);
  return result(se, s | QUIET_BIT);
}
@inline export function noteSubnormal(se: u32, s: u64): void {
  if (isSubnormal(se, s) || (se & SUBNORMAL) != 0) raiseFlags(DE);
}

// ---- arithmetic -----------------------------------------------------------------------------------

/** a + b, or a - b where `flip` is SIGN. */
export function extAdd(aSe: u32, a: u64, bSe: u32, b: u64, flip: u32): u64 {
  if (isSpecial(aSe, a) || isSpecial(bSe, b)) return special(aSe, a, bSe, b);
  noteSubnormal(aSe, a);
  noteSubnormal(bSe, b);
  bSe ^= flip;
  const sign = aSe & SIGN;
  const opposite = ((aSe ^ bSe) & SIGN) != 0;
  if (isInfinite(aSe, a)) return isInfinite(bSe, b) && opposite ? invalid() : infinite(sign);
  if (isInfinite(bSe, b)) return infinite(bSe & SIGN);
  const cancelled: u32 = rounding() == Rounding.DOWN ? SIGN : 0;
  if (a == 0) {
    if (b == 0) return zero(opposite ? cancelled : sign);
    return rounded(bSe & SIGN, exponentOf(bSe, b), significandOf(b), 0);
  }
  if (b == 0) return rounded(sign, exponentOf(aSe, a), significandOf(a), 0);
  if (!opposite) {
    const high = sum(exponentOf(aSe, a), significandOf(a), exponentOf(bSe, b), significandOf(b));
    return rounded(sign, exponent, high, tail);
  }
  const high = difference(exponentOf(aSe, a), significandOf(a), exponentOf(bSe, b), significandOf(b));
  if (high == 0) return zero(cancelled);
  return rounded(flipped ? sign ^ SIGN : sign, exponent, high, tail);
}

export function extMul(aSe: u32, a: u64, bSe: u32, b: u64): u64 {
  if (isSpecial(aSe, a) || isSpecial(bSe, b)) return special(aSe, a, bSe, b);
  const sign = (aSe ^ bSe) & SIGN;
  if (isInfinite(aSe, a) || isInfinite(bSe, b)) {
    if (isZero(aSe, a) || isZero(bSe, b)) return invalid();
    noteSubnormal(aSe, a);
    noteSubnormal(bSe, b);
    return infinite(sign);
  }
  noteSubnormal(aSe, a);
  noteSubnormal(bSe, b);
  if (a == 0 || b == 0) return zero(sign);
  const high = product(exponentOf(aSe, a), significandOf(a), exponentOf(bSe, b), significandOf(b));
  return rounded(sign, exponent, high, tail);
}

export function extDiv(aSe: u32, a: u64, bSe: u32, b: u64): u64 {
  if (isSpecial(aSe, a) || isSpecial(bSe, b)) return special(aSe, a, bSe, b);
  const sign = (aSe ^ bSe) & SIGN;
  if (isZero(bSe, b) && !isInfinite(aSe, a)) {
    if (a == 0) return invalid();
    raiseFlags(ZE);
    return infinite(sign);
  }
  if (isInfinite(aSe, a) && isInfinite(bSe, b)) return invalid();
  noteSubnormal(aSe, a);
  noteSubnormal(bSe, b);
  if (isInfinite(aSe, a)) return infinite(sign);
  if (isInfinite(bSe, b) || a == 0) return zero(sign);
  const high = quotient(exponentOf(aSe, a), significandOf(a), exponentOf(bSe, b), significandOf(b));
  return rounded(sign, exponent, high, tail);
}

export function extSqrt(se: u32, s: u64): u64 {
  if (isSpecial(se, s)) return special1(se, s);
  if (isZero(se, s)) return zero(se);
  if (isNegative(se)) return invalid();
  noteSubnormal(se, s);
  if (isInfinite(se, s)) return infinite(0);
  const high = root(exponentOf(se, s), significandOf(s));
  return rounded(0, exponent, high, tail);
}

// ---- comparison -----------------------------------------------------------------------------------

export function extCompare(aSe: u32, a: u64, bSe: u32, b: u64, signalling: bool): Relation {
  if (isSpecial(aSe, a) || isSpecial(bSe, b)) {
    if (
      signalling || isUnsupported(aSe, a) || isUnsupported(bSe, b) || isSignalling(aSe, a) || isSignalling(bSe, b)
    ) raiseFlags(IE);
    return Relation.UNORDERED;
  }
  noteSubnormal(aSe, a);
  noteSubnormal(bSe, b);
  if (isZero(aSe, a) && isZero(bSe, b)) return Relation.EQUAL;
  if (((aSe ^ bSe) & SIGN) != 0) return isNegative(aSe) ? Relation.LESS : Relation.GREATER;
  const order = compareMagnitude(aSe, a, bSe, b);
  if (order == 0) return Relation.EQUAL;
  return (order < 0) != isNegative(aSe) ? Relation.LESS : Relation.GREATER;
}
/** Sign of |a| - |b|. A pseudo-denormal equals the normal number with exponent 1. */
function compareMagnitude(aSe: u32, a: u64, bSe: u32, b: u64): i32 {
  const aField = exponentField(aSe) + u32(exponentField(aSe) == 0);
  const bField = exponentField(bSe) + u32(exponentField(bSe) == 0);
  if (aField != bField) return aField < bField ? -1 : 1;
  return a == b ? 0 : a < b ? -1 : 1;
}
