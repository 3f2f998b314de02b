// Moves of XMM registers, and which vector instructions a region can contain (decode/vector says how they are coded,
// execute/sse what they do). A register is a local (locals.ts); aligned operands that are not, and whatever touches
// MMX registers, writes by a mask or compares strings, are tier 0's.

import { Op } from "../../decode/op";
import { uopSize } from "../../decode/uop";
import { RegionNeeds } from "../../region/record";
import { Simd } from "../simd";
import { get, i32c, op, set, vector, vectorMemory, byte, Wasm } from "../wasm";
import { compareMasks, compareScalar } from "./compare";
import { convert, fromInteger, isConversion, narrow, roundToIntegral, toInteger, widen } from "./convert";
import { setFlags } from "./flags";
import { alternate, arithmetic, horizontal } from "./float";
import {
  dst,
  immediate,
  isMemory,
  lane,
  loadVector,
  opcode,
  pushGeneral,
  pushSource,
  selector,
  shuffle32,
  src,
  storeLane,
  takeSource,
  zero128,
} from "./lanes";
import { getRegister, getXmm, setRegister, setXmm, temporary, V_A, V_B } from "./locals";
import { hostOffset, need, openBytes, openMemory, pushHost, storeHost } from "./memory";
import { Arithmetic, note } from "./plan";
import {
  alignRight,
  blend,
  blendVariable,
  duplicate,
  extend,
  isPacked38,
  packed0f,
  packed38,
  shiftGroup,
  shuffleDoubles,
  shuffleDoublewords,
  shuffleSingles,
  shuffleWords,
} from "./packed";

// ---- moves ----------------------------------------------------------------------------------------

function load(u: usize, bytes: u32, aligned: bool): void {
  pushSource(u, bytes, aligned);
  setXmm(dst(u));
}
function store128(u: usize, aligned: bool): void {
  if (isMemory(u)) {
    openBytes(u, 16, true, aligned);
    pushHost();
    getXmm(dst(u));
    vectorMemory(Simd.STORE, hostOffset);
  } else {
    getXmm(dst(u));
    setXmm(src(u));
  }
}
function storeScalar(u: usize, bytes: u32, index: u32): void {
  openBytes(u, bytes, true, false);
  storeLane(dst(u), bytes, index);
}
/** MOVSS, MOVSD between registers: the low element alone. */
function merge(to: u32, from: u32, bytes: u32): void {
  getXmm(to);
  getXmm(from);
  if (bytes == 8) shuffle32(4, 5, 2, 3);
  else shuffle32(4, 1, 2, 3);
  setXmm(to);
}
/** MOVQ between registers. */
function moveLow(to: u32, from: u32): void {
  getXmm(from);
  zero128();
  shuffle32(0, 1, 4, 5);
  setXmm(to);
}
/** MOVLPS, MOVHPS: a quadword of memory, or the other half of the source, becomes half `half`. */
function loadHalf(u: usize, half: u32): void {
  const to = dst(u);
  if (isMemory(u)) {
    openBytes(u, 8, false, false);
    pushHost();
    getXmm(to);
    vectorMemory(Simd.LOAD64_LANE, hostOffset);
    byte(half);
  } else {
    getXmm(to);
    getXmm(src(u));
    if (half == 0) shuffle32(6, 7, 2, 3);
    else shuffle32(0, 1, 4, 5);
  }
  setXmm(to);
}
/** log2 of the operand size of what moves between XMM and general registers. */
@inline function generalSize(u: usize): u32 { return uopSize(u) == 3 ? 3 : 2; }
/** MOVD, MOVQ from a general register or memory. */
function fromGeneral(u: usize): void {
  const size = generalSize(u);
  if (isMemory(u)) {
    openMemory(u, size, false);
    loadVector(1 << size);
  } else {
    zero128();
    getRegister(src(u) << 3, size);
    lane(size == 3 ? Simd.I64_REPLACE : Simd.I32_REPLACE, 0);
  }
  setXmm(dst(u));
}
/** PEXTR, MOVD, MOVQ: element `index` of 2^size bytes to a general register or memory. */
function extract(u: usize, size: u32, index: u32): void {
  if (isMemory(u)) return storeScalar(u, 1 << size, index);
  extractTo(src(u), dst(u), size, index);
}
function extractTo(to: u32, from: u32, size: u32, index: u32): void {
  getXmm(from);
  lane(size == 3 ? Simd.I64_EXTRACT : size == 2 ? Simd.I32_EXTRACT : size == 1 ? Simd.I16_EXTRACT_U : Simd.I8_EXTRACT_U, index);
  setRegister(to << 3, size == 3 ? 3 : 2);
}
/** PINSR. */
function insert(u: usize, size: u32): void {
  const value = temporary(0, size);
  pushGeneral(u, size);
  set(value);
  getXmm(dst(u));
  get(value);
  const code = size == 3 ? Simd.I64_REPLACE : size == 2 ? Simd.I32_REPLACE : size == 1 ? Simd.I16_REPLACE : Simd.I8_REPLACE;
  lane(code, elementOf(u, size));
  setXmm(dst(u));
}
@inline function elementOf(u: usize, size: u32): u32 { return immediate(u) & ((16 >> size) - 1); }
/** MOVNTI. */
function storeGeneral(u: usize): void {
  const size = generalSize(u);
  openMemory(u, size, true);
  getRegister(dst(u) << 3, size);
  set(temporary(0, size));
  storeHost(temporary(0, size), size);
}
/** MOVMSKPS, MOVMSKPD, PMOVMSKB. */
function moveMask(u: usize, code: u32): void {
  getXmm(src(u));
  vector(code);
  setRegister(dst(u) << 3, 2);
}
/** PTEST: ZF when they have no bit in common, CF when the source has none outside the destination. */
function test(u: usize): void {
  takeSource(u, 16, V_B);
  getXmm(dst(u));
  set(V_A);
  get(V_B);
  get(V_A);
  vector(Simd.ANDNOT);
  vector(Simd.ANY_TRUE);
  op(Wasm.I32_EQZ);
  get(V_A);
  get(V_B);
  vector(Simd.AND);
  vector(Simd.ANY_TRUE);
  op(Wasm.I32_EQZ);
  i32c(6);
  op(Wasm.I32_SHL);
  op(Wasm.I32_OR);
  setFlags();
}

// ---- map 0F, by prefix << 8 | opcode --------------------------------------------------------------

const P66: u32 = 0x100;
const PF3: u32 = 0x200;
const PF2: u32 = 0x300;

/** Instructions of map 0F that are neither packed integer operations with an op of their own nor arithmetic. */
function isPlain0f(form: u32, inMemory: bool): bool {
  switch (form) {
    case 0x10: case 0x11: case 0x12: case 0x13: case 0x16: case 0x17: case 0x28: case 0x29: case 0x2b: case 0x50:
    case 0xc3: case 0xc6:
    case P66 | 0x10: case P66 | 0x11: case P66 | 0x12: case P66 | 0x13: case P66 | 0x16: case P66 | 0x17:
    case P66 | 0x28: case P66 | 0x29: case P66 | 0x2b: case P66 | 0x50: case P66 | 0x6e: case P66 | 0x6f:
    case P66 | 0x70: case P66 | 0x71: case P66 | 0x72: case P66 | 0x73: case P66 | 0x7e: case P66 | 0x7f:
    case P66 | 0xc4: case P66 | 0xc5: case P66 | 0xc6: case P66 | 0xd6: case P66 | 0xd7: case P66 | 0xe7:
    case PF3 | 0x10: case PF3 | 0x11: case PF3 | 0x12: case PF3 | 0x16: case PF3 | 0x6f: case PF3 | 0x70:
    case PF3 | 0x7e: case PF3 | 0x7f:
    case PF2 | 0x10: case PF2 | 0x11: case PF2 | 0x12: case PF2 | 0x70:
      return true;
    case PF2 | 0xf0: return inMemory;
    default: return false;
  }
}
function plain0f(u: usize): void {
  switch (selector(u)) {
    case 0x10: case P66 | 0x10: case PF3 | 0x6f: case PF2 | 0xf0: return load(u, 16, false);
    case 0x28: case P66 | 0x28: case P66 | 0x6f: return load(u, 16, true);
    case 0x11: case P66 | 0x11: case PF3 | 0x7f: return store128(u, false);
    case 0x29: case 0x2b: case P66 | 0x29: case P66 | 0x2b: case P66 | 0x7f: case P66 | 0xe7: return store128(u, true);
    case 0x12: case P66 | 0x12: return loadHalf(u, 0);
    case 0x16: case P66 | 0x16: return loadHalf(u, 1);
    case 0x13: case P66 | 0x13: return storeScalar(u, 8, 0);
    case 0x17: case P66 | 0x17: return storeScalar(u, 8, 1);
    case 0x50: return moveMask(u, Simd.I32_BITMASK);
    case P66 | 0x50: return moveMask(u, Simd.I64_BITMASK);
    case P66 | 0xd7: return moveMask(u, Simd.I8_BITMASK);
    case 0xc3: return storeGeneral(u);
    case 0xc6: return shuffleSingles(u);
    case P66 | 0xc6: return shuffleDoubles(u);
    case P66 | 0x6e: return fromGeneral(u);
    case P66 | 0x7e: return extract(u, generalSize(u), 0);
    case P66 | 0x70: return shuffleDoublewords(u);
    case PF3 | 0x70: return shuffleWords(u, true);
    case PF2 | 0x70: return shuffleWords(u, false);
    case P66 | 0x71: case P66 | 0x72: case P66 | 0x73: return shiftGroup(u);
    case P66 | 0xc4: return insert(u, 1);
    case P66 | 0xc5: return extractTo(dst(u), src(u), 1, elementOf(u, 1));
    case PF3 | 0x7e: return isMemory(u) ? load(u, 8, false) : moveLow(dst(u), src(u));
    case P66 | 0xd6: return isMemory(u) ? storeScalar(u, 8, 0) : moveLow(src(u), dst(u));
    case PF3 | 0x10: return isMemory(u) ? load(u, 4, false) : merge(dst(u), src(u), 4);
    case PF3 | 0x11: return isMemory(u) ? storeScalar(u, 4, 0) : merge(src(u), dst(u), 4);
    case PF2 | 0x10: return isMemory(u) ? load(u, 8, false) : merge(dst(u), src(u), 8);
    case PF2 | 0x11: return isMemory(u) ? storeScalar(u, 8, 0) : merge(src(u), dst(u), 8);
    case PF2 | 0x12: return duplicate(u, 8, 0, 1, 0, 1);
    case PF3 | 0x12: return duplicate(u, 16, 0, 0, 2, 2);
    default: return duplicate(u, 16, 1, 1, 3, 3);
  }
}

// ---- maps 0F 38 and 0F 3A -------------------------------------------------------------------------

function isPlain38(form: u32, inMemory: bool): bool {
  if (form >> 8 != 1) return false;
  const code = form & 0xff;
  switch (code) {
    case 0x10: case 0x14: case 0x15: case 0x17: case 0x2a:
    case 0x20: case 0x21: case 0x23: case 0x24: case 0x25:
    case 0x30: case 0x31: case 0x33: case 0x34: case 0x35:
      return true;
    case 0x22: case 0x32: return !inMemory;
    default: return isPacked38(code);
  }
}
function plain38(u: usize): void {
  switch (opcode(u)) {
    case 0x10: return blendVariable(u, Simd.I8_SHR_S, 8);
    case 0x14: return blendVariable(u, Simd.I32_SHR_S, 32);
    case 0x15: return blendVariable(u, Simd.I64_SHR_S, 64);
    case 0x17: return test(u);
    case 0x2a: return load(u, 16, true);
    case 0x20: case 0x21: case 0x22: case 0x23: case 0x24: case 0x25:
    case 0x30: case 0x31: case 0x32: case 0x33: case 0x34: case 0x35:
      return extend(u);
    default: return packed38(u);
  }
}

function isPlain3a(form: u32): bool {
  switch (form) {
    case P66 | 0x08: case P66 | 0x09: case P66 | 0x0a: case P66 | 0x0b:
    case P66 | 0x0c: case P66 | 0x0d: case P66 | 0x0e: case P66 | 0x0f: case P66 | 0x14: case P66 | 0x15:
    case P66 | 0x16: case P66 | 0x17: case P66 | 0x20: case P66 | 0x22:
      return true;
    default: return false;
  }
}
function plain3a(u: usize, plan: u32): void {
  switch (opcode(u)) {
    case 0x08: case 0x09: case 0x0a: case 0x0b: return roundToIntegral(u, opcode(u) & 3, plan);
    case 0x0c: return blend(u, 4);
    case 0x0d: return blend(u, 8);
    case 0x0e: return blend(u, 2);
    case 0x0f: return alignRight(u);
    case 0x14: return extract(u, 0, elementOf(u, 0));
    case 0x15: return extract(u, 1, elementOf(u, 1));
    case 0x16: return extract(u, generalSize(u), elementOf(u, generalSize(u)));
    case 0x17: return extract(u, 2, elementOf(u, 2));
    case 0x20: return insert(u, 0);
    default: return insert(u, generalSize(u));
  }
}

// ---- by op ----------------------------------------------------------------------------------------

/** Floating-point instructions of map 0F without an op of their own: SQRT, MIN, MAX, CMP, HADD, HSUB, ADDSUB, conversions. */
function isFloat0f(form: u32): bool {
  switch (form & 0xff) {
    case 0x51: case 0x5d: case 0x5f: case 0xc2: return true;
    case 0x7c: case 0x7d: case 0xd0: return form >> 8 == 1 || form >> 8 == 3;
    default: return isConversion(form);
  }
}
function float0f(u: usize, plan: u32): void {
  const form = selector(u);
  switch (form & 0xff) {
    case 0x51: return arithmetic(u, Arithmetic.SQRT, form >> 8, plan);
    case 0x5d: return arithmetic(u, Arithmetic.MIN, form >> 8, plan);
    case 0x5f: return arithmetic(u, Arithmetic.MAX, form >> 8, plan);
    case 0xc2: return compareMasks(u, form >> 8, plan);
    case 0x7c: return horizontal(u, Arithmetic.ADD, form >> 8 == 1, plan);
    case 0x7d: return horizontal(u, Arithmetic.SUB, form >> 8 == 1, plan);
    case 0xd0: return alternate(u, form >> 8 == 1, plan);
    default: return convert(u, form, plan);
  }
}

/** The vector instruction has a translation, its addressing form aside. */
export function canLowerVector(u: usize, o: u32): bool {
  switch (o) {
    case Op.VECTOR_0F: return isPlain0f(selector(u), isMemory(u)) || isFloat0f(selector(u));
    case Op.VECTOR_38: return isPlain38(selector(u), isMemory(u));
    case Op.VECTOR_3A: return isPlain3a(selector(u));
    default: return true;
  }
}
/** It sets the flags. */
export function setsFlags(u: usize, o: u32): bool {
  return o == <u32>Op.COMISS || o == <u32>Op.COMISD || (o == <u32>Op.VECTOR_38 && selector(u) == (P66 | 0x17));
}

export function lowerVector(u: usize, o: u32): bool {
  // MOVNTI needs no SSE unit.
  if (o != <u32>Op.VECTOR_0F || selector(u) != 0xc3) need(RegionNeeds.SSE);
  const plan = note(u, o);
  switch (o) {
    case Op.VECTOR_LOAD: load(u, 16, false); return true;
    case Op.VECTOR_LOAD_A: load(u, 16, true); return true;
    case Op.VECTOR_STORE: store128(u, false); return true;
    case Op.VECTOR_STORE_A: store128(u, true); return true;
    case Op.VECTOR_MOVE: load(u, 16, false); return true;
    case Op.VECTOR_LOAD64: load(u, 8, false); return true;
    case Op.VECTOR_LOAD32: load(u, 4, false); return true;
    case Op.VECTOR_STORE64: storeScalar(u, 8, 0); return true;
    case Op.VECTOR_STORE32: storeScalar(u, 4, 0); return true;
    case Op.VECTOR_PACKED: packed0f(u); return true;
    case Op.VECTOR_0F:
      if (isFloat0f(selector(u))) float0f(u, plan);
      else plain0f(u);
      return true;
    case Op.VECTOR_38: plain38(u); return true;
    case Op.VECTOR_3A: plain3a(u, plan); return true;
    case Op.COMISS: compareScalar(u, false, plan); return true;
    case Op.COMISD: compareScalar(u, true, plan); return true;
    case Op.CVTSI2SD: fromInteger(u, true); return true;
    case Op.CVTTSD2SI: toInteger(u, true, true); return true;
    case Op.CVTSS2SD: widen(u, plan); return true;
    case Op.CVTSD2SS: narrow(u, plan); return true;
    default: {
      const k = o - <u32>Op.ADDPS;
      arithmetic(u, k >> 2, k & 3, plan);
      return true;
    }
  }
}
