// MXCSR: control and status of SSE floating point (SDM vol. 1, 10.2.3 and 11.5; APM vol. 1, 4.2.2).
//
//   15 FTZ | 14:13 RC | 12 PM 11 UM 10 OM 9 ZM 8 DM 7 IM | 6 DAZ | 5 PE 4 UE 3 OE 2 ZE 1 DE 0 IE
//
// An instruction computes all its elements before anything is committed: start(), one call of float/ per
// element that a WebAssembly operator cannot serve, then completed(), which ORs the flags of all elements into
// MXCSR and raises #XM, or #UD without CR4.OSXMMEXCPT, if one of them is not masked.
//
// A WebAssembly operator stands for the instruction where nothing but its value can be observed: rounding to
// nearest, no FTZ or DAZ, inexact results masked, and PE, which stays set once it is, either set already or
// known to stay as it is.

import { CR4, MXCSR } from "../../layout";
import {
  begin,
  CONTROL_DAZ,
  CONTROL_MASKS_SHIFT,
  CONTROL_ROUNDING_SHIFT,
  EXCEPTIONS,
  flags,
  PE,
  unmasked,
} from "../../float/control";
import { raise, raiseGP, raiseUD } from "../../vcpu/fault";
import { Status } from "../../vcpu/status";
import { CR4_OSXMMEXCPT } from "../../x86/control";
import { VECTOR_XM } from "../../x86/vectors";
import { MXCSR_MASK } from "../x87/fxsave";
import { source32, sseReady, store32 } from "./operand";

const PM: u32 = PE << CONTROL_MASKS_SHIFT;
/** All that decides how a result is rounded and reported, and its value in the common case. */
const QUICK_BITS: u32 = 0xffc0;
const QUICK: u32 = 0x1f80;

@inline function mxcsr(): u32 { return load<u32>(MXCSR); }
/** Operators of WebAssembly round as this processor does. */
@inline export function roundsPlainly(): bool { return (mxcsr() & QUICK_BITS) == QUICK; }
/** PE is set: together with roundsPlainly, an inexact result leaves no further trace. */
@inline export function inexactSeen(): bool { return (mxcsr() & PE) != 0; }
/** Both at once. */
@inline export function leavesNoTrace(): bool { return (mxcsr() & (QUICK_BITS | PE)) == (QUICK | PE); }
/** The same for what is rounded by a mode of its own: masked, no DAZ. */
@inline export function inexactHidden(): bool { return (mxcsr() & (CONTROL_DAZ | PM | PE)) == (PM | PE); }
/** Rounding mode in force (float/control Rounding). */
@inline export function roundingMode(): u32 { return (mxcsr() >> CONTROL_ROUNDING_SHIFT) & 3; }

/** Starts the exact computation of an instruction. */
@inline export function start(): void { begin(mxcsr()); }

/** Records what the elements raised; false: the exception is raised and nothing may be committed. */
export function completed(): bool {
  const open = unmasked();
  store<u32>(MXCSR, mxcsr() | (flags() & EXCEPTIONS));
  if (open == 0) return true;
  if ((load<u64>(CR4) & CR4_OSXMMEXCPT) != 0) raise(VECTOR_XM);
  else raiseUD();
  return false;
}

export function ldmxcsr(u: usize): i32 {
  if (!sseReady()) return Status.FAULT;
  const from = source32(u);
  if (from == 0) return Status.FAULT;
  const value = load<u32>(from);
  if ((value & ~MXCSR_MASK) != 0) return raiseGP();
  store<u32>(MXCSR, value);
  return Status.NEXT;
}
export function stmxcsr(u: usize): i32 {
  return sseReady() && store32(u, mxcsr()) ? Status.NEXT : Status.FAULT;
}
