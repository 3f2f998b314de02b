// A BIOS for programs that start in real mode: the interface of the PC's ROM, served by the host. The ROM
// (rom.asm) sends every service call here through one port; the answer goes into the caller's registers on its
// stack and into guest memory, so that the services need nothing of the processor and work on any.
//
//   reset -> post (controllers, timer) -> vectors and data area -> INT 19h -> boot sector at 0:7C00, DL its drive

import type { I8042 } from "../device/i8042/controller.js";
import type { Rtc } from "../device/rtc.js";
import type { Vga } from "../device/vga/vga.js";
import type { MemoryRegion } from "../loader/e820.js";
import type { Device, DeviceBus } from "../partition/device.js";
import type { RomImage } from "../partition/map.js";
import type { Disk } from "../storage/disk.js";
import { HypervisorError } from "../support/errors.js";
import { ClockServices } from "./clock-services.js";
import { DataArea, Field, ROM_SEGMENT } from "./data-area.js";
import { DiskServices, type Pending } from "./disk-services.js";
import { type Drive, numberDrives, SECTOR } from "./drive.js";
import { type Frame, loadFrame } from "./frame.js";
import { KeyboardServices } from "./keyboard-services.js";
import { ROM_ROWS, RomEntry } from "./rom.js";
import { SystemServices } from "./system-services.js";
import { Video } from "./video.js";

/** The port of the ROM's entries: one that no PC hardware has. */
const TRAP_PORT = 0xb10;
const ROM_OFFSET = 0xe000;
const ROM_SIZE = 0x2000;
const ROM_BASE = ROM_SEGMENT * 16 + ROM_OFFSET;
/** Where the processor finds the ROM after reset. */
const RESET_ROM_BASE = 0xffff_e000;

const SERVICE_KEY = 0x09;
const SERVICE_POST = 0xfe;

const BOOT_SECTOR = 0x7c00;
const SIGNATURE_AT = 510;
const INTERRUPT_FLAG = 0x0202;

// Equipment word.
const DISKETTES_PRESENT = 0x0001;
const COPROCESSOR = 0x0002;
const MOUSE = 0x0004;
const COLOR_80 = 0x0020;
const DISKETTES_SHIFT = 6;
const SERIAL_SHIFT = 9;

export interface BiosOptions {
  readonly rtc: Rtc;
  readonly i8042: I8042;
  readonly screen: Vga;
  /** What INT 15h, AX=E820h tells. */
  readonly memoryMap: readonly MemoryRegion[];
  /** Base ports of COM1 on. */
  readonly serialPorts?: readonly number[];
  /** Disks 80h on, and diskettes 00h on. */
  readonly disks?: readonly Disk[];
  readonly diskettes?: readonly Disk[];
}

/** The ROM's contents from F000:E000 on. */
export function biosRom(): Uint8Array {
  const rom = new Uint8Array(ROM_SIZE);
  for (const [offset, hex] of ROM_ROWS) {
    for (let n = 0; n < hex.length / 2; n++) {
      rom[offset - ROM_OFFSET + n] = Number.parseInt(hex.slice(n * 2, n * 2 + 2), 16);
    }
  }
  return rom;
}

/** The ROM at the reset vector, for the option "roms" of a partition that starts as a PC does. */
export function resetRom(): RomImage {
  return { base: RESET_ROM_BASE, data: biosRom() };
}

export class Bios implements Device {
  readonly name = "bios";
  readonly #options: BiosOptions;
  readonly #drives: readonly Drive[];
  #services: Services | undefined;

  constructor(options: BiosOptions) {
    this.#options = options;
    this.#drives = numberDrives(options.disks ?? [], options.diskettes ?? []);
  }

  connect(bus: DeviceBus): void {
    this.#services = new Services(bus, this.#options, this.#drives);
    const services = this.#services;
    bus.ports(TRAP_PORT, 1, {
      write: (_port, size, value) => {
        if (size === 4) services.ask(value);
      },
    });
  }

  /** Puts the ROM into its shadow below 1 MiB. */
  reset(): void {
    this.#services?.reset();
  }

  save(): unknown {
    const disks = this.#drives.map(({ disk }) => disk.save?.() ?? null);
    return { services: this.#services?.save() ?? null, disks };
  }

  restore(state: unknown): void {
    const { services, disks } = state as { services: unknown; disks: unknown[] };
    if (disks.length !== this.#drives.length) {
      throw new HypervisorError(
        "incompatible-state",
        `the saved state has ${disks.length} BIOS disks, this machine ${this.#drives.length}: give it the same ones first`,
      );
    }
    this.#services?.restore(services);
    for (const [n, { disk }] of this.#drives.entries()) if (disks[n] !== null) disk.restore?.(disks[n]);
  }
}

interface Waiting {
  readonly frame: number;
  state: "waiting" | "done" | "failed";
  readonly work: Pending;
}

/** The services while they are connected to a bus. */
class Services {
  readonly #bus: DeviceBus;
  readonly #options: BiosOptions;
  readonly #drives: readonly Drive[];
  readonly #area: DataArea;
  readonly #video: Video;
  readonly #disks: DiskServices;
  readonly #keyboard: KeyboardServices;
  readonly #system: SystemServices;
  readonly #clock: ClockServices;
  /** A disk's answer that a frame waits for. */
  #pending: Waiting | undefined;

  constructor(bus: DeviceBus, options: BiosOptions, drives: readonly Drive[]) {
    this.#bus = bus;
    this.#options = options;
    this.#drives = drives;
    this.#area = new DataArea(bus.guest);
    this.#video = new Video(options.screen, this.#area, bus.guest);
    this.#disks = new DiskServices(drives, this.#area, bus.guest);
    this.#keyboard = new KeyboardServices(this.#area, () => bus.reset());
    this.#clock = new ClockServices(options.rtc, this.#area);
    const { i8042, rtc, memoryMap } = options;
    this.#system = new SystemServices({
      bus,
      rtc,
      map: memoryMap,
      get a20() {
        return i8042.a20;
      },
      set a20(open: boolean) {
        i8042.a20 = open;
      },
    });
  }

  reset(): void {
    this.#pending = undefined;
    this.#system.reset();
    this.#bus.guest.write(ROM_BASE, biosRom());
  }

  save(): unknown {
    return this.#system.save();
  }

  restore(state: unknown): void {
    this.#pending = undefined;
    this.#system.restore(state);
  }

  /** An entry asks, with SS:SP in one doubleword. */
  ask(stack: number): void {
    const frame = loadFrame(this.#bus.guest, stack);
    if (frame === undefined) return;
    if (this.#pending?.frame === frame.linear) this.#resume(frame, this.#pending);
    else this.#serve(frame);
    frame.store(this.#bus.guest);
  }

  #resume(frame: Frame, { state, work }: Waiting): void {
    if (state === "waiting") frame.wait();
    else {
      this.#pending = undefined;
      work.finish(frame, state === "failed");
    }
  }

  #begin(frame: Frame, work: Pending | undefined): void {
    if (work === undefined) return;
    const pending: Waiting = { frame: frame.linear, state: "waiting", work };
    this.#pending = pending;
    work.promise.then(
      () => {
        pending.state = "done";
      },
      () => {
        pending.state = "failed";
      },
    );
    frame.wait();
  }

  #serve(frame: Frame): void {
    switch (frame.service) {
      case SERVICE_POST:
        this.#initialise();
        break;
      case SERVICE_KEY:
        this.#keyboard.scanned(frame.al);
        break;
      case 0x10:
        this.#video.serve(frame);
        break;
      case 0x11:
        frame.ax = this.#area.get(Field.EQUIPMENT, 2);
        break;
      case 0x12:
        frame.ax = this.#area.get(Field.MEMORY_KIB, 2);
        break;
      case 0x13:
        this.#begin(frame, this.#disks.serve(frame));
        break;
      case 0x15:
        this.#system.serve(frame);
        break;
      case 0x16:
        this.#keyboard.serve(frame);
        break;
      case 0x19:
        this.#boot(frame);
        break;
      case 0x1a:
        this.#clock.serve(frame);
        break;
      default:
        break;
    }
  }

  #initialise(): void {
    const diskettes = this.#drives.filter((drive) => !drive.isHardDisk).length;
    const serial = this.#options.serialPorts ?? [];
    const equipment =
      (diskettes > 0 ? DISKETTES_PRESENT | ((diskettes - 1) << DISKETTES_SHIFT) : 0) |
      (COPROCESSOR | MOUSE | COLOR_80) |
      (serial.length << SERIAL_SHIFT);
    this.#area.initialise(equipment, serial);
    this.#area.set(Field.DISKS, this.#drives.length - diskettes);
    this.#keyboard.initialise();
    this.#clock.initialise();
    this.#video.setMode(3);
  }

  /** INT 19h: the first sector of the first drive, if it is one to boot from; the diskettes come last. */
  #boot(frame: Frame, candidates: readonly Drive[] = this.#drives): void {
    const [drive, ...others] = candidates;
    if (drive === undefined) {
      frame.cs = ROM_SEGMENT;
      frame.ip = RomEntry.int18;
      return;
    }
    const sector = new Uint8Array(SECTOR);
    const finish = (at: Frame, failed: boolean): void => {
      const isBootable = !failed && sector[SIGNATURE_AT] === 0x55 && sector[SIGNATURE_AT + 1] === 0xaa;
      if (!isBootable) {
        this.#boot(at, others);
        return;
      }
      this.#bus.guest.write(BOOT_SECTOR, sector);
      at.cs = 0;
      at.ip = BOOT_SECTOR;
      at.ds = 0;
      at.es = 0;
      at.dx = drive.number;
      at.flags = INTERRUPT_FLAG;
    };
    try {
      const settled = drive.disk.read(0, sector);
      if (settled === undefined) finish(frame, false);
      else this.#begin(frame, { promise: settled, finish });
    } catch {
      finish(frame, true);
    }
  }
}
