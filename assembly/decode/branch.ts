// Near direct branches: which form of micro-op the mode allows, and fusion with the comparison before.

import { code64, mode } from "./cursor";
import { emit, setDst, setImm, setSrc, stackOperandSize } from "./emit";
import { MODE_CODE, MODE_CODE32, MODE_FLAT, MODE_STACK, MODE_STACK_SHIFT } from "./mode";
import { Op } from "./op";
import { UOP, UOP_DST, UOP_OP } from "./uop";

/** Offset of the 16-bit condition mask in a JCC micro-op (base and index have no other use there). */
export const UOP_CONDITION_MASK: usize = 6;

/** 32-bit code on a flat 32-bit stack. */
export function flatStack32(): bool {
  return (mode & (MODE_CODE | MODE_STACK | MODE_FLAT)) == (MODE_CODE32 | (1 << MODE_STACK_SHIFT) | MODE_FLAT);
}

export function jump(u: usize, call: bool, displacement: i64): void {
  const size = stackOperandSize();
  if (code64 && size == 3) emit(u, call ? Op.CALL_REL64 : Op.JMP_REL, size);
  else if (call) emit(u, flatStack32() && size == 2 ? Op.CALL_REL32 : Op.CALL_NEAR, size);
  else emit(u, size == 2 ? Op.JMP_REL : Op.JMP_NEAR, size);
  setImm(u, displacement);
}

export function conditional(u: usize, cc: u32, displacement: i64): void {
  const size = stackOperandSize();
  emit(u, size == (code64 ? 3 : 2) ? Op.JCC : Op.JCC_NEAR, size);
  setDst(u, cc);
  setSrc(u, size);
  setImm(u, displacement);
  store<u16>(u, conditionMask(cc), UOP_CONDITION_MASK);
}

/**
 * Truth table of a condition over index = below | less << 1 | equal << 2 | sign << 3 of a comparison.
 * 0 for O, NO, P and NP, which a comparison's outcome does not give.
 */
export function conditionMask(cc: u32): u32 {
  let table: u32;
  switch (cc >> 1) {
    case 1: table = 0xaaaa; break; // B: bit 0
    case 2: table = 0xf0f0; break; // E: bit 2
    case 3: table = 0xfafa; break; // BE: bit 0 or 2
    case 4: table = 0xff00; break; // S: bit 3
    case 6: table = 0xcccc; break; // L: bit 1
    case 7: table = 0xfcfc; break; // LE: bit 1 or 2
    default: return 0;
  }
  return (cc & 1) != 0 ? ~table & 0xffff : table;
}

/** Turns the micro-op before a JCC into the fused form where there is one. `branch` is the JCC. */
export function fuse(branch: usize): void {
  if (load<u16>(branch, UOP_OP) != Op.JCC || load<u16>(branch, UOP_CONDITION_MASK) == 0) return;
  const first = branch - UOP;
  const op = <i32>load<u16>(first, UOP_OP);
  const cc = <u32>load<u8>(branch, UOP_DST) >> 1;
  let fused: i32 = 0;
  if (op >= Op.CMP_RR8 && op <= Op.CMP_MI64) fused = op - Op.CMP_RR8 + Op.CMP_RR8_JCC;
  else if (op >= Op.TEST_RR8 && op <= Op.TEST_MI64) fused = op - Op.TEST_RR8 + Op.TEST_RR8_JCC;
  else {
    switch (op) {
      case Op.SUB_RR32: fused = Op.SUB_RR32_JCC; break;
      case Op.SUB_RI32: fused = Op.SUB_RI32_JCC; break;
      case Op.SUB_RR64: fused = Op.SUB_RR64_JCC; break;
      case Op.SUB_RI64: fused = Op.SUB_RI64_JCC; break;
      case Op.AND_RR32: fused = Op.AND_RR32_JCC; break;
      case Op.AND_RI32: fused = Op.AND_RI32_JCC; break;
      case Op.AND_RR64: fused = Op.AND_RR64_JCC; break;
      case Op.AND_RI64: fused = Op.AND_RI64_JCC; break;
    }
    // The others give sign and zero only (carry and overflow are not those of a comparison).
    if (cc == 2 || cc == 4) {
      switch (op) {
        case Op.ADD_RR32: fused = Op.ADD_RR32_JCC; break;
        case Op.ADD_RI32: fused = Op.ADD_RI32_JCC; break;
        case Op.ADD_RR64: fused = Op.ADD_RR64_JCC; break;
        case Op.ADD_RI64: fused = Op.ADD_RI64_JCC; break;
        case Op.INC_R32: fused = Op.INC_R32_JCC; break;
        case Op.INC_R64: fused = Op.INC_R64_JCC; break;
        case Op.DEC_R32: fused = Op.DEC_R32_JCC; break;
        case Op.DEC_R64: fused = Op.DEC_R64_JCC; break;
      }
    }
  }
  if (fused != 0) store<u16>(first, fused, UOP_OP);
}
