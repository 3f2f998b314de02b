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
import { blockVoid, byte, get, i32c, i64c, memory, op, set, tee, vector, Wasm } from "../wasm";
import { Fact, isKnown, learn } from "./facts";
import { constant128, dst, isMemory, lane, pushSource, shuffle32, splat32, splat64, src, takeSource, vectorHost, zero128 } from "./lanes";
import { getExact, getXmm, L_F32, L_F64, L_HOST, setXmm, temporary, V_A, V_B, V_C } from "./locals";
import { need } from "./memory";

export const enum Arithmetic { ADD = 0, MUL = 1, SUB = 2, DIV = 3, SQRT = 4, MIN = 5, MAX = 6 }

// Locals of a scalar instruction, of the element's type: operands, result.
export const X: u32 = 0;
export const Y: u32 = 1;
export const R: u32 = 2;
// A packed one has them in V_A, V_B, V_C.

/** The elements are doubles. */
let wide: bool = false;
export function setWide(value: bool): void { wide = value; }
@inline export function isWide(): bool { return wide; }
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
/** Pushes whether the exponent on the stack is not one of normal numbers, or below `least`. */
function isOutside(least: u32): void {
  i32c(least);
  op(Wasm.I32_SUB);
  i32c((wide ? 0x7fe : 0xfe) - least);
  op(Wasm.I32_GT_U);
}
/** Pushes whether a local is no normal number (least = 1), or below twice the smallest one (2). */
export function isOdd(n: u32, least: u32): void {
  signAndExponent(n);
  i32c(wide ? 0x7ff : 0xff);
  op(Wasm.I32_AND);
  isOutside(least);
}
export function magnitude(n: u32): void {
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

/** Pushes whether R is a normal number, not the smallest one if it may have been rounded up to it. */
export function isNormal(isSum: bool): void {
  magnitude(R);
  smallest();
  compare(isSum ? Scalar.F32_GE : Scalar.F32_GT);
  isFinite_(R);
  op(Wasm.I32_AND);
}
/** Pushes whether the result is plain: nothing but PE can have been raised. The operands are ordinary. */
function isPlain(operation: u32): void {
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
}

/** Pushes a test of X if x, of Y if y, of both joined by `code`. At least one is asked for. */
function ofOperands(x: bool, y: bool, odd: bool, code: u32): void {
  if (x) {
    if (odd) isOdd(X, 1);
    else isOrdinary(X);
  }
  if (y) {
    if (odd) isOdd(Y, 1);
    else isOrdinary(Y);
  }
  if (x && y) op(code);
}
export function openIf(): void {
  blockVoid(Wasm.IF);
  open(LABEL_IF);
}
export function closeIf(): void { close(); }
/** Leaves unless the i32 on the stack is set; ends the block. */
function missUnless(): void {
  op(Wasm.I32_EQZ);
  missIf();
  close();
}

/** Leaves unless the operands are ordinary. x, y: this operand is not known to be. */
export function checkOperands(x: bool, y: bool): void {
  if (!x && !y) return;
  ofOperands(x, y, true, Wasm.I32_OR);
  openIf();
  ofOperands(x, y, false, Wasm.I32_AND);
  missUnless();
}
/** Leaves unless R is the result of the operation and nothing else is to be seen. */
function checkResult(operation: u32, x: bool, y: bool): void {
  const odd = temporary(0, 2);
  if (operation == Arithmetic.SQRT) {
    // Positive normal numbers.
    signAndExponent(Y);
    isOutside(1);
  } else {
    isOdd(R, 2);
    if (x || y) {
      ofOperands(x, y, true, Wasm.I32_OR);
      op(Wasm.I32_OR);
    }
  }
  tee(odd);
  getExact();
  op(Wasm.I32_OR);
  openIf();
  get(odd);
  openIf();
  if (operation == Arithmetic.SQRT) isZero(Y);
  else {
    isPlain(operation);
    if (x || y) {
      ofOperands(x, y, false, Wasm.I32_AND);
      op(Wasm.I32_AND);
    }
  }
  missUnless();
  getExact();
  openIf();
  isExact(operation);
  missUnless();
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

/** ADD, SUB, MUL, DIV, SQRT of low elements. */
function scalar(u: usize, operation: u32): void {
  const to = dst(u);
  const root = operation == Arithmetic.SQRT;
  const x = !root && !isKnown(lowFact(), to);
  const y = !root && !isKnownSource(lowFact(), u);
  takeScalar(u, Y);
  if (root) {
    get(local(Y));
    calculate(Scalar.F32_SQRT);
  } else {
    getLow(to);
    set(local(X));
    get(local(X));
    get(local(Y));
    calculate(operatorOf(operation));
  }
  set(local(R));
  checkResult(operation, x, y);
  learnSource(lowFact(), u);
  setLow(to, R);
}
@inline export function isKnownSource(fact: u32, u: usize): bool { return !isMemory(u) && isKnown(fact, src(u)); }
@inline export function learnSource(fact: u32, u: usize): void { if (!isMemory(u)) learn(fact, src(u)); }

/** The low element of V_C becomes that of a register. */
export function setLowVector(number: u32): void {
  getXmm(number);
  get(V_C);
  if (wide) shuffle32(4, 5, 2, 3);
  else shuffle32(4, 1, 2, 3);
  setXmm(number);
}
/** V_B is the source, both low elements are ordinary and, where they were looked at, in X and Y. */
export function takeOrdinary(u: usize): void {
  const to = dst(u);
  const x = !isKnown(lowFact(), to);
  const y = !isKnownSource(lowFact(), u);
  takeSource(u, bytesOfElement(), V_B);
  if (x) {
    getLow(to);
    set(local(X));
  }
  if (y) {
    get(V_B);
    lane(wide ? Simd.F64_EXTRACT : Simd.F32_EXTRACT, 0);
    set(local(Y));
  }
  checkOperands(x, y);
  learn(lowFact(), to);
  learnSource(lowFact(), u);
}
/** MIN, MAX of low elements: the source wins where they compare equal, as pmin(source, destination) says. */
function selectScalar(u: usize, operation: u32): void {
  const to = dst(u);
  takeOrdinary(u);
  const whole = isKnown(wholeFact(), to);
  get(V_B);
  getXmm(to);
  vector(packedCode(operation));
  set(V_C);
  setLowVector(to);
  learn(whole ? wholeFact() : lowFact(), to);
}

// ---- packed ---------------------------------------------------------------------------------------

function packedCode(operation: u32): u32 {
  const add = wide ? SIMD_F64 : 0;
  switch (operation) {
    case Arithmetic.ADD: return Simd.F32_ADD + add;
    case Arithmetic.MUL: return Simd.F32_MUL + add;
    case Arithmetic.SUB: return Simd.F32_SUB + add;
    case Arithmetic.DIV: return Simd.F32_DIV + add;
    case Arithmetic.SQRT: return Simd.F32_SQRT + add;
    case Arithmetic.MIN: return Simd.F32_PMIN + add;
    default: return Simd.F32_PMAX + add;
  }
}
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
function zeros(vectors: u32): void {
  get(vectors);
  zero128();
  compareAll(Simd.F32_EQ);
}
function finites(vectors: u32): void {
  magnitudes(vectors);
  infinityAll();
  compareAll(Simd.F32_LT);
}
function ordinaries(vectors: u32): void {
  magnitudes(vectors);
  smallestAll();
  compareAll(Simd.F32_GE);
  zeros(vectors);
  vector(Simd.OR);
}
/** Pushes whether not all elements of the mask on the stack are set. */
export function isPartial(): void {
  vector(wide ? Simd.I64_BITMASK : Simd.I32_BITMASK);
  i32c(wide ? 3 : 15);
  op(Wasm.I32_NE);
}
/** Leaves unless all elements of the mask on the stack are set; ends the block. */
function missUnlessAll(): void {
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
function plains(operation: u32): void {
  normals(operation == Arithmetic.ADD || operation == Arithmetic.SUB);
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
  splat(0xfff, 0x7ff_ffff);
  vector(Simd.AND);
  zero128();
  vector(wide ? Simd.I64_EQ : Simd.I32_EQ);
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

/** Leaves unless all elements of V_A and V_B are ordinary. x, y: this operand is not known to be. */
export function checkAllOperands(x: bool, y: bool): void {
  if (!x && !y) return;
  // Infinities are seen to be ordinary here, NaNs are not: pmin gives the first where one is a NaN.
  if (x) ordinaries(V_A);
  if (y) ordinaries(V_B);
  if (x && y) vector(Simd.AND);
  isPartial();
  missIf();
}
function checkResults(operation: u32, x: bool, y: bool): void {
  const odd = temporary(0, 2);
  if (operation == Arithmetic.SQRT) {
    get(V_B);
    smallestAll();
    compareAll(Simd.F32_GE);
    get(V_B);
    infinityAll();
    compareAll(Simd.F32_LT);
  } else {
    // A NaN among the operands is one in the result as well.
    magnitudes(V_C);
    if (x) {
      magnitudes(V_A);
      calculateAll(Simd.F32_PMIN);
    }
    if (y) {
      magnitudes(V_B);
      calculateAll(Simd.F32_PMIN);
    }
    smallestAll();
    compareAll(Simd.F32_GT);
    finites(V_C);
  }
  vector(Simd.AND);
  isPartial();
  tee(odd);
  getExact();
  op(Wasm.I32_OR);
  openIf();
  get(odd);
  openIf();
  if (operation == Arithmetic.SQRT) {
    get(V_B);
    smallestAll();
    compareAll(Simd.F32_GE);
    finites(V_B);
    vector(Simd.AND);
    zeros(V_B);
    vector(Simd.OR);
  } else {
    plains(operation);
    if (x) {
      ordinaries(V_A);
      vector(Simd.AND);
    }
    if (y) {
      ordinaries(V_B);
      vector(Simd.AND);
    }
  }
  missUnlessAll();
  getExact();
  openIf();
  exacts(operation);
  missUnlessAll();
  close();
}

function packed(u: usize, operation: u32): void {
  const to = dst(u);
  const root = operation == Arithmetic.SQRT;
  const x = !root && !isKnown(wholeFact(), to);
  const y = !root && !isKnownSource(wholeFact(), u);
  takeSource(u, 16, V_B);
  if (!root) {
    getXmm(to);
    set(V_A);
  }
  if (operation == Arithmetic.MIN || operation == Arithmetic.MAX) {
    checkAllOperands(x, y);
    get(V_B);
    get(V_A);
    vector(packedCode(operation));
    set(V_C);
  } else combine(operation, x, y);
  learnSource(wholeFact(), u);
  get(V_C);
  setXmm(to);
  learn(wholeFact(), to);
}
/** V_C = V_A op V_B, checked. */
export function combine(operation: u32, x: bool, y: bool): void {
  if (operation != Arithmetic.SQRT) get(V_A);
  get(V_B);
  vector(packedCode(operation));
  set(V_C);
  checkResults(operation, x, y);
}

/** ADDSUB: the even elements subtract, which is adding them negated as long as no NaN is about. */
export function alternate(u: usize, double: bool): void {
  setWide(double);
  need(RegionNeeds.FLOAT);
  const to = dst(u);
  const x = !isKnown(wholeFact(), to);
  const y = !isKnownSource(wholeFact(), u);
  pushSource(u, 16, true);
  if (double) constant128(<u64>1 << 63, 0);
  else splat64(0x8000_0000);
  vector(Simd.XOR);
  set(V_B);
  getXmm(to);
  set(V_A);
  combine(Arithmetic.ADD, x, y);
  get(V_C);
  setXmm(to);
  learn(wholeFact(), to);
}
/** HADD, HSUB: neighbours of both operands. */
export function horizontal(u: usize, operation: u32, double: bool): void {
  setWide(double);
  need(RegionNeeds.FLOAT);
  const to = dst(u);
  const known = isKnown(wholeFact(), to) && isKnownSource(wholeFact(), u);
  takeSource(u, 16, V_B);
  getXmm(to);
  get(V_B);
  if (wide) shuffle32(0, 1, 4, 5);
  else shuffle32(0, 2, 4, 6);
  set(V_A);
  getXmm(to);
  get(V_B);
  if (wide) shuffle32(2, 3, 6, 7);
  else shuffle32(1, 3, 5, 7);
  set(V_B);
  combine(operation, !known, !known);
  get(V_C);
  setXmm(to);
  learn(wholeFact(), to);
}

// ---- by form --------------------------------------------------------------------------------------

/** The forms in the order of the mandatory prefix: PS PD SS SD. */
export function arithmetic(u: usize, operation: u32, form: u32): void {
  setWide((form & 1) != 0);
  if (operation < <u32>Arithmetic.MIN) need(RegionNeeds.FLOAT);
  if (form < 2) packed(u, operation);
  else if (operation < <u32>Arithmetic.MIN) scalar(u, operation);
  else selectScalar(u, operation);
}
