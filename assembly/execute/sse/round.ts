// ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD (SDM vol. 2):  imm8  3 do not report PE | 2 mode of MXCSR, else of 1:0.

import { SSE_SCRATCH } from "../../layout";
import { uopImm } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { completed, roundingMode, start } from "./mxcsr";
import { round32, round64 } from "./number";
import { source128, source32, source64, xmmDst } from "./operand";

const SILENT: u32 = 8;
const BY_MXCSR: u32 = 4;

@inline function element<B>(a: B, u: usize): B {
  const imm = <u32>uopImm(u);
  const mode = (imm & BY_MXCSR) != 0 ? roundingMode() : imm & 3;
  const silent = (imm & SILENT) != 0;
  return sizeof<B>() == 4 ? <B>round32(<u32>a, mode, silent) : <B>round64(<u64>a, mode, silent);
}
@inline function packed<B>(u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  start();
  for (let at: usize = 0; at < 16; at += sizeof<B>()) store<B>(at, element<B>(load<B>(from + at), u), SSE_SCRATCH);
  if (!completed()) return Status.FAULT;
  v128.store(xmmDst(u), v128.load(SSE_SCRATCH));
  return Status.NEXT;
}
@inline function scalar<B>(u: usize): i32 {
  const from = sizeof<B>() == 4 ? source32(u) : source64(u);
  if (from == 0) return Status.FAULT;
  start();
  const result = element<B>(load<B>(from), u);
  if (!completed()) return Status.FAULT;
  store<B>(xmmDst(u), result);
  return Status.NEXT;
}

export function roundps(u: usize): i32 { return packed<u32>(u); }
export function roundpd(u: usize): i32 { return packed<u64>(u); }
export function roundss(u: usize): i32 { return scalar<u32>(u); }
export function roundsd(u: usize): i32 { return scalar<u64>(u); }
