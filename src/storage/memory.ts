// A disk in the host's memory: over bytes of the caller, or empty. Its contents are part of the saved state of
// the partition that uses it.

import { HypervisorError } from "../support/errors.js";
import { checkAccess, checkGeometry, type Disk, type SectorSize } from "./disk.js";

export interface DiskOptions {
  name?: string;
  /** 512 by default. */
  sectorSize?: SectorSize;
  readOnly?: boolean;
}

export class MemoryDisk implements Disk {
  readonly name: string;
  readonly sectorSize: SectorSize;
  readonly readOnly: boolean;
  /** The contents themselves: the guest's writes show here. */
  readonly bytes: Uint8Array;

  /** A disk over `contents`, not copied, or an empty one of that many bytes. */
  constructor(contents: Uint8Array | number, options: DiskOptions = {}) {
    const length = typeof contents === "number" ? contents : contents.length;
    const sectorSize = options.sectorSize ?? 512;
    this.name = options.name ?? "memory";
    checkGeometry(this.name, length, sectorSize);
    this.sectorSize = sectorSize;
    this.readOnly = options.readOnly ?? false;
    this.bytes = typeof contents === "number" ? new Uint8Array(length) : contents;
  }

  get length(): number {
    return this.bytes.length;
  }

  read(offset: number, into: Uint8Array): undefined {
    checkAccess(this, offset, into.length);
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): undefined {
    checkAccess(this, offset, from.length, true);
    this.bytes.set(from, offset);
  }

  flush(): undefined {}

  save(): Uint8Array | undefined {
    return this.readOnly ? undefined : this.bytes.slice();
  }

  restore(state: unknown): void {
    if (this.readOnly) return;
    if (!(state instanceof Uint8Array) || state.length !== this.length) {
      throw new HypervisorError(
        "incompatible-state",
        `the saved contents of disk "${this.name}" are not ${this.length} bytes: restore into a disk of the same size`,
      );
    }
    this.bytes.set(state);
  }
}
