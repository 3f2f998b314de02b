// Which micro-ops a region can contain, what they do to the flags, and who translates them.

import { Op } from "../../decode/op";
import { Ea, UOP_PLAIN, uopEa } from "../../decode/uop";
import { FLAGS_DYNAMIC } from "../../region/record";
import { LazyKind } from "../../vcpu/flags";
import { compareState, staticState, UNKNOWN } from "./flags";
import { lowerInteger } from "./integer";
import { canAddress } from "./memory";
import { canLowerSlow, effectOfSlow, lowerSlow } from "./slow";
import { canLowerVector, lowerVector, setsFlags } from "./vector";
import { canLowerX87, lowerX87, x87SetsFlags } from "./x87/instruction";

@inline function plainOp(u: usize): u32 { return load<u16>(u, UOP_PLAIN); }

function isBranch(o: u32): bool {
  return (o >= <u32>Op.CALL_REL32 && o <= <u32>Op.JMP_M32) || (o >= <u32>Op.CALL_REL64 && o <= <u32>Op.JMP_M64) || o == <u32>Op.JMP_REL || o == <u32>Op.JCC;
}

@inline function isVector(o: u32): bool { return o >= <u32>Op.VECTOR_LOAD && o <= <u32>Op.CVTSD2SS; }

/** The instruction has a translation (branches aside, which end a node). */
export function canLower(u: usize): bool {
  const o = plainOp(u);
  if (o == <u32>Op.X87) return canLowerX87(u) && (uopEa(u) == Ea.REGISTER || canAddress(u));
  if (o >= <u32>Op.SLOW) return canLowerSlow(u, o);
  if (isVector(o)) {
    if (!canLowerVector(u, o)) return false;
  } else if (o < <u32>Op.ADD_RR8 || o > <u32>Op.BT_RR64 || isBranch(o)) return false;
  return uopEa(u) == Ea.REGISTER || canAddress(u);
}

/** Flag state behind an instruction, UNKNOWN when it leaves the flags alone. */
export function effectOf(u: usize): u32 {
  const o = plainOp(u);
  if (o == <u32>Op.X87) return x87SetsFlags(u) ? staticState(LazyKind.EAGER, 0) : UNKNOWN;
  if (o >= <u32>Op.SLOW) return effectOfSlow(u, o);
  if (o >= <u32>Op.ADD_RR8 && o < <u32>Op.TEST_RR8) {
    const k = o - <u32>Op.ADD_RR8;
    const size = (k % 20) / 5;
    switch (k / 20) {
      case 0: return staticState(LazyKind.ADD, size);
      case 2:
      case 3: return FLAGS_DYNAMIC;
      case 5:
      case 7: return compareState(size);
      default: return staticState(LazyKind.LOGIC, size);
    }
  }
  if (o >= <u32>Op.TEST_RR8 && o < <u32>Op.MOV_RR8) return staticState(LazyKind.LOGIC, (o - <u32>Op.TEST_RR8) >> 2);
  if (o >= <u32>Op.INC_R8 && o <= <u32>Op.NEG_M64) {
    const k = o - <u32>Op.INC_R8;
    const size = (k >> 1) & 3;
    switch (k >> 3) {
      case 0: return staticState(LazyKind.INC, size);
      case 1: return staticState(LazyKind.DEC, size);
      case 2: return UNKNOWN;
      default: return compareState(size);
    }
  }
  if (o >= <u32>Op.ROL_RI32 && o <= <u32>Op.SAR_RC64) {
    const k = o - <u32>Op.ROL_RI32;
    // Rotates leave some flags; a count in CL may be 0.
    return (k & 1) != 0 || k < 8 ? FLAGS_DYNAMIC : staticState(LazyKind.RESULT, (k & 2) != 0 ? 3 : 2);
  }
  if (o >= <u32>Op.IMUL_RR32 && o <= <u32>Op.IMUL_RM64) return FLAGS_DYNAMIC;
  if (o >= <u32>Op.BT_RI32 && o <= <u32>Op.BT_RR64) return FLAGS_DYNAMIC;
  if (isVector(o) && setsFlags(u, o)) return staticState(LazyKind.EAGER, 0);
  return UNKNOWN;
}

/** Writes the translation of an instruction that canLower accepts. */
export function lower(u: usize): bool {
  const o = plainOp(u);
  if (o == <u32>Op.X87) {
    lowerX87(u);
    return true;
  }
  if (o >= <u32>Op.SLOW) return lowerSlow(u, o);
  return isVector(o) ? lowerVector(u, o) : lowerInteger(u, o);
}
