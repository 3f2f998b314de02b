// Fast system calls (APM vol. 2, 6.1; SDM vol. 2): SYSCALL and SYSRET, SYSENTER and SYSEXIT, SWAPGS.
// AMD's rules where the vendors differ: SYSCALL also works in legacy and compatibility mode, SYSENTER is #UD
// in long mode, and SYSRET to a non-canonical address faults at the target, in ring 3. (SYSRET loads a flat
// stack segment as Intel's does; AMD's leaves its hidden part alone.)
//
//   STAR   63:48 SYSRET CS and SS | 47:32 SYSCALL CS and SS | 31:0 EIP of legacy SYSCALL

import {
  EFER,
  MSR_CSTAR,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_SFMASK,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  SEG_BASE,
  SEG_EFFECTIVE,
} from "../layout";
import { EFER_SCE } from "../x86/control";
import { IF, RF, TF, VM } from "../x86/flags";
import { CS, GS, SELECTOR_RPL, SS } from "../x86/segment";
import { dropSingleStep } from "./debug";
import { raiseGP, raiseUD } from "./fault";
import { rflags, setRflags } from "./flags";
import {
  cpl,
  isCode64,
  isLongMode,
  isProtected,
  isV86,
  markContextStale,
  RCX,
  RDX,
  reg32,
  reg64,
  RSP,
  segBase,
  setCpl,
  setReg32,
  setReg64,
  setRip,
  setSegment,
} from "./state";
import { Status } from "./status";

/** G, D/B or L, P, S, type: flat code (readable, accessed) and data (writable, accessed). Bits 6:5 take DPL. */
const FLAT_CODE32: u32 = 0xc09b;
const FLAT_CODE64: u32 = 0xa09b;
const FLAT_DATA: u32 = 0xc093;
const R11: usize = 88;

/** Loads flat CS and SS of a level and enters it. */
function enterFlat(code: u32, codeAttributes: u32, stack: u32, level: u32): void {
  setSegment(CS, (code & ~SELECTOR_RPL) | level, 0, 0xffff_ffff, codeAttributes | (level << 5));
  setSegment(SS, (stack & ~SELECTOR_RPL) | level, 0, 0xffff_ffff, FLAT_DATA | (level << 5));
  setCpl(level);
}
@inline function replaceFlags(value: u32): void {
  setRflags(value);
  if ((value & TF) == 0) dropSingleStep();
  markContextStale();
}

/** SYSCALL, returning to `next`. */
export function syscall(next: u64): i32 {
  if ((load<u64>(EFER) & EFER_SCE) == 0 || !isProtected() || isV86()) return raiseUD();
  const star = load<u64>(MSR_STAR);
  const selector = <u32>(star >> 32) & 0xffff;
  const flags = rflags() & ~RF;
  if (isLongMode()) {
    setRip(load<u64>(isCode64() ? MSR_LSTAR : MSR_CSTAR));
    setReg64(RCX, next);
    setReg64(R11, <u64>flags);
    enterFlat(selector, FLAT_CODE64, selector + 8, 0);
    replaceFlags(flags & ~load<u32>(MSR_SFMASK));
  } else {
    setRip(<u64>(<u32>star));
    setReg32(RCX, <u32>next);
    enterFlat(selector, FLAT_CODE32, selector + 8, 0);
    replaceFlags(flags & ~(IF | VM));
  }
  return Status.JUMP_SYNC;
}

/** SYSRET; `wide` with a 64-bit operand size. */
export function sysret(wide: bool): i32 {
  if ((load<u64>(EFER) & EFER_SCE) == 0) return raiseUD();
  if (!isProtected() || cpl() != 0) return raiseGP(0);
  const selector = <u32>(load<u64>(MSR_STAR) >> 48);
  const long = isCode64();
  setRip(wide ? reg64(RCX) : <u64>reg32(RCX));
  const flags = long ? <u32>reg64(R11) & ~(RF | VM) : rflags() | IF;
  if (wide) enterFlat(selector + 16, FLAT_CODE64, selector + 8, 3);
  else enterFlat(selector, FLAT_CODE32, selector + 8, 3);
  setRflags(flags);
  return Status.JUMP_SYNC;
}

export function sysenter(): i32 {
  if (isLongMode()) return raiseUD();
  const selector = load<u32>(MSR_SYSENTER_CS) & 0xfffc;
  if (!isProtected() || selector == 0) return raiseGP(0);
  setRip(<u64>load<u32>(MSR_SYSENTER_EIP));
  setReg32(RSP, load<u32>(MSR_SYSENTER_ESP));
  enterFlat(selector, FLAT_CODE32, selector + 8, 0);
  setRflags(rflags() & ~(VM | IF | RF));
  return Status.JUMP_SYNC;
}

export function sysexit(): i32 {
  if (isLongMode()) return raiseUD();
  const selector = load<u32>(MSR_SYSENTER_CS) & 0xfffc;
  if (!isProtected() || cpl() != 0 || selector == 0) return raiseGP(0);
  setRip(<u64>reg32(RDX));
  setReg32(RSP, reg32(RCX));
  enterFlat(selector + 16, FLAT_CODE32, selector + 24, 3);
  return Status.JUMP_SYNC;
}

/** SWAPGS: nothing that has been derived depends on the base, so execution goes straight on. */
export function swapgs(): i32 {
  if (cpl() != 0) return raiseGP(0);
  const base = segBase(GS);
  const other = load<u64>(MSR_KERNEL_GS_BASE);
  store<u64>(<usize>GS << 3, other, SEG_BASE);
  store<u64>(<usize>GS << 3, other, SEG_EFFECTIVE);
  store<u64>(MSR_KERNEL_GS_BASE, base);
  return Status.NEXT;
}
