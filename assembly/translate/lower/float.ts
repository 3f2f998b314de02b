// ADD, SUB, MUL, DIV, SQRT, MIN, MAX on floating-point elements by the operators of WebAssembly, where nothing but the
// value can be observed (execute/sse/element and mxcsr): no operand is subnormal or a NaN, the result is finite and does not come near
// underflow, and it is exact or PE is set already. Everything else is tier 0's, which is exact and sets PE.
//
// A region with such code needs rounding to nearest and inexact results masked (RegionNeeds.FLOAT). Nothing else of MXCSR
// matters: FTZ, DAZ and the other masks are about subnormal numbers and exceptions, which never get by the checks.
//
// Each check comes twice. The quick one lets through normal numbers only, by few instructions, while PE is set; what it
// stops gets the full one: zeros, and exactness where L_EXACT asks for it.

import { RegionNeeds } from "../../region/record";
import { close, LABEL_IF, missIf, open } from "../control";
import { Scalar, SCALAR_F64, SCALAR_F64_COMPARE, Simd, SIMD_F64, SIMD_F64_COMPARE } from "../simd";
import { blockVoid, byte, get, i32c, i64c, memory, op, set, vector, Wasm } from "../wasm";
import { Fact, isKnown, learn } from "./facts";
import { dst, isMemory, lane, pushSource, shuffle32, splat32, splat64, src, takeSource, vectorHost, zero128 } from "./lanes";
import { getExact, getXmm, L_F32, L_F64, L_HOST, setXmm, V_A, V_B, V_C } from "./locals";
import { need } from "./memory";

export const enum Arithmetic { ADD = 0, MUL = 1, SUB = 2, DIV = 3, SQRT = 4, MIN = 5, MAX = 6 }

// Locals of a scalar instruction, of the element's type: operands, result.
const X: u32 = 0;
const Y: u32 = 1;
const R: u32 = 2;
// Those of a packed one.
const VX: u32 = V_A;
const VY: u32 = V_B;
const VR: u32 = V_C;

/** The elements are doubles. */
let wide: bool = false;
export function setWide(value: bool): void { wide = value; }
@inline export function bytesOfElement(): u32 { return wide ? 8 : 4; }
@inline export function lowFact(): u32 { return wide ? Fact.LOW64 : Fact.LOW32; }
@inline export function wholeFact(): u32 { return wide ? Fact.BOTH64 : Fact.ALL32; }

// ---- scalars --------------------------------------------------------------------------------------

@inline export function local(n: u32): u32 { return (wide ? L_F64 : L_F32) + n; }
/** Opcodes of f32, or those of f64 that follow them. */
@inline export function calculate(code: u32): void { op(wide ? code + SCALAR_F64 : code); }
@inline export function compare(code: u32): void { op(wide ? code + SCALAR_F64_COMPARE : code); }
/** A constant by its bits in both formats. */
export function constantFloat(single: u32, double: u64): void {
  op(wide ? Scalar.F64_CONST : Scalar.F32_CONST);
  const bits = wide ? double : <u64>single;
  for (let i: u32 = 0; i < bytesOfElement(); i++) byte(<u32>(bits >> (i << 3)) & 0xff);
}
function zero(): void { constantFloat(0, 0); }
/** The smallest normal number. */
function smallest(): void { constantFloat(0x0080_0000, 0x0010_0000_0000_0000); }
function infinity(): void { constantFloat(0x7f80_0000, 0x7ff0_0000_0000_0000); }

/** Pushes the low element of a register. */
export function getLow(number: u32): void {
  getXmm(number);
  lane(wide ? Simd.F64_EXTRACT : Simd.F32_EXTRACT, 0);
}
/** Puts a scalar source into a local. */
export function takeScalar(u: usize, to: u32): void {
  if (isMemory(u)) {
    vectorHost(u, bytesOfElement(), false, false);
    get(L_HOST);
    memory(wide ? Scalar.F64_LOAD : Scalar.F32_LOAD, 0);
  } else getLow(src(u));
  set(local(to));
}
/** A local becomes the low element of a register. What is known about its other elements stays. */
export function setLow(number: u32, from: u32): void {
  const whole = isKnown(wholeFact(), number);
  getXmm(number);
  get(local(from));
  lane(wide ? Simd.F64_REPLACE : Simd.F32_REPLACE, 0);
  setXmm(number);
  if (whole) learn(wholeFact(), number);
  else learn(lowFact(), number);
}

/** Pushes the biased exponent of a local, as i32. */
function exponent(n: u32): void {
  get(local(n));
  if (wide) {
    op(Scalar.I64_REINTERPRET_F64);
    i64c(52);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
    i32c(0x7ff);
  } else {
    op(Scalar.I32_REINTERPRET_F32);
    i32c(23);
    op(Wasm.I32_SHR_U);
    i32c(0xff);
  }
  op(Wasm.I32_AND);
}
/** Pushes whether a local is no normal number (least = 1), or below twice the smallest one (2). */
function isOdd(n: u32, least: u32): void {
  exponent(n);
  i32c(least);
  op(Wasm.I32_SUB);
  i32c((wide ? 0x7fe : 0xfe) - least);
  op(Wasm.I32_GT_U);
}
function magnitude(n: u32): void {
  get(local(n));
  calculate(Scalar.F32_ABS);
}
function isZero(n: u32): void {
  get(local(n));
  zero();
  compare(Scalar.F32_EQ);
}
/** Pushes whether a local is ordinary. */
function isOrdinary(n: u32): void {
  magnitude(n);
  smallest();
  compare(Scalar.F32_GE);
  isZero(n);
  op(Wasm.I32_OR);
}
function isFinite_(n: u32): void {
  magnitude(n);
  infinity();
  compare(Scalar.F32_LT);
}

/** Pushes how many zeros are behind the last one of a normal number's significand, as i32. */
function spareBits(n: u32): void {
  get(local(n));
  if (wide) {
    op(Scalar.I64_REINTERPRET_F64);
    i64c(1 << 52);
    op(Wasm.I64_OR);
    op(Wasm.I64_CTZ);
    op(Wasm.I32_WRAP_I64);
  } else {
    op(Scalar.I32_REINTERPRET_F32);
    i32c(1 << 23);
    op(Wasm.I32_OR);
    op(Wasm.I32_CTZ);
  }
}
/** Pushes whether the product of two normal numbers surely fits the precision. */
function productFits(a: u32, b: u32): void {
  spareBits(a);
  spareBits(b);
  op(Wasm.I32_ADD);
  i32c(wide ? 53 : 24);
  op(Wasm.I32_GE_U);
}
/** Pushes whether a op b == c. */
function gives(code: u32, a: u32, b: u32, c: u32): void {
  get(local(a));
  get(local(b));
  calculate(code);
  get(local(c));
  compare(Scalar.F32_EQ);
}
/**
 * Pushes whether the result R is exact; it may say no although it is. A sum is if taking away either addend leaves the
 * other: the difference to the larger one is computed exactly (Dekker).
 */
function isExact(operation: u32): void {
  switch (operation) {
    case Arithmetic.ADD:
      gives(Scalar.F32_SUB, R, X, Y);
      gives(Scalar.F32_SUB, R, Y, X);
      op(Wasm.I32_AND);
      return;
    case Arithmetic.SUB:
      gives(Scalar.F32_SUB, X, R, Y);
      gives(Scalar.F32_ADD, R, Y, X);
      op(Wasm.I32_AND);
      return;
    case Arithmetic.MUL:
      productFits(X, Y);
      break;
    case Arithmetic.DIV:
      productFits(R, Y);
      gives(Scalar.F32_MUL, R, Y, X);
      op(Wasm.I32_AND);
      break;
    default:
      productFits(R, R);
      gives(Scalar.F32_MUL, R, R, Y);
      op(Wasm.I32_AND);
  }
  isZero(R);
  op(Wasm.I32_OR);
}

/** Pushes whether the result is plain: nothing but PE can have been raised. The operands are ordinary. */
function isPlain(operation: u32): void {
  magnitude(R);
  smallest();
  compare(operation == Arithmetic.ADD || operation == Arithmetic.SUB ? Scalar.F32_GE : Scalar.F32_GT);
  isFinite_(R);
  op(Wasm.I32_AND);
  isZero(R);
  // What became zero must have been made of one.
  if (operation == Arithmetic.MUL || operation == Arithmetic.DIV) {
    isZero(X);
    if (operation == Arithmetic.MUL) {
      isZero(Y);
      op(Wasm.I32_OR);
    }
    op(Wasm.I32_AND);
  }
  op(Wasm.I32_OR);
}

@inline function isSelection(operation: u32): bool { return operation == Arithmetic.MIN || operation == Arithmetic.MAX; }
/** Pushes i32 a | b if there was a term before. */
@inline function join(terms: u32, code: u32): u32 {
  if (terms != 0) op(code);
  return terms + 1;
}

/** Leaves unless the operands that are not known are ordinary. Quick: normal numbers. */
export function checkOperands(x: bool, y: bool): void {
  if (!x && !y) return;
  let terms: u32 = 0;
  if (x) {
    isOdd(X, 1);
    terms = join(terms, Wasm.I32_OR);
  }
  if (y) {
    isOdd(Y, 1);
    terms = join(terms, Wasm.I32_OR);
  }
  blockVoid(Wasm.IF);
  open(LABEL_IF);
  terms = 0;
  if (x) {
    isOrdinary(X);
    terms = join(terms, Wasm.I32_AND);
  }
  if (y) {
    isOrdinary(Y);
    terms = join(terms, Wasm.I32_AND);
  }
  op(Wasm.I32_EQZ);
  missIf();
  close();
}

/** Leaves unless R is the result of the operation and nothing else is to be seen. x, y: the operand is not known. */
function checkScalar(operation: u32, x: bool, y: bool): void {
  isOdd(R, 2);
  if (x) {
    isOdd(X, 1);
    op(Wasm.I32_OR);
  }
  if (y) {
    isOdd(Y, 1);
    op(Wasm.I32_OR);
  }
  getExact();
  op(Wasm.I32_OR);
  blockVoid(Wasm.IF);
  open(LABEL_IF);
  isPlain(operation);
  if (x) {
    isOrdinary(X);
    op(Wasm.I32_AND);
  }
  if (y) {
    isOrdinary(Y);
    op(Wasm.I32_AND);
  }
  isExact(operation);
  getExact();
  op(Wasm.I32_EQZ);
  op(Wasm.I32_OR);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  missIf();
  close();
}
/** The root of Y: positive normal numbers and zeros. */
function checkRoot(y: bool): void {
  get(local(Y));
  smallest();
  compare(Scalar.F32_GE);
  get(local(Y));
  infinity();
  compare(Scalar.F32_LT);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  getExact();
  op(Wasm.I32_OR);
  blockVoid(Wasm.IF);
  open(LABEL_IF);
  get(local(Y));
  smallest();
  compare(Scalar.F32_GE);
  isFinite_(Y);
  op(Wasm.I32_AND);
  isZero(Y);
  op(Wasm.I32_OR);
  isExact(Arithmetic.SQRT);
  getExact();
  op(Wasm.I32_EQZ);
  op(Wasm.I32_OR);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  missIf();
  close();
}

function operatorOf(operation: u32): u32 {
  switch (operation) {
    case Arithmetic.ADD: return Scalar.F32_ADD;
    case Arithmetic.MUL: return Scalar.F32_MUL;
    case Arithmetic.SUB: return Scalar.F32_SUB;
    default: return Scalar.F32_DIV;
  }
}
