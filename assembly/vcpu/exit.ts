// The exit record: one neutral description of why the guest stopped, and the replay log that makes
// exits in the middle of an instruction exact.
//
// An access that the host must answer (port, MMIO, MSR, CPUID, hypercall) goes through `hostAccess`.
// Nothing of the instruction is committed at that point. If the log holds an answer for this access
// (its position within the instruction) it is used; otherwise the record is filled, FAULT becomes EXIT
// and the instruction unwinds. The host appends its answer to the log (`complete`) and runs again: the
// instruction executes from its start, consumes the answered accesses and goes on. The run loop clears
// the log when the instruction has retired or faulted.

import {
  CURRENT_PROCESSOR,
  EXIT_FLAGS,
  EXIT_GPA,
  EXIT_LENGTH,
  EXIT_LINEAR,
  EXIT_PROCESSOR,
  EXIT_REASON,
  EXIT_SELECTOR,
  EXIT_SIZE,
  EXIT_VALUE,
  FAULT,
  REPLAY,
  REPLAY_COUNT,
  REPLAY_POSITION,
} from "../layout";
import { Fault } from "./status";

export const enum ExitReason {
  NONE = 0,
  /** The tick budget is used up. */
  BUDGET = 1,
  IO_PORT = 2,
  MEMORY = 3,
  MSR = 4,
  CPUID = 5,
  HYPERCALL = 6,
  HALT = 7,
  EXCEPTION = 8,
  INTERRUPT_WINDOW = 9,
  TRIPLE_FAULT = 10,
  /** A STOP_REQUEST was honoured. */
  CANCELED = 11,
  /** The guest wrote the debug-exit port; value = status. */
  DEBUG_EXIT = 12,
  /** step() executed its instructions. */
  STEP = 13,
  /** Every processor is halted and nothing can wake them. */
  IDLE = 14,
  /** Output rings want draining; run again afterwards. */
  OUTPUT = 15,
  BREAKPOINT = 16,
  RESET = 17,
  /** The clock has reached HOST_DEADLINE. */
  TIMER = 18,
  /** A device of the host switched the machine off. */
  SHUTDOWN = 19,
  /** Code has become hot: the host's translator may want to look. Run again. */
  TRANSLATE = 20,
}

/** Bits of EXIT_FLAGS. */
export const EXIT_WRITE: u32 = 1;
export const EXIT_STRING: u32 = 2;
export const EXIT_REP: u32 = 4;
export const EXIT_UNMAPPED: u32 = 8;
export const EXIT_FETCH: u32 = 16;
export const EXIT_HAS_ERROR: u32 = 32;

/** Fills the record. Addresses and value are zero unless given. */
export function fillExit(reason: ExitReason, selector: u32, size: u32, flags: u32, value: u64 = 0, gpa: u64 = 0, linear: u64 = 0): void {
  store<u32>(EXIT_REASON, reason);
  store<u32>(EXIT_PROCESSOR, load<u32>(CURRENT_PROCESSOR));
  store<u32>(EXIT_SELECTOR, selector);
  store<u32>(EXIT_SIZE, size);
  store<u32>(EXIT_FLAGS, flags);
  store<u32>(EXIT_LENGTH, 0);
  store<u64>(EXIT_VALUE, value);
  store<u64>(EXIT_GPA, gpa);
  store<u64>(EXIT_LINEAR, linear);
}

/**
 * An access the host answers. Returns the answer (reads) or 0 (writes) when the log has one; otherwise
 * fills the record, sets FAULT to EXIT and returns 0: callers test `faulted()`.
 */
export function hostAccess(reason: ExitReason, selector: u32, size: u32, flags: u32, value: u64 = 0, gpa: u64 = 0, linear: u64 = 0): u64 {
  const position = load<u32>(REPLAY_POSITION);
  if (position < load<u32>(REPLAY_COUNT)) {
    store<u32>(REPLAY_POSITION, position + 1);
    return load<u64>(<usize>position << 3, REPLAY);
  }
  if (load<u32>(FAULT) == Fault.NONE) {
    fillExit(reason, selector, size, flags, value, gpa, linear);
    store<u32>(FAULT, Fault.EXIT);
  }
  return 0;
}
