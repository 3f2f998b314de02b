// Model-specific registers (SDM vol. 4; APM vol. 2, appendix A; vol. 3, 12.11 for the MTRRs). RDMSR and WRMSR
// of an index that is not in this file go to the host where it asked for them, otherwise raise #GP(0).
// Memory types are kept and never have an effect: guest memory is coherent.

import {
  EFER,
  INTERCEPTS,
  MSR_APIC_BASE,
  MSR_CSTAR,
  MSR_FEATURE_CONTROL,
  MSR_KERNEL_GS_BASE,
  MSR_LSTAR,
  MSR_MICROCODE,
  MSR_MISC_ENABLE,
  MSR_MTRR_DEF_TYPE,
  MSR_MTRR_FIXED,
  MSR_MTRR_PHYS,
  MSR_PAT,
  MSR_SFMASK,
  MSR_STAR,
  MSR_SYSENTER_CS,
  MSR_SYSENTER_EIP,
  MSR_SYSENTER_ESP,
  MSR_TSC_AUX,
  PHYSICAL_BITS,
  SEG_BASE,
  SEG_EFFECTIVE,
} from "../layout";
import {
  APIC_BASE_BSP,
  APIC_BASE_ENABLED,
  IA32_APIC_BASE,
  IA32_BIOS_SIGN_ID,
  IA32_CSTAR,
  IA32_EFER,
  IA32_FEATURE_CONTROL,
  IA32_FMASK,
  IA32_FS_BASE,
  IA32_GS_BASE,
  IA32_KERNEL_GS_BASE,
  IA32_LSTAR,
  IA32_MISC_ENABLE,
  IA32_MTRR_DEF_TYPE,
  IA32_MTRR_FIX16K_80000,
  IA32_MTRR_FIX16K_A0000,
  IA32_MTRR_FIX4K_C0000,
  IA32_MTRR_FIX4K_F8000,
  IA32_MTRR_FIX64K_00000,
  IA32_MTRR_PHYSBASE0,
  IA32_MTRR_PHYSMASK7,
  IA32_MTRRCAP,
  IA32_PAT,
  IA32_STAR,
  IA32_SYSENTER_CS,
  IA32_SYSENTER_EIP,
  IA32_SYSENTER_ESP,
  IA32_TSC,
  IA32_TSC_AUX,
} from "../x86/msr";
import { FS, GS } from "../x86/segment";
import { isCanonical } from "../mmu/tables";
import { isApicMsr, readApicMsr, tscChanged, writeApicMsr } from "./apic";
import { writeEfer } from "./control";
import { EXIT_WRITE, ExitReason, hostAccess } from "./exit";
import { raiseGP } from "./fault";
import { INTERCEPT_MSR } from "./intercept";
import { faulted } from "./state";
import { setTsc, tsc } from "./ticks";

/** Eight variable ranges, fixed ranges, write combining. */
const MTRRCAP: u64 = 0x508;
/** IA32_MTRR_DEF_TYPE: 11 E | 10 FE | 7:0 type. */
const DEF_TYPE_BITS: u64 = 0xcff;
/** IA32_FEATURE_CONTROL bit 0. */
const FEATURE_LOCK: u64 = 1;

/** Registers of AMD's north bridge and caches: they read as zero and ignore writes, as under most monitors. */
const SYSCFG: u32 = 0xc001_0010;
const HWCR: u32 = 0xc001_0015;
const NB_CFG: u32 = 0xc001_001f;
const INT_PENDING_MESSAGE: u32 = 0xc001_0055;
const MMIO_CONF_BASE: u32 = 0xc001_0058;
const SMM_TSEG_ADDRESS: u32 = 0xc001_0112;
const DC_CFG: u32 = 0xc001_1022;

function isZeroRegister(index: u32): bool {
  switch (index) {
    case SYSCFG:
    case HWCR:
    case NB_CFG:
    case INT_PENDING_MESSAGE:
    case MMIO_CONF_BASE:
    case SMM_TSEG_ADDRESS:
    case DC_CFG: return true;
    default: return false;
  }
}

@inline function refuse(): bool {
  raiseGP(0);
  return false;
}
@inline function aboveWidth(): u64 { return ~(<u64>0) << load<u32>(PHYSICAL_BITS); }

/** UC 0, WC 1, WT 4, WP 5, WB 6; in the PAT also UC- 7. */
@inline function isMemoryType(type: u32, highest: u32): bool {
  return type <= 1 || (type >= 4 && type <= highest);
}
/** All eight bytes are memory types. */
function areMemoryTypes(value: u64, highest: u32): bool {
  for (let shift: u64 = 0; shift < 64; shift += 8) {
    if (!isMemoryType(<u32>(value >> shift) & 0xff, highest)) return false;
  }
  return true;
}

/** Cell of a fixed-range MTRR, or 0. */
function fixedRange(index: u32): usize {
  if (index == IA32_MTRR_FIX64K_00000) return MSR_MTRR_FIXED;
  if (index >= IA32_MTRR_FIX16K_80000 && index <= IA32_MTRR_FIX16K_A0000) {
    return MSR_MTRR_FIXED + ((<usize>(index - IA32_MTRR_FIX16K_80000) + 1) << 3);
  }
  if (index >= IA32_MTRR_FIX4K_C0000 && index <= IA32_MTRR_FIX4K_F8000) {
    return MSR_MTRR_FIXED + ((<usize>(index - IA32_MTRR_FIX4K_C0000) + 3) << 3);
  }
  return 0;
}

/** Cell of a register that reads as it is stored, or 0. */
function cellOf(index: u32): usize {
  switch (index) {
    case IA32_APIC_BASE: return MSR_APIC_BASE;
    case IA32_FEATURE_CONTROL: return MSR_FEATURE_CONTROL;
    case IA32_BIOS_SIGN_ID: return MSR_MICROCODE;
    case IA32_SYSENTER_CS: return MSR_SYSENTER_CS;
    case IA32_SYSENTER_ESP: return MSR_SYSENTER_ESP;
    case IA32_SYSENTER_EIP: return MSR_SYSENTER_EIP;
    case IA32_MISC_ENABLE: return MSR_MISC_ENABLE;
    case IA32_PAT: return MSR_PAT;
    case IA32_MTRR_DEF_TYPE: return MSR_MTRR_DEF_TYPE;
    case IA32_EFER: return EFER;
    case IA32_STAR: return MSR_STAR;
    case IA32_LSTAR: return MSR_LSTAR;
    case IA32_CSTAR: return MSR_CSTAR;
    case IA32_FMASK: return MSR_SFMASK;
    case IA32_FS_BASE: return SEG_BASE + (<usize>FS << 3);
    case IA32_GS_BASE: return SEG_BASE + (<usize>GS << 3);
    case IA32_KERNEL_GS_BASE: return MSR_KERNEL_GS_BASE;
    case IA32_TSC_AUX: return MSR_TSC_AUX;
  }
  if (index >= IA32_MTRR_PHYSBASE0 && index <= IA32_MTRR_PHYSMASK7) {
    return MSR_MTRR_PHYS + (<usize>(index - IA32_MTRR_PHYSBASE0) << 3);
  }
  return fixedRange(index);
}

/** RDMSR. Callers test faulted(). */
export function readMsr(index: u32): u64 {
  if (index == IA32_TSC) return tsc();
  if (isApicMsr(index)) return readApicMsr(index);
  if (index == IA32_MTRRCAP) return MTRRCAP;
  const cell = cellOf(index);
  if (cell != 0) return load<u64>(cell);
  if (isZeroRegister(index)) return 0;
  if ((load<u32>(INTERCEPTS) & INTERCEPT_MSR) != 0) return hostAccess(ExitReason.MSR, index, 8, 0);
  raiseGP(0);
  return 0;
}

/** New base of FS or GS; nothing else has been derived from it. */
export function writeSegmentBase(seg: u32, base: u64): bool {
  if (!isCanonical(base)) return refuse();
  store<u64>(<usize>seg << 3, base, SEG_BASE);
  store<u64>(<usize>seg << 3, base, SEG_EFFECTIVE);
  return true;
}

function writeMtrr(index: u32, cell: usize, value: u64): bool {
  if (index >= IA32_MTRR_PHYSBASE0 && index <= IA32_MTRR_PHYSMASK7) {
    const reserved: u64 = (index & 1) == 0 ? 0xf00 : 0x7ff;
    if ((value & (reserved | aboveWidth())) != 0) return refuse();
    if ((index & 1) == 0 && !isMemoryType(<u32>value & 0xff, 6)) return refuse();
  } else if (!areMemoryTypes(value, 6)) return refuse();
  store<u64>(cell, value);
  return true;
}

/** WRMSR. False: an exception or an exit is pending and nothing has changed. */
export function writeMsr(index: u32, value: u64): bool {
  if (isApicMsr(index)) return writeApicMsr(index, value);
  switch (index) {
    case IA32_TSC:
      setTsc(value);
      tscChanged();
      return true;
    case IA32_EFER: return writeEfer(value);
    case IA32_FS_BASE: return writeSegmentBase(FS, value);
    case IA32_GS_BASE: return writeSegmentBase(GS, value);
    case IA32_MTRRCAP: return refuse();
    case IA32_APIC_BASE: {
      if ((value & 0xfff & ~(APIC_BASE_ENABLED | APIC_BASE_BSP)) != 0 || (value & aboveWidth()) != 0) return refuse();
      const boot = load<u64>(MSR_APIC_BASE) & APIC_BASE_BSP;
      store<u64>(MSR_APIC_BASE, (value & ~APIC_BASE_BSP) | boot);
      return true;
    }
    case IA32_FEATURE_CONTROL:
      if ((load<u64>(MSR_FEATURE_CONTROL) & FEATURE_LOCK) != 0) return refuse();
      break;
    case IA32_PAT:
      if (!areMemoryTypes(value, 7)) return refuse();
      break;
    case IA32_MTRR_DEF_TYPE:
      if ((value & ~DEF_TYPE_BITS) != 0 || !isMemoryType(<u32>value & 0xff, 6)) return refuse();
      break;
    case IA32_LSTAR:
    case IA32_CSTAR:
    case IA32_KERNEL_GS_BASE:
    case IA32_SYSENTER_ESP:
    case IA32_SYSENTER_EIP:
      if (!isCanonical(value)) return refuse();
      break;
    // The upper halves of these are read as zero and not written.
    case IA32_FMASK:
    case IA32_SYSENTER_CS:
    case IA32_TSC_AUX:
      value &= 0xffff_ffff;
      break;
  }
  const cell = cellOf(index);
  if (cell != 0) {
    if (index >= IA32_MTRR_PHYSBASE0 && index <= IA32_MTRR_FIX4K_F8000) return writeMtrr(index, cell, value);
    store<u64>(cell, value);
    return true;
  }
  if (isZeroRegister(index)) return true;
  if ((load<u32>(INTERCEPTS) & INTERCEPT_MSR) == 0) return refuse();
  hostAccess(ExitReason.MSR, index, 8, EXIT_WRITE, value);
  return !faulted();
}
