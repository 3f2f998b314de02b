// What every loader shares: the pieces an image consists of, placing them in guest RAM with strict checks,
// and finding room for what a loader adds (tables, modules, boot information).

import type { GuestMemory } from "../partition/memory.js";
import { alignUp, hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";

export type StartMode = "real" | "protected" | "long";
export type ImageFormat = "flat" | "multiboot" | "elf" | "linux";

/** A piece of an image: `data` at guest-physical `base`, followed by zeros up to `size`. */
export interface Segment {
  readonly base: number;
  readonly size: number;
  readonly data: Uint8Array;
  readonly what: string;
}

export interface LoadedImage {
  readonly format: ImageFormat;
  readonly mode: StartMode;
  /** Guest-physical address of the first instruction. */
  readonly entry: number;
  readonly segments: readonly { base: number; size: number; what: string }[];
}

export function invalid(message: string): never {
  throw new HypervisorError("invalid-image", message);
}
export function unsupported(message: string): never {
  throw new HypervisorError("unsupported-image", message);
}

const PAGE = 4096;
/** Below the extended BIOS data area, which firmware and boot loaders leave at the end of low memory. */
const LOW_END = 0x9f000;

/** Regions of RAM in use while an image is loaded. */
export class Placement {
  readonly #memory: GuestMemory;
  readonly #used: { base: number; size: number; what: string }[] = [];

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  get used(): readonly { base: number; size: number; what: string }[] {
    return this.#used;
  }

  /** End of the highest region in use. */
  get end(): number {
    return this.#used.reduce((end, region) => Math.max(end, region.base + region.size), 0);
  }

  /** Fails unless the segment lies in RAM and clear of the others. */
  claim(base: number, size: number, what: string): void {
    if (!this.#memory.isMapped(base, size, true)) {
      throw new HypervisorError(
        "image-outside-memory",
        `${what} (${hex(base)}-${hex(base + size)}) is outside the partition's RAM of ${this.#memory.size} bytes`,
      );
    }
    const other = this.#used.find((region) => base < region.base + region.size && region.base < base + size);
    if (other !== undefined && size > 0) {
      throw new HypervisorError(
        "image-outside-memory",
        `${what} at ${hex(base)} overlaps ${other.what} at ${hex(other.base)}`,
      );
    }
    this.#used.push({ base, size, what });
  }

  /** Keeps what is found later out of RAM below `end`, from the first region in use on. */
  reserve(end: number): void {
    const base = this.end;
    if (end > base) this.#used.push({ base, size: end - base, what: "the kernel's memory" });
  }

  /** Claims every segment, then copies them: a bad image leaves memory untouched. */
  load(segments: readonly Segment[]): void {
    for (const { base, size, what } of segments) this.claim(base, size, what);
    this.copy(segments);
  }

  /** Copies segments that have been claimed. */
  copy(segments: readonly Segment[]): void {
    for (const { base, size, data } of segments) {
      this.#memory.write(base, data);
      if (size > data.length) this.#memory.fill(base + data.length, size - data.length);
    }
  }

  /** Free pages in low memory, as high as possible; behind everything else where low memory is full. */
  findLow(size: number, what: string): number {
    for (let base = LOW_END - size; base >= PAGE; base -= PAGE) {
      if (!this.#isFree(base, size)) continue;
      this.#used.push({ base, size, what });
      return base;
    }
    return this.findAfter(size, what);
  }

  #isFree(base: number, size: number): boolean {
    return (
      this.#memory.isMapped(base, size, true) &&
      !this.#used.some((region) => base < region.base + region.size && region.base < base + size)
    );
  }

  /** Free pages as high as possible below `limit`, above 1 MiB. */
  findHigh(size: number, limit: number, what: string): number {
    // The highest candidates end where RAM, the limit or a region in use ends.
    const ends = [
      limit,
      ...this.#memory.ram.map((range) => range.base + range.size),
      ...this.#used.map(({ base }) => base),
    ];
    const bases = ends
      .filter((end) => end <= limit)
      .map((end) => Math.floor((end - size) / PAGE) * PAGE)
      .filter((base) => base >= 0x100000 && this.#isFree(base, size));
    if (bases.length === 0) {
      throw new HypervisorError(
        "image-outside-memory",
        `${what} of ${size} bytes fits nowhere between 1 MiB and ${hex(limit)} in the partition's RAM of ${this.#memory.size} bytes`,
      );
    }
    const base = Math.max(...bases);
    this.#used.push({ base, size, what });
    return base;
  }

  /** Pages behind everything that is in use. */
  findAfter(size: number, what: string): number {
    const base = alignUp(Math.max(this.end, 0x100000), PAGE);
    this.claim(base, size, what);
    return base;
  }
}
