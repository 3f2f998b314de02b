// System instructions: control and debug registers, cache and TLB maintenance, CPUID, counters, MSRs, fast
// system calls and hypercalls (SDM vol. 2; APM vol. 3, chapter 4). Privilege is checked here; the rules of
// the registers themselves are in vcpu/control, msr, cpuid and syscall.

import { CONTEXT_STALE, DR, INTERCEPTS, MSR_TSC_AUX } from "../layout";
import { uopDst, uopSeg, uopSize, uopSrc } from "../decode/uop";
import { interruptPending } from "../chipset/interrupts";
import { probeRead, readData } from "../vcpu/access";
import { isCanonical } from "../mmu/tables";
import { linear } from "../vcpu/address";
import { readControl, writeControl } from "../vcpu/control";
import { cpuid as query, cpuidResult } from "../vcpu/cpuid";
import { ExitReason, hostAccess } from "../vcpu/exit";
import { raiseDB, raiseGP, raiseUD } from "../vcpu/fault";
import { INTERCEPT_HYPERCALL } from "../vcpu/intercept";
import { readMsr, writeMsr } from "../vcpu/msr";
import {
  cpl,
  cr4,
  faulted,
  isCode64,
  markContextStale,
  nextRip,
  RAX,
  RBX,
  RCX,
  RDX,
  reg32,
  reg64,
  regRead,
  regWrite,
  setReg32,
  setReg64,
} from "../vcpu/state";
import { Status } from "../vcpu/status";
import { syscall as enterSyscall, sysenter as enterSysenter, sysexit as leaveSysexit, sysret as leaveSysret } from "../vcpu/syscall";
import { tsc } from "../vcpu/ticks";
import { CR4_DE, CR4_PCIDE, CR4_TSD, DR6_BD, DR6_FIXED, DR7_FIXED, DR7_GD } from "../x86/control";
import { further } from "./far";

// ---- control and debug registers ------------------------------------------------------------------

export function movFromCr(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  regWrite(uopDst(u), uopSize(u), readControl(<u32>uopSrc(u)));
  return Status.NEXT;
}
export function movToCr(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  if (!writeControl(<u32>uopSrc(u), regRead(uopDst(u), uopSize(u)))) return Status.FAULT;
  // A lower task priority may let an interrupt through.
  return load<u32>(CONTEXT_STALE) != 0 || interruptPending() ? Status.SYNC : Status.NEXT;
}

/** Bits of DR6 that software writes, and of DR7. */
const DR6_WRITABLE: u64 = 0xe00f;
const DR7_WRITABLE: u64 = 0xffff_23ff;

/** DR4 and DR5 are DR6 and DR7, or do not exist under CR4.DE. -1 after raising. */
function debugRegister(number: u32): i32 {
  if ((number == 4 || number == 5) && (cr4() & CR4_DE) != 0) {
    raiseUD();
    return -1;
  }
  if (cpl() != 0) {
    raiseGP();
    return -1;
  }
  if ((load<u32>(DR + 56) & DR7_GD) != 0) {
    raiseDB(DR6_BD);
    return -1;
  }
  return number == 4 || number == 5 ? number + 2 : number;
}
export function movFromDr(u: usize): i32 {
  const number = debugRegister(<u32>uopSrc(u));
  if (number < 0) return Status.FAULT;
  regWrite(uopDst(u), uopSize(u), load<u64>(<usize>number << 3, DR));
  return Status.NEXT;
}
export function movToDr(u: usize): i32 {
  const number = debugRegister(<u32>uopSrc(u));
  if (number < 0) return Status.FAULT;
  let value = regRead(uopDst(u), uopSize(u));
  if (number >= 6) {
    if (value >> 32 != 0) return raiseGP();
    value = number == 6 ? (value & DR6_WRITABLE) | <u64>DR6_FIXED : (value & DR7_WRITABLE) | <u64>DR7_FIXED;
  }
  store<u64>(<usize>number << 3, value, DR);
  markContextStale();
  return Status.SYNC;
}

// ---- caches and TLB: memory is coherent and cached translations never show, so only the checks remain ----

export function invlpg(u: usize): i32 { return cpl() != 0 ? raiseGP() : Status.NEXT; }
export function invd(u: usize): i32 { return cpl() != 0 ? raiseGP() : Status.NEXT; }
export function wbinvd(u: usize): i32 { return cpl() != 0 ? raiseGP() : Status.NEXT; }
export function fence(u: usize): i32 { return Status.NEXT; }
/** CLFLUSH faults like a load of a byte. */
export function clflush(u: usize): i32 {
  const at = linear(u, 1);
  return !faulted() && probeRead(at, 1, uopSeg(u)) ? Status.NEXT : Status.FAULT;
}

/** INVPCID: type in the register; descriptor in memory: 127:64 linear address | 63:12 zero | 11:0 PCID. */
export function invpcid(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  const type = regRead(uopSrc(u), uopSize(u));
  const seg = uopSeg(u);
  const at = linear(u, 16);
  const pcid = readData<u64>(at, seg);
  const address = readData<u64>(further(at, 8), seg);
  if (faulted()) return Status.FAULT;
  if (type > 3 || pcid > 0xfff) return raiseGP();
  if (type <= 1 && pcid != 0 && (cr4() & CR4_PCIDE) == 0) return raiseGP();
  if (type == 0 && !isCanonical(address)) return raiseGP();
  return Status.NEXT;
}

// ---- identification, counters, model-specific registers -------------------------------------------

export function cpuid(u: usize): i32 {
  if (!query(reg32(RAX), reg32(RCX))) return Status.FAULT;
  setReg32(RAX, cpuidResult(0));
  setReg32(RBX, cpuidResult(1));
  setReg32(RCX, cpuidResult(2));
  setReg32(RDX, cpuidResult(3));
  return Status.NEXT;
}

@inline function setEdxEax(value: u64): void {
  setReg32(RAX, <u32>value);
  setReg32(RDX, <u32>(value >> 32));
}
@inline function edxEax(): u64 { return (<u64>reg32(RDX) << 32) | <u64>reg32(RAX); }
@inline function isTscDenied(): bool { return cpl() != 0 && (cr4() & CR4_TSD) != 0; }

export function rdtsc(u: usize): i32 {
  if (isTscDenied()) return raiseGP();
  setEdxEax(tsc());
  return Status.NEXT;
}
export function rdtscp(u: usize): i32 {
  if (isTscDenied()) return raiseGP();
  setEdxEax(tsc());
  setReg32(RCX, load<u32>(MSR_TSC_AUX));
  return Status.NEXT;
}
/** There are no performance counters: every index is invalid. */
export function rdpmc(u: usize): i32 { return raiseGP(); }

export function rdmsr(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  const value = readMsr(reg32(RCX));
  if (faulted()) return Status.FAULT;
  setEdxEax(value);
  return Status.NEXT;
}
export function wrmsr(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  return writeMsr(reg32(RCX), edxEax()) ? Status.SYNC : Status.FAULT;
}

// ---- system calls and hypercalls ------------------------------------------------------------------

export function syscall(u: usize): i32 { return enterSyscall(nextRip(u)); }
export function sysret(u: usize): i32 { return leaveSysret(uopSize(u) == 3); }
export function sysenter(u: usize): i32 { return enterSysenter(); }
export function sysexit(u: usize): i32 { return leaveSysexit(); }

/** The host gets the input of RCX (EDX:EAX outside 64-bit code) and answers into RAX (EDX:EAX). */
function hypercall(instruction: u32): i32 {
  if ((load<u32>(INTERCEPTS) & INTERCEPT_HYPERCALL) == 0) return raiseUD();
  const wide = isCode64();
  const result = hostAccess(ExitReason.HYPERCALL, instruction, 8, 0, wide ? reg64(RCX) : edxEax());
  if (faulted()) return Status.FAULT;
  if (wide) setReg64(RAX, result);
  else setEdxEax(result);
  return Status.SYNC;
}
export function vmcall(u: usize): i32 { return hypercall(0); }
export function vmmcall(u: usize): i32 { return hypercall(1); }
