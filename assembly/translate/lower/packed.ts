// Packed integer instructions: destination = operation(destination, source) on XMM registers, shifts and shuffles. Where
// WebAssembly has no operator of the same meaning, the operation is composed as in execute/sse/integer and shift.

import { Simd } from "../simd";
import { get, i32c, i64c, op, set, vector, Wasm } from "../wasm";
import {
  dst,
  immediate,
  isMemory,
  lane,
  opcode,
  pushSource,
  shuffle16,
  shuffle32,
  shuffle8,
  splat16,
  splat64,
  splat8,
  src,
  takeSource,
  window,
  zero128,
} from "./lanes";
import { getXmm, setXmm, temporary, V_A, V_B, V_C } from "./locals";

/** Operator for destination and source in this order; 0: there is none. Map 0F with 66. */
function direct0f(code: u32): u32 {
  switch (code) {
    case 0x63: return Simd.I8_NARROW_S;
    case 0x64: return Simd.I8_GT_S;
    case 0x65: return Simd.I16_GT_S;
    case 0x66: return Simd.I32_GT_S;
    case 0x67: return Simd.I8_NARROW_U;
    case 0x6b: return Simd.I16_NARROW_S;
    case 0x74: return Simd.I8_EQ;
    case 0x75: return Simd.I16_EQ;
    case 0x76: return Simd.I32_EQ;
    case 0xd4: return Simd.I64_ADD;
    case 0xd5: return Simd.I16_MUL;
    case 0xd8: return Simd.I8_SUB_SAT_U;
    case 0xd9: return Simd.I16_SUB_SAT_U;
    case 0xda: return Simd.I8_MIN_U;
    case 0xdb: return Simd.AND;
    case 0xdc: return Simd.I8_ADD_SAT_U;
    case 0xdd: return Simd.I16_ADD_SAT_U;
    case 0xde: return Simd.I8_MAX_U;
    case 0xe0: return Simd.I8_AVGR_U;
    case 0xe3: return Simd.I16_AVGR_U;
    case 0xe8: return Simd.I8_SUB_SAT_S;
    case 0xe9: return Simd.I16_SUB_SAT_S;
    case 0xea: return Simd.I16_MIN_S;
    case 0xeb: return Simd.OR;
    case 0xec: return Simd.I8_ADD_SAT_S;
    case 0xed: return Simd.I16_ADD_SAT_S;
    case 0xee: return Simd.I16_MAX_S;
    case 0xef: return Simd.XOR;
    case 0xf5: return Simd.I32_DOT;
    case 0xf8: return Simd.I8_SUB;
    case 0xf9: return Simd.I16_SUB;
    case 0xfa: return Simd.I32_SUB;
    case 0xfb: return Simd.I64_SUB;
    case 0xfc: return Simd.I8_ADD;
    case 0xfd: return Simd.I16_ADD;
    case 0xfe: return Simd.I32_ADD;
    default: return 0;
  }
}
/** The same for map 0F 38. */
function direct38(code: u32): u32 {
  switch (code) {
    case 0x29: return Simd.I64_EQ;
    case 0x2b: return Simd.I16_NARROW_U;
    case 0x37: return Simd.I64_GT_S;
    case 0x38: return Simd.I8_MIN_S;
    case 0x39: return Simd.I32_MIN_S;
    case 0x3a: return Simd.I16_MIN_U;
    case 0x3b: return Simd.I32_MIN_U;
    case 0x3c: return Simd.I8_MAX_S;
    case 0x3d: return Simd.I32_MAX_S;
    case 0x3e: return Simd.I16_MAX_U;
    case 0x3f: return Simd.I32_MAX_U;
    case 0x40: return Simd.I32_MUL;
    default: return 0;
  }
}

// ---- operations on locals A (destination) and B (source): they push the result --------------------

function both(code: u32): void {
  get(V_A);
  get(V_B);
  vector(code);
}
/** PUNPCK of elements of `bytes` bytes. */
function unpack(bytes: u32, high: bool): void {
  let low: u64 = 0;
  let rest: u64 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    const element = i / bytes;
    const from = (high ? 8 : 0) + (element >> 1) * bytes + (i & (bytes - 1)) + ((element & 1) << 4);
    if (i < 8) low |= <u64>from << (i << 3);
    else rest |= <u64>from << ((i - 8) << 3);
  }
  get(V_A);
  get(V_B);
  shuffle8(low, rest);
}
/** Even and odd elements of the concatenation B:A. */
function evenWords(): void { shuffle16(0x0e0c_0a08_0604_0200); }
function oddWords(): void { shuffle16(0x0f0d_0b09_0705_0301); }
/** PMULHW, PMULHUW: high halves of the products. */
function multiplyHigh(low: u32, high: u32): void {
  both(low);
  both(high);
  oddWords();
}
/** PMULUDQ, PMULDQ: products of doublewords 0 and 2. */
function multiplyEven(code: u32): void {
  get(V_A);
  get(V_A);
  shuffle32(0, 2, 0, 2);
  get(V_B);
  get(V_B);
  shuffle32(0, 2, 0, 2);
  vector(code);
}
/** PSADBW. */
function sumOfDistances(): void {
  both(Simd.I8_SUB_SAT_U);
  get(V_B);
  get(V_A);
  vector(Simd.I8_SUB_SAT_U);
  vector(Simd.OR);
  vector(Simd.I16_EXTADD_U);
  vector(Simd.I32_EXTADD_U);
  set(V_C);
  get(V_C);
  i32c(32);
  vector(Simd.I64_SHR_U);
  get(V_C);
  splat64(0xffff_ffff);
  vector(Simd.AND);
  vector(Simd.I64_ADD);
}
/** PMADDUBSW: unsigned bytes of A times signed bytes of B, neighbours added with saturation. */
function multiplyAddBytes(): void {
  get(V_A);
  splat16(0xff);
  vector(Simd.AND);
  get(V_B);
  i32c(8);
  vector(Simd.I16_SHL);
  i32c(8);
  vector(Simd.I16_SHR_S);
  vector(Simd.I16_MUL);
  get(V_A);
  i32c(8);
  vector(Simd.I16_SHR_U);
  get(V_B);
  i32c(8);
  vector(Simd.I16_SHR_S);
  vector(Simd.I16_MUL);
  vector(Simd.I16_ADD_SAT_S);
}
/** PMULHRSW: only -8000h squared leaves the range, and does not saturate. */
function multiplyRound(): void {
  both(Simd.I16_Q15MULR_SAT_S);
  get(V_A);
  splat16(0x8000);
  vector(Simd.I16_EQ);
  get(V_B);
  splat16(0x8000);
  vector(Simd.I16_EQ);
  vector(Simd.AND);
  vector(Simd.XOR);
}
/** PHADD, PHSUB. */
function neighbours(words: bool, code: u32): void {
  get(V_A);
  get(V_B);
  if (words) evenWords();
  else shuffle32(0, 2, 4, 6);
  get(V_A);
  get(V_B);
  if (words) oddWords();
  else shuffle32(1, 3, 5, 7);
  vector(code);
}
/** PSIGN: A, -A or 0 as B is positive, negative or 0. */
function sign(shift: u32, bits: u32, subtract: u32, equal: u32): void {
  get(V_B);
  i32c(bits - 1);
  vector(shift);
  set(V_C);
  get(V_A);
  get(V_C);
  vector(Simd.XOR);
  get(V_C);
  vector(subtract);
  get(V_B);
  zero128();
  vector(equal);
  vector(Simd.ANDNOT);
}

// ---- shifts ---------------------------------------------------------------------------------------

/** Row of a shift by the opcode of its register form: D logical right, E arithmetic right, F left; 1:0 log2 of the element. */
@inline function elementBits(code: u32): u32 { return 8 << (code & 3); }
function shiftCode(code: u32): u32 {
  const row = code >> 4;
  const words: u32 = row == 0xd ? Simd.I16_SHR_U : row == 0xe ? Simd.I16_SHR_S : Simd.I16_SHL;
  // Those of the next element follow 20h later.
  return words + (((code & 3) - 1) << 5);
}
/** Shifts the vector on the stack by a constant count. */
function shiftBy(code: u32, count: u32): void {
  const bits = elementBits(code);
  if (count >= bits) {
    if (code >> 4 != 0xe) {
      // Nothing is left.
      zero128();
      vector(Simd.AND);
      return;
    }
    count = bits - 1;
  }
  i32c(count);
  vector(shiftCode(code));
}
/** Shifts A by the low quadword of B. */
function shiftByVector(code: u32): void {
  const bits = elementBits(code);
  const count = temporary(0, 3);
  get(V_B);
  lane(Simd.I64_EXTRACT, 0);
  set(count);
  get(V_A);
  if (code >> 4 == 0xe) {
    get(count);
    i64c(bits - 1);
    get(count);
    i64c(bits);
    op(Wasm.I64_LT_U);
    op(Wasm.SELECT);
    op(Wasm.I32_WRAP_I64);
    vector(shiftCode(code));
    return;
  }
  get(count);
  op(Wasm.I32_WRAP_I64);
  vector(shiftCode(code));
  // All ones while something is left.
  i64c(0);
  get(count);
  i64c(bits);
  op(Wasm.I64_LT_U);
  op(Wasm.I64_EXTEND_I32_U);
  op(Wasm.I64_SUB);
  vector(Simd.I64_SPLAT);
  vector(Simd.AND);
}
/** Groups 71h-73h: the extension in dst names the row. */
export function shiftGroup(u: usize): void {
  const number = src(u);
  const count = immediate(u);
  const extension = dst(u);
  getXmm(number);
  if (extension == 3 || extension == 7) shiftBytes(count, extension == 7);
  else shiftBy((extension == 2 ? 0xd0 : extension == 4 ? 0xe0 : 0xf0) | (opcode(u) & 3), count);
  setXmm(number);
}
/** PSRLDQ, PSLLDQ of the vector on the stack. */
function shiftBytes(count: u32, left: bool): void {
  if (count > 16) count = 16;
  if (left) {
    set(V_A);
    zero128();
    get(V_A);
    window(16 - count);
  } else {
    zero128();
    window(count);
  }
}

// ---- by opcode ------------------------------------------------------------------------------------

function compose0f(code: u32): void {
  switch (code) {
    case 0x60: return unpack(1, false);
    case 0x61: return unpack(2, false);
    case 0x62: return unpack(4, false);
    case 0x68: return unpack(1, true);
    case 0x69: return unpack(2, true);
    case 0x6a: return unpack(4, true);
    case 0x6c: return unpack(8, false);
    case 0x6d: return unpack(8, true);
    case 0xdf:
      // PANDN negates the destination.
      get(V_B);
      get(V_A);
      return vector(Simd.ANDNOT);
    case 0xe4: return multiplyHigh(Simd.I32_EXTMUL_LOW_U, Simd.I32_EXTMUL_HIGH_U);
    case 0xe5: return multiplyHigh(Simd.I32_EXTMUL_LOW_S, Simd.I32_EXTMUL_HIGH_S);
    case 0xf4: return multiplyEven(Simd.I64_EXTMUL_LOW_U);
    case 0xf6: return sumOfDistances();
    default: return shiftByVector(code);
  }
}
function compose38(code: u32): void {
  switch (code) {
    case 0x00:
      // PSHUFB: bit 7 of an index gives zero, bits 6:4 do not count; WebAssembly gives zero from 16 on.
      get(V_A);
      get(V_B);
      splat8(0x8f);
      vector(Simd.AND);
      return vector(Simd.I8_SWIZZLE);
    case 0x01: return neighbours(true, Simd.I16_ADD);
    case 0x02: return neighbours(false, Simd.I32_ADD);
    case 0x03: return neighbours(true, Simd.I16_ADD_SAT_S);
    case 0x04: return multiplyAddBytes();
    case 0x05: return neighbours(true, Simd.I16_SUB);
    case 0x06: return neighbours(false, Simd.I32_SUB);
    case 0x07: return neighbours(true, Simd.I16_SUB_SAT_S);
    case 0x08: return sign(Simd.I8_SHR_S, 8, Simd.I8_SUB, Simd.I8_EQ);
    case 0x09: return sign(Simd.I16_SHR_S, 16, Simd.I16_SUB, Simd.I16_EQ);
    case 0x0a: return sign(Simd.I32_SHR_S, 32, Simd.I32_SUB, Simd.I32_EQ);
    case 0x0b: return multiplyRound();
    case 0x1c:
    case 0x1d:
    case 0x1e:
      // PABS: those of the next element follow 20h later.
      get(V_B);
      return vector(Simd.I8_ABS + ((code - 0x1c) << 5));
    default: return multiplyEven(Simd.I64_EXTMUL_LOW_S);
  }
}
/** Map 0F 38 with 66 has the opcode here. */
export function isPacked38(code: u32): bool {
  return code <= 0x0b || (code >= 0x1c && code <= 0x1e) || code == 0x28 || direct38(code) != 0;
}

/** What a register with itself gives, whatever it holds: 0, all ones, or nothing known. */
function fixed0f(code: u32): i32 {
  switch (code) {
    case 0xdf: case 0xef: case 0xf8: case 0xf9: case 0xfa: case 0xfb: return 0;
    case 0x74: case 0x75: case 0x76: return 1;
    default: return -1;
  }
}

function operate(u: usize, direct: u32, map38: bool): void {
  takeSource(u, 16, V_B);
  getXmm(dst(u));
  if (direct != 0) {
    get(V_B);
    vector(direct);
  } else {
    set(V_A);
    if (map38) compose38(opcode(u));
    else compose0f(opcode(u));
  }
  setXmm(dst(u));
}
export function packed0f(u: usize): void {
  const code = opcode(u);
  const fixed = !isMemory(u) && src(u) == dst(u) ? fixed0f(code) : -1;
  if (fixed >= 0) {
    splat64(fixed == 0 ? 0 : <u64>-1);
    setXmm(dst(u));
  } else operate(u, direct0f(code), false);
}
export function packed38(u: usize): void {
  operate(u, direct38(opcode(u)), true);
}

// ---- shuffles by an immediate ---------------------------------------------------------------------

/** PSHUFD. */
export function shuffleDoublewords(u: usize): void {
  const c = immediate(u);
  takeSource(u, 16, V_B);
  get(V_B);
  get(V_B);
  shuffle32(c & 3, (c >> 2) & 3, (c >> 4) & 3, c >> 6);
  setXmm(dst(u));
}
/** PSHUFLW, PSHUFHW. */
export function shuffleWords(u: usize, high: bool): void {
  const c = immediate(u);
  let chosen: u64 = 0;
  for (let i: u32 = 0; i < 4; i++) chosen |= <u64>(((c >> (i << 1)) & 3) + (high ? 4 : 0)) << (i << 3);
  takeSource(u, 16, V_B);
  get(V_B);
  get(V_B);
  shuffle16(high ? (chosen << 32) | 0x0302_0100 : chosen | 0x0706_0504_0000_0000);
  setXmm(dst(u));
}
/** SHUFPS: two elements of the destination, two of the source. */
export function shuffleSingles(u: usize): void {
  const c = immediate(u);
  takeSource(u, 16, V_B);
  getXmm(dst(u));
  get(V_B);
  shuffle32(c & 3, (c >> 2) & 3, 4 + ((c >> 4) & 3), 4 + (c >> 6));
  setXmm(dst(u));
}
/** SHUFPD. */
export function shuffleDoubles(u: usize): void {
  const low = (immediate(u) & 1) << 1;
  const high = 4 + (immediate(u) & 2);
  takeSource(u, 16, V_B);
  getXmm(dst(u));
  get(V_B);
  shuffle32(low, low + 1, high, high + 1);
  setXmm(dst(u));
}
/** MOVDDUP, MOVSLDUP, MOVSHDUP by doubleword indices. */
export function duplicate(u: usize, bytes: u32, a: u32, b: u32, c: u32, d: u32): void {
  takeSource(u, bytes, V_B);
  get(V_B);
  get(V_B);
  shuffle32(a, b, c, d);
  setXmm(dst(u));
}
/** PALIGNR. */
export function alignRight(u: usize): void {
  const count = immediate(u);
  takeSource(u, 16, V_B);
  if (count < 16) {
    get(V_B);
    getXmm(dst(u));
    window(count);
  } else if (count < 32) {
    getXmm(dst(u));
    zero128();
    window(count - 16);
  } else zero128();
  setXmm(dst(u));
}

// ---- blends, extensions ---------------------------------------------------------------------------

/** BLENDPS, BLENDPD, PBLENDW. */
export function blend(u: usize, bytes: u32): void {
  const c = immediate(u);
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u32 = 0; i < 16; i++) {
    const index = <u64>(i + (((c >> (i / bytes)) & 1) << 4));
    if (i < 8) low |= index << (i << 3);
    else high |= index << ((i - 8) << 3);
  }
  takeSource(u, 16, V_B);
  getXmm(dst(u));
  get(V_B);
  shuffle8(low, high);
  setXmm(dst(u));
}
/** PBLENDVB, BLENDVPS, BLENDVPD: the sign bits of XMM0 choose. */
export function blendVariable(u: usize, shift: u32, bits: u32): void {
  takeSource(u, 16, V_B);
  get(V_B);
  getXmm(dst(u));
  getXmm(0);
  i32c(bits - 1);
  vector(shift);
  vector(Simd.BITSELECT);
  setXmm(dst(u));
}

/** Bytes of memory that PMOVSX and PMOVZX read. */
function extendedBytes(form: u32): u32 { return form == 2 ? 2 : form == 1 || form == 4 ? 4 : 8; }
/** PMOVSX (20h-25h) and PMOVZX (30h-35h): BW BD BQ WD WQ DQ, a doubling per step. Words of memory for BQ are tier 0's. */
export function extend(u: usize): void {
  const code = opcode(u);
  const form = code & 15;
  const unsigned: u32 = code >= 0x30 ? 2 : 0;
  const bytes = extendedBytes(form);
  pushSource(u, bytes, false);
  const first: u32 = form <= 2 ? 0 : form <= 4 ? 1 : 2;
  const last: u32 = form == 0 ? 0 : form == 1 || form == 3 ? 1 : 2;
  for (let step = first; step <= last; step++) {
    vector((step == 0 ? Simd.I16_EXTEND_LOW_S : step == 1 ? Simd.I32_EXTEND_LOW_S : Simd.I64_EXTEND_LOW_S) + unsigned);
  }
  setXmm(dst(u));
}
