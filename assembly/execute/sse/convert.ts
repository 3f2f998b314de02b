// Conversions between single, double and integers in XMM and general registers (SDM vol. 2, CVT*). The elements
// are in number.ts. Forms with MMX registers are in convert-mmx.ts.

import { SSE_SCRATCH } from "../../layout";
import { uopDst, uopSize } from "../../decode/uop";
import { Rounding } from "../../float/control";
import { setReg32, setReg64 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { completed, roundingMode, start } from "./mxcsr";
import {
  doubleFromInt32,
  doubleFromInt64,
  doubleToInt32,
  doubleToInt64,
  fromInt32,
  fromInt64,
  narrow,
  toInt32,
  toInt64,
  widen,
} from "./number";
import { source128, source32, source64, sourceGeneral, xmmDst } from "./operand";

@inline function commit128(to: usize): i32 {
  if (!completed()) return Status.FAULT;
  v128.store(to, v128.load(SSE_SCRATCH));
  return Status.NEXT;
}

// ---- between the formats --------------------------------------------------------------------------

export function cvtps2pd(u: usize): i32 {
  const from = source64(u);
  if (from == 0) return Status.FAULT;
  start();
  store<u64>(SSE_SCRATCH, widen(load<u32>(from)));
  store<u64>(SSE_SCRATCH, widen(load<u32>(from, 4)), 8);
  return commit128(xmmDst(u));
}
export function cvtpd2ps(u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  start();
  store<u32>(SSE_SCRATCH, narrow(load<u64>(from)));
  store<u32>(SSE_SCRATCH, narrow(load<u64>(from, 8)), 4);
  store<u64>(SSE_SCRATCH, 0, 8);
  return commit128(xmmDst(u));
}
export function cvtss2sd(u: usize): i32 {
  const from = source32(u);
  if (from == 0) return Status.FAULT;
  start();
  const result = widen(load<u32>(from));
  if (!completed()) return Status.FAULT;
  store<u64>(xmmDst(u), result);
  return Status.NEXT;
}
export function cvtsd2ss(u: usize): i32 {
  const from = source64(u);
  if (from == 0) return Status.FAULT;
  start();
  const result = narrow(load<u64>(from));
  if (!completed()) return Status.FAULT;
  store<u32>(xmmDst(u), result);
  return Status.NEXT;
}

// ---- packed integers ------------------------------------------------------------------------------

export function cvtdq2ps(u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  start();
  for (let at: usize = 0; at < 16; at += 4) store<u32>(at, fromInt32(load<i32>(from + at)), SSE_SCRATCH);
  return commit128(xmmDst(u));
}
/** Exact, so nothing is raised. */
export function cvtdq2pd(u: usize): i32 {
  const from = source64(u);
  if (from == 0) return Status.FAULT;
  const low = doubleFromInt32(load<i32>(from));
  const high = doubleFromInt32(load<i32>(from, 4));
  const to = xmmDst(u);
  store<u64>(to, low);
  store<u64>(to, high, 8);
  return Status.NEXT;
}
@inline function singlesToInts(u: usize, mode: u32): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  start();
  for (let at: usize = 0; at < 16; at += 4) store<u32>(at, toInt32(load<u32>(from + at), mode), SSE_SCRATCH);
  return commit128(xmmDst(u));
}
export function cvtps2dq(u: usize): i32 { return singlesToInts(u, roundingMode()); }
export function cvttps2dq(u: usize): i32 { return singlesToInts(u, Rounding.ZERO); }

@inline function doublesToInts(u: usize, mode: u32): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  start();
  store<u32>(SSE_SCRATCH, doubleToInt32(load<u64>(from), mode));
  store<u32>(SSE_SCRATCH, doubleToInt32(load<u64>(from, 8), mode), 4);
  store<u64>(SSE_SCRATCH, 0, 8);
  return commit128(xmmDst(u));
}
export function cvtpd2dq(u: usize): i32 { return doublesToInts(u, roundingMode()); }
export function cvttpd2dq(u: usize): i32 { return doublesToInts(u, Rounding.ZERO); }

// ---- general registers ----------------------------------------------------------------------------

@inline function isWide(u: usize): bool { return uopSize(u) == 3; }

export function cvtsi2ss(u: usize): i32 {
  const from = isWide(u) ? sourceGeneral<u64>(u) : sourceGeneral<u32>(u);
  if (from == 0) return Status.FAULT;
  start();
  const result = isWide(u) ? fromInt64(load<i64>(from)) : fromInt32(load<i32>(from));
  if (!completed()) return Status.FAULT;
  store<u32>(xmmDst(u), result);
  return Status.NEXT;
}
export function cvtsi2sd(u: usize): i32 {
  const from = isWide(u) ? sourceGeneral<u64>(u) : sourceGeneral<u32>(u);
  if (from == 0) return Status.FAULT;
  start();
  const result = isWide(u) ? doubleFromInt64(load<i64>(from)) : doubleFromInt32(load<i32>(from));
  if (!completed()) return Status.FAULT;
  store<u64>(xmmDst(u), result);
  return Status.NEXT;
}

@inline function toGeneral<B>(u: usize, mode: u32): i32 {
  const from = sizeof<B>() == 4 ? source32(u) : source64(u);
  if (from == 0) return Status.FAULT;
  const to = uopDst(u) << 3;
  start();
  if (isWide(u)) {
    const wide = sizeof<B>() == 4 ? toInt64(load<u32>(from), mode) : doubleToInt64(load<u64>(from), mode);
    if (!completed()) return Status.FAULT;
    setReg64(to, wide);
    return Status.NEXT;
  }
  const result = sizeof<B>() == 4 ? toInt32(load<u32>(from), mode) : doubleToInt32(load<u64>(from), mode);
  if (!completed()) return Status.FAULT;
  setReg32(to, result);
  return Status.NEXT;
}
export function cvtss2si(u: usize): i32 { return toGeneral<u32>(u, roundingMode()); }
export function cvttss2si(u: usize): i32 { return toGeneral<u32>(u, Rounding.ZERO); }
export function cvtsd2si(u: usize): i32 { return toGeneral<u64>(u, roundingMode()); }
export function cvttsd2si(u: usize): i32 { return toGeneral<u64>(u, Rounding.ZERO); }
