// The one-byte opcode map (SDM vol. 2, appendix A, tables A-2).

import {
  addressSize,
  byte,
  code64,
  immediate,
  invalid,
  operandSize,
  peek,
  repeat,
  rex,
  signed16,
  signed32,
  signed64,
  signed8,
} from "./cursor";
import {
  aluBase,
  emit,
  implied,
  legacyOnly,
  lockable,
  memoryOnly,
  registerImmediate,
  rmImmediate,
  rmOnly,
  rmReg,
  setDst,
  setImm,
  setSrc,
  sizeOf,
  stackOperandSize,
  twoOperands,
} from "./emit";
import { extension, gpr, isRegister, modrm, reg, rm, setSegmentForm } from "./modrm";
import { Op } from "./op";
import { twoByte } from "./twobyte";
import { Ea, UOP_EA, ZERO_OFFSET, UOP_BASE, UOP_INDEX, UOP_SCALE, UOP_DISP } from "./uop";
import { vex2, vex3 } from "./vex";
import { x87 } from "./x87";
import { conditional, flatStack32, jump } from "./branch";

const CMP: u32 = 7;

export function oneByte(u: usize): void {
  const opcode = byte();
  if (opcode < 0x40 && (opcode & 7) < 6) {
    alu(u, opcode);
    return;
  }
  switch (opcode) {
    case 0x06: case 0x0e: case 0x16: case 0x1e:
      legacyOnly();
      emit(u, Op.PUSH_SEG, operandSize);
      setSrc(u, opcode >> 3);
      break;
    case 0x07: case 0x17: case 0x1f:
      legacyOnly();
      emit(u, Op.POP_SEG, operandSize);
      setSrc(u, opcode >> 3);
      break;
    case 0x0f: twoByte(u); break;
    case 0x27: legacyOnly(); emit(u, Op.DAA, 0); break;
    case 0x2f: legacyOnly(); emit(u, Op.DAS, 0); break;
    case 0x37: legacyOnly(); emit(u, Op.AAA, 0); break;
    case 0x3f: legacyOnly(); emit(u, Op.AAS, 0); break;
    // 40-4F are REX prefixes in 64-bit mode and never arrive here.
    case 0x40: case 0x41: case 0x42: case 0x43: case 0x44: case 0x45: case 0x46: case 0x47:
      emit(u, Op.INC_R8 + operandSize * 2, operandSize);
      setDst(u, gpr(opcode & 7, operandSize));
      break;
    case 0x48: case 0x49: case 0x4a: case 0x4b: case 0x4c: case 0x4d: case 0x4e: case 0x4f:
      emit(u, Op.DEC_R8 + operandSize * 2, operandSize);
      setDst(u, gpr(opcode & 7, operandSize));
      break;
    case 0x50: case 0x51: case 0x52: case 0x53: case 0x54: case 0x55: case 0x56: case 0x57:
      pushRegister(u, (opcode & 7) | ((rex & 1) << 3));
      break;
    case 0x58: case 0x59: case 0x5a: case 0x5b: case 0x5c: case 0x5d: case 0x5e: case 0x5f:
      popRegister(u, (opcode & 7) | ((rex & 1) << 3));
      break;
    case 0x60: legacyOnly(); emit(u, Op.PUSHA, operandSize); break;
    case 0x61: legacyOnly(); emit(u, Op.POPA, operandSize); break;
    case 0x62:
      if (code64 || peek() >= 0xc0) invalid();
      else {
        rmReg(u, Op.BOUND, operandSize);
        memoryOnly();
      }
      break;
    case 0x63:
      if (code64) movsxd(u);
      else rmReg(u, Op.ARPL, 1);
      break;
    case 0x68: pushImmediate(u, immediate(stackOperandSize())); break;
    case 0x69: {
      const size = operandSize;
      imul3(u, size, false);
      break;
    }
    case 0x6a: pushImmediate(u, signed8()); break;
    case 0x6b: imul3(u, operandSize, true); break;
    case 0x6c: case 0x6d: implied(u, Op.INS, portSize(opcode)); break;
    case 0x6e: case 0x6f: implied(u, Op.OUTS, portSize(opcode)); break;
    case 0x70: case 0x71: case 0x72: case 0x73: case 0x74: case 0x75: case 0x76: case 0x77:
    case 0x78: case 0x79: case 0x7a: case 0x7b: case 0x7c: case 0x7d: case 0x7e: case 0x7f:
      conditional(u, opcode & 15, signed8());
      break;
    case 0x80: case 0x81: case 0x82: case 0x83: {
      if (opcode == 0x82) legacyOnly();
      const size = sizeOf(opcode);
      modrm(u);
      const kind = extension;
      if (kind != CMP) lockable();
      rmImmediate(u, aluBase(kind, size), size, opcode == 0x81 ? immediate(size) : signed8());
      break;
    }
    case 0x84: case 0x85: test(u, sizeOf(opcode)); break;
    case 0x86: case 0x87: {
      const size = sizeOf(opcode);
      rmReg(u, Op.XCHG, size);
      lockable();
      if (isRegister() && size >= 2) emit(u, size == 2 ? Op.XCHG_RR32 : Op.XCHG_RR64, size);
      break;
    }
    case 0x88: case 0x89: { const s = sizeOf(opcode); twoOperands(u, Op.MOV_RR8 + s * 5, s, false); break; }
    case 0x8a: case 0x8b: { const s = sizeOf(opcode); twoOperands(u, Op.MOV_RR8 + s * 5, s, true); break; }
    case 0x8c:
      modrm(u);
      if (extension > 5) invalid();
      rmOnly(u, Op.MOV_FROM_SEG, operandSize);
      setSrc(u, extension);
      break;
    case 0x8d: lea(u); break;
    case 0x8e:
      modrm(u);
      if (extension > 5 || extension == 1) invalid();
      emit(u, Op.MOV_TO_SEG, 1);
      if (isRegister()) setDst(u, rm << 3);
      setSrc(u, extension);
      break;
    case 0x8f:
      modrm(u);
      if (extension != 0) invalid();
      rmOnly(u, Op.POP, stackOperandSize());
      if (isRegister()) popRegister(u, rm);
      break;
    case 0x90:
      if ((rex & 1) != 0) exchangeA(u, 8);
      else if (repeat == 3) emit(u, Op.PAUSE, operandSize);
      else emit(u, Op.NOP, operandSize);
      break;
    case 0x91: case 0x92: case 0x93: case 0x94: case 0x95: case 0x96: case 0x97:
      exchangeA(u, (opcode & 7) | ((rex & 1) << 3));
      break;
    case 0x98: emit(u, operandSize == 1 ? Op.CBW : operandSize == 2 ? Op.CWDE : Op.CDQE, operandSize); break;
    case 0x99: emit(u, operandSize == 1 ? Op.CWD : operandSize == 2 ? Op.CDQ : Op.CQO, operandSize); break;
    case 0x9a: legacyOnly(); farPointer(u, Op.CALL_FAR); break;
    case 0x9b: emit(u, Op.FWAIT, operandSize); break;
    case 0x9c: emit(u, Op.PUSHF, stackOperandSize()); break;
    case 0x9d: emit(u, Op.POPF, stackOperandSize()); break;
    case 0x9e: emit(u, Op.SAHF, 0); break;
    case 0x9f: emit(u, Op.LAHF, 0); break;
    case 0xa0: case 0xa1: case 0xa2: case 0xa3: moffs(u, opcode); break;
    case 0xa4: case 0xa5: implied(u, Op.MOVS, sizeOf(opcode)); break;
    case 0xa6: case 0xa7: implied(u, Op.CMPS, sizeOf(opcode)); break;
    case 0xa8: case 0xa9: {
      const size = sizeOf(opcode);
      registerImmediate(u, Op.TEST_RI8 + size * 4, size, 0, immediate(size));
      break;
    }
    case 0xaa: case 0xab: implied(u, Op.STOS, sizeOf(opcode)); break;
    case 0xac: case 0xad: implied(u, Op.LODS, sizeOf(opcode)); break;
    case 0xae: case 0xaf: implied(u, Op.SCAS, sizeOf(opcode)); break;
    case 0xb0: case 0xb1: case 0xb2: case 0xb3: case 0xb4: case 0xb5: case 0xb6: case 0xb7:
      registerImmediate(u, Op.MOV_RI8, 0, (opcode & 7) | ((rex & 1) << 3), signed8());
      break;
    case 0xb8: case 0xb9: case 0xba: case 0xbb: case 0xbc: case 0xbd: case 0xbe: case 0xbf: {
      const s = operandSize;
      registerImmediate(u, Op.MOV_RI8 + s * 5, s, (opcode & 7) | ((rex & 1) << 3), s == 3 ? signed64() : immediate(s));
      break;
    }
    case 0xc0: case 0xc1: modrm(u); shift(u, sizeOf(opcode), 0, <i64>byte()); break;
    case 0xc2: case 0xca: ret(u, opcode, signed16() & 0xffff); break;
    case 0xc3: case 0xcb: ret(u, opcode, 0); break;
    case 0xc4:
      if (code64 || peek() >= 0xc0) vex3(u);
      else loadFar(u, 0);
      break;
    case 0xc5:
      if (code64 || peek() >= 0xc0) vex2(u);
      else loadFar(u, 3);
      break;
    case 0xc6: case 0xc7: {
      const size = sizeOf(opcode);
      modrm(u);
      if (extension != 0) invalid();
      rmImmediate(u, Op.MOV_RR8 + size * 5, size, immediate(size));
      break;
    }
    case 0xc8: {
      const size = signed16() & 0xffff;
      emit(u, Op.ENTER, stackOperandSize());
      setImm(u, size | (<i64>byte() << 16));
      break;
    }
    case 0xc9: {
      const size = stackOperandSize();
      emit(u, code64 && size == 3 ? Op.LEAVE64 : Op.LEAVE, size);
      stackForm(u, size, Op.LEAVE32);
      break;
    }
    case 0xcc: emit(u, Op.INT3, operandSize); break;
    case 0xcd: emit(u, Op.INT, operandSize); setImm(u, <i64>byte()); break;
    case 0xce: legacyOnly(); emit(u, Op.INTO, operandSize); break;
    case 0xcf: emit(u, Op.IRET, operandSize); break;
    case 0xd0: case 0xd1: modrm(u); shift(u, sizeOf(opcode), 0, 1); break;
    case 0xd2: case 0xd3: modrm(u); shift(u, sizeOf(opcode), 1, 0); break;
    case 0xd4: legacyOnly(); emit(u, Op.AAM, 0); setImm(u, <i64>byte()); break;
    case 0xd5: legacyOnly(); emit(u, Op.AAD, 0); setImm(u, <i64>byte()); break;
    case 0xd6: legacyOnly(); emit(u, Op.SALC, 0); break;
    case 0xd7: implied(u, Op.XLAT, 0); break;
    case 0xd8: case 0xd9: case 0xda: case 0xdb: case 0xdc: case 0xdd: case 0xde: case 0xdf:
      x87(u, opcode);
      break;
    case 0xe0: loop(u, Op.LOOPNE); break;
    case 0xe1: loop(u, Op.LOOPE); break;
    case 0xe2: loop(u, Op.LOOP); break;
    case 0xe3: loop(u, Op.JCXZ); break;
    case 0xe4: case 0xe5: emit(u, Op.IN_IMM, portSize(opcode)); setImm(u, <i64>byte()); break;
    case 0xe6: case 0xe7: emit(u, Op.OUT_IMM, portSize(opcode)); setImm(u, <i64>byte()); break;
    case 0xe8: jump(u, true, immediate(stackOperandSize())); break;
    case 0xe9: jump(u, false, immediate(stackOperandSize())); break;
    case 0xea: legacyOnly(); farPointer(u, Op.JMP_FAR); break;
    case 0xeb: jump(u, false, signed8()); break;
    case 0xec: case 0xed: emit(u, Op.IN_DX, portSize(opcode)); break;
    case 0xee: case 0xef: emit(u, Op.OUT_DX, portSize(opcode)); break;
    case 0xf1: emit(u, Op.INT1, operandSize); break;
    case 0xf4: emit(u, Op.HLT, operandSize); break;
    case 0xf5: emit(u, Op.CMC, 0); break;
    case 0xf6: case 0xf7: group3(u, sizeOf(opcode)); break;
    case 0xf8: emit(u, Op.CLC, 0); break;
    case 0xf9: emit(u, Op.STC, 0); break;
    case 0xfa: emit(u, Op.CLI, 0); break;
    case 0xfb: emit(u, Op.STI, 0); break;
    case 0xfc: emit(u, Op.CLD, 0); break;
    case 0xfd: emit(u, Op.STD, 0); break;
    case 0xfe:
      modrm(u);
      if (extension > 1) invalid();
      incDec(u, 0);
      break;
    case 0xff: group5(u); break;
    default: invalid();
  }
}

function alu(u: usize, opcode: u32): void {
  const kind = opcode >> 3;
  const size = sizeOf(opcode);
  const base = aluBase(kind, size);
  if ((opcode & 4) != 0) {
    registerImmediate(u, base + 1, size, 0, immediate(size));
    return;
  }
  twoOperands(u, base, size, (opcode & 2) != 0);
  if (kind != CMP && (opcode & 2) == 0) lockable();
}

function test(u: usize, size: u32): void {
  modrm(u);
  const base = Op.TEST_RR8 + size * 4;
  if (isRegister()) {
    emit(u, base, size);
    setDst(u, gpr(rm, size));
  } else emit(u, base + 2, size);
  setSrc(u, gpr(reg, size));
}

function pushRegister(u: usize, number: u32): void {
  const size = stackOperandSize();
  emit(u, code64 && size == 3 ? Op.PUSH_R64 : Op.PUSH, size);
  store<u8>(u, Ea.REGISTER, UOP_EA);
  setDst(u, number << 3);
  stackForm(u, size, Op.PUSH_R32);
}
function popRegister(u: usize, number: u32): void {
  const size = stackOperandSize();
  emit(u, code64 && size == 3 ? Op.POP_R64 : Op.POP, size);
  store<u8>(u, Ea.REGISTER, UOP_EA);
  setDst(u, number << 3);
  stackForm(u, size, Op.POP_R32);
}
function pushImmediate(u: usize, value: i64): void {
  const size = stackOperandSize();
  emit(u, code64 && size == 3 ? Op.PUSH_I64 : Op.PUSH_IMM, size);
  setImm(u, value);
  stackForm(u, size, Op.PUSH_I32);
}
/** 32-bit operand on a flat 32-bit stack: the fast form. */
function stackForm(u: usize, size: u32, fast: u32): void {
  if (flatStack32() && size == 2) emit(u, fast, size);
}

function movsxd(u: usize): void {
  modrm(u);
  const size = operandSize;
  // Without REX.W the operand is moved as it is (16 or 32 bits).
  if (size < 3) {
    emit(u, Op.MOV_RR8 + size * 5 + (isRegister() ? 0 : 2), size);
  } else emit(u, isRegister() ? Op.MOVSX_32_64_R : Op.MOVSX_32_64_M, size);
  setDst(u, reg << 3);
  setSrc(u, rm << 3);
}

function imul3(u: usize, size: u32, byteImmediate: bool): void {
  rmReg(u, Op.IMUL3, size);
  setImm(u, byteImmediate ? signed8() : immediate(size));
  if (isRegister() && size >= 2) {
    emit(u, size == 2 ? Op.IMUL_RRI32 : Op.IMUL_RRI64, size);
    setDst(u, reg << 3);
    setSrc(u, rm << 3);
  }
}
function portSize(opcode: u32): u32 {
  return (opcode & 1) == 0 ? 0 : operandSize == 3 ? 2 : operandSize;
}
function lea(u: usize): void {
  modrm(u);
  memoryOnly();
  emit(u, Op.LEA16 + operandSize - 1, operandSize);
  setDst(u, reg << 3);
}
function exchangeA(u: usize, number: u32): void {
  const size = operandSize;
  emit(u, size == 1 ? Op.XCHG : size == 2 ? Op.XCHG_RR32 : Op.XCHG_RR64, size);
  store<u8>(u, Ea.REGISTER, UOP_EA);
  setDst(u, number << 3);
  setSrc(u, 0);
}
function farPointer(u: usize, op: u32): void {
  emit(u, op, operandSize);
  const offset: i64 = operandSize == 1 ? signed16() & 0xffff : signed32() & 0xffff_ffff;
  setImm(u, offset | ((signed16() & 0xffff) << 32));
}
function moffs(u: usize, opcode: u32): void {
  const size = sizeOf(opcode);
  const address: i64 = addressSize == 1 ? signed16() & 0xffff : addressSize == 2 ? signed32() : signed64();
  emit(u, Op.MOV_RR8 + size * 5 + ((opcode & 2) == 0 ? 2 : 3), size);
  setDst(u, 0);
  setSrc(u, 0);
  store<u8>(u, ZERO_OFFSET, UOP_BASE);
  store<u8>(u, ZERO_OFFSET, UOP_INDEX);
  store<u8>(u, 0, UOP_SCALE);
  setSegmentForm(u, 3);
  if (addressSize == 3) {
    store<u8>(u, Ea.MOFFS64, UOP_EA);
    setImm(u, address);
  } else store<i32>(u, <i32>address, UOP_DISP);
}
/** Group 2. Count source 0: immediate, 1: CL. ModRM has been read. */
function shift(u: usize, size: u32, source: u32, count: i64): void {
  const masked = count & (size == 3 ? 63 : 31);
  const kind = extension;
  rmOnly(u, Op.SHIFT_ROL + kind, size);
  setSrc(u, source);
  setImm(u, count);
  // RCL and RCR (2, 3) have no fast form; 6 is SHL's alias.
  if (!isRegister() || size < 2 || kind == 2 || kind == 3 || (source == 0 && masked == 0)) return;
  const fast: u32 = kind < 2 ? kind : kind == 4 || kind == 6 ? 2 : kind == 5 ? 3 : 4;
  emit(u, Op.ROL_RI32 + fast * 4 + (size - 2) * 2 + source, size);
  if (source == 0) setImm(u, masked);
}
function ret(u: usize, opcode: u32, pop: i64): void {
  if (opcode >= 0xca) emit(u, Op.RET_FAR, operandSize);
  else {
    const size = stackOperandSize();
    emit(u, pop != 0 || opcode == 0xc2 ? Op.RET_NEAR : code64 && size == 3 ? Op.RET64 : Op.RET_NEAR, size);
    if (opcode == 0xc3) stackForm(u, size, Op.RET32);
  }
  setImm(u, pop);
}
function loadFar(u: usize, segmentRegister: u32): void {
  rmReg(u, Op.LOAD_FAR, operandSize);
  memoryOnly();
  setImm(u, segmentRegister);
}
function loop(u: usize, op: u32): void {
  const displacement = signed8();
  emit(u, op, stackOperandSize());
  setImm(u, displacement);
}
function incDec(u: usize, size: u32): void {
  lockable();
  rmOnly(u, (extension == 0 ? Op.INC_R8 : Op.DEC_R8) + size * 2 + (isRegister() ? 0 : 1), size);
}
function group3(u: usize, size: u32): void {
  modrm(u);
  switch (extension) {
    case 0: case 1: {
      const value = immediate(size);
      emit(u, Op.TEST_RR8 + size * 4 + (isRegister() ? 1 : 3), size);
      setDst(u, gpr(rm, size));
      setImm(u, value);
      break;
    }
    case 2: case 3:
      lockable();
      rmOnly(u, (extension == 2 ? Op.NOT_R8 : Op.NEG_R8) + size * 2 + (isRegister() ? 0 : 1), size);
      break;
    case 4: rmOnly(u, Op.MUL, size); break;
    case 5: rmOnly(u, Op.IMUL1, size); break;
    case 6: rmOnly(u, Op.DIV, size); break;
    default: rmOnly(u, Op.IDIV, size); break;
  }
}
function group5(u: usize): void {
  modrm(u);
  switch (extension) {
    case 0: case 1: incDec(u, operandSize); break;
    case 2: case 4: {
      const size = stackOperandSize();
      const call = extension == 2;
      rmOnly(u, call ? Op.CALL_IND : Op.JMP_IND, size);
      if (code64 && size == 3) {
        emit(u, (call ? Op.CALL_R64 : Op.JMP_R64) + (isRegister() ? 0 : 1), size);
      } else if (flatStack32() && size == 2) {
        emit(u, (call ? Op.CALL_R32 : Op.JMP_R32) + (isRegister() ? 0 : 1), size);
      }
      break;
    }
    case 3: case 5:
      memoryOnly();
      rmOnly(u, extension == 3 ? Op.CALL_FAR_M : Op.JMP_FAR_M, operandSize);
      break;
    case 6:
      rmOnly(u, Op.PUSH, stackOperandSize());
      if (isRegister()) pushRegister(u, rm);
      break;
    default: invalid();
  }
}
