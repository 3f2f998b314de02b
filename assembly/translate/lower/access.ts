// What the memory operand of a micro-op is made of, how much of it an instruction accesses, and what instructions do to the
// registers that operands are made of: enough to tell what the instructions ahead will access.
//
//   key: 4:0 base (16 none) | 9:5 index | 11:10 scale | 15:12 form | 19:16 segment | 31 valid

import { Op } from "../../decode/op";
import {
  Ea,
  UOP_BASE,
  UOP_DISP,
  UOP_INDEX,
  UOP_PLAIN,
  UOP_SCALE,
  uopDst,
  uopEa,
  uopImm,
  uopSeg,
  ZERO_OFFSET,
} from "../../decode/uop";
import { RIP_MARKER } from "../../decode/modrm";
import { code64 } from "../form";

export const VALID: u32 = 1 << 31;
/** No register. */
export const NONE: u32 = 16;
export const SP: u32 = 4;
@inline export function baseOf(key: u32): u32 { return key & 31; }
@inline export function indexOf(key: u32): u32 { return (key >> 5) & 31; }
@inline export function scaleOf(key: u32): u32 { return (key >> 10) & 3; }
@inline export function formOf(key: u32): u32 { return (key >> 12) & 15; }
@inline export function segmentOf(key: u32): u32 { return (key >> 16) & 15; }

/** Key of the memory operand of a micro-op; 0: it cannot share. */
export function keyOf(u: usize): u32 {
  const form = uopEa(u);
  const relative = form == Ea.RIP64 || (form == Ea.BASE64 && load<u8>(u, UOP_SCALE) == RIP_MARKER);
  if (form != Ea.FLAT64 && form != Ea.RIP64 && form != Ea.BASE64 && !(form == Ea.FLAT32 && !code64)) return 0;
  if (relative) return VALID | NONE | (NONE << 5) | (<u32>Ea.RIP64 << 12) | ((form == Ea.BASE64 ? uopSeg(u) : 0) << 16);
  const base = <u32>load<u8>(u, UOP_BASE);
  const index = <u32>load<u8>(u, UOP_INDEX);
  const segment: u32 = form == Ea.BASE64 ? uopSeg(u) : 0;
  return VALID | (base >> 3) | ((index >> 3) << 5) | (<u32>load<u8>(u, UOP_SCALE) << 10) | (form << 12) | (segment << 16);
}
/** Displacement of an operand from its key's registers; of RIP-relative ones from the head page's start. */
@inline export function operandDisplacement(u: usize, nextRelative: i64): i64 {
  const disp = <i64>load<i32>(u, UOP_DISP);
  const form = uopEa(u);
  return form == Ea.RIP64 || (form == Ea.BASE64 && load<u8>(u, UOP_SCALE) == RIP_MARKER) ? disp + nextRelative : disp;
}

// ---- what an instruction accesses -----------------------------------------------------------------

/** Of an access: bytes (0: none that is known), whether it writes, and whether it has to be aligned. */
export let accessBytes: u32 = 0;
export let accessWrites: bool = false;
export let accessAligned: bool = false;
function access(bytes: u32, write: bool): void {
  accessBytes = bytes;
  accessWrites = write;
}
function accessVector(bytes: u32, write: bool): void {
  access(bytes, write);
  accessAligned = true;
}

@inline function isVector(o: u32): bool { return o >= <u32>Op.VECTOR_LOAD && o <= <u32>Op.CVTSD2SS; }
function lookAtVector(u: usize, o: u32): void {
  switch (o) {
    case Op.VECTOR_LOAD: return access(16, false);
    case Op.VECTOR_STORE: return access(16, true);
    case Op.VECTOR_LOAD_A:
    case Op.VECTOR_PACKED:
    case Op.VECTOR_38: return accessVector(16, false);
    case Op.VECTOR_STORE_A: return accessVector(16, true);
    case Op.VECTOR_STORE64: return access(8, true);
    case Op.VECTOR_STORE32: return access(4, true);
    case Op.VECTOR_LOAD64:
    case Op.COMISD:
    case Op.CVTTSD2SI:
    case Op.CVTSD2SS: return access(8, false);
    case Op.VECTOR_LOAD32:
    case Op.COMISS:
    case Op.CVTSS2SD: return access(4, false);
    case Op.CVTSI2SD:
    case Op.VECTOR_MOVE:
    case Op.VECTOR_3A: return;
    case Op.VECTOR_0F: return lookAt0f((<u32>uopImm(u) >> 8) & 0x3ff);
  }
  const form = (o - <u32>Op.ADDPS) & 3;
  if (form < 2) accessVector(16, false);
  else access(form == 2 ? 4 : 8, false);
}
/** Moves of map 0F, by mandatory prefix << 8 | opcode. */
function lookAt0f(form: u32): void {
  const prefix = form >> 8;
  const bytes: u32 = prefix < 2 ? 16 : prefix == 2 ? 4 : 8;
  switch (form & 0xff) {
    case 0x10: return access(bytes, false);
    case 0x11: return access(bytes, true);
    case 0x12:
    case 0x16: return access(8, false);
    case 0x13:
    case 0x17:
    case 0xd6: return access(8, true);
    case 0x28: return accessVector(16, false);
    case 0x29:
    case 0x2b:
    case 0xe7: return accessVector(16, true);
    case 0x6f: return prefix == 1 ? accessVector(16, false) : access(16, false);
    case 0x7f: return prefix == 1 ? accessVector(16, true) : access(16, true);
    case 0x7e: return prefix == 2 ? access(8, false) : access(4, true);
    case 0x6e: return access(4, false);
  }
}
/** By the low bits of the opcode and ModRM.reg. */
function lookAtX87(code: u32): void {
  const reg = (code >> 3) & 7;
  const stores = reg >= 1 && reg != 4 && reg != 5;
  switch (code >> 8) {
    case 0:
    case 2: return access(4, false);
    case 1: return access(reg == 5 || reg == 7 ? 2 : 4, stores);
    case 3: return access(reg >= 5 ? 10 : 4, stores);
    case 4: return access(8, false);
    case 5: return access(reg == 7 ? 2 : 8, stores);
    case 6: return access(2, false);
    default: return access(reg < 4 ? 2 : 8, stores);
  }
}
export function lookAt(u: usize): void {
  const o = <u32>load<u16>(u, UOP_PLAIN);
  accessBytes = 0;
  accessWrites = false;
  accessAligned = false;
  if (isVector(o)) return lookAtVector(u, o);
  if (o == <u32>Op.X87) return lookAtX87(<u32>uopImm(u) & 0x7ff);
  if (o >= <u32>Op.ADD_RR8 && o < <u32>Op.TEST_RR8) {
    const k = o - <u32>Op.ADD_RR8;
    const form = k % 5;
    if (form < 2) return;
    accessBytes = 1 << ((k % 20) / 5);
    accessWrites = form > 2 && k / 20 != 7;
  } else if (o >= <u32>Op.TEST_RR8 && o < <u32>Op.MOV_RR8) {
    const k = o - <u32>Op.TEST_RR8;
    if ((k & 2) != 0) accessBytes = 1 << (k >> 2);
  } else if (o >= <u32>Op.MOV_RR8 && o < <u32>Op.MOVZX_8_16_R) {
    const k = o - <u32>Op.MOV_RR8;
    if (k % 5 < 2) return;
    accessBytes = 1 << (k / 5);
    accessWrites = k % 5 > 2;
  } else if (o >= <u32>Op.INC_R8 && o <= <u32>Op.NEG_M64) {
    const k = o - <u32>Op.INC_R8;
    if ((k & 1) == 0) return;
    accessBytes = 1 << ((k >> 1) & 3);
    accessWrites = true;
  } else {
    switch (o) {
      case Op.MOVZX_8_16_M:
      case Op.MOVZX_8_32_M:
      case Op.MOVSX_8_16_M:
      case Op.MOVSX_8_32_M:
      case Op.MOVSX_8_64_M: accessBytes = 1; return;
      case Op.MOVZX_16_32_M:
      case Op.MOVSX_16_32_M:
      case Op.MOVSX_16_64_M: accessBytes = 2; return;
      case Op.MOVSX_32_64_M:
      case Op.CMOV_RM32:
      case Op.IMUL_RM32:
      case Op.JMP_M32:
      case Op.CALL_M32: accessBytes = 4; return;
      case Op.CMOV_RM64:
      case Op.IMUL_RM64:
      case Op.JMP_M64:
      case Op.CALL_M64: accessBytes = 8; return;
    }
  }
}
/** How a micro-op pushes or pops through RSP: the step in bytes, negative for pushes; 0: it does not. */
export function stackStep(o: u32): i64 {
  switch (o) {
    case Op.PUSH_R32:
    case Op.PUSH_I32:
    case Op.CALL_REL32: return -4;
    case Op.PUSH_R64:
    case Op.PUSH_I64:
    case Op.CALL_REL64: return -8;
    case Op.POP_R32:
    case Op.RET32: return 4;
    case Op.POP_R64:
    case Op.RET64: return 8;
  }
  return 0;
}

/** A vector instruction may have a general register for its destination. */
function writesGeneral(u: usize, o: u32): bool {
  const code = (<u32>uopImm(u) >> 8) & 0xff;
  if (o == <u32>Op.VECTOR_0F) return code == 0x50 || code == 0xd7 || code == 0xc5 || code == 0x2c || code == 0x2d || code == 0x7e;
  if (o == <u32>Op.VECTOR_3A) return code >= 0x14 && code <= 0x17;
  return o == <u32>Op.CVTTSD2SI;
}

export const KEEPS: u32 = 0;
export const MOVES: u32 = 1;
export const SPOILS: u32 = 2;
export let stepAhead: i64 = 0;
/** What a micro-op does to a register. */
export function effectOn(u: usize, number: u32): u32 {
  const o = <u32>load<u16>(u, UOP_PLAIN);
  const full: u32 = code64 ? 3 : 2;
  stepAhead = 0;
  const stack = stackStep(o);
  if (stack != 0) {
    const popped = (o == <u32>Op.POP_R32 || o == <u32>Op.POP_R64) && <u32>uopDst(u) >> 3 == number;
    if (popped) return SPOILS;
    if (number != SP) return KEEPS;
    stepAhead = stack;
    return MOVES;
  }
  if (o >= <u32>Op.ADD_RR8 && o < <u32>Op.TEST_RR8) {
    const k = o - <u32>Op.ADD_RR8;
    const kind = k / 20;
    const form = k % 5;
    if (kind == 7 || form > 2 || <u32>uopDst(u) >> 3 != number) return KEEPS;
    if (form != 1 || (k % 20) / 5 != full || (kind != 0 && kind != 5)) return SPOILS;
    stepAhead = kind == 0 ? uopImm(u) : -uopImm(u);
    return MOVES;
  }
  if (o >= <u32>Op.TEST_RR8 && o < <u32>Op.MOV_RR8) return KEEPS;
  if (o >= <u32>Op.MOV_RR8 && o < <u32>Op.LEA16) {
    if (o < <u32>Op.MOVZX_8_16_R && (o - <u32>Op.MOV_RR8) % 5 > 2) return KEEPS;
    return <u32>uopDst(u) >> 3 == number ? SPOILS : KEEPS;
  }
  if (o == <u32>Op.LEA16 + full - 1) {
    if (<u32>uopDst(u) >> 3 != number) return KEEPS;
    const plain = load<u8>(u, UOP_INDEX) == ZERO_OFFSET && <u32>load<u8>(u, UOP_BASE) >> 3 == number;
    if (!plain || uopEa(u) != (code64 ? Ea.FLAT64 : Ea.FLAT32)) return SPOILS;
    stepAhead = <i64>load<i32>(u, UOP_DISP);
    return MOVES;
  }
  if (o >= <u32>Op.INC_R8 && o <= <u32>Op.NEG_M64) {
    const k = o - <u32>Op.INC_R8;
    if ((k & 1) != 0 || <u32>uopDst(u) >> 3 != number) return KEEPS;
    if (((k >> 1) & 3) != full || k >> 3 > 1) return SPOILS;
    stepAhead = k >> 3 == 0 ? 1 : -1;
    return MOVES;
  }
  if ((o >= <u32>Op.ROL_RI32 && o <= <u32>Op.IMUL_RM64) || o == <u32>Op.SETCC_R || (o >= <u32>Op.CMOV_RR32 && o <= <u32>Op.CMOV_RM64)) {
    return <u32>uopDst(u) >> 3 == number ? SPOILS : KEEPS;
  }
  if (isVector(o)) return writesGeneral(u, o) ? SPOILS : KEEPS;
  // FNSTSW AX.
  if (o == <u32>Op.X87) return number == 0 && uopEa(u) == Ea.REGISTER && (<u32>uopImm(u) & 0x7ff) == 0x7e0 ? SPOILS : KEEPS;
  const harmless = o == <u32>Op.NOP || o == <u32>Op.JCC || o == <u32>Op.JMP_REL || (o >= <u32>Op.BT_RI32 && o <= <u32>Op.BT_RR64);
  return harmless ? KEEPS : SPOILS;
}
