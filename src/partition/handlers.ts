// Host handlers for port ranges, memory-mapped ranges and model-specific registers. Look-ups are on the
// run path: ports index a table, the others search a short sorted list. A registration is a Disposable;
// two registrations may not overlap.

import { hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";

export interface PortHandler {
  /** Value of an IN; all ones when absent. */
  read?(port: number, size: number): number;
  write?(port: number, size: number, value: number): void;
}

export interface MemoryHandler {
  /** Value of a read of 1, 2, 4 or 8 bytes at `offset` in the range; all ones when absent. */
  read?(offset: number, size: number): number | bigint;
  write?(offset: number, size: number, value: bigint): void;
}

export interface MsrHandler {
  /** Value of an RDMSR; undefined (or no handler) raises #GP(0). */
  read?(msr: number): bigint | undefined;
  /** False (or no handler) raises #GP(0). */
  write?(msr: number, value: bigint): boolean;
}

interface Registration<Handler> {
  readonly first: number;
  readonly last: number;
  readonly handler: Handler;
}

/** Ranges of whole numbers, sorted, without overlap. */
export class RangeTable<Handler> {
  readonly #entries: Registration<Handler>[] = [];

  constructor(
    readonly what: string,
    readonly limit: number,
  ) {}

  get size(): number {
    return this.#entries.length;
  }

  add(first: number, count: number, handler: Handler): Registration<Handler> {
    const last = first + count - 1;
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || first < 0 || count < 1 || last > this.limit) {
      throw new HypervisorError(
        "invalid-range",
        `${this.what} ${first} + ${count} is empty or leaves 0-${hex(this.limit)}`,
      );
    }
    const at = this.#entries.findIndex((entry) => entry.last >= first);
    const neighbour = at < 0 ? undefined : this.#entries[at];
    if (neighbour !== undefined && neighbour.first <= last) {
      throw new HypervisorError(
        "range-overlap",
        `${this.what} ${hex(first)}-${hex(last)} overlaps ${hex(neighbour.first)}-${hex(neighbour.last)}`,
      );
    }
    const entry = { first, last, handler };
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, entry);
    return entry;
  }

  remove(entry: Registration<Handler>): boolean {
    const at = this.#entries.indexOf(entry);
    if (at < 0) return false;
    this.#entries.splice(at, 1);
    return true;
  }

  find(value: number): Registration<Handler> | undefined {
    let low = 0;
    let high = this.#entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = this.#entries[middle];
      if (value < entry.first) high = middle - 1;
      else if (value > entry.last) low = middle + 1;
      else return entry;
    }
    return undefined;
  }
}

export const PORT_COUNT = 0x10000;

/** Port handlers with a direct table from port to handler. */
export class PortTable {
  readonly #ranges = new RangeTable<PortHandler>("port range", PORT_COUNT - 1);
  readonly #handlers: (PortHandler | undefined)[] = [undefined];
  readonly #index = new Uint16Array(PORT_COUNT);

  add(first: number, count: number, handler: PortHandler): Disposable {
    const entry = this.#ranges.add(first, count, handler);
    let slot = this.#handlers.indexOf(undefined, 1);
    if (slot < 0) slot = this.#handlers.push(undefined) - 1;
    this.#handlers[slot] = handler;
    this.#index.fill(slot, first, first + count);
    return {
      [Symbol.dispose]: () => {
        if (!this.#ranges.remove(entry)) return;
        this.#handlers[slot] = undefined;
        this.#index.fill(0, first, first + count);
      },
    };
  }

  find(port: number): PortHandler | undefined {
    return this.#handlers[this.#index[port]];
  }
}
