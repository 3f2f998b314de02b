// CMPPS, CMPPD, CMPSS, CMPSD and COMIS, UCOMIS (SDM vol. 2). Comparisons round nothing: without NaN and
// subnormal operands nothing can be raised, whatever MXCSR says, and the operators of WebAssembly serve.
//
//   predicate   imm8[2:0]: 0 EQ 1 LT 2 LE 3 UNORD; bit 2 negates. A quiet NaN is invalid for LT, LE, NLT, NLE.

import { SSE_SCRATCH } from "../../layout";
import { uopImm } from "../../decode/uop";
import { Relation } from "../../float/control";
import { f64Compare } from "../../float/double";
import { f32Compare } from "../../float/single";
import { flagsEager } from "../../vcpu/flags";
import { Status } from "../../vcpu/status";
import { isOrdinary, ordinaries, relationOf } from "./element";
import { completed, start } from "./mxcsr";
import { source128, source32, source64, xmmDst } from "./operand";

const enum Predicate {
  EQ = 0,
  LT = 1,
  LE = 2,
  UNORD = 3,
  NEQ = 4,
  NLT = 5,
  NLE = 6,
  ORD = 7,
}
@inline function predicateOf(u: usize): u32 { return <u32>uopImm(u) & 7; }

@inline function relation<B>(a: B, b: B, signalling: bool): Relation {
  return sizeof<B>() == 4 ? f32Compare(<u32>a, <u32>b, signalling) : f64Compare(<u64>a, <u64>b, signalling);
}
/** All ones or zero. */
@inline function exactly<B>(predicate: u32, a: B, b: B): B {
  const order = predicate & 3;
  const r = relation<B>(a, b, order == Predicate.LT || order == Predicate.LE);
  let holds: bool;
  if (order == Predicate.EQ) holds = r == Relation.EQUAL;
  else if (order == Predicate.LT) holds = r == Relation.LESS;
  else if (order == Predicate.LE) holds = r == Relation.LESS || r == Relation.EQUAL;
  else holds = r == Relation.UNORDERED;
  return holds != (predicate > 3) ? ~<B>0 : <B>0;
}

@inline function masks<F>(predicate: u32, x: v128, y: v128): v128 {
  switch (predicate) {
    case Predicate.EQ: return v128.eq<F>(x, y);
    case Predicate.LT: return v128.lt<F>(x, y);
    case Predicate.LE: return v128.le<F>(x, y);
    case Predicate.UNORD: return i64x2.splat(0);
    case Predicate.NEQ: return v128.ne<F>(x, y);
    case Predicate.NLT: return v128.ge<F>(x, y);
    case Predicate.NLE: return v128.gt<F>(x, y);
    default: return i64x2.splat(-1);
  }
}
@inline function packed<F, B>(u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const x = v128.load(to);
  const y = v128.load(from);
  const predicate = predicateOf(u);
  if (v128.all_true<B>(v128.and(ordinaries<F>(x), ordinaries<F>(y)))) {
    v128.store(to, masks<F>(predicate, x, y));
    return Status.NEXT;
  }
  start();
  for (let at: usize = 0; at < 16; at += sizeof<B>()) {
    store<B>(at, exactly<B>(predicate, load<B>(to + at), load<B>(from + at)), SSE_SCRATCH);
  }
  if (!completed()) return Status.FAULT;
  v128.store(to, v128.load(SSE_SCRATCH));
  return Status.NEXT;
}

@inline function holdsOrdinarily<F>(predicate: u32, x: F, y: F): bool {
  switch (predicate) {
    case Predicate.EQ: return x == y;
    case Predicate.LT: return x < y;
    case Predicate.LE: return x <= y;
    case Predicate.UNORD: return false;
    case Predicate.NEQ: return x != y;
    case Predicate.NLT: return x >= y;
    case Predicate.NLE: return x > y;
    default: return true;
  }
}
@inline function scalar<F, B>(u: usize): i32 {
  const from = sizeof<B>() == 4 ? source32(u) : source64(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const x = load<F>(to);
  const y = load<F>(from);
  const predicate = predicateOf(u);
  if (isOrdinary<F>(x) && isOrdinary<F>(y)) {
    store<B>(to, holdsOrdinarily<F>(predicate, x, y) ? ~<B>0 : <B>0);
    return Status.NEXT;
  }
  start();
  const mask = exactly<B>(predicate, load<B>(to), load<B>(from));
  if (!completed()) return Status.FAULT;
  store<B>(to, mask);
  return Status.NEXT;
}

@inline function toFlags<F, B>(u: usize, signalling: bool): i32 {
  const from = sizeof<B>() == 4 ? source32(u) : source64(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const x = load<F>(to);
  const y = load<F>(from);
  if (isOrdinary<F>(x) && isOrdinary<F>(y)) {
    flagsEager(relationOf<F>(x, y));
    return Status.NEXT;
  }
  start();
  const result = relation<B>(load<B>(to), load<B>(from), signalling);
  if (!completed()) return Status.FAULT;
  flagsEager(result);
  return Status.NEXT;
}

export function cmpps(u: usize): i32 { return packed<f32, u32>(u); }
export function cmppd(u: usize): i32 { return packed<f64, u64>(u); }
export function cmpss(u: usize): i32 { return scalar<f32, u32>(u); }
export function cmpsd(u: usize): i32 { return scalar<f64, u64>(u); }
export function comiss(u: usize): i32 { return toFlags<f32, u32>(u, true); }
export function comisd(u: usize): i32 { return toFlags<f64, u64>(u, true); }
export function ucomiss(u: usize): i32 { return toFlags<f32, u32>(u, false); }
export function ucomisd(u: usize): i32 { return toFlags<f64, u64>(u, false); }
