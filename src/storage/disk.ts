// What a disk controller asks of a disk: whole sectors by byte offset, and durability. An operation either is
// done when it returns, which keeps a partition on the virtual clock deterministic, or returns a promise, which
// suits a partition on the host's clock. Offsets come from guests, so the controller checks them against
// `length`; `checkAccess` is the second fence, in front of every store.

import { HypervisorError } from "../support/errors.js";

const sectorSizes = [512, 4096] as const;
export type SectorSize = (typeof sectorSizes)[number];

/** An operation that is done, or a promise of it. */
export type Settled = undefined | Promise<void>;

export interface Disk {
  /** What messages call it. */
  readonly name: string;
  readonly sectorSize: SectorSize;
  /** Bytes: a multiple of the sector size, above 0. */
  readonly length: number;
  /** Writes are refused: the guest is shown a write-protected disk. */
  readonly readOnly: boolean;
  /** Fills `into` from `offset`. */
  read(offset: number, into: Uint8Array): Settled;
  /** Stores `from` at `offset`. Until it has settled, `from` belongs to the disk. */
  write(offset: number, from: Uint8Array): Settled;
  /** What was written before is durable afterwards. */
  flush(): Settled;
  /** The guest needs these bytes no more. */
  discard?(offset: number, length: number): Settled;
  /** Contents that live nowhere but in this object, for the partition's saved state. */
  save?(): unknown;
  restore?(state: unknown): void;
}

/** Fails unless a store of `length` bytes can be a disk; the message says what to do. */
export function checkGeometry(name: string, length: number, sectorSize: number): asserts sectorSize is SectorSize {
  if (!sectorSizes.includes(sectorSize as SectorSize)) {
    throw new HypervisorError(
      "invalid-argument",
      `disk "${name}" with sectors of ${sectorSize} bytes: choose ${sectorSizes.join(" or ")}`,
    );
  }
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new HypervisorError(
      "invalid-image",
      `disk "${name}" is empty: give it a size first, for example with "truncate -s 64M"`,
    );
  }
  const surplus = length % sectorSize;
  if (surplus !== 0) {
    const hint =
      sectorSize !== 512 && length % 512 === 0
        ? "open it with a sector size of 512, or pad it"
        : `pad it with zeros to ${length - surplus + sectorSize} bytes ("truncate -s ${length - surplus + sectorSize}")`;
    throw new HypervisorError(
      "invalid-image",
      `disk "${name}" has ${length} bytes, which is not a multiple of its ${sectorSize}-byte sectors: ${hint}; ` +
        "if it was copied or downloaded, check that it is complete",
    );
  }
}

/** Fails unless [offset, offset + length) lies on the disk and, for a write, the disk may be written. */
export function checkAccess(disk: Disk, offset: number, length: number, write = false): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > disk.length) {
    throw new HypervisorError(
      "invalid-range",
      `${length} bytes at ${offset} are not on disk "${disk.name}" of ${disk.length} bytes`,
    );
  }
  if (write && disk.readOnly) {
    throw new HypervisorError("invalid-argument", `disk "${disk.name}" is read-only: open it for writing first`);
  }
}
