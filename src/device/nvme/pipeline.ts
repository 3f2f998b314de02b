// Commands between their fetch and their completion. A command is due a fixed latency, plus the time of its bytes
// on one shared path, after the doorbell that announced it; it is executed then, all at once where its disk is
// synchronous. So on a virtual clock everything the guest sees happens at exact ticks. A disk that answers later
// is asked again at intervals of guest time until it has.
//
//   doorbell -> fetch -> [start of the path's turn] + bytes + latency = due -> execute -> (disk) -> completion
//
// What is saved is the commands themselves: those under way are executed again after a restore, which gives the
// same result because the guest may not touch their memory until they complete.

import type { DeviceTimer } from "../../partition/device.js";
import type { PciHost } from "../pci/function.js";
import { Command } from "./command.js";
import type { CompletionQueue, SubmissionQueue } from "./queue.js";
import { Refusal, Status, statusField } from "./status.js";
import { refused, type Work } from "./work.js";

/** Commands under way at most, for the disk and as many again of administration; the rest waits in its queue. */
const SLOTS = 64;
const NANOSECONDS_PER_BYTE = 0.5;
/** Interval at which a slow disk is asked whether it is done. */
const POLL = 50_000;

interface Entry {
  readonly queue: SubmissionQueue;
  readonly command: Command;
  readonly due: number;
  work?: Work;
  settled: boolean;
}

interface PipelineState {
  busyUntil: number;
  entries: { queue: number; words: number[]; due: number }[];
}

/** The controller, seen from its pipeline. */
export interface PipelineOwner {
  readonly submission: readonly (SubmissionQueue | undefined)[];
  /** New commands may be fetched. */
  readonly fetching: boolean;
  /** Bytes that a command moves. */
  weight(queue: SubmissionQueue, command: Command): number;
  /** Begins a command; undefined when the controller keeps it without an answer for now. */
  execute(queue: SubmissionQueue, command: Command): Work | undefined;
  refused(queue: SubmissionQueue, command: Command, field: number): void;
  /** Queue memory is gone: the controller cannot go on. */
  fail(): void;
  /** What was due has been executed. */
  executed(): void;
  /** Entries were added to these queues. */
  posted(queues: ReadonlySet<CompletionQueue>): void;
}

export class Pipeline {
  readonly #owner: PipelineOwner;
  readonly #host: PciHost;
  readonly #latency: number;
  readonly #timer: DeviceTimer;
  readonly #posted = new Set<CompletionQueue>();
  #entries: Entry[] = [];
  #busyUntil = 0;
  /** When slow disks are asked next. */
  #pollAt = Number.POSITIVE_INFINITY;

  constructor(owner: PipelineOwner, host: PciHost, latency: number) {
    this.#owner = owner;
    this.#host = host;
    this.#latency = latency;
    this.#timer = host.timer(() => this.#expired());
  }

  /** Forgets everything: nothing of it will complete. */
  reset(): void {
    this.#entries = [];
    this.#busyUntil = 0;
    this.#posted.clear();
    this.#pollAt = Number.POSITIVE_INFINITY;
    this.#timer.cancel();
  }

  /** Fetches what the queues have and sets the clock for what is due next. */
  advance(): void {
    if (this.#owner.fetching && this.#host.busMaster) this.#fetch();
    this.#announce();
    this.#arm();
  }

  /**
   * One command from each queue in turn, while there are slots and room for completions. Administration has slots
   * of its own, so that a disk that does not answer cannot keep a guest from deleting its queues.
   */
  #fetch(): void {
    let admin = SLOTS - this.#entries.filter(({ queue }) => queue.id === 0).length;
    let slots = SLOTS - (this.#entries.length - (SLOTS - admin));
    for (let found = true; found; ) {
      found = false;
      for (const queue of this.#owner.submission) {
        if (queue === undefined || queue.head === queue.tail || queue.completion.room <= 0) continue;
        if ((queue.id === 0 ? admin : slots) <= 0) continue;
        const command = queue.fetch(this.#host);
        if (command === undefined) {
          this.#owner.fail();
          return;
        }
        this.#admit(queue, command);
        if (queue.id === 0) admin--;
        else slots--;
        found = true;
      }
    }
  }

  #admit(queue: SubmissionQueue, command: Command): void {
    const start = Math.max(this.#host.nanoseconds, this.#busyUntil);
    this.#busyUntil = start + Math.ceil(this.#owner.weight(queue, command) * NANOSECONDS_PER_BYTE);
    queue.completion.reserved++;
    this.#entries.push({ queue, command, due: this.#busyUntil + this.#latency, settled: false });
  }

  #arm(): void {
    const now = this.#host.nanoseconds;
    let next = Number.POSITIVE_INFINITY;
    let slow = false;
    for (const { work, due } of this.#host.busMaster ? this.#entries : []) {
      if (work === undefined) next = Math.min(next, due);
      else slow = true;
    }
    if (!slow) this.#pollAt = Number.POSITIVE_INFINITY;
    else if (this.#pollAt === Number.POSITIVE_INFINITY) this.#pollAt = now + POLL;
    next = Math.min(next, this.#pollAt);
    if (next === Number.POSITIVE_INFINITY) this.#timer.cancel();
    else this.#timer.set(next);
  }

  #expired(): void {
    const now = this.#host.nanoseconds;
    if (this.#pollAt <= now) this.#pollAt = Number.POSITIVE_INFINITY;
    for (let n = 0; n < this.#entries.length && this.#host.busMaster; ) {
      const entry = this.#entries[n];
      if (entry.due > now) break;
      if (entry.work === undefined && !this.#start(entry)) continue;
      // Deleting a queue or aborting may have ended entries before this one.
      n = this.#entries.indexOf(entry);
      if (n < 0) n = 0;
      else if (entry.settled) this.#finish(entry);
      else n++;
    }
    this.#owner.executed();
    this.advance();
  }

  /** Begins a command; false when it has left the pipeline without an answer. */
  #start(entry: Entry): boolean {
    let work: Work | undefined;
    try {
      work = this.#owner.execute(entry.queue, entry.command);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      work = refused(refusal);
    }
    if (work === undefined) {
      this.#remove(entry);
      return false;
    }
    entry.work = work;
    if (work.waiting === undefined) entry.settled = true;
    else {
      void work.waiting.then(() => {
        entry.settled = true;
      });
    }
    return true;
  }

  #finish(entry: Entry): void {
    let status: Status = Status.SUCCESS;
    let result = 0;
    try {
      result = (entry.work as Work).finish();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      status = refusal.status;
    }
    this.#complete(entry, status, result);
  }

  #remove(entry: Entry): boolean {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return false;
    this.#entries.splice(at, 1);
    entry.queue.completion.reserved--;
    return true;
  }

  #complete(entry: Entry, status: Status, result = 0): void {
    if (!this.#remove(entry)) return;
    const field = statusField(status);
    if (field !== 0) this.#owner.refused(entry.queue, entry.command, field);
    this.post(entry.queue, entry.command.id, field, result);
  }

  /** Writes a completion; the queue has room. */
  post(queue: SubmissionQueue, id: number, field: number, result: number): void {
    if (queue.completion.post(this.#host, queue, id, field, result)) this.#posted.add(queue.completion);
    else this.#owner.fail();
  }

  #announce(): void {
    if (this.#posted.size === 0) return;
    this.#owner.posted(this.#posted);
    this.#posted.clear();
  }

  /** Ends all commands of a queue. */
  drop(queue: SubmissionQueue): void {
    for (const entry of this.#entries.filter((other) => other.queue === queue)) {
      this.#complete(entry, Status.ABORTED_SQ_DELETION);
    }
  }

  /** Ends one command that has not been begun; false when there is none. */
  abort(queue: number, id: number): boolean {
    const entry = this.#entries.find(
      (other) => other.queue.id === queue && other.command.id === id && other.work === undefined,
    );
    if (entry === undefined) return false;
    this.#complete(entry, Status.ABORT_REQUESTED);
    return true;
  }

  save(): PipelineState {
    return {
      busyUntil: this.#busyUntil,
      entries: this.#entries.map(({ queue, command, due }) => ({ queue: queue.id, words: [...command.words], due })),
    };
  }

  restore(state: PipelineState): void {
    this.reset();
    this.#busyUntil = state.busyUntil;
    for (const { queue: id, words, due } of state.entries) {
      const queue = this.#owner.submission[id];
      if (queue === undefined) continue;
      queue.completion.reserved++;
      this.#entries.push({ queue, command: new Command(words), due, settled: false });
    }
    this.#arm();
  }
}
