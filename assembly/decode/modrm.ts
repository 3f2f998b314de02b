// ModRM, SIB and displacement (SDM vol. 2, 2.1.3-2.1.5, 2.2.1): writes the operand fields of a micro-op.
//
//   ModRM: 7:6 mod | 5:3 reg | 2:0 rm        SIB: 7:6 scale | 5:3 index | 2:0 base

import { DS, ES, FS, SS } from "../x86/segment";
import {
  addressSize,
  byte,
  code64,
  mode,
  rex,
  segment,
  signed16,
  signed32,
  signed8,
} from "./cursor";
import { MODE_FLAT } from "./mode";
import {
  Ea,
  UOP_BASE,
  UOP_DISP,
  UOP_EA,
  UOP_INDEX,
  UOP_SCALE,
  UOP_SEG,
  ZERO_OFFSET,
} from "./uop";

export let mod: u32 = 0;
/** modrm.reg with REX.R, modrm.rm with REX.B. */
export let reg: u32 = 0;
export let rm: u32 = 0;
/** modrm.reg alone: opcode extension. */
export let extension: u32 = 0;
@inline export function isRegister(): bool { return mod == 3; }

/** Scale value that marks an operand relative to the instruction pointer where `ea` alone does not say so. */
export const RIP_MARKER: u32 = 0x80;

/** Byte offset of a general register at an operand size (8-bit: AH CH DH BH without REX). */
export function gpr(number: u32, size: u32): u32 {
  if (size == 0 && rex == 0 && number >= 4 && number < 8) return ((number - 4) << 3) | 1;
  return number << 3;
}

/** Reads ModRM and, for a memory operand, SIB and displacement; writes the address fields of `u`. */
export function modrm(u: usize): void {
  const b = byte();
  mod = b >> 6;
  extension = (b >> 3) & 7;
  reg = extension | ((rex & 4) << 1);
  rm = (b & 7) | ((rex & 1) << 3);
  if (mod == 3) {
    store<u8>(u, Ea.REGISTER, UOP_EA);
    return;
  }
  if (addressSize == 1) address16(u, b & 7);
  else address32(u, b & 7);
}

/** Reads a ModRM whose mod field does not count: both operands are registers. */
export function readRegisters(): void {
  const b = byte();
  mod = 3;
  extension = (b >> 3) & 7;
  reg = extension | ((rex & 4) << 1);
  rm = (b & 7) | ((rex & 1) << 3);
}

/** Chooses the address form from address size, segment and mode. */
export function setSegmentForm(u: usize, defaultSegment: u32): void {
  const s: u32 = segment >= 0 ? <u32>segment : defaultSegment;
  store<u8>(u, s, UOP_SEG);
  let form: u32;
  if (code64) {
    if (addressSize == 3) form = s >= FS ? Ea.BASE64 : Ea.FLAT64;
    else form = s >= FS ? Ea.SEG32_IN64 : Ea.FLAT32;
  } else if (addressSize == 1) form = Ea.SEG16;
  else form = (mode & MODE_FLAT) != 0 && (s == DS || s == SS || s == ES) ? Ea.FLAT32 : Ea.SEG32;
  store<u8>(u, form, UOP_EA);
}

function address16(u: usize, low: u32): void {
  let base: u32 = ZERO_OFFSET;
  let index: u32 = ZERO_OFFSET;
  let seg: u32 = DS;
  let disp: i64 = 0;
  switch (low) {
    case 0: base = 3 << 3; index = 6 << 3; break;
    case 1: base = 3 << 3; index = 7 << 3; break;
    case 2: base = 5 << 3; index = 6 << 3; seg = SS; break;
    case 3: base = 5 << 3; index = 7 << 3; seg = SS; break;
    case 4: base = 6 << 3; break;
    case 5: base = 7 << 3; break;
    case 6: if (mod != 0) { base = 5 << 3; seg = SS; } break;
    default: base = 3 << 3; break;
  }
  if (mod == 1) disp = signed8();
  else if (mod == 2 || (mod == 0 && low == 6)) disp = signed16();
  store<u8>(u, base, UOP_BASE);
  store<u8>(u, index, UOP_INDEX);
  store<u8>(u, 0, UOP_SCALE);
  store<i32>(u, <i32>disp, UOP_DISP);
  setSegmentForm(u, seg);
}

function address32(u: usize, low: u32): void {
  let base: u32 = ZERO_OFFSET;
  let index: u32 = ZERO_OFFSET;
  let scale: u32 = 0;
  let seg: u32 = DS;
  let disp: i64 = 0;
  let relative = false;
  if (low == 4) {
    const sib = byte();
    scale = sib >> 6;
    const i = ((sib >> 3) & 7) | ((rex & 2) << 2);
    if (i != 4) index = i << 3;
    else scale = 0;
    const bLow = sib & 7;
    if (bLow == 5 && mod == 0) disp = signed32();
    else {
      base = (bLow | ((rex & 1) << 3)) << 3;
      if (base == 4 << 3 || base == 5 << 3) seg = SS;
    }
  } else if (low == 5 && mod == 0) {
    disp = signed32();
    relative = code64;
  } else {
    base = rm << 3;
    if (base == 5 << 3) seg = SS;
  }
  if (mod == 1) disp = signed8();
  else if (mod == 2) disp = signed32();
  store<u8>(u, base, UOP_BASE);
  store<u8>(u, index, UOP_INDEX);
  store<u8>(u, scale, UOP_SCALE);
  store<i32>(u, <i32>disp, UOP_DISP);
  setSegmentForm(u, seg);
  if (relative) {
    const form = load<u8>(u, UOP_EA);
    if (form == Ea.FLAT64) store<u8>(u, Ea.RIP64, UOP_EA);
    else {
      if (form == Ea.FLAT32) store<u8>(u, Ea.SEG32_IN64, UOP_EA);
      store<u8>(u, RIP_MARKER, UOP_SCALE);
    }
  }
}
