// Guest memory as the host sees it: RAM and ROM by guest-physical address. Every access is checked against
// the partition's map, and every write tells the core, which drops decoded code and translations of the
// page before the guest runs again.

import type { Core } from "../engine/core.js";
import { PAGE } from "../engine/plan.js";
import { hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";
import { type MappedRange, type MemoryMap, RANGE_RAM } from "./map.js";

export class GuestMemory {
  readonly #core: Core;
  readonly #map: MemoryMap;
  readonly #word = new Uint8Array(8);
  readonly #wordView = new DataView(this.#word.buffer);

  /** Bytes of RAM. */
  readonly size: number;

  constructor(core: Core, map: MemoryMap, size: number) {
    this.#core = core;
    this.#map = map;
    this.size = size;
  }

  /** Ranges of RAM, by guest-physical address: what a memory map for the guest is made of. */
  get ram(): readonly { base: number; size: number }[] {
    const merged: { base: number; size: number }[] = [];
    for (const range of this.#map.ranges) {
      if (range.kind !== RANGE_RAM) continue;
      const base = range.firstPage * PAGE;
      const previous = merged.at(-1);
      if (previous !== undefined && previous.base + previous.size === base) previous.size += range.pages * PAGE;
      else merged.push({ base, size: range.pages * PAGE });
    }
    return merged;
  }

  #range(gpa: number): MappedRange | undefined {
    const page = Math.floor(gpa / PAGE);
    return this.#map.ranges.find((range) => page >= range.firstPage && page < range.firstPage + range.pages);
  }

  /** Whether all of [gpa, gpa + size) is RAM (or ROM, unless `writable`). */
  isMapped(gpa: number, size: number, writable = false): boolean {
    if (!Number.isSafeInteger(gpa) || !Number.isSafeInteger(size) || gpa < 0 || size < 0) return false;
    const end = gpa + size;
    let at = gpa;
    do {
      const range = this.#range(at);
      if (range === undefined || (writable && range.kind !== RANGE_RAM)) return false;
      at = (range.firstPage + range.pages) * PAGE;
    } while (at < end);
    return true;
  }

  /** Runs `visit` for every piece of [gpa, gpa + size) that is contiguous in the linear memory. */
  #pieces(gpa: number, size: number, visit: (host: number, from: number, length: number) => void): void {
    if (!this.isMapped(gpa, size)) {
      throw new HypervisorError("memory-not-mapped", `${size} bytes at guest-physical ${hex(gpa)} are not RAM or ROM`);
    }
    for (let done = 0; done < size; ) {
      const range = this.#range(gpa + done)!;
      const offset = gpa + done - range.firstPage * PAGE;
      const length = Math.min(size - done, range.pages * PAGE - offset);
      visit(this.#core.plan.ramBase + range.firstFrame * PAGE + offset, done, length);
      done += length;
    }
  }

  read(gpa: number, into: Uint8Array): void {
    this.#pieces(gpa, into.length, (host, from, length) => {
      into.set(this.#core.bytes.subarray(host, host + length), from);
    });
  }

  /** Copies bytes in; ROM can be written this way too. */
  write(gpa: number, from: Uint8Array): void {
    this.#pieces(gpa, from.length, (host, start, length) => {
      this.#core.bytes.set(from.subarray(start, start + length), host);
      this.#written(host, length);
    });
  }

  fill(gpa: number, size: number, byte = 0): void {
    this.#pieces(gpa, size, (host, _start, length) => {
      this.#core.bytes.fill(byte, host, host + length);
      this.#written(host, length);
    });
  }

  /** Reports a write to the core, one frame at a time. */
  #written(host: number, length: number): void {
    let at = host - this.#core.plan.ramBase;
    const end = at + length;
    while (at < end) {
      const offset = at % PAGE;
      const part = Math.min(PAGE - offset, end - at);
      this.#core.exports.memoryWritten(Math.floor(at / PAGE), offset, part);
      at += part;
    }
  }

  /** The bytes themselves, without a copy, where they are contiguous. For reading: the core cannot see writes through it. */
  view(gpa: number, size: number): Uint8Array {
    let result: Uint8Array | undefined;
    this.#pieces(gpa, size, (host, from, length) => {
      if (from === 0 && length === size) result = this.#core.bytes.subarray(host, host + length);
    });
    if (result === undefined) {
      throw new HypervisorError("memory-not-mapped", `${size} bytes at ${hex(gpa)} are not contiguous in the engine`);
    }
    return result;
  }

  readUint8(gpa: number): number {
    return this.#load(gpa, 1).getUint8(0);
  }
  readUint16(gpa: number): number {
    return this.#load(gpa, 2).getUint16(0, true);
  }
  readUint32(gpa: number): number {
    return this.#load(gpa, 4).getUint32(0, true);
  }
  readUint64(gpa: number): bigint {
    return this.#load(gpa, 8).getBigUint64(0, true);
  }
  writeUint8(gpa: number, value: number): void {
    this.#wordView.setUint8(0, value);
    this.write(gpa, this.#word.subarray(0, 1));
  }
  writeUint16(gpa: number, value: number): void {
    this.#wordView.setUint16(0, value, true);
    this.write(gpa, this.#word.subarray(0, 2));
  }
  writeUint32(gpa: number, value: number): void {
    this.#wordView.setUint32(0, value, true);
    this.write(gpa, this.#word.subarray(0, 4));
  }
  writeUint64(gpa: number, value: bigint): void {
    this.#wordView.setBigUint64(0, value, true);
    this.write(gpa, this.#word);
  }

  #load(gpa: number, size: number): DataView {
    this.read(gpa, this.#word.subarray(0, size));
    return this.#wordView;
  }
}
