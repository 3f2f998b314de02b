// INT 15h, the system services (IBM PS/2 and PC BIOS interface technical reference, "Interrupt 15h"; ACPI 6.5, 15.1 for
// E820h): the memory map, the A20 gate, moving blocks above 1 MiB, waiting.

import { type Rtc, RtcRegister } from "../device/rtc.js";
import { E820_RAM, type MemoryRegion } from "../loader/e820.js";
import type { DeviceBus } from "../partition/device.js";
import { EXTENDED_SEGMENT, ROM_SEGMENT } from "./data-area.js";
import type { Frame } from "./frame.js";
import { RomEntry } from "./rom.js";

const SMAP = 0x534d_4150;
const MAP_ENTRY = 20;
const KIB = 1024;
const MIB = 1024 * KIB;
/** AX=E801h counts up to 15 MiB in KiB and from 16 MiB on in 64 KiB. */
const BELOW_16M_KIB = 15 * KIB;
const UNSUPPORTED = 0x86;
const PIE = 0x40;
/** INT 15h, AH=87h: descriptors of the table at ES:SI, and the longest block. */
const TABLE = 48;
const SOURCE = 0x10;
const DESTINATION = 0x18;
const SIZE_MAX = 0x10000;
const MOVE_FAILED = 0x02;

/** What the machine around the processor can do for the services. */
export interface Board {
  readonly bus: DeviceBus;
  readonly rtc: Rtc;
  readonly map: readonly MemoryRegion[];
  a20: boolean;
}

export class SystemServices {
  readonly #board: Board;
  /** A wait that is under way: whose frame it is, and when it ends. */
  #wait: { frame: number; until: number } | undefined;

  constructor(board: Board) {
    this.#board = board;
  }

  reset(): void {
    this.#wait = undefined;
  }

  save(): unknown {
    return this.#wait ?? null;
  }

  restore(state: unknown): void {
    this.#wait = (state as { frame: number; until: number } | null) ?? undefined;
  }

  serve(frame: Frame): void {
    if (frame.ax === 0xe820) this.#memoryMap(frame);
    else if (frame.ax === 0xe801) this.#memorySizes(frame);
    else {
      switch (frame.ah) {
        case 0x24:
          this.#a20(frame);
          break;
        case 0x4f: // keyboard intercept: the caller's carry says that the key is to be taken
          break;
        case 0x80: // device open, close, program end, system request, busy, post: nothing to do
        case 0x81:
        case 0x82:
        case 0x85:
        case 0x90:
        case 0x91:
          frame.ah = 0;
          frame.carry = false;
          break;
        case 0x86:
          this.#pause(frame);
          break;
        case 0x87:
          this.#moveBlock(frame);
          break;
        case 0x88:
          frame.ax = Math.min(this.#extendedKib(), 0xffff);
          frame.carry = false;
          break;
        case 0xc0:
          frame.es = ROM_SEGMENT;
          frame.bx = RomEntry.configuration;
          frame.ah = 0;
          frame.carry = false;
          break;
        case 0xc1:
          frame.es = EXTENDED_SEGMENT;
          frame.carry = false;
          break;
        default:
          frame.ah = UNSUPPORTED;
          frame.carry = true;
          break;
      }
    }
  }

  /** RAM from 1 MiB on, without a gap. */
  #extendedKib(): number {
    const region = this.#board.map.find(({ base, type }) => base === MIB && type === E820_RAM);
    return Math.floor((region?.size ?? 0) / KIB);
  }

  /** One entry per call; EBX goes from entry to entry and is 0 behind the last. */
  #memoryMap(frame: Frame): void {
    const { map, bus } = this.#board;
    const at = frame.es * 16 + frame.di;
    const region = map[frame.ebx];
    if (
      frame.edx !== SMAP ||
      frame.ecx < MAP_ENTRY ||
      region === undefined ||
      !bus.guest.isMapped(at, MAP_ENTRY, true)
    ) {
      frame.ah = UNSUPPORTED;
      frame.carry = true;
      return;
    }
    const view = new DataView(new ArrayBuffer(MAP_ENTRY));
    view.setBigUint64(0, BigInt(region.base), true);
    view.setBigUint64(8, BigInt(region.size), true);
    view.setUint32(16, region.type, true);
    bus.guest.write(at, new Uint8Array(view.buffer));
    frame.eax = SMAP;
    frame.ecx = MAP_ENTRY;
    frame.ebx = frame.ebx + 1 < map.length ? frame.ebx + 1 : 0;
    frame.carry = false;
  }

  #memorySizes(frame: Frame): void {
    const kib = this.#extendedKib();
    const low = Math.min(kib, BELOW_16M_KIB);
    const high = Math.min(Math.floor((kib - low) / 64), 0xffff);
    frame.ax = low;
    frame.cx = low;
    frame.bx = high;
    frame.dx = high;
    frame.carry = false;
  }

  #a20(frame: Frame): void {
    const board = this.#board;
    frame.carry = false;
    if (frame.al <= 1) board.a20 = frame.al === 1;
    else if (frame.al === 2) frame.al = board.a20 ? 1 : 0;
    else if (frame.al === 3)
      frame.bx = 0x0003; // keyboard controller and port 92h
    else {
      frame.ah = UNSUPPORTED;
      frame.carry = true;
      return;
    }
    frame.ah = 0;
  }

  /** Waits CX:DX microseconds, woken by the clock's periodic interrupt as on an AT. */
  #pause(frame: Frame): void {
    const { bus, rtc } = this.#board;
    const now = bus.nanoseconds;
    const mine = this.#wait?.frame === frame.linear ? this.#wait : undefined;
    const until = mine?.until ?? now + (frame.cx * 0x10000 + frame.dx) * 1000;
    if (now < until) {
      this.#wait = { frame: frame.linear, until };
      rtc.write(RtcRegister.B, rtc.read(RtcRegister.B) | PIE);
      frame.wait();
      return;
    }
    if (mine !== undefined) {
      this.#wait = undefined;
      rtc.write(RtcRegister.B, rtc.read(RtcRegister.B) & ~PIE);
    }
    frame.carry = false;
  }

  #moveBlock(frame: Frame): void {
    const moved = this.#move(frame.es * 16 + frame.si, frame.cx * 2);
    frame.ah = moved ? 0 : MOVE_FAILED;
    frame.carry = !moved;
    frame.zero = moved;
  }

  /** Copies between the two blocks that a table of descriptors gives; false where they are not RAM or too short. */
  #move(table: number, size: number): boolean {
    const { guest } = this.#board.bus;
    if (size > SIZE_MAX || !guest.isMapped(table, TABLE)) return false;
    const view = new DataView(guest.read(table, TABLE).buffer);
    const base = (at: number): number =>
      (view.getUint32(at + 2, true) & 0xff_ffff) + view.getUint8(at + 7) * 0x100_0000;
    const fits = (at: number, writable: boolean): boolean =>
      size <= view.getUint16(at, true) + 1 && (size === 0 || guest.isMapped(base(at), size, writable));
    if (!fits(SOURCE, false) || !fits(DESTINATION, true)) return false;
    guest.write(base(DESTINATION), guest.read(base(SOURCE), size));
    return true;
  }
}
