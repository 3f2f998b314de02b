// Conversions between 80-bit extended values and single, double, integers and packed decimal with the x87 rules
// (SDM vol. 1, 4.8, 8.5; vol. 2, FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP; APM vol. 1, 6.3). Protocol in control.ts.

import { clearFlags, DE, IE, PE, raiseFlags, ROUNDED_UP, rounding } from "./control";
import { toInteger } from "./convert";
import {
  BIAS,
  exponentOf,
  INTEGER_BIT,
  infinite,
  isInfinite,
  isNaN,
  isNegative,
  isSignalling,
  isSpecial,
  isUnsupported,
  isZero,
  MAXIMUM,
  noteSubnormal,
  result,
  SIGN,
  SUBNORMAL,
  significandOf,
  special1,
  zero,
} from "./extended";
import * as ieee from "./ieee";
import { roundsUp } from "./round";

// ---- from narrower formats ------------------------------------------------------------------------

@inline function fromIeee<T>(a: T): u64 {
  const sign: u32 = ieee.isNegative<T>(a) ? SIGN : 0;
  if (ieee.isNaN<T>(a)) {
    if (ieee.isSignalling<T>(a)) raiseFlags(IE);
    const quiet = a | ieee.quietBit<T>();
    return result(sign | MAXIMUM, INTEGER_BIT | (<u64>quiet << (<u64>64 - <u64>ieee.precision<T>())));
  }
  if (ieee.isInfinite<T>(a)) return infinite(sign);
  if (ieee.isZero<T>(a)) return zero(sign);
  if (ieee.isSubnormal<T>(a)) raiseFlags(DE);
  return result(sign | <u32>(ieee.exponentOf<T>(a) + BIAS), ieee.significandOf<T>(a));
}
export function extFromF32(a: u32): u64 { return fromIeee<u32>(a); }
export function extFromF64(a: u64): u64 { return fromIeee<u64>(a); }

/**
 * A narrower value as an operand of arithmetic: signalling NaNs stay so, and a subnormal number carries SUBNORMAL in
 * its exponent word, so that the operation raises DE if it comes to that.
 */
@inline function widen<T>(a: T): u64 {
  const sign: u32 = ieee.isNegative<T>(a) ? SIGN : 0;
  if (ieee.isNaN<T>(a)) {
    return result(sign | MAXIMUM, INTEGER_BIT | ((<u64>a << (<u64>64 - <u64>ieee.precision<T>())) & ~INTEGER_BIT));
  }
  if (ieee.isInfinite<T>(a)) return infinite(sign);
  if (ieee.isZero<T>(a)) return zero(sign);
  const marked = ieee.isSubnormal<T>(a) ? SUBNORMAL : 0;
  return result(marked | sign | <u32>(ieee.exponentOf<T>(a) + BIAS), ieee.significandOf<T>(a));
}
export function extWidenF32(a: u32): u64 { return widen<u32>(a); }
export function extWidenF64(a: u64): u64 { return widen<u64>(a); }

export function extFromInteger(value: i64): u64 {
  if (value == 0) return zero(0);
  return fromMagnitude(value < 0 ? SIGN : 0, <u64>(value < 0 ? -value : value));
}
function fromMagnitude(sign: u32, amount: u64): u64 {
  const leading = <u32>clz<u64>(amount);
  return result(sign | (<u32>BIAS + 63 - leading), amount << leading);
}

// ---- to narrower formats --------------------------------------------------------------------------

@inline function toIeee<T>(se: u32, s: u64): T {
  const sign: T = isNegative(se) ? ieee.signBit<T>() : 0;
  if (isUnsupported(se, s)) return ieee.invalid<T>();
  if (isNaN(se, s)) {
    if (isSignalling(se, s)) raiseFlags(IE);
    return sign | ieee.infinity<T>() | ieee.quietBit<T>() | <T>((s << 1) >> (<u64>65 - <u64>ieee.precision<T>()));
  }
  if (isInfinite(se, s)) return sign | ieee.infinity<T>();
  if (isZero(se, s)) return sign;
  return ieee.finish<T>(sign, exponentOf(se, s), significandOf(s), 0);
}
export function extToF32(se: u32, s: u64): u32 { return toIeee<u32>(se, s); }
export function extToF64(se: u32, s: u64): u64 { return toIeee<u64>(se, s); }

/** To an integer of 16, 32 or 64 bits. */
export function extToInteger(se: u32, s: u64, mode: u32, bits: u32): u64 {
  if (isUnsupported(se, s) || (se & MAXIMUM) == MAXIMUM) {
    raiseFlags(IE);
    return <u64>0 - (<u64>1 << (bits - 1));
  }
  if (isZero(se, s)) return 0;
  return toInteger(isNegative(se), exponentOf(se, s), significandOf(s), mode, bits);
}

/** Integral value in the same format (FRNDINT). */
export function extRoundIntegral(se: u32, s: u64): u64 {
  if (isSpecial(se, s)) return special1(se, s);
  if (isZero(se, s)) return result(se, s);
  noteSubnormal(se, s);
  const e = exponentOf(se, s);
  if (e >= 63) return result(se, s);
  const sign = se & SIGN;
  if (e < 0) {
    // 0 or 1. Of a number below a half it only counts that it is not 0.
    const up = roundsUp(rounding(), sign != 0, false, e == -1 ? significandOf(s) : 1);
    raiseFlags(up ? PE | ROUNDED_UP : PE);
    return up ? result(sign | <u32>BIAS, INTEGER_BIT) : zero(sign);
  }
  const unit = <u64>1 << (63 - e);
  const whole = s & ~(unit - 1);
  if (whole == s) return result(se, s);
  const up = roundsUp(rounding(), sign != 0, (whole & unit) != 0, (s - whole) << (1 + e));
  raiseFlags(up ? PE | ROUNDED_UP : PE);
  if (!up) return result(se, whole);
  const sum = whole + unit;
  return sum == 0 ? result(se + 1, INTEGER_BIT) : result(se, sum);
}

// ---- packed decimal -------------------------------------------------------------------------------
//
//   79 sign | 78:72 unused | 71:0 eighteen digits of four bits

/** Digits 0-15 in `digits`, 16 and 17 in the low byte of `top`, whose bit 15 is the sign. Never fails. */
export function extFromDecimal(digits: u64, top: u32): u64 {
  let value: u64 = ((top >> 4) & 15) * 10 + (top & 15);
  for (let shift: i64 = 60; shift >= 0; shift -= 4) value = value * 10 + ((digits >> <u64>shift) & 15);
  const sign = top & SIGN;
  return value == 0 ? zero(sign) : fromMagnitude(sign, value);
}

/** Largest magnitude of eighteen digits. */
const DECIMAL_LIMIT: u64 = 999_999_999_999_999_999;
/** Upper 16 bits of the last decimal result. */
export let decimalTop: u32 = 0;

/** To packed decimal: the lower sixteen digits; the rest in decimalTop. */
export function extToDecimal(se: u32, s: u64, mode: u32): u64 {
  const negative = isNegative(se);
  let value: u64 = 0;
  let fits = !isUnsupported(se, s) && (se & MAXIMUM) != MAXIMUM;
  if (fits && !isZero(se, s)) {
    const e = exponentOf(se, s);
    if (e >= 60) fits = false;
    else {
      const integer = extToInteger(se, s, mode, 64);
      value = negative ? <u64>0 - integer : integer;
      fits = value <= DECIMAL_LIMIT;
    }
  }
  if (!fits) {
    clearFlags(PE | ROUNDED_UP);
    raiseFlags(IE);
    decimalTop = 0xffff;
    return 0xc000_0000_0000_0000;
  }
  let digits: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 4) {
    digits |= value % 10 << shift;
    value /= 10;
  }
  decimalTop = (negative ? SIGN : 0) | <u32>(value % 10) | (<u32>(value / 10) << 4);
  return digits;
}
