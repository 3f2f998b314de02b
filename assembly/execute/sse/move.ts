// Moves of XMM registers (SDM vol. 2, MOVAPS, MOVUPS, MOVDQA, MOVDQU, MOVQ, MOVD, MOVSS, MOVSD, MOVLPS ...). What
// memory gives is zero-extended by MOVQ, MOVD, MOVSS and MOVSD; between registers MOVSS and MOVSD merge. Non-temporal
// stores and loads are ordinary ones here: caching is not modelled.

import { uopDst, uopSize, uopSrc } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { isMemory } from "../operand";
import {
  general,
  immediate,
  source128,
  source128u,
  source32,
  source64,
  sourceGeneral,
  store128,
  store16,
  store32,
  store64,
  store8,
  xmm,
  xmmDst,
} from "./operand";

// ---- whole registers ------------------------------------------------------------------------------

/** MOVAPS, MOVAPD, MOVDQA, MOVNTDQA. */
export function loadAligned(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  v128.store(xmmDst(u), v128.load(source));
  return Status.NEXT;
}
/** MOVUPS, MOVUPD, MOVDQU, LDDQU. */
export function loadUnaligned(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  v128.store(xmmDst(u), v128.load(source));
  return Status.NEXT;
}
/** MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ. */
export function storeAligned(u: usize): i32 {
  return store128(u, xmmDst(u), true) ? Status.NEXT : Status.FAULT;
}
/** MOVUPS, MOVUPD, MOVDQU. */
export function storeUnaligned(u: usize): i32 {
  return store128(u, xmmDst(u), false) ? Status.NEXT : Status.FAULT;
}

// ---- scalars and halves ---------------------------------------------------------------------------

/** MOVQ xmm, xmm/m64. */
export function loadQuadword(u: usize): i32 {
  const source = source64(u);
  if (source == 0) return Status.FAULT;
  v128.store(xmmDst(u), v128.load64_zero(source));
  return Status.NEXT;
}
/** MOVQ xmm/m64, xmm. */
export function storeQuadword(u: usize): i32 {
  if (!isMemory(u)) {
    v128.store(xmm(uopSrc(u)), v128.load64_zero(xmmDst(u)));
    return Status.NEXT;
  }
  return store64(u, load<u64>(xmmDst(u))) ? Status.NEXT : Status.FAULT;
}
/** MOVD, MOVQ xmm, r/m. */
export function fromGeneral(u: usize): i32 {
  if (uopSize(u) == 3) {
    const source = sourceGeneral<u64>(u);
    if (source == 0) return Status.FAULT;
    v128.store(xmmDst(u), v128.load64_zero(source));
  } else {
    const source = sourceGeneral<u32>(u);
    if (source == 0) return Status.FAULT;
    v128.store(xmmDst(u), v128.load32_zero(source));
  }
  return Status.NEXT;
}
/** MOVD, MOVQ r/m from the register at the address `from`; 32 bits clear the upper half of a general register. */
export function toGeneral(u: usize, from: usize): i32 {
  const wide = uopSize(u) == 3;
  if (isMemory(u)) {
    const done = wide ? store64(u, load<u64>(from)) : store32(u, load<u32>(from));
    return done ? Status.NEXT : Status.FAULT;
  }
  store<u64>(general(uopSrc(u)), wide ? load<u64>(from) : <u64>load<u32>(from));
  return Status.NEXT;
}
/** MOVNTI. */
export function storeGeneral(u: usize): i32 {
  const from = general(uopDst(u));
  const done = uopSize(u) == 3 ? store64(u, load<u64>(from)) : store32(u, load<u32>(from));
  return done ? Status.NEXT : Status.FAULT;
}

export function loadSingle(u: usize): i32 {
  const source = source32(u);
  if (source == 0) return Status.FAULT;
  if (isMemory(u)) v128.store(xmmDst(u), v128.load32_zero(source));
  else store<u32>(xmmDst(u), load<u32>(source));
  return Status.NEXT;
}
export function storeSingle(u: usize): i32 {
  const value = load<u32>(xmmDst(u));
  if (isMemory(u)) return store32(u, value) ? Status.NEXT : Status.FAULT;
  store<u32>(xmm(uopSrc(u)), value);
  return Status.NEXT;
}
export function loadDouble(u: usize): i32 {
  const source = source64(u);
  if (source == 0) return Status.FAULT;
  if (isMemory(u)) v128.store(xmmDst(u), v128.load64_zero(source));
  else store<u64>(xmmDst(u), load<u64>(source));
  return Status.NEXT;
}
export function storeDouble(u: usize): i32 {
  const value = load<u64>(xmmDst(u));
  if (isMemory(u)) return store64(u, value) ? Status.NEXT : Status.FAULT;
  store<u64>(xmm(uopSrc(u)), value);
  return Status.NEXT;
}

/** MOVLPS, MOVLPD, and MOVHLPS between registers. */
export function loadLow(u: usize): i32 {
  const source = source64(u);
  if (source == 0) return Status.FAULT;
  store<u64>(xmmDst(u), load<u64>(isMemory(u) ? source : source + 8));
  return Status.NEXT;
}
export function storeLow(u: usize): i32 {
  return store64(u, load<u64>(xmmDst(u))) ? Status.NEXT : Status.FAULT;
}
/** MOVHPS, MOVHPD, and MOVLHPS between registers. */
export function loadHigh(u: usize): i32 {
  const source = source64(u);
  if (source == 0) return Status.FAULT;
  store<u64>(xmmDst(u), load<u64>(source), 8);
  return Status.NEXT;
}
export function storeHigh(u: usize): i32 {
  return store64(u, load<u64>(xmmDst(u), 8)) ? Status.NEXT : Status.FAULT;
}

// ---- duplication ----------------------------------------------------------------------------------

/** MOVDDUP. */
export function duplicateDouble(u: usize): i32 {
  const source = source64(u);
  if (source == 0) return Status.FAULT;
  v128.store(xmmDst(u), v128.load64_splat(source));
  return Status.NEXT;
}
/** MOVSLDUP. */
export function duplicateEven(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const a = v128.load(source);
  v128.store(xmmDst(u), v128.shuffle<i32>(a, a, 0, 0, 2, 2));
  return Status.NEXT;
}
/** MOVSHDUP. */
export function duplicateOdd(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const a = v128.load(source);
  v128.store(xmmDst(u), v128.shuffle<i32>(a, a, 1, 1, 3, 3));
  return Status.NEXT;
}

// ---- masks of sign bits ---------------------------------------------------------------------------

@inline function setGeneral(u: usize, value: i32): i32 {
  store<u64>(general(uopDst(u)), <u64>(<u32>value));
  return Status.NEXT;
}
export function moveMaskSingle(u: usize): i32 { return setGeneral(u, i32x4.bitmask(v128.load(xmm(uopSrc(u))))); }
export function moveMaskDouble(u: usize): i32 { return setGeneral(u, i64x2.bitmask(v128.load(xmm(uopSrc(u))))); }
export function moveMaskBytes(u: usize): i32 { return setGeneral(u, i8x16.bitmask(v128.load(xmm(uopSrc(u))))); }

// ---- elements -------------------------------------------------------------------------------------

/** PINSRB, PINSRW, PINSRD, PINSRQ. */
function insert<T>(u: usize): i32 {
  const source = sourceGeneral<T>(u);
  if (source == 0) return Status.FAULT;
  const lane = immediate(u) & (16 / sizeof<T>() - 1);
  store<T>(xmmDst(u) + lane * sizeof<T>(), load<T>(source));
  return Status.NEXT;
}
export function insertByte(u: usize): i32 { return insert<u8>(u); }
export function insertWord(u: usize): i32 { return insert<u16>(u); }
export function insertDoubleword(u: usize): i32 { return uopSize(u) == 3 ? insert<u64>(u) : insert<u32>(u); }

/** Element of type T of ModRM.reg. */
@inline function element<T>(u: usize): usize {
  return xmmDst(u) + (immediate(u) & (16 / sizeof<T>() - 1)) * sizeof<T>();
}
/** PEXTRB: a general register takes the byte zero-extended. */
export function extractByte(u: usize): i32 {
  const value = load<u8>(element<u8>(u));
  if (isMemory(u)) return store8(u, value) ? Status.NEXT : Status.FAULT;
  store<u64>(general(uopSrc(u)), <u64>value);
  return Status.NEXT;
}
/** PEXTRW of SSE4.1. */
export function extractWord(u: usize): i32 {
  const value = load<u16>(element<u16>(u));
  if (isMemory(u)) return store16(u, value) ? Status.NEXT : Status.FAULT;
  store<u64>(general(uopSrc(u)), <u64>value);
  return Status.NEXT;
}
/** PEXTRD, PEXTRQ. */
export function extractDoubleword(u: usize): i32 {
  return toGeneral(u, uopSize(u) == 3 ? element<u64>(u) : element<u32>(u));
}
/** EXTRACTPS: 32 bits whatever REX.W says. */
export function extractSingle(u: usize): i32 {
  const value = load<u32>(element<u32>(u));
  if (isMemory(u)) return store32(u, value) ? Status.NEXT : Status.FAULT;
  store<u64>(general(uopSrc(u)), <u64>value);
  return Status.NEXT;
}
/** PEXTRW of SSE2: the register forms are the other way round. */
export function extractWordToReg(u: usize): i32 {
  const lane = immediate(u) & 7;
  return setGeneral(u, load<u16>(xmm(uopSrc(u)) + (lane << 1)));
}
