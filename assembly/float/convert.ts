// Conversions between single, double and integers with the SSE rules (SDM vol. 1, 11.5.2 and table 4-2 of 4.8;
// APM vol. 1, 4.6.5). Protocol in control.ts.

import { IE, PE, raiseFlags, ROUNDED_UP } from "./control";
import {
  bias,
  exponentOf,
  finish,
  flushed,
  infinity,
  isInfinite,
  isNaN,
  isNegative,
  isSignalling,
  isZero,
  operand,
  pack,
  quietBit,
  signBit,
  significandOf,
} from "./ieee";
import { roundsUp } from "./round";
import { low, shiftRightJam } from "./wide";

// ---- between the formats --------------------------------------------------------------------------

export function f32ToF64(a: u32): u64 {
  const sign = <u64>(a & signBit<u32>()) << 32;
  if (isNaN<u32>(a)) {
    if (isSignalling<u32>(a)) raiseFlags(IE);
    return sign | infinity<u64>() | quietBit<u64>() | ((<u64>a << 41) >> 12);
  }
  a = operand<u32>(a);
  if (isInfinite<u32>(a)) return sign | infinity<u64>();
  if (isZero<u32>(a)) return sign;
  return pack<u64>(sign, exponentOf<u32>(a) + bias<u64>(), significandOf<u32>(a));
}

export function f64ToF32(a: u64): u32 {
  const sign = <u32>(a >> 32) & signBit<u32>();
  if (isNaN<u64>(a)) {
    if (isSignalling<u64>(a)) raiseFlags(IE);
    return sign | infinity<u32>() | quietBit<u32>() | <u32>((a << 12) >> 41);
  }
  a = operand<u64>(a);
  if (isInfinite<u64>(a)) return sign | infinity<u32>();
  if (isZero<u64>(a)) return sign;
  return finish<u32>(sign, exponentOf<u64>(a), significandOf<u64>(a), 0);
}

// ---- from integers --------------------------------------------------------------------------------

@inline function fromInteger<T>(value: i64): T {
  if (value == 0) return 0;
  const sign: T = value < 0 ? signBit<T>() : 0;
  const amount = <u64>(value < 0 ? -value : value);
  const leading = <u32>clz<u64>(amount);
  return finish<T>(sign, 63 - leading, amount << leading, 0);
}
export function i32ToF32(value: i32): u32 { return fromInteger<u32>(value); }
export function i64ToF32(value: i64): u32 { return fromInteger<u32>(value); }
export function i64ToF64(value: i64): u64 { return fromInteger<u64>(value); }

// ---- to integers ----------------------------------------------------------------------------------

/** Rounds +-significand/2^63 * 2^e to an integer of `bits` bits; the indefinite value with IE when it does not fit. */
export function toInteger(sign: bool, e: i32, significand: u64, mode: u32, bits: u32): u64 {
  const largest = <u64>1 << (bits - 1);
  if (e > 63) {
    raiseFlags(IE);
    return <u64>0 - largest;
  }
  let whole = shiftRightJam(significand, 0, <u32>(63 - e));
  const rest = low;
  const up = roundsUp(mode, sign, (whole & 1) != 0, rest);
  // A carry out of 64 bits cannot happen: e = 63 leaves no fraction.
  whole += u64(up);
  if (whole > largest || (whole == largest && !sign)) {
    raiseFlags(IE);
    return <u64>0 - largest;
  }
  if (rest != 0) raiseFlags(up ? PE | ROUNDED_UP : PE);
  return sign ? <u64>0 - whole : whole;
}

@inline function integerOf<T>(a: T, mode: u32, bits: u32): u64 {
  if (isNaN<T>(a) || isInfinite<T>(a)) {
    raiseFlags(IE);
    return <u64>0 - (<u64>1 << (bits - 1));
  }
  if (isZero<T>(flushed<T>(a))) return 0;
  return toInteger(isNegative<T>(a), exponentOf<T>(a), significandOf<T>(a), mode, bits);
}
export function f32ToI32(a: u32, mode: u32): u32 { return <u32>integerOf<u32>(a, mode, 32); }
export function f32ToI64(a: u32, mode: u32): u64 { return integerOf<u32>(a, mode, 64); }
export function f64ToI32(a: u64, mode: u32): u32 { return <u32>integerOf<u64>(a, mode, 32); }
export function f64ToI64(a: u64, mode: u32): u64 { return integerOf<u64>(a, mode, 64); }
