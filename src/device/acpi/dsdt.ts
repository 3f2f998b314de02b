// The differentiated system description: the namespace of this PC (ACPI 6.5, 5.3, 6.1, 6.2.13, 7.4.2). Devices of
// the ISA bus stand beside the PCI root, for there is no ISA bridge.

import { interruptRoute } from "../pci/bus.js";
import {
  type Aml,
  argument,
  device,
  eisaId,
  integer,
  method,
  name,
  packageOf,
  path,
  returning,
  scope,
  store,
  string,
  when,
} from "./aml.js";
import { busWindow, irq, memoryWindow, ports, portWindow, resources } from "./resources.js";

/** SLP_TYP of "soft off". */
export const SLEEP_S5 = 5;

export interface NamespaceOptions {
  readonly processors: number;
  /** There is a PCI bus. */
  readonly pci: boolean;
  /** Serial ports that the partition has, by number: 1 COM1, 2 COM2. */
  readonly serial: readonly number[];
  /** Terms in \_SB of further devices. */
  readonly devices?: readonly Aml[];
}

const PIC_MODE = "\\PICF";
const SERIAL = [
  { first: 0x3f8, line: 4 },
  { first: 0x2f8, line: 3 },
];
const PCI_SLOTS = 32;
const PCI_PINS = 4;

/** _PRT of the root bus: every device's pins go to the same four inputs. */
function routing(input: (pin: number) => number): Aml {
  const entries: Aml[] = [];
  for (let slot = 1; slot < PCI_SLOTS; slot++) {
    for (let pin = 0; pin < PCI_PINS; pin++) {
      const address = slot * 0x1_0000 + 0xffff;
      entries.push(packageOf(integer(address), integer(pin), integer(0), integer(input(pin + 1))));
    }
  }
  return packageOf(...entries);
}

function pciRoot(): Aml {
  return device(
    "PCI0",
    name("_HID", eisaId("PNP0A03")),
    name("_UID", integer(0)),
    name("_BBN", integer(0)),
    name(
      "_CRS",
      resources(
        busWindow(0, 0),
        ports(0xcf8, 8),
        portWindow(0x0000, 0x0cf7),
        portWindow(0x0d00, 0xffff),
        memoryWindow(0xa0000, 0xbffff, true),
        memoryWindow(0xc000_0000, 0xfebf_ffff, false),
      ),
    ),
    name(
      "PRTA",
      routing((pin) => interruptRoute(pin).gsi),
    ),
    name(
      "PRTP",
      routing((pin) => interruptRoute(pin).line),
    ),
    method("_PRT", 0, when(path(PIC_MODE), returning(path("PRTA"))), returning(path("PRTP"))),
  );
}

function isaDevice(at: string, id: string, uid: number, ...descriptors: Aml[]): Aml {
  return device(at, name("_HID", eisaId(id)), name("_UID", integer(uid)), name("_CRS", resources(...descriptors)));
}

/** Devices that are not configured: timers, controllers, keyboard, mouse, clock. */
function isaDevices(serial: readonly number[]): Aml[] {
  return [
    isaDevice("PIC", "PNP0000", 0, ports(0x20, 2), ports(0xa0, 2), ports(0x4d0, 2), irq(2)),
    isaDevice("TIMR", "PNP0100", 0, ports(0x40, 4), irq(0)),
    isaDevice("SPKR", "PNP0800", 0, ports(0x61, 1)),
    isaDevice("RTC", "PNP0B00", 0, ports(0x70, 2), irq(8)),
    isaDevice("KBD", "PNP0303", 0, ports(0x60, 1), ports(0x64, 1), irq(1)),
    isaDevice("MOU", "PNP0F13", 0, irq(12)),
    ...serial.map((n) => {
      const { first, line } = SERIAL[n - 1];
      return isaDevice(`COM${n}`, "PNP0501", n, ports(first, 8), irq(line));
    }),
  ];
}

function processorDevice(n: number): Aml {
  const id = n.toString(16).toUpperCase().padStart(3, "0");
  return device(`C${id}`, name("_HID", string("ACPI0007")), name("_UID", integer(n)));
}

/** The terms of the DSDT, without its header. */
export function namespace(options: NamespaceOptions): Aml {
  return [
    ...name("\\_S5", packageOf(integer(SLEEP_S5), integer(SLEEP_S5), integer(0), integer(0))),
    ...name(PIC_MODE, integer(0)),
    ...method("\\_PIC", 1, store(argument(0), PIC_MODE)),
    ...scope(
      "\\_SB",
      ...Array.from({ length: options.processors }, (_, n) => processorDevice(n)),
      ...(options.pci ? [pciRoot()] : []),
      ...isaDevices(options.serial),
      ...(options.devices ?? []),
    ),
  ];
}
