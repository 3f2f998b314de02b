// One virtual processor: its registers, the events that the host puts into it, its view of linear memory,
// and stepping. It shares the core with the partition's other processors: the core's hot state holds one
// of them at a time and `select` switches.

import type { Core } from "../engine/core.js";
import * as v from "../engine/views.js";
import { hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";
import { type AccessKind, ExitSlot, type VmExit } from "./exit.js";
import type { GuestMemory } from "./memory.js";
import { RegisterAccess, type RegisterFile, type RegisterName } from "./registers.js";

export type Activity = "active" | "halted" | "shutdown" | "waitForSipi";
const ACTIVITIES: readonly Activity[] = ["active", "halted", "shutdown", "waitForSipi"];

export type EventKind =
  | "external"
  | "nmi"
  | "exception"
  | "softwareInterrupt"
  | "privilegedSoftwareException"
  | "softwareException";
const EVENT_TYPES: Record<EventKind, number> = {
  external: v.EventType.EXTERNAL,
  nmi: v.EventType.NMI,
  exception: v.EventType.EXCEPTION,
  softwareInterrupt: v.EventType.SOFTWARE_INTERRUPT,
  privilegedSoftwareException: v.EventType.PRIVILEGED_SOFTWARE_EXCEPTION,
  softwareException: v.EventType.SOFTWARE_EXCEPTION,
};

export interface EventInjection {
  /** Default: exception for vectors below 32, external above. */
  type?: EventKind;
  errorCode?: number;
  /** Length of the instruction that a software event returns behind. */
  instructionLength?: number;
}

/** What the processor may leave for, beside what it cannot do alone. */
export interface Intercepts {
  hlt?: boolean;
  cpuid?: boolean;
  /** Registers that the core does not know. */
  msr?: boolean;
  hypercall?: boolean;
  /** Vectors, or a bitmap of them. */
  exceptions?: readonly number[] | number;
}

export type Translation =
  | { readonly ok: true; readonly gpa: number }
  /** The page-fault error code that the access would raise. */
  | { readonly ok: false; readonly errorCode: number };

// Access bits of mmu/walk.
const ACCESS_WRITE = 1;
const ACCESS_USER = 2;
const ACCESS_FETCH = 4;
const ACCESS_NO_SIDE_EFFECTS = 16;
const PAGE = 4096n;

/** What a processor needs from its partition. */
export interface ProcessorHost {
  readonly memory: GuestMemory;
  checkUsable(): void;
  /** Handlers are registered for MSRs that the core does not know. */
  servesMsrs(): boolean;
  step(processor: VirtualProcessor, count: number): VmExit;
  wake(): void;
}

export class VirtualProcessor {
  readonly registers: RegisterFile;
  /** The reused exit object; its contents are those of the processor's last exit. */
  readonly exit: ExitSlot;
  readonly #core: Core;
  readonly #host: ProcessorHost;
  #exitOnMsr = false;

  constructor(
    readonly index: number,
    core: Core,
    host: ProcessorHost,
  ) {
    this.#core = core;
    this.#host = host;
    this.registers = new RegisterAccess(core, () => this.select()) as RegisterFile;
    this.exit = new ExitSlot(this, core);
  }

  /** Makes the core's hot state hold this processor. */
  select(): void {
    this.#host.checkUsable();
    if (this.#core.getU32(v.CURRENT_PROCESSOR) !== this.index) this.#core.exports.select(this.index);
  }

  /** Instructions retired: a REP string counts once, a faulting instruction not. */
  get instructions(): bigint {
    this.select();
    this.#core.exports.retired();
    return this.#core.value(0);
  }

  /** Ticks: the deterministic clock; each REP element and each delivered event counts. */
  get ticks(): bigint {
    this.select();
    this.#core.exports.retired();
    return this.#core.value(1);
  }

  get activity(): Activity {
    this.select();
    return ACTIVITIES[this.#core.getU32(v.ACTIVITY)];
  }
  set activity(value: Activity) {
    const code = ACTIVITIES.indexOf(value);
    if (code < 0) throw new HypervisorError("invalid-argument", `there is no activity "${value}"`);
    this.select();
    this.#core.setU32(v.ACTIVITY, code);
    this.#host.wake();
  }

  /** Reads many registers into one array, without allocation when the array is the same as last time. */
  read(names: readonly RegisterName[], into: BigUint64Array): void {
    this.registers.read(names, into);
  }

  /** Retires exactly `count` instructions on this processor, unless something else leaves first. */
  step(count = 1): VmExit {
    if (!Number.isSafeInteger(count) || count < 1 || count > 0xffff_ffff) {
      throw new HypervisorError("invalid-argument", `cannot step ${count} instructions`);
    }
    return this.#host.step(this, count);
  }

  /** RESET state; processors behind the first then wait for a start-up. */
  reset(): void {
    this.select();
    this.exit.pending = false;
    // Answers to an instruction that will not be executed again.
    if (this.#core.getU32(v.REPLAY_PROCESSOR) === this.index) this.#core.setU32(v.REPLAY_COUNT, 0);
    this.#core.exports.reset(this.index);
  }

  /** Starts a processor that waits for one, as a start-up IPI does: real mode at vector * 4 KiB. */
  startup(vector: number): void {
    if (!Number.isInteger(vector) || vector < 0 || vector > 0xff) {
      throw new HypervisorError("invalid-argument", `start-up vector ${vector} is not 0-255`);
    }
    this.registers.set("cs.selector", vector << 8);
    this.registers.set("cs.base", vector << 12);
    this.registers.set("rip", 0);
    this.activity = "active";
  }

  /** Delivers an event before the next instruction. */
  inject(vector: number, event: EventInjection = {}): void {
    checkVector(vector);
    const kind = event.type ?? (vector < 32 ? "exception" : "external");
    const type = EVENT_TYPES[kind];
    if (type === undefined) throw new HypervisorError("invalid-argument", `there is no event type "${kind}"`);
    this.select();
    const hasError = event.errorCode !== undefined;
    this.#core.setU32(v.INJECT_ERROR, event.errorCode ?? 0);
    this.#core.setU32(v.INJECT_LENGTH, event.instructionLength ?? 0);
    this.#core.setU32(v.INJECT, (vector | (type << 8) | (hasError ? 1 << 11 : 0) | (1 << 31)) >>> 0);
    this.#host.wake();
  }

  /** Requests an NMI; it is taken as soon as NMIs are not blocked. */
  nmi(): void {
    this.select();
    this.#core.setU32(v.NMI_PENDING, 1);
    this.#host.wake();
  }

  /** Requests an external interrupt; it is taken as soon as the guest accepts interrupts. */
  interrupt(vector: number): void {
    checkVector(vector);
    this.select();
    this.#core.setU32(v.INTERRUPT_REQUEST, vector | 0x100);
    this.#host.wake();
  }

  /** The request of `interrupt` has not been taken yet. */
  get interruptRequested(): boolean {
    this.select();
    return (this.#core.getU32(v.INTERRUPT_REQUEST) & 0x100) !== 0;
  }

  /** Asks for an exit ("interruptWindow") as soon as an interrupt could be taken. */
  requestInterruptWindow(wanted = true): void {
    this.select();
    this.#core.setU32(v.WANT_WINDOW, wanted ? 1 : 0);
    this.#host.wake();
  }

  /** Unknown MSRs that no handler serves are exits, by `intercept`. */
  get exitsOnMsr(): boolean {
    return this.#exitOnMsr;
  }

  /** Chooses what leaves to the host. Fields that are absent stay as they are. */
  intercept(what: Intercepts): void {
    this.select();
    let bits = this.#core.getU32(v.INTERCEPTS);
    const change = (wanted: boolean | undefined, bit: number): void => {
      if (wanted !== undefined) bits = wanted ? bits | bit : bits & ~bit;
    };
    change(what.hlt, v.INTERCEPT_HLT);
    change(what.cpuid, v.INTERCEPT_CPUID);
    this.#exitOnMsr = what.msr ?? this.#exitOnMsr;
    change(this.#exitOnMsr || this.#host.servesMsrs(), v.INTERCEPT_MSR);
    change(what.hypercall, v.INTERCEPT_HYPERCALL);
    this.#core.setU32(v.INTERCEPTS, bits);
    if (what.exceptions !== undefined) {
      let bitmap = 0;
      if (typeof what.exceptions === "number") bitmap = what.exceptions >>> 0;
      else {
        for (const vector of what.exceptions) {
          if (!Number.isInteger(vector) || vector < 0 || vector > 31) {
            throw new HypervisorError("invalid-argument", `exception vector ${vector} is not 0-31`);
          }
          bitmap |= 1 << vector;
        }
      }
      this.#core.setU32(v.EXCEPTION_BITMAP, bitmap >>> 0);
    }
  }

  /** Translates a linear address as the given access would, with no effect on the guest. */
  translate(linear: bigint, access: AccessKind = "read"): Translation {
    this.select();
    const user = this.#core.getU32(v.CPL) === 3 ? ACCESS_USER : 0;
    const kind = access === "write" ? ACCESS_WRITE : access === "execute" ? ACCESS_FETCH : 0;
    this.#core.setValue(0, BigInt.asUintN(64, linear));
    if (this.#core.exports.translate(this.index, kind | user | ACCESS_NO_SIDE_EFFECTS) !== 0) {
      return { ok: true, gpa: this.#core.getNumber(v.VALUE) };
    }
    return { ok: false, errorCode: Number(this.#core.value(1)) };
  }

  /** Copies guest memory out by linear address, page by page. */
  readMemory(linear: bigint, into: Uint8Array): void {
    this.#linear(linear, into.length, "read", (gpa, from, length) => {
      this.#host.memory.read(gpa, into.subarray(from, from + length));
    });
  }

  /** Copies into guest memory by linear address; nothing is written unless every page can be. */
  writeMemory(linear: bigint, bytes: Uint8Array): void {
    this.#linear(linear, bytes.length, "write", (gpa, from, length) => {
      this.#host.memory.write(gpa, bytes.subarray(from, from + length));
    });
  }

  #linear(
    linear: bigint,
    size: number,
    access: AccessKind,
    visit: (gpa: number, from: number, length: number) => void,
  ): void {
    const pieces: { gpa: number; from: number; length: number }[] = [];
    for (let done = 0; done < size; ) {
      const at = BigInt.asUintN(64, linear + BigInt(done));
      const length = Math.min(size - done, Number(PAGE - (at % PAGE)));
      const found = this.translate(at, access);
      if (!found.ok) {
        throw new HypervisorError(
          "page-fault",
          `${access} of linear ${hex(at)}: page fault, error code ${found.errorCode}`,
        );
      }
      if (!this.#host.memory.isMapped(found.gpa, length)) {
        throw new HypervisorError(
          "memory-not-mapped",
          `linear ${hex(at)} is guest-physical ${hex(found.gpa)}, which is not RAM`,
        );
      }
      pieces.push({ gpa: found.gpa, from: done, length });
      done += length;
    }
    for (const { gpa, from, length } of pieces) visit(gpa, from, length);
  }
}

function checkVector(vector: number): void {
  if (!Number.isInteger(vector) || vector < 0 || vector > 255) {
    throw new HypervisorError("invalid-argument", `vector ${vector} is not 0-255`);
  }
}
