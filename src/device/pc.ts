// The devices of a PC that live on the host, put together: clock, keyboard controller, text screen, ACPI, reset
// control, configuration device; a PCI bus and the test device where they are wanted. Interrupt
// controllers, timer and serial ports are the core's (option "devices" of the partition).

import type { Partition } from "../partition/partition.js";
import { Acpi } from "./acpi/acpi.js";
import type { Aml } from "./acpi/aml.js";
import { FwCfg } from "./fw-cfg.js";
import { I8042 } from "./i8042/controller.js";
import type { PciBus } from "./pci/bus.js";
import { ResetControl } from "./reset-control.js";
import { Rtc } from "./rtc.js";
import { TestDevice } from "./test-device.js";
import { Vga } from "./vga/vga.js";

export interface PcOptions {
  /** Time of the real-time clock at power-on, in UTC. */
  start?: Date;
  /** The PCI bus with its functions; absent: there is none. */
  pci?: PciBus;
  /** Tables and power management; true unless it is false. */
  acpi?: boolean;
  /** Descriptions of further devices, for the ACPI namespace. */
  acpiDevices?: readonly Aml[];
  /** Files of the firmware configuration device. */
  files?: Readonly<Record<string, Uint8Array>>;
  /** The device that kernel test programs expect. */
  testDevice?: boolean;
}

export interface Pc {
  readonly rtc: Rtc;
  readonly i8042: I8042;
  readonly screen: Vga;
  readonly acpi: Acpi | undefined;
  readonly pci: PciBus | undefined;
}

/** Numbers of the serial ports that a partition has. */
export function serialPortsOf(partition: Partition): number[] {
  return ([1, 2] as const).filter((n) => partition.chipset.has(`com${n}`));
}

/** Connects a PC's devices to a partition. */
export function attachPc(partition: Partition, options: PcOptions = {}): Pc {
  const { pci } = options;
  const processors = partition.processors.length;
  const rtc = new Rtc({ start: options.start });
  const i8042 = new I8042();
  const screen = new Vga();
  for (const device of [rtc, i8042, screen, new ResetControl()]) partition.attach(device);
  partition.attach(new FwCfg({ processors, files: options.files }));
  if (pci !== undefined) partition.attach(pci);
  if (options.testDevice === true) partition.attach(new TestDevice());
  let acpi: Acpi | undefined;
  if (options.acpi !== false) {
    const { chipset } = partition;
    acpi = new Acpi({
      processors,
      apic: chipset.has("apic"),
      ioApic: chipset.has("ioapic"),
      pci: pci !== undefined,
      serial: serialPortsOf(partition),
      devices: options.acpiDevices,
    });
    partition.attach(acpi);
  }
  return { rtc, i8042, screen, acpi, pci };
}
