// Effective and linear addresses: the part of an operand that the micro-op's Ea.SEG* forms leave to run
// time (SDM vol. 3, 5.3 limit checking, 3.3.7.1 canonical form; vol. 1, 3.3.4-3.3.5 address wrap).
//
// A violation raises #GP(0) or #SS(0) and gives BAD_LINEAR, which no lookup table ever holds, so that
// the access that follows takes its slow path and finds the fault there.

import { GPR, MODE, SYSTEM_FLAGS } from "../layout";
import { MODE_CODE, MODE_CODE64, MODE_FLAT } from "../decode/mode";
import { RIP_MARKER } from "../decode/modrm";
import { Ea, UOP_BASE, UOP_DISP, UOP_IMM, UOP_INDEX, UOP_SCALE, uopEa, uopSeg } from "../decode/uop";
import { isCanonical } from "../mmu/tables";
import { CR0_PE } from "../x86/control";
import { VM } from "../x86/flags";
import { ATTR_DB, ATTR_UNUSABLE, DS, ES, SS, TYPE_CODE, TYPE_DC, TYPE_RW } from "../x86/segment";
import { raiseGP, raiseSegment } from "./fault";
import { cr0, nextRip, segAttributes, segEffective, segLimit } from "./state";

/** A non-canonical address: what address functions return after raising. */
export const BAD_LINEAR: u64 = 0x8000_0000_0000_0000;

@inline function in64BitCode(): bool {
  return (load<u32>(MODE) & MODE_CODE) == MODE_CODE64;
}

/** Offset within the segment of the operand of `u`, wrapped to its address size. */
export function effectiveAddress(u: usize): u64 {
  const ea = uopEa(u);
  if (ea == Ea.MOFFS64) return <u64>load<i64>(u, UOP_IMM);
  const scale = load<u8>(u, UOP_SCALE);
  let address = <u64>(<i64>load<i32>(u, UOP_DISP));
  if (ea == Ea.RIP64 || scale == RIP_MARKER) address += nextRip(u);
  else {
    address +=
      load<u64>(<usize>load<u8>(u, UOP_BASE), GPR) + (load<u64>(<usize>load<u8>(u, UOP_INDEX), GPR) << <u64>scale);
  }
  if (ea == Ea.SEG16) return address & 0xffff;
  if (ea == Ea.FLAT32 || ea == Ea.SEG32 || ea == Ea.SEG32_IN64) return address & 0xffff_ffff;
  return address;
}

/**
 * Linear address of `size` bytes at `offset` in a segment, or BAD_LINEAR after raising. `write` asks for
 * a writable segment. In 64-bit mode only the canonical form counts.
 */
export function segmentAddress(seg: u32, offset: u64, size: u32, write: bool): u64 {
  if (in64BitCode()) {
    const linear = offset + segEffective(seg);
    if (!isCanonical(linear) || !isCanonical(linear + size - 1)) {
      raiseSegment(seg);
      return BAD_LINEAR;
    }
    return linear;
  }
  const attributes = segAttributes(seg);
  const protectedMode = (cr0() & CR0_PE) != 0 && (load<u32>(SYSTEM_FLAGS) & VM) == 0;
  if (protectedMode) {
    if ((attributes & ATTR_UNUSABLE) != 0) {
      raiseGP(0);
      return BAD_LINEAR;
    }
    // Code segments are never writable and need the R bit to be read; data segments need W to be written.
    if (write ? (attributes & (TYPE_CODE | TYPE_RW)) != TYPE_RW : (attributes & (TYPE_CODE | TYPE_RW)) == TYPE_CODE) {
      raiseSegment(seg);
      return BAD_LINEAR;
    }
  }
  const first = <u32>offset;
  const last = first + size - 1;
  const limit = segLimit(seg);
  if ((attributes & (TYPE_CODE | TYPE_DC)) == TYPE_DC && protectedMode) {
    // Expand-down: valid from limit + 1 to the top (64 KiB or 4 GiB by the B bit).
    const top: u32 = (attributes & ATTR_DB) != 0 ? 0xffff_ffff : 0xffff;
    if (first <= limit || last > top || last < first) {
      raiseSegment(seg);
      return BAD_LINEAR;
    }
  } else if (last > limit || last < first) {
    raiseSegment(seg);
    return BAD_LINEAR;
  }
  return (offset + segEffective(seg)) & 0xffff_ffff;
}

const FLAT_SEGMENTS: u32 = (1 << ES) | (1 << SS) | (1 << DS);
/**
 * The same, without a call where the mode word says that the segment needs no check. An operand that runs
 * over 4 GiB or out of canonical form is then found by the access, which never hits the lookup tables.
 */
@inline export function dataAddress(seg: u32, offset: u64, size: u32, write: bool): u64 {
  if ((load<u32>(MODE) & MODE_FLAT) != 0 && ((FLAT_SEGMENTS >> seg) & 1) != 0) return offset;
  return segmentAddress(seg, offset, size, write);
}

/** Linear address of the memory operand of `u`, `size` bytes long, for reading. */
export function linear(u: usize, size: u32): u64 {
  return operandAddress(u, effectiveAddress(u), size, false);
}
/** The same for an operand that will be written. */
export function linearForWrite(u: usize, size: u32): u64 {
  return operandAddress(u, effectiveAddress(u), size, true);
}
/** The same for an operand of type T, without a call where it is a plain sum of registers. */
@inline export function operand<T>(u: usize, write: bool): u64 {
  const form = uopEa(u);
  if (form > <u32>Ea.FLAT32) return write ? linearForWrite(u, sizeof<T>()) : linear(u, sizeof<T>());
  const address =
    load<u64>(<usize>load<u8>(u, UOP_BASE), GPR) +
    (load<u64>(<usize>load<u8>(u, UOP_INDEX), GPR) << <u64>load<u8>(u, UOP_SCALE)) +
    <u64>(<i64>load<i32>(u, UOP_DISP));
  return form == Ea.FLAT64 ? address : address & 0xffff_ffff;
}
/** Operand address moved by a byte offset before it wraps (bit strings). */
export function linearWithOffset(u: usize, byteOffset: i64, size: u32, write: bool): u64 {
  const ea = uopEa(u);
  let offset = effectiveAddress(u) + <u64>byteOffset;
  if (ea == Ea.SEG16) offset &= 0xffff;
  else if (ea == Ea.FLAT32 || ea == Ea.SEG32 || ea == Ea.SEG32_IN64) offset &= 0xffff_ffff;
  return operandAddress(u, offset, size, write);
}
@inline function operandAddress(u: usize, offset: u64, size: u32, write: bool): u64 {
  const ea = uopEa(u);
  if (ea <= <u32>Ea.RIP64) return offset;
  if (ea == Ea.BASE64 || ea == Ea.MOFFS64) return offset + segEffective(uopSeg(u));
  return segmentAddress(uopSeg(u), offset, size, write);
}
