// Guest-physical memory of the model: ranges of RAM, ROM and devices, the A20 gate, and the bytes of all
// frames. What nothing backs reads as ones when a page walk reads it. Devices answer a read with a
// function of the address and collect what is written, byte by byte.

export const PAGE = 4096;

export type Kind = "unmapped" | "RAM" | "ROM" | "MMIO";
/** RangeKind of assembly/memory/ranges.ts. */
export const KIND_NUMBER: Record<Kind, number> = { unmapped: 0, RAM: 1, ROM: 2, MMIO: 3 };

export interface Range {
  readonly firstPage: number;
  readonly pages: number;
  readonly kind: Exclude<Kind, "unmapped">;
  readonly firstFrame: number;
}

export interface Place {
  readonly kind: Kind;
  /** Frame of RAM or ROM, otherwise -1. */
  readonly frame: number;
}

const A20 = 1n << 20n;

export class GuestMemory {
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** False: address bit 20 is forced to 0. */
  a20 = true;

  constructor(
    readonly frames: number,
    readonly ranges: readonly Range[],
  ) {
    this.bytes = new Uint8Array(frames * PAGE);
    this.view = new DataView(this.bytes.buffer);
  }

  gate(address: bigint): bigint {
    return this.a20 ? address : address & ~A20;
  }

  at(address: bigint): Place {
    const page = Number(this.gate(address) >> 12n);
    for (const { firstPage, pages, kind, firstFrame } of this.ranges) {
      if (page < firstPage || page >= firstPage + pages) continue;
      return { kind, frame: kind === "MMIO" ? -1 : firstFrame + page - firstPage };
    }
    return { kind: "unmapped", frame: -1 };
  }

  /** Some ROM range shows the frame: it is never written. */
  isRom(frame: number): boolean {
    return this.ranges.some(
      ({ kind, pages, firstFrame }) => kind === "ROM" && frame >= firstFrame && frame < firstFrame + pages,
    );
  }

  /** A paging-structure entry, or all ones where nothing answers. */
  entry(address: bigint, size: 4 | 8): bigint {
    const { frame } = this.at(address);
    if (frame < 0) return size === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn;
    return this.load(frame * PAGE + Number(address & 0xfffn), size);
  }

  load(offset: number, size: 4 | 8): bigint {
    return size === 8 ? this.view.getBigUint64(offset, true) : BigInt(this.view.getUint32(offset, true));
  }
  store(offset: number, size: 4 | 8, value: bigint): void {
    if (size === 8) this.view.setBigUint64(offset, value, true);
    else this.view.setUint32(offset, Number(value & 0xffff_ffffn), true);
  }
  /** Offset of an address in `bytes`, or -1 where writes have no effect. */
  writable(address: bigint): number {
    const { kind, frame } = this.at(address);
    return kind === "RAM" ? frame * PAGE + Number(address & 0xfffn) : -1;
  }
}

/** What a device of the model answers at an address. */
export function deviceByte(address: bigint): number {
  return Number((address * 0x9dn + (address >> 8n)) & 0xffn);
}
