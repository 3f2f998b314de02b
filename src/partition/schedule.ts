// Running a partition on the event loop: slices of a few milliseconds between which timers, input and
// aborts get their turn. An idle partition (every processor halted) sleeps until something wakes it, or
// ends if nothing can; one whose clock follows the host's sleeps until a device is due.

import * as v from "../engine/views.js";
import { HypervisorError } from "../support/errors.js";
import { yieldToEventLoop } from "../support/events.js";
import type { ExitSnapshot, VmExit, VmExitReason } from "./exit.js";
import type { Partition } from "./partition.js";

export interface StartOptions {
  /** Ends the run with the outcome "canceled". */
  signal?: AbortSignal;
  /** Ends the run with the outcome "budget" when exactly this many instructions have retired since power-on. */
  instructions?: number;
  /** Sees every exit that no handler served; true means that it is completed and the guest goes on. */
  onExit?: (exit: VmExit) => boolean;
}

export interface PartitionOutcome {
  readonly reason: VmExitReason | "stopped";
  /** The debug-exit status, (value << 1) | 1. */
  readonly status?: number;
  readonly exit?: ExitSnapshot;
}

/** How long one slice takes: the guest's speed varies too much for a number of ticks to tell. */
const SLICE_MS = 8;
const NANOSECONDS_PER_MS = 1_000_000;
/** Longest sleep; the guest is looked at again behind it. */
const SLEEP_MAX_MS = 60_000;

type State = "idle" | "running" | "pausing" | "paused" | "stopping";

export class Schedule {
  readonly #partition: Partition;
  #state: State = "idle";
  #holds = 0;
  /** An event came since the last slice began. */
  #notified = false;
  /** Continues a sleeping or paused loop. */
  #continue: (() => void) | undefined;
  /** Resolved when the loop stands still. */
  #still: (() => void)[] = [];
  #betweens: (() => void)[] = [];

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  async start(options: StartOptions = {}): Promise<PartitionOutcome> {
    if (this.#state !== "idle")
      throw new HypervisorError("running", `partition "${this.#partition.name}" is started already`);
    const limit = options.instructions;
    if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
      throw new HypervisorError(
        "invalid-argument",
        `a limit of ${limit} instructions: it must be a whole number above 0`,
      );
    }
    const { signal } = options;
    const abort = (): void => this.#rouse();
    signal?.addEventListener("abort", abort);
    this.#state = "running";
    try {
      return await this.#loop(options, signal);
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#state = "idle";
      this.#standStill();
    }
  }

  async #loop(options: StartOptions, signal: AbortSignal | undefined): Promise<PartitionOutcome> {
    for (;;) {
      await this.#settle();
      if (this.#stopping()) return { reason: "stopped" };
      if (signal?.aborted) return { reason: "canceled" };
      // Every instruction takes a tick at least, so this many ticks never retire more than the limit.
      let ticks: number | undefined;
      if (options.instructions !== undefined) {
        const left = BigInt(options.instructions) - this.#partition.instructions;
        if (left <= 0n) return { reason: "budget" };
        ticks = Number(left);
      }
      this.#notified = false;
      const exit = this.#partition.run({ ticks, milliseconds: SLICE_MS });
      if (exit.reason === "halt" && exit.idle) {
        if (!(await this.#sleep(signal, exit.wake))) return { reason: "halt", exit: exit.snapshot() };
        continue;
      }
      if (exit.reason !== "budget" && exit.reason !== "canceled" && options.onExit?.(exit) !== true) {
        const snapshot = exit.snapshot();
        return { reason: exit.reason, exit: snapshot, status: exit.reason === "debugExit" ? exit.status : undefined };
      }
      await yieldToEventLoop();
    }
  }

  #stopping(): boolean {
    return this.#state === "stopping";
  }

  /** Honours pauses and work that wants the guest to stand still. */
  async #settle(): Promise<void> {
    for (const work of this.#betweens.splice(0)) work();
    while (this.#state === "pausing") {
      this.#state = "paused";
      this.#standStill();
      await new Promise<void>((resolve) => {
        this.#continue = resolve;
      });
      for (const work of this.#betweens.splice(0)) work();
    }
  }

  #standStill(): void {
    for (const resolve of this.#still.splice(0)) resolve();
    for (const work of this.#betweens.splice(0)) work();
  }

  /** Waits for an event while the guest is halted, or for guest time `wake`; false when none can come. */
  async #sleep(signal: AbortSignal | undefined, wake: number | undefined): Promise<boolean> {
    // Whatever arrived during the slice is seen after one turn of the event loop.
    await yieldToEventLoop();
    if (this.#notified || signal?.aborted || this.#state !== "running" || this.#betweens.length > 0) return true;
    if (wake !== undefined) {
      await this.#sleepFor((wake - this.#partition.nanoseconds) / NANOSECONDS_PER_MS);
      return true;
    }
    const reachable = this.#partition.processors.some(
      (processor) => processor.activity === "halted" && (Number(processor.registers.rflags) & v.IF) !== 0,
    );
    if (!reachable || this.#holds === 0) return false;
    await new Promise<void>((resolve) => {
      this.#continue = resolve;
    });
    return true;
  }

  /** Waits until something happens, or for some milliseconds of the host's clock. */
  #sleepFor(milliseconds: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const timer = setTimeout(
        () => {
          this.#continue = undefined;
          resolve();
        },
        Math.min(Math.max(milliseconds, 0), SLEEP_MAX_MS),
      );
      this.#continue = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Something happened that a halted guest may react to. */
  wake(): void {
    this.#notified = true;
    this.#rouse();
  }

  /** Lets a sleeping loop look around. */
  #rouse(): void {
    if (this.#state === "paused") return;
    const resume = this.#continue;
    this.#continue = undefined;
    resume?.();
  }

  pause(): Promise<void> {
    if (this.#state === "idle" || this.#state === "paused") return Promise.resolve();
    this.#state = "pausing";
    return this.#waitStill();
  }

  resume(): void {
    if (this.#state !== "paused" && this.#state !== "pausing") return;
    this.#state = "running";
    this.#rouse();
  }

  stop(): Promise<void> {
    if (this.#state === "idle") return Promise.resolve();
    this.#state = "stopping";
    return this.#waitStill();
  }

  #waitStill(): Promise<void> {
    const still = new Promise<void>((resolve) => this.#still.push(resolve));
    this.#rouse();
    return still;
  }

  /** Runs work while the guest stands still: now, or at the next slice boundary. */
  between(work: () => void): Promise<void> {
    if (this.#state === "idle" || this.#state === "paused") {
      work();
      return Promise.resolve();
    }
    const done = new Promise<void>((resolve) =>
      this.#betweens.push(() => {
        work();
        resolve();
      }),
    );
    this.#rouse();
    return done;
  }

  holdOpen(): Disposable {
    this.#holds++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#holds--;
        this.#rouse();
      },
    };
  }
}
