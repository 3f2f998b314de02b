// COMIS, UCOMIS and the comparisons that make masks, where no operand is a NaN or subnormal (execute/sse/compare): then
// nothing is raised whatever MXCSR says, and the comparisons of WebAssembly mean the same. The operands of COMIS are
// kept, so that a condition that follows compares them again instead of taking flags apart.

import { Scalar, Simd } from "../simd";
import { get, i32c, op, set, vector, Wasm } from "../wasm";
import { compare, compareAll, getLow, isWide, local, setLowVector, setWide, takeScalar, X, Y } from "./element";
import { setCompared, setFlags } from "./flags";
import { checkAllOperands, checkOperands, takeOrdinary } from "./float";
import { dst, immediate, splat64, takeSource, zero128 } from "./lanes";
import { getXmm, setXmm, V_A, V_B, V_C } from "./locals";

// Operands of the last COMIS.
const FIRST: u32 = 3;
const SECOND: u32 = 4;
/** It compared doubles. */
let doubles: bool = false;

function relation(code: u32): void {
  get(local(FIRST));
  get(local(SECOND));
  compare(code);
}
export function compareScalar(u: usize, double: bool, plan: u32): void {
  setWide(double);
  takeScalar(u, Y);
  getLow(dst(u));
  set(local(X));
  checkOperands(plan);
  get(local(X));
  set(local(FIRST));
  get(local(Y));
  set(local(SECOND));
  // CF: less, ZF: equal; never unordered.
  relation(Scalar.F32_LT);
  relation(Scalar.F32_EQ);
  i32c(6);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  setFlags();
  doubles = double;
  setCompared();
}
/** Pushes a condition on the flags of the last COMIS. */
export function pushComparison(cc: u32): void {
  const before = isWide();
  setWide(doubles);
  switch (cc) {
    case 2: relation(Scalar.F32_LT); break;
    case 3: relation(Scalar.F32_GE); break;
    case 4:
    case 14: relation(Scalar.F32_EQ); break;
    case 5:
    case 15: relation(Scalar.F32_NE); break;
    case 6: relation(Scalar.F32_LE); break;
    case 7: relation(Scalar.F32_GT); break;
    // OF, SF and PF are clear.
    default: i32c(cc & 1);
  }
  setWide(before);
}

/** CMPPS, CMPPD, CMPSS, CMPSD (forms in the order of the mandatory prefix): imm8[2:0] 0 EQ 1 LT 2 LE 3 UNORD, 2 negates. */
export function compareMasks(u: usize, form: u32, plan: u32): void {
  setWide((form & 1) != 0);
  const to = dst(u);
  if (form < 2) takeSource(u, 16, V_B);
  else takeOrdinary(u, plan);
  getXmm(to);
  set(V_A);
  if (form < 2) checkAllOperands(plan);
  masks(immediate(u) & 7);
  if (form < 2) setXmm(to);
  else {
    set(V_C);
    setLowVector(to);
  }
}
function masks(predicate: u32): void {
  if (predicate == 3) return zero128();
  if (predicate == 7) return splat64(<u64>-1);
  get(V_A);
  get(V_B);
  switch (predicate) {
    case 0: return compareAll(Simd.F32_EQ);
    case 1: return compareAll(Simd.F32_LT);
    case 2: return compareAll(Simd.F32_LE);
    case 4: return compareAll(Simd.F32_NE);
    case 5: return compareAll(Simd.F32_GE);
    default: return compareAll(Simd.F32_GT);
  }
}
