// Arithmetic flags in translated code. Where the code knows which instruction set them, the state is *static*: a lazy
// kind word (vcpu/flags: kind << 2 | size), its operands in L_FLAG_A and L_FLAG_R, CF of INC and DEC or CF AF OF in
// L_FLAG_CARRY. Comparisons and subtractions keep their second operand in L_FLAG_R (FLAGS_OPERAND): the difference is formed only where it
// is needed. Where ways with different kinds meet the state is DYNAMIC: the four locals mean what the LAZY cells mean,
// and L_FLAG_KIND may carry two bits more:
//   OVERLAY_CFOF  CF and OF are those in L_FLAG_CARRY, the others follow from the rest
//   OVERLAY_CF    the same for CF alone
// Nothing is stored before an exit; V8 drops what nobody reads.

import { LazyKind } from "../../vcpu/flags";
import { FLAGS_DYNAMIC, FLAGS_OPERAND, OVERLAY_CF, OVERLAY_CFOF } from "../../region/record";
import { code64 } from "../form";
import { pushComparison } from "./compare";
import { dynamicAF, dynamicOF } from "./dynamic";
import { get, i32c, i64c, op, set, Wasm } from "../wasm";
import {
  arithmetic,
  arithmeticW,
  compare,
  compareW,
  constW,
  cut,
  extendSigned,
  L_FLAG_A,
  L_FLAG_CARRY,
  L_FLAG_KIND,
  L_FLAG_R,
  narrow,
  widen,
} from "./locals";

/** Not reached yet (data flow only). */
export const UNKNOWN: u32 = 0x100;

/** State of the flags at this point of the code. */
export let state: u32 = FLAGS_DYNAMIC;
export function setState(value: u32): void {
  state = value;
  compared = false;
}
/**
 * The code written last has set the flags, for a static state. What that state does not need is let go: the common exit
 * stores all four locals, and would keep every value alive that was ever in one of them.
 */
export function define(value: u32): void {
  setState(value);
  const kind = (value & ~FLAGS_OPERAND) >> 2;
  i32c(0);
  set(L_FLAG_KIND);
  if (kind >= <u32>LazyKind.ADD && kind <= <u32>LazyKind.LOGIC) {
    i32c(0);
    set(L_FLAG_CARRY);
  }
  if (kind == LazyKind.EAGER || kind >= <u32>LazyKind.LOGIC) {
    constW(0);
    set(L_FLAG_A);
  }
  if (kind == LazyKind.EAGER) {
    constW(0);
    set(L_FLAG_R);
  }
}
/** The flags are those of a floating-point comparison whose operands are at hand (lower/compare). */
let compared: bool = false;
export function setCompared(): void { compared = true; }
@inline export function staticState(kind: u32, size: u32): u32 { return (kind << 2) | size; }
@inline export function compareState(size: u32): u32 { return (LazyKind.SUB << 2) | size | FLAGS_OPERAND; }
@inline export function isDynamic(): bool { return state == FLAGS_DYNAMIC; }
@inline function kind(): u32 { return (state & ~FLAGS_OPERAND) >> 2; }
@inline function size(): u32 { return state & 3; }
@inline function holdsOperand(): bool { return (state & FLAGS_OPERAND) != 0; }

/** Keeps a value of an operand size, on the stack, as the first operand; as the result. */
export function keepA(bits: u32): void {
  widen(bits);
  set(L_FLAG_A);
}
export function keepR(bits: u32): void {
  widen(bits);
  set(L_FLAG_R);
}

/** Makes the state dynamic. */
export function toDynamic(): void {
  if (isDynamic()) return;
  if (holdsOperand()) {
    difference();
    keepR(size());
  }
  i32c(state & ~FLAGS_OPERAND);
  set(L_FLAG_KIND);
  state = FLAGS_DYNAMIC;
}
function operandA(): void {
  get(L_FLAG_A);
  narrow(size());
}
function operandR(): void {
  get(L_FLAG_R);
  narrow(size());
}
/** a - b of a comparison, cut to its size. */
function difference(): void {
  operandA();
  operandR();
  arithmetic(Wasm.I32_SUB, size());
  cut(size());
}
/** The result, of the operand size. */
function result(): void {
  if (holdsOperand()) difference();
  else operandR();
}

/** Bit n of L_FLAG_CARRY. */
export function carryBit(n: u32): void {
  get(L_FLAG_CARRY);
  if (n != 0) {
    i32c(n);
    op(Wasm.I32_SHR_U);
  }
  i32c(1);
  op(Wasm.I32_AND);
}
/** Bit n of the i32 on the stack. */
export function bit(n: u32): void {
  i32c(n);
  op(Wasm.I32_SHR_U);
  i32c(1);
  op(Wasm.I32_AND);
}
function not(): void { op(Wasm.I32_EQZ); }
function zero(bits: u32): void { op(bits == 3 ? Wasm.I64_EQZ : Wasm.I32_EQZ); }
/** Sign of the value on the stack, as 0 or 1. */
function sign(bits: u32): void {
  if (bits == 3) {
    i64c(63);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
  } else {
    i32c((8 << bits) - 1);
    op(Wasm.I32_SHR_U);
    if (bits != 2) {
      i32c(1);
      op(Wasm.I32_AND);
    }
  }
}

/** kind == k, comparing L_FLAG_A with L_FLAG_R by `code`: one term of the carry of a dynamic state. */
function dynamicTerm(k: u32, code: u32): void {
  get(L_FLAG_KIND);
  i32c(2);
  op(Wasm.I32_SHR_U);
  i32c(k);
  op(Wasm.I32_EQ);
  get(L_FLAG_R);
  get(L_FLAG_A);
  compareW(code);
  op(Wasm.I32_AND);
}
function dynamicCarry(): void {
  dynamicTerm(LazyKind.ADD, Wasm.I32_LT_U);
  dynamicTerm(LazyKind.ADC, Wasm.I32_LE_U);
  op(Wasm.I32_OR);
  dynamicTerm(LazyKind.SUB, Wasm.I32_GT_U);
  op(Wasm.I32_OR);
  dynamicTerm(LazyKind.SBB, Wasm.I32_GE_U);
  op(Wasm.I32_OR);
  // EAGER (0), INC, DEC, RESULT (6 and above), overlays (16 and above): kind - 1 > 4, unsigned.
  get(L_FLAG_KIND);
  i32c(2);
  op(Wasm.I32_SHR_U);
  i32c(1);
  op(Wasm.I32_SUB);
  i32c(4);
  op(Wasm.I32_GT_U);
  get(L_FLAG_CARRY);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
}
/** What EAGER holds in bit n of L_FLAG_CARRY, otherwise the i32 on the stack. */
function unlessEager(n: u32): void {
  carryBit(n);
  get(L_FLAG_KIND);
  i32c(0x3c);
  op(Wasm.I32_AND);
  op(Wasm.SELECT);
}

/** CF as 0 or 1. */
export function pushCF(): void {
  if (isDynamic()) return dynamicCarry();
  switch (kind()) {
    case LazyKind.ADD:
      get(L_FLAG_R);
      get(L_FLAG_A);
      compareW(Wasm.I32_LT_U);
      return;
    case LazyKind.SUB:
      get(L_FLAG_A);
      get(L_FLAG_R);
      compareW(Wasm.I32_LT_U);
      return;
    case LazyKind.LOGIC:
      i32c(0);
      return;
    default:
      carryBit(0);
  }
}
export function pushZF(): void {
  if (isDynamic()) {
    get(L_FLAG_R);
    op(code64 ? Wasm.I64_EQZ : Wasm.I32_EQZ);
    return unlessEager(6);
  }
  if (kind() == LazyKind.EAGER) return carryBit(6);
  if (holdsOperand()) {
    operandA();
    operandR();
    compare(Wasm.I32_EQ, size());
    return;
  }
  operandR();
  zero(size());
}
export function pushSF(): void {
  if (isDynamic()) {
    get(L_FLAG_R);
    // 8 << size, less one: where the sign is.
    i32c(8);
    get(L_FLAG_KIND);
    i32c(3);
    op(Wasm.I32_AND);
    op(Wasm.I32_SHL);
    i32c(1);
    op(Wasm.I32_SUB);
    if (code64) op(Wasm.I64_EXTEND_I32_U);
    arithmeticW(Wasm.I32_SHR_U);
    if (code64) op(Wasm.I32_WRAP_I64);
    i32c(1);
    op(Wasm.I32_AND);
    return unlessEager(7);
  }
  if (kind() == LazyKind.EAGER) return carryBit(7);
  result();
  sign(size());
}
export function pushPF(): void {
  if (!isDynamic() && kind() == LazyKind.EAGER) return carryBit(2);
  if (isDynamic()) {
    get(L_FLAG_R);
    if (code64) op(Wasm.I32_WRAP_I64);
  } else {
    result();
    if (size() == 3) op(Wasm.I32_WRAP_I64);
  }
  i32c(0xff);
  op(Wasm.I32_AND);
  op(Wasm.I32_POPCNT);
  i32c(1);
  op(Wasm.I32_AND);
  not();
  if (isDynamic()) unlessEager(2);
}
/** (x ^ y) & (x ^ z), sign of it, for the values that three pushes give. */
function overflow(subtraction: bool): void {
  const bits = size();
  if (subtraction) {
    // (a ^ b) & (a ^ r)
    operandA();
    operandR();
    arithmetic(Wasm.I32_XOR, bits);
    operandA();
    result();
    arithmetic(Wasm.I32_XOR, bits);
  } else {
    // (a ^ r) & (b ^ r), b = r - a
    operandA();
    operandR();
    arithmetic(Wasm.I32_XOR, bits);
    operandR();
    operandA();
    arithmetic(Wasm.I32_SUB, bits);
    operandR();
    arithmetic(Wasm.I32_XOR, bits);
  }
  arithmetic(Wasm.I32_AND, bits);
  if (bits < 2) cut(bits);
  sign(bits);
}
/** OF as 0 or 1. */
export function pushOF(): void {
  if (isDynamic()) return dynamicOF();
  const bits = size();
  switch (kind()) {
    case LazyKind.ADD: return overflow(false);
    case LazyKind.SUB: return overflow(true);
    case LazyKind.LOGIC: return i32c(0);
    case LazyKind.INC:
    case LazyKind.DEC: {
      operandR();
      const top = <i64>1 << ((8 << bits) - 1);
      const edge = kind() == LazyKind.INC ? top : top - 1;
      if (bits == 3) i64c(edge);
      else i32c(<i32>edge);
      compare(Wasm.I32_EQ, bits);
      return;
    }
    default: carryBit(11);
  }
}

/** AF as 0 or 1. */
export function pushAF(): void {
  if (isDynamic()) return dynamicAF();
  switch (kind()) {
    case LazyKind.ADD:
    case LazyKind.SUB:
      // Bit 4 of a ^ b ^ r.
      operandA();
      operandR();
      arithmetic(Wasm.I32_XOR, size());
      if (kind() == LazyKind.SUB) difference();
      else {
        operandR();
        operandA();
        arithmetic(Wasm.I32_SUB, size());
      }
      arithmetic(Wasm.I32_XOR, size());
      if (size() == 3) op(Wasm.I32_WRAP_I64);
      return bit(4);
    case LazyKind.LOGIC: return i32c(0);
    case LazyKind.INC:
    case LazyKind.DEC:
      operandR();
      if (size() == 3) op(Wasm.I32_WRAP_I64);
      i32c(15);
      op(Wasm.I32_AND);
      i32c(kind() == LazyKind.INC ? 0 : 15);
      op(Wasm.I32_EQ);
      return;
    default: carryBit(4);
  }
}

// ---- all of them ----------------------------------------------------------------------------------

function orAt(n: u32): void {
  i32c(n);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
}
/** SF ZF AF PF CF as RFLAGS bits. */
export function pushLowFlags(): void {
  pushCF();
  pushPF();
  orAt(2);
  pushAF();
  orAt(4);
  pushZF();
  orAt(6);
  pushSF();
  orAt(7);
}
/** The six arithmetic flags as RFLAGS bits. */
export function pushFlags(): void {
  pushLowFlags();
  pushOF();
  orAt(11);
}
/** Takes the six flags, as RFLAGS bits, from the stack. */
export function setFlags(): void {
  set(L_FLAG_CARRY);
  define(staticState(LazyKind.EAGER, 0));
}

// ---- conditions -----------------------------------------------------------------------------------

/** Comparison of the operands of a SUB that kept them, signed or not. */
function compareOperands(code: u32, isSigned: bool): void {
  operandA();
  if (isSigned) extendSigned(size());
  operandR();
  if (isSigned) extendSigned(size());
  compare(code, size());
}
/** Comparison of a result with 0, signed. */
function compareZero(code: u32): void {
  operandR();
  extendSigned(size());
  if (size() == 3) i64c(0);
  else i32c(0);
  compare(code, size());
}

/** Condition code (0 O ... 15 G) as an i32 that is 0 or not. */
export function pushCondition(cc: u32): void {
  const negate = (cc & 1) != 0;
  const k = isDynamic() ? 0 : kind();
  if (compared && !isDynamic()) return pushComparison(cc);
  if (!isDynamic() && k == LazyKind.SUB && holdsOperand()) {
    switch (cc) {
      case 2: return compareOperands(Wasm.I32_LT_U, false);
      case 3: return compareOperands(Wasm.I32_GE_U, false);
      case 4: return compareOperands(Wasm.I32_EQ, false);
      case 5: return compareOperands(Wasm.I32_NE, false);
      case 6: return compareOperands(Wasm.I32_LE_U, false);
      case 7: return compareOperands(Wasm.I32_GT_U, false);
      case 12: return compareOperands(Wasm.I32_LT_S, true);
      case 13: return compareOperands(Wasm.I32_GE_S, true);
      case 14: return compareOperands(Wasm.I32_LE_S, true);
      case 15: return compareOperands(Wasm.I32_GT_S, true);
    }
  }
  if (!isDynamic() && k == LazyKind.LOGIC) {
    switch (cc) {
      case 8:
      case 12: return compareZero(Wasm.I32_LT_S);
      case 9:
      case 13: return compareZero(Wasm.I32_GE_S);
      case 14: return compareZero(Wasm.I32_LE_S);
      case 15: return compareZero(Wasm.I32_GT_S);
      case 6: return pushZF();
      case 7:
        pushZF();
        return not();
    }
  }
  switch (cc >> 1) {
    case 0: pushOF(); break;
    case 1: pushCF(); break;
    case 2: pushZF(); break;
    case 3:
      pushCF();
      pushZF();
      op(Wasm.I32_OR);
      break;
    case 4: pushSF(); break;
    case 5: pushPF(); break;
    case 6:
      pushSF();
      pushOF();
      op(Wasm.I32_XOR);
      break;
    default:
      pushSF();
      pushOF();
      op(Wasm.I32_XOR);
      pushZF();
      op(Wasm.I32_OR);
  }
  if (negate) not();
}

/** CF and OF become the RFLAGS bits on the stack; the other flags stay. */
export function overlayCFOF(): void {
  toDynamic();
  get(L_FLAG_CARRY);
  i32c(~0x801);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  set(L_FLAG_CARRY);
  get(L_FLAG_KIND);
  i32c(OVERLAY_CFOF);
  op(Wasm.I32_OR);
  set(L_FLAG_KIND);
}
/** CF becomes the 0 or 1 on the stack; the other flags stay. */
export function overlayCF(): void {
  toDynamic();
  get(L_FLAG_CARRY);
  i32c(~1);
  op(Wasm.I32_AND);
  op(Wasm.I32_OR);
  set(L_FLAG_CARRY);
  get(L_FLAG_KIND);
  i32c(OVERLAY_CF);
  op(Wasm.I32_OR);
  set(L_FLAG_KIND);
}
