// A partition: guest memory, virtual processors, devices, and the loop that runs them. `run` is synchronous
// and allocates nothing: it enters the core, serves what host handlers can serve, and returns the reused
// exit object of the processor that left for anything else. `start` drives the same loop in slices on the
// event loop (schedule.ts).

import { Core } from "../engine/core.js";
import { PAGE, planMemory } from "../engine/plan.js";
import * as v from "../engine/views.js";
import { hex } from "../support/bytes.js";
import { type EngineError, HypervisorError } from "../support/errors.js";
import {
  createTranslation,
  type Translation,
  TranslationCounts,
  type TranslationInspection,
  type TranslationStatistics,
  takeStatistics,
} from "../translation/index.js";
import { Bus } from "./bus.js";
import { Chipset, coreDeviceBits } from "./chipset.js";
import { RealTime, TIMED_SLICE } from "./clock.js";
import { overrideCpuid } from "./cpuid.js";
import type { Device } from "./device.js";
import type { ExitSlot, VmExit } from "./exit.js";
import { engineFailure } from "./failure.js";
import { type MemoryHandler, type MsrHandler, type PortHandler, PortTable, RangeTable } from "./handlers.js";
import { mapMemory, RANGE_MMIO } from "./map.js";
import { GuestMemory } from "./memory.js";
import { type PartitionOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { type ProcessorHost, VirtualProcessor } from "./processor.js";
import { checkSaved, type SavedPartition } from "./saved.js";
import { type PartitionOutcome, Schedule, type StartOptions } from "./schedule.js";
import { checkCore, digestCore, restoreChipset, restoreCore, saveCore } from "./state.js";
import { type ExitCountName, ExitStatistics } from "./statistics.js";
import { Timers } from "./timers.js";

const { ExitReason } = v;
/** Ticks of a run without a budget: more than any guest executes, exact as a number. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;
const ALL_ONES_32 = 0xffff_ffff;
const NANOSECONDS = 1_000_000_000;

/** The engine's modules. Without a translator everything is interpreted. */
export interface PartitionModules {
  readonly core: WebAssembly.Module;
  readonly translator: WebAssembly.Module | undefined;
}

export interface RunOptions {
  /** Ticks for all processors together. */
  ticks?: number;
  /** Leaves with "budget" after about so much of the host's time, too. */
  milliseconds?: number;
}

export class Partition {
  readonly name: string;
  readonly memory: GuestMemory;
  readonly processors: readonly VirtualProcessor[];
  readonly chipset: Chipset;
  /** Nominal frequency in Hz. */
  readonly frequency: number;
  readonly #core: Core;
  readonly #options: ResolvedOptions;
  readonly #ports = new PortTable();
  readonly #ranges = new RangeTable<MemoryHandler>("memory range", 2 ** 44 - 1);
  readonly #msrs = new RangeTable<MsrHandler>("MSR range", ALL_ONES_32);
  readonly #devices: Device[] = [];
  readonly #timers: Timers;
  readonly #bus: Bus;
  /** The host's clock, where the guest's follows it. */
  readonly #realTime: RealTime | undefined;
  /** What a device has asked for: the run ends with it once the current instruction is answered. */
  #ending: "shutdown" | "reset" | undefined;
  readonly #statistics = new ExitStatistics();
  readonly #translation: Translation | undefined;
  readonly #schedule: Schedule;
  readonly #onDispose: (partition: Partition) => void;
  /** An exit that waits for its completion. */
  #pending: ExitSlot | undefined;
  /** Processor whose turn it is; looking at others in between must not change the order. */
  #turn = 0;
  #entered = false;
  #disposed = false;
  #failure: EngineError | undefined;

  /** Use Hypervisor.createPartition. */
  constructor(modules: PartitionModules, options: PartitionOptions, onDispose: (partition: Partition) => void) {
    const resolved = resolveOptions(options);
    const map = mapMemory(resolved.memory, resolved.roms, resolved.vgaHole);
    const plan = planMemory(map.frames);
    this.#options = resolved;
    this.#onDispose = onDispose;
    this.name = resolved.name;
    this.frequency = resolved.frequency;
    this.#core = new Core(modules.core, plan, {
      processors: resolved.processors,
      physicalBits: resolved.physicalBits,
      frequency: BigInt(resolved.frequency),
      devices: coreDeviceBits(resolved.devices),
    });
    for (const range of map.ranges) {
      if (this.#core.exports.addRange(range.firstPage, range.pages, range.kind, range.firstFrame) === 0) {
        throw new HypervisorError("range-limit", `the memory map has more than ${v.RANGES_MAX} ranges`);
      }
    }
    this.memory = new GuestMemory(this.#core, map, resolved.memory);
    for (const rom of resolved.roms) this.memory.write(rom.base, rom.data);
    this.chipset = new Chipset(this.#core, resolved.devices);
    for (const entry of resolved.cpuid) overrideCpuid(this.#core, entry);
    const processors: VirtualProcessor[] = [];
    const host: ProcessorHost = {
      memory: this.memory,
      servesMsrs: () => this.#msrs.size > 0,
      checkUsable: () => this.#checkUsable(),
      step: (processor, count) => this.#step(processor, count),
      wake: () => this.#schedule.wake(),
    };
    for (let n = 0; n < resolved.processors; n++) processors.push(new VirtualProcessor(n, this.#core, host));
    this.processors = processors;
    this.#timers = new Timers(this.#core, resolved.frequency);
    this.#bus = this.#makeBus();
    if (resolved.clock === "host") this.#realTime = new RealTime(this.#core, resolved.frequency);
    this.#schedule = new Schedule(this);
    this.#translation = createTranslation(this.#core, modules.translator, this.frequency, resolved.translation);
  }

  /** The partition was disposed or its engine has failed for good. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Instructions retired by all processors. */
  get instructions(): bigint {
    return this.processors.reduce((sum, processor) => sum + processor.instructions, 0n);
  }

  /** Ticks that all processors have executed. */
  get ticks(): bigint {
    return this.processors.reduce((sum, processor) => sum + processor.ticks, 0n);
  }

  /** The guest's clock since power-on: ticks of all processors, and those skipped while all were halted. */
  get clock(): bigint {
    return this.#core.getU64(v.CLOCK);
  }

  /** Ticks of the clock that were skipped because every processor was halted. */
  get skipped(): bigint {
    return this.#core.getU64(v.SKIPPED);
  }

  /** Guest time since power-on in nanoseconds: the clock over the nominal frequency. */
  get nanoseconds(): number {
    return this.#nanosecondsOf(v.CLOCK);
  }

  /** A cell that holds a clock, in nanoseconds. */
  #nanosecondsOf(cell: number): number {
    if (this.frequency === NANOSECONDS) return this.#core.getNumber(cell);
    return Number((this.#core.getU64(cell) * BigInt(NANOSECONDS)) / BigInt(this.frequency));
  }

  get virtualSeconds(): number {
    return this.nanoseconds / NANOSECONDS;
  }

  /** Exits so far by reason, including those that handlers served. */
  get exits(): Partial<Record<ExitCountName, number>> {
    return this.#statistics.counts;
  }

  /** What the translation of hot code has come to; a snapshot. */
  get translation(): TranslationStatistics {
    return this.#translation?.statistics(Number(this.ticks)) ?? takeStatistics(new TranslationCounts());
  }

  /**
   * From now on nothing is translated: what the translator makes of the block at a linear address can be looked at, when
   * it has become hot or when asked for.
   */
  inspectTranslation(address: bigint, onFound?: () => void): TranslationInspection {
    this.#checkUsable();
    if (this.#translation === undefined) {
      throw new HypervisorError("translation-off", `partition "${this.name}" does not translate`);
    }
    const locate = (linear: bigint): number | undefined => {
      const found = this.processors[this.#turn].translate(linear, "execute");
      return found.ok ? found.gpa : undefined;
    };
    return this.#translation.inspect({ address, onFound, locate });
  }

  /** Serves a range of ports on the host. */
  onPorts(first: number, count: number, handler: PortHandler): Disposable {
    this.#checkUsable();
    for (let port = first; port < first + count; port++) {
      if (this.chipset.ownsPort(port)) {
        throw new HypervisorError(
          "range-overlap",
          `port ${hex(port)} belongs to a device of the core; see the option "devices"`,
        );
      }
    }
    return this.#ports.add(first, count, handler);
  }

  /** Serves a memory-mapped range: whole pages that hold no RAM or ROM. */
  onMemory(base: number, size: number, handler: MemoryHandler): Disposable {
    this.#checkUsable();
    if (base % PAGE !== 0 || size % PAGE !== 0) {
      throw new HypervisorError("invalid-range", `memory range ${base} + ${size} is not made of whole 4 KiB pages`);
    }
    if (this.chipset.ownsMemory(base, size)) {
      throw new HypervisorError(
        "range-overlap",
        `memory range ${hex(base)} + ${hex(size)} holds an APIC of the core; see the option "devices"`,
      );
    }
    const entry = this.#ranges.add(base, size, handler);
    for (let gpa = base; gpa < base + size; gpa += PAGE) {
      if (this.memory.isMapped(gpa, 1)) {
        this.#ranges.remove(entry);
        throw new HypervisorError("range-overlap", `memory range ${hex(base)} + ${hex(size)} overlaps RAM or ROM`);
      }
    }
    if (this.#core.exports.addRange(base / PAGE, size / PAGE, RANGE_MMIO, 0) === 0) {
      this.#ranges.remove(entry);
      throw new HypervisorError("range-limit", `a partition has at most ${v.RANGES_MAX} memory ranges`);
    }
    return {
      [Symbol.dispose]: () => {
        if (this.#ranges.remove(entry) && !this.#disposed) this.#core.exports.removeRange(base / PAGE);
      },
    };
  }

  /** Serves model-specific registers that the core does not know. */
  onMsrs(first: number, count: number, handler: MsrHandler): Disposable {
    this.#checkUsable();
    const entry = this.#msrs.add(first, count, handler);
    for (const processor of this.processors) processor.intercept({});
    return {
      [Symbol.dispose]: () => {
        if (!this.#msrs.remove(entry) || this.#disposed) return;
        for (const processor of this.processors) processor.intercept({});
      },
    };
  }

  /** Connects a device of the host. */
  attach(device: Device): void {
    this.#checkUsable();
    device.connect(this.#bus);
    device.reset();
    this.#devices.push(device);
  }

  #makeBus(): Bus {
    const partition = this;
    return new Bus({
      memory: this.memory,
      get nanoseconds() {
        return partition.nanoseconds;
      },
      onPorts: (first, count, handler) => this.onPorts(first, count, handler),
      onMemory: (base, size, handler) => this.onMemory(base, size, handler),
      setInterruptLine: (line, high) => {
        this.chipset.setInterruptLine(line, high);
        this.#schedule.wake();
      },
      message: (address, data) => {
        this.chipset.message(address, data);
        this.#schedule.wake();
      },
      timer: (expired) => this.#timers.add(expired),
      end: (outcome) => {
        this.#ending ??= outcome;
        this.#schedule.wake();
      },
      setA20: (open) => this.chipset.setA20(open),
    });
  }

  /** Sends bytes to a serial port of the guest. */
  send(channel: "com1" | "com2", bytes: Uint8Array | string): void {
    this.#checkUsable();
    this.chipset.send(channel, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
    this.#schedule.wake();
  }

  /**
   * Runs the processors in turn until one leaves for something that no handler serves, or the ticks are
   * used up. Returns that processor's exit object, valid until it runs again. A guest whose clock follows the
   * host's leaves with "halt" while it is idle, and the exit tells when a device will wake it.
   */
  run(options?: RunOptions): VmExit {
    const ticks = options?.ticks ?? UNLIMITED;
    if (!Number.isSafeInteger(ticks) || ticks < 1) {
      throw new HypervisorError("invalid-argument", `a budget of ${ticks} ticks: it must be a whole number above 0`);
    }
    const milliseconds = options?.milliseconds;
    if (milliseconds !== undefined && !(milliseconds > 0)) {
      throw new HypervisorError("invalid-argument", `a budget of ${milliseconds} ms: it must be above 0`);
    }
    const deadline = milliseconds === undefined ? undefined : performance.now() + milliseconds;
    this.#enter();
    try {
      let left = ticks;
      for (;;) {
        if (this.#ending !== undefined) return this.#end(this.#ending);
        if (deadline !== undefined && performance.now() >= deadline) left = Math.min(left, 1);
        if (this.#core.getU32(v.CURRENT_PROCESSOR) !== this.#turn) this.#core.exports.select(this.#turn);
        this.#realTime?.refresh();
        this.#translation?.serve();
        const slice = deadline === undefined && this.#realTime === undefined ? left : TIMED_SLICE;
        const budget = Math.min(left, slice, this.#translation?.slice ?? left);
        this.#core.setNumber(v.BUDGET, budget);
        const reason = this.#core.exports.run();
        left -= budget - this.#core.getNumber(v.BUDGET);
        this.#turn = this.#core.getU32(v.CURRENT_PROCESSOR);
        if (reason === ExitReason.TRANSLATE) continue;
        if (reason === ExitReason.BUDGET && left > 0) {
          this.chipset.drain();
          continue;
        }
        const exit = this.#dispatch(reason);
        if (exit !== undefined) return exit;
      }
    } catch (cause) {
      throw this.#failed(cause);
    } finally {
      this.#entered = false;
      this.#translation?.afterRun();
    }
  }

  #step(processor: VirtualProcessor, count: number): VmExit {
    this.#enter();
    try {
      processor.select();
      const goal = this.#retired() + count;
      for (let left = count; ; left = goal - this.#retired()) {
        if (this.#ending !== undefined) return this.#end(this.#ending);
        this.#realTime?.refresh();
        const reason = this.#core.exports.step(processor.index, left);
        const exit = this.#dispatch(reason);
        if (exit !== undefined) return exit;
        processor.select();
      }
    } catch (cause) {
      throw this.#failed(cause);
    } finally {
      this.#entered = false;
    }
  }

  /** Instructions that the selected processor has retired, as a number. */
  #retired(): number {
    this.#core.exports.retired();
    return this.#core.getNumber(v.VALUE);
  }

  /** Asks a run that is under way (this is called from a handler) to leave with "canceled". */
  requestStop(): void {
    this.#core.setU32(v.STOP_REQUEST, 1);
  }

  /** The exit that a device has asked for. */
  #end(outcome: "shutdown" | "reset"): VmExit {
    this.#ending = undefined;
    const reason = outcome === "shutdown" ? ExitReason.SHUTDOWN : ExitReason.RESET;
    this.#statistics.count(reason);
    const exit = this.processors[this.#turn].exit.fill(reason);
    // The access behind it has been answered already.
    this.processors[this.#turn].exit.pending = false;
    return exit;
  }

  /** Serves an exit and returns undefined, or returns it for the caller. */
  #dispatch(reason: number): VmExit | undefined {
    this.#statistics.count(reason);
    this.chipset.drain();
    const slot = this.processors[this.#core.getU32(v.EXIT_PROCESSOR)].exit;
    switch (reason) {
      case ExitReason.OUTPUT:
        return undefined;
      case ExitReason.TIMER:
        this.#timers.expire();
        return undefined;
      case ExitReason.IO_PORT:
        if (this.#servePort(slot)) return undefined;
        break;
      case ExitReason.MEMORY:
        if (this.#serveMemory(slot)) return undefined;
        break;
      case ExitReason.MSR:
        if (this.#serveMsr(slot)) return undefined;
        break;
      default:
        break;
    }
    const exit = slot.fill(reason, reason === ExitReason.IDLE ? this.#nanosecondsOf(v.EXIT_VALUE) : undefined);
    this.#pending = slot;
    return exit;
  }

  #servePort(slot: ExitSlot): boolean {
    const core = this.#core;
    const port = core.getU32(v.EXIT_SELECTOR);
    const size = core.getU32(v.EXIT_SIZE);
    const handler = this.#ports.find(port);
    if (handler === undefined) {
      if (this.#options.exitOnPort) return false;
      this.#statistics.unhandledPort++;
      slot.answerNumber(ALL_ONES_32);
    } else if ((core.getU32(v.EXIT_FLAGS) & v.EXIT_WRITE) !== 0) {
      handler.write?.(port, size, core.getU32(v.EXIT_VALUE));
      slot.answerNumber(0);
    } else slot.answerNumber((handler.read?.(port, size) ?? ALL_ONES_32) >>> 0);
    return true;
  }

  #serveMemory(slot: ExitSlot): boolean {
    const core = this.#core;
    const flags = core.getU32(v.EXIT_FLAGS);
    const gpa = core.getNumber(v.EXIT_GPA);
    const entry = this.#ranges.find(gpa);
    // Code cannot be fetched from a handler: it always leaves.
    if ((flags & v.EXIT_FETCH) !== 0) return false;
    if (entry === undefined) {
      if (this.#options.exitOnMemory) return false;
      this.#statistics.unhandledMemory++;
      core.setU32(v.VALUE, ALL_ONES_32);
      core.setU32(v.VALUE + 4, ALL_ONES_32);
      core.exports.complete();
      return true;
    }
    const offset = gpa - entry.first;
    const size = core.getU32(v.EXIT_SIZE);
    if ((flags & v.EXIT_WRITE) !== 0) {
      entry.handler.write?.(offset, size, core.getU64(v.EXIT_VALUE));
      slot.answerNumber(0);
    } else {
      const value = entry.handler.read?.(offset, size) ?? 0xffff_ffff_ffff_ffffn;
      if (typeof value === "number") slot.answerNumber(value);
      else {
        core.setValue(0, BigInt.asUintN(64, value));
        core.exports.complete();
      }
    }
    return true;
  }

  #serveMsr(slot: ExitSlot): boolean {
    const core = this.#core;
    const msr = core.getU32(v.EXIT_SELECTOR);
    const entry = this.#msrs.find(msr);
    if (entry === undefined && slot.processor.exitsOnMsr) return false;
    let value: bigint | undefined;
    if ((core.getU32(v.EXIT_FLAGS) & v.EXIT_WRITE) !== 0) {
      if (entry?.handler.write?.(msr, core.getU64(v.EXIT_VALUE)) === true) value = 0n;
    } else value = entry?.handler.read?.(msr);
    if (value === undefined) core.exports.completeFault(v.VECTOR_GP, 1, 0);
    else {
      core.setValue(0, BigInt.asUintN(64, value));
      core.exports.complete();
    }
    slot.pending = false;
    return true;
  }

  /** Runs on the event loop until the guest ends, `stop` is called, or the signal aborts. */
  start(options?: StartOptions): Promise<PartitionOutcome> {
    this.#checkUsable();
    this.#realTime?.rebase();
    const start = (): Promise<PartitionOutcome> => this.#schedule.start(options);
    return this.#translation?.inBackground(start) ?? start();
  }

  /** Stops at the next slice boundary; resolves when the guest stands still. */
  pause(): Promise<void> {
    return this.#schedule.pause();
  }

  resume(): void {
    this.#realTime?.rebase();
    this.#schedule.resume();
  }

  /** Ends `start` with the outcome "stopped". */
  stop(): Promise<void> {
    return this.#schedule.stop();
  }

  /** Keeps `start` waiting while every processor is halted with interrupts enabled: input may still come. */
  holdOpen(): Disposable {
    return this.#schedule.holdOpen();
  }

  /** Power-on state of processors and devices; memory keeps its contents. */
  async reset(): Promise<void> {
    this.#checkUsable();
    await this.#schedule.between(() => this.#resetCore());
  }

  #resetCore(): void {
    this.#pending = undefined;
    this.#ending = undefined;
    for (const processor of this.processors) processor.reset();
    this.chipset.reset();
    for (const device of this.#devices) device.reset();
    this.#turn = 0;
    this.processors[0].select();
  }

  /**
   * Everything that the guest and its devices consist of, while the guest stands still. A partition made with the
   * same options and devices goes on from there exactly as this one.
   */
  save(): SavedPartition {
    this.#checkStill();
    this.chipset.drain();
    const core = saveCore(this.#core, this.processors.length, this.#turn);
    this.#core.exports.select(this.#turn);
    return {
      format: "ringfence-partition",
      version: 1,
      shape: this.#options.shape,
      core,
      timers: this.#timers.save(),
      input: this.chipset.saveInput(),
      devices: this.#devices.map((device) => ({ name: device.name, state: device.save() })),
    };
  }

  /** Puts a saved state in place of what this partition holds. */
  restore(saved: SavedPartition): void {
    this.#checkStill();
    checkSaved(saved, this.#options.shape, this.#devices);
    const { ticks } = this;
    checkCore(this.#core, saved.core, this.processors.length);
    this.#timers.check(saved.timers);
    this.chipset.checkInput(saved.input);
    restoreCore(this.#core, saved.core);
    this.#turn = saved.core.turn;
    this.#ending = undefined;
    this.chipset.restoreInput(saved.input);
    for (const [i, device] of this.#devices.entries()) device.restore(saved.devices[i].state);
    // Last: what devices do to lines and timers while they are restored is no part of the saved state.
    restoreChipset(this.#core, saved.core);
    this.#timers.restore(saved.timers);
    this.#realTime?.rebase();
    this.#translation?.ticksMoved(Number(this.ticks - ticks));
  }

  /** Digest of all that the guest can tell: registers, chipset, clock, memory. Equal runs have equal digests. */
  hash(): string {
    this.#checkStill();
    const digest = digestCore(this.#core, this.processors.length, this.#turn);
    this.#core.exports.select(this.#turn);
    return digest;
  }

  /** Fails unless the guest stands between two instructions. */
  #checkStill(): void {
    this.#checkUsable();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#entered) throw new HypervisorError("running", `partition "${this.name}" is running`);
    this.#checkCompleted();
  }

  #checkUsable(): void {
    if (this.#disposed) throw new HypervisorError("disposed", `partition "${this.name}" was disposed`);
  }

  #enter(): void {
    this.#checkUsable();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#entered)
      throw new HypervisorError("running", `partition "${this.name}" is running: a handler cannot run it`);
    this.#checkCompleted();
    this.#entered = true;
  }

  #checkCompleted(): void {
    if (!this.#pending?.pending) return;
    throw new HypervisorError(
      "exit-pending",
      `the ${this.#pending.reason} exit of processor ${this.#pending.processor.index} is not completed`,
    );
  }

  /** Turns a trap of the core into a typed error; errors of handlers pass through. */
  #failed(cause: unknown): unknown {
    const failure = engineFailure(this.#core, cause);
    this.#failure ??= failure;
    return failure ?? cause;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    void this.#schedule.stop();
    this.#disposed = true;
    this.#translation?.[Symbol.dispose]();
    this.#onDispose(this);
  }
}
