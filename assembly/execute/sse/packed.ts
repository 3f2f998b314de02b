// Packed integer instructions of the form destination = operation(destination, source) on XMM and on MMX registers
// (SDM vol. 2; vol. 1, 9.4, 11.4, 12.6, 12.10). One switch holds the operations of an opcode map. MMX forms run
// the 128-bit operation on the low halves; the few whose result depends on the width say how.

import { uopDst } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import {
  addDoublewords,
  addWords,
  addWordsSaturated,
  leastWord,
  multiplyAddBytes,
  multiplyEven,
  multiplyEvenUnsigned,
  multiplyHigh,
  multiplyHighUnsigned,
  multiplyRound,
  signBytes,
  signDoublewords,
  signWords,
  subtractDoublewords,
  subtractWords,
  subtractWordsSaturated,
  sumOfDistances,
} from "./integer";
import { isMemory } from "../operand";
import { memorySource, mmxDst, setMmx, source128, sourceMmx, xmmDst } from "./operand";
import { shifted } from "./shift";

// ---- map 0F ---------------------------------------------------------------------------------------

function operation0f(opcode: u32, a: v128, b: v128): v128 {
  switch (opcode) {
    case 0x60: return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23); // PUNPCKLBW
    case 0x61: return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11); // PUNPCKLWD
    case 0x62: return v128.shuffle<i32>(a, b, 0, 4, 1, 5); // PUNPCKLDQ
    case 0x63: return i8x16.narrow_i16x8_s(a, b); // PACKSSWB
    case 0x64: return i8x16.gt_s(a, b); // PCMPGTB
    case 0x65: return i16x8.gt_s(a, b); // PCMPGTW
    case 0x66: return i32x4.gt_s(a, b); // PCMPGTD
    case 0x67: return i8x16.narrow_i16x8_u(a, b); // PACKUSWB
    case 0x68: return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31); // PUNPCKHBW
    case 0x69: return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15); // PUNPCKHWD
    case 0x6a: return v128.shuffle<i32>(a, b, 2, 6, 3, 7); // PUNPCKHDQ
    case 0x6b: return i16x8.narrow_i32x4_s(a, b); // PACKSSDW
    case 0x6c: return v128.shuffle<i64>(a, b, 0, 2); // PUNPCKLQDQ
    case 0x6d: return v128.shuffle<i64>(a, b, 1, 3); // PUNPCKHQDQ
    case 0x74: return i8x16.eq(a, b); // PCMPEQB
    case 0x75: return i16x8.eq(a, b); // PCMPEQW
    case 0x76: return i32x4.eq(a, b); // PCMPEQD
    case 0xd1: case 0xd2: case 0xd3: case 0xe1: case 0xe2: case 0xf1: case 0xf2: case 0xf3: // PSRL, PSRA, PSLL
      return shifted(opcode, a, i64x2.extract_lane(b, 0));
    case 0xd4: return i64x2.add(a, b); // PADDQ
    case 0xd5: return i16x8.mul(a, b); // PMULLW
    case 0xd8: return i8x16.sub_sat_u(a, b); // PSUBUSB
    case 0xd9: return i16x8.sub_sat_u(a, b); // PSUBUSW
    case 0xda: return i8x16.min_u(a, b); // PMINUB
    case 0xdb: return v128.and(a, b); // PAND
    case 0xdc: return i8x16.add_sat_u(a, b); // PADDUSB
    case 0xdd: return i16x8.add_sat_u(a, b); // PADDUSW
    case 0xde: return i8x16.max_u(a, b); // PMAXUB
    case 0xdf: return v128.andnot(b, a); // PANDN
    case 0xe0: return i8x16.avgr_u(a, b); // PAVGB
    case 0xe3: return i16x8.avgr_u(a, b); // PAVGW
    case 0xe4: return multiplyHighUnsigned(a, b); // PMULHUW
    case 0xe5: return multiplyHigh(a, b); // PMULHW
    case 0xe8: return i8x16.sub_sat_s(a, b); // PSUBSB
    case 0xe9: return i16x8.sub_sat_s(a, b); // PSUBSW
    case 0xea: return i16x8.min_s(a, b); // PMINSW
    case 0xeb: return v128.or(a, b); // POR
    case 0xec: return i8x16.add_sat_s(a, b); // PADDSB
    case 0xed: return i16x8.add_sat_s(a, b); // PADDSW
    case 0xee: return i16x8.max_s(a, b); // PMAXSW
    case 0xef: return v128.xor(a, b); // PXOR
    case 0xf4: return multiplyEvenUnsigned(a, b); // PMULUDQ
    case 0xf5: return i32x4.dot_i16x8_s(a, b); // PMADDWD
    case 0xf6: return sumOfDistances(a, b); // PSADBW
    case 0xf8: return i8x16.sub(a, b); // PSUBB
    case 0xf9: return i16x8.sub(a, b); // PSUBW
    case 0xfa: return i32x4.sub(a, b); // PSUBD
    case 0xfb: return i64x2.sub(a, b); // PSUBQ
    case 0xfc: return i8x16.add(a, b); // PADDB
    case 0xfd: return i16x8.add(a, b); // PADDW
    default: return i32x4.add(a, b); // PADDD
  }
}

/** PADDB and the like with prefix 66; `opcode` chooses the operation. */
export function packed0f(u: usize, opcode: u32): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  v128.store(at, operation0f(opcode, v128.load(at), v128.load(source)));
  return Status.NEXT;
}

/** The same on MMX registers. */
export function packedMmx0f(u: usize, opcode: u32): i32 {
  // PUNPCKL reads four bytes of memory.
  const narrow = opcode >= 0x60 && opcode <= 0x62 && isMemory(u);
  const source = narrow ? memorySource<u32>(u) : sourceMmx(u);
  if (source == 0) return Status.FAULT;
  const b = narrow ? v128.load32_zero(source) : v128.load64_zero(source);
  const a = v128.load64_zero(mmxDst(u));
  let result: u64;
  switch (opcode) {
    // PUNPCKH: the high half of what PUNPCKL makes of eight bytes.
    case 0x68: case 0x69: case 0x6a:
      result = i64x2.extract_lane(operation0f(opcode - 8, a, b), 1);
      break;
    // PACK: both sources make one of twice the width.
    case 0x63: case 0x67: case 0x6b: {
      const both = v128.shuffle<i64>(a, b, 0, 2);
      result = i64x2.extract_lane(operation0f(opcode, both, both), 0);
      break;
    }
    default: result = i64x2.extract_lane(operation0f(opcode, a, b), 0);
  }
  setMmx(uopDst(u), result);
  return Status.NEXT;
}

// ---- map 0F 38 ------------------------------------------------------------------------------------

function operation38(opcode: u32, a: v128, b: v128): v128 {
  switch (opcode) {
    // Bit 7 of an index gives zero, bits 6:4 do not count; WebAssembly gives zero from 16 on.
    case 0x00: return i8x16.swizzle(a, v128.and(b, i8x16.splat(<i8>0x8f))); // PSHUFB
    case 0x01: return addWords(a, b); // PHADDW
    case 0x02: return addDoublewords(a, b); // PHADDD
    case 0x03: return addWordsSaturated(a, b); // PHADDSW
    case 0x04: return multiplyAddBytes(a, b); // PMADDUBSW
    case 0x05: return subtractWords(a, b); // PHSUBW
    case 0x06: return subtractDoublewords(a, b); // PHSUBD
    case 0x07: return subtractWordsSaturated(a, b); // PHSUBSW
    case 0x08: return signBytes(a, b); // PSIGNB
    case 0x09: return signWords(a, b); // PSIGNW
    case 0x0a: return signDoublewords(a, b); // PSIGND
    case 0x0b: return multiplyRound(a, b); // PMULHRSW
    case 0x1c: return i8x16.abs(b); // PABSB
    case 0x1d: return i16x8.abs(b); // PABSW
    case 0x1e: return i32x4.abs(b); // PABSD
    case 0x28: return multiplyEven(a, b); // PMULDQ
    case 0x29: return i64x2.eq(a, b); // PCMPEQQ
    case 0x2b: return i16x8.narrow_i32x4_u(a, b); // PACKUSDW
    case 0x37: return i64x2.gt_s(a, b); // PCMPGTQ
    case 0x38: return i8x16.min_s(a, b); // PMINSB
    case 0x39: return i32x4.min_s(a, b); // PMINSD
    case 0x3a: return i16x8.min_u(a, b); // PMINUW
    case 0x3b: return i32x4.min_u(a, b); // PMINUD
    case 0x3c: return i8x16.max_s(a, b); // PMAXSB
    case 0x3d: return i32x4.max_s(a, b); // PMAXSD
    case 0x3e: return i16x8.max_u(a, b); // PMAXUW
    case 0x3f: return i32x4.max_u(a, b); // PMAXUD
    case 0x40: return i32x4.mul(a, b); // PMULLD
    default: return leastWord(b); // PHMINPOSUW
  }
}

export function packed38(u: usize, opcode: u32): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  v128.store(at, operation38(opcode, v128.load(at), v128.load(source)));
  return Status.NEXT;
}

/** SSSE3 on MMX registers. */
export function packedMmx38(u: usize, opcode: u32): i32 {
  const source = sourceMmx(u);
  if (source == 0) return Status.FAULT;
  let a = v128.load64_zero(mmxDst(u));
  let b = v128.load64_zero(source);
  // PSHUFB: three bits of index. PHADD, PHSUB: neighbours of both sources side by side.
  if (opcode == 0x00) b = v128.and(b, i8x16.splat(<i8>0x87));
  else if (opcode <= 0x07 && opcode != 0x04) {
    a = v128.shuffle<i64>(a, b, 0, 2);
    b = a;
  }
  setMmx(uopDst(u), i64x2.extract_lane(operation38(opcode, a, b), 0));
  return Status.NEXT;
}
