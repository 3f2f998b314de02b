// Copy on write: a disk that reads through to a base and keeps everything written in memory, so that many
// partitions can start from one image and none changes it. Without a base it is a sparse empty disk. What was
// written is part of the saved state; the base is not and has to be the same when the state is restored.
//
//   block of 64 KiB: data | one byte per sector: 1 = written here, 0 = still the base's

import { HypervisorError } from "../support/errors.js";
import { checkAccess, checkGeometry, type Disk, type SectorSize, type Settled } from "./disk.js";
import type { DiskOptions } from "./memory.js";

const BLOCK = 0x10000;

interface Block {
  readonly data: Uint8Array;
  readonly present: Uint8Array;
}

interface SavedBlock {
  index: number;
  data: Uint8Array;
  present: Uint8Array;
}

export class OverlayDisk implements Disk {
  readonly name: string;
  readonly sectorSize: SectorSize;
  readonly length: number;
  readonly readOnly = false;
  readonly #base: Disk | undefined;
  readonly #blocks = new Map<number, Block>();

  /** Over a base, or a sparse empty disk of that many bytes. */
  constructor(base: Disk | number, options: Omit<DiskOptions, "readOnly"> = {}) {
    this.#base = typeof base === "number" ? undefined : base;
    this.name = options.name ?? this.#base?.name ?? "overlay";
    const sectorSize = options.sectorSize ?? this.#base?.sectorSize ?? 512;
    this.length = typeof base === "number" ? base : base.length;
    checkGeometry(this.name, this.length, sectorSize);
    this.sectorSize = sectorSize;
    if (this.#base !== undefined && sectorSize !== this.#base.sectorSize) {
      throw new HypervisorError(
        "invalid-argument",
        `disk "${this.name}" cannot have sectors of ${sectorSize} bytes over a base with ${this.#base.sectorSize}`,
      );
    }
  }

  /** Bytes of memory that hold what was written. */
  get allocated(): number {
    return this.#blocks.size * BLOCK;
  }

  read(offset: number, into: Uint8Array): Settled {
    checkAccess(this, offset, into.length);
    const below = this.#base?.read(offset, into);
    if (below !== undefined) return below.then(() => this.#lay(offset, into));
    if (this.#base === undefined) into.fill(0);
    this.#lay(offset, into);
  }

  /** Lays what was written over what the base has. */
  #lay(offset: number, into: Uint8Array): void {
    this.#pieces(offset, into.length, (index, from, at, length) => {
      const block = this.#blocks.get(index);
      if (block === undefined) return;
      for (let done = 0; done < length; done += this.sectorSize) {
        if (block.present[(from + done) / this.sectorSize] === 0) continue;
        into.set(block.data.subarray(from + done, from + done + this.sectorSize), at + done);
      }
    });
  }

  write(offset: number, from: Uint8Array): undefined {
    checkAccess(this, offset, from.length, true);
    this.#pieces(offset, from.length, (index, to, at, length) => {
      let block = this.#blocks.get(index);
      if (block === undefined) {
        block = { data: new Uint8Array(BLOCK), present: new Uint8Array(BLOCK / this.sectorSize) };
        this.#blocks.set(index, block);
      }
      block.data.set(from.subarray(at, at + length), to);
      block.present.fill(1, to / this.sectorSize, (to + length) / this.sectorSize);
    });
  }

  /** Whole sectors of [offset, offset + length), block by block. */
  #pieces(
    offset: number,
    length: number,
    visit: (index: number, from: number, at: number, length: number) => void,
  ): void {
    if (offset % this.sectorSize !== 0 || length % this.sectorSize !== 0) {
      throw new HypervisorError(
        "invalid-range",
        `${length} bytes at ${offset} of disk "${this.name}" are not whole ${this.sectorSize}-byte sectors`,
      );
    }
    for (let done = 0; done < length; ) {
      const from = (offset + done) % BLOCK;
      const part = Math.min(BLOCK - from, length - done);
      visit(Math.floor((offset + done) / BLOCK), from, done, part);
      done += part;
    }
  }

  flush(): undefined {}

  save(): SavedBlock[] {
    return [...this.#blocks].map(([index, { data, present }]) => ({
      index,
      data: data.slice(),
      present: present.slice(),
    }));
  }

  restore(state: unknown): void {
    if (!Array.isArray(state)) {
      throw new HypervisorError(
        "incompatible-state",
        `the saved contents of disk "${this.name}" are not a list of blocks`,
      );
    }
    this.#blocks.clear();
    for (const { index, data, present } of state as SavedBlock[]) {
      this.#blocks.set(index, { data: data.slice(), present: present.slice() });
    }
  }
}
