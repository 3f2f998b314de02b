// RESET, INIT and start-up (SDM vol. 3, table 9-1 and 9.4.4.1; APM vol. 2, 14.1): the state a processor
// begins with. INIT keeps what describes the machine: caching, MTRRs, MSRs, the time-stamp counter.

import {
  ACTIVITY,
  CR0,
  CR2,
  CR3,
  CR4,
  CR8,
  DEBUG_HITS,
  DR,
  EFER,
  FAULT,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  IDTR_BASE,
  IDTR_LIMIT,
  INJECT,
  INTERRUPT_REQUEST,
  MSR_APIC_BASE,
  MSR_FEATURE_CONTROL,
  MSR_MICROCODE,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_MTRR_FIXED,
  MSR_MTRR_PHYS,
  MSR_PAT,
  MSR_STAR,
  MSR_TSC_AUX,
  MXCSR,
  NMI_BLOCKED,
  NMI_PENDING,
  PDPTE,
  PROCESSOR_INDEX,
  SHADOW,
  TRAP_PENDING,
  X87,
  X87_CONTROL,
  X87_TAGS,
  XCR0,
  ZERO,
} from "../layout";
import { CR0_CD, CR0_ET, CR0_NW, DR6_FIXED, DR7_FIXED } from "../x86/control";
import { RESERVED_ONE } from "../x86/flags";
import { APIC_BASE_BSP, APIC_BASE_ENABLED } from "../x86/msr";
import { CS, DS, ES, FS, GS, LDTR, SS, TR } from "../x86/segment";
import { MXCSR_DEFAULT, XCR0_X87 } from "../x86/xsave";
import { SIGNATURE } from "./cpuid";
import { setRflags } from "./flags";
import { cr0, markAddressSpaceStale, RDX, setCpl, setReg32, setRip, setSegment } from "./state";
import { Activity } from "./status";
import { setTsc } from "./ticks";

export const enum ResetKind {
  RESET = 0,
  INIT = 1,
}

const CODE_RIGHTS: u32 = 0x9b;
const DATA_RIGHTS: u32 = 0x93;
const LDT_RIGHTS: u32 = 0x82;
const TSS_RIGHTS: u32 = 0x8b;
const PAT_DEFAULT: u64 = 0x0007_0406_0007_0406;
const APIC_BASE: u64 = 0xfee0_0000;
/** IA32_MISC_ENABLE: fast strings. */
const MISC_ENABLE: u64 = 1;
/** IA32_FEATURE_CONTROL: locked, nothing enabled. */
const FEATURE_CONTROL: u64 = 1;
const X87_CONTROL_RESET: u32 = 0x40;

/** Registers that both kinds set. */
function resetRegisters(): void {
  memory.fill(GPR, 0, ZERO + 8 - GPR);
  setReg32(RDX, SIGNATURE);
  setRip(0xfff0);
  setRflags(RESERVED_ONE);
  setSegment(CS, 0xf000, 0xffff_0000, 0xffff, CODE_RIGHTS);
  setSegment(ES, 0, 0, 0xffff, DATA_RIGHTS);
  setSegment(SS, 0, 0, 0xffff, DATA_RIGHTS);
  setSegment(DS, 0, 0, 0xffff, DATA_RIGHTS);
  setSegment(FS, 0, 0, 0xffff, DATA_RIGHTS);
  setSegment(GS, 0, 0, 0xffff, DATA_RIGHTS);
  setSegment(LDTR, 0, 0, 0xffff, LDT_RIGHTS);
  setSegment(TR, 0, 0, 0xffff, TSS_RIGHTS);
  store<u64>(GDTR_BASE, 0);
  store<u32>(GDTR_LIMIT, 0xffff);
  store<u64>(IDTR_BASE, 0);
  store<u32>(IDTR_LIMIT, 0xffff);
  setCpl(0);
  store<u64>(CR2, 0);
  store<u64>(CR3, 0);
  store<u64>(CR4, 0);
  store<u64>(CR8, 0);
  store<u64>(EFER, 0);
  memory.fill(PDPTE, 0, 32);
  memory.fill(DR, 0, 64);
  store<u64>(DR + 48, <u64>DR6_FIXED);
  store<u64>(DR + 56, <u64>DR7_FIXED);
}

/** Nothing is pending and nothing is blocked. */
function resetEvents(): void {
  store<u32>(FAULT, 0);
  store<u32>(SHADOW, 0);
  store<u32>(NMI_BLOCKED, 0);
  store<u32>(NMI_PENDING, 0);
  store<u32>(INTERRUPT_REQUEST, 0);
  store<u32>(INJECT, 0);
  store<u32>(TRAP_PENDING, 0);
  store<u32>(DEBUG_HITS, 0);
}

function resetMsrs(boot: bool): void {
  memory.fill(MSR_STAR, 0, MSR_PAT - MSR_STAR);
  store<u64>(MSR_PAT, PAT_DEFAULT);
  store<u64>(MSR_APIC_BASE, APIC_BASE | APIC_BASE_ENABLED | (boot ? APIC_BASE_BSP : 0));
  store<u64>(MSR_TSC_AUX, 0);
  store<u64>(MSR_MISC_ENABLE, MISC_ENABLE);
  store<u64>(MSR_MTRR_DEF_TYPE, 0);
  memory.fill(MSR_MTRR_PHYS, 0, 16 * 8);
  memory.fill(MSR_MTRR_FIXED, 0, 11 * 8);
  store<u64>(MSR_FEATURE_CONTROL, FEATURE_CONTROL);
  store<u64>(MSR_MICROCODE, 0);
  setTsc(0);
}

/** Puts the processor in STATE into its state after RESET or INIT. Processor 0 runs; the others wait. */
export function resetProcessor(kind: ResetKind = ResetKind.RESET): void {
  const boot = load<u32>(PROCESSOR_INDEX) == 0;
  const caching = kind == ResetKind.INIT ? cr0() & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;
  resetRegisters();
  resetEvents();
  store<u64>(CR0, CR0_ET | caching);
  if (kind == ResetKind.RESET) {
    resetMsrs(boot);
    // All zeros but the control word; every x87 register is in use, as +0.0 (SDM vol. 3, table 9-1).
    memory.fill(X87, 0, MXCSR - X87);
    store<u16>(X87_CONTROL, X87_CONTROL_RESET);
    store<u8>(X87_TAGS, 0xff);
    store<u64>(XCR0, XCR0_X87);
    store<u32>(MXCSR, MXCSR_DEFAULT);
  }
  store<u32>(ACTIVITY, boot ? Activity.ACTIVE : Activity.WAIT_FOR_SIPI);
  markAddressSpaceStale();
}
