// The x87 register stack and its control and status words (SDM vol. 1, 8.1; APM vol. 1, 6.2). Registers are
// kept by physical number; ST(i) is R[(TOP + i) mod 8]. Tags say only whether a register is in use, as FXSAVE
// keeps them: what else a tag word tells follows from the value.
//
//   status    15 B | 14 C3 | 13:11 TOP | 10 C2 9 C1 8 C0 | 7 ES | 6 SF | 5 PE 4 UE 3 OE 2 ZE 1 DE 0 IE
//   control   12 X | 11:10 rounding | 9:8 precision | 6 (one) | 5 PM 4 UM 3 OM 2 ZM 1 DM 0 IM
//
// An instruction computes with float/, whose FLAGS then hold what it raised, and ends in settle(): that is
// where the status word changes. Everything that can fault has faulted before.

import { X87, X87_CONTROL, X87_STATUS, X87_TAGS } from "../../layout";
import { releaseError } from "../../chipset/coprocessor";
import {
  begin,
  CONTROL_MASKS_SHIFT,
  EARLY,
  EXCEPTIONS,
  flags,
  IE,
  PRECISION,
  resultExponent,
  ROUNDED_UP,
  unmasked,
} from "../../float/control";
import { INDEFINITE, INDEFINITE_EXPONENT } from "../../float/extended";

export const STATUS_SF: u32 = 1 << 6;
export const STATUS_ES: u32 = 1 << 7;
export const STATUS_C0: u32 = 1 << 8;
export const STATUS_C1: u32 = 1 << 9;
export const STATUS_C2: u32 = 1 << 10;
export const STATUS_C3: u32 = 1 << 14;
export const STATUS_CONDITION: u32 = STATUS_C0 | STATUS_C1 | STATUS_C2 | STATUS_C3;
const STATUS_TOP_SHIFT: u32 = 11;
const STATUS_TOP: u32 = 7 << 11;
const STATUS_B: u32 = 1 << 15;
export const CONTROL_INITIAL: u32 = 0x37f;
/** Bits of the control word that can be written, and the one that is always set. */
const CONTROL_WRITABLE: u32 = 0x1f3f;
const CONTROL_ONE: u32 = 0x40;

@inline export function status(): u32 { return load<u16>(X87_STATUS); }
@inline export function setStatus(value: u32): void { store<u16>(X87_STATUS, value); }
@inline export function controlWord(): u32 { return load<u16>(X87_CONTROL); }
/** The caller sees to ES and B (updateSummary). */
@inline export function setControlWord(value: u32): void {
  store<u16>(X87_CONTROL, (value & CONTROL_WRITABLE) | CONTROL_ONE);
}
@inline export function top(): u32 { return (status() >> STATUS_TOP_SHIFT) & 7; }
export function setTop(value: u32): void {
  setStatus((status() & ~STATUS_TOP) | ((value & 7) << STATUS_TOP_SHIFT));
}

// ---- registers ------------------------------------------------------------------------------------

@inline function physical(i: u32): u32 { return (top() + i) & 7; }
/** Address of ST(i). */
@inline export function st(i: u32): usize { return X87 + (<usize>physical(i) << 4); }
@inline export function significand(i: u32): u64 { return load<u64>(st(i)); }
@inline export function signExponent(i: u32): u32 { return load<u16>(st(i), 8); }
@inline export function isEmpty(i: u32): bool { return ((load<u8>(X87_TAGS) >> physical(i)) & 1) == 0; }
@inline function markUsed(i: u32): void { store<u8>(X87_TAGS, <u32>load<u8>(X87_TAGS) | (1 << physical(i))); }
@inline export function markEmpty(i: u32): void { store<u8>(X87_TAGS, <u32>load<u8>(X87_TAGS) & ~(1 << physical(i))); }

export function setSt(i: u32, exponent: u32, value: u64): void {
  const at = st(i);
  store<u64>(at, value);
  store<u16>(at, exponent, 8);
  markUsed(i);
}
/** Writes a result of float/: the significand returned, the exponent left in its cell. */
@inline export function setResult(i: u32, value: u64): void { setSt(i, resultExponent(), value); }
export function setIndefinite(i: u32): void { setSt(i, INDEFINITE_EXPONENT, INDEFINITE); }

export function pop(): void {
  markEmpty(0);
  setTop(top() + 1);
}
/** Moves TOP to the register that a push will fill. */
@inline function down(): void { setTop(top() - 1); }

// ---- exceptions -----------------------------------------------------------------------------------

/** Bits of results by precision control: 24, reserved (64), 53, 64. */
@inline function precisionOf(control: u32): u32 {
  const field = (control >> 8) & 3;
  return field == 0 ? 24 : field == 2 ? 53 : 64;
}
/** Prepares float/ for an instruction. */
export function beginFloat(): void {
  const control = controlWord();
  begin(((control & EXCEPTIONS) << CONTROL_MASKS_SHIFT) | ((control & 0xc00) << 3));
  store<u32>(PRECISION, precisionOf(control));
}
/** Sets or clears ES and B to match the exceptions and masks. */
export function updateSummary(): void {
  const value = status();
  const pending = value & ~controlWord() & EXCEPTIONS;
  setStatus(pending != 0 ? value | STATUS_ES | STATUS_B : value & ~(STATUS_ES | STATUS_B));
  if (pending == 0) releaseError();
}
/** Ends an instruction: exceptions and C1 into the status word. False: an unmasked one keeps results away. */
export function settle(): bool {
  const stopped = (unmasked() & EARLY) != 0;
  setStatus((status() & ~STATUS_C1) | (flags() & (EXCEPTIONS | ROUNDED_UP)));
  updateSummary();
  return !stopped;
}
/** Stack fault; C1 tells overflow from underflow. True when masked: the indefinite value stands in. */
export function stackFault(overflow: bool): bool {
  setStatus((status() & ~STATUS_C1) | IE | STATUS_SF | (overflow ? STATUS_C1 : 0));
  updateSummary();
  return (controlWord() & IE) != 0;
}
/** Clears C1 for an instruction that raised nothing. */
@inline export function clearC1(): void { setStatus(status() & ~STATUS_C1); }

/** ST and ST(i) hold values. False: underflow; the masked response, the indefinite value in ST, has been given. */
export function canUse(i: u32): bool {
  if (!isEmpty(0) && !isEmpty(i)) return true;
  if (stackFault(false)) setIndefinite(0);
  return false;
}
/** Room for a push. False: overflow; the masked response has been given. */
export function canPush(): bool {
  if (isEmpty(7)) return true;
  if (stackFault(true)) {
    down();
    setIndefinite(0);
  }
  return false;
}
export function push(exponent: u32, value: u64): void {
  down();
  setSt(0, exponent, value);
}
