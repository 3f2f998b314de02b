// Ring crossings of flat kernels, in one go. Nearly all events and returns of a running system go through a
// present 32-bit gate between flat segments, or a 64-bit one, with every structure in pages that are cached
// already. For these this file does what vcpu/deliver and vcpu/return do, with the same result and without
// making derived state stale: the two rings differ in nothing but their tables and their fetch context.
//
// A function that answers false has changed nothing, not even an accessed bit, and the general form decides.
// It does so for everything that could fault, call gates and tasks, 16-bit and conforming segments, LDTs,
// descriptors without A, alignment checks, data breakpoints, EFLAGS.AC and the rings between.

import {
  CONTEXT_STALE,
  CPL,
  DATA_CHECKED,
  GDTR_BASE,
  GDTR_LIMIT,
  GPR,
  IDTR_BASE,
  IDTR_LIMIT,
  LIMIT,
  MODE,
  NMI_BLOCKED,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SINGLE_STEP,
  SYSTEM_FLAGS,
  TABLE_READ,
  TABLE_SYSTEM,
} from "../layout";
import { MODE_CODE32, MODE_CODE64, MODE_FLAT, MODE_STACK_SHIFT } from "../decode/mode";
import { isCanonical, slotOffset, tableBytes } from "../mmu/tables";
import { AC, ARITHMETIC, DF, ID, IF, IOPL, NT, RF, TF, VIF, VIP, VM } from "../x86/flags";
import { ATTR_DPL_SHIFT, ATTR_UNUSABLE, CS, DS, ES, FS, GS, SELECTOR_RPL, SELECTOR_TI, SS, TR } from "../x86/segment";
import { TSS64_IST1, TSS64_RSP0 } from "../x86/tss";
import { noteResumeFlag } from "./debug";
import { descriptorAttributes, descriptorDpl, gateOffset, gateSelector, isGuarded, isNull } from "./descriptor";
import { flagsEager } from "./flags";
import { switchRing } from "./mode";
import { RSP, segAttributes, segBase, segLimit, segSelector, setRip } from "./state";

const FLAT32: u32 = MODE_CODE32 | (1 << MODE_STACK_SHIFT) | MODE_FLAT;
const FLAT64: u32 = MODE_CODE64 | (2 << MODE_STACK_SHIFT) | MODE_FLAT;

// Descriptors: base 0, limit 4 GiB, present, accessed. DPL, AVL and "readable" may be anything.
const FLAT_CODE32: u64 = 0x00cf_9900_0000_ffff;
const FLAT_CODE64: u64 = 0x00af_9900_0000_ffff;
const CODE_MASK: u64 = 0xffef_9dff_ffff_ffff;
const FLAT_DATA: u64 = 0x00cf_9300_0000_ffff;
const DATA_MASK: u64 = 0xffef_9fff_ffff_ffff;
/** Present interrupt or trap gate of 32 bits (64 in long mode), bits 47:40 without DPL and "trap". */
const GATE: u32 = 0x8e;
const GATE_MASK: u32 = 0x9e;
const GATE_TRAP: u32 = 1;

const MASK32: u64 = 0xffff_ffff;
/** Flags that IRET of ring 0 takes from its frame. */
const RETURNED: u32 = ARITHMETIC | TF | IF | DF | NT | RF | AC | ID | IOPL | VIF | VIP;

/** Derived state is valid and describes flat code of the mode word `mode`; CS has no odd base or limit. */
@inline function isPlain(mode: u32): bool {
  return (
    load<u32>(MODE) == mode &&
    (load<u32>(CONTEXT_STALE) | load<u32>(DATA_CHECKED)) == 0 &&
    (load<u32>(SYSTEM_FLAGS) & (AC | VM)) == 0 &&
    segLimit(CS) == 0xffff_ffff &&
    segBase(CS) == 0
  );
}
/** Host address of `size` bytes in one page through a table; 0 where it is not cached. */
@inline function hostIn(table: usize, linear: u64, size: u32): usize {
  const host = linear - load<u64>(table + slotOffset(linear));
  return host < load<u64>(LIMIT) && (<u32>linear & 0xfff) <= 4096 - size ? <usize>host : 0;
}
@inline function systemHost(linear: u64, size: u32): usize { return hostIn(load<usize>(TABLE_SYSTEM), linear, size); }
@inline function supervisorWrite(linear: u64, size: u32): usize {
  return hostIn(load<usize>(TABLE_SYSTEM) + tableBytes(), linear, size);
}

/** Descriptor of a GDT selector; 0, which matches nothing, where it is not at hand. */
function descriptorOf(selector: u32, addressMask: u64): u64 {
  const at = selector & 0xfff8;
  if (isNull(selector) || (selector & SELECTOR_TI) != 0 || at + 7 > load<u32>(GDTR_LIMIT)) return 0;
  const host = systemHost((load<u64>(GDTR_BASE) + <u64>at) & addressMask, 8);
  return host == 0 ? 0 : load<u64>(host);
}

@inline function setFlatSegment(seg: u32, selector: u32, d: u64): void {
  store<u32>(<usize>seg << 2, selector, SEG_SELECTOR);
  store<u64>(<usize>seg << 3, 0, SEG_BASE);
  store<u32>(<usize>seg << 2, 0xffff_ffff, SEG_LIMIT);
  store<u32>(<usize>seg << 2, descriptorAttributes(d), SEG_ATTRIBUTES);
}
@inline function setNullStack(selector: u32): void {
  store<u32>(<usize>SS << 2, selector, SEG_SELECTOR);
  store<u64>(<usize>SS << 3, 0, SEG_BASE);
  store<u32>(<usize>SS << 2, 0, SEG_LIMIT);
  store<u32>(<usize>SS << 2, ATTR_UNUSABLE | ((selector & SELECTOR_RPL) << ATTR_DPL_SHIFT), SEG_ATTRIBUTES);
}

/** System flags in the handler. */
@inline function enterHandler(trap: bool): void {
  store<u32>(SYSTEM_FLAGS, load<u32>(SYSTEM_FLAGS) & ~((trap ? 0 : IF) | TF | NT | VM | RF));
  store<u32>(SINGLE_STEP, load<u32>(SINGLE_STEP) & ~(TF | RF));
}

/**
 * Enters the ring-0 handler of an event in protected mode outside long mode. `flags` and `back` go into its
 * frame; `software`: the gate's DPL counts.
 */
export function enterFlat32(vector: u32, software: bool, hasError: bool, error: u32, flags: u32, back: u64): bool {
  if (!isPlain(FLAT32) || vector * 8 + 7 > load<u32>(IDTR_LIMIT)) return false;
  const level = load<u32>(CPL);
  const gateHost = systemHost((load<u64>(IDTR_BASE) + <u64>(vector * 8)) & MASK32, 8);
  if (gateHost == 0) return false;
  const gate = load<u64>(gateHost);
  if ((<u32>(gate >> 40) & GATE_MASK) != GATE || (software && descriptorDpl(gate) < level)) return false;
  const selector = gateSelector(gate);
  const code = descriptorOf(selector, MASK32);
  if ((code & CODE_MASK) != FLAT_CODE32 || descriptorDpl(code) != 0) return false;

  let top = load<u64>(RSP, GPR);
  let stackSelector: u32 = 0;
  let stack: u64 = 0;
  if (level != 0) {
    // The 32-bit TSS keeps ESP0 at 4 and SS0 at 8.
    if (level != 3 || (segAttributes(TR) & 8) == 0 || segLimit(TR) < 9) return false;
    const pointers = systemHost((segBase(TR) + 4) & MASK32, 6);
    if (pointers == 0) return false;
    top = <u64>load<u32>(pointers);
    stackSelector = <u32>load<u16>(pointers, 4);
    stack = descriptorOf(stackSelector, MASK32);
    if ((stackSelector & SELECTOR_RPL) != 0 || (stack & DATA_MASK) != FLAT_DATA || descriptorDpl(stack) != 0) return false;
  }
  const bytes: u32 = (level != 0 ? 20 : 12) + (hasError ? 4 : 0);
  const low = (top - <u64>bytes) & MASK32;
  let frame = supervisorWrite(low, bytes);
  if (frame == 0) return false;

  if (hasError) {
    store<u32>(frame, error);
    frame += 4;
  }
  store<u32>(frame, <u32>back);
  store<u32>(frame, segSelector(CS), 4);
  store<u32>(frame, flags, 8);
  if (level != 0) {
    store<u32>(frame, <u32>load<u64>(RSP, GPR), 12);
    store<u32>(frame, segSelector(SS), 16);
    setFlatSegment(SS, stackSelector, stack);
    switchRing(0);
  }
  store<u64>(RSP, low, GPR);
  setFlatSegment(CS, selector & ~SELECTOR_RPL, code);
  enterHandler((<u32>(gate >> 40) & GATE_TRAP) != 0);
  setRip(<u64>gateOffset(gate));
  return true;
}

/** The same in 64-bit code, through a 64-bit gate. */
export function enterFlat64(vector: u32, software: bool, hasError: bool, error: u32, flags: u32, back: u64): bool {
  if (!isPlain(FLAT64) || vector * 16 + 15 > load<u32>(IDTR_LIMIT)) return false;
  const level = load<u32>(CPL);
  const gateHost = systemHost(load<u64>(IDTR_BASE) + <u64>(vector * 16), 16);
  if (gateHost == 0) return false;
  const gate = load<u64>(gateHost);
  if ((<u32>(gate >> 40) & GATE_MASK) != GATE || (software && descriptorDpl(gate) < level)) return false;
  const selector = gateSelector(gate);
  const code = descriptorOf(selector, ~(<u64>0));
  const target = (load<u64>(gateHost, 8) << 32) | <u64>gateOffset(gate);
  if ((code & CODE_MASK) != FLAT_CODE64 || descriptorDpl(code) != 0 || !isCanonical(target)) return false;

  const ist = <u32>(gate >> 32) & 7;
  let top = load<u64>(RSP, GPR);
  if (level != 0 || ist != 0) {
    if (level != 0 && level != 3) return false;
    const offset: u32 = ist != 0 ? TSS64_IST1 + (ist - 1) * 8 : TSS64_RSP0;
    if (offset + 7 > segLimit(TR)) return false;
    const pointer = systemHost(segBase(TR) + <u64>offset, 8);
    if (pointer == 0) return false;
    top = load<u64>(pointer);
  }
  const bytes: u32 = hasError ? 48 : 40;
  const low = (top & ~(<u64>15)) - <u64>bytes;
  let frame = supervisorWrite(low, bytes);
  if (frame == 0) return false;

  if (hasError) {
    store<u64>(frame, <u64>error);
    frame += 8;
  }
  store<u64>(frame, back);
  store<u64>(frame, <u64>segSelector(CS), 8);
  store<u64>(frame, <u64>flags, 16);
  store<u64>(frame, load<u64>(RSP, GPR), 24);
  store<u64>(frame, <u64>segSelector(SS), 32);
  if (level != 0) {
    setNullStack(0);
    switchRing(0);
  }
  store<u64>(RSP, low, GPR);
  setFlatSegment(CS, selector & ~SELECTOR_RPL, code);
  enterHandler((<u32>(gate >> 40) & GATE_TRAP) != 0);
  setRip(target);
  return true;
}

/** A data segment that ring 3 may keep across a return. */
@inline function isOuter(seg: u32): bool {
  const attributes = segAttributes(seg);
  return (
    (attributes & ATTR_UNUSABLE) != 0 ||
    ((attributes >> ATTR_DPL_SHIFT) & 3) == 3 ||
    !isGuarded(<u64>attributes << 40)
  );
}
@inline function keepsSegments(): bool { return isOuter(DS) && isOuter(ES) && isOuter(FS) && isOuter(GS); }

@inline function returnFlags(image: u32): void {
  const system = (load<u32>(SYSTEM_FLAGS) & ~RETURNED) | (image & RETURNED & ~ARITHMETIC);
  store<u32>(SYSTEM_FLAGS, system);
  flagsEager(image);
  store<u32>(SINGLE_STEP, (load<u32>(SINGLE_STEP) & ~(TF | RF)) | (system & (TF | RF)));
  if ((image & RF) != 0) noteResumeFlag();
  store<u32>(NMI_BLOCKED, 0);
}

/** IRETD of ring 0 to ring 0 or 3 outside long mode. */
export function returnFlat32(): bool {
  if (!isPlain(FLAT32) || load<u32>(CPL) != 0 || (load<u32>(SYSTEM_FLAGS) & NT) != 0) return false;
  const pointer = load<u64>(RSP, GPR) & MASK32;
  const frame = hostIn(load<usize>(TABLE_READ), pointer, 12);
  if (frame == 0) return false;
  const image = load<u32>(frame, 8);
  const selector = load<u32>(frame, 4) & 0xffff;
  const code = descriptorOf(selector, MASK32);
  const level = selector & SELECTOR_RPL;
  if ((image & (VM | AC)) != 0 || (code & CODE_MASK) != FLAT_CODE32 || descriptorDpl(code) != level) return false;
  if (level == 0) store<u64>(RSP, (pointer + 12) & MASK32, GPR);
  else {
    if ((<u32>pointer & 0xfff) > 4096 - 20) return false;
    const stackSelector = load<u32>(frame, 16) & 0xffff;
    const stack = descriptorOf(stackSelector, MASK32);
    if (level != 3 || (stackSelector & SELECTOR_RPL) != 3 || (stack & DATA_MASK) != FLAT_DATA) return false;
    if (descriptorDpl(stack) != 3 || !keepsSegments()) return false;
    store<u64>(RSP, <u64>load<u32>(frame, 12), GPR);
    setFlatSegment(SS, stackSelector, stack);
    switchRing(1);
  }
  const target = <u64>load<u32>(frame);
  setFlatSegment(CS, selector, code);
  returnFlags(image);
  setRip(target);
  return true;
}

/** IRETQ of ring 0 to 64-bit code of ring 0 or 3. */
export function returnFlat64(): bool {
  if (!isPlain(FLAT64) || load<u32>(CPL) != 0 || (load<u32>(SYSTEM_FLAGS) & NT) != 0) return false;
  const frame = hostIn(load<usize>(TABLE_READ), load<u64>(RSP, GPR), 40);
  if (frame == 0) return false;
  const target = load<u64>(frame);
  const image = load<u32>(frame, 16);
  const selector = load<u32>(frame, 8) & 0xffff;
  const code = descriptorOf(selector, ~(<u64>0));
  const level = selector & SELECTOR_RPL;
  if ((image & (VM | AC)) != 0 || (code & CODE_MASK) != FLAT_CODE64 || descriptorDpl(code) != level) return false;
  if (!isCanonical(target)) return false;
  const stackSelector = load<u32>(frame, 32) & 0xffff;
  if ((stackSelector & SELECTOR_RPL) != level) return false;
  if (level == 0 && isNull(stackSelector)) setNullStack(stackSelector);
  else {
    const stack = descriptorOf(stackSelector, ~(<u64>0));
    if ((stack & DATA_MASK) != FLAT_DATA || descriptorDpl(stack) != level) return false;
    if (level != 0 && (level != 3 || !keepsSegments())) return false;
    setFlatSegment(SS, stackSelector, stack);
  }
  store<u64>(RSP, load<u64>(frame, 24), GPR);
  if (level != 0) switchRing(1);
  setFlatSegment(CS, selector, code);
  returnFlags(image);
  setRip(target);
  return true;
}
