// Why a processor left to the host. One exit object per processor, reused: its fields are read from a copy
// of the core's exit record, so that nothing is allocated on the run path and a big integer only where the
// caller asks for one. An exit that stands for an access carries its own completion; until it is completed
// the instruction has not happened, and running again is refused.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";
import type { VirtualProcessor } from "./processor.js";

export type AccessKind = "read" | "write" | "execute";

export interface CpuidResult {
  eax: number;
  ebx: number;
  ecx: number;
  edx: number;
}

/** What every exit tells. */
export interface ExitContext {
  readonly processor: VirtualProcessor;
  readonly rip: bigint;
  readonly rflags: bigint;
  readonly cpl: number;
  /** Length of the instruction in bytes, 0 where it is not known. */
  readonly length: number;
  /** Instructions that the processor has retired. */
  readonly instructions: bigint;
  readonly ticks: bigint;
  /** A copy that later exits do not overwrite. */
  snapshot(): ExitSnapshot;
}

export interface IoPortExit extends ExitContext {
  readonly reason: "ioPort";
  readonly port: number;
  readonly size: 1 | 2 | 4;
  readonly write: boolean;
  readonly string: boolean;
  readonly rep: boolean;
  /** The value written; 0 for reads. */
  readonly value: number;
  /** Finishes the access; reads need the value. */
  complete(value?: number): void;
}
export interface MemoryAccessExit extends ExitContext {
  readonly reason: "memoryAccess";
  readonly gpa: number;
  readonly linear: bigint;
  readonly access: AccessKind;
  readonly size: number;
  readonly write: boolean;
  /** No memory-mapped range is registered there. */
  readonly unmapped: boolean;
  readonly value: bigint;
  /** Finishes the access; reads need the value. Executing where nothing is raises #UD. */
  complete(value?: bigint | number): void;
}
export interface MsrExit extends ExitContext {
  readonly reason: "msr";
  readonly msr: number;
  readonly write: boolean;
  readonly value: bigint;
  complete(value?: bigint | number): void;
  /** The access raises #GP(0). */
  fault(): void;
}
export interface CpuidExit extends ExitContext {
  readonly reason: "cpuid";
  readonly leaf: number;
  readonly subleaf: number;
  /** What the partition's table says. */
  readonly result: CpuidResult;
  complete(result?: CpuidResult): void;
}
export interface HypercallExit extends ExitContext {
  readonly reason: "hypercall";
  /** RAX at the call. */
  readonly value: bigint;
  /** Finishes the call; the result goes to RAX. */
  complete(result?: bigint | number): void;
  /** The instruction raises #UD. */
  fault(): void;
}
export interface ExceptionExit extends ExitContext {
  readonly reason: "exception";
  readonly vector: number;
  readonly errorCode: number | undefined;
  /** Linear address of a page fault. */
  readonly linear: bigint;
  /** Delivers the exception to the guest, or executes the instruction again. */
  complete(action?: "deliver" | "retry"): void;
}
export interface DebugExitExit extends ExitContext {
  readonly reason: "debugExit";
  /** (value << 1) | 1. */
  readonly status: number;
  complete(): void;
}
export interface ResetExit extends ExitContext {
  readonly reason: "reset";
  /** Goes on as if the guest had not asked. */
  complete(): void;
}
export interface HaltExit extends ExitContext {
  readonly reason: "halt";
  /** Every processor is halted and nothing inside the partition can wake one; false: HLT is intercepted. */
  readonly idle: boolean;
  /** Guest time in nanoseconds at which a device will wake the guest; only with a clock that follows the host's. */
  readonly wake: number | undefined;
  /** Goes on behind an intercepted HLT. */
  complete(): void;
}
export interface PlainExit extends ExitContext {
  /** "shutdown": a device switched the machine off. */
  readonly reason: "interruptWindow" | "tripleFault" | "canceled" | "budget" | "step" | "breakpoint" | "shutdown";
}

export type VmExit =
  | IoPortExit
  | MemoryAccessExit
  | MsrExit
  | CpuidExit
  | HypercallExit
  | ExceptionExit
  | DebugExitExit
  | ResetExit
  | HaltExit
  | PlainExit;
export type VmExitReason = VmExit["reason"];

type Details<Exit> = Exit extends VmExit
  ? Omit<Exit, "complete" | "fault" | "snapshot" | "processor"> & { processor: number }
  : never;
/** The facts of an exit, detached from the processor. */
export type ExitSnapshot = Readonly<Details<VmExit>>;

const REASONS: Record<number, VmExitReason> = {
  [v.ExitReason.BUDGET]: "budget",
  [v.ExitReason.IO_PORT]: "ioPort",
  [v.ExitReason.MEMORY]: "memoryAccess",
  [v.ExitReason.MSR]: "msr",
  [v.ExitReason.CPUID]: "cpuid",
  [v.ExitReason.HYPERCALL]: "hypercall",
  [v.ExitReason.HALT]: "halt",
  [v.ExitReason.EXCEPTION]: "exception",
  [v.ExitReason.INTERRUPT_WINDOW]: "interruptWindow",
  [v.ExitReason.TRIPLE_FAULT]: "tripleFault",
  [v.ExitReason.CANCELED]: "canceled",
  [v.ExitReason.DEBUG_EXIT]: "debugExit",
  [v.ExitReason.STEP]: "step",
  [v.ExitReason.IDLE]: "halt",
  [v.ExitReason.BREAKPOINT]: "breakpoint",
  [v.ExitReason.RESET]: "reset",
  [v.ExitReason.SHUTDOWN]: "shutdown",
};

/** Exits that stand for an access inside an instruction and wait for an answer. */
const ANSWERED = new Set<VmExitReason>([
  "ioPort",
  "memoryAccess",
  "msr",
  "cpuid",
  "hypercall",
  "exception",
  "debugExit",
  "reset",
]);

export function exitReasonName(code: number): VmExitReason | undefined {
  return REASONS[code];
}

const RECORD_WORDS = (v.EXIT_CPUID + 16 - v.EXIT_REASON) / 4;
const word = (address: number): number => (address - v.EXIT_REASON) / 4;

/** The reused exit of one processor; seen from outside as one member of the union VmExit. */
export class ExitSlot {
  reason: VmExitReason = "budget";
  /** The access waits for complete(). */
  pending = false;
  readonly #core: Core;
  readonly #source: Uint32Array;
  readonly #record = new Uint32Array(RECORD_WORDS);
  #idle = false;
  #wake: number | undefined;

  constructor(
    readonly processor: VirtualProcessor,
    core: Core,
  ) {
    this.#core = core;
    this.#source = core.u32.subarray(v.EXIT_REASON / 4, v.EXIT_REASON / 4 + RECORD_WORDS);
  }

  /** Takes over the core's record. `wake`: what an idle exit tells. */
  fill(code: number, wake?: number): VmExit {
    this.#wake = wake;
    this.#record.set(this.#source);
    this.#record[0] = code;
    this.reason = REASONS[code] ?? "canceled";
    // An intercepted HLT leaves before it halts.
    this.#idle = this.#core.getU32(v.ACTIVITY) !== v.Activity.ACTIVE;
    this.pending = ANSWERED.has(this.reason) || (this.reason === "halt" && !this.idle);
    return this as unknown as VmExit;
  }

  #word(address: number): number {
    return this.#record[word(address)];
  }
  #wide(address: number): bigint {
    return (BigInt(this.#record[word(address) + 1]) << 32n) | BigInt(this.#record[word(address)]);
  }
  #flag(bit: number): boolean {
    return (this.#word(v.EXIT_FLAGS) & bit) !== 0;
  }

  get rip(): bigint {
    return this.processor.registers.rip;
  }
  get rflags(): bigint {
    return this.processor.registers.rflags;
  }
  get cpl(): number {
    return Number(this.processor.registers.cpl);
  }
  get length(): number {
    return this.#word(v.EXIT_LENGTH);
  }
  get instructions(): bigint {
    return this.processor.instructions;
  }
  get ticks(): bigint {
    return this.processor.ticks;
  }
  get port(): number {
    return this.#word(v.EXIT_SELECTOR);
  }
  get msr(): number {
    return this.#word(v.EXIT_SELECTOR);
  }
  get vector(): number {
    return this.#word(v.EXIT_SELECTOR);
  }
  get leaf(): number {
    return this.#word(v.EXIT_SELECTOR);
  }
  get subleaf(): number {
    return this.#word(v.EXIT_SUBLEAF);
  }
  get size(): number {
    return this.#word(v.EXIT_SIZE);
  }
  get write(): boolean {
    return this.#flag(v.EXIT_WRITE);
  }
  get string(): boolean {
    return this.#flag(v.EXIT_STRING);
  }
  get rep(): boolean {
    return this.#flag(v.EXIT_REP);
  }
  get unmapped(): boolean {
    return this.#flag(v.EXIT_UNMAPPED);
  }
  get access(): AccessKind {
    return this.#flag(v.EXIT_FETCH) ? "execute" : this.write ? "write" : "read";
  }
  get gpa(): number {
    return this.#record[word(v.EXIT_GPA) + 1] * 0x1_0000_0000 + this.#record[word(v.EXIT_GPA)];
  }
  get linear(): bigint {
    return this.#wide(v.EXIT_LINEAR);
  }
  get value(): bigint | number {
    return this.reason === "ioPort" ? this.#word(v.EXIT_VALUE) : this.#wide(v.EXIT_VALUE);
  }
  get errorCode(): number | undefined {
    return this.#flag(v.EXIT_HAS_ERROR) ? this.#word(v.EXIT_VALUE) : undefined;
  }
  get status(): number {
    return this.#word(v.EXIT_VALUE);
  }
  get idle(): boolean {
    return this.#idle;
  }
  get wake(): number | undefined {
    return this.#wake;
  }
  get result(): CpuidResult {
    const at = word(v.EXIT_CPUID);
    return { eax: this.#record[at], ebx: this.#record[at + 1], ecx: this.#record[at + 2], edx: this.#record[at + 3] };
  }

  complete(answer?: number | bigint | CpuidResult | "deliver" | "retry"): void {
    this.#take();
    if (this.reason === "exception") {
      if (answer !== "retry") this.#deliver();
    } else if (this.reason === "cpuid") {
      const result = (answer as CpuidResult | undefined) ?? this.result;
      this.#answer(BigInt(result.eax >>> 0) | (BigInt(result.ebx >>> 0) << 32n));
      this.#answer(BigInt(result.ecx >>> 0) | (BigInt(result.edx >>> 0) << 32n));
    } else if (this.reason === "memoryAccess" && this.#flag(v.EXIT_FETCH)) {
      // An open bus reads as ones, and FF FF is no instruction.
      this.#core.exports.completeFault(v.VECTOR_UD, 0, 0);
    } else this.#answer(this.#scalar(answer as number | bigint | undefined));
  }

  /** The access raises the exception that the instruction raises when it is refused. */
  fault(): void {
    this.#take();
    if (this.reason === "hypercall") this.#core.exports.completeFault(v.VECTOR_UD, 0, 0);
    else this.#core.exports.completeFault(v.VECTOR_GP, 1, 0);
  }

  /** Answers with a plain number, without big integers: the path of registered handlers. */
  answerNumber(value: number): void {
    this.pending = false;
    this.#core.setNumber(v.VALUE, value);
    this.#core.exports.complete();
  }

  #take(): void {
    if (!this.pending) {
      throw new HypervisorError("exit-not-pending", `this ${this.reason} exit is completed or needs no completion`);
    }
    this.pending = false;
  }

  /** All ones where a read is completed without a value. */
  #scalar(answer: number | bigint | undefined): bigint {
    if (answer === undefined) return this.reason === "hypercall" ? 0n : this.write ? 0n : 0xffff_ffff_ffff_ffffn;
    if (typeof answer === "number") {
      if (!Number.isSafeInteger(answer)) {
        this.pending = true;
        throw new HypervisorError("invalid-argument", `an access cannot be completed with ${answer}`);
      }
      return BigInt.asUintN(64, BigInt(answer));
    }
    return BigInt.asUintN(64, answer);
  }

  #answer(value: bigint): void {
    this.#core.setValue(0, value);
    this.#core.exports.complete();
  }

  #deliver(): void {
    const { vector, errorCode } = this;
    const { registers } = this.processor;
    if (vector === v.VECTOR_PF) registers.set("cr2", this.linear);
    // The value of #DB is the DR6 bits of its conditions.
    if (vector === v.VECTOR_DB) registers.set("dr6", registers.get("dr6") | BigInt(this.#word(v.EXIT_VALUE)));
    this.processor.inject(vector, { type: "exception", errorCode });
  }

  snapshot(): ExitSnapshot {
    const { reason, rip, rflags, cpl, length, instructions, ticks } = this;
    const facts: Record<string, unknown> = {
      reason,
      processor: this.processor.index,
      rip,
      rflags,
      cpl,
      length,
      instructions,
      ticks,
    };
    for (const field of SNAPSHOT_FIELDS[reason] ?? []) facts[field] = this[field];
    return Object.freeze(facts) as unknown as ExitSnapshot;
  }
}

const SNAPSHOT_FIELDS: Partial<Record<VmExitReason, readonly (keyof ExitSlot)[]>> = {
  ioPort: ["port", "size", "write", "string", "rep", "value"],
  memoryAccess: ["gpa", "linear", "access", "size", "write", "unmapped", "value"],
  msr: ["msr", "write", "value"],
  cpuid: ["leaf", "subleaf", "result"],
  hypercall: ["value"],
  exception: ["vector", "errorCode", "linear"],
  debugExit: ["status"],
  halt: ["idle", "wake"],
};
