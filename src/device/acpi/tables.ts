// The ACPI tables of a PC (ACPI 6.5, 5.2): where they stand, what is in them, and their checksums. One block in
// the read-only part of low memory, where kernels search for "RSD PTR " on 16-byte boundaries:
//
//   RSDP | RSDT | XSDT | FACS (64-byte boundary) | DSDT | FADT | MADT (with local APICs)
//
//   header  signature (4) | length (4) | revision | checksum | OEM (6) | OEM table (8) | OEM revision (4) |
//           creator (4) | creator revision (4)

import { HypervisorError } from "../../support/errors.js";
import { RESET_PORT, RESET_VALUE } from "../reset-control.js";
import { littleEndian } from "./aml.js";
import { type NamespaceOptions, namespace } from "./dsdt.js";
import { PM_TIMER, PM1_CONTROL, PM1_EVENT, SCI_LINE } from "./ports.js";

const OEM = "RNGFNC";
const OEM_TABLE = "RINGFENC";
const CREATOR = "RNGF";
const HEADER = 36;
const LOCAL_APIC = 0xfee0_0000;
const IO_APIC = 0xfec0_0000;

/** Where the block stands, and how much room the BIOS leaves it. */
export const ACPI_BASE = 0xf0000;
const ACPI_SIZE = 0x8000;

const ascii = (text: string, size: number): number[] =>
  Array.from({ length: size }, (_, n) => (n < text.length ? text.charCodeAt(n) : 0));

function withChecksum(bytes: number[], at: number, length = bytes.length): number[] {
  bytes[at] = 0;
  const sum = bytes.slice(0, length).reduce((total, byte) => total + byte, 0);
  bytes[at] = -sum & 0xff;
  return bytes;
}

function table(signature: string, revision: number, body: readonly number[]): number[] {
  const bytes = [
    ...ascii(signature, 4),
    ...littleEndian(HEADER + body.length, 4),
    revision,
    0,
    ...ascii(OEM, 6),
    ...ascii(OEM_TABLE, 8),
    ...littleEndian(1, 4),
    ...ascii(CREATOR, 4),
    ...littleEndian(1, 4),
    ...body,
  ];
  return withChecksum(bytes, 9);
}

/** Root pointer of revision 2: the first checksum is that of ACPI 1.0's 20 bytes. */
function rootPointer(rsdt: number, xsdt: number): number[] {
  const bytes = [
    ...ascii("RSD PTR ", 8),
    0,
    ...ascii(OEM, 6),
    2,
    ...littleEndian(rsdt, 4),
    ...littleEndian(36, 4),
    ...littleEndian(xsdt, 8),
    0,
    0,
    0,
    0,
  ];
  return withChecksum(withChecksum(bytes, 8, 20), 32);
}

/** Firmware control structure: no checksum, no waking vector, the global lock free. */
function firmwareControl(): number[] {
  return [...ascii("FACS", 4), ...littleEndian(64, 4), ...new Array(24).fill(0), 2, ...new Array(31).fill(0)];
}

// Generic address: space (1 = ports), bit width, bit offset, access size (1 byte, 2 word, 3 doubleword), address.
const portAddress = (port: number, bits: number, access: number): number[] => [
  1,
  bits,
  0,
  access,
  ...littleEndian(port, 8),
];
const noAddress = new Array(12).fill(0);

// Fixed feature flags.
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
/** There is no sleep button in the fixed registers; the power button is. */
const SLP_BUTTON = 1 << 5;
/** The clock does not wake the machine. */
const FIX_RTC = 1 << 6;
const TMR_VAL_EXT = 1 << 8;
const RESET_REG_SUP = 1 << 10;
// Boot architecture flags.
const LEGACY_DEVICES = 1 << 0;
const KEYBOARD_CONTROLLER = 1 << 1;

/** Latencies above these say that a state does not exist. */
const NO_C2 = 0x65;
const NO_C3 = 0x3e9;
const CENTURY = 0x32;
const DESKTOP = 1;

/** Fixed description of revision 3 (ACPI 2.0): offsets in the comments are from the table's start. */
function fixedDescription(facs: number, dsdt: number): number[] {
  const flags = WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC | TMR_VAL_EXT | RESET_REG_SUP;
  const body = [
    ...littleEndian(facs, 4), // 36
    ...littleEndian(dsdt, 4),
    0, // 44 reserved
    DESKTOP,
    ...littleEndian(SCI_LINE, 2),
    ...littleEndian(0, 4), // 48 SMI command port: ACPI is always on
    ...[0, 0, 0, 0], // 52 ACPI enable and disable, S4BIOS, P-states
    ...littleEndian(PM1_EVENT, 4), // 56
    ...littleEndian(0, 4),
    ...littleEndian(PM1_CONTROL, 4), // 64
    ...littleEndian(0, 4),
    ...littleEndian(0, 4), // 72 PM2 control
    ...littleEndian(PM_TIMER, 4),
    ...littleEndian(0, 4), // 80 general-purpose events
    ...littleEndian(0, 4),
    ...[4, 2, 0, 4, 0, 0, 0, 0], // 88 lengths: PM1 event, control, PM2, timer, GPE0, GPE1; GPE1 base; _CST
    ...littleEndian(NO_C2, 2), // 96
    ...littleEndian(NO_C3, 2),
    ...littleEndian(0, 4), // 100 flush size and stride
    ...[0, 0, 0, 0, CENTURY], // 104 duty offset and width, day and month alarm
    ...littleEndian(LEGACY_DEVICES | KEYBOARD_CONTROLLER, 2), // 109
    0,
    ...littleEndian(flags, 4), // 112
    ...portAddress(RESET_PORT, 8, 1), // 116
    RESET_VALUE, // 128
    ...[0, 0, 0],
    ...littleEndian(facs, 8), // 132
    ...littleEndian(dsdt, 8),
    ...portAddress(PM1_EVENT, 32, 2), // 148
    ...noAddress,
    ...portAddress(PM1_CONTROL, 16, 2), // 172
    ...noAddress,
    ...noAddress, // 196
    ...portAddress(PM_TIMER, 32, 3), // 208
    ...noAddress, // 220
    ...noAddress,
  ];
  return table("FACP", 3, body);
}

const PCAT_COMPATIBLE = 1;
// Interrupt flags: polarity (2 bits, 1 active high) and trigger (2 bits, 3 level).
const ACTIVE_HIGH_LEVEL = 0x0d;
const CONFORMS = 0;
const ALL_PROCESSORS = 0xff;

export interface TablesOptions extends NamespaceOptions {
  /** Every processor has a local APIC. */
  readonly apic: boolean;
  readonly ioApic: boolean;
}

/** Interrupt controllers: a local APIC per processor, one I/O APIC, and where the ISA lines differ. */
function interruptControllers({ processors, ioApic }: TablesOptions): number[] {
  const body = [...littleEndian(LOCAL_APIC, 4), ...littleEndian(PCAT_COMPATIBLE, 4)];
  for (let n = 0; n < processors; n++) body.push(0, 8, n, n, ...littleEndian(1, 4));
  if (ioApic) {
    body.push(1, 12, 0, 0, ...littleEndian(IO_APIC, 4), ...littleEndian(0, 4));
    const override = (line: number, input: number, flags: number): void => {
      body.push(2, 10, 0, line, ...littleEndian(input, 4), ...littleEndian(flags, 2));
    };
    override(0, 2, CONFORMS);
    override(SCI_LINE, SCI_LINE, ACTIVE_HIGH_LEVEL);
  }
  // NMIs reach LINT1 of every processor.
  body.push(4, 6, ALL_PROCESSORS, ...littleEndian(CONFORMS, 2), 1);
  return table("APIC", 3, body);
}

/** The block of tables for a given address, root pointer first. */
export function acpiTables(options: TablesOptions, base = ACPI_BASE): Uint8Array {
  const bytes: number[] = [];
  const place = (data: readonly number[], alignment = 16): number => {
    while ((base + bytes.length) % alignment !== 0) bytes.push(0);
    const at = base + bytes.length;
    bytes.push(...data);
    return at;
  };
  place(new Array(36).fill(0));
  const count = options.apic ? 2 : 1;
  const rsdt = place(new Array(HEADER + 4 * count).fill(0));
  const xsdt = place(new Array(HEADER + 8 * count).fill(0));
  const facs = place(firmwareControl(), 64);
  const dsdt = place(table("DSDT", 2, namespace(options)));
  const entries = [place(fixedDescription(facs, dsdt))];
  if (options.apic) entries.push(place(interruptControllers(options)));
  const put = (at: number, data: readonly number[]): void => {
    bytes.splice(at - base, data.length, ...data);
  };
  put(
    rsdt,
    table(
      "RSDT",
      1,
      entries.flatMap((entry) => littleEndian(entry, 4)),
    ),
  );
  put(
    xsdt,
    table(
      "XSDT",
      1,
      entries.flatMap((entry) => littleEndian(entry, 8)),
    ),
  );
  put(base, rootPointer(rsdt, xsdt));
  if (bytes.length > ACPI_SIZE) {
    throw new HypervisorError(
      "invalid-argument",
      `the ACPI tables take ${bytes.length} bytes; there is room for ${ACPI_SIZE}`,
    );
  }
  return Uint8Array.from(bytes);
}
