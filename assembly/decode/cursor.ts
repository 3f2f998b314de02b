// The bytes being decoded and what the prefixes said: module-level variables (WebAssembly globals), valid
// during one decode. Legacy prefixes and REX: SDM vol. 2, 2.1-2.2; 15-byte limit: 2.3.11.

import { MODE_CODE, MODE_CODE16, MODE_CODE64 } from "./mode";

/** How a decode ended. */
export const enum Outcome {
  OK = 0,
  /** The bytes at hand end before the instruction does. */
  SHORT = 1,
  /** #UD. */
  INVALID = 2,
  /** More than 15 bytes: #GP(0). */
  TOO_LONG = 3,
}
export const LENGTH_MAX: usize = 15;

/** First byte, next byte, end of the bytes at hand. */
export let start: usize = 0;
export let at: usize = 0;
let end: usize = 0;
export let outcome: i32 = 0;

export let mode: u32 = 0;
/** The code is 64-bit. */
export let code64: bool = false;
/** log2 of operand and address size in bytes. */
export let operandSize: u32 = 0;
export let addressSize: u32 = 0;
/** REX byte, 0 if absent. */
export let rex: u32 = 0;
/** Segment override 0-5, or -1. */
export let segment: i32 = -1;
/** 66h seen. */
export let prefix66: bool = false;
/** 0, 2 (F2h) or 3 (F3h): the last one counts. */
export let repeat: u32 = 0;
export let lock: bool = false;
/** An instruction used the lock prefix legally. */
export let lockUsed: bool = false;

export function fail(why: i32): void {
  if (outcome == Outcome.OK) outcome = why;
}
@inline export function invalid(): void { fail(Outcome.INVALID); }
export function allowLock(): void { lockUsed = true; }
export function setOperandSize(size: u32): void { operandSize = size; }
export function setRex(value: u32): void { rex = value; }

function need(n: usize): bool {
  if (at + n > end) {
    fail(at + n > start + LENGTH_MAX && end == start + LENGTH_MAX ? Outcome.TOO_LONG : Outcome.SHORT);
    return false;
  }
  return true;
}
export function byte(): u32 {
  if (!need(1)) return 0;
  const v = <u32>load<u8>(at);
  at += 1;
  return v;
}
/** Next byte without consuming it. */
export function peek(): u32 { return need(1) ? <u32>load<u8>(at) : 0; }
export function signed8(): i64 {
  if (!need(1)) return 0;
  const v = <i64>load<i8>(at);
  at += 1;
  return v;
}
export function signed16(): i64 {
  if (!need(2)) return 0;
  const v = <i64>load<i16>(at);
  at += 2;
  return v;
}
export function signed32(): i64 {
  if (!need(4)) return 0;
  const v = <i64>load<i32>(at);
  at += 4;
  return v;
}
export function signed64(): i64 {
  if (!need(8)) return 0;
  const v = load<i64>(at);
  at += 8;
  return v;
}
/** Immediate of the operand size; 64-bit operands take a sign-extended 32-bit one. */
export function immediate(size: u32): i64 {
  if (size == 0) return signed8();
  if (size == 1) return signed16();
  return signed32();
}

/** Begins an instruction of at most `available` bytes and consumes its legacy and REX prefixes. */
export function begin(bytes: usize, available: usize, modeWord: u32): void {
  start = bytes;
  at = bytes;
  end = bytes + (available < LENGTH_MAX ? available : LENGTH_MAX);
  outcome = Outcome.OK;
  mode = modeWord;
  const code = modeWord & MODE_CODE;
  code64 = code == MODE_CODE64;
  operandSize = code == MODE_CODE16 ? 1 : 2;
  addressSize = code + 1;
  rex = 0;
  segment = -1;
  prefix66 = false;
  repeat = 0;
  lock = false;
  lockUsed = false;
  let prefix67 = false;
  for (;;) {
    const b = peek();
    if (outcome != Outcome.OK) return;
    if (code64 && (b & 0xf0) == 0x40) {
      rex = b;
      at += 1;
      continue;
    }
    switch (b) {
      case 0x26: segment = code64 && segment >= 4 ? segment : 0; break;
      case 0x2e: segment = code64 && segment >= 4 ? segment : 1; break;
      case 0x36: segment = code64 && segment >= 4 ? segment : 2; break;
      case 0x3e: segment = code64 && segment >= 4 ? segment : 3; break;
      case 0x64: segment = 4; break;
      case 0x65: segment = 5; break;
      case 0x66: prefix66 = true; break;
      case 0x67: prefix67 = true; break;
      case 0xf0: lock = true; break;
      case 0xf2: repeat = 2; break;
      case 0xf3: repeat = 3; break;
      default:
        // In 64-bit mode ES CS SS DS overrides are null prefixes.
        if (code64 && segment >= 0 && segment < 4) segment = -1;
        if (prefix66) operandSize = code == MODE_CODE16 ? 2 : 1;
        if (prefix67) addressSize = code == MODE_CODE16 ? 2 : code == MODE_CODE64 ? 2 : 1;
        if ((rex & 8) != 0) operandSize = 3;
        return;
    }
    // A REX that is not directly before the opcode is ignored.
    rex = 0;
    at += 1;
  }
}
