// Dispatch of MMX, SSE, AES, PCLMULQDQ and SHA instructions: one switch per opcode map and mandatory prefix. The
// selector stands in the immediate (decode/vector). Availability has been checked when a family function
// runs: it takes the micro-op, returns a Status and commits nothing if that is FAULT.

import { uopImm } from "../../decode/uop";
import { raiseUD } from "../../vcpu/fault";
import { Status } from "../../vcpu/status";
import { aes, aesKeyGenAssist } from "../crypto/aes";
import { pclmulqdq } from "../crypto/clmul";
import {
  sha1Message1,
  sha1Message2,
  sha1NextE,
  sha1Rounds,
  sha256Message1,
  sha256Message2,
  sha256Rounds,
} from "../crypto/sha";
import { quiet } from "../x87/ready";
import { rcpps, rcpss, rsqrtps, rsqrtss } from "./approximate";
import {
  addpd,
  addps,
  addsd,
  addss,
  divpd,
  divps,
  divsd,
  divss,
  maxpd,
  maxps,
  maxsd,
  maxss,
  minpd,
  minps,
  minsd,
  minss,
  mulpd,
  mulps,
  mulsd,
  mulss,
  sqrtpd,
  sqrtps,
  sqrtsd,
  sqrtss,
  subpd,
  subps,
  subsd,
  subss,
} from "./arithmetic";
import { cmppd, cmpps, cmpsd, cmpss, comisd, comiss, ucomisd, ucomiss } from "./compare";
import {
  cvtdq2pd,
  cvtdq2ps,
  cvtpd2dq,
  cvtpd2ps,
  cvtps2dq,
  cvtps2pd,
  cvtsd2si,
  cvtsd2ss,
  cvtsi2sd,
  cvtsi2ss,
  cvtss2sd,
  cvtss2si,
  cvttpd2dq,
  cvttps2dq,
  cvttsd2si,
  cvttss2si,
} from "./convert";
import { cvtpd2pi, cvtpi2pd, cvtpi2ps, cvtps2pi, cvttpd2pi, cvttps2pi } from "./convert-mmx";
import { dppd, dpps } from "./dot";
import { addsubpd, addsubps, haddpd, haddps, hsubpd, hsubps } from "./horizontal";
import { maskMoveMmx, maskMoveXmm } from "./mask";
import {
  alignRightMmx,
  emms,
  extractWordMmx,
  insertWordMmx,
  loadMmx,
  mmxFromGeneral,
  mmxToGeneral,
  mmxToXmm,
  moveMaskMmx,
  shuffleWordsMmx,
  storeMmx,
  xmmToMmx,
} from "./mmx";
import {
  duplicateDouble,
  duplicateEven,
  duplicateOdd,
  extractByte,
  extractDoubleword,
  extractSingle,
  extractWord,
  extractWordToReg,
  fromGeneral,
  insertByte,
  insertDoubleword,
  insertWord,
  loadAligned,
  loadDouble,
  loadHigh,
  loadLow,
  loadQuadword,
  loadSingle,
  loadUnaligned,
  moveMaskBytes,
  moveMaskDouble,
  moveMaskSingle,
  storeAligned,
  storeDouble,
  storeGeneral,
  storeHigh,
  storeLow,
  storeQuadword,
  storeSingle,
  storeUnaligned,
  toGeneral,
} from "./move";
import { mmxReady, sseReady, xmmDst } from "./operand";
import { packed0f, packed38, packedMmx0f, packedMmx38 } from "./packed";
import { roundpd, roundps, roundsd, roundss } from "./round";
import { shiftGroup, shiftGroupMmx } from "./shift";
import {
  alignRight,
  blend,
  blendVariable,
  extend,
  insertSingle,
  shuffleDouble,
  shuffleDoublewords,
  shuffleHighWords,
  shuffleLowWords,
  shuffleSingle,
  sumAbsoluteBlocks,
  test,
} from "./shuffle";
import { compareIndex, compareMask } from "./string";

/** Opcode byte of the selector. */
@inline function opcodeOf(u: usize): u32 { return (<u32>uopImm(u) >> 8) & 0xff; }
/** Mandatory prefix: 0 none, 1 66, 2 F3, 3 F2. */
@inline function prefixOf(u: usize): u32 { return <u32>uopImm(u) >> 16; }

// ---- map 0F ---------------------------------------------------------------------------------------

export function vector0f(u: usize): i32 {
  const opcode = opcodeOf(u);
  switch (prefixOf(u)) {
    case 0: return plain0f(u, opcode);
    case 1: return sseReady() ? operand0f(u, opcode) : Status.FAULT;
    case 2: return sseReady() ? scalarSingle0f(u, opcode) : Status.FAULT;
    default: return sseReady() ? scalarDouble0f(u, opcode) : Status.FAULT;
  }
}

/** Opcodes without a prefix that work on MMX registers alone. */
@inline function isMmx(opcode: u32): bool {
  return (opcode & 0xe0) == 0x60 || opcode >= 0xd0 || opcode == 0xc4 || opcode == 0xc5;
}

function plain0f(u: usize, opcode: u32): i32 {
  if (isMmx(opcode)) return mmxReady() ? mmx0f(u, opcode) : Status.FAULT;
  // MOVNTI needs neither unit.
  if (opcode == 0xc3) return storeGeneral(u);
  if (!sseReady()) return Status.FAULT;
  switch (opcode) {
    case 0x10: return loadUnaligned(u);
    case 0x11: return storeUnaligned(u);
    case 0x12: return loadLow(u);
    case 0x13: return storeLow(u);
    case 0x16: return loadHigh(u);
    case 0x17: return storeHigh(u);
    case 0x28: return loadAligned(u);
    case 0x29: case 0x2b: return storeAligned(u);
    case 0x2a: return cvtpi2ps(u);
    case 0x2c: return cvttps2pi(u);
    case 0x2d: return cvtps2pi(u);
    case 0x2e: return ucomiss(u);
    case 0x2f: return comiss(u);
    case 0x50: return moveMaskSingle(u);
    case 0x51: return sqrtps(u);
    case 0x52: return rsqrtps(u);
    case 0x53: return rcpps(u);
    case 0x58: return addps(u);
    case 0x59: return mulps(u);
    case 0x5a: return cvtps2pd(u);
    case 0x5b: return cvtdq2ps(u);
    case 0x5c: return subps(u);
    case 0x5d: return minps(u);
    case 0x5e: return divps(u);
    case 0x5f: return maxps(u);
    case 0xc2: return cmpps(u);
    case 0xc6: return shuffleSingle(u);
    default: return raiseUD();
  }
}

function mmx0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0x6e: return mmxFromGeneral(u);
    case 0x6f: return loadMmx(u);
    case 0x70: return shuffleWordsMmx(u);
    case 0x71: case 0x72: case 0x73: return shiftGroupMmx(u);
    case 0x77: return emms();
    case 0x7e: return mmxToGeneral(u);
    case 0x7f: case 0xe7: return storeMmx(u);
    case 0xc4: return insertWordMmx(u);
    case 0xc5: return extractWordMmx(u);
    case 0xd7: return moveMaskMmx(u);
    case 0xf7: return maskMoveMmx(u);
    default: return packedMmx0f(u, opcode);
  }
}

/** Prefix 66. */
function operand0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0x10: return loadUnaligned(u);
    case 0x11: return storeUnaligned(u);
    case 0x12: return loadLow(u);
    case 0x13: return storeLow(u);
    case 0x16: return loadHigh(u);
    case 0x17: return storeHigh(u);
    case 0x28: case 0x6f: return loadAligned(u);
    case 0x29: case 0x2b: case 0x7f: case 0xe7: return storeAligned(u);
    case 0x2a: return cvtpi2pd(u);
    case 0x2c: return cvttpd2pi(u);
    case 0x2d: return cvtpd2pi(u);
    case 0x2e: return ucomisd(u);
    case 0x2f: return comisd(u);
    case 0x50: return moveMaskDouble(u);
    case 0x51: return sqrtpd(u);
    case 0x58: return addpd(u);
    case 0x59: return mulpd(u);
    case 0x5a: return cvtpd2ps(u);
    case 0x5b: return cvtps2dq(u);
    case 0x5c: return subpd(u);
    case 0x5d: return minpd(u);
    case 0x5e: return divpd(u);
    case 0x5f: return maxpd(u);
    case 0x60: case 0x61: case 0x62: case 0x63: case 0x64: case 0x65: case 0x66: case 0x67:
    case 0x68: case 0x69: case 0x6a: case 0x6b: case 0x6c: case 0x6d: case 0x74: case 0x75: case 0x76:
    case 0xd1: case 0xd2: case 0xd3: case 0xd4: case 0xd5: case 0xd8: case 0xd9: case 0xda: case 0xdb:
    case 0xdc: case 0xdd: case 0xde: case 0xdf: case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe4:
    case 0xe5: case 0xe8: case 0xe9: case 0xea: case 0xeb: case 0xec: case 0xed: case 0xee: case 0xef:
    case 0xf1: case 0xf2: case 0xf3: case 0xf4: case 0xf5: case 0xf6: case 0xf8: case 0xf9: case 0xfa:
    case 0xfb: case 0xfc: case 0xfd: case 0xfe:
      return packed0f(u, opcode);
    case 0x6e: return fromGeneral(u);
    case 0x70: return shuffleDoublewords(u);
    case 0x71: case 0x72: case 0x73: return shiftGroup(u);
    case 0x7c: return haddpd(u);
    case 0x7d: return hsubpd(u);
    case 0x7e: return toGeneral(u, xmmDst(u));
    case 0xc2: return cmppd(u);
    case 0xc4: return insertWord(u);
    case 0xc5: return extractWordToReg(u);
    case 0xc6: return shuffleDouble(u);
    case 0xd0: return addsubpd(u);
    case 0xd6: return storeQuadword(u);
    case 0xd7: return moveMaskBytes(u);
    case 0xe6: return cvttpd2dq(u);
    case 0xf7: return maskMoveXmm(u);
    default: return raiseUD();
  }
}

/** Prefix F3. */
function scalarSingle0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0x10: return loadSingle(u);
    case 0x11: return storeSingle(u);
    case 0x12: return duplicateEven(u);
    case 0x16: return duplicateOdd(u);
    case 0x2a: return cvtsi2ss(u);
    case 0x2c: return cvttss2si(u);
    case 0x2d: return cvtss2si(u);
    case 0x51: return sqrtss(u);
    case 0x52: return rsqrtss(u);
    case 0x53: return rcpss(u);
    case 0x58: return addss(u);
    case 0x59: return mulss(u);
    case 0x5a: return cvtss2sd(u);
    case 0x5b: return cvttps2dq(u);
    case 0x5c: return subss(u);
    case 0x5d: return minss(u);
    case 0x5e: return divss(u);
    case 0x5f: return maxss(u);
    case 0x6f: return loadUnaligned(u);
    case 0x70: return shuffleHighWords(u);
    case 0x7e: return loadQuadword(u);
    case 0x7f: return storeUnaligned(u);
    case 0xc2: return cmpss(u);
    case 0xd6: return quiet() ? mmxToXmm(u) : Status.FAULT;
    case 0xe6: return cvtdq2pd(u);
    default: return raiseUD();
  }
}

/** Prefix F2. */
function scalarDouble0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0x10: return loadDouble(u);
    case 0x11: return storeDouble(u);
    case 0x12: return duplicateDouble(u);
    case 0x2a: return cvtsi2sd(u);
    case 0x2c: return cvttsd2si(u);
    case 0x2d: return cvtsd2si(u);
    case 0x51: return sqrtsd(u);
    case 0x58: return addsd(u);
    case 0x59: return mulsd(u);
    case 0x5a: return cvtsd2ss(u);
    case 0x5c: return subsd(u);
    case 0x5d: return minsd(u);
    case 0x5e: return divsd(u);
    case 0x5f: return maxsd(u);
    case 0x70: return shuffleLowWords(u);
    case 0x7c: return haddps(u);
    case 0x7d: return hsubps(u);
    case 0xc2: return cmpsd(u);
    case 0xd0: return addsubps(u);
    case 0xd6: return quiet() ? xmmToMmx(u) : Status.FAULT;
    case 0xe6: return cvtpd2dq(u);
    case 0xf0: return loadUnaligned(u);
    default: return raiseUD();
  }
}

// ---- map 0F 38 ------------------------------------------------------------------------------------

export function vector38(u: usize): i32 {
  const opcode = opcodeOf(u);
  if (prefixOf(u) != 0) return sseReady() ? operand38(u, opcode) : Status.FAULT;
  // Without a prefix: SSSE3 on MMX registers, and SHA.
  if (opcode < 0xc0) return mmxReady() ? packedMmx38(u, opcode) : Status.FAULT;
  return sseReady() ? sha38(u, opcode) : Status.FAULT;
}

function sha38(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0xc8: return sha1NextE(u);
    case 0xc9: return sha1Message1(u);
    case 0xca: return sha1Message2(u);
    case 0xcb: return sha256Rounds(u);
    case 0xcc: return sha256Message1(u);
    default: return sha256Message2(u);
  }
}

/** Prefix 66. */
function operand38(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0x10: return blendVariable(u, 1);
    case 0x14: return blendVariable(u, 4);
    case 0x15: return blendVariable(u, 8);
    case 0x17: return test(u);
    case 0x20: case 0x21: case 0x22: case 0x23: case 0x24: case 0x25:
    case 0x30: case 0x31: case 0x32: case 0x33: case 0x34: case 0x35:
      return extend(u, opcode);
    case 0x2a: return loadAligned(u);
    case 0xdb: case 0xdc: case 0xdd: case 0xde: case 0xdf: return aes(u, opcode);
    default: return packed38(u, opcode);
  }
}

// ---- map 0F 3A ------------------------------------------------------------------------------------

export function vector3a(u: usize): i32 {
  const opcode = opcodeOf(u);
  if (prefixOf(u) != 0) return sseReady() ? operand3a(u, opcode) : Status.FAULT;
  // Without a prefix: PALIGNR on MMX registers, and SHA1RNDS4.
  if (opcode == 0x0f) return mmxReady() ? alignRightMmx(u) : Status.FAULT;
  return sseReady() ? sha1Rounds(u) : Status.FAULT;
}

/** Prefix 66. */
function operand3a(u: usize, opcode: u32): i32 {
  switch (opcode) {
    case 0x08: return roundps(u);
    case 0x09: return roundpd(u);
    case 0x0a: return roundss(u);
    case 0x0b: return roundsd(u);
    case 0x0c: return blend(u, 4);
    case 0x0d: return blend(u, 8);
    case 0x0e: return blend(u, 2);
    case 0x0f: return alignRight(u);
    case 0x14: return extractByte(u);
    case 0x15: return extractWord(u);
    case 0x16: return extractDoubleword(u);
    case 0x17: return extractSingle(u);
    case 0x20: return insertByte(u);
    case 0x21: return insertSingle(u);
    case 0x22: return insertDoubleword(u);
    case 0x40: return dpps(u);
    case 0x41: return dppd(u);
    case 0x42: return sumAbsoluteBlocks(u);
    case 0x44: return pclmulqdq(u);
    case 0x60: return compareMask(u, true);
    case 0x61: return compareIndex(u, true);
    case 0x62: return compareMask(u, false);
    case 0x63: return compareIndex(u, false);
    case 0xdf: return aesKeyGenAssist(u);
    default: return raiseUD();
  }
}
