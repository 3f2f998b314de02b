// The configuration space of one function: 256 bytes, a mask of the bits that the guest may write, and the
// power-on values. What the bits do is for others; this is the register file, capability list included.
//
//   MSI    +0 id 05h | next | control (0 enable, 7 64-bit)   +4 address   +8 upper address   +C data
//   MSI-X  +0 id 11h | next | control (15 enable, 14 mask, 10:0 vectors - 1)   +4 table   +8 pending: offset | BAR

import { HypervisorError } from "../../support/errors.js";
import type { Bar, PciFunction } from "./function.js";
import * as r from "./registers.js";

const MSI_LENGTH = 0x10;
const MSIX_LENGTH = 0x0c;
const COMMAND_ALWAYS = r.COMMAND_BUS_MASTER | r.COMMAND_PARITY | r.COMMAND_SERR | r.COMMAND_INTERRUPT_DISABLE;
const ALL_ONES = 0xffff_ffff;

export class ConfigSpace {
  readonly #bytes = new Uint8Array(r.CONFIG_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #initial: Uint8Array;
  readonly #writable = new Uint8Array(r.CONFIG_SIZE);
  readonly #masks = new DataView(this.#writable.buffer);
  #end = r.DEVICE_SPECIFIC;
  #lastPointer = r.CAPABILITIES_POINTER;
  /** Offset of the MSI capability, 0 without one. */
  readonly msi: number = 0;
  /** Offset of the MSI-X capability, 0 without one. */
  readonly msix: number = 0;

  constructor(fn: PciFunction) {
    const { identity } = fn;
    this.#view.setUint16(r.VENDOR_ID, identity.vendor, true);
    this.#view.setUint16(r.DEVICE_ID, identity.device, true);
    this.#view.setUint32(r.REVISION_ID, ((identity.classCode << 8) | identity.revision) >>> 0, true);
    this.#view.setUint16(r.SUBSYSTEM_VENDOR_ID, identity.subsystemVendor, true);
    this.#view.setUint16(r.SUBSYSTEM_ID, identity.subsystem, true);
    this.#bytes[r.INTERRUPT_PIN] = fn.pin ?? 0;
    this.#masks.setUint16(r.COMMAND, COMMAND_ALWAYS, true);
    this.#writable[r.CACHE_LINE_SIZE] = 0xff;
    this.#writable[r.LATENCY_TIMER] = 0xff;
    this.#writable[r.INTERRUPT_LINE] = 0xff;
    const used = new Set<number>();
    for (const bar of fn.bars) this.#describe(fn.name, bar, used);
    if (fn.msi === true) this.msi = this.#addMsi();
    if (fn.msix !== undefined) this.msix = this.#addMsix(fn.msix);
    this.#initial = this.#bytes.slice();
  }

  #describe(name: string, bar: Bar, used: Set<number>): void {
    const wide = bar.kind === "memory" && bar.wide === true;
    const last = bar.index + (wide ? 1 : 0);
    const fits =
      bar.kind === "memory" ? bar.size >= 0x1000 && bar.size <= 0x1000_0000 : bar.size >= 4 && bar.size <= 256;
    const free = bar.index >= 0 && last < r.BASE_ADDRESSES && !used.has(bar.index) && !used.has(last);
    if (!fits || !Number.isInteger(Math.log2(bar.size)) || !free) {
      throw new HypervisorError(
        "invalid-argument",
        `range ${bar.index} of PCI function "${name}": its size must be a power of two, memory from 4 KiB to 256 MiB, ` +
          "ports from 4 to 256, and its register (two of them when 64-bit) free",
      );
    }
    used.add(bar.index).add(last);
    const at = r.BASE_ADDRESS + bar.index * 4;
    this.#masks.setUint32(at, -bar.size >>> 0, true);
    if (bar.kind === "ports") {
      this.#view.setUint32(at, r.BAR_IO, true);
      this.#writable[r.COMMAND] |= r.COMMAND_IO_SPACE;
      return;
    }
    const flags = (wide ? r.BAR_MEMORY_64 : 0) | (bar.prefetchable === true ? r.BAR_PREFETCHABLE : 0);
    this.#view.setUint32(at, flags, true);
    if (wide) this.#masks.setUint32(at + 4, ALL_ONES, true);
    this.#writable[r.COMMAND] |= r.COMMAND_MEMORY_SPACE;
  }

  /** Links a capability into the list. */
  #addCapability(id: number, length: number): number {
    const at = this.#end;
    this.#end += length;
    this.#bytes[this.#lastPointer] = at;
    this.#bytes[at] = id;
    this.#lastPointer = at + 1;
    this.#view.setUint16(r.STATUS, this.#view.getUint16(r.STATUS, true) | r.STATUS_CAPABILITIES, true);
    return at;
  }

  #addMsi(): number {
    const at = this.#addCapability(r.CAPABILITY_MSI, MSI_LENGTH);
    this.#view.setUint16(at + 2, r.MSI_64BIT, true);
    this.#masks.setUint16(at + 2, r.MSI_ENABLE, true);
    this.#masks.setUint32(at + 4, 0xffff_fffc, true);
    this.#masks.setUint32(at + 8, ALL_ONES, true);
    this.#masks.setUint16(at + 12, 0xffff, true);
    return at;
  }

  #addMsix({ vectors, bar, table, pending }: NonNullable<PciFunction["msix"]>): number {
    const at = this.#addCapability(r.CAPABILITY_MSIX, MSIX_LENGTH);
    this.#view.setUint16(at + 2, vectors - 1, true);
    this.#masks.setUint16(at + 2, r.MSIX_ENABLE | r.MSIX_FUNCTION_MASK, true);
    this.#view.setUint32(at + 4, table | bar, true);
    this.#view.setUint32(at + 8, pending | bar, true);
    return at;
  }

  reset(): void {
    this.#bytes.set(this.#initial);
  }

  /** Reads 1, 2 or 4 bytes of one doubleword, little-endian; the caller keeps inside of it. */
  read(offset: number, size: number): number {
    let value = 0;
    for (let at = size - 1; at >= 0; at--) value = value * 256 + this.#bytes[offset + at];
    return value;
  }

  /** A write by the guest: only the bits that it may change do. */
  write(offset: number, size: number, value: number): void {
    for (let at = offset; at < offset + size; at++) {
      const mask = this.#writable[at];
      this.#bytes[at] = (this.#bytes[at] & ~mask) | ((value >>> ((at - offset) * 8)) & mask);
    }
  }

  get command(): number {
    return this.#view.getUint16(r.COMMAND, true);
  }

  setStatusInterrupt(high: boolean): void {
    if (high) this.#bytes[r.STATUS] |= r.STATUS_INTERRUPT;
    else this.#bytes[r.STATUS] &= ~r.STATUS_INTERRUPT;
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** The address that a range's registers hold, whether decoding is enabled or not. */
  base(bar: Bar): number {
    const at = r.BASE_ADDRESS + bar.index * 4;
    const low = (this.u32(at) & -bar.size) >>> 0;
    return bar.kind === "memory" && bar.wide === true ? this.u32(at + 4) * 0x1_0000_0000 + low : low;
  }

  save(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Takes what the guest may have written; identity and layout stay this function's own. */
  restore(bytes: Uint8Array): void {
    this.#bytes.set(this.#initial);
    for (let at = 0; at < r.CONFIG_SIZE; at++) {
      const mask = this.#writable[at];
      this.#bytes[at] = (this.#bytes[at] & ~mask) | ((bytes[at] ?? 0) & mask);
    }
  }
}
