// Submission and completion queues (NVM Express 1.4, 4.1): rings in guest memory. The guest moves the tail of a
// submission queue and the head of a completion queue by doorbells. A command is fetched only when its
// completion queue has an entry left for it, so a completion never has to wait for room.
//
//   completion entry: 0 result | 4 - | 8 queue id, queue head | C 31:17 status, 16 phase, 15:0 command id

import type { PciHost } from "../pci/function.js";
import { COMMAND_SIZE, Command } from "./command.js";

export const COMPLETION_SIZE = 16;

export interface CompletionQueueState {
  id: number;
  base: number;
  size: number;
  vector: number;
  interrupts: boolean;
  head: number;
  tail: number;
  phase: number;
}

export interface SubmissionQueueState {
  id: number;
  base: number;
  size: number;
  completion: number;
  head: number;
  tail: number;
}

export class CompletionQueue {
  head = 0;
  tail = 0;
  phase = 1;
  /** Entries promised to commands that were fetched. */
  reserved = 0;

  constructor(
    readonly id: number,
    readonly base: number,
    readonly size: number,
    readonly vector: number,
    readonly interrupts: boolean,
  ) {}

  get used(): number {
    return (this.tail - this.head + this.size) % this.size;
  }

  get room(): number {
    return this.size - 1 - this.used - this.reserved;
  }

  /** The guest has consumed up to `head`; false when it claims entries that were never posted. */
  consume(head: number): boolean {
    if (head >= this.size || (head - this.head + this.size) % this.size > this.used) return false;
    this.head = head;
    return true;
  }

  /** Writes an entry; false when the memory is gone. */
  post(host: PciHost, queue: SubmissionQueue, id: number, status: number, result: number): boolean {
    const entry = new DataView(new ArrayBuffer(COMPLETION_SIZE));
    entry.setUint32(0, result, true);
    entry.setUint16(8, queue.head, true);
    entry.setUint16(10, queue.id, true);
    entry.setUint16(12, id, true);
    entry.setUint16(14, (status << 1) | this.phase, true);
    if (!host.write(this.base + this.tail * COMPLETION_SIZE, new Uint8Array(entry.buffer))) return false;
    this.tail++;
    if (this.tail === this.size) {
      this.tail = 0;
      this.phase ^= 1;
    }
    return true;
  }

  save(): CompletionQueueState {
    const { id, base, size, vector, interrupts, head, tail, phase } = this;
    return { id, base, size, vector, interrupts, head, tail, phase };
  }

  static from(state: CompletionQueueState): CompletionQueue {
    const queue = new CompletionQueue(state.id, state.base, state.size, state.vector, state.interrupts);
    queue.head = state.head;
    queue.tail = state.tail;
    queue.phase = state.phase;
    return queue;
  }
}

export class SubmissionQueue {
  head = 0;
  tail = 0;

  constructor(
    readonly id: number,
    readonly base: number,
    readonly size: number,
    readonly completion: CompletionQueue,
  ) {}

  /** The guest has filled up to `tail`; false for a position that the ring does not have. */
  submit(tail: number): boolean {
    if (tail >= this.size) return false;
    this.tail = tail;
    return true;
  }

  /** Takes the next command; undefined when the memory is gone. */
  fetch(host: PciHost): Command | undefined {
    const bytes = new Uint8Array(COMMAND_SIZE);
    if (!host.read(this.base + this.head * COMMAND_SIZE, bytes)) return undefined;
    this.head = (this.head + 1) % this.size;
    return Command.from(bytes);
  }

  save(): SubmissionQueueState {
    const { id, base, size, head, tail } = this;
    return { id, base, size, completion: this.completion.id, head, tail };
  }

  static from(state: SubmissionQueueState, completion: CompletionQueue): SubmissionQueue {
    const queue = new SubmissionQueue(state.id, state.base, state.size, completion);
    queue.head = state.head;
    queue.tail = state.tail;
    return queue;
  }
}
