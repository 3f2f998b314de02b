// A BIOS in a partition: attached to the devices that it serves, and entered.

import { type Pc, serialPortsOf } from "../device/pc.js";
import { memoryMap } from "../loader/e820.js";
import type { Partition } from "../partition/partition.js";
import type { Disk } from "../storage/disk.js";
import { Bios } from "./bios.js";
import { ROM_SEGMENT } from "./data-area.js";
import { RomEntry } from "./rom.js";

const SERIAL_BASES = [0x3f8, 0x2f8];

export interface BiosDisks {
  /** Hard disks, 80h on. */
  disks?: readonly Disk[];
  /** Diskettes, 00h on. */
  diskettes?: readonly Disk[];
}

/**
 * Gives a PC a BIOS. A partition that has its ROM at the reset vector (resetRom in the option "roms") then
 * boots by itself; any other is entered by startBios.
 */
export function attachBios(partition: Partition, pc: Pc, { disks, diskettes }: BiosDisks = {}): Bios {
  const bios = new Bios({
    rtc: pc.rtc,
    i8042: pc.i8042,
    screen: pc.screen,
    memoryMap: memoryMap(partition.memory),
    serialPorts: serialPortsOf(partition).map((n) => SERIAL_BASES[n - 1]),
    disks,
    diskettes,
  });
  partition.attach(bios);
  return bios;
}

/** Sets processor 0 to enter the BIOS as after power-on: it initialises the machine and boots the first disk. */
export function startBios(partition: Partition): void {
  const [processor] = partition.processors;
  processor.reset();
  const { registers } = processor;
  registers.cs.selector = ROM_SEGMENT;
  registers.cs.base = BigInt(ROM_SEGMENT * 16);
  registers.rip = BigInt(RomEntry.post);
}
