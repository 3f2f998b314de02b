// Elements of floating-point instructions in WebAssembly: operands and results in locals, and the checks that keep an
// operator to what it may do (execute/sse/element and mxcsr): no operand subnormal or a NaN, no result infinite, subnormal or
// near underflow, none inexact while PE is clear. What a check stops is tier 0's, which is exact and sets flags.
//
// Checks have a quick part for normal numbers and, behind a branch that is rarely taken, one that knows zeros.

import { close, LABEL_IF, missIf, missUncommonIf, open } from "../control";
import { Scalar, SCALAR_F64, SCALAR_F64_COMPARE, Simd, SIMD_F64, SIMD_F64_COMPARE } from "../simd";
import { blockVoid, byte, get, i32c, i64c, memory, op, set, tee, vector, Wasm } from "../wasm";
import { Constant, CONSTANTS, LEAST_COMMON32, LEAST_COMMON64, UNCOMMON_BITS } from "./constants";
import { isMemory, lane, shuffle32, splat32, splat64, src, zero128 } from "./lanes";
import { hostOffset, openBytes, pushHost } from "./memory";
import { getConstant, getXmm, L_F32, L_F64, setXmm, temporary, V_A, V_B, V_C, V_D } from "./locals";
import { Arithmetic } from "./plan";

// Locals of a scalar instruction, of the element's type: operands, result. A packed one has them in V_A, V_B, V_C.
export const X: u32 = 0;
export const Y: u32 = 1;
export const R: u32 = 2;

/** The elements are doubles. */
let wide: bool = false;
export function setWide(value: bool): void { wide = value; }
@inline export function isWide(): bool { return wide; }
@inline export function bytesOfElement(): u32 { return wide ? 8 : 4; }

export function openIf(): void {
  blockVoid(Wasm.IF);
  open(LABEL_IF);
}
/** Leaves unless the i32 on the stack is set; ends the block. */
export function missUnless(): void {
  op(Wasm.I32_EQZ);
  missIf();
  close();
}

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
    openBytes(u, bytesOfElement(), false, false);
    pushHost();
    memory(wide ? Scalar.F64_LOAD : Scalar.F32_LOAD, hostOffset);
  } else getLow(src(u));
  set(local(to));
}
/** A local becomes the low element of a register. */
export function setLow(number: u32, from: u32): void {
  getXmm(number);
  get(local(from));
  lane(wide ? Simd.F64_REPLACE : Simd.F32_REPLACE, 0);
  setXmm(number);
}
/** The low element of V_C becomes that of a register. */
export function setLowVector(number: u32): void {
  getXmm(number);
  get(V_C);
  if (wide) shuffle32(4, 5, 2, 3);
  else shuffle32(4, 1, 2, 3);
  setXmm(number);
}

/** Pushes the biased exponent of a local below its sign, as i32. */
function signAndExponent(n: u32): void {
  get(local(n));
  if (wide) {
    op(Scalar.I64_REINTERPRET_F64);
    i64c(52);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
  } else {
    op(Scalar.I32_REINTERPRET_F32);
    i32c(23);
    op(Wasm.I32_SHR_U);
  }
}
/** Pushes whether the exponent on the stack is outside first ... last. */
function isOutside(first: u32, last: u32): void {
  i32c(first);
  op(Wasm.I32_SUB);
  i32c(last - first);
  op(Wasm.I32_GT_U);
}
function exponentIsOutside(n: u32, first: u32, last: u32): void {
  signAndExponent(n);
  i32c(wide ? 0x7ff : 0xff);
  op(Wasm.I32_AND);
  isOutside(first, last);
}
@inline function lastExponent(): u32 { return wide ? 0x7fe : 0xfe; }
/** Pushes whether a local is no normal number (least = 1), or below twice the smallest one (2). */
export function isOdd(n: u32, least: u32): void { exponentIsOutside(n, least, lastExponent()); }
export function magnitude(n: u32): void {
  get(local(n));
  calculate(Scalar.F32_ABS);
}
export function isZero(n: u32): void {
  get(local(n));
  zero();
  compare(Scalar.F32_EQ);
}
/** Pushes whether a local is 0 or above; not for a NaN. */
export function isPositive(n: u32): void {
  get(local(n));
  zero();
  compare(Scalar.F32_GE);
}
function isFinite_(n: u32): void {
  magnitude(n);
  infinity();
  compare(Scalar.F32_LT);
}
/** Pushes whether R is a normal number, not the smallest one if it may have been rounded up to it. */
export function isNormal(isSum: bool): void {
  magnitude(R);
  smallest();
  compare(isSum ? Scalar.F32_GE : Scalar.F32_GT);
  isFinite_(R);
  op(Wasm.I32_AND);
}

/** Leaves unless a local is common: zero, or of an exponent around 1 (constants.ts). */
export function checkCommon(n: u32): void {
  get(local(n));
  if (wide) {
    op(Scalar.I64_REINTERPRET_F64);
    i64c(32);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
  } else op(Scalar.I32_REINTERPRET_F32);
  i32c(1);
  op(Wasm.I32_SHL);
  i32c(wide ? LEAST_COMMON64 : LEAST_COMMON32);
  op(Wasm.I32_SUB);
  i32c(UNCOMMON_BITS);
  op(Wasm.I32_AND);
  openIf();
  isZero(n);
  op(Wasm.I32_EQZ);
  missUncommonIf();
  close();
}
/** Leaves unless a local is ordinary. */
export function checkOrdinary(n: u32): void {
  isOdd(n, 1);
  openIf();
  magnitude(n);
  smallest();
  compare(Scalar.F32_GE);
  isZero(n);
  op(Wasm.I32_OR);
  missUnless();
}
/** Leaves unless a local is zero or a normal number. */
export function checkFinite(n: u32): void {
  isOdd(n, 1);
  openIf();
  isZero(n);
  missUnless();
}
/** Leaves unless a local is zero or a positive normal number. */
export function checkRadicand(n: u32): void {
  signAndExponent(n);
  isOutside(1, lastExponent());
  openIf();
  isZero(n);
  missUnless();
}
/** Leaves unless R is normal, or zero for a reason. The operands are ordinary. */
export function checkResult(operation: u32): void {
  isOdd(R, 2);
  openIf();
  isNormal(operation == Arithmetic.ADD || operation == Arithmetic.SUB);
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
  missUnless();
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
export function isExact(operation: u32): void {
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

// ---- all elements of a register -------------------------------------------------------------------

export function calculateAll(code: u32): void { vector(wide ? code + SIMD_F64 : code); }
export function compareAll(code: u32): void { vector(wide ? code + SIMD_F64_COMPARE : code); }
export function splat(single: u32, double: u64): void {
  if (wide) splat64(double);
  else splat32(single);
}
function smallestAll(): void { splat(0x0080_0000, 0x0010_0000_0000_0000); }
function infinityAll(): void { splat(0x7f80_0000, 0x7ff0_0000_0000_0000); }
export function magnitudes(vectors: u32): void {
  get(vectors);
  calculateAll(Simd.F32_ABS);
}
export function zeros(vectors: u32): void {
  get(vectors);
  zero128();
  compareAll(Simd.F32_EQ);
}
function finites(vectors: u32): void {
  magnitudes(vectors);
  infinityAll();
  compareAll(Simd.F32_LT);
}
/** Pushes whether not all elements of the mask on the stack are set. */
export function isPartial(): void {
  vector(wide ? Simd.I64_BITMASK : Simd.I32_BITMASK);
  i32c(wide ? 3 : 15);
  op(Wasm.I32_NE);
}
/** Leaves unless all elements of the mask on the stack are set; ends the block. */
export function missUnlessAll(): void {
  isPartial();
  missIf();
  close();
}
/** The same as isNormal, for the elements of V_C. */
export function normals(isSum: bool): void {
  magnitudes(V_C);
  smallestAll();
  compareAll(isSum ? Simd.F32_GE : Simd.F32_GT);
  finites(V_C);
  vector(Simd.AND);
}

/** Pushes the signs of the elements on the stack, bit per element. */
function signs(): void { vector(wide ? Simd.I64_BITMASK : Simd.I32_BITMASK); }
/** Leaves unless all elements are common. */
export function checkAllCommon(vectors: u32): void {
  const odd = temporary(0, 2);
  get(vectors);
  i32c(1);
  vector(Simd.I16_SHL);
  getConstant(CONSTANTS, wide ? Constant.LESS64 : Constant.LESS32);
  vector(Simd.I16_ADD);
  getConstant(CONSTANTS, Constant.QUARTER);
  vector(Simd.I16_ADD_SAT_U);
  signs();
  tee(odd);
  openIf();
  get(odd);
  zeros(vectors);
  signs();
  i32c(-1);
  op(Wasm.I32_XOR);
  op(Wasm.I32_AND);
  missUncommonIf();
  close();
}
/** Leaves unless all elements are ordinary. */
export function checkAllOrdinary(vectors: u32): void {
  magnitudes(vectors);
  smallestAll();
  compareAll(Simd.F32_GE);
  zeros(vectors);
  vector(Simd.OR);
  isPartial();
  missIf();
}
/** Leaves unless all elements are zero or normal numbers, positive ones if `positive`. */
export function checkAllFinite(vectors: u32, positive: bool): void {
  if (positive) get(vectors);
  else magnitudes(vectors);
  smallestAll();
  compareAll(Simd.F32_GE);
  finites(vectors);
  vector(Simd.AND);
  zeros(vectors);
  vector(Simd.OR);
  isPartial();
  missIf();
}
/** The same as checkResult, for V_C = V_A op V_B. */
export function checkResults(operation: u32): void {
  normals(operation == Arithmetic.ADD || operation == Arithmetic.SUB);
  set(V_D);
  get(V_D);
  isPartial();
  openIf();
  get(V_D);
  zeros(V_C);
  if (operation == Arithmetic.MUL || operation == Arithmetic.DIV) {
    zeros(V_A);
    if (operation == Arithmetic.MUL) {
      zeros(V_B);
      vector(Simd.OR);
    }
    vector(Simd.AND);
  }
  vector(Simd.OR);
  missUnlessAll();
}

function giveAll(code: u32, a: u32, b: u32, c: u32): void {
  get(a);
  get(b);
  calculateAll(code);
  get(c);
  compareAll(Simd.F32_EQ);
}
/** Pushes where the factors have half of the precision each, so that their product is exact. */
function areShort(a: u32, b: u32): void {
  get(a);
  if (a != b) {
    get(b);
    vector(Simd.OR);
  }
  // Nothing in the lower half, which is 27 or 12 bits.
  i32c(wide ? 37 : 20);
  vector(wide ? Simd.I64_SHL : Simd.I32_SHL);
  zero128();
  vector(wide ? Simd.I64_EQ : Simd.I32_EQ);
}
/** Leaves unless all elements of V_C = V_A op V_B are exact, as far as can be seen. */
export function checkExact(operation: u32): void {
  // Factors are mostly short, unless zero.
  if (operation == Arithmetic.MUL) {
    areShort(V_A, V_B);
    isPartial();
    openIf();
  }
  exacts(operation);
  isPartial();
  missIf();
  if (operation == Arithmetic.MUL) close();
}
function exacts(operation: u32): void {
  switch (operation) {
    case Arithmetic.ADD:
      giveAll(Simd.F32_SUB, V_C, V_A, V_B);
      giveAll(Simd.F32_SUB, V_C, V_B, V_A);
      vector(Simd.AND);
      return;
    case Arithmetic.SUB:
      giveAll(Simd.F32_SUB, V_A, V_C, V_B);
      giveAll(Simd.F32_ADD, V_C, V_B, V_A);
      vector(Simd.AND);
      return;
    case Arithmetic.MUL:
      areShort(V_A, V_B);
      break;
    case Arithmetic.DIV:
      areShort(V_C, V_B);
      giveAll(Simd.F32_MUL, V_C, V_B, V_A);
      vector(Simd.AND);
      break;
    default:
      areShort(V_C, V_C);
      giveAll(Simd.F32_MUL, V_C, V_C, V_B);
      vector(Simd.AND);
  }
  zeros(V_C);
  vector(Simd.OR);
}
