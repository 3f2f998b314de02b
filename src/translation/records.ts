// The region records and requests in a partition's memory as the host reads them (assembly/region/record.ts). A record
// is FREE, then PENDING while its code is compiled, LIVE in a table slot, and DEAD once overwritten or recycled.

import * as v from "../engine/views.js";

/** What the host needs of a core: the fixed part of its memory, its function table and two calls. */
export interface TranslatedCore {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  /** The fixed part, below guest memory. */
  readonly u32: Uint32Array;
  readonly exports: {
    /** Frame behind a guest-physical page number, -1 if there is none. */
    frameOf(page: number): number;
    readonly table: WebAssembly.Table;
    /** The region's function is in this slot: it can be entered. */
    regionInstall(index: number, slot: number): void;
    /** The region is not entered any more. */
    regionKill(index: number): void;
    /** The side tables of regions are elsewhere. */
    regionsMoved(): void;
  };
}

export const { RegionState } = v;

export class RegionRecords {
  readonly #u32: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(core: Pick<TranslatedCore, "u32" | "bytes">) {
    this.#u32 = core.u32;
    this.#bytes = core.bytes;
  }

  cell(address: number): number {
    return this.#u32[address >>> 2];
  }

  setCell(address: number, value: number): void {
    this.#u32[address >>> 2] = value;
  }

  /** A 64-bit cell as a number, exact below 2^53. */
  number(address: number): number {
    return this.cell(address + 4) * 0x1_0000_0000 + this.cell(address);
  }

  quad(address: number): bigint {
    return (BigInt(this.cell(address + 4)) << 32n) | BigInt(this.cell(address));
  }

  setQuad(address: number, value: bigint): void {
    this.setCell(address, Number(value & 0xffff_ffffn));
    this.setCell(address + 4, Number(value >> 32n));
  }

  field(index: number, offset: number): number {
    return this.cell(v.REGIONS + index * v.REGION_SIZE + offset);
  }

  setField(index: number, offset: number, value: number): void {
    this.setCell(v.REGIONS + index * v.REGION_SIZE + offset, value);
  }

  /** Moves bytes of the fixed part. */
  move(start: number, end: number, to: number): void {
    this.#bytes.copyWithin(to, start, end);
  }

  state(index: number): number {
    return this.field(index, v.REGION_STATE);
  }

  setState(index: number, state: number): void {
    this.setField(index, v.REGION_STATE, state);
  }

  /** Changes whenever the region is entered after a while. */
  entered(index: number): number {
    return this.field(index, v.REGION_ENTERED);
  }

  /** Entries as page index << 12 | offset; the first is the head. */
  places(index: number): number[] {
    const count = this.field(index, v.REGION_PAGE_COUNT) >>> 16;
    const entries = this.field(index, v.REGION_ENTRIES);
    return Array.from({ length: count }, (_, n) => this.cell(entries + n * 4));
  }

  /** Frame of the region's head. */
  headFrame(index: number): number {
    const page = this.cell(this.field(index, v.REGION_ENTRIES)) >>> 12;
    return this.cell(this.field(index, v.REGION_PAGES) + page * v.REGION_PAGE_SIZE + v.PAGE_FRAME);
  }

  exits(index: number): { type: number; place: number }[] {
    const count = this.field(index, v.REGION_EXIT_COUNT);
    const exits = this.field(index, v.REGION_EXITS);
    return Array.from({ length: count }, (_, n) => {
      const exit = exits + n * v.EXIT_SIZE_BYTES;
      return { type: this.exitType(exit), place: this.cell(exit + v.EXIT_PLACE) };
    });
  }

  /** Type of the exit at an address. */
  exitType(exit: number): number {
    return this.#bytes[exit + v.EXIT_TYPE];
  }

  /** Guest instructions of a region. */
  instructions(index: number): number {
    return this.field(index, v.REGION_COUNT) & 0xffff;
  }

  /** How often the region was left, as far as its exits' counts reach. */
  taken(index: number): number {
    const exits = this.field(index, v.REGION_EXITS);
    const end = exits + this.field(index, v.REGION_EXIT_COUNT) * v.EXIT_SIZE_BYTES;
    let sum = 0;
    for (let exit = exits; exit < end; exit += v.EXIT_SIZE_BYTES) {
      const at = exit + v.EXIT_TAKEN;
      sum += this.#bytes[at] | (this.#bytes[at + 1] << 8);
    }
    return sum;
  }

  /** Requests that wait. */
  get waiting(): number {
    return (this.cell(v.REQUESTS_WRITTEN) - this.cell(v.REQUESTS_READ)) >>> 0;
  }

  /** Index in the ring of the oldest request that waits. */
  get oldest(): number {
    return this.cell(v.REQUESTS_READ) % v.REQUESTS_MAX;
  }

  /** The oldest request is dealt with. */
  advance(): void {
    this.setCell(v.REQUESTS_READ, (this.cell(v.REQUESTS_READ) + 1) >>> 0);
  }

  requestFrame(request: number): number {
    return this.cell(v.REQUESTS + request * v.REQUEST_SIZE + v.REQUEST_FRAME);
  }
}
