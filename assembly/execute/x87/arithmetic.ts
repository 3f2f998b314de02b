// FADD FMUL FCOM FCOMP FSUB FSUBR FDIV FDIVR, numbered 0-7 by ModRM.reg in every encoding: with a register (D8, DC,
// DE) and with a single, double or integer operand in memory (D8, DC, DA, DE). Comparisons are in compare.ts
// (SDM vol. 1, 8.3.5; vol. 2).

import { extAdd, extDiv, extMul, SIGN } from "../../float/extended";
import { compareWith } from "./compare";
import {
  beginFloat,
  canUse,
  isEmpty,
  pop,
  setIndefinite,
  setResult,
  settle,
  signExponent,
  significand,
  stackFault,
} from "./registers";

const enum Arithmetic {
  ADD = 0,
  MUL = 1,
  COM = 2,
  COMP = 3,
  SUB = 4,
  SUBR = 5,
  DIV = 6,
  DIVR = 7,
}

function compute(kind: u32, aSe: u32, a: u64, bSe: u32, b: u64): u64 {
  switch (kind) {
    case Arithmetic.ADD: return extAdd(aSe, a, bSe, b, 0);
    case Arithmetic.MUL: return extMul(aSe, a, bSe, b);
    case Arithmetic.SUB: return extAdd(aSe, a, bSe, b, SIGN);
    case Arithmetic.SUBR: return extAdd(bSe, b, aSe, a, SIGN);
    case Arithmetic.DIV: return extDiv(aSe, a, bSe, b);
    default: return extDiv(bSe, b, aSe, a);
  }
}

/** ST(destination) = ST(destination) op ST(source). */
export function arithmetic(kind: u32, destination: u32, source: u32, pops: bool): void {
  if (isEmpty(destination) || isEmpty(source)) {
    if (!stackFault(false)) return;
    setIndefinite(destination);
  } else {
    beginFloat();
    const value = compute(
      kind, signExponent(destination), significand(destination), signExponent(source), significand(source),
    );
    if (!settle()) return;
    setResult(destination, value);
  }
  if (pops) pop();
}

/** ST = ST op a memory operand (or its comparison with one); what reading it raised is in FLAGS already. */
export function arithmeticMemory(kind: u32, se: u32, value: u64): void {
  if (kind == Arithmetic.COM || kind == Arithmetic.COMP) {
    compareWith(se, value, kind == Arithmetic.COMP ? 1 : 0);
    return;
  }
  if (!canUse(0)) return;
  const result = compute(kind, signExponent(0), significand(0), se, value);
  if (settle()) setResult(0, result);
}
