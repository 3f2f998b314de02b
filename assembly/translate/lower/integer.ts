// Integer instructions with inline forms in tier 0, by the systematic numbering of decode/op. What they compute and
// which flags they leave is execute/alu's; the forms here are held against it by differential tests.

import { Op } from "../../decode/op";
import { uopDst, uopImm, uopSize, uopSrc } from "../../decode/uop";
import { LazyKind } from "../../vcpu/flags";
import { FLAGS_DYNAMIC } from "../../region/record";
import { close, LABEL_IF, open } from "../control";
import { code64 } from "../form";
import { blockVoid, get, i32c, i64c, op, set, tee, Wasm } from "../wasm";
import {
  compareState,
  keepA,
  keepR,
  overlayCF,
  overlayCFOF,
  pushCF,
  pushCondition,
  define,
  setState,
  staticState,
  toDynamic,
} from "./flags";
import {
  arithmetic,
  arithmeticW,
  constant,
  constW,
  cut,
  extendSigned,
  getRegister,
  L_FLAG_A,
  L_FLAG_CARRY,
  L_FLAG_KIND,
  setRegister,
  temporary,
} from "./locals";
import { announceStep } from "./groups";
import { effective, loadHost, openMemory, storeHost } from "./memory";
import { leaveFrame, pop, push } from "./stack";

const enum Kind { ADD = 0, OR = 1, ADC = 2, SBB = 3, AND = 4, SUB = 5, XOR = 6, CMP = 7, TEST = 8, MOV = 9 }
const enum Form { RR = 0, RI = 1, RM = 2, MR = 3, MI = 4 }

// Temporaries of an instruction: a, b, result.
const A: u32 = 0;
const B: u32 = 1;
const R: u32 = 2;
const C: u32 = 3;

/** r = a op b in temporary R; flags. */
function compute(kind: u32, size: u32): void {
  const a = temporary(A, size);
  const b = temporary(B, size);
  const r = temporary(R, size);
  switch (kind) {
    case Kind.ADD:
      get(a);
      get(b);
      arithmetic(Wasm.I32_ADD, size);
      cut(size);
      set(r);
      get(a);
      keepA(size);
      get(r);
      keepR(size);
      define(staticState(LazyKind.ADD, size));
      return;
    case Kind.ADC:
    case Kind.SBB: {
      const c = temporary(C, 2);
      pushCF();
      set(c);
      get(a);
      get(b);
      arithmetic(kind == Kind.ADC ? Wasm.I32_ADD : Wasm.I32_SUB, size);
      get(c);
      if (size == 3) op(Wasm.I64_EXTEND_I32_U);
      arithmetic(kind == Kind.ADC ? Wasm.I32_ADD : Wasm.I32_SUB, size);
      cut(size);
      set(r);
      // The kind behind ADD and SUB is that with a carry in.
      get(c);
      i32c(2);
      op(Wasm.I32_SHL);
      i32c(((kind == Kind.ADC ? LazyKind.ADD : LazyKind.SUB) << 2) | size);
      op(Wasm.I32_ADD);
      set(L_FLAG_KIND);
      get(a);
      keepA(size);
      get(r);
      keepR(size);
      setState(FLAGS_DYNAMIC);
      return;
    }
    case Kind.SUB:
    case Kind.CMP:
      if (kind == Kind.SUB) {
        get(a);
        get(b);
        arithmetic(Wasm.I32_SUB, size);
        cut(size);
        set(r);
      }
      get(a);
      keepA(size);
      get(b);
      keepR(size);
      define(compareState(size));
      return;
    default:
      get(a);
      get(b);
      arithmetic(kind == Kind.OR ? Wasm.I32_OR : kind == Kind.XOR ? Wasm.I32_XOR : Wasm.I32_AND, size);
      set(r);
      get(r);
      keepR(size);
      define(staticState(LazyKind.LOGIC, size));
  }
}
@inline function writes(kind: u32): bool { return kind != Kind.CMP && kind != Kind.TEST; }

function twoOperands(u: usize, kind: u32, size: u32, form: u32): void {
  const a = temporary(A, size);
  const b = temporary(B, size);
  const toMemory = form >= <u32>Form.MR;
  // Memory first: nothing is committed before its checks.
  if (form >= <u32>Form.RM) {
    openMemory(u, size, toMemory && writes(kind));
    if (!toMemory || kind != Kind.MOV) {
      loadHost(size);
      set(toMemory ? a : b);
    }
  }
  if (!toMemory && kind != Kind.MOV) {
    getRegister(<u32>uopDst(u), size);
    set(a);
  }
  if (form == Form.RR || form == Form.MR) {
    getRegister(<u32>uopSrc(u), size);
    set(b);
  } else if (form != Form.RM) {
    constant(uopImm(u), size);
    set(b);
  }
  if (kind == Kind.MOV) {
    if (toMemory) storeHost(b, size);
    else {
      get(b);
      setRegister(<u32>uopDst(u), size);
    }
    return;
  }
  compute(kind, size);
  if (!writes(kind)) return;
  if (toMemory) storeHost(temporary(R, size), size);
  else {
    get(temporary(R, size));
    if (form == Form.RI) announceStep(u, <u32>uopDst(u) >> 3);
    setRegister(<u32>uopDst(u), size);
  }
}

const enum Unary { INC = 0, DEC = 1, NOT = 2, NEG = 3 }
function oneOperand(u: usize, kind: u32, size: u32, isMemory: bool): void {
  const a = temporary(A, size);
  const r = temporary(R, size);
  if (isMemory) {
    openMemory(u, size, true);
    loadHost(size);
  } else getRegister(<u32>uopDst(u), size);
  set(a);
  if (kind == Unary.NEG) {
    constant(0, size);
    get(a);
    arithmetic(Wasm.I32_SUB, size);
    cut(size);
    set(r);
    constW(0);
    set(L_FLAG_A);
    get(a);
    keepR(size);
    define(compareState(size));
  } else if (kind == Unary.NOT) {
    get(a);
    constant(-1, size);
    arithmetic(Wasm.I32_XOR, size);
    set(r);
  } else {
    pushCF();
    set(L_FLAG_CARRY);
    get(a);
    constant(1, size);
    arithmetic(kind == Unary.INC ? Wasm.I32_ADD : Wasm.I32_SUB, size);
    cut(size);
    tee(r);
    keepR(size);
    define(staticState(kind == Unary.INC ? LazyKind.INC : LazyKind.DEC, size));
  }
  if (isMemory) storeHost(r, size);
  else {
    get(r);
    announceStep(u, <u32>uopDst(u) >> 3);
    setRegister(<u32>uopDst(u), size);
  }
}

// ---- shifts ---------------------------------------------------------------------------------------

export const enum Shift { ROL = 0, ROR = 1, SHL = 2, SHR = 3, SAR = 4 }
const AF: i32 = 1 << 4;

/** Bit `n` (from the count in a local or a constant) of an operand: pushes i32 0 or 1 from the value on the stack. */
export function lowBit(size: u32): void {
  if (size == 3) op(Wasm.I32_WRAP_I64);
  i32c(1);
  op(Wasm.I32_AND);
}
export function signBit(size: u32): void {
  if (size == 3) {
    i64c(63);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
  } else {
    i32c((8 << size) - 1);
    op(Wasm.I32_SHR_U);
  }
}
/** Pushes the count, less `less`, as a value of the operand size. */
function pushCount(local: i32, fixed: u32, less: i32, size: u32): void {
  if (local < 0) {
    if (size == 3) i64c(<i64>fixed - less);
    else i32c(<i32>fixed - less);
    return;
  }
  get(local);
  if (less != 0) {
    i32c(less);
    op(Wasm.I32_SUB);
  }
  if (size == 3) op(Wasm.I64_EXTEND_I32_U);
}
/** Shifts temporary A of 32 or 64 bits into R by a count that is not 0; sets flags. `local` < 0: the count is `fixed`. */
export function shift(kind: u32, size: u32, local: i32, fixed: u32): void {
  const a = temporary(A, size);
  const r = temporary(R, size);
  const c = temporary(C, 2);
  const bits: i32 = 8 << size;
  get(a);
  pushCount(local, fixed, 0, size);
  switch (kind) {
    case Shift.ROL: arithmetic(Wasm.I32_ROTL, size); break;
    case Shift.ROR: arithmetic(Wasm.I32_ROTR, size); break;
    case Shift.SHL: arithmetic(Wasm.I32_SHL, size); break;
    case Shift.SHR: arithmetic(Wasm.I32_SHR_U, size); break;
    default: arithmetic(Wasm.I32_SHR_S, size);
  }
  set(r);
  if (kind == Shift.ROL || kind == Shift.ROR) {
    // CF: the bit that went round; OF: whether the two topmost bits (ROL: top and CF) differ.
    get(r);
    if (kind == Shift.ROL) lowBit(size);
    else signBit(size);
    tee(c);
    get(r);
    if (kind == Shift.ROR) {
      constant(1, size);
      arithmetic(Wasm.I32_SHL, size);
    }
    signBit(size);
    get(c);
    op(Wasm.I32_XOR);
    i32c(11);
    op(Wasm.I32_SHL);
    op(Wasm.I32_OR);
    overlayCFOF();
    return;
  }
  // CF: the last bit that left.
  get(a);
  if (kind == Shift.SHL) {
    constant(bits, size);
    pushCount(local, fixed, 0, size);
    arithmetic(Wasm.I32_SUB, size);
    arithmetic(Wasm.I32_SHR_U, size);
  } else {
    pushCount(local, fixed, 1, size);
    arithmetic(kind == Shift.SHR ? Wasm.I32_SHR_U : Wasm.I32_SHR_S, size);
  }
  lowBit(size);
  set(c);
  get(c);
  i32c(AF);
  op(Wasm.I32_OR);
  if (kind != Shift.SAR) {
    get(r);
    if (kind == Shift.SHR) {
      constant(1, size);
      arithmetic(Wasm.I32_SHL, size);
    }
    signBit(size);
    if (kind == Shift.SHL) {
      get(c);
      op(Wasm.I32_XOR);
    }
    i32c(11);
    op(Wasm.I32_SHL);
    op(Wasm.I32_OR);
  }
  set(L_FLAG_CARRY);
  get(r);
  keepR(size);
  define(staticState(LazyKind.RESULT, size));
}

function shiftRegister(u: usize, kind: u32, size: u32, byCl: bool): void {
  const r = temporary(R, size);
  getRegister(<u32>uopDst(u), size);
  set(temporary(A, size));
  if (!byCl) {
    shift(kind, size, -1, <u32>uopImm(u));
    get(r);
    setRegister(<u32>uopDst(u), size);
    return;
  }
  const count = temporary(4, 2);
  toDynamic();
  get(temporary(A, size));
  set(r);
  getRegister(8, 0);
  i32c(size == 3 ? 63 : 31);
  op(Wasm.I32_AND);
  tee(count);
  blockVoid(Wasm.IF);
  open(LABEL_IF);
  shift(kind, size, <i32>count, 0);
  toDynamic();
  close();
  get(r);
  setRegister(<u32>uopDst(u), size);
}

// ---- products -------------------------------------------------------------------------------------

/** IMUL of temporaries A and B of 32 bits into R; CF = OF = it does not fit. */
export function multiply32(): void {
  const product = temporary(4, 3);
  get(temporary(A, 2));
  op(Wasm.I64_EXTEND_I32_S);
  get(temporary(B, 2));
  op(Wasm.I64_EXTEND_I32_S);
  op(Wasm.I64_MUL);
  tee(product);
  op(Wasm.I32_WRAP_I64);
  tee(temporary(R, 2));
  op(Wasm.I64_EXTEND_I32_S);
  get(product);
  op(Wasm.I64_NE);
  pushOverflow();
}
export function pushOverflow(): void {
  i32c(0x801);
  op(Wasm.I32_MUL);
  overlayCFOF();
}
/** The same for 64 bits; products of numbers that do not both fit 32 bits are tier 0's. */
export function multiply64(): void {
  const a = temporary(A, 3);
  const b = temporary(B, 3);
  get(a);
  op(Wasm.I64_EXTEND32_S);
  get(a);
  op(Wasm.I64_XOR);
  get(b);
  op(Wasm.I64_EXTEND32_S);
  get(b);
  op(Wasm.I64_XOR);
  op(Wasm.I64_OR);
  op(Wasm.I64_EQZ);
  blockVoid(Wasm.IF);
  open(LABEL_IF);
  i32c(0);
  set(temporary(C, 2));
  op(Wasm.ELSE);
  highDiffers();
  set(temporary(C, 2));
  close();
  get(a);
  get(b);
  op(Wasm.I64_MUL);
  set(temporary(R, 3));
  get(temporary(C, 2));
  pushOverflow();
}
/** Pushes 1 if the upper half of the signed product of A and B is not the sign of its lower half. */
function highDiffers(): void {
  signedHigh();
  get(temporary(A, 3));
  get(temporary(B, 3));
  op(Wasm.I64_MUL);
  i64c(63);
  op(Wasm.I64_SHR_S);
  op(Wasm.I64_NE);
}
/** Upper or lower 32 bits of an i64 local. */
function half(local: u32, high: bool): void {
  get(local);
  if (high) {
    i64c(32);
    op(Wasm.I64_SHR_U);
  } else {
    i64c(0xffff_ffff);
    op(Wasm.I64_AND);
  }
}
/** Pushes the upper half of the unsigned 128-bit product of A and B (execute/alu mulHighUnsigned). */
export function unsignedHigh(): void {
  const a = temporary(A, 3);
  const b = temporary(B, 3);
  const middle = temporary(4, 3);
  const cross = temporary(5, 3);
  half(a, true);
  half(b, false);
  op(Wasm.I64_MUL);
  half(a, false);
  half(b, false);
  op(Wasm.I64_MUL);
  i64c(32);
  op(Wasm.I64_SHR_U);
  op(Wasm.I64_ADD);
  set(middle);
  half(a, false);
  half(b, true);
  op(Wasm.I64_MUL);
  half(middle, false);
  op(Wasm.I64_ADD);
  set(cross);
  half(a, true);
  half(b, true);
  op(Wasm.I64_MUL);
  half(middle, true);
  op(Wasm.I64_ADD);
  half(cross, true);
  op(Wasm.I64_ADD);
}
/** The same for the signed product. */
export function signedHigh(): void {
  unsignedHigh();
  for (let k: u32 = 0; k < 2; k++) {
    get(temporary(k == 0 ? A : B, 3));
    i64c(63);
    op(Wasm.I64_SHR_S);
    get(temporary(k == 0 ? B : A, 3));
    op(Wasm.I64_AND);
    op(Wasm.I64_SUB);
  }
}

// ---- moves ----------------------------------------------------------------------------------------

/** MOVZX and MOVSX. */
function extend(u: usize, from: u32, to: u32, isSigned: bool, isMemory: bool): void {
  if (isMemory) {
    openMemory(u, from, false);
    loadHost(from);
  } else getRegister(<u32>uopSrc(u), from);
  if (isSigned) extendSigned(from);
  if (to == 3) op(isSigned ? Wasm.I64_EXTEND_I32_S : Wasm.I64_EXTEND_I32_U);
  setRegister(<u32>uopDst(u), to);
}

function conditionalMove(u: usize, size: u32, isMemory: bool): void {
  if (isMemory) {
    openMemory(u, size, false);
    loadHost(size);
  } else getRegister(<u32>uopSrc(u), size);
  getRegister(<u32>uopDst(u), size);
  pushCondition(<u32>uopImm(u));
  op(Wasm.SELECT);
  setRegister(<u32>uopDst(u), size);
}

function exchangeRegisters(u: usize, size: u32): void {
  getRegister(<u32>uopDst(u), size);
  getRegister(<u32>uopSrc(u), size);
  setRegister(<u32>uopDst(u), size);
  setRegister(<u32>uopSrc(u), size);
}

/** Reverses the bytes of a value of 32 or 64 bits on the stack. Uses temporary A. */
export function swapBytes(size: u32): void {
  const a = temporary(A, size);
  set(a);
  if (size == 2) {
    get(a);
    i32c(8);
    op(Wasm.I32_ROTL);
    i32c(0x00ff_00ff);
    op(Wasm.I32_AND);
    get(a);
    i32c(8);
    op(Wasm.I32_ROTR);
    i32c(<i32>0xff00_ff00);
    op(Wasm.I32_AND);
    op(Wasm.I32_OR);
  } else {
    // Bytes within words, words within doublewords, doublewords.
    swapPart(a, 8, 0x00ff_00ff_00ff_00ff);
    swapPart(a, 16, 0x0000_ffff_0000_ffff);
    get(a);
    i64c(32);
    op(Wasm.I64_ROTL);
  }
}
function swapRegister(u: usize, size: u32): void {
  getRegister(<u32>uopDst(u), size);
  swapBytes(size);
  setRegister(<u32>uopDst(u), size);
}
function swapPart(local: u32, distance: i64, mask: i64): void {
  get(local);
  i64c(distance);
  op(Wasm.I64_SHR_U);
  i64c(mask);
  op(Wasm.I64_AND);
  get(local);
  i64c(mask);
  op(Wasm.I64_AND);
  i64c(distance);
  op(Wasm.I64_SHL);
  op(Wasm.I64_OR);
  set(local);
}

/** BT of a register. */
function testBit(u: usize, size: u32, byRegister: bool): void {
  getRegister(<u32>uopDst(u), size);
  if (byRegister) {
    // WebAssembly shifts by the count modulo the width, as BT does.
    getRegister(<u32>uopSrc(u), size);
  } else constant(uopImm(u) & ((8 << size) - 1), size);
  arithmetic(Wasm.I32_SHR_U, size);
  lowBit(size);
  overlayCF();
}

// ---- by number ------------------------------------------------------------------------------------

/** Translates an instruction of the systematic groups; false: it is none of them. */
export function lowerInteger(u: usize, o: u32): bool {
  if (o >= <u32>Op.ADD_RR8 && o < <u32>Op.TEST_RR8) {
    const k = o - <u32>Op.ADD_RR8;
    twoOperands(u, k / 20, (k % 20) / 5, k % 5);
    return true;
  }
  if (o >= <u32>Op.TEST_RR8 && o < <u32>Op.MOV_RR8) {
    const k = o - <u32>Op.TEST_RR8;
    const form = k & 3;
    twoOperands(u, Kind.TEST, k >> 2, form >= 2 ? form + 1 : form);
    return true;
  }
  if (o >= <u32>Op.MOV_RR8 && o < <u32>Op.MOVZX_8_16_R) {
    const k = o - <u32>Op.MOV_RR8;
    twoOperands(u, Kind.MOV, k / 5, k % 5);
    return true;
  }
  if (o >= <u32>Op.INC_R8 && o <= <u32>Op.NEG_M64) {
    const k = o - <u32>Op.INC_R8;
    oneOperand(u, k >> 3, (k >> 1) & 3, (k & 1) != 0);
    return true;
  }
  if (o >= <u32>Op.ROL_RI32 && o <= <u32>Op.SAR_RC64) {
    const k = o - <u32>Op.ROL_RI32;
    shiftRegister(u, k >> 2, (k & 2) != 0 ? 3 : 2, (k & 1) != 0);
    return true;
  }
  switch (o) {
    case Op.MOVZX_8_16_R: extend(u, 0, 1, false, false); return true;
    case Op.MOVZX_8_16_M: extend(u, 0, 1, false, true); return true;
    case Op.MOVZX_8_32_R: extend(u, 0, 2, false, false); return true;
    case Op.MOVZX_8_32_M: extend(u, 0, 2, false, true); return true;
    case Op.MOVZX_16_32_R: extend(u, 1, 2, false, false); return true;
    case Op.MOVZX_16_32_M: extend(u, 1, 2, false, true); return true;
    case Op.MOVSX_8_16_R: extend(u, 0, 1, true, false); return true;
    case Op.MOVSX_8_16_M: extend(u, 0, 1, true, true); return true;
    case Op.MOVSX_8_32_R: extend(u, 0, 2, true, false); return true;
    case Op.MOVSX_8_32_M: extend(u, 0, 2, true, true); return true;
    case Op.MOVSX_8_64_R: extend(u, 0, 3, true, false); return true;
    case Op.MOVSX_8_64_M: extend(u, 0, 3, true, true); return true;
    case Op.MOVSX_16_32_R: extend(u, 1, 2, true, false); return true;
    case Op.MOVSX_16_32_M: extend(u, 1, 2, true, true); return true;
    case Op.MOVSX_16_64_R: extend(u, 1, 3, true, false); return true;
    case Op.MOVSX_16_64_M: extend(u, 1, 3, true, true); return true;
    case Op.MOVSX_32_64_R: extend(u, 2, 3, true, false); return true;
    case Op.MOVSX_32_64_M: extend(u, 2, 3, true, true); return true;
    case Op.LEA16:
    case Op.LEA32:
    case Op.LEA64: {
      const size = o - <u32>Op.LEA16 + 1;
      effective(u);
      if (code64 && size != 3) op(Wasm.I32_WRAP_I64);
      announceStep(u, <u32>uopDst(u) >> 3);
      setRegister(<u32>uopDst(u), size);
      return true;
    }
    case Op.IMUL_RR32:
    case Op.IMUL_RRI32:
    case Op.IMUL_RM32:
    case Op.IMUL_RR64:
    case Op.IMUL_RRI64:
    case Op.IMUL_RM64: {
      const k = (o - <u32>Op.IMUL_RR32) % 3;
      const size: u32 = o >= <u32>Op.IMUL_RR64 ? 3 : 2;
      if (k == 2) {
        openMemory(u, size, false);
        loadHost(size);
      } else if (k == 1) constant(uopImm(u), size);
      else getRegister(<u32>uopSrc(u), size);
      set(temporary(B, size));
      getRegister(<u32>(k == 1 ? uopSrc(u) : uopDst(u)), size);
      set(temporary(A, size));
      if (size == 3) multiply64();
      else multiply32();
      get(temporary(R, size));
      setRegister(<u32>uopDst(u), size);
      return true;
    }
    case Op.PUSH_R32:
    case Op.PUSH_R64:
    case Op.PUSH_I32:
    case Op.PUSH_I64:
      push(u, o);
      return true;
    case Op.POP_R32:
    case Op.POP_R64:
      pop(u);
      return true;
    case Op.LEAVE32:
    case Op.LEAVE64:
      leaveFrame(uopSize(u));
      return true;
    case Op.SETCC_R:
      pushCondition(<u32>uopSrc(u));
      i32c(0);
      op(Wasm.I32_NE);
      setRegister(<u32>uopDst(u), 0);
      return true;
    case Op.CMOV_RR32: conditionalMove(u, 2, false); return true;
    case Op.CMOV_RR64: conditionalMove(u, 3, false); return true;
    case Op.CMOV_RM32: conditionalMove(u, 2, true); return true;
    case Op.CMOV_RM64: conditionalMove(u, 3, true); return true;
    case Op.XCHG_RR32: exchangeRegisters(u, 2); return true;
    case Op.XCHG_RR64: exchangeRegisters(u, 3); return true;
    case Op.CWDE:
      getRegister(0, 1);
      op(Wasm.I32_EXTEND16_S);
      setRegister(0, 2);
      return true;
    case Op.CDQE:
      getRegister(0, 2);
      op(Wasm.I64_EXTEND_I32_S);
      setRegister(0, 3);
      return true;
    case Op.CDQ:
      getRegister(0, 2);
      i32c(31);
      op(Wasm.I32_SHR_S);
      setRegister(2 << 3, 2);
      return true;
    case Op.CQO:
      getRegister(0, 3);
      i64c(63);
      op(Wasm.I64_SHR_S);
      setRegister(2 << 3, 3);
      return true;
    case Op.BSWAP32: swapRegister(u, 2); return true;
    case Op.BSWAP64: swapRegister(u, 3); return true;
    case Op.NOP: return true;
    case Op.BT_RI32: testBit(u, 2, false); return true;
    case Op.BT_RR32: testBit(u, 2, true); return true;
    case Op.BT_RI64: testBit(u, 3, false); return true;
    case Op.BT_RR64: testBit(u, 3, true); return true;
  }
  return false;
}
