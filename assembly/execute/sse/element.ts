// Elements of SSE arithmetic. F is f32 or f64, B (u32 or u64) its bit pattern; the operation is a constant where
// these functions are inlined, so that each instruction gets its own straight code.
//
// An operator of WebAssembly computes an element where nothing but its value can be observed (mxcsr.ts): no operand
// is subnormal or a NaN, and the result is finite and does not come near underflow. The result may be the smallest
// normal number after a tiny value was rounded up to it, so that one counts as near. Everything else
// takes the exact functions of float/, and a NaN never leaves an operator: WebAssembly does not say which one.

import { Relation } from "../../float/control";
import { f32Add, f32Div, f32Max, f32Min, f32Mul, f32Sqrt, f32Sub } from "../../float/single";
import { f64Add, f64Div, f64Max, f64Min, f64Mul, f64Sqrt, f64Sub } from "../../float/double";
import { inexactSeen, leavesNoTrace, roundsPlainly } from "./mxcsr";

export const enum Arithmetic {
  ADD = 0,
  SUB = 1,
  MUL = 2,
  DIV = 3,
  /** Of the second operand. */
  SQRT = 4,
  MIN = 5,
  MAX = 6,
}

// ---- the exact functions --------------------------------------------------------------------------

function exact32(operation: Arithmetic, a: u32, b: u32): u32 {
  switch (operation) {
    case Arithmetic.ADD: return f32Add(a, b);
    case Arithmetic.SUB: return f32Sub(a, b);
    case Arithmetic.MUL: return f32Mul(a, b);
    case Arithmetic.DIV: return f32Div(a, b);
    case Arithmetic.SQRT: return f32Sqrt(b);
    case Arithmetic.MIN: return f32Min(a, b);
    default: return f32Max(a, b);
  }
}
function exact64(operation: Arithmetic, a: u64, b: u64): u64 {
  switch (operation) {
    case Arithmetic.ADD: return f64Add(a, b);
    case Arithmetic.SUB: return f64Sub(a, b);
    case Arithmetic.MUL: return f64Mul(a, b);
    case Arithmetic.DIV: return f64Div(a, b);
    case Arithmetic.SQRT: return f64Sqrt(b);
    case Arithmetic.MIN: return f64Min(a, b);
    default: return f64Max(a, b);
  }
}
/** One element, exactly; what it raises is collected (mxcsr.start). */
@inline export function exact<B>(operation: Arithmetic, a: B, b: B): B {
  return sizeof<B>() == 4 ? <B>exact32(operation, <u32>a, <u32>b) : <B>exact64(operation, <u64>a, <u64>b);
}

// ---- the operators: one element -------------------------------------------------------------------

@inline function smallest<F>(): F { return sizeof<F>() == 4 ? <F>f32.MIN_NORMAL_VALUE : <F>f64.MIN_NORMAL_VALUE; }
@inline function isFinite_<F>(r: F): bool { return abs<F>(r) < <F>Infinity; }
/** Zero, a normal number or an infinity. */
@inline export function isOrdinary<F>(x: F): bool { return abs<F>(x) >= smallest<F>() || x == <F>0; }
/** How two ordinary numbers compare. */
@inline export function relationOf<F>(x: F, y: F): Relation {
  return x == y ? Relation.EQUAL : x < y ? Relation.LESS : Relation.GREATER;
}
@inline export function isAboveTiny<F>(r: F): bool { return abs<F>(r) > smallest<F>(); }

@inline export function operator<F>(operation: Arithmetic, x: F, y: F): F {
  if (operation == Arithmetic.ADD) return x + y;
  if (operation == Arithmetic.SUB) return x - y;
  if (operation == Arithmetic.MUL) return x * y;
  if (operation == Arithmetic.DIV) return x / y;
  if (operation == Arithmetic.SQRT) return sqrt<F>(y);
  if (operation == Arithmetic.MIN) return x < y ? x : y;
  return x > y ? x : y;
}
/** Nothing but PE can have been raised for r = operation(x, y), and r is right. */
@inline export function isPlain<F>(operation: Arithmetic, x: F, y: F, r: F): bool {
  if (operation == Arithmetic.SQRT) return y == <F>0 || (y >= smallest<F>() && isFinite_<F>(y));
  if (!isOrdinary<F>(x) || !isOrdinary<F>(y)) return false;
  if (operation == Arithmetic.MIN || operation == Arithmetic.MAX) return true;
  if (!isFinite_<F>(r)) return false;
  if (operation == Arithmetic.MUL) return isAboveTiny<F>(r) || x == <F>0 || y == <F>0;
  if (operation == Arithmetic.DIV) return isAboveTiny<F>(r) || x == <F>0;
  return true;
}

/** Zeros behind the last one of a normal number's significand. */
@inline function spareBits<F, B>(x: F): B {
  const width = <B>(sizeof<B>() == 4 ? 23 : 52);
  return ctz<B>(reinterpret<B>(x) | (<B>1 << width));
}
@inline function precision<B>(): B { return <B>(sizeof<B>() == 4 ? 24 : 53); }
/** The product of two normal numbers fits the precision; rather false than wrong. */
@inline function productFits<F, B>(x: F, y: F): bool {
  return spareBits<F, B>(x) + spareBits<F, B>(y) >= precision<B>();
}
/** A plain result is exact; may say false although it is. Additions: the error term of Knuth's TwoSum is zero. */
@inline function isExact<F, B>(operation: Arithmetic, x: F, y: F, r: F): bool {
  if (operation == Arithmetic.MIN || operation == Arithmetic.MAX) return true;
  if (operation == Arithmetic.MUL) return r == <F>0 || productFits<F, B>(x, y);
  if (operation == Arithmetic.DIV) return r == <F>0 || (productFits<F, B>(r, y) && r * y == x);
  if (operation == Arithmetic.SQRT) return r == <F>0 || (productFits<F, B>(r, r) && r * r == y);
  const second = operation == Arithmetic.SUB ? -y : y;
  const rest = r - x;
  return (x - (r - rest)) + (second - rest) == <F>0;
}

/** Whether an operator may serve: r, computed by one, is the result and nothing else happens. */
@inline export function isSettled<F, B>(operation: Arithmetic, x: F, y: F, r: F): bool {
  if (!isPlain<F>(operation, x, y, r)) return false;
  if (operation == Arithmetic.MIN || operation == Arithmetic.MAX) return true;
  return roundsPlainly() && (inexactSeen() || isExact<F, B>(operation, x, y, r));
}

// ---- the operators: all elements of a register ----------------------------------------------------

@inline export function operators<F>(operation: Arithmetic, x: v128, y: v128): v128 {
  if (operation == Arithmetic.ADD) return v128.add<F>(x, y);
  if (operation == Arithmetic.SUB) return v128.sub<F>(x, y);
  if (operation == Arithmetic.MUL) return v128.mul<F>(x, y);
  if (operation == Arithmetic.DIV) return v128.div<F>(x, y);
  if (operation == Arithmetic.SQRT) return v128.sqrt<F>(y);
  // pmin(a, b) is b < a ? b : a, bit for bit.
  if (operation == Arithmetic.MIN) return v128.pmin<F>(y, x);
  return v128.pmax<F>(y, x);
}
@inline function zeros<F>(x: v128): v128 { return v128.eq<F>(x, v128.splat<F>(<F>0)); }
@inline function finites<F>(x: v128): v128 { return v128.lt<F>(v128.abs<F>(x), v128.splat<F>(<F>Infinity)); }
@inline export function ordinaries<F>(x: v128): v128 {
  return v128.or(v128.ge<F>(v128.abs<F>(x), v128.splat<F>(smallest<F>())), zeros<F>(x));
}
@inline function aboveTiny<F>(x: v128): v128 {
  return v128.gt<F>(v128.abs<F>(x), v128.splat<F>(smallest<F>()));
}
@inline function plains<F>(operation: Arithmetic, x: v128, y: v128, r: v128): v128 {
  if (operation == Arithmetic.SQRT) {
    const positive = v128.ge<F>(y, v128.splat<F>(smallest<F>()));
    return v128.or(zeros<F>(y), v128.and(positive, finites<F>(y)));
  }
  const operands = v128.and(ordinaries<F>(x), ordinaries<F>(y));
  if (operation == Arithmetic.MIN || operation == Arithmetic.MAX) return operands;
  const results = v128.and(operands, finites<F>(r));
  if (operation == Arithmetic.MUL) {
    return v128.and(results, v128.or(aboveTiny<F>(r), v128.or(zeros<F>(x), zeros<F>(y))));
  }
  if (operation == Arithmetic.DIV) return v128.and(results, v128.or(aboveTiny<F>(r), zeros<F>(x)));
  return results;
}
/** isSettled for all elements; exactness is not looked for. */
@inline export function allSettled<F, B>(operation: Arithmetic, x: v128, y: v128, r: v128): bool {
  const free = operation == Arithmetic.MIN || operation == Arithmetic.MAX;
  return (free || leavesNoTrace()) && v128.all_true<B>(plains<F>(operation, x, y, r));
}
