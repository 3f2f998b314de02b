// OF and AF of a dynamic state, as vcpu/flags derives them: from the operands of additions and subtractions, from the
// result of INC and DEC, from L_FLAG_CARRY otherwise. All of it is pure, so that V8 computes it only where it is used.

import { LazyKind } from "../../vcpu/flags";
import { OVERLAY_CFOF } from "../../region/record";
import { code64 } from "../form";
import { get, i32c, op, set, Wasm } from "../wasm";
import { bit, carryBit } from "./flags";
import { arithmeticW, compareW, constW, L_FLAG_A, L_FLAG_KIND, L_FLAG_R, temporary, widen } from "./locals";

/** The kind without its overlays. Uses temporary 5, which the functions below read. */
function takeKind(): void {
  get(L_FLAG_KIND);
  i32c(2);
  op(Wasm.I32_SHR_U);
  i32c(15);
  op(Wasm.I32_AND);
  set(temporary(5, 2));
}
@inline function temporaryW(): u32 { return temporary(6, code64 ? 3 : 2); }
/** The second operand of ADD, ADC, SUB and SBB, into temporary 6: the difference less the carry that came in. */
function takeOperand(): void {
  get(L_FLAG_R);
  get(L_FLAG_A);
  arithmeticW(Wasm.I32_SUB);
  get(L_FLAG_A);
  get(L_FLAG_R);
  arithmeticW(Wasm.I32_SUB);
  isAddition();
  op(Wasm.SELECT);
  // ADC and SBB are even.
  get(temporary(5, 2));
  i32c(1);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  widen(2);
  arithmeticW(Wasm.I32_SUB);
  set(temporaryW());
}
function isAddition(): void {
  get(temporary(5, 2));
  i32c(LazyKind.SUB);
  op(Wasm.I32_LT_U);
}
/**
 * Of three i32 on the stack: what ADD to SBB give, what INC and DEC give, what the others have in L_FLAG_CARRY
 * (LOGIC has nothing).
 */
function chooseByKind(): void {
  get(temporary(5, 2));
  i32c(LazyKind.LOGIC);
  op(Wasm.I32_NE);
  op(Wasm.I32_AND);
  // INC and DEC: 6 and 7.
  get(temporary(5, 2));
  i32c(1);
  op(Wasm.I32_SHR_U);
  i32c(LazyKind.INC >> 1);
  op(Wasm.I32_EQ);
  op(Wasm.SELECT);
  get(temporary(5, 2));
  i32c(1);
  op(Wasm.I32_SUB);
  i32c(4);
  op(Wasm.I32_LT_U);
  op(Wasm.SELECT);
}
/** r, plus 1 behind DEC: what is to be compared to tell AF and OF of INC and DEC. */
function stepped(): void {
  get(L_FLAG_R);
  get(temporary(5, 2));
  i32c(1);
  op(Wasm.I32_AND);
  widen(2);
  arithmeticW(Wasm.I32_ADD);
}
export function dynamicAF(): void {
  takeKind();
  takeOperand();
  get(L_FLAG_A);
  get(L_FLAG_R);
  arithmeticW(Wasm.I32_XOR);
  get(temporaryW());
  arithmeticW(Wasm.I32_XOR);
  if (code64) op(Wasm.I32_WRAP_I64);
  bit(4);
  stepped();
  if (code64) op(Wasm.I32_WRAP_I64);
  i32c(15);
  op(Wasm.I32_AND);
  op(Wasm.I32_EQZ);
  carryBit(4);
  chooseByKind();
}
/** Where the sign of the result is, as W. */
function pushTop(): void {
  i32c(8);
  get(L_FLAG_KIND);
  i32c(3);
  op(Wasm.I32_AND);
  op(Wasm.I32_SHL);
  i32c(1);
  op(Wasm.I32_SUB);
  widen(2);
}
export function dynamicOF(): void {
  carryBit(11);
  takeKind();
  takeOperand();
  // ADD: (a ^ r) & (b ^ r); SUB: (a ^ r) & (a ^ b).
  get(L_FLAG_A);
  get(L_FLAG_R);
  arithmeticW(Wasm.I32_XOR);
  get(L_FLAG_R);
  get(L_FLAG_A);
  isAddition();
  op(Wasm.SELECT);
  get(temporaryW());
  arithmeticW(Wasm.I32_XOR);
  arithmeticW(Wasm.I32_AND);
  pushTop();
  arithmeticW(Wasm.I32_SHR_U);
  if (code64) op(Wasm.I32_WRAP_I64);
  i32c(1);
  op(Wasm.I32_AND);
  // INC: the sign alone.
  stepped();
  constW(1);
  pushTop();
  arithmeticW(Wasm.I32_SHL);
  compareW(Wasm.I32_EQ);
  carryBit(11);
  chooseByKind();
  get(L_FLAG_KIND);
  i32c(OVERLAY_CFOF);
  op(Wasm.I32_AND);
  op(Wasm.SELECT);
}
