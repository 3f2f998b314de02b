// The two- and three-byte opcode maps 0F, 0F 38, 0F 3A (SDM vol. 2, appendix A, tables ),
// integer and system instructions. decode/vector has the MMX and SSE encodings.

import {
  byte,
  code64,
  immediate,
  invalid,
  operandSize,
  prefix66,
  repeat,
  rex,
  setOperandSize,
} from "./cursor";
import { conditional } from "./branch";
import {
  emit,
  force64,
  lockable,
  memoryOnly,
  rmOnly,
  rmReg,
  setDst,
  setImm,
  setOp,
  setSrc,
  sizeOf,
  stackOperandSize,
} from "./emit";
import { extension, gpr, isRegister, modrm, readRegisters, reg, rm } from "./modrm";
import { Op } from "./op";
import { Ea, UOP_EA } from "./uop";
import { vector0f, vector38, vector3a } from "./vector";
import { x87State } from "./x87";

export function twoByte(u: usize): void {
  const opcode = byte();
  switch (opcode) {
    case 0x00: group6(u); break;
    case 0x01: group7(u); break;
    case 0x02: rmReg(u, Op.LAR, operandSize); break;
    case 0x03: rmReg(u, Op.LSL, operandSize); break;
    case 0x05: emit(u, Op.SYSCALL, operandSize); break;
    case 0x06: emit(u, Op.CLTS, 0); break;
    case 0x07: emit(u, Op.SYSRET, operandSize); break;
    case 0x08: emit(u, Op.INVD, 0); break;
    case 0x09: emit(u, Op.WBINVD, 0); break;
    case 0x0b: emit(u, Op.UD, 0); break;
    case 0x0d: rmReg(u, Op.NOP_RM, operandSize); memoryOnly(); break;
    case 0x18: case 0x19: case 0x1a: case 0x1b: case 0x1c: case 0x1d: case 0x1e: case 0x1f:
      rmReg(u, Op.NOP_RM, operandSize);
      break;
    case 0x20: case 0x22: moveControl(u, opcode == 0x20 ? Op.MOV_FROM_CR : Op.MOV_TO_CR); break;
    case 0x21: case 0x23: moveDebug(u, opcode == 0x21 ? Op.MOV_FROM_DR : Op.MOV_TO_DR); break;
    case 0x30: emit(u, Op.WRMSR, 0); break;
    case 0x31: emit(u, Op.RDTSC, 0); break;
    case 0x32: emit(u, Op.RDMSR, 0); break;
    case 0x33: emit(u, Op.RDPMC, 0); break;
    case 0x34: emit(u, Op.SYSENTER, operandSize); break;
    case 0x35: emit(u, Op.SYSEXIT, operandSize); break;
    case 0x38: map38(u); break;
    case 0x3a: vector3a(u, byte()); break;
    case 0x40: case 0x41: case 0x42: case 0x43: case 0x44: case 0x45: case 0x46: case 0x47:
    case 0x48: case 0x49: case 0x4a: case 0x4b: case 0x4c: case 0x4d: case 0x4e: case 0x4f:
      cmov(u, opcode & 15);
      break;
    case 0x80: case 0x81: case 0x82: case 0x83: case 0x84: case 0x85: case 0x86: case 0x87:
    case 0x88: case 0x89: case 0x8a: case 0x8b: case 0x8c: case 0x8d: case 0x8e: case 0x8f:
      conditional(u, opcode & 15, immediate(stackOperandSize()));
      break;
    case 0x90: case 0x91: case 0x92: case 0x93: case 0x94: case 0x95: case 0x96: case 0x97:
    case 0x98: case 0x99: case 0x9a: case 0x9b: case 0x9c: case 0x9d: case 0x9e: case 0x9f:
      modrm(u);
      rmOnly(u, isRegister() ? Op.SETCC_R : Op.SETCC_M, 0);
      if (isRegister()) setSrc(u, opcode & 15);
      setImm(u, opcode & 15);
      break;
    case 0xa0: case 0xa8: emit(u, Op.PUSH_SEG, stackOperandSize()); setSrc(u, opcode == 0xa0 ? 4 : 5); break;
    case 0xa1: case 0xa9: emit(u, Op.POP_SEG, stackOperandSize()); setSrc(u, opcode == 0xa1 ? 4 : 5); break;
    case 0xa2: emit(u, Op.CPUID, 0); break;
    case 0xa3: bitRegister(u, Op.BT_R); break;
    case 0xab: bitRegister(u, Op.BTS_R); lockable(); break;
    case 0xb3: bitRegister(u, Op.BTR_R); lockable(); break;
    case 0xbb: bitRegister(u, Op.BTC_R); lockable(); break;
    case 0xa4: rmReg(u, Op.SHLD_I, operandSize); setImm(u, <i64>byte()); break;
    case 0xa5: rmReg(u, Op.SHLD_CL, operandSize); break;
    case 0xac: rmReg(u, Op.SHRD_I, operandSize); setImm(u, <i64>byte()); break;
    case 0xad: rmReg(u, Op.SHRD_CL, operandSize); break;
    case 0xae: group15(u); break;
    case 0xaf: {
      rmReg(u, Op.IMUL2, operandSize);
      const size = operandSize;
      if (size >= 2) {
        emit(u, (size == 2 ? Op.IMUL_RR32 : Op.IMUL_RR64) + (isRegister() ? 0 : 2), size);
        setDst(u, reg << 3);
        setSrc(u, rm << 3);
      }
      break;
    }
    case 0xb0: case 0xb1: { const s = sizeOf(opcode); rmReg(u, Op.CMPXCHG, s); lockable(); break; }
    case 0xb2: loadFar(u, 2); break;
    case 0xb4: loadFar(u, 4); break;
    case 0xb5: loadFar(u, 5); break;
    case 0xb6: case 0xb7: case 0xbe: case 0xbf: extend(u, opcode); break;
    case 0xb8:
      if (repeat == 3) rmReg(u, Op.POPCNT, operandSize);
      else invalid();
      break;
    case 0xb9: rmReg(u, Op.UD, operandSize); break;
    // UD0 has no ModRM on AMD processors.
    case 0xff: emit(u, Op.UD, operandSize); break;
    case 0xba: {
      modrm(u);
      if (extension < 4) invalid();
      rmOnly(u, Op.BT_I + extension - 4, operandSize);
      if (extension > 4) lockable();
      setImm(u, <i64>byte());
      if (extension == 4 && isRegister() && operandSize >= 2) setOp(u, operandSize == 2 ? Op.BT_RI32 : Op.BT_RI64);
      break;
    }
    case 0xbc: rmReg(u, repeat == 3 ? Op.TZCNT : Op.BSF, operandSize); break;
    case 0xbd: rmReg(u, repeat == 3 ? Op.LZCNT : Op.BSR, operandSize); break;
    case 0xc0: case 0xc1: { const s = sizeOf(opcode); rmReg(u, Op.XADD, s); lockable(); break; }
    case 0xc7: group9(u); break;
    case 0xc8: case 0xc9: case 0xca: case 0xcb: case 0xcc: case 0xcd: case 0xce: case 0xcf:
      emit(u, operandSize == 1 ? Op.BSWAP16 : operandSize == 2 ? Op.BSWAP32 : Op.BSWAP64, operandSize);
      setDst(u, ((opcode & 7) | ((rex & 1) << 3)) << 3);
      break;
    default: vector0f(u, opcode);
  }
}

function group6(u: usize): void {
  modrm(u);
  switch (extension) {
    case 0: rmOnly(u, Op.SLDT, operandSize); break;
    case 1: rmOnly(u, Op.STR, operandSize); break;
    case 2: rmOnly(u, Op.LLDT, 1); break;
    case 3: rmOnly(u, Op.LTR, 1); break;
    case 4: rmOnly(u, Op.VERR, 1); break;
    case 5: rmOnly(u, Op.VERW, 1); break;
    default: invalid();
  }
}

function group7(u: usize): void {
  modrm(u);
  if (isRegister() && extension != 4 && extension != 6) {
    switch ((extension << 3) | (rm & 7)) {
      case 0 * 8 + 1: noPrefix(); emit(u, Op.VMCALL, operandSize); break;
      case 1 * 8 + 0: noPrefix(); emit(u, Op.MONITOR, operandSize); break;
      case 1 * 8 + 1: noPrefix(); emit(u, Op.MWAIT, operandSize); break;
      case 1 * 8 + 2: noPrefix(); emit(u, Op.CLAC, 0); break;
      case 1 * 8 + 3: noPrefix(); emit(u, Op.STAC, 0); break;
      case 2 * 8 + 0: noPrefix(); emit(u, Op.XGETBV, operandSize); break;
      case 2 * 8 + 1: noPrefix(); emit(u, Op.XSETBV, operandSize); break;
      case 3 * 8 + 1: emit(u, Op.VMMCALL, operandSize); break;
      case 7 * 8 + 0:
        if (!code64) invalid();
        emit(u, Op.SWAPGS, operandSize);
        break;
      case 7 * 8 + 1: emit(u, Op.RDTSCP, operandSize); break;
      default: invalid();
    }
    return;
  }
  switch (extension) {
    case 0: rmOnly(u, Op.SGDT, operandSize); break;
    case 1: rmOnly(u, Op.SIDT, operandSize); break;
    case 2: rmOnly(u, Op.LGDT, operandSize); break;
    case 3: rmOnly(u, Op.LIDT, operandSize); break;
    case 4: rmOnly(u, Op.SMSW, operandSize); break;
    case 6: rmOnly(u, Op.LMSW, 1); break;
    case 7: rmOnly(u, Op.INVLPG, 0); break;
    default: invalid();
  }
}

/** 66h, F2h and F3h would make it another instruction. */
function noPrefix(): void {
  if (prefix66 || repeat != 0) invalid();
}

/** MOV CRn: ModRM.mod is ignored. Only CR0, 2, 3, 4 and 8 exist. */
function moveControl(u: usize, op: u32): void {
  force64();
  if (!code64) setOperandSize(2);
  registerModrm(u);
  if (reg != 0 && reg != 2 && reg != 3 && reg != 4 && reg != 8) invalid();
  emit(u, op, operandSize);
  setDst(u, rm << 3);
  setSrc(u, reg);
}
function moveDebug(u: usize, op: u32): void {
  force64();
  if (!code64) setOperandSize(2);
  registerModrm(u);
  if (reg > 7) invalid();
  emit(u, op, operandSize);
  setDst(u, rm << 3);
  setSrc(u, reg);
}
/** ModRM whose mod field does not count: both operands are registers. */
function registerModrm(u: usize): void {
  store<u8>(u, Ea.REGISTER, UOP_EA);
  readRegisters();
}

function cmov(u: usize, cc: u32): void {
  const size = operandSize;
  rmReg(u, Op.CMOV, size);
  setImm(u, cc);
  if (size >= 2) {
    emit(u, (isRegister() ? Op.CMOV_RR32 : Op.CMOV_RM32) + size - 2, size);
    setDst(u, reg << 3);
    setSrc(u, rm << 3);
  }
}
function bitRegister(u: usize, op: u32): void {
  rmReg(u, op, operandSize);
  if (op == Op.BT_R && isRegister() && operandSize >= 2) setOp(u, operandSize == 2 ? Op.BT_RR32 : Op.BT_RR64);
}
function extend(u: usize, opcode: u32): void {
  const size = operandSize;
  const word = (opcode & 1) != 0;
  modrm(u);
  const m: u32 = isRegister() ? 0 : 1;
  let op: u32;
  if (opcode < 0xbe) {
    if (word) op = size == 1 ? Op.MOV_RR16 + m * 2 : Op.MOVZX_16_32_R + m;
    else op = (size == 1 ? Op.MOVZX_8_16_R : Op.MOVZX_8_32_R) + m;
  } else if (word) {
    op = size == 1 ? Op.MOV_RR16 + m * 2 : (size == 2 ? Op.MOVSX_16_32_R : Op.MOVSX_16_64_R) + m;
  } else op = Op.MOVSX_8_16_R + (size - 1) * 2 + m;
  emit(u, op, size);
  setDst(u, reg << 3);
  setSrc(u, gpr(rm, word ? 1 : 0));
}
function loadFar(u: usize, segmentRegister: u32): void {
  // AMD processors ignore REX.W here.
  rmReg(u, Op.LOAD_FAR, operandSize == 3 ? 2 : operandSize);
  memoryOnly();
  setImm(u, segmentRegister);
}

/** Fences, CLFLUSH, FS/GS base, MXCSR and the state-saving forms. */
function group15(u: usize): void {
  modrm(u);
  if (isRegister()) {
    if (repeat == 3 && extension < 4) {
      if (!code64) invalid();
      rmOnly(u, Op.RDFSBASE + extension, operandSize);
      return;
    }
    if (repeat != 0 || prefix66 || extension < 5) invalid();
    emit(u, Op.FENCE, operandSize);
    return;
  }
  if (repeat != 0 || prefix66) invalid();
  switch (extension) {
    case 2: rmOnly(u, Op.LDMXCSR, 2); break;
    case 3: rmOnly(u, Op.STMXCSR, 2); break;
    case 4: rmOnly(u, Op.XSAVE, operandSize); break;
    case 5: rmOnly(u, Op.XRSTOR, operandSize); break;
    case 6: rmOnly(u, Op.XSAVEOPT, operandSize); break;
    case 7: rmOnly(u, Op.CLFLUSH, 0); break;
    default: x87State(u);
  }
}
function group9(u: usize): void {
  modrm(u);
  if (extension == 1 && !isRegister()) {
    lockable();
    const wide = operandSize == 3;
    rmOnly(u, wide ? Op.CMPXCHG16B : Op.CMPXCHG8B, wide ? 3 : 2);
  } else if (extension == 4 && !isRegister()) {
    noPrefix();
    rmOnly(u, Op.XSAVEC, operandSize);
  } else invalid();
}

function map38(u: usize): void {
  const opcode = byte();
  switch (opcode) {
    case 0x82:
      if (!prefix66 || repeat != 0) invalid();
      force64();
      rmReg(u, Op.INVPCID, code64 ? 3 : 2);
      memoryOnly();
      break;
    case 0xf0: case 0xf1:
      if (repeat == 2) {
        rmReg(u, Op.CRC32, operandSize);
        const sourceSize: u32 = opcode == 0xf0 ? 0 : operandSize;
        if (isRegister()) setDst(u, gpr(rm, sourceSize));
        setSrc(u, reg << 3);
        setImm(u, sourceSize);
        // The destination is 32 bits unless REX.W.
        emit(u, Op.CRC32, operandSize == 3 ? 3 : 2);
      } else if (repeat == 0) {
        rmReg(u, opcode == 0xf0 ? Op.MOVBE_LOAD : Op.MOVBE_STORE, operandSize);
        memoryOnly();
      } else invalid();
      break;
    case 0xf6: {
      // 66: ADCX, F3: ADOX. 66h selects the instruction here, not the operand size.
      const size: u32 = operandSize == 3 ? 3 : 2;
      if (repeat == 3) rmReg(u, Op.ADOX, size);
      else if (prefix66 && repeat == 0) rmReg(u, Op.ADCX, size);
      else invalid();
      break;
    }
    default: vector38(u, opcode);
  }
}
