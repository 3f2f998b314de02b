// Conversions between singles, doubles and integers, and roundings to integral values, where nothing but PE can be raised
// and that is set or would not be (execute/sse/number). 32-bit integers become doubles without any condition.

import { uopSize } from "../../decode/uop";
import { RegionNeeds } from "../../region/record";
import { close, missIf } from "../control";
import { Scalar, Simd } from "../simd";
import { byte, get, i32c, i64c, op, set, tee, vector, Wasm } from "../wasm";
import {
  calculate,
  checkAllFinite,
  checkFinite,
  compare,
  compareAll,
  constantFloat,
  isNormal,
  isOdd,
  isPartial,
  isWide,
  local,
  magnitude,
  magnitudes,
  normals,
  openIf,
  R,
  setLow,
  setWide,
  splat,
  takeScalar,
  X,
  Y,
} from "./element";
import { checkAllOperands, checkOperands } from "./float";
import { dst, immediate, pushGeneral, shuffle32, splat64, takeSource, zero128 } from "./lanes";
import { getExact, inexactSeen, L_F32, L_F64, setRegister, setXmm, temporary, V_A, V_B, V_C } from "./locals";
import { need } from "./memory";
import { Plan } from "./plan";

@inline function integerSize(u: usize): u32 { return uopSize(u) == 3 ? 3 : 2; }

/** Pushes all ones where PE is set already, otherwise zeros. */
function inexactSeenAll(): void {
  zero128();
  splat64(<u64>-1);
  getExact();
  op(Wasm.SELECT);
}

// ---- from integers --------------------------------------------------------------------------------

/** Leaves if PE is clear and temporary 0 has more bits from its first to its last one than the precision. */
function checkExtent(size: u32, precision: u32): void {
  const value = temporary(0, size);
  const amount = temporary(1, size);
  const wide = size == 3;
  getExact();
  openIf();
  for (let k: u32 = 0; k < 2; k++) {
    if (k == 0) get(value);
    get(value);
    if (wide) i64c(63);
    else i32c(31);
    op(wide ? Wasm.I64_SHR_S : Wasm.I32_SHR_S);
    op(k == 0 ? (wide ? Wasm.I64_XOR : Wasm.I32_XOR) : wide ? Wasm.I64_SUB : Wasm.I32_SUB);
  }
  tee(amount);
  op(wide ? Wasm.I64_CLZ : Wasm.I32_CLZ);
  get(amount);
  op(wide ? Wasm.I64_CTZ : Wasm.I32_CTZ);
  op(wide ? Wasm.I64_ADD : Wasm.I32_ADD);
  if (wide) op(Wasm.I32_WRAP_I64);
  i32c((8 << size) - precision);
  op(Wasm.I32_LT_U);
  missIf();
  close();
}
/** CVTSI2SS, CVTSI2SD. */
export function fromInteger(u: usize, double: bool): void {
  const size = integerSize(u);
  const value = temporary(0, size);
  pushGeneral(u, size);
  set(value);
  setWide(double);
  if (size == 3 || !double) {
    need(RegionNeeds.FLOAT);
    checkExtent(size, double ? 53 : 24);
  }
  get(value);
  if (double) op(size == 3 ? Scalar.F64_CONVERT_I64_S : Scalar.F64_CONVERT_I32_S);
  else op(size == 3 ? Scalar.F32_CONVERT_I64_S : Scalar.F32_CONVERT_I32_S);
  set(local(R));
  setLow(dst(u), R);
}
/** CVTDQ2PS. */
function singlesFromIntegers(u: usize): void {
  need(RegionNeeds.FLOAT);
  takeSource(u, 16, V_B);
  getExact();
  openIf();
  get(V_B);
  vector(Simd.I32_ABS);
  i32c(24);
  vector(Simd.I32_SHR_U);
  vector(Simd.ANY_TRUE);
  missIf();
  close();
  get(V_B);
  vector(Simd.F32_CONVERT_I32_S);
  setXmm(dst(u));
}
/** CVTDQ2PD. */
function doublesFromIntegers(u: usize): void {
  takeSource(u, 8, V_B);
  get(V_B);
  vector(Simd.F64_CONVERT_LOW_I32_S);
  setXmm(dst(u));
}

// ---- to integers ----------------------------------------------------------------------------------

/** R becomes the integral value of Y by a rounding mode. */
function round(mode: u32): void {
  get(local(Y));
  calculate(mode == 0 ? Scalar.F32_NEAREST : mode == 1 ? Scalar.F32_FLOOR : mode == 2 ? Scalar.F32_CEIL : Scalar.F32_TRUNC);
  set(local(R));
}
/** Pushes whether R is Y, or PE is set. */
function isSettled(): void {
  get(local(R));
  get(local(Y));
  compare(Scalar.F32_EQ);
  inexactSeen();
  op(Wasm.I32_OR);
}
/** CVTSS2SI, CVTSD2SI, and by truncation CVTTSS2SI, CVTTSD2SI. The least integer is tier 0's. */
export function toInteger(u: usize, double: bool, truncates: bool): void {
  const size = integerSize(u);
  need(RegionNeeds.FLOAT);
  setWide(double);
  takeScalar(u, Y);
  round(truncates ? 3 : 0);
  magnitude(R);
  if (size == 3) constantFloat(0x5f00_0000, 0x43e0_0000_0000_0000);
  else constantFloat(0x4f00_0000, 0x41e0_0000_0000_0000);
  compare(Scalar.F32_LT);
  isSettled();
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  missIf();
  get(local(R));
  if (size == 3) op(double ? Scalar.I64_TRUNC_F64_S : Scalar.I64_TRUNC_F32_S);
  else op(double ? Scalar.I32_TRUNC_F64_S : Scalar.I32_TRUNC_F32_S);
  setRegister(dst(u) << 3, size);
}

/** V_C becomes the integral values of V_B. */
function roundAll(mode: u32): void {
  get(V_B);
  if (isWide()) vector(mode == 0 ? Simd.F64_NEAREST : mode == 1 ? Simd.F64_FLOOR : mode == 2 ? Simd.F64_CEIL : Simd.F64_TRUNC);
  else vector(Simd.F32_CEIL + (mode == 0 ? 3 : mode == 1 ? 1 : mode == 2 ? 0 : 2));
  set(V_C);
}
/** Pushes where V_C is V_B, everywhere if PE is set. */
function areSettled(): void {
  get(V_C);
  get(V_B);
  compareAll(Simd.F32_EQ);
  inexactSeenAll();
  vector(Simd.OR);
}
/** CVTPS2DQ, CVTPD2DQ and those that truncate. */
function toIntegers(u: usize, double: bool, truncates: bool): void {
  need(RegionNeeds.FLOAT);
  setWide(double);
  takeSource(u, 16, V_B);
  roundAll(truncates ? 3 : 0);
  magnitudes(V_C);
  splat(0x4f00_0000, 0x41e0_0000_0000_0000);
  compareAll(Simd.F32_LT);
  areSettled();
  vector(Simd.AND);
  isPartial();
  missIf();
  get(V_C);
  vector(double ? Simd.I32_TRUNC_SAT_F64_S_ZERO : Simd.I32_TRUNC_SAT_F32_S);
  setXmm(dst(u));
}

// ---- to integral values ---------------------------------------------------------------------------

/** ROUNDPS, ROUNDPD, ROUNDSS, ROUNDSD (forms in this order): imm8  3 do not report PE | 2 mode of MXCSR, else of 1:0. */
export function roundToIntegral(u: usize, form: u32, plan: u32): void {
  const c = immediate(u);
  const silent = (c & 8) != 0;
  const mode = (c & 4) != 0 ? 0 : c & 3;
  if (!silent || (c & 4) != 0) need(RegionNeeds.FLOAT);
  setWide((form & 1) != 0);
  if (form < 2) {
    takeSource(u, 16, V_B);
    checkAllOperands(plan);
    roundAll(mode);
    if (!silent) {
      areSettled();
      isPartial();
      missIf();
    }
    get(V_C);
    setXmm(dst(u));
    return;
  }
  takeScalar(u, Y);
  checkOperands(plan);
  round(mode);
  if (!silent) {
    isSettled();
    op(Wasm.I32_EQZ);
    missIf();
  }
  setLow(dst(u), R);
}

// ---- between the formats --------------------------------------------------------------------------

/** CVTSS2SD. */
export function widen(u: usize, plan: u32): void {
  setWide(false);
  takeScalar(u, X);
  if ((plan & Plan.RESULT) != 0) checkFinite(X);
  get(L_F32 + X);
  op(Scalar.F64_PROMOTE_F32);
  set(L_F64 + R);
  setWide(true);
  setLow(dst(u), R);
}
/** CVTSD2SS. A NaN, an infinity and what is too small are seen in the result. */
export function narrow(u: usize, plan: u32): void {
  need(RegionNeeds.FLOAT);
  setWide(true);
  takeScalar(u, X);
  get(L_F64 + X);
  op(Scalar.F32_DEMOTE_F64);
  set(L_F32 + R);
  setWide(false);
  if ((plan & Plan.RESULT) != 0) isOdd(R, 2);
  else i32c(0);
  getExact();
  op(Wasm.I32_OR);
  openIf();
  // A normal number, exact or PE is set; or what zero gives.
  isNormal(false);
  get(L_F32 + R);
  op(Scalar.F64_PROMOTE_F32);
  get(L_F64 + X);
  op(Scalar.F64_EQ);
  inexactSeen();
  op(Wasm.I32_OR);
  op(Wasm.I32_AND);
  get(L_F64 + X);
  op(Scalar.F64_CONST);
  for (let i: u32 = 0; i < 8; i++) byte(0);
  op(Scalar.F64_EQ);
  op(Wasm.I32_OR);
  op(Wasm.I32_EQZ);
  missIf();
  close();
  setLow(dst(u), R);
}
/** CVTPS2PD. */
function widenBoth(u: usize, plan: u32): void {
  setWide(false);
  takeSource(u, 8, V_A);
  if ((plan & Plan.RESULT) != 0) {
    // The two low singles, twice.
    get(V_A);
    get(V_A);
    shuffle32(0, 1, 0, 1);
    set(V_A);
    checkAllFinite(V_A, false);
  }
  get(V_A);
  vector(Simd.F64_PROMOTE);
  setXmm(dst(u));
}
/** CVTPD2PS. */
function narrowBoth(u: usize): void {
  need(RegionNeeds.FLOAT);
  takeSource(u, 16, V_B);
  get(V_B);
  vector(Simd.F32_DEMOTE);
  set(V_C);
  // Where the result, promoted again, is the operand, as a mask of singles.
  get(V_C);
  vector(Simd.F64_PROMOTE);
  get(V_B);
  vector(Simd.F64_EQ);
  zero128();
  shuffle32(0, 2, 0, 2);
  set(V_A);
  // There it may be zero, elsewhere it must be normal and PE set.
  setWide(false);
  normals(false);
  get(V_A);
  inexactSeenAll();
  vector(Simd.OR);
  vector(Simd.AND);
  get(V_C);
  zero128();
  vector(Simd.F32_EQ);
  get(V_A);
  vector(Simd.AND);
  vector(Simd.OR);
  vector(Simd.I32_BITMASK);
  i32c(3);
  op(Wasm.I32_AND);
  i32c(3);
  op(Wasm.I32_NE);
  missIf();
  get(V_C);
  setXmm(dst(u));
}

/** Conversions of map 0F by opcode and mandatory prefix; false: it is none. */
export function isConversion(form: u32): bool {
  switch (form) {
    case 0x5a: case 0x5b: case 0x15a: case 0x15b: case 0x1e6: case 0x22a: case 0x22c: case 0x22d: case 0x25b: case 0x2e6:
    case 0x32a: case 0x32c: case 0x32d: case 0x3e6:
      return true;
    default: return false;
  }
}
export function convert(u: usize, form: u32, plan: u32): void {
  switch (form) {
    case 0x5a: return widenBoth(u, plan);
    case 0x15a: return narrowBoth(u);
    case 0x5b: return singlesFromIntegers(u);
    case 0x15b: return toIntegers(u, false, false);
    case 0x25b: return toIntegers(u, false, true);
    case 0x1e6: return toIntegers(u, true, true);
    case 0x3e6: return toIntegers(u, true, false);
    case 0x2e6: return doublesFromIntegers(u);
    case 0x22a: return fromInteger(u, false);
    case 0x32a: return fromInteger(u, true);
    case 0x22c: return toInteger(u, false, true);
    case 0x22d: return toInteger(u, false, false);
    case 0x32c: return toInteger(u, true, true);
    default: return toInteger(u, true, false);
  }
}
