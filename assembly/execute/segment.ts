// Descriptor-table registers, the task register, machine status word, segment inspection and the bases of
// FS and GS (SDM vol. 2: LGDT ... WRGSBASE; vol. 3, 5.10). Stores are refused above CPL 0 under CR4.UMIP.

import { GDTR_BASE, GDTR_LIMIT, IDTR_BASE, IDTR_LIMIT } from "../layout";
import { Ea, uopDst, uopEa, uopSeg, uopSize, uopSrc } from "../decode/uop";
import { probeWrite, readData, readSystem, writeData } from "../vcpu/access";
import { isCanonical } from "../mmu/tables";
import { linear, linearForWrite } from "../vcpu/address";
import { clearTaskSwitched, writeMachineStatus } from "../vcpu/control";
import {
  descriptorAddress,
  descriptorDpl,
  descriptorLimit,
  descriptorType,
  isCode,
  isGuarded,
  isInTable,
  isNull,
  isReadable,
  isSystem,
  isWritableData,
} from "../vcpu/descriptor";
import { raiseGP, raiseUD } from "../vcpu/fault";
import { arithmeticFlags, flagsEager } from "../vcpu/flags";
import { loadLdtr, loadTaskRegister } from "../vcpu/load";
import { writeSegmentBase } from "../vcpu/msr";
import {
  cpl,
  cr0,
  cr4,
  faulted,
  isCode64,
  isLongMode,
  isRealOrV86,
  reg16,
  regRead,
  regWrite,
  segBase,
  segSelector,
} from "../vcpu/state";
import { Status } from "../vcpu/status";
import { swapgs as swapBases } from "../vcpu/syscall";
import { CR4_FSGSBASE, CR4_UMIP } from "../x86/control";
import { ZF } from "../x86/flags";
import { FS, GS, LDTR, SELECTOR_RPL, SystemType, TR } from "../x86/segment";
import { further } from "./far";
import { readRm, readRmForWrite, writeRm } from "./operand";

/** CR4.UMIP hides system registers from user code. */
@inline function isHidden(): bool { return cpl() != 0 && (cr4() & CR4_UMIP) != 0; }

// ---- GDTR and IDTR --------------------------------------------------------------------------------

/** A table register from memory: 16 bits of limit, 24, 32 or 64 bits of base. */
function loadTable(u: usize, baseCell: usize, limitCell: usize): i32 {
  if (cpl() != 0) return raiseGP();
  const wide = isCode64();
  const seg = uopSeg(u);
  const at = linear(u, wide ? 10 : 6);
  const limit = <u32>readData<u16>(at, seg);
  if (faulted()) return Status.FAULT;
  let base = wide ? readData<u64>(further(at, 2), seg) : <u64>readData<u32>(further(at, 2), seg);
  if (faulted()) return Status.FAULT;
  if (wide && !isCanonical(base)) return raiseGP();
  if (!wide && uopSize(u) == 1) base &= 0xff_ffff;
  store<u64>(baseCell, base);
  store<u32>(limitCell, limit);
  return Status.NEXT;
}
function storeTable(u: usize, base: u64, limit: u32): i32 {
  if (isHidden()) return raiseGP();
  const wide = isCode64();
  const seg = uopSeg(u);
  const at = linearForWrite(u, wide ? 10 : 6);
  if (faulted() || !probeWrite(at, wide ? 10 : 6, seg)) return Status.FAULT;
  if (!writeData<u16>(at, seg, <u16>limit)) return Status.FAULT;
  const done = wide ? writeData<u64>(further(at, 2), seg, base) : writeData<u32>(further(at, 2), seg, <u32>base);
  return done ? Status.NEXT : Status.FAULT;
}
export function lgdt(u: usize): i32 { return loadTable(u, GDTR_BASE, GDTR_LIMIT); }
export function lidt(u: usize): i32 { return loadTable(u, IDTR_BASE, IDTR_LIMIT); }
export function sgdt(u: usize): i32 { return storeTable(u, load<u64>(GDTR_BASE), load<u32>(GDTR_LIMIT)); }
export function sidt(u: usize): i32 { return storeTable(u, load<u64>(IDTR_BASE), load<u32>(IDTR_LIMIT)); }

// ---- LDTR, TR, machine status word ----------------------------------------------------------------

export function lldt(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  if (cpl() != 0) return raiseGP();
  const selector = <u32>readRm(u, 1);
  return !faulted() && loadLdtr(selector) ? Status.NEXT : Status.FAULT;
}
export function ltr(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  if (cpl() != 0) return raiseGP();
  const selector = <u32>readRm(u, 1);
  return !faulted() && loadTaskRegister(selector) ? Status.NEXT : Status.FAULT;
}
/** Memory takes 16 bits whatever the operand size, a register all of it. */
function storeWord(u: usize, value: u64): i32 {
  const size: u32 = uopEa(u) == Ea.REGISTER ? uopSize(u) : 1;
  return writeRm(u, size, value) ? Status.NEXT : Status.FAULT;
}
export function sldt(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  return isHidden() ? raiseGP() : storeWord(u, <u64>segSelector(LDTR));
}
export function str(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  return isHidden() ? raiseGP() : storeWord(u, <u64>segSelector(TR));
}
export function smsw(u: usize): i32 { return isHidden() ? raiseGP() : storeWord(u, cr0()); }
export function lmsw(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  const value = <u32>readRm(u, 1);
  return !faulted() && writeMachineStatus(value) ? Status.SYNC : Status.FAULT;
}
export function clts(u: usize): i32 {
  if (cpl() != 0) return raiseGP();
  clearTaskSwitched();
  return Status.SYNC;
}

// ---- inspection of selectors ----------------------------------------------------------------------

@inline function setZero(zf: bool): i32 {
  flagsEager((arithmeticFlags() & ~ZF) | (zf ? ZF : 0));
  return Status.NEXT;
}

/** Descriptor of a selector for inspection; 0 where there is none, which no check below accepts. */
function inspect(selector: u32): u64 {
  if (isNull(selector) || !isInTable(selector, 8)) return 0;
  return readSystem<u64>(descriptorAddress(selector));
}
/** The segment may be used from the current level with this selector. */
@inline function isReachable(selector: u32, d: u64): bool {
  return descriptorDpl(d) >= max(cpl(), selector & SELECTOR_RPL);
}
/** System descriptors that LAR and LSL know: bit per type. Long mode has only the 32-bit kinds. */
const LAR_TYPES: u32 =
  (1 << SystemType.TSS16_AVAILABLE) |
  (1 << SystemType.LDT) |
  (1 << SystemType.TSS16_BUSY) |
  (1 << SystemType.CALL_GATE16) |
  (1 << SystemType.TASK_GATE) |
  (1 << SystemType.TSS32_AVAILABLE) |
  (1 << SystemType.TSS32_BUSY) |
  (1 << SystemType.CALL_GATE32);
const LONG_TYPES: u32 =
  (1 << SystemType.LDT) |
  (1 << SystemType.TSS32_AVAILABLE) |
  (1 << SystemType.TSS32_BUSY) |
  (1 << SystemType.CALL_GATE32);
const GATE_TYPES: u32 =
  (1 << SystemType.CALL_GATE16) | (1 << SystemType.TASK_GATE) | (1 << SystemType.CALL_GATE32);

/** LAR, and LSL with the gates left out. */
function isInspectable(selector: u32, d: u64, types: u32): bool {
  if (!isSystem(d)) return (isCode(d) && !isGuarded(d)) || isReachable(selector, d);
  const known = isLongMode() ? types & LONG_TYPES : types;
  return ((known >> descriptorType(d)) & 1) != 0 && isReachable(selector, d);
}
export function verr(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  const selector = <u32>readRm(u, 1);
  if (faulted()) return Status.FAULT;
  const d = inspect(selector);
  if (faulted()) return Status.FAULT;
  return setZero(isReadable(d) && (!isGuarded(d) || isReachable(selector, d)));
}
export function verw(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  const selector = <u32>readRm(u, 1);
  if (faulted()) return Status.FAULT;
  const d = inspect(selector);
  if (faulted()) return Status.FAULT;
  return setZero(isWritableData(d) && isReachable(selector, d));
}
export function lar(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  const selector = <u32>readRm(u, 1);
  if (faulted()) return Status.FAULT;
  const d = inspect(selector);
  if (faulted()) return Status.FAULT;
  if (!isInspectable(selector, d, LAR_TYPES)) return setZero(false);
  regWrite(uopSrc(u), uopSize(u), (d >> 32) & 0xff_ff00);
  return setZero(true);
}
export function lsl(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  const selector = <u32>readRm(u, 1);
  if (faulted()) return Status.FAULT;
  const d = inspect(selector);
  if (faulted()) return Status.FAULT;
  if (!isInspectable(selector, d, LAR_TYPES & ~GATE_TYPES)) return setZero(false);
  regWrite(uopSrc(u), uopSize(u), <u64>descriptorLimit(d));
  return setZero(true);
}

/** ARPL: raises the RPL of the destination selector to that of the source. */
export function arpl(u: usize): i32 {
  if (isRealOrV86()) return raiseUD();
  // The operand must be writable only if it is written.
  const selector = <u32>readRm(u, 1);
  if (faulted()) return Status.FAULT;
  const rpl = reg16(uopSrc(u)) & SELECTOR_RPL;
  if ((selector & SELECTOR_RPL) >= rpl) return setZero(false);
  if (!writeRm(u, 1, <u64>((selector & ~SELECTOR_RPL) | rpl))) return Status.FAULT;
  return setZero(true);
}

// ---- bases of FS and GS ---------------------------------------------------------------------------

export function swapgs(u: usize): i32 { return swapBases(); }

function readBase(u: usize, seg: u32): i32 {
  if ((cr4() & CR4_FSGSBASE) == 0) return raiseUD();
  regWrite(uopDst(u), uopSize(u), segBase(seg));
  return Status.NEXT;
}
function writeBase(u: usize, seg: u32): i32 {
  if ((cr4() & CR4_FSGSBASE) == 0) return raiseUD();
  return writeSegmentBase(seg, regRead(uopDst(u), uopSize(u))) ? Status.NEXT : Status.FAULT;
}
export function rdfsbase(u: usize): i32 { return readBase(u, FS); }
export function rdgsbase(u: usize): i32 { return readBase(u, GS); }
export function wrfsbase(u: usize): i32 { return writeBase(u, FS); }
export function wrgsbase(u: usize): i32 { return writeBase(u, GS); }
