// ADD, SUB, MUL, DIV, SQRT, MIN, MAX on packed and scalar single and double precision (SDM vol. 2; vol. 1, 11.5).
// The quick way and its conditions are in element.ts; the exact way computes all elements before anything
// is written. Scalar forms leave the rest of the destination alone.

import { SSE_SCRATCH } from "../../layout";
import { Status } from "../../vcpu/status";
import { allSettled, Arithmetic, exact, isSettled, operator, operators } from "./element";
import { completed, start } from "./mxcsr";
import { source128, source32, source64, xmmDst } from "./operand";

// Operands of the exact way, and its result.
const RESULT: usize = SSE_SCRATCH;
const FIRST: usize = SSE_SCRATCH + 16;
const SECOND: usize = SSE_SCRATCH + 32;

@inline function elements<B>(even: Arithmetic, odd: Arithmetic, to: usize): i32 {
  start();
  for (let at: usize = 0; at < 16; at += sizeof<B>()) {
    const operation = (at & sizeof<B>()) == 0 ? even : odd;
    store<B>(at, exact<B>(operation, load<B>(at, FIRST), load<B>(at, SECOND)), RESULT);
  }
  if (!completed()) return Status.FAULT;
  v128.store(to, v128.load(RESULT));
  return Status.NEXT;
}
function elements32(even: Arithmetic, odd: Arithmetic, to: usize): i32 { return elements<u32>(even, odd, to); }
function elements64(even: Arithmetic, odd: Arithmetic, to: usize): i32 { return elements<u64>(even, odd, to); }
/** The exact way: even elements by one operation, odd ones by another, to the register at `to`. */
@inline export function combineExactly<B>(even: Arithmetic, odd: Arithmetic, to: usize, x: v128, y: v128): i32 {
  v128.store(FIRST, x);
  v128.store(SECOND, y);
  return sizeof<B>() == 4 ? elements32(even, odd, to) : elements64(even, odd, to);
}

/** All elements of two operands to the register at `to`. */
@inline export function combine<F, B>(operation: Arithmetic, to: usize, x: v128, y: v128): i32 {
  const r = operators<F>(operation, x, y);
  if (allSettled<F, B>(operation, x, y, r)) {
    v128.store(to, r);
    return Status.NEXT;
  }
  return combineExactly<B>(operation, operation, to, x, y);
}
@inline function packed<F, B>(operation: Arithmetic, u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  return combine<F, B>(operation, to, v128.load(to), v128.load(from));
}

function scalar32(operation: Arithmetic, to: usize, a: u32, b: u32): i32 {
  start();
  const result = exact<u32>(operation, a, b);
  if (!completed()) return Status.FAULT;
  store<u32>(to, result);
  return Status.NEXT;
}
function scalar64(operation: Arithmetic, to: usize, a: u64, b: u64): i32 {
  start();
  const result = exact<u64>(operation, a, b);
  if (!completed()) return Status.FAULT;
  store<u64>(to, result);
  return Status.NEXT;
}
@inline function scalar<F, B>(operation: Arithmetic, u: usize): i32 {
  const from = sizeof<B>() == 4 ? source32(u) : source64(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const x = load<F>(to);
  const y = load<F>(from);
  const r = operator<F>(operation, x, y);
  if (isSettled<F, B>(operation, x, y, r)) {
    store<F>(to, r);
    return Status.NEXT;
  }
  return sizeof<B>() == 4
    ? scalar32(operation, to, load<u32>(to), load<u32>(from))
    : scalar64(operation, to, load<u64>(to), load<u64>(from));
}

export function addps(u: usize): i32 { return packed<f32, u32>(Arithmetic.ADD, u); }
export function addpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.ADD, u); }
export function addss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.ADD, u); }
export function addsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.ADD, u); }
export function subps(u: usize): i32 { return packed<f32, u32>(Arithmetic.SUB, u); }
export function subpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.SUB, u); }
export function subss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.SUB, u); }
export function subsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.SUB, u); }
export function mulps(u: usize): i32 { return packed<f32, u32>(Arithmetic.MUL, u); }
export function mulpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.MUL, u); }
export function mulss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.MUL, u); }
export function mulsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.MUL, u); }
export function divps(u: usize): i32 { return packed<f32, u32>(Arithmetic.DIV, u); }
export function divpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.DIV, u); }
export function divss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.DIV, u); }
export function divsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.DIV, u); }
export function sqrtps(u: usize): i32 { return packed<f32, u32>(Arithmetic.SQRT, u); }
export function sqrtpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.SQRT, u); }
export function sqrtss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.SQRT, u); }
export function sqrtsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.SQRT, u); }
export function minps(u: usize): i32 { return packed<f32, u32>(Arithmetic.MIN, u); }
export function minpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.MIN, u); }
export function minss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.MIN, u); }
export function minsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.MIN, u); }
export function maxps(u: usize): i32 { return packed<f32, u32>(Arithmetic.MAX, u); }
export function maxpd(u: usize): i32 { return packed<f64, u64>(Arithmetic.MAX, u); }
export function maxss(u: usize): i32 { return scalar<f32, u32>(Arithmetic.MAX, u); }
export function maxsd(u: usize): i32 { return scalar<f64, u64>(Arithmetic.MAX, u); }
