// Writing a micro-op: what the opcode maps share.

import {
  addressSize,
  code64,
  fail,
  allowLock,
  invalid,
  lock,
  operandSize,
  Outcome,
  repeat,
  rex,
  segment,
  setOperandSize,
} from "./cursor";
import { gpr, isRegister, modrm, reg, rm } from "./modrm";
import { FORM_MI, FORM_MR, FORM_RI, FORM_RM, FORM_RR, Op } from "./op";
import {
  Prefix,
  UOP_DST,
  UOP_IMM,
  UOP_OP,
  UOP_PLAIN,
  UOP_PREFIX,
  UOP_SEG,
  UOP_SRC,
} from "./uop";

export function setOp(u: usize, op: u32): void {
  store<u16>(u, op, UOP_OP);
  store<u16>(u, op, UOP_PLAIN);
}
/** Writes the op and the prefix byte for an operand size (log2 of bytes). */
export function emit(u: usize, op: u32, size: u32): void {
  setOp(u, op);
  let p = (size << Prefix.SIZE_SHIFT) | (addressSize << Prefix.ADDRESS_SHIFT);
  if (repeat == 3) p |= Prefix.REP;
  if (repeat == 2) p |= Prefix.REPNE;
  if (lock) p |= Prefix.LOCK;
  if (rex != 0) p |= Prefix.REX;
  store<u8>(u, p, UOP_PREFIX);
}
@inline export function setDst(u: usize, value: u32): void { store<u8>(u, value, UOP_DST); }
@inline export function setSrc(u: usize, value: u32): void { store<u8>(u, value, UOP_SRC); }
@inline export function setImm(u: usize, value: i64): void { store<i64>(u, value, UOP_IMM); }

/** Operand size of an opcode with a byte form (bit 0 clear) and a word/doubleword/quadword form. */
@inline export function sizeOf(opcode: u32): u32 { return (opcode & 1) == 0 ? 0 : operandSize; }
/** Near branches, PUSH and POP: 64 bits by default in 64-bit mode, 16 with 66h (APM vol. 3, 1.2.2). */
export function stackOperandSize(): u32 { return code64 && operandSize == 2 ? 3 : operandSize; }

/** Reads ModRM for an r/m operand of `size` and a register operand: slow-handler convention. */
export function rmReg(u: usize, op: u32, size: u32): void {
  modrm(u);
  emit(u, op, size);
  if (isRegister()) setDst(u, gpr(rm, size));
  setSrc(u, gpr(reg, size));
}
/** r/m operand only (opcode groups). ModRM has been read. */
export function rmOnly(u: usize, op: u32, size: u32): void {
  emit(u, op, size);
  if (isRegister()) setDst(u, gpr(rm, size));
}
/** The memory form must be used: #UD for a register operand. */
export function memoryOnly(): void {
  if (isRegister()) invalid();
}
/** LOCK is legal here for a memory destination. */
export function lockable(): void {
  if (!isRegister()) allowLock();
}

/** Two-operand group with forms RR RM MR (opcode bit 1 = direction); `base` is the op of its RR form. */
export function twoOperands(u: usize, base: u32, size: u32, toRegister: bool): void {
  modrm(u);
  if (isRegister()) {
    emit(u, base + FORM_RR, size);
    setDst(u, gpr(toRegister ? reg : rm, size));
    setSrc(u, gpr(toRegister ? rm : reg, size));
  } else if (toRegister) {
    emit(u, base + FORM_RM, size);
    setDst(u, gpr(reg, size));
  } else {
    emit(u, base + FORM_MR, size);
    setSrc(u, gpr(reg, size));
  }
}
/** r/m, immediate. ModRM has been read. */
export function rmImmediate(u: usize, base: u32, size: u32, value: i64): void {
  if (isRegister()) {
    emit(u, base + FORM_RI, size);
    setDst(u, gpr(rm, size));
  } else emit(u, base + FORM_MI, size);
  setImm(u, value);
}
/** Register (by number), immediate. */
export function registerImmediate(u: usize, op: u32, size: u32, number: u32, value: i64): void {
  emit(u, op, size);
  setDst(u, gpr(number, size));
  setImm(u, value);
}
/** Operands that are implied: source segment for string instructions and XLAT. */
export function implied(u: usize, op: u32, size: u32): void {
  emit(u, op, size);
  store<u8>(u, segment >= 0 ? segment : 3, UOP_SEG);
}
/** Restricts an instruction to 16/32-bit code. */
export function legacyOnly(): void {
  if (code64) fail(Outcome.INVALID);
}
export function force64(): void {
  if (code64) setOperandSize(3);
}
/** Op.X of the RR form from the family of one size. */
@inline export function aluBase(kind: u32, size: u32): u32 { return Op.ADD_RR8 + kind * 20 + size * 5; }
