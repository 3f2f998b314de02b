// Log pages (NVM Express 1.4, 5.14.1): errors, health (SMART), firmware slots.
//
//   error entry of 64 bytes: 0 count | 8 queue | A command | C status | E where | 10h LBA | 18h namespace
//   health: 0 warnings | 1 temperature (K) | 3 spare % | 4 threshold | 20h data units read | 30h written (of 512,000
//           bytes) | 40h reads | 50h writes | 70h power cycles | 80h hours | A0h media errors | B0h errors

export const LogPage = { ERROR: 1, HEALTH: 2, FIRMWARE: 3 } as const;

export const ERROR_ENTRIES = 16;
const ERROR_ENTRY = 64;
const HEALTH_SIZE = 512;
const FIRMWARE_SIZE = 512;
const DATA_UNIT = 512_000;
const HOUR = 3600e9;
/** Kelvin: 37 degrees Celsius, for ever. */
export const TEMPERATURE = 310;
/** Bit of the critical warnings. */
export const WARNING_TEMPERATURE = 1 << 1;

export interface ErrorRecord {
  queue: number;
  command: number;
  status: number;
  block: number;
  namespace: number;
}

interface LogState {
  bytesRead: number;
  bytesWritten: number;
  reads: number;
  writes: number;
  mediaErrors: number;
  errorCount: number;
  errors: ErrorRecord[];
}

export class Logs {
  #counters: LogState = empty();

  /** Power-on state: nothing has happened yet. */
  reset(): void {
    this.#counters = empty();
  }

  countRead(bytes: number): void {
    this.#counters.bytesRead += bytes;
    this.#counters.reads++;
  }

  countWrite(bytes: number): void {
    this.#counters.bytesWritten += bytes;
    this.#counters.writes++;
  }

  countMediaError(): void {
    this.#counters.mediaErrors++;
  }

  /** Newest first, the oldest fall out. */
  record(error: ErrorRecord): void {
    this.#counters.errorCount++;
    this.#counters.errors.unshift(error);
    this.#counters.errors.length = Math.min(this.#counters.errors.length, ERROR_ENTRIES);
  }

  errors(): Uint8Array {
    const bytes = new Uint8Array(ERROR_ENTRIES * ERROR_ENTRY);
    const view = new DataView(bytes.buffer);
    this.#counters.errors.forEach((error, n) => {
      const at = n * ERROR_ENTRY;
      view.setBigUint64(at, BigInt(this.#counters.errorCount - n), true);
      view.setUint16(at + 0x08, error.queue, true);
      view.setUint16(at + 0x0a, error.command, true);
      view.setUint16(at + 0x0c, error.status << 1, true);
      // The fields do not say which byte of the command was at fault.
      view.setUint16(at + 0x0e, 0xffff, true);
      view.setBigUint64(at + 0x10, BigInt(error.block), true);
      view.setUint32(at + 0x18, error.namespace, true);
    });
    return bytes;
  }

  health(warnings: number, nanoseconds: number): Uint8Array {
    const bytes = new Uint8Array(HEALTH_SIZE);
    const view = new DataView(bytes.buffer);
    const counters = this.#counters;
    const units = (count: number): number => Math.ceil(count / DATA_UNIT);
    bytes[0] = warnings;
    view.setUint16(1, TEMPERATURE, true);
    bytes[3] = 100;
    bytes[4] = 10;
    view.setBigUint64(0x20, BigInt(units(counters.bytesRead)), true);
    view.setBigUint64(0x30, BigInt(units(counters.bytesWritten)), true);
    view.setBigUint64(0x40, BigInt(counters.reads), true);
    view.setBigUint64(0x50, BigInt(counters.writes), true);
    view.setBigUint64(0x70, 1n, true);
    view.setBigUint64(0x80, BigInt(Math.floor(nanoseconds / HOUR)), true);
    view.setBigUint64(0xa0, BigInt(counters.mediaErrors), true);
    view.setBigUint64(0xb0, BigInt(counters.errorCount), true);
    return bytes;
  }

  firmware(revision: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(FIRMWARE_SIZE);
    bytes[0] = 1;
    bytes.set(revision, 8);
    return bytes;
  }

  save(): LogState {
    return structuredClone(this.#counters);
  }

  restore(state: LogState): void {
    this.#counters = structuredClone(state);
  }
}

function empty(): LogState {
  return { bytesRead: 0, bytesWritten: 0, reads: 0, writes: 0, mediaErrors: 0, errorCount: 0, errors: [] };
}
