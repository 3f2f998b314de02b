// An NVMe controller with one disk (NVM Express 1.4; PCI class 010802h): registers, doorbells, reset, shutdown,
// interrupts. One controller per disk: namespace 1 is all of it.
//
// A guest can do no worse than stop its own controller: commands that make no sense end in a status, queue memory
// that is not there in CSTS.CFS. Pins and plain MSI obey the interrupt mask register, MSI-X has its own masks.

import type { Disk, Settled } from "../../storage/disk.js";
import { HypervisorError } from "../../support/errors.js";
import type { Bar, PciFunction, PciHost } from "../pci/function.js";
import { executeAdmin } from "./admin.js";
import { AdminOpcode, address, type Command } from "./command.js";
import { AsyncEvents, ErrorEvent, EventType, HealthEvent } from "./events.js";
import { Features } from "./features.js";
import { type DiskIdentity, identityOf } from "./identify.js";
import { Logs } from "./log.js";
import { Namespace } from "./namespace.js";
import { Pipeline } from "./pipeline.js";
import { CompletionQueue, type CompletionQueueState, SubmissionQueue, type SubmissionQueueState } from "./queue.js";
import * as r from "./registers.js";
import { Refusal, Status, statusField } from "./status.js";
import { done, type Work } from "./work.js";

/** One for the admin queue and one for every other. */
const VECTORS = r.IO_QUEUES + 1;
const DEFAULT_LATENCY = 10_000;
const DEFAULT_MODEL = "Ringfence NVMe disk";

export interface NvmeOptions {
  /** At most 20 ASCII characters; by default made from the place on the bus. */
  serial?: string;
  /** At most 40 ASCII characters. */
  model?: string;
  /** Nanoseconds of guest time from doorbell to completion, without the time of the data. */
  latency?: number;
  /** Hears of failures of the disk; the guest sees a status. */
  onDiskError?: (error: unknown) => void;
}

interface NvmeState {
  cc: number;
  csts: number;
  mask: number;
  pageSize: number;
  aqa: number;
  asq: number[];
  acq: number[];
  completion: CompletionQueueState[];
  submission: SubmissionQueueState[];
  pipeline: ReturnType<Pipeline["save"]>;
  events: ReturnType<AsyncEvents["save"]>;
  features: ReturnType<Features["save"]>;
  logs: ReturnType<Logs["save"]>;
  disk?: unknown;
}

export class NvmeController implements PciFunction {
  readonly name = "nvme";
  readonly disk: Disk;
  readonly identity = {
    vendor: 0x5246,
    device: 0x4e56,
    revision: 1,
    classCode: 0x010802,
    subsystemVendor: 0x5246,
    subsystem: 1,
  };
  readonly pin = 1;
  readonly msi = true;
  readonly msix = { vectors: VECTORS, bar: 0, table: r.MSIX_TABLE, pending: r.MSIX_PENDING };
  readonly bars: readonly Bar[] = [
    {
      kind: "memory",
      index: 0,
      size: r.RANGE_SIZE,
      wide: true,
      handler: {
        read: (offset, size) => this.#read(offset, size),
        write: (offset, size, value) => this.#write(offset, size, value),
      },
    },
  ];

  readonly #options: NvmeOptions;
  readonly #logs = new Logs();
  readonly #features = new Features(VECTORS);
  readonly #events = new AsyncEvents();
  readonly #namespace: Namespace;
  readonly #submission = new Array<SubmissionQueue | undefined>(r.IO_QUEUES + 1).fill(undefined);
  readonly #completion = new Array<CompletionQueue | undefined>(r.IO_QUEUES + 1).fill(undefined);
  #names: DiskIdentity;
  #host!: PciHost;
  #pipeline!: Pipeline;
  #pageSize = 0x1000;
  #cc = 0;
  #csts = 0;
  #mask = 0;
  #aqa = 0;
  /** ASQ and ACQ as doublewords. */
  #asq = [0, 0];
  #acq = [0, 0];
  /** Tells a flush of this shutdown from one of an earlier life. */
  #shutdowns = 0;

  constructor(disk: Disk, options: NvmeOptions = {}) {
    const latency = options.latency ?? DEFAULT_LATENCY;
    if (!Number.isSafeInteger(latency) || latency < 0) {
      throw new HypervisorError("invalid-argument", `a latency of ${latency}: it must be whole nanoseconds from 0`);
    }
    this.disk = disk;
    this.#options = options;
    this.#names = identityOf(options.serial ?? "RINGFENCE", options.model ?? DEFAULT_MODEL);
    this.#namespace = new Namespace(disk, this.#logs, (error) => options.onDiskError?.(error));
  }

  connect(host: PciHost): void {
    this.#host = host;
    if (this.#options.serial === undefined) {
      this.#names = identityOf(`RINGFENCE-${host.address}`, this.#names.model);
    }
    const controller = this;
    this.#pipeline = new Pipeline(
      {
        submission: this.#submission,
        get fetching() {
          return controller.#fetching;
        },
        weight: (queue, command) => (queue.id === 0 ? 0 : this.#namespace.weight(command)),
        execute: (queue, command) => this.#execute(queue, command),
        refused: (queue, command, field) => this.#record(queue, command, field),
        fail: () => this.#fail(),
        executed: () => this.#deliverEvents(),
        posted: (queues) => this.#signal(queues),
      },
      host,
      this.#options.latency ?? DEFAULT_LATENCY,
    );
  }

  /** Enabled, in order, and not shut down. */
  get #fetching(): boolean {
    return (this.#csts & (r.CSTS_READY | r.CSTS_FATAL | r.CSTS_SHUTDOWN)) === r.CSTS_READY;
  }

  // Registers ---------------------------------------------------------------------------------------------

  #read(offset: number, size: number): number | bigint {
    if (size === 8) return (BigInt(this.#word(offset + 4)) << 32n) | BigInt(this.#word(offset));
    return this.#word(offset & ~3) >>> ((offset & 3) * 8);
  }

  #word(offset: number): number {
    switch (offset) {
      case r.CAP:
        return r.CAP_LOW;
      case r.CAP + 4:
        return r.CAP_HIGH;
      case r.VS:
        return r.VERSION_1_4;
      case r.INTMS:
      case r.INTMC:
        return this.#mask;
      case r.CC:
        return this.#cc;
      case r.CSTS:
        return this.#csts;
      case r.AQA:
        return this.#aqa;
      case r.ASQ:
      case r.ASQ + 4:
        return this.#asq[(offset - r.ASQ) / 4];
      case r.ACQ:
      case r.ACQ + 4:
        return this.#acq[(offset - r.ACQ) / 4];
      default:
        return 0;
    }
  }

  /** Registers are doublewords and quadwords; narrower or crooked writes are dropped. */
  #write(offset: number, size: number, value: bigint): void {
    if (size < 4 || offset % 4 !== 0) return;
    this.#writeWord(offset, Number(value & 0xffff_ffffn));
    if (size === 8) this.#writeWord(offset + 4, Number((value >> 32n) & 0xffff_ffffn));
  }

  #writeWord(offset: number, value: number): void {
    if (offset >= r.DOORBELLS) {
      this.#ring((offset - r.DOORBELLS) >> 2, value & 0xffff);
      return;
    }
    switch (offset) {
      case r.INTMS:
        this.#mask = (this.#mask | value) >>> 0;
        this.#showPin();
        break;
      case r.INTMC:
        this.#unmask(value);
        break;
      case r.CC:
        this.#control((value & r.CC_WRITABLE) >>> 0);
        break;
      case r.AQA:
        this.#aqa = value & 0x0fff_0fff;
        break;
      case r.ASQ:
      case r.ASQ + 4:
        this.#asq[(offset - r.ASQ) / 4] = offset === r.ASQ ? (value & ~0xfff) >>> 0 : value;
        break;
      case r.ACQ:
      case r.ACQ + 4:
        this.#acq[(offset - r.ACQ) / 4] = offset === r.ACQ ? (value & ~0xfff) >>> 0 : value;
        break;
      default:
        break;
    }
  }

  // Enabling, reset, shutdown -----------------------------------------------------------------------------

  #control(value: number): void {
    const was = this.#cc;
    this.#cc = value;
    if ((was & r.CC_ENABLE) !== 0 && (value & r.CC_ENABLE) === 0) this.#stop();
    else if ((was & r.CC_ENABLE) === 0 && (value & r.CC_ENABLE) !== 0) this.#enable();
    if ((value & r.CC_SHUTDOWN) !== 0 && (was & r.CC_SHUTDOWN) === 0) this.#shutDown();
  }

  #enable(): void {
    const pageSize = r.pageSizeOf(this.#cc);
    const submissionSize = (this.#aqa & 0xfff) + 1;
    const completionSize = (this.#aqa >>> 16) + 1;
    const [asq, acq] = [address(this.#asq[0], this.#asq[1]), address(this.#acq[0], this.#acq[1])];
    if (pageSize === undefined || submissionSize < 2 || completionSize < 2 || asq % pageSize || acq % pageSize) {
      this.#fail();
      return;
    }
    this.#pageSize = pageSize;
    const completion = new CompletionQueue(0, acq, completionSize, 0, true);
    this.#completion[0] = completion;
    this.#submission[0] = new SubmissionQueue(0, asq, submissionSize, completion);
    this.#csts = r.CSTS_READY;
  }

  /** Controller reset: queues and commands are gone; the admin queue's registers and the features' defaults stay. */
  #stop(): void {
    this.#pipeline.reset();
    this.#submission.fill(undefined);
    this.#completion.fill(undefined);
    this.#events.reset();
    this.#features.reset();
    this.#csts = 0;
    this.#mask = 0;
    this.#shutdowns++;
    this.#showPin();
  }

  /** The controller cannot go on until it is reset. */
  #fail(): void {
    this.#csts |= r.CSTS_FATAL;
    this.#pipeline.reset();
  }

  #shutDown(): void {
    const shutdown = ++this.#shutdowns;
    const end = (): void => {
      if (shutdown === this.#shutdowns) this.#csts = (this.#csts & ~r.CSTS_SHUTDOWN) | r.CSTS_SHUTDOWN_COMPLETE;
    };
    this.#csts |= r.CSTS_SHUTDOWN_OCCURRING;
    const report = (error: unknown): void => this.#options.onDiskError?.(error);
    let waiting: Settled;
    try {
      waiting = this.disk.flush();
    } catch (error) {
      report(error);
    }
    if (waiting === undefined) end();
    else void waiting.catch(report).then(end);
  }

  // Doorbells and commands --------------------------------------------------------------------------------

  #ring(doorbell: number, value: number): void {
    if (!this.#fetching) return;
    const id = doorbell >> 1;
    if ((doorbell & 1) === 0) this.#checkDoorbell(this.#submission[id]?.submit(value));
    else {
      this.#checkDoorbell(this.#completion[id]?.consume(value));
      this.#showPin();
      // Room for completions is what held events and unfetched commands may have waited for.
      this.#deliverEvents();
    }
    this.#pipeline.advance();
  }

  /** What a doorbell's queue said: undefined when there is none. */
  #checkDoorbell(accepted: boolean | undefined): void {
    if (accepted === true) return;
    const information =
      accepted === undefined ? ErrorEvent.INVALID_DOORBELL_REGISTER : ErrorEvent.INVALID_DOORBELL_VALUE;
    this.#events.raise(EventType.ERROR, information);
    this.#deliverEvents();
  }

  #execute(queue: SubmissionQueue, command: Command): Work | undefined {
    if (queue.id !== 0) {
      return this.#namespace.start(command, {
        host: this.#host,
        pageSize: this.#pageSize,
        writeCache: this.#features.writeCache,
      });
    }
    if (command.opcode === AdminOpcode.ASYNC_EVENT_REQUEST) {
      command.checkFlags();
      if (!this.#events.hold(command.id)) throw new Refusal(Status.ASYNC_EVENT_LIMIT);
      return undefined;
    }
    const result = executeAdmin(
      {
        host: this.#host,
        pageSize: this.#pageSize,
        entrySizes: { submission: (this.#cc >>> 16) & 15, completion: (this.#cc >>> 20) & 15 },
        vectors: VECTORS,
        pci: this.identity,
        names: this.#names,
        namespace: this.#namespace,
        logs: this.#logs,
        features: this.#features,
        events: this.#events,
        submission: this.#submission,
        completion: this.#completion,
        drop: (dropped) => this.#pipeline.drop(dropped),
        abort: (id, aborted) => this.#abort(id, aborted),
      },
      command,
    );
    if (command.opcode === AdminOpcode.SET_FEATURES && this.#features.reportedWarnings !== 0) {
      this.#events.raise(EventType.HEALTH, HealthEvent.TEMPERATURE);
    }
    return done(result);
  }

  #abort(id: number, command: number): boolean {
    if (this.#pipeline.abort(id, command)) return true;
    const admin = this.#submission[0];
    if (id !== 0 || admin === undefined || admin.completion.room <= 0 || !this.#events.withdraw(command)) return false;
    this.#pipeline.post(admin, command, statusField(Status.ABORT_REQUESTED), 0);
    return true;
  }

  #deliverEvents(): void {
    const queue = this.#submission[0];
    if (queue === undefined || !this.#fetching || !this.#host.busMaster) return;
    this.#events.deliver((id, result) => {
      if (queue.completion.room <= 0) return false;
      this.#pipeline.post(queue, id, 0, result);
      return true;
    });
  }

  #record(queue: SubmissionQueue, command: Command, field: number): void {
    this.#logs.record({
      queue: queue.id,
      command: command.id,
      status: field,
      block: queue.id === 0 ? 0 : address(command.words[10], command.words[11]),
      namespace: command.namespace,
    });
  }

  // Interrupts --------------------------------------------------------------------------------------------

  #signal(queues: ReadonlySet<CompletionQueue>): void {
    const mode = this.#host.interruptMode;
    if (mode === "pin") this.#showPin();
    else {
      for (const { interrupts, vector } of queues) {
        if (interrupts && (mode === "msix" || (this.#mask & 1) === 0)) this.#host.sendMessage(vector);
      }
    }
  }

  /** Completions that the guest has not consumed and wants to hear of. */
  get #asking(): boolean {
    return this.#completion.some((queue) => queue?.interrupts === true && queue.used > 0);
  }

  #showPin(): void {
    this.#host.setPin((this.#mask & 1) === 0 && this.#asking);
  }

  #unmask(bits: number): void {
    const opened = (this.#mask & bits & 1) !== 0;
    this.#mask = (this.#mask & ~bits) >>> 0;
    if (opened && this.#host.interruptMode === "msi" && this.#asking) this.#host.sendMessage(0);
    this.#showPin();
  }

  // The bus -----------------------------------------------------------------------------------------------

  configured(): void {
    this.#deliverEvents();
    this.#pipeline.advance();
    this.#showPin();
  }

  reset(): void {
    this.#stop();
    this.#cc = 0;
    this.#aqa = 0;
    this.#asq = [0, 0];
    this.#acq = [0, 0];
    this.#logs.reset();
  }

  save(): NvmeState {
    return {
      cc: this.#cc,
      csts: this.#csts,
      mask: this.#mask,
      pageSize: this.#pageSize,
      aqa: this.#aqa,
      asq: [...this.#asq],
      acq: [...this.#acq],
      completion: this.#completion.flatMap((queue) => queue?.save() ?? []),
      submission: this.#submission.flatMap((queue) => queue?.save() ?? []),
      pipeline: this.#pipeline.save(),
      events: this.#events.save(),
      features: this.#features.save(),
      logs: this.#logs.save(),
      disk: this.disk.save?.(),
    };
  }

  restore(saved: unknown): void {
    const state = saved as NvmeState;
    this.reset();
    this.#cc = state.cc;
    this.#csts = state.csts;
    this.#mask = state.mask;
    this.#aqa = state.aqa;
    this.#asq = [...state.asq];
    this.#acq = [...state.acq];
    this.#pageSize = state.pageSize;
    for (const queue of state.completion) this.#completion[queue.id] = CompletionQueue.from(queue);
    for (const queue of state.submission) {
      const completion = this.#completion[queue.completion];
      if (completion !== undefined) this.#submission[queue.id] = SubmissionQueue.from(queue, completion);
    }
    this.#events.restore(state.events);
    this.#features.restore(state.features);
    this.#logs.restore(state.logs);
    if (state.disk !== undefined) this.disk.restore?.(state.disk);
    this.#pipeline.restore(state.pipeline);
    this.#showPin();
    if ((this.#csts & r.CSTS_SHUTDOWN) === r.CSTS_SHUTDOWN_OCCURRING) this.#shutDown();
  }
}
