// Every export of the core, and nothing else: the only file the host may know. Arguments and results are
// 32-bit; 64-bit values travel in the VALUE cells (layout.ts), because an i64 costs a BigInt at the border.

import { startApic } from "./chipset/apic-access";
import { clockReset } from "./chipset/clock";
import { updatePending } from "./chipset/interrupts";
import { resetLapic } from "./chipset/lapic";
import { chipsetReset } from "./chipset/ports";
import { schedule as scheduleEvents } from "./chipset/schedule";
import { resetCache } from "./decode/cache";
import { decode as decodeBytes } from "./decode/decode";
import { Op } from "./decode/op";
import {
  CURRENT_PROCESSOR,
  DECODE_BUFFER,
  DECODE_UOP,
  EXIT_PROCESSOR,
  INJECT,
  INJECT_ERROR,
  INJECT_LENGTH,
  PROCESSOR_COUNT,
  PROCESSOR_INDEX,
  REPLAY,
  REPLAY_COUNT,
  REPLAY_MAX,
  REPLAY_PROCESSOR,
  TICKS,
  TURN_LEFT,
  VALUE,
} from "./layout";
import { digest as digestMemory } from "./memory/digest";
import { addRange as addPhysicalRange, frameOf as physicalFrame, removeRange as removePhysicalRange } from "./memory/ranges";
import { hostWrote, setCodeCallback } from "./memory/track";
import { startMmu } from "./mmu/start";
import { isCanonical } from "./mmu/tables";
import { NO_SIDE_EFFECTS, walk, WALK_ERROR, WALK_GPA } from "./mmu/walk";
import { adoptRegions, frameWritten, installRegion, killRegion, startRegions, tablesMoved } from "./region/life";
import { RegionState } from "./region/record";
import { retired as retiredCount, run as runPartition, select as selectProcessor, stepProcessor } from "./run";
import { TURN_TICKS } from "./tuning";
import { canonicalize as canonicalizeProcessor } from "./vcpu/canonical";
import { writeControl as writeControlRegister, writeEfer } from "./vcpu/control";
import { loadCpuidDefaults } from "./vcpu/cpuid";
import { clearFault } from "./vcpu/fault";
import { rflags as readFlags, setRflags as writeFlags } from "./vcpu/flags";
import { resetProcessor } from "./vcpu/reset";
import { markAddressSpaceStale, markContextStale } from "./vcpu/state";
import { EventType } from "./x86/vectors";

export { setA20, setInterruptLine, uartInput } from "./chipset/ports";
export { message } from "./chipset/messages";

/** Prepares a partition whose plan the host has written. Once, before anything else. */
export function init(): void {
  startMmu();
  const code: (frame: u32, offset: u32, length: u32) => void = frameWritten;
  setCodeCallback(code.index);
  resetCache();
  startRegions();
  loadCpuidDefaults();
  startApic();
  clockReset();
  store<u32>(TURN_LEFT, TURN_TICKS);
  const count = load<u32>(PROCESSOR_COUNT);
  for (let n: u32 = 0; n < count; n++) reset(n);
  selectProcessor(0);
  chipsetReset();
}

/** Architectural RESET state of one processor; those behind the first wait for a start-up IPI. */
export function reset(processor: u32): void {
  selectProcessor(processor);
  store<u32>(PROCESSOR_INDEX, processor);
  resetProcessor();
  resetLapic(processor);
}
/** State of the core's devices after power-on. */
export function resetChipset(): void {
  chipsetReset();
  updatePending();
}

/** HOST_DEADLINE has changed. */
export function schedule(): void { scheduleEvents(); }

export function select(processor: u32): void { selectProcessor(processor); }
/** The host wrote registers of the selected processor. */
export function refresh(): void { markAddressSpaceStale(); }
export function run(): u32 { return runPartition(); }
export function step(processor: u32, count: u32): u32 { return stepProcessor(processor, count); }

/** Answers the pending access with VALUE[0]. An exit with several results is answered by as many calls. */
export function complete(): void {
  if (load<u32>(REPLAY_COUNT) == 0) store<u32>(REPLAY_PROCESSOR, load<u32>(EXIT_PROCESSOR));
  const count = load<u32>(REPLAY_COUNT);
  if (count >= REPLAY_MAX) return;
  store<u64>(<usize>count << 3, load<u64>(VALUE), REPLAY);
  store<u32>(REPLAY_COUNT, count + 1);
}
/** The pending access raises an exception instead. */
export function completeFault(vector: u32, hasError: u32, error: u32): void {
  selectProcessor(load<u32>(EXIT_PROCESSOR));
  store<u32>(REPLAY_COUNT, 0);
  store<u32>(INJECT, 0x8000_0000 | (hasError << 11) | (EventType.EXCEPTION << 8) | vector);
  store<u32>(INJECT_ERROR, error);
  store<u32>(INJECT_LENGTH, 0);
}

export function rflags(): u32 { return readFlags(); }
export function setRflags(value: u32): void {
  writeFlags(value);
  markContextStale();
}
/** Writes control register 0, 3, 4 or 8 with VALUE[0] as MOV would, or EFER as register 0x80. 0: refused. */
export function writeControl(register: u32): u32 {
  const value = load<u64>(VALUE);
  const accepted = register == 0x80 ? writeEfer(value) : writeControlRegister(register, value);
  // A refusal raised #GP(0), which belongs to a guest's instruction and not to the host.
  if (!accepted) clearFault();
  return u32(accepted);
}

export function addRange(firstPage: u32, pages: u32, kind: u32, firstFrame: u32): u32 {
  return u32(addPhysicalRange(firstPage, pages, kind, firstFrame));
}
export function removeRange(firstPage: u32): u32 { return u32(removePhysicalRange(firstPage)); }
/** Frame behind a guest-physical page number, -1 if it is neither RAM nor ROM. */
export function frameOf(page: u32): i32 { return physicalFrame(<u64>page << 12); }
/** The host wrote guest memory: `length` bytes from an offset of a frame, possibly into the following ones. */
export function memoryWritten(frame: u32, offset: u32, length: u32): void {
  adoptRegions();
  hostWrote(frame, offset, length);
}

/** The function of a PENDING region is in a slot of the table. 0: its code has changed meanwhile, or it is not pending. */
export function regionInstall(index: u32, slot: u32): u32 { return u32(installRegion(index, slot)); }
/** The region is not entered any more: it is DEAD, and its record the host's to free. */
export function regionKill(index: u32): void { killRegion(index, RegionState.DEAD); }
/** The host has moved the side tables of regions. */
export function regionsMoved(): void { tablesMoved(); }

/** Translates VALUE[0] for an access (bits of mmu/walk) without side effects: VALUE[0] = gpa, or VALUE[1] = error code. */
export function translate(processor: u32, access: u32): u32 {
  selectProcessor(processor);
  const linear = load<u64>(VALUE);
  if (!isCanonical(linear) || !walk(linear, access | NO_SIDE_EFFECTS)) {
    store<u64>(VALUE, <u64>load<u32>(WALK_ERROR), 8);
    return 0;
  }
  store<u64>(VALUE, load<u64>(WALK_GPA));
  return 1;
}

/** Fills the CPUID table with the defaults. */
export function cpuidDefaults(): void { loadCpuidDefaults(); }

/**
 * Decodes DECODE_BUFFER, of which `length` bytes count, under a mode word into DECODE_UOP. Returns the
 * instruction's length, 0 if the bytes end before it does, -1 for what raises #UD or #GP by its encoding.
 */
export function decode(length: u32, mode: u32): i32 {
  const used = decodeBytes(DECODE_BUFFER, length, mode, DECODE_UOP);
  if (used == 0) return 0;
  const op = load<u16>(DECODE_UOP);
  if (op == Op.INVALID || op == Op.TOO_LONG) return -1;
  return used;
}

/** VALUE[0] = instructions retired, VALUE[1] = ticks of the selected processor. */
export function retired(): void {
  store<u64>(VALUE, retiredCount());
  store<u64>(VALUE, load<u64>(TICKS), 8);
}
/** Selects a processor and gives its state its one form. */
export function canonicalize(processor: u32): void {
  selectProcessor(processor);
  canonicalizeProcessor();
}
/** VALUE[0] = digest of VALUE[0] and a piece of linear memory. */
export function digest(address: u32, length: u32): void {
  store<u64>(VALUE, digestMemory(load<u64>(VALUE), address, length));
}
/** The host has put a saved chipset and clock in place. */
export function chipsetRestored(): void {
  scheduleEvents();
  updatePending();
}

export function currentProcessor(): u32 { return load<u32>(CURRENT_PROCESSOR); }
