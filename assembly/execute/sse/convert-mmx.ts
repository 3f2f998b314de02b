// Conversions between XMM and MMX registers (SDM vol. 2, CVTPI2PS and others; vol. 1, 9.6.6, 11.6.6). They wait for
// pending x87 exceptions and put the x87 unit into MMX use, which holds even if #XM stops them; CVTPI2PD and
// CVTPI2PS with an operand in memory have nothing to do with that unit (measured on AMD processors).

import { SSE_SCRATCH } from "../../layout";
import { uopDst } from "../../decode/uop";
import { Rounding } from "../../float/control";
import { Status } from "../../vcpu/status";
import { isMemory } from "../operand";
import { quiet } from "../x87/ready";
import { completed, roundingMode, start } from "./mxcsr";
import { doubleFromInt32, doubleToInt32, fromInt32, toInt32 } from "./number";
import { enterMmx, setMmx, source128, source64, sourceMmx, xmmDst } from "./operand";

export function cvtpi2ps(u: usize): i32 {
  if (!isMemory(u) && !quiet()) return Status.FAULT;
  const from = sourceMmx(u);
  if (from == 0) return Status.FAULT;
  if (!isMemory(u)) enterMmx();
  start();
  store<u32>(SSE_SCRATCH, fromInt32(load<i32>(from)));
  store<u32>(SSE_SCRATCH, fromInt32(load<i32>(from, 4)), 4);
  if (!completed()) return Status.FAULT;
  store<u64>(xmmDst(u), load<u64>(SSE_SCRATCH));
  return Status.NEXT;
}
export function cvtpi2pd(u: usize): i32 {
  if (!isMemory(u) && !quiet()) return Status.FAULT;
  const from = sourceMmx(u);
  if (from == 0) return Status.FAULT;
  const low = doubleFromInt32(load<i32>(from));
  const high = doubleFromInt32(load<i32>(from, 4));
  if (!isMemory(u)) enterMmx();
  const to = xmmDst(u);
  store<u64>(to, low);
  store<u64>(to, high, 8);
  return Status.NEXT;
}

@inline function singles(u: usize, mode: u32): i32 {
  if (!quiet()) return Status.FAULT;
  const from = source64(u);
  if (from == 0) return Status.FAULT;
  enterMmx();
  start();
  const low = toInt32(load<u32>(from), mode);
  const high = toInt32(load<u32>(from, 4), mode);
  if (!completed()) return Status.FAULT;
  setMmx(uopDst(u), <u64>low | (<u64>high << 32));
  return Status.NEXT;
}
export function cvtps2pi(u: usize): i32 { return singles(u, roundingMode()); }
export function cvttps2pi(u: usize): i32 { return singles(u, Rounding.ZERO); }

@inline function doubles(u: usize, mode: u32): i32 {
  if (!quiet()) return Status.FAULT;
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  enterMmx();
  start();
  const low = doubleToInt32(load<u64>(from), mode);
  const high = doubleToInt32(load<u64>(from, 8), mode);
  if (!completed()) return Status.FAULT;
  setMmx(uopDst(u), <u64>low | (<u64>high << 32));
  return Status.NEXT;
}
export function cvtpd2pi(u: usize): i32 { return doubles(u, roundingMode()); }
export function cvttpd2pi(u: usize): i32 { return doubles(u, Rounding.ZERO); }
