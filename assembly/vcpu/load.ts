// Loading segment registers (SDM vol. 2, MOV, LLDT, LTR; vol. 3, 5.4-5.7): real and virtual-8086 mode take
// the selector as a paragraph number, protected mode checks the descriptor. Nothing is changed before all
// checks have passed.

import { VECTOR_GP } from "../x86/vectors";
import {
  ATTR_DPL_SHIFT,
  ATTR_UNUSABLE,
  CS,
  FS,
  LDTR,
  SELECTOR_RPL,
  SELECTOR_TI,
  SS,
  SystemType,
  TR,
} from "../x86/segment";
import { isCanonical } from "../mmu/tables";
import {
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
  descriptorType,
  fetchDescriptor,
  fetchUpperHalf,
  isGuarded,
  isNull,
  isPresent,
  isReadable,
  isSystem,
  isWritableData,
  loadFrom,
  markAccessed,
  markBusy,
  selectorError,
} from "./descriptor";
import { raiseGP, raiseNP, raiseSS } from "./fault";
import {
  cpl,
  faulted,
  isCode64,
  isLongMode,
  isRealOrV86,
  isV86,
  segAttributes,
  segLimit,
  setSegment,
} from "./state";

/** Access rights of every segment in virtual-8086 mode: present, DPL 3, writable, accessed. */
const V86_ATTRIBUTES: u32 = 0xf3;
/** What a segment that was unusable becomes in real mode. */
const REAL_ATTRIBUTES: u32 = 0x93;

/** Segment of virtual-8086 mode. */
export function loadV86Segment(seg: u32, selector: u32): void {
  setSegment(seg, selector, <u64>selector << 4, 0xffff, V86_ATTRIBUTES);
}

/** Real or virtual-8086 mode. Real mode keeps limit and rights of the hidden part ("unreal mode"). */
export function loadRealSegment(seg: u32, selector: u32): void {
  if (isV86()) {
    loadV86Segment(seg, selector);
    return;
  }
  const attributes = segAttributes(seg);
  if ((attributes & ATTR_UNUSABLE) != 0) setSegment(seg, selector, <u64>selector << 4, 0xffff, REAL_ATTRIBUTES);
  else setSegment(seg, selector, <u64>selector << 4, segLimit(seg), attributes);
}

/** A null selector: the register cannot be used. SS keeps the privilege level in its DPL. */
export function loadNull(seg: u32, selector: u32): void {
  setSegment(seg, selector, 0, 0, ATTR_UNUSABLE | (seg == SS ? (selector & SELECTOR_RPL) << ATTR_DPL_SHIFT : 0));
}

function loadStackSegment(selector: u32): bool {
  const level = cpl();
  if (isNull(selector)) {
    if (!isCode64() || level == 3 || (selector & SELECTOR_RPL) != level) {
      raiseGP(0);
      return false;
    }
    loadNull(SS, selector);
    return true;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return false;
  if ((selector & SELECTOR_RPL) != level || !isWritableData(d) || descriptorDpl(d) != level) {
    raiseGP(selectorError(selector));
    return false;
  }
  if (!isPresent(d)) {
    raiseSS(selectorError(selector));
    return false;
  }
  if (!markAccessed(selector, d)) return false;
  loadFrom(SS, selector, d);
  return true;
}

/** MOV, POP or LDS-like load of ES, SS, DS, FS or GS in the current mode. False: an exception is pending. */
export function loadSegment(seg: u32, selector: u32): bool {
  selector &= 0xffff;
  if (isRealOrV86()) {
    loadRealSegment(seg, selector);
    return true;
  }
  if (seg == SS) return loadStackSegment(selector);
  if (isNull(selector)) {
    loadNull(seg, selector);
    return true;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return false;
  const rpl = selector & SELECTOR_RPL;
  if (!isReadable(d) || (isGuarded(d) && descriptorDpl(d) < max(rpl, cpl()))) {
    raiseGP(selectorError(selector));
    return false;
  }
  if (!isPresent(d)) {
    raiseNP(selectorError(selector));
    return false;
  }
  if (!markAccessed(selector, d)) return false;
  loadFrom(seg, selector, d);
  return true;
}

/** After a return to an outer level: data segments that the level may not use become null. */
export function dropInnerSegments(level: u32): void {
  for (let seg: u32 = 0; seg <= FS + 1; seg++) {
    if (seg == CS || seg == SS) continue;
    const attributes = segAttributes(seg);
    if ((attributes & ATTR_UNUSABLE) != 0) continue;
    if (isGuarded(<u64>attributes << 40) && ((attributes >> ATTR_DPL_SHIFT) & 3) < level) loadNull(seg, 0);
  }
}

/** Base of a system descriptor; in long mode 64 bits from both halves, canonical. */
function systemBase(selector: u32, d: u64): u64 {
  const base = descriptorBase(d);
  if (!isLongMode()) return base;
  const wide = base | (fetchUpperHalf(selector, VECTOR_GP) << 32);
  if (!faulted() && !isCanonical(wide)) raiseGP(selectorError(selector));
  return wide;
}

/** LLDT. */
export function loadLdtr(selector: u32): bool {
  if (isNull(selector)) {
    loadNull(LDTR, selector);
    return true;
  }
  const error = selectorError(selector);
  if ((selector & SELECTOR_TI) != 0) {
    raiseGP(error);
    return false;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return false;
  if (!isSystem(d) || descriptorType(d) != SystemType.LDT) {
    raiseGP(error);
    return false;
  }
  if (!isPresent(d)) {
    raiseNP(error);
    return false;
  }
  const base = systemBase(selector, d);
  if (faulted()) return false;
  setSegment(LDTR, selector, base, descriptorLimit(d), descriptorAttributes(d));
  return true;
}

/** LTR: an available TSS, which becomes busy. */
export function loadTaskRegister(selector: u32): bool {
  const error = selectorError(selector);
  if (isNull(selector) || (selector & SELECTOR_TI) != 0) {
    raiseGP(error);
    return false;
  }
  const d = fetchDescriptor(selector, VECTOR_GP);
  if (faulted()) return false;
  const type = descriptorType(d);
  const available = type == SystemType.TSS32_AVAILABLE || (type == SystemType.TSS16_AVAILABLE && !isLongMode());
  if (!isSystem(d) || !available) {
    raiseGP(error);
    return false;
  }
  if (!isPresent(d)) {
    raiseNP(error);
    return false;
  }
  const base = systemBase(selector, d);
  if (faulted() || !markBusy(selector, true)) return false;
  setSegment(TR, selector, base, descriptorLimit(d), descriptorAttributes(d) | 2);
  return true;
}
