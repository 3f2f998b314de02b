// The bus that a partition offers to a device of the host (device.ts): registrations, interrupts, time, and
// memory that a bus master may address without asking first.

import { PAGE } from "../engine/plan.js";
import type { DeviceBus, DeviceTimer, GuestAccess } from "./device.js";
import type { MemoryHandler, PortHandler } from "./handlers.js";
import type { GuestMemory } from "./memory.js";

/** What the bus needs from the partition. */
export interface BusHost {
  readonly memory: GuestMemory;
  readonly nanoseconds: number;
  onPorts(first: number, count: number, handler: PortHandler): Disposable;
  onMemory(base: number, size: number, handler: MemoryHandler): Disposable;
  setInterruptLine(line: number, high: boolean): void;
  message(address: number, data: number): void;
  timer(expired: () => void): DeviceTimer;
  end(outcome: "shutdown" | "reset"): void;
  setA20(open: boolean): void;
}

const UNMAPPED = 0xff;

/** Calls `visit` for the parts of [gpa, gpa + size) that do not cross a page. */
function pages(gpa: number, size: number, visit: (gpa: number, from: number, length: number) => void): void {
  for (let done = 0; done < size; ) {
    const length = Math.min(size - done, PAGE - ((gpa + done) % PAGE));
    visit(gpa + done, done, length);
    done += length;
  }
}

class MasterAccess implements GuestAccess {
  readonly #memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  get size(): number {
    return this.#memory.size;
  }

  isMapped(gpa: number, size: number, writable = false): boolean {
    return this.#memory.isMapped(gpa, size, writable);
  }

  read(gpa: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    if (this.#memory.isMapped(gpa, length)) this.#memory.read(gpa, bytes);
    else {
      bytes.fill(UNMAPPED);
      pages(gpa, length, (at, from, part) => {
        if (this.#memory.isMapped(at, part)) this.#memory.read(at, bytes.subarray(from, from + part));
      });
    }
    return bytes;
  }

  write(gpa: number, bytes: Uint8Array): void {
    if (this.#memory.isMapped(gpa, bytes.length, true)) this.#memory.write(gpa, bytes);
    else {
      pages(gpa, bytes.length, (at, from, part) => {
        if (this.#memory.isMapped(at, part, true)) this.#memory.write(at, bytes.subarray(from, from + part));
      });
    }
  }
}

export class Bus implements DeviceBus {
  readonly #host: BusHost;
  readonly guest: GuestAccess;

  constructor(host: BusHost) {
    this.#host = host;
    this.guest = new MasterAccess(host.memory);
  }

  ports(first: number, count: number, handler: PortHandler): Disposable {
    return this.#host.onPorts(first, count, handler);
  }
  memory(base: number, size: number, handler: MemoryHandler): Disposable {
    return this.#host.onMemory(base, size, handler);
  }
  interrupt(line: number, high: boolean): void {
    this.#host.setInterruptLine(line, high);
  }
  message(address: number, data: number): void {
    this.#host.message(address, data);
  }
  timer(expired: () => void): DeviceTimer {
    return this.#host.timer(expired);
  }
  get nanoseconds(): number {
    return this.#host.nanoseconds;
  }
  get virtualSeconds(): number {
    return this.#host.nanoseconds / 1e9;
  }
  get memorySize(): number {
    return this.#host.memory.size;
  }
  powerOff(): void {
    this.#host.end("shutdown");
  }
  reset(): void {
    this.#host.end("reset");
  }
  setA20(open: boolean): void {
    this.#host.setA20(open);
  }
}
