// Vectors on WebAssembly's stack: constants, shuffles, lanes, and the operands of SSE instructions. A region keeps XMM
// registers in locals (locals.ts); here they meet memory and general registers.

import { Ea, uopDst, uopEa, uopImm, uopSrc } from "../../decode/uop";
import { Simd } from "../simd";
import { byte, set, vector, vectorMemory } from "../wasm";
import { getRegister, getXmm } from "./locals";
import { hostOffset, loadHost, openBytes, openMemory, pushHost } from "./memory";

@inline export function isMemory(u: usize): bool { return uopEa(u) != Ea.REGISTER; }
// Register numbers.
@inline export function dst(u: usize): u32 { return <u32>uopDst(u); }
@inline export function src(u: usize): u32 { return <u32>uopSrc(u); }
@inline export function immediate(u: usize): u32 { return <u32>uopImm(u) & 0xff; }
@inline export function opcode(u: usize): u32 { return (<u32>uopImm(u) >> 8) & 0xff; }
/** Mandatory prefix << 8 | opcode. */
@inline export function selector(u: usize): u32 { return (<u32>uopImm(u) >> 8) & 0x3ff; }

// ---- constants ------------------------------------------------------------------------------------

/** A vector of two quadwords. */
export function constant128(low: u64, high: u64): void {
  vector(Simd.CONST);
  bytesOf(low, 0xff);
  bytesOf(high, 0xff);
}
function bytesOf(value: u64, mask: u32): void {
  for (let i: u64 = 0; i < 64; i += 8) byte(<u32>(value >> i) & mask);
}
@inline export function zero128(): void { constant128(0, 0); }
@inline export function splat64(value: u64): void { constant128(value, value); }
@inline export function splat32(value: u32): void { splat64(<u64>value * 0x1_0000_0001); }
@inline export function splat16(value: u32): void { splat64(<u64>(value & 0xffff) * 0x0001_0001_0001_0001); }
@inline export function splat8(value: u32): void { splat64(<u64>(value & 0xff) * 0x0101_0101_0101_0101); }

// ---- shuffles and lanes ---------------------------------------------------------------------------

/** Shuffles the two vectors on the stack by byte indices, the lowest first: 0-15 name the first vector, 16-31 the second. */
export function shuffle8(low: u64, high: u64): void {
  vector(Simd.SHUFFLE);
  bytesOf(low, 0x1f);
  bytesOf(high, 0x1f);
}
/** The same by word indices, a byte each. */
export function shuffle16(words: u64): void {
  vector(Simd.SHUFFLE);
  for (let i: u64 = 0; i < 64; i += 8) {
    const first = (<u32>(words >> i) & 15) << 1;
    byte(first);
    byte(first + 1);
  }
}
/** The same by doubleword indices. */
export function shuffle32(a: u32, b: u32, c: u32, d: u32): void {
  shuffle8(doublewordBytes(a) | (doublewordBytes(b) << 32), doublewordBytes(c) | (doublewordBytes(d) << 32));
}
@inline function doublewordBytes(index: u32): u64 { return <u64>(0x0302_0100 + index * 0x0404_0404); }
/** Bytes `first` to `first` + 15 of the two vectors on the stack. */
export function window(first: u32): void {
  vector(Simd.SHUFFLE);
  for (let i: u32 = 0; i < 16; i++) byte(first + i);
}
/** An instruction with a lane number. */
export function lane(code: u32, index: u32): void {
  vector(code);
  byte(index);
}

// ---- operands -------------------------------------------------------------------------------------

/** Pushes `bytes` bytes that were opened, zero-extended. */
export function loadVector(bytes: u32): void {
  pushHost();
  vectorMemory(bytes == 16 ? Simd.LOAD : bytes == 8 ? Simd.LOAD64_ZERO : Simd.LOAD32_ZERO, hostOffset);
}
/** Pushes the source, an XMM register or memory. */
export function pushSource(u: usize, bytes: u32, aligned: bool): void {
  if (!isMemory(u)) return getXmm(src(u));
  openBytes(u, bytes, false, aligned);
  loadVector(bytes);
}
/** Puts the source into a local. */
export function takeSource(u: usize, bytes: u32, local: u32): void {
  pushSource(u, bytes, bytes == 16);
  set(local);
}
/** Pushes a general register or memory, as a value of a size (log2). */
export function pushGeneral(u: usize, size: u32): void {
  if (isMemory(u)) {
    openMemory(u, size, false);
    loadHost(size);
  } else getRegister(src(u) << 3, size);
}
/** Stores one lane of `bytes` bytes of a register where memory was opened. */
export function storeLane(number: u32, bytes: u32, index: u32): void {
  pushHost();
  getXmm(number);
  vectorMemory(bytes == 8 ? Simd.STORE64_LANE : bytes == 4 ? Simd.STORE32_LANE : bytes == 2 ? Simd.STORE16_LANE : Simd.STORE8_LANE, hostOffset);
  byte(index);
}
