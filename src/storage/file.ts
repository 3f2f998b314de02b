// Raw image files on Node, synchronous or asynchronous. A write is in the file when it has settled and durable
// after the next flush. The synchronous disk is the one for a virtual clock: the guest sees the same at every
// run. The asynchronous one keeps the event loop free; its operations run one after another, in the order in
// which they were asked for, so that a flush covers the writes before it and a write never overtakes another.

import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { HypervisorError } from "../support/errors.js";
import { checkAccess, checkGeometry, type Disk, type SectorSize } from "./disk.js";
import type { DiskOptions } from "./memory.js";
import { checkRaw } from "./signature.js";

const HEAD = 16;

function unavailable(path: string, cause: unknown): HypervisorError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new HypervisorError(
    "invalid-argument",
    `disk image "${path}" cannot be opened (${reason}): check the path and its permissions, or open it read-only`,
    { cause },
  );
}

function shrunk(path: string): HypervisorError {
  return new HypervisorError("invalid-image", `disk image "${path}" has become shorter while it was in use`);
}

function checkImage(path: string, regular: boolean, length: number, sectorSize: number, head: Uint8Array): void {
  if (!regular) {
    throw new HypervisorError("unsupported-image", `disk image "${path}" is not a regular file: copy it into one`);
  }
  checkRaw(path, head);
  checkGeometry(path, length, sectorSize);
}

/** A raw image file, read and written synchronously. Dispose it to close the file. */
export class FileDisk implements Disk {
  readonly name: string;
  readonly sectorSize: SectorSize;
  readonly length: number;
  readonly readOnly: boolean;
  readonly #file: number;
  /** Something was written since the last flush: guests flush far more often than they write. */
  #dirty = false;
  #closed = false;

  private constructor(name: string, file: number, length: number, options: DiskOptions) {
    this.name = name;
    this.#file = file;
    this.length = length;
    this.sectorSize = options.sectorSize ?? 512;
    this.readOnly = options.readOnly ?? false;
  }

  static open(path: string, options: DiskOptions = {}): FileDisk {
    let file: number;
    try {
      file = openSync(path, options.readOnly === true ? "r" : "r+");
    } catch (cause) {
      throw unavailable(path, cause);
    }
    try {
      const status = fstatSync(file);
      const head = new Uint8Array(HEAD);
      if (status.isFile()) readSync(file, head, 0, HEAD, 0);
      checkImage(path, status.isFile(), status.size, options.sectorSize ?? 512, head);
      return new FileDisk(options.name ?? path, file, status.size, options);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** Makes an empty (sparse) image; fails when the file exists. */
  static create(path: string, length: number, options: Omit<DiskOptions, "readOnly"> = {}): FileDisk {
    checkGeometry(path, length, options.sectorSize ?? 512);
    let file: number;
    try {
      file = openSync(path, "wx+");
    } catch (cause) {
      throw unavailable(path, cause);
    }
    ftruncateSync(file, length);
    return new FileDisk(options.name ?? path, file, length, options);
  }

  read(offset: number, into: Uint8Array): undefined {
    checkAccess(this, offset, into.length);
    for (let done = 0; done < into.length; ) {
      const count = readSync(this.#file, into, done, into.length - done, offset + done);
      if (count === 0) throw shrunk(this.name);
      done += count;
    }
  }

  write(offset: number, from: Uint8Array): undefined {
    checkAccess(this, offset, from.length, true);
    this.#dirty = true;
    for (let done = 0; done < from.length; ) {
      done += writeSync(this.#file, from, done, from.length - done, offset + done);
    }
  }

  flush(): undefined {
    if (!this.#dirty) return;
    fsyncSync(this.#file);
    this.#dirty = false;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
  }
}

/** A raw image file, read and written on the event loop. Dispose it to close the file. */
export class AsyncFileDisk implements Disk {
  readonly name: string;
  readonly sectorSize: SectorSize;
  readonly length: number;
  readonly readOnly: boolean;
  readonly #file: FileHandle;
  #dirty = false;
  #last: Promise<void> = Promise.resolve();

  private constructor(name: string, file: FileHandle, length: number, options: DiskOptions) {
    this.name = name;
    this.#file = file;
    this.length = length;
    this.sectorSize = options.sectorSize ?? 512;
    this.readOnly = options.readOnly ?? false;
  }

  static async open(path: string, options: DiskOptions = {}): Promise<AsyncFileDisk> {
    let file: FileHandle;
    try {
      file = await open(path, options.readOnly === true ? "r" : "r+");
    } catch (cause) {
      throw unavailable(path, cause);
    }
    try {
      const status = await file.stat();
      const head = new Uint8Array(HEAD);
      if (status.isFile()) await file.read(head, 0, HEAD, 0);
      checkImage(path, status.isFile(), status.size, options.sectorSize ?? 512, head);
      return new AsyncFileDisk(options.name ?? path, file, status.size, options);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    checkAccess(this, offset, into.length);
    return this.#next(async () => {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
        if (bytesRead === 0) throw shrunk(this.name);
        done += bytesRead;
      }
    });
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    checkAccess(this, offset, from.length, true);
    return this.#next(async () => {
      this.#dirty = true;
      for (let done = 0; done < from.length; ) {
        const { bytesWritten } = await this.#file.write(from, done, from.length - done, offset + done);
        done += bytesWritten;
      }
    });
  }

  flush(): Promise<void> {
    return this.#next(async () => {
      if (!this.#dirty) return;
      await this.#file.sync();
      this.#dirty = false;
    });
  }

  /** Runs an operation behind those before it, whether they failed or not. */
  #next(operation: () => Promise<void>): Promise<void> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next(() => this.#file.close());
  }
}
