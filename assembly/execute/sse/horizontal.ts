// ADDSUB, HADD and HSUB (SDM vol. 2): additions whose operands are arranged first. In ADDSUB the even elements
// subtract; negating them instead gives the same value but not the same NaN, so that only the quick way does it.

import { Status } from "../../vcpu/status";
import { combine, combineExactly } from "./arithmetic";
import { allSettled, Arithmetic } from "./element";
import { source128, xmmDst } from "./operand";

@inline function addsub<F, B>(u: usize, evenSigns: v128): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const x = v128.load(to);
  const y = v128.load(from);
  const r = v128.add<F>(x, v128.xor(y, evenSigns));
  if (allSettled<F, B>(Arithmetic.ADD, x, y, r)) {
    v128.store(to, r);
    return Status.NEXT;
  }
  return combineExactly<B>(Arithmetic.SUB, Arithmetic.ADD, to, x, y);
}
export function addsubps(u: usize): i32 { return addsub<f32, u32>(u, i64x2.splat(0x8000_0000)); }
export function addsubpd(u: usize): i32 { return addsub<f64, u64>(u, i64x2(i64.MIN_VALUE, 0)); }

@inline function single(operation: Arithmetic, u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const low = v128.load(to);
  const high = v128.load(from);
  const x = v128.shuffle<f32>(low, high, 0, 2, 4, 6);
  const y = v128.shuffle<f32>(low, high, 1, 3, 5, 7);
  return combine<f32, u32>(operation, to, x, y);
}
@inline function double(operation: Arithmetic, u: usize): i32 {
  const from = source128(u);
  if (from == 0) return Status.FAULT;
  const to = xmmDst(u);
  const low = v128.load(to);
  const high = v128.load(from);
  return combine<f64, u64>(operation, to, v128.shuffle<f64>(low, high, 0, 2), v128.shuffle<f64>(low, high, 1, 3));
}
export function haddps(u: usize): i32 { return single(Arithmetic.ADD, u); }
export function hsubps(u: usize): i32 { return single(Arithmetic.SUB, u); }
export function haddpd(u: usize): i32 { return double(Arithmetic.ADD, u); }
export function hsubpd(u: usize): i32 { return double(Arithmetic.SUB, u); }
