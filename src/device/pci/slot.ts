// One function on the bus: its configuration space, its ranges, and the host that it talks to. Bus mastering,
// the interrupt mode and decoding follow the configuration space, so what the guest has not enabled a function
// cannot do.

import type { DeviceBus, DeviceTimer } from "../../partition/device.js";
import type { MemoryHandler } from "../../partition/handlers.js";
import { ConfigSpace } from "./config.js";
import type { InterruptMode, MemoryBar, MsixLayout, PciFunction, PciHost } from "./function.js";
import { MsixTable } from "./msix.js";
import { Region } from "./region.js";
import * as r from "./registers.js";

/** Messages to the local APICs are writes to FEExxxxxh. */
const MESSAGE_FIRST = 0xfee0_0000;
const MESSAGE_END = 0xfef0_0000;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

interface SlotState {
  config: Uint8Array;
  msix?: unknown;
  pin: boolean;
  state: unknown;
}

export class PciSlot implements PciHost {
  readonly device: number;
  readonly address: string;
  readonly fn: PciFunction;
  readonly config: ConfigSpace;
  readonly regions: readonly Region[];
  readonly #msix: MsixTable | undefined;
  readonly #bus: DeviceBus;
  readonly #drive: (slot: PciSlot, high: boolean) => void;
  #pin = false;
  #mode: InterruptMode = "pin";
  #busMaster = false;

  /** `drive` is told the level that the function's pin shows to the board. */
  constructor(device: number, fn: PciFunction, bus: DeviceBus, drive: (slot: PciSlot, high: boolean) => void) {
    this.device = device;
    this.address = `${device.toString(16).padStart(2, "0")}.0`;
    this.fn = fn;
    this.#bus = bus;
    this.#drive = drive;
    this.config = new ConfigSpace(fn);
    if (fn.msix !== undefined) {
      this.#msix = new MsixTable(fn.msix.vectors, (address, data) => this.#writeMessage(address, data));
    }
    this.regions = fn.bars.map((bar) =>
      bar.kind === "memory" && bar.index === fn.msix?.bar
        ? new Region(bar, this.#withTable(bar, fn.msix))
        : new Region(bar),
    );
    fn.connect(this);
  }

  /** Puts the MSI-X table and pending bits in front of a memory range. */
  #withTable(bar: MemoryBar, layout: MsixLayout): MemoryHandler {
    const msix = this.#msix as MsixTable;
    const inTable = (offset: number) => offset >= layout.table && offset < layout.table + msix.tableSize;
    const inPending = (offset: number) => offset >= layout.pending && offset < layout.pending + msix.pendingSize;
    const readWord = (offset: number) =>
      inTable(offset) ? msix.readTable(offset - layout.table) : msix.readPending(offset - layout.pending);
    return {
      read: (offset, size) => {
        if (!inTable(offset) && !inPending(offset)) return bar.handler.read?.(offset, size) ?? ALL_ONES;
        // Only aligned doublewords and quadwords are defined.
        if (size < 4 || offset % size !== 0) return 0;
        if (size === 4) return readWord(offset);
        return (BigInt(readWord(offset + 4)) << 32n) | BigInt(readWord(offset));
      },
      write: (offset, size, value) => {
        if (!inTable(offset) && !inPending(offset)) bar.handler.write?.(offset, size, value);
        else if (inTable(offset) && size >= 4 && offset % size === 0) {
          for (let at = 0; at < size; at += 4) {
            msix.writeTable(offset - layout.table + at, Number((value >> BigInt(at * 8)) & 0xffff_ffffn));
          }
        }
      },
    };
  }

  get busMaster(): boolean {
    return this.#busMaster;
  }

  get interruptMode(): InterruptMode {
    return this.#mode;
  }

  get nanoseconds(): number {
    return this.#bus.nanoseconds;
  }

  timer(expired: () => void): DeviceTimer {
    return this.#bus.timer(expired);
  }

  isRam(address: number, size: number, writable = false): boolean {
    return this.#bus.guest.isMapped(address, size, writable);
  }

  read(address: number, into: Uint8Array): boolean {
    if (!this.#busMaster || !this.isRam(address, into.length)) return false;
    into.set(this.#bus.guest.read(address, into.length));
    return true;
  }

  write(address: number, from: Uint8Array): boolean {
    if (!this.#busMaster || !this.isRam(address, from.length, true)) return false;
    this.#bus.guest.write(address, from);
    return true;
  }

  setPin(high: boolean): void {
    this.#pin = high;
    this.#showPin();
  }

  #showPin(): void {
    const asked = this.#pin && this.#mode === "pin";
    this.config.setStatusInterrupt(asked);
    this.#drive(this, asked && (this.config.command & r.COMMAND_INTERRUPT_DISABLE) === 0);
  }

  sendMessage(vector: number): void {
    if (this.#mode === "msix") this.#msix?.fire(vector);
    else if (this.#mode === "msi") {
      const at = this.config.msi;
      const address = this.config.u32(at + 8) * 0x1_0000_0000 + this.config.u32(at + 4);
      this.#writeMessage(address, this.config.u16(at + 12));
    }
  }

  /** A message is a memory write like any other: to the local APICs, to RAM, or to nothing. */
  #writeMessage(address: number, data: number): void {
    if (!this.#busMaster) return;
    if (address >= MESSAGE_FIRST && address < MESSAGE_END) {
      this.#bus.message(address, data);
      return;
    }
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, data, true);
    this.write(address, bytes);
  }

  /** Where a range is to be decoded, as the configuration space says. */
  wanted(region: Region): number | undefined {
    const enable = region.bar.kind === "memory" ? r.COMMAND_MEMORY_SPACE : r.COMMAND_IO_SPACE;
    return (this.config.command & enable) === 0 ? undefined : this.config.base(region.bar);
  }

  /** Follows a change of the configuration space; the ranges are the bus's to place. */
  configure(): void {
    const { config } = this;
    const msix = config.msix === 0 ? 0 : config.u16(config.msix + 2);
    const msi = config.msi === 0 ? 0 : config.u16(config.msi + 2);
    const before = `${this.#busMaster} ${this.#mode}`;
    this.#busMaster = (config.command & r.COMMAND_BUS_MASTER) !== 0;
    this.#mode = (msix & r.MSIX_ENABLE) !== 0 ? "msix" : (msi & r.MSI_ENABLE) !== 0 ? "msi" : "pin";
    this.#msix?.configure(this.#mode === "msix", (msix & r.MSIX_FUNCTION_MASK) !== 0);
    this.#showPin();
    if (`${this.#busMaster} ${this.#mode}` !== before) this.fn.configured?.();
  }

  reset(): void {
    this.config.reset();
    this.#msix?.reset();
    this.#pin = false;
    this.#busMaster = false;
    this.#mode = "pin";
    this.fn.reset();
    this.#showPin();
  }

  save(): SlotState {
    return { config: this.config.save(), msix: this.#msix?.save(), pin: this.#pin, state: this.fn.save() };
  }

  restore(saved: unknown): void {
    const { config, msix, pin, state } = saved as SlotState;
    this.reset();
    this.config.restore(config);
    this.#msix?.restore(msix as ReturnType<MsixTable["save"]>);
    this.#pin = pin;
    this.configure();
    this.fn.restore(state);
  }
}
