// Checked little-endian reads from untrusted bytes, and the number formats that messages use.

/** A cursorless reader: every access is bounds-checked and reports through `fail`. */
export class ByteReader {
  readonly #view: DataView;
  readonly #fail: (message: string) => never;

  constructor(
    readonly bytes: Uint8Array,
    fail: (message: string) => never,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = fail;
  }

  /** Fails unless [offset, offset + size) lies inside. */
  require(offset: number, size: number, what: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0 || size < 0 || offset + size > this.bytes.length) {
      this.#fail(`${what} at ${hex(offset)} (${size} bytes) is outside the file of ${this.bytes.length} bytes`);
    }
  }

  u8(offset: number, what: string): number {
    this.require(offset, 1, what);
    return this.#view.getUint8(offset);
  }

  u16(offset: number, what: string): number {
    this.require(offset, 2, what);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number, what: string): number {
    this.require(offset, 4, what);
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number, what: string): bigint {
    this.require(offset, 8, what);
    return this.#view.getBigUint64(offset, true);
  }

  slice(offset: number, size: number, what: string): Uint8Array {
    this.require(offset, size, what);
    return this.bytes.subarray(offset, offset + size);
  }
}

export function hex(value: number | bigint, digits = 0): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** Rounds up to a multiple of a power of two; exact above 2^31. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
