// One instruction: bytes in, micro-op out.

import { at, begin, lock, lockUsed, outcome, Outcome, start } from "./cursor";
import { setOp, emit } from "./emit";
import { oneByte } from "./onebyte";
import { Op } from "./op";
import { clearUop, Prefix, UOP_BASE, UOP_INDEX, UOP_LENGTH, UOP_PLAIN, uopPrefix, ZERO_OFFSET } from "./uop";

/**
 * Decodes the instruction at host address `bytes`, of which `available` bytes can be read, under mode
 * word `mode`, into the micro-op at `u`. Returns its length, or 0 if the bytes end before it does.
 * Encodings that do not exist give Op.INVALID, over-long ones Op.TOO_LONG; both have a length too.
 */
export function decode(bytes: usize, available: usize, mode: u32, u: usize): u32 {
  clearUop(u);
  store<u8>(u, ZERO_OFFSET, UOP_BASE);
  store<u8>(u, ZERO_OFFSET, UOP_INDEX);
  begin(bytes, available, mode);
  if (outcome == Outcome.OK) oneByte(u);
  if (outcome == Outcome.OK && lock && !lockUsed) setOp(u, Op.INVALID);
  if (outcome == Outcome.SHORT) return 0;
  if (outcome == Outcome.INVALID) emit(u, Op.INVALID, 0);
  else if (outcome == Outcome.TOO_LONG) emit(u, Op.TOO_LONG, 0);
  const length = <u32>(at - start);
  store<u8>(u, length, UOP_LENGTH);
  return length;
}

/**
 * A block ends behind this instruction: it never falls through, leaves to the run loop as a rule, or, as a
 * repeated string instruction, does its own accounting of ticks.
 */
export function endsBlock(u: usize): bool {
  const op = <u32>load<u16>(u, UOP_PLAIN);
  switch (op) {
    case Op.MOVS: case Op.STOS: case Op.LODS: case Op.SCAS: case Op.CMPS: case Op.INS: case Op.OUTS:
      return (uopPrefix(u) & (Prefix.REP | Prefix.REPNE)) != 0;
    case Op.INVALID: case Op.TOO_LONG:
    case Op.JMP_REL: case Op.CALL_REL32: case Op.CALL_REL64: case Op.RET32: case Op.RET64:
    case Op.CALL_R32: case Op.CALL_R64: case Op.CALL_M32: case Op.CALL_M64:
    case Op.JMP_R32: case Op.JMP_R64: case Op.JMP_M32: case Op.JMP_M64:
    case Op.JMP_NEAR: case Op.CALL_NEAR: case Op.RET_NEAR: case Op.CALL_IND: case Op.JMP_IND:
    case Op.LOOP: case Op.LOOPE: case Op.LOOPNE: case Op.JCXZ:
    case Op.CALL_FAR: case Op.JMP_FAR: case Op.CALL_FAR_M: case Op.JMP_FAR_M: case Op.RET_FAR: case Op.IRET:
    case Op.INT3: case Op.INT: case Op.INT1: case Op.UD: case Op.HLT:
    case Op.SYSCALL: case Op.SYSRET: case Op.SYSENTER: case Op.SYSEXIT:
    case Op.MOV_TO_CR: case Op.LMSW: case Op.CLTS: case Op.WRMSR:
      return true;
    default:
      return false;
  }
}
