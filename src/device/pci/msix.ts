// The MSI-X table and its pending bits (PCI Local Bus 3.0, 6.8.2): one message per vector, each with its own
// mask. A vector that fires while it or the whole function is masked leaves its pending bit and is sent when
// the mask goes.
//
//   entry of 16 bytes: 0 address | 4 upper address | 8 data | C vector control (0 mask)
//   pending: one bit per vector, in quadwords

const ENTRY = 16;
const CONTROL = 12;
const MASKED = 1;

interface MsixState {
  table: Uint8Array;
  pending: Uint8Array;
}

export class MsixTable {
  readonly vectors: number;
  readonly #table: Uint8Array;
  readonly #view: DataView;
  readonly #pending: Uint8Array;
  readonly #send: (address: number, data: number) => void;
  #enabled = false;
  #functionMasked = false;

  /** `send` makes the memory write of a message. */
  constructor(vectors: number, send: (address: number, data: number) => void) {
    this.vectors = vectors;
    this.#table = new Uint8Array(vectors * ENTRY);
    this.#view = new DataView(this.#table.buffer);
    this.#pending = new Uint8Array(Math.ceil(vectors / 64) * 8);
    this.#send = send;
    this.reset();
  }

  get tableSize(): number {
    return this.#table.length;
  }

  get pendingSize(): number {
    return this.#pending.length;
  }

  reset(): void {
    this.#enabled = false;
    this.#functionMasked = false;
    this.#pending.fill(0);
    this.#table.fill(0);
    for (let vector = 0; vector < this.vectors; vector++) this.#table[vector * ENTRY + CONTROL] = MASKED;
  }

  /** Follows the control word of the capability. */
  configure(enabled: boolean, functionMasked: boolean): void {
    this.#enabled = enabled;
    this.#functionMasked = functionMasked;
    for (let vector = 0; vector < this.vectors; vector++) this.#release(vector);
  }

  #isMasked(vector: number): boolean {
    return this.#functionMasked || (this.#table[vector * ENTRY + CONTROL] & MASKED) !== 0;
  }

  fire(vector: number): void {
    if (!this.#enabled || vector >= this.vectors) return;
    this.#pending[vector >> 3] |= 1 << (vector & 7);
    this.#release(vector);
  }

  /** Sends a pending message that nothing masks. */
  #release(vector: number): void {
    const bit = 1 << (vector & 7);
    if (!this.#enabled || (this.#pending[vector >> 3] & bit) === 0 || this.#isMasked(vector)) return;
    this.#pending[vector >> 3] &= ~bit;
    const at = vector * ENTRY;
    const low = (this.#view.getUint32(at, true) & ~3) >>> 0;
    const address = this.#view.getUint32(at + 4, true) * 0x1_0000_0000 + low;
    this.#send(address, this.#view.getUint32(at + 8, true));
  }

  /** A read of the table, doubleword by doubleword; others are undefined and read zero. */
  readTable(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  writeTable(offset: number, value: number): void {
    const inEntry = offset % ENTRY;
    this.#view.setUint32(offset, inEntry === CONTROL ? value & MASKED : value, true);
    if (inEntry === CONTROL) this.#release((offset - CONTROL) / ENTRY);
  }

  readPending(offset: number): number {
    return new DataView(this.#pending.buffer).getUint32(offset, true);
  }

  save(): MsixState {
    return { table: this.#table.slice(), pending: this.#pending.slice() };
  }

  /** The capability's control word is restored with the configuration space, by `configure`. */
  restore({ table, pending }: MsixState): void {
    this.reset();
    this.#table.set(table.subarray(0, this.#table.length));
    this.#pending.set(pending.subarray(0, this.#pending.length));
  }
}
