// How programs reach the APICs: the local APIC's page and MSRs (SDM vol. 3, 11.4.1 and 11.12; APM vol. 2, 16.3
// and 16.11), the I/O APIC's page, and CR8. Rooms to the left call in here through vcpu/apic.
//
//   IA32_APIC_BASE   MAXPHYADDR-1:12 base | 11 enabled | 10 x2APIC | 8 bootstrap processor
//
// Registers are 32 bits wide at multiples of 16. What addresses them otherwise is undefined by the manuals: reads
// give the bytes of the register, and writes elsewhere are dropped, as are those that do not cover a register of
// the local APIC.

import { CURRENT_PROCESSOR, MSR_APIC_BASE, PHYSICAL_BITS } from "../layout";
import { connectApic } from "../vcpu/apic";
import { raiseGP } from "../vcpu/fault";
import {
  APIC_BASE_BSP,
  APIC_BASE_ENABLED,
  APIC_BASE_EXTENDED,
  IA32_APIC_BASE,
  IA32_TSC_DEADLINE,
  IA32_X2APIC,
} from "../x86/msr";
import { IOAPIC_BASE, ioapicRead, ioapicWrite } from "./ioapic";
import { initLapic, reportError, update } from "./lapic";
import { ESR_REGISTER, ICR_HIGH, ICR_LOW, lapic } from "./lapic-block";
import {
  entryWritable,
  ICR_WRITABLE,
  isRegister,
  readRegister,
  Register,
  sendCommand,
  SVR_WRITABLE,
  writeRegister,
  writeTaskPriority,
} from "./lapic-registers";
import { armTimer, DIVIDE_WRITABLE, tscDeadline, writeTscDeadline } from "./lapic-timer";
import { hasApic, hasIoApic } from "../vcpu/presence";
import { schedule } from "./schedule";

const PAGE_MASK: u64 = ~(<u64>0xfff);

@inline function own(): usize { return lapic(load<u32>(CURRENT_PROCESSOR)); }
@inline function base(): u64 { return load<u64>(MSR_APIC_BASE); }
@inline function isExtended(): bool { return (base() & APIC_BASE_EXTENDED) != 0; }

// ---- memory ---------------------------------------------------------------------------------------

/** The running processor's APIC page holds the address. */
@inline function isLocal(gpa: u64): bool {
  return (
    hasApic() && (base() & (APIC_BASE_ENABLED | APIC_BASE_EXTENDED)) == APIC_BASE_ENABLED && ((gpa ^ base()) & PAGE_MASK) == 0
  );
}

function claims(gpa: u64): bool { return isLocal(gpa) || (hasIoApic() && (gpa & PAGE_MASK) == IOAPIC_BASE); }

function readMemory(gpa: u64): u64 {
  const offset = <u32>gpa & 0xff0;
  const byte = <u32>gpa & 0xf;
  if (byte > 3) return 0;
  let value: u32 = 0;
  if (!isLocal(gpa)) value = ioapicRead(offset);
  else if ((<u32>gpa & 0xc00) == 0 && isRegister(offset >> 4)) value = readRegister(own(), offset >> 4);
  else reportError(own(), ESR_REGISTER);
  return <u64>(value >> (byte << 3));
}

function writeMemory(gpa: u64, size: u32, value: u64): void {
  const offset = <u32>gpa & 0xff0;
  if ((<u32>gpa & 0xf) != 0) return;
  if (!isLocal(gpa)) ioapicWrite(offset, <u32>value);
  else if (size < 4) return;
  else if ((<u32>gpa & 0xc00) == 0 && isRegister(offset >> 4)) writeRegister(own(), offset >> 4, <u32>value);
  else reportError(own(), ESR_REGISTER);
}

// ---- model-specific registers ---------------------------------------------------------------------

/** Switches the APIC on, off, or over to x2APIC mode, which only a reset or switching off ends. */
function writeBase(value: u64): bool {
  const reserved = (~(<u64>0) << load<u32>(PHYSICAL_BITS)) | 0x2ff;
  const old = base();
  const wasExtended = (old & APIC_BASE_EXTENDED) != 0;
  const extended = (value & APIC_BASE_EXTENDED) != 0;
  const enabled = (value & APIC_BASE_ENABLED) != 0;
  if ((value & reserved) != 0 || (extended && !enabled)) return false;
  if (wasExtended && enabled && !extended) return false;
  if (extended && (old & APIC_BASE_ENABLED) == 0) return false;
  store<u64>(MSR_APIC_BASE, (value & ~APIC_BASE_BSP) | (old & APIC_BASE_BSP));
  if (!enabled) {
    initLapic(own());
    writeTaskPriority(own(), 0);
    schedule();
  } else update(own());
  return true;
}

/** Registers of x2APIC mode: those of the page without DFR, arbitration and remote read, but with self-IPI. */
function isExtendedRegister(register: u32): bool {
  if (register == Register.SELF_IPI) return true;
  switch (register) {
    case Register.APR:
    case Register.REMOTE_READ:
    case Register.DFR:
    case Register.ICR_HIGH: return false;
    default: return isRegister(register);
  }
}

function readMsr(index: u32): u64 {
  if (index == IA32_APIC_BASE) return base();
  if (index == IA32_TSC_DEADLINE) return tscDeadline(own());
  const register = index - IA32_X2APIC;
  if (!isExtended() || !isExtendedRegister(register) || register == Register.EOI || register == Register.SELF_IPI) {
    raiseGP(0);
    return 0;
  }
  const value = <u64>readRegister(own(), register);
  return register == Register.ICR_LOW ? value | (<u64>load<u32>(own(), ICR_HIGH) << 32) : value;
}

/** Bits that may be set in a write of an x2APIC register; 0 for what must be zero, -1 for what cannot be written. */
function writableBits(register: u32): i64 {
  switch (register) {
    case Register.TPR: return 0xff;
    case Register.EOI:
    case Register.ESR: return 0;
    case Register.SVR: return SVR_WRITABLE;
    case Register.ICR_LOW: return ICR_WRITABLE;
    case Register.LVT_TIMER:
    case Register.LVT_THERMAL:
    case Register.LVT_PERFORMANCE:
    case Register.LVT_LINT0:
    case Register.LVT_LINT1:
    case Register.LVT_ERROR: return entryWritable(register);
    case Register.TIMER_INITIAL: return 0xffff_ffff;
    case Register.TIMER_DIVIDE: return DIVIDE_WRITABLE;
    case Register.SELF_IPI: return 0xff;
    default: return -1;
  }
}

function writeExtended(register: u32, value: u64): bool {
  const writable = writableBits(register);
  if (!isExtended() || writable < 0) return false;
  const high = <u32>(value >> 32);
  if (register != Register.ICR_LOW && high != 0) return false;
  if ((<u32>value & ~<u32>writable) != 0) return false;
  if (register == Register.ICR_LOW) {
    store<u32>(own(), <u32>value, ICR_LOW);
    store<u32>(own(), high, ICR_HIGH);
    sendCommand(own(), <u32>value, high, true);
  } else if (register == Register.SELF_IPI) {
    // A fixed interrupt with the shorthand "self".
    sendCommand(own(), <u32>value | (1 << 18), 0, true);
  } else writeRegister(own(), register, <u32>value);
  return true;
}

function writeMsr(index: u32, value: u64): bool {
  let accepted = true;
  if (index == IA32_APIC_BASE) accepted = writeBase(value);
  else if (index == IA32_TSC_DEADLINE) writeTscDeadline(own(), value);
  else accepted = writeExtended(index - IA32_X2APIC, value);
  if (!accepted) raiseGP(0);
  return accepted;
}

// ---- what other rooms tell ------------------------------------------------------------------------

/** CR8 was written. */
function taskPriority(value: u32): void {
  if (hasApic()) writeTaskPriority(own(), value << 4);
}
/** The running processor's time-stamp counter was set. */
function tscChanged(): void {
  if (hasApic()) armTimer(own());
}

/** Gives the rooms to the left their way in. */
export function startApic(): void {
  const owns: (gpa: u64) => bool = claims;
  const read: (gpa: u64) => u64 = readMemory;
  const write: (gpa: u64, size: u32, value: u64) => void = writeMemory;
  const rdmsr: (index: u32) => u64 = readMsr;
  const wrmsr: (index: u32, value: u64) => bool = writeMsr;
  const priority: (value: u32) => void = taskPriority;
  const tsc: () => void = tscChanged;
  connectApic(owns.index, read.index, write.index, rdmsr.index, wrmsr.index, priority.index, tsc.index);
}
