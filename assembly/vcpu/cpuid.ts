// CPUID (APM vol. 3, appendix E): a table of rows that the core fills with the machine's defaults and the
// host may change before the partition runs. Only what is truly offered appears: x86-64-v2 with AES, carry-less
// multiplication, SHA and the BMI extensions. The signature is that of a family 0Fh processor: system
// software knows it well and applies none of the costly workarounds that later families need.
//
//   row   0 leaf | 4 subleaf | 8 flags: 1 the subleaf counts | 12 EAX | 16 EBX | 20 ECX | 24 EDX | 28 unused

import {
  CPUID_COUNT,
  CPUID_MAX,
  CPUID_TABLE,
  EXIT_CPUID,
  EXIT_SUBLEAF,
  FAULT,
  INTERCEPTS,
  MSR_APIC_BASE,
  PHYSICAL_BITS,
  PROCESSOR_COUNT,
  PROCESSOR_INDEX,
} from "../layout";
import {
  CPUID7_ADX,
  CPUID7_BMI1,
  CPUID7_BMI2,
  CPUID7_FSGSBASE,
  CPUID7_INVPCID,
  CPUID7_SHA,
  CPUID7_SMAP,
  CPUID7_SMEP,
  CPUID7_UMIP,
  CPUIDD_XGETBV1,
  CPUIDD_XSAVEC,
  CPUIDD_XSAVEOPT,
  CPUIDX_ABM,
  CPUIDX_CMP_LEGACY,
  CPUIDX_INVARIANT_TSC,
  CPUIDX_LAHF,
  CPUIDX_LM,
  CPUIDX_MMXEXT,
  CPUIDX_NX,
  CPUIDX_PAGE1GB,
  CPUIDX_PREFETCHW,
  CPUIDX_RDTSCP,
  CPUIDX_REPEATED,
  CPUIDX_SYSCALL,
  CPUIDX_XSAVEERPTR,
  CPUID_AES,
  CPUID_APIC,
  CPUID_CLFSH,
  CPUID_CMOV,
  CPUID_CX16,
  CPUID_CX8,
  CPUID_DE,
  CPUID_FPU,
  CPUID_FXSR,
  CPUID_HTT,
  CPUID_MMX,
  CPUID_MOVBE,
  CPUID_MSR,
  CPUID_MTRR,
  CPUID_OSXSAVE,
  CPUID_PAE,
  CPUID_PAT,
  CPUID_PCID,
  CPUID_PCLMULQDQ,
  CPUID_PGE,
  CPUID_POPCNT,
  CPUID_PSE,
  CPUID_PSE36,
  CPUID_SEP,
  CPUID_SSE,
  CPUID_SSE2,
  CPUID_SSE3,
  CPUID_SSE41,
  CPUID_SSE42,
  CPUID_SSSE3,
  CPUID_TSC,
  CPUID_TSC_DEADLINE,
  CPUID_X2APIC,
  CPUID_XSAVE,
} from "../x86/cpuid";
import { CR4_OSXSAVE } from "../x86/control";
import { APIC_BASE_ENABLED } from "../x86/msr";
import { XCR0_IMPLEMENTED, XSAVE_SIZE } from "../x86/xsave";
import { ExitReason, hostAccess } from "./exit";
import { INTERCEPT_CPUID } from "./intercept";
import { hasApic } from "./presence";
import { cr4, faulted } from "./state";
import { Fault } from "./status";

/** Family 0Fh, model 6Bh, stepping 1; EDX after RESET. */
export const SIGNATURE: u32 = 0x0006_0fb1;

const FEATURES_EDX: u32 =
  CPUID_FPU | CPUID_DE | CPUID_PSE | CPUID_TSC | CPUID_MSR | CPUID_PAE | CPUID_CX8 | CPUID_SEP | CPUID_MTRR | CPUID_PGE |
  CPUID_CMOV | CPUID_PAT | CPUID_PSE36 | CPUID_CLFSH | CPUID_MMX | CPUID_FXSR | CPUID_SSE | CPUID_SSE2;
const FEATURES_ECX: u32 =
  CPUID_SSE3 | CPUID_PCLMULQDQ | CPUID_SSSE3 | CPUID_CX16 | CPUID_PCID | CPUID_SSE41 | CPUID_SSE42 | CPUID_MOVBE |
  CPUID_POPCNT | CPUID_AES | CPUID_XSAVE;
const FEATURES7_EBX: u32 =
  CPUID7_FSGSBASE | CPUID7_BMI1 | CPUID7_SMEP | CPUID7_BMI2 | CPUID7_INVPCID | CPUID7_ADX | CPUID7_SMAP |
  CPUID7_SHA;
const FEATURES7_ECX: u32 = CPUID7_UMIP;
const EXTENDED_EDX: u32 =
  CPUIDX_SYSCALL | CPUIDX_NX | CPUIDX_MMXEXT | CPUIDX_PAGE1GB | CPUIDX_RDTSCP | CPUIDX_LM;
const EXTENDED_ECX: u32 = CPUIDX_LAHF | CPUIDX_ABM | CPUIDX_PREFETCHW;

/** Lines of CLFLUSH in units of 8 bytes, at their place in EBX. */
const CLFLUSH_SIZE: u32 = 8 << 8;
/** "AuthenticAMD" in EBX EDX ECX. */
const VENDOR_EBX: u32 = 0x6874_7541;
const VENDOR_EDX: u32 = 0x6974_6e65;
const VENDOR_ECX: u32 = 0x444d_4163;
/** "Ringfence Virtual Processor" */
const BRAND: usize = memory.data<u8>([
  0x52, 0x69, 0x6e, 0x67, 0x66, 0x65, 0x6e, 0x63, 0x65, 0x20, 0x56, 0x69, 0x72, 0x74, 0x75, 0x61,
  0x6c, 0x20, 0x50, 0x72, 0x6f, 0x63, 0x65, 0x73, 0x73, 0x6f, 0x72, 0x00, 0x00, 0x00, 0x00, 0x00,
  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
]);
/** 64 KiB of L1 code and data, 2-way; 512 KiB of L2, 16-way; lines of 64 bytes. */
const CACHE_L1: u32 = 0x4002_0140;
const CACHE_L1_TLB: u32 = 0x01ff_01ff;
const CACHE_L2: u32 = 0x0200_8140;
const CACHE_L2_TLB: u32 = 0x4200_4200;

const ROW: usize = 32;
const ROW_SUBLEAF: usize = 4;
const ROW_FLAGS: usize = 8;
const ROW_EAX: usize = 12;
const ROW_EBX: usize = 16;
const ROW_ECX: usize = 20;
const ROW_EDX: usize = 24;
/** Flag of a row: its subleaf counts. */
const SUBLEAF_SIGNIFICANT: u32 = 1;
/** EBX of leaf 1: the initial APIC identifier. */
const APIC_ID_SHIFT: u32 = 24;

function addRow(leaf: u32, flags: u32, eax: u32, ebx: u32, ecx: u32, edx: u32, subleaf: u32 = 0): void {
  const count = load<u32>(CPUID_COUNT);
  if (count >= CPUID_MAX) return;
  const row = CPUID_TABLE + <usize>count * ROW;
  store<u32>(row, leaf);
  store<u32>(row, subleaf, ROW_SUBLEAF);
  store<u32>(row, flags, ROW_FLAGS);
  store<u32>(row, eax, ROW_EAX);
  store<u32>(row, ebx, ROW_EBX);
  store<u32>(row, ecx, ROW_ECX);
  store<u32>(row, edx, ROW_EDX);
  store<u32>(CPUID_COUNT, count + 1);
}

/** Fills the table with the machine's own rows. */
export function loadCpuidDefaults(): void {
  store<u32>(CPUID_COUNT, 0);
  const processors = load<u32>(PROCESSOR_COUNT);
  const several = processors > 1;
  const apicEdx: u32 = hasApic() ? CPUID_APIC : 0;
  const apicEcx: u32 = hasApic() ? CPUID_X2APIC | CPUID_TSC_DEADLINE : 0;
  addRow(0, 0, 0xd, VENDOR_EBX, VENDOR_ECX, VENDOR_EDX);
  addRow(
    1,
    0,
    SIGNATURE,
    CLFLUSH_SIZE | (several ? processors << 16 : 0),
    FEATURES_ECX | apicEcx,
    FEATURES_EDX | apicEdx | (several ? CPUID_HTT : 0),
  );
  addRow(7, SUBLEAF_SIGNIFICANT, 0, FEATURES7_EBX, FEATURES7_ECX, 0);
  addRow(0xd, SUBLEAF_SIGNIFICANT, <u32>XCR0_IMPLEMENTED, XSAVE_SIZE, XSAVE_SIZE, 0);
  addRow(0xd, SUBLEAF_SIGNIFICANT, CPUIDD_XSAVEOPT | CPUIDD_XSAVEC | CPUIDD_XGETBV1, XSAVE_SIZE, 0, 0, 1);
  addRow(0x8000_0000, 0, 0x8000_0008, VENDOR_EBX, VENDOR_ECX, VENDOR_EDX);
  addRow(
    0x8000_0001,
    0,
    SIGNATURE,
    0,
    EXTENDED_ECX | (several ? CPUIDX_CMP_LEGACY : 0),
    EXTENDED_EDX | ((FEATURES_EDX | apicEdx) & CPUIDX_REPEATED),
  );
  for (let i: u32 = 0; i < 3; i++) {
    const text = BRAND + <usize>(i << 4);
    addRow(0x8000_0002 + i, 0, load<u32>(text), load<u32>(text, 4), load<u32>(text, 8), load<u32>(text, 12));
  }
  addRow(0x8000_0005, 0, CACHE_L1_TLB, CACHE_L1_TLB, CACHE_L1, CACHE_L1);
  addRow(0x8000_0006, 0, 0, CACHE_L2_TLB, CACHE_L2, 0);
  addRow(0x8000_0007, 0, 0, 0, 0, CPUIDX_INVARIANT_TSC);
  addRow(0x8000_0008, 0, load<u32>(PHYSICAL_BITS) | (48 << 8), CPUIDX_XSAVEERPTR, processors - 1, 0);
}

/** The four results of the last query. */
const answer: usize = memory.data(16, 8);
@inline export function cpuidResult(register: u32): u32 { return load<u32>(answer + (<usize>register << 2)); }

/** Looks a leaf up; a leaf without a row is all zeros, as AMD answers. */
function lookUp(leaf: u32, subleaf: u32): void {
  store<u64>(answer, 0);
  store<u64>(answer, 0, 8);
  const end = CPUID_TABLE + <usize>load<u32>(CPUID_COUNT) * ROW;
  for (let row = CPUID_TABLE; row < end; row += ROW) {
    if (load<u32>(row) != leaf) continue;
    if ((load<u32>(row, ROW_FLAGS) & SUBLEAF_SIGNIFICANT) != 0 && load<u32>(row, ROW_SUBLEAF) != subleaf) continue;
    memory.copy(answer, row + ROW_EAX, 16);
    // A local APIC that is switched off is not shown.
    if ((leaf == 1 || leaf == 0x8000_0001) && (load<u64>(MSR_APIC_BASE) & APIC_BASE_ENABLED) == 0) {
      store<u32>(answer, load<u32>(answer, 12) & ~CPUID_APIC, 12);
    }
    if (leaf == 1) {
      // XSAVE shows whether the operating system has enabled it.
      const ecx = load<u32>(answer, 8) & ~CPUID_OSXSAVE;
      store<u32>(answer, (ecx & CPUID_XSAVE) != 0 && (cr4() & CR4_OSXSAVE) != 0 ? ecx | CPUID_OSXSAVE : ecx, 8);
      const ebx = load<u32>(answer, 4) & ((1 << APIC_ID_SHIFT) - 1);
      store<u32>(answer, ebx | (load<u32>(PROCESSOR_INDEX) << APIC_ID_SHIFT), 4);
    }
    return;
  }
}

/**
 * CPUID: cpuidResult gives EAX EBX ECX EDX. With INTERCEPT_CPUID the host answers in two replay entries,
 * EAX | EBX << 32 and ECX | EDX << 32, and finds the defaults in EXIT_CPUID. False: the exit is pending.
 */
export function cpuid(leaf: u32, subleaf: u32): bool {
  lookUp(leaf, subleaf);
  if ((load<u32>(INTERCEPTS) & INTERCEPT_CPUID) == 0) return true;
  const low = hostAccess(ExitReason.CPUID, leaf, 16, 0);
  const high = faulted() ? <u64>0 : hostAccess(ExitReason.CPUID, leaf, 16, 0);
  if (faulted()) {
    if (load<u32>(FAULT) == Fault.EXIT) {
      store<u32>(EXIT_SUBLEAF, subleaf);
      memory.copy(EXIT_CPUID, answer, 16);
    }
    return false;
  }
  store<u64>(answer, low);
  store<u64>(answer, high, 8);
  return true;
}
