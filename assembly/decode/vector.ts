// MMX, SSE to SSE4.2, AES, PCLMULQDQ and SHA encodings of the maps 0F, 0F 38, 0F 3A (SDM vol. 2, 2.1.2 and
// appendix A, tables; APM vol. 3, 1.2.5). The mandatory prefix is part of the opcode; F3 and F2, of
// which the last one counts, win over 66.
//
// All of them become one of three ops; what tells them apart is the selector in the immediate:
//
//   imm   17:16 prefix (0 none, 1 66, 2 F3, 3 F2) | 15:8 opcode | 7:0 immediate byte, 0 where there is none
//   dst   ModRM.reg with REX.R: a register number, not a byte offset; in the shift groups the extension
//   src   ModRM.rm with REX.B, the same, where the operand is a register
//
// Bitwise and unpacking instructions on floating-point elements carry the selector of their integer twins.
//
// A table byte says which prefixes an opcode exists with:  7:4 with a memory operand | 3:0 with a register,
// in each half bit 0 none, bit 1 66, bit 2 F3, bit 3 F2.

import { byte, invalid, operandSize, prefix66, repeat, segment } from "./cursor";
import { emit, setDst, setImm, setOp, setSrc } from "./emit";
import { extension, isRegister, modrm, reg, rm } from "./modrm";
import { Op } from "./op";
import { UOP_SEG } from "./uop";
import { DS } from "../x86/segment";

/** Map 0F from 10h to FFh; rows without a vector instruction (3xh 4xh 8xh 9xh Axh Bxh) are zero. */
const MAP_0F: usize = memory.data<u8>([
  0xff, 0xff, 0xfd, 0x30, 0x33, 0x33, 0x75, 0x30, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // 10
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x33, 0x33, 0xff, 0x30, 0xff, 0xff, 0x33, 0x33, // 20
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x03, 0xff, 0x55, 0x55, 0x33, 0x33, 0x33, 0x33, 0xff, 0xff, 0xff, 0x77, 0xff, 0xff, 0xff, 0xff, // 50
  0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x22, 0x22, 0x33, 0x77, // 60
  0xff, 0x03, 0x03, 0x03, 0x33, 0x33, 0x33, 0x11, 0x00, 0x00, 0x00, 0x00, 0xaa, 0xaa, 0x77, 0x77, // 70
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0xff, 0x10, 0x33, 0x03, 0x33, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // C0
  0xaa, 0x33, 0x33, 0x33, 0x33, 0x33, 0x2e, 0x03, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, // D0
  0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0xee, 0x30, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, // E0
  0x80, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x03, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x00, // F0
]);
/** Map 0F 38 from 00h to 41h, then C8h to DFh. */
const MAP_38: usize = memory.data<u8>([
  0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x00, 0x00, 0x00, 0x00, // 00
  0x22, 0x00, 0x00, 0x00, 0x22, 0x22, 0x00, 0x22, 0x00, 0x00, 0x00, 0x00, 0x33, 0x33, 0x33, 0x00, // 10
  0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x00, 0x00, 0x22, 0x22, 0x20, 0x22, 0x00, 0x00, 0x00, 0x00, // 20
  0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x00, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, // 30
  0x22, 0x22, // 40
]);
const MAP_38_HIGH: usize = memory.data<u8>([
  0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x00, 0x00, // C8
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x22, 0x22, 0x22, 0x22, 0x22, // D0
]);
/** Map 0F 3A from 08h to 63h; CCh and DFh stand alone. */
const MAP_3A: usize = memory.data<u8>([
  0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x33, // 08
  0x00, 0x00, 0x00, 0x00, 0x22, 0x22, 0x22, 0x22, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // 10
  0x22, 0x22, 0x22, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // 20
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x22, 0x22, 0x22, 0x00, 0x22, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // 40
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x22, 0x22, 0x22, 0x22, // 60
]);

/** Which extensions (ModRM.reg) the shift groups 71h-73h have: bit per extension, without and with 66. */
@inline function shiftExtensions(opcode: u32, prefix: u32): u32 {
  if (opcode != 0x73) return 0b0101_0100;
  return prefix == 0 ? 0b0100_0100 : 0b1100_1100;
}

@inline function mandatoryPrefix(): u32 {
  if (repeat != 0) return repeat == 3 ? 2 : 3;
  return prefix66 ? 1 : 0;
}

/** Map 0F: what is no instruction is #UD. */
export function vector0f(u: usize, opcode: u32): void {
  if (opcode < 0x10) {
    invalid();
    return;
  }
  const forms = <u32>load<u8>(MAP_0F + (opcode - 0x10));
  const prefix = mandatoryPrefix();
  if (opcode == 0x77) {
    // EMMS has no ModRM.
    if (prefix != 0) invalid();
    emit(u, Op.VECTOR_0F, operandSize);
    setImm(u, 0x7700);
    return;
  }
  operands(u, Op.VECTOR_0F, opcode, prefix, forms);
  if (opcode >= 0x71 && opcode <= 0x73) {
    if (((shiftExtensions(opcode, prefix) >> extension) & 1) == 0) invalid();
    setDst(u, extension);
  }
  // MASKMOVQ, MASKMOVDQU: the memory operand is DS:rDI.
  if (opcode == 0xf7) store<u8>(u, segment >= 0 ? segment : DS, UOP_SEG);
  if ((opcode >= 0x70 && opcode <= 0x73) || (opcode >= 0xc2 && opcode <= 0xc6 && opcode != 0xc3)) {
    setImm(u, selector(opcode, prefix) | <i64>byte());
  } else specialise(u, opcode, prefix);
}

/** Gives what is executed often an op of its own, on which the interpreter has a short path. */
function specialise(u: usize, opcode: u32, prefix: u32): void {
  const float = floatOp(opcode, prefix);
  const direct = float != 0 ? float : isRegister() ? registerOp(opcode, prefix) : memoryOp(opcode, prefix);
  if (direct != 0) setOp(u, direct);
  else if (prefix <= 1) {
    const twin = packedTwin(opcode, prefix);
    if (twin != 0) setImm(u, selector(twin, 1));
    if (twin != 0 || (prefix == 1 && isPacked(opcode))) setOp(u, Op.VECTOR_PACKED);
  }
}
/** Arithmetic with the same short path for register and memory operands. */
function floatOp(opcode: u32, prefix: u32): u32 {
  switch (opcode) {
    case 0x2a: return prefix == 3 ? Op.CVTSI2SD : 0;
    case 0x2c: return prefix == 3 ? Op.CVTTSD2SI : 0;
    case 0x2e: case 0x2f: return Op.COMISS + prefix;
    case 0x58: return Op.ADDPS + prefix;
    case 0x59: return Op.MULPS + prefix;
    case 0x5a: return prefix < 2 ? 0 : Op.CVTSS2SD + prefix - 2;
    case 0x5c: return Op.SUBPS + prefix;
    case 0x5e: return Op.DIVPS + prefix;
    default: return 0;
  }
}
/** Whole registers: MOVAPS, MOVUPS, MOVAPD, MOVUPD, MOVDQA, MOVDQU in the direction that loads. */
function registerOp(opcode: u32, prefix: u32): u32 {
  const float = (opcode == 0x10 || opcode == 0x28) && prefix <= 1;
  const integer = opcode == 0x6f && (prefix == 1 || prefix == 2);
  return float || integer ? Op.VECTOR_MOVE : 0;
}
function memoryOp(opcode: u32, prefix: u32): u32 {
  switch ((opcode << 2) | prefix) {
    // MOVUPS, MOVUPD, MOVDQU
    case (0x10 << 2) | 0: case (0x10 << 2) | 1: case (0x6f << 2) | 2: return Op.VECTOR_LOAD;
    case (0x11 << 2) | 0: case (0x11 << 2) | 1: case (0x7f << 2) | 2: return Op.VECTOR_STORE;
    // MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ
    case (0x28 << 2) | 0: case (0x28 << 2) | 1: case (0x6f << 2) | 1: return Op.VECTOR_LOAD_A;
    case (0x29 << 2) | 0: case (0x29 << 2) | 1: case (0x7f << 2) | 1:
    case (0x2b << 2) | 0: case (0x2b << 2) | 1: case (0xe7 << 2) | 1:
      return Op.VECTOR_STORE_A;
    // MOVQ and MOVSD, MOVSS: memory operands are zero-extended
    case (0x7e << 2) | 2: case (0x10 << 2) | 3: return Op.VECTOR_LOAD64;
    case (0xd6 << 2) | 1: case (0x11 << 2) | 3: return Op.VECTOR_STORE64;
    case (0x10 << 2) | 2: return Op.VECTOR_LOAD32;
    case (0x11 << 2) | 2: return Op.VECTOR_STORE32;
    default: return 0;
  }
}
/** The integer instruction (prefix 66) that does the same as one on packed floating-point elements, or 0. */
function packedTwin(opcode: u32, prefix: u32): u32 {
  switch (opcode) {
    // UNPCKL, UNPCKH: PUNPCKLDQ, PUNPCKHDQ for singles, PUNPCKLQDQ, PUNPCKHQDQ for doubles
    case 0x14: return prefix == 0 ? 0x62 : 0x6c;
    case 0x15: return prefix == 0 ? 0x6a : 0x6d;
    // AND, ANDN, OR, XOR: PAND, PANDN, POR, PXOR
    case 0x54: return 0xdb;
    case 0x55: return 0xdf;
    case 0x56: return 0xeb;
    case 0x57: return 0xef;
    default: return 0;
  }
}
/** Opcodes with 66 of the form destination = operation(destination, source) on packed integers. */
function isPacked(opcode: u32): bool {
  if (opcode >= 0x60 && opcode <= 0x6d) return true;
  if (opcode >= 0x74 && opcode <= 0x76) return true;
  return (
    opcode >= 0xd1 && opcode != 0xd6 && opcode != 0xd7 && opcode != 0xe6 && opcode != 0xe7 && opcode != 0xf0 &&
    opcode != 0xf7
  );
}

export function vector38(u: usize, opcode: u32): void {
  let forms: u32 = 0;
  if (opcode <= 0x41) forms = <u32>load<u8>(MAP_38 + opcode);
  else if (opcode >= 0xc8 && opcode <= 0xdf) forms = <u32>load<u8>(MAP_38_HIGH + (opcode - 0xc8));
  operands(u, Op.VECTOR_38, opcode, mandatoryPrefix(), forms);
}

export function vector3a(u: usize, opcode: u32): void {
  let forms: u32 = 0;
  if (opcode >= 0x08 && opcode <= 0x63) forms = <u32>load<u8>(MAP_3A + (opcode - 0x08));
  else if (opcode == 0xcc) forms = 0x11;
  else if (opcode == 0xdf) forms = 0x22;
  const prefix = mandatoryPrefix();
  operands(u, Op.VECTOR_3A, opcode, prefix, forms);
  setImm(u, selector(opcode, prefix) | <i64>byte());
}

@inline function selector(opcode: u32, prefix: u32): i64 { return <i64>((prefix << 16) | (opcode << 8)); }

/** ModRM, and whether the opcode exists with this prefix and kind of operand. */
function operands(u: usize, op: u32, opcode: u32, prefix: u32, forms: u32): void {
  if (((forms | (forms >> 4)) & (1 << prefix)) == 0) {
    invalid();
    return;
  }
  modrm(u);
  if (((isRegister() ? forms : forms >> 4) & (1 << prefix)) == 0) invalid();
  emit(u, op, operandSize);
  setDst(u, reg);
  if (isRegister()) setSrc(u, rm);
  setImm(u, selector(opcode, prefix));
}
