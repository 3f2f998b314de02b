// Single conversions and roundings of SSE: one element in, one out, quickly where a WebAssembly operator does the same
// and nothing else is to be seen (mxcsr.ts), exactly otherwise. A handler calls start() before and completed()
// behind them. Conversions to integers do not look at subnormal operands, and an integral operand raises
// nothing in any mode, so those need no particular MXCSR.

import { clearFlags, flags, PE, Rounding } from "../../float/control";
import {
  f32ToF64,
  f32ToI32,
  f32ToI64,
  f64ToF32,
  f64ToI32,
  f64ToI64,
  i32ToF32,
  i64ToF32,
  i64ToF64,
} from "../../float/convert";
import { f64Round } from "../../float/double";
import { f32Round } from "../../float/single";
import { isAboveTiny, isOrdinary } from "./element";
import { inexactHidden, inexactSeen, leavesNoTrace, roundsPlainly } from "./mxcsr";

// ---- between the formats --------------------------------------------------------------------------

export function widen(a: u32): u64 {
  const x = reinterpret<f32>(a);
  return isOrdinary<f32>(x) ? reinterpret<u64>(<f64>x) : f32ToF64(a);
}
export function narrow(a: u64): u32 {
  if (roundsPlainly()) {
    const x = reinterpret<f64>(a);
    const r = <f32>x;
    const inRange = (isAboveTiny<f32>(r) && abs<f32>(r) < <f32>Infinity) || x == 0;
    if (inRange && (inexactSeen() || <f64>r == x)) return reinterpret<u32>(r);
  }
  return f64ToF32(a);
}

// ---- from integers --------------------------------------------------------------------------------

/** Bits from the first one to the last one. */
@inline function extent(value: i64): u64 {
  const amount = <u64>(value < 0 ? -value : value);
  return 64 - clz<u64>(amount) - ctz<u64>(amount);
}
export function fromInt32(value: i32): u32 {
  if (leavesNoTrace() || extent(value) <= 24) return reinterpret<u32>(<f32>value);
  return i32ToF32(value);
}
export function fromInt64(value: i64): u32 {
  if (leavesNoTrace() || extent(value) <= 24) return reinterpret<u32>(<f32>value);
  return i64ToF32(value);
}
/** Every 32-bit integer is a double. */
@inline export function doubleFromInt32(value: i32): u64 { return reinterpret<u64>(<f64>value); }
export function doubleFromInt64(value: i64): u64 {
  if (leavesNoTrace() || extent(value) <= 53) return reinterpret<u64>(<f64>value);
  return i64ToF64(value);
}

// ---- to integers ----------------------------------------------------------------------------------

@inline function integral<F>(x: F, mode: u32): F {
  switch (mode) {
    case Rounding.NEAREST: return nearest<F>(x);
    case Rounding.DOWN: return floor<F>(x);
    case Rounding.UP: return ceil<F>(x);
    default: return trunc<F>(x);
  }
}
/** Integral value t of x may be delivered as it is, if it is in range. */
@inline function settled<F>(x: F, t: F): bool { return t == x || inexactHidden(); }

export function toInt32(a: u32, mode: u32): u32 {
  const x = reinterpret<f32>(a);
  const t = integral<f32>(x, mode);
  if (t >= -2147483648 && t < 2147483648 && settled<f32>(x, t)) return <u32>(<i32>t);
  return f32ToI32(a, mode);
}
export function toInt64(a: u32, mode: u32): u64 {
  const x = reinterpret<f32>(a);
  const t = integral<f32>(x, mode);
  if (t >= -9223372036854775808.0 && t < 9223372036854775808.0 && settled<f32>(x, t)) return <u64>(<i64>t);
  return f32ToI64(a, mode);
}
export function doubleToInt32(a: u64, mode: u32): u32 {
  const x = reinterpret<f64>(a);
  const t = integral<f64>(x, mode);
  if (t >= -2147483648 && t < 2147483648 && settled<f64>(x, t)) return <u32>(<i32>t);
  return f64ToI32(a, mode);
}
export function doubleToInt64(a: u64, mode: u32): u64 {
  const x = reinterpret<f64>(a);
  const t = integral<f64>(x, mode);
  if (t >= -9223372036854775808.0 && t < 9223372036854775808.0 && settled<f64>(x, t)) return <u64>(<i64>t);
  return f64ToI64(a, mode);
}

// ---- to integral values ---------------------------------------------------------------------------

/** `silent`: an inexact result is not reported (imm8[3] of ROUNDSS). */
export function round32(a: u32, mode: u32, silent: bool): u32 {
  const x = reinterpret<f32>(a);
  if (isOrdinary<f32>(x)) {
    const t = integral<f32>(x, mode);
    if (silent || t == x || inexactHidden()) return reinterpret<u32>(t);
  }
  const before = flags();
  const result = f32Round(a, mode);
  if (silent) clearFlags(PE & ~before);
  return result;
}
export function round64(a: u64, mode: u32, silent: bool): u64 {
  const x = reinterpret<f64>(a);
  if (isOrdinary<f64>(x)) {
    const t = integral<f64>(x, mode);
    if (silent || t == x || inexactHidden()) return reinterpret<u64>(t);
  }
  const before = flags();
  const result = f64Round(a, mode);
  if (silent) clearFlags(PE & ~before);
  return result;
}
