// The protocol of this room: exact arithmetic on IEEE single and double precision and on 80-bit extended
// values, in integers only (SDM vol. 1, chapters 4, 8 and 11.5; APM vol. 1, chapters 4 and 6). The room knows no
// instruction and no processor state. Values travel as bit patterns, f32 as u32 and f64 as u64; an extended value
// is a pair of sign-and-exponent (u32, bit 15 the sign) and significand (u64), results of that kind return the
// significand and leave the rest in RESULT_EXPONENT.
//
// Every function reads CONTROL and ORs what it raised into FLAGS. CONTROL has the layout of MXCSR:
//
//   15 FTZ | 14:13 rounding | 12 PM 11 UM 10 OM 9 ZM 8 DM 7 IM | 6 DAZ | 5:0 unused
//
// FLAGS has the layout of both MXCSR and the x87 status word: 9 C1 (the result was rounded away from zero) |
// 5 PE 4 UE 3 OE 2 ZE 1 DE 0 IE. A caller starts an instruction with begin(control), calls once per element, and
// then asks flags() or unmasked(). With an unmasked exception the returned value means nothing to SSE. unmasked()
// already drops the later ones (OE, UE, PE) where an earlier one (IE, DE, ZE) stops the instruction.
//
// single.ts and double.ts (F = f32 on u32 or f64 on u64), NaN operands by the SSE rule:
//   FAdd, FSub, FMul, FDiv(a, b): F   FSqrt(a): F   FMin, FMax(a, b): F
//   FCompare(a, b, signalling): Relation (the ZF PF CF of COMISS; QNaN raises IE only when signalling)
//   FRound(a, rounding): F, to an integral value; raises PE, which ROUNDSD's imm8[3] takes back by clearFlags(PE)
// convert.ts: f32ToF64, f64ToF32, i32ToF32, i64ToF32, i64ToF64 and
//   f32ToI32, f32ToI64, f64ToI32, f64ToI64(a, rounding): u32 or u64, the integer indefinite with IE when out of range.
//   `rounding` is a Rounding: rounding() for the mode in force, Rounding.ZERO for the truncating forms.
// extended.ts, extended-convert.ts, extended-remainder.ts, transcendental.ts: the x87's operations with its own NaN rule;
//   an unmasked OE or UE then still has a result, its exponent moved by 24576. They also read PRECISION.

import { FLOAT_SCRATCH } from "../layout";

/** u32, see above. */
export const CONTROL: usize = FLOAT_SCRATCH;
/** u32, see above. */
export const FLAGS: usize = FLOAT_SCRATCH + 4;
/** i32: significant bits of extended results, 24, 53 or 64 (x87 precision control). */
export const PRECISION: usize = FLOAT_SCRATCH + 8;
/** u32: sign and exponent of an extended result; biased exponent of a rounded one. */
export const RESULT_EXPONENT: usize = FLOAT_SCRATCH + 12;

export const IE: u32 = 1 << 0;
export const DE: u32 = 1 << 1;
export const ZE: u32 = 1 << 2;
export const OE: u32 = 1 << 3;
export const UE: u32 = 1 << 4;
export const PE: u32 = 1 << 5;
/** Exceptions found before the operation is carried out: one that is unmasked leaves no others behind it. */
export const EARLY: u32 = IE | DE | ZE;
export const EXCEPTIONS: u32 = IE | DE | ZE | OE | UE | PE;
/** Condition bit C1 of the x87 status word: rounded away from zero. */
export const ROUNDED_UP: u32 = 1 << 9;

export const CONTROL_DAZ: u32 = 1 << 6;
export const CONTROL_MASKS_SHIFT: u32 = 7;
export const CONTROL_ROUNDING_SHIFT: u32 = 13;
export const CONTROL_FTZ: u32 = 1 << 15;

/** Rounding modes as MXCSR and the x87 control word encode them. */
export const enum Rounding {
  NEAREST = 0,
  DOWN = 1,
  UP = 2,
  ZERO = 3,
}

/** Outcome of a comparison: ZF PF CF as COMISS sets them; shifted left by 8, C3 C2 C0 of the x87. */
export const enum Relation {
  GREATER = 0,
  LESS = 1,
  EQUAL = 0x40,
  UNORDERED = 0x45,
}

/** Starts an instruction: control word in the layout of MXCSR, no exceptions. */
@inline export function begin(control: u32): void {
  store<u32>(CONTROL, control);
  store<u32>(FLAGS, 0);
}
@inline export function control(): u32 { return load<u32>(CONTROL); }
@inline export function rounding(): u32 { return (load<u32>(CONTROL) >> CONTROL_ROUNDING_SHIFT) & 3; }
@inline export function flags(): u32 { return load<u32>(FLAGS); }
@inline export function raiseFlags(bits: u32): void { store<u32>(FLAGS, load<u32>(FLAGS) | bits); }
@inline export function clearFlags(bits: u32): void { store<u32>(FLAGS, load<u32>(FLAGS) & ~bits); }
/** The exception is masked. */
@inline export function isMasked(bit: u32): bool { return (load<u32>(CONTROL) & (bit << CONTROL_MASKS_SHIFT)) != 0; }
/** Exceptions raised that are not masked; also takes back the late ones that an early one has kept from happening. */
@inline export function unmasked(): u32 {
  const open = load<u32>(FLAGS) & ~(load<u32>(CONTROL) >> CONTROL_MASKS_SHIFT) & EXCEPTIONS;
  if ((open & EARLY) == 0) return open;
  store<u32>(FLAGS, load<u32>(FLAGS) & EARLY);
  return open & EARLY;
}
@inline export function resultExponent(): u32 { return load<u32>(RESULT_EXPONENT); }
@inline export function setResultExponent(value: u32): void { store<u32>(RESULT_EXPONENT, value); }
