// ADD, SUB, MUL, DIV, SQRT, MIN, MAX by the operators of WebAssembly, where they do the same and nothing but the value can be
// observed: plan.ts says what has to be checked for that, element.ts how.
//
// A region with such code needs rounding to nearest and inexact results masked (RegionNeeds.FLOAT). Nothing else of MXCSR
// matters: FTZ, DAZ and the other masks are about subnormal numbers and exceptions, which do not get by the checks.
// While PE is clear every result has to be exact: tier 0 sets it with the first one that is not.

import { RegionNeeds } from "../../region/record";
import { close, missIf } from "../control";
import { Scalar, Simd } from "../simd";
import { get, op, set, vector, Wasm } from "../wasm";
import {
  bytesOfElement,
  calculate,
  calculateAll,
  checkAllCommon,
  checkAllFinite,
  checkAllOrdinary,
  checkCommon,
  checkExact,
  checkOrdinary,
  checkRadicand,
  checkResult,
  checkResults,
  compareAll,
  getLow,
  isExact,
  isPartial,
  isPositive,
  isWide,
  isZero,
  local,
  missUnless,
  openIf,
  R,
  setLow,
  setLowVector,
  setWide,
  takeScalar,
  X,
  Y,
  zeros,
} from "./element";
import { constant128, dst, lane, pushSource, shuffle32, splat64, takeSource, zero128 } from "./lanes";
import { getExact, getXmm, setXmm, V_A, V_B, V_C } from "./locals";
import { need } from "./memory";
import { Arithmetic, Plan } from "./plan";

// ---- scalars --------------------------------------------------------------------------------------

/** Checks operands in X and Y. */
export function checkOperands(plan: u32): void {
  if ((plan & Plan.COMMON_X) != 0) checkCommon(X);
  if ((plan & Plan.ORDINARY_X) != 0) checkOrdinary(X);
  if ((plan & Plan.COMMON_Y) != 0) checkCommon(Y);
  if ((plan & Plan.ORDINARY_Y) != 0) checkOrdinary(Y);
  if ((plan & Plan.NONZERO) != 0) {
    isZero(Y);
    missIf();
  }
  if ((plan & Plan.POSITIVE) != 0) {
    isPositive(Y);
    op(Wasm.I32_EQZ);
    missIf();
  }
}
function operatorOf(operation: u32): u32 {
  switch (operation) {
    case Arithmetic.ADD: return Scalar.F32_ADD;
    case Arithmetic.MUL: return Scalar.F32_MUL;
    case Arithmetic.SUB: return Scalar.F32_SUB;
    case Arithmetic.DIV: return Scalar.F32_DIV;
    default: return Scalar.F32_SQRT;
  }
}
/** ADD, SUB, MUL, DIV, SQRT of low elements. */
function scalar(u: usize, operation: u32, plan: u32): void {
  const to = dst(u);
  const root = operation == Arithmetic.SQRT;
  takeScalar(u, Y);
  if (!root) {
    getLow(to);
    set(local(X));
  }
  checkOperands(plan);
  if (!root) get(local(X));
  get(local(Y));
  calculate(operatorOf(operation));
  set(local(R));
  if ((plan & Plan.RESULT) != 0) {
    if (root) checkRadicand(Y);
    else checkResult(operation);
  }
  getExact();
  openIf();
  isExact(operation);
  missUnless();
  setLow(to, R);
}
/** Low elements of the destination and of V_B, the source, into X and Y where they have to be checked; checks them. */
export function takeOrdinary(u: usize, plan: u32): void {
  takeSource(u, bytesOfElement(), V_B);
  if ((plan & Plan.ORDINARY_X) != 0) {
    getLow(dst(u));
    set(local(X));
  }
  if ((plan & Plan.ORDINARY_Y) != 0) {
    get(V_B);
    lane(isWide() ? Simd.F64_EXTRACT : Simd.F32_EXTRACT, 0);
    set(local(Y));
  }
  checkOperands(plan);
}
/** MIN, MAX of low elements: the source wins where they compare equal, as pmin(source, destination) says. */
function selectScalar(u: usize, operation: u32, plan: u32): void {
  takeOrdinary(u, plan);
  get(V_B);
  getXmm(dst(u));
  calculateAll(operatorOfAll(operation));
  set(V_C);
  setLowVector(dst(u));
}

// ---- packed ---------------------------------------------------------------------------------------

function operatorOfAll(operation: u32): u32 {
  switch (operation) {
    case Arithmetic.ADD: return Simd.F32_ADD;
    case Arithmetic.MUL: return Simd.F32_MUL;
    case Arithmetic.SUB: return Simd.F32_SUB;
    case Arithmetic.DIV: return Simd.F32_DIV;
    case Arithmetic.SQRT: return Simd.F32_SQRT;
    case Arithmetic.MIN: return Simd.F32_PMIN;
    default: return Simd.F32_PMAX;
  }
}
/** Checks operands in V_A and V_B. */
export function checkAllOperands(plan: u32): void {
  if ((plan & Plan.COMMON_X) != 0) checkAllCommon(V_A);
  if ((plan & Plan.ORDINARY_X) != 0) checkAllOrdinary(V_A);
  if ((plan & Plan.COMMON_Y) != 0) checkAllCommon(V_B);
  if ((plan & Plan.ORDINARY_Y) != 0) checkAllOrdinary(V_B);
  if ((plan & Plan.NONZERO) != 0) {
    zeros(V_B);
    vector(Simd.ANY_TRUE);
    missIf();
  }
  if ((plan & Plan.POSITIVE) != 0) {
    get(V_B);
    zero128();
    compareAll(Simd.F32_GE);
    isPartial();
    missIf();
  }
}
/** The register becomes V_A op V_B. */
function combine(to: u32, operation: u32, plan: u32): void {
  checkAllOperands(plan);
  if (operation >= <u32>Arithmetic.MIN) {
    get(V_B);
    get(V_A);
    calculateAll(operatorOfAll(operation));
    setXmm(to);
    return;
  }
  if (operation != Arithmetic.SQRT) get(V_A);
  get(V_B);
  calculateAll(operatorOfAll(operation));
  set(V_C);
  if ((plan & Plan.RESULT) != 0) {
    if (operation == Arithmetic.SQRT) checkAllFinite(V_B, true);
    else checkResults(operation);
  }
  getExact();
  openIf();
  checkExact(operation);
  close();
  get(V_C);
  setXmm(to);
}
function packed(u: usize, operation: u32, plan: u32): void {
  takeSource(u, 16, V_B);
  if (operation != Arithmetic.SQRT) {
    getXmm(dst(u));
    set(V_A);
  }
  combine(dst(u), operation, plan);
}
/** ADDSUB: the even elements subtract, which is adding them negated as long as no NaN is about. */
export function alternate(u: usize, double: bool, plan: u32): void {
  setWide(double);
  need(RegionNeeds.FLOAT);
  pushSource(u, 16, true);
  if (double) constant128(<u64>1 << 63, 0);
  else splat64(0x8000_0000);
  vector(Simd.XOR);
  set(V_B);
  getXmm(dst(u));
  set(V_A);
  combine(dst(u), Arithmetic.ADD, plan);
}
/** HADD, HSUB: neighbours of both operands. */
export function horizontal(u: usize, operation: u32, double: bool, plan: u32): void {
  setWide(double);
  need(RegionNeeds.FLOAT);
  takeSource(u, 16, V_B);
  getXmm(dst(u));
  get(V_B);
  if (double) shuffle32(0, 1, 4, 5);
  else shuffle32(0, 2, 4, 6);
  set(V_A);
  getXmm(dst(u));
  get(V_B);
  if (double) shuffle32(2, 3, 6, 7);
  else shuffle32(1, 3, 5, 7);
  set(V_B);
  combine(dst(u), operation, plan);
}

// ---- by form --------------------------------------------------------------------------------------

/** The forms in the order of the mandatory prefix: PS PD SS SD. */
export function arithmetic(u: usize, operation: u32, form: u32, plan: u32): void {
  setWide((form & 1) != 0);
  const selects = operation >= <u32>Arithmetic.MIN;
  if (!selects) need(RegionNeeds.FLOAT);
  if (form < 2) packed(u, operation, plan);
  else if (selects) selectScalar(u, operation, plan);
  else scalar(u, operation, plan);
}
