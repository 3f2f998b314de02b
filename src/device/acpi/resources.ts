// Resource descriptors of _CRS (ACPI 6.5, 6.4): what a device occupies, as the bytes of one buffer.
//
//   small  0 | type (4) | length (3)        large  1 | type (7), length (2)

import { type Aml, buffer, littleEndian } from "./aml.js";

const IRQ = 0x22;
const IO_PORT = 0x47;
const DECODE_16 = 0x01;
const END = [0x79, 0x00];
const DWORD_ADDRESS = 0x87;
const WORD_ADDRESS = 0x88;

const RangeType = { MEMORY: 0, PORTS: 1, BUS: 2 } as const;
/** Minimum and maximum are fixed; the device passes the range on to what is behind it. */
const PRODUCED_FIXED = 0x0c;
/** Ranges of all ports, not only the ISA or the non-ISA ones. */
const ENTIRE_RANGE = 0x03;
const READ_WRITE = 0x01;
const CACHEABLE = 0x02;

/** An edge-triggered, active-high interrupt of an ISA device. */
export function irq(line: number): Aml {
  return [IRQ, ...littleEndian(1 << line, 2)];
}

/** Ports at a fixed place. */
export function ports(first: number, count: number): Aml {
  return [IO_PORT, DECODE_16, ...littleEndian(first, 2), ...littleEndian(first, 2), 1, count];
}

function window(large: number, type: number, flags: number, size: number, first: number, last: number): Aml {
  const words = [0, first, last, 0, last - first + 1];
  const body = [type, PRODUCED_FIXED, flags, ...words.flatMap((word) => littleEndian(word, size))];
  return [large, ...littleEndian(body.length, 2), ...body];
}

/** Bus numbers behind a bridge. */
export function busWindow(first: number, last: number): Aml {
  return window(WORD_ADDRESS, RangeType.BUS, 0, 2, first, last);
}

export function portWindow(first: number, last: number): Aml {
  return window(WORD_ADDRESS, RangeType.PORTS, ENTIRE_RANGE, 2, first, last);
}

/** Memory below 4 GiB. */
export function memoryWindow(first: number, last: number, cacheable: boolean): Aml {
  return window(DWORD_ADDRESS, RangeType.MEMORY, READ_WRITE | (cacheable ? CACHEABLE : 0), 4, first, last);
}

/** The buffer that _CRS names. */
export function resources(...descriptors: Aml[]): Aml {
  return buffer([...descriptors.flat(), ...END]);
}
