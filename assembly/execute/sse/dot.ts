// DPPS, DPPD (SDM vol. 2):  imm8  7:4 elements that are multiplied | 3:0 elements that receive the sum. An element
// left out counts as +0, and so does one of the result that is not written. The sum of four is (0 + 1) + (2 + 3).
// Exceptions are settled after each step: one that stops the products keeps the sums from raising any.

import { SSE_SCRATCH } from "../../layout";
import { uopImm } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { Arithmetic, exact, isSettled } from "./element";
import { completed, start } from "./mxcsr";
import { source128, xmmDst } from "./operand";

const PRODUCTS: usize = SSE_SCRATCH;

@inline function compute<F, B>(operation: Arithmetic, a: B, b: B): B {
  const x = reinterpret<F>(a);
  const y = reinterpret<F>(b);
  const r = operation == Arithmetic.MUL ? x * y : x + y;
  return isSettled<F, B>(operation, x, y, r) ? reinterpret<B>(r) : exact<B>(operation, a, b);
}
function add32(a: u32, b: u32): u32 { return compute<f32, u32>(Arithmetic.ADD, a, b); }

@inline function multiply<F, B>(to: usize, from: usize, mask: u32): bool {
  start();
  for (let i: usize = 0; i < 16 / sizeof<B>(); i++) {
    const at = i * sizeof<B>();
    const product = (mask >> (4 + <u32>i)) & 1 ? compute<F, B>(Arithmetic.MUL, load<B>(to + at), load<B>(from + at)) : 0;
    store<B>(at, product, PRODUCTS);
  }
  return completed();
}
@inline function deliver<B>(to: usize, mask: u32, sum: B): i32 {
  if (!completed()) return Status.FAULT;
  for (let i: usize = 0; i < 16 / sizeof<B>(); i++) {
    store<B>(to + i * sizeof<B>(), (mask >> <u32>i) & 1 ? sum : <B>0);
  }
  return Status.NEXT;
}

export function dpps(u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const mask = <u32>uopImm(u);
  const to = xmmDst(u);
  if (!multiply<f32, u32>(to, from, mask)) return Status.FAULT;
  start();
  const low = add32(load<u32>(PRODUCTS), load<u32>(PRODUCTS, 4));
  const high = add32(load<u32>(PRODUCTS, 8), load<u32>(PRODUCTS, 12));
  if (!completed()) return Status.FAULT;
  start();
  return deliver<u32>(to, mask, add32(low, high));
}
export function dppd(u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const mask = <u32>uopImm(u);
  const to = xmmDst(u);
  if (!multiply<f64, u64>(to, from, mask)) return Status.FAULT;
  start();
  return deliver<u64>(to, mask, compute<f64, u64>(Arithmetic.ADD, load<u64>(PRODUCTS), load<u64>(PRODUCTS, 8)));
}
