// What a handler tells the interpreter about the instruction it executed.

export const enum Status {
  /** Completed; go on behind it. */
  NEXT = 0,
  /** Completed; RIP holds the address to go on at. */
  JUMP = 1,
  /** Completed, go on behind it, but state changed that the interpreter's loop relies on (mode, paging,
   *  IF, TF, shadow, pending interrupts): leave to the run loop first. */
  SYNC = 2,
  /** JUMP and SYNC together. */
  JUMP_SYNC = 3,
  /** Not completed and nothing committed: FAULT says whether an exception or an exit is pending. */
  FAULT = 4,
}

/** Values of the FAULT cell. */
export const enum Fault {
  NONE = 0,
  EXCEPTION = 1,
  /** The exit record is filled; the instruction is executed again when the host has completed the exit. */
  EXIT = 2,
  /** The instruction reaches an APIC out of a block: the run loop executes it by itself (vcpu/apic). */
  ALONE = 3,
}

/** Bits of the SHADOW cell. */
export const enum Shadow {
  STI = 1,
  MOV_SS = 2,
}

/** Bits of the CONTEXT_STALE cell: what vcpu/mode.refresh must recompute. */
export const enum Stale {
  /** Everything: control registers changed, the set of lookup tables may be another one. */
  ADDRESS_SPACE = 1,
  /** FETCH_TAG only (mmu/fetch). */
  TAG = 2,
  /** What follows from segments, CPL, flags and debug registers. */
  MODE = 4,
}

/** Values of the ACTIVITY cell. */
export const enum Activity {
  ACTIVE = 0,
  HALTED = 1,
  SHUTDOWN = 2,
  WAIT_FOR_SIPI = 3,
}
