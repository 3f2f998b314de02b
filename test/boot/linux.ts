// A PC that boots a Debian kernel through the API, with nothing in it that differs between two boots: the
// real-time clock starts at a fixed date, and output goes into a string.

import { readFileSync } from "node:fs";
import {
  attachPc,
  type ClockKind,
  type Disk,
  defaultDevices,
  type Hypervisor,
  loadImage,
  NvmeController,
  type Partition,
  type PartitionOptions,
  PciBus,
} from "../../src/node.js";
import { CpioWriter } from "../guest/linux/cpio.js";
import { COMMAND_LINE, fetchGuest, findGuest, type LinuxGuest } from "../guest/linux/guest.js";
import { everything, whySkip } from "./boot.js";

const MIB = 1 << 20;
/** 12:00 on 29 February 2024. */
const START = Date.UTC(2024, 1, 29, 12);

/** Why a long test of a guest is left out; undefined where it can run. */
export function whyNotBootable(flavour: string): string | undefined {
  return everything ? whySkip([flavour]) : "npm run test:boot asks for them";
}

export function linuxGuest(flavour: string): LinuxGuest {
  return findGuest(flavour) ?? fetchGuest(flavour);
}

export interface LinuxOptions {
  readonly memory?: number;
  readonly processors?: number;
  readonly clock?: ClockKind;
  /** Behind the command line of every boot. */
  readonly append?: string;
  /** A cpio archive whose files lie over those of the guest's initial RAM disk. */
  readonly overlay?: Uint8Array;
  readonly disks?: readonly Disk[];
  readonly translation?: PartitionOptions["translation"];
}

export interface LinuxMachine {
  readonly partition: Partition;
  /** What came over the serial line so far. */
  readonly output: string;
}

/** The machine with its devices and no kernel in it. */
export function createMachine(hypervisor: Hypervisor, options: LinuxOptions = {}): LinuxMachine {
  const { memory = 256 * MIB, processors = 1, clock, disks = [], translation } = options;
  const partition = hypervisor.createPartition({
    memory,
    processors,
    clock,
    translation,
    devices: [...defaultDevices, "apic", "ioapic"],
  });
  attachPc(partition, { start: new Date(START), pci: new PciBus(disks.map((disk) => new NvmeController(disk))) });
  let output = "";
  const decoder = new TextDecoder("latin1");
  partition.chipset.onOutput("com1", (bytes) => {
    output += decoder.decode(bytes);
  });
  return {
    partition,
    get output() {
      return output;
    },
  };
}

export function createLinux(hypervisor: Hypervisor, guest: LinuxGuest, options: LinuxOptions = {}): LinuxMachine {
  const machine = createMachine(hypervisor, options);
  const { overlay = new Uint8Array(), append } = options;
  loadImage(machine.partition, readFileSync(guest.kernel), {
    format: "linux",
    commandLine: append === undefined ? COMMAND_LINE : `${COMMAND_LINE} ${append}`,
    initrd: Buffer.concat([readFileSync(guest.initrd), overlay]),
  });
  return machine;
}

/** Boots into disk.sh instead of the usual session. */
export function diskSession(mode: "write" | "check"): Pick<LinuxOptions, "append" | "overlay"> {
  const overlay = new CpioWriter();
  overlay.file("disk.sh", readFileSync(new URL("../guest/linux/disk.sh", import.meta.url)), 0o755);
  return { append: `rdinit=/disk.sh ringfence.disk=${mode}`, overlay: overlay.finish() };
}
