// The BIOS data area at 0040:0000 and the interrupt vectors below it (IBM PC/AT technical reference, "BIOS data
// areas"): where programs read what the BIOS knows, and where the BIOS keeps it.

import type { GuestAccess } from "../partition/device.js";
import { RomEntry } from "./rom.js";

const BASE = 0x400;
const SIZE = 0x100;
export const ROM_SEGMENT = 0xf000;
/** The extended data area: the last KiB below 640 KiB. Its first byte is its size. */
export const EXTENDED_SEGMENT = 0x9fc0;
const BASE_MEMORY_KIB = 639;

/** Offsets in the data area. */
export const Field = {
  SERIAL_PORTS: 0x00,
  EXTENDED_SEGMENT: 0x0e,
  EQUIPMENT: 0x10,
  MEMORY_KIB: 0x13,
  SHIFT_FLAGS: 0x17,
  KEYS_DOWN: 0x18,
  KEYS_HEAD: 0x1a,
  KEYS_TAIL: 0x1c,
  KEYS: 0x1e,
  KEYS_END: 0x3e,
  DISKETTE_STATUS: 0x41,
  VIDEO_MODE: 0x49,
  COLUMNS: 0x4a,
  PAGE_SIZE: 0x4c,
  PAGE_START: 0x4e,
  CURSOR_POSITIONS: 0x50,
  CURSOR_SHAPE: 0x60,
  ACTIVE_PAGE: 0x62,
  CRTC_PORT: 0x63,
  TICKS: 0x6c,
  MIDNIGHT: 0x70,
  RESET_FLAG: 0x72,
  DISK_STATUS: 0x74,
  DISKS: 0x75,
  KEYS_FIRST: 0x80,
  KEYS_LAST: 0x82,
  LAST_ROW: 0x84,
  CHARACTER_HEIGHT: 0x85,
  KEYBOARD: 0x96,
} as const;

export class DataArea {
  readonly #guest: GuestAccess;

  constructor(guest: GuestAccess) {
    this.#guest = guest;
  }

  get(field: number, size: 1 | 2 | 4 = 1): number {
    const bytes = this.#guest.read(BASE + field, size);
    return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
  }

  set(field: number, value: number, size: 1 | 2 | 4 = 1): void {
    this.#guest.write(
      BASE + field,
      Uint8Array.from({ length: size }, (_, n) => value >>> (n * 8)),
    );
  }

  /** Vectors and data area as after power-on. */
  initialise(equipment: number, serialPorts: readonly number[]): void {
    this.#guest.write(BASE, new Uint8Array(SIZE));
    this.#guest.write(0, vectors());
    for (const [n, port] of serialPorts.entries()) this.set(Field.SERIAL_PORTS + n * 2, port, 2);
    this.set(Field.EXTENDED_SEGMENT, EXTENDED_SEGMENT, 2);
    this.#guest.write(EXTENDED_SEGMENT * 16, Uint8Array.of(1));
    this.set(Field.EQUIPMENT, equipment, 2);
    this.set(Field.MEMORY_KIB, BASE_MEMORY_KIB, 2);
    for (const field of [Field.KEYS_HEAD, Field.KEYS_TAIL, Field.KEYS_FIRST]) this.set(field, Field.KEYS, 2);
    this.set(Field.KEYS_LAST, Field.KEYS_END, 2);
  }
}

/** Vectors 00h-77h; the rest is for programs. */
function vectors(): Uint8Array {
  const bytes = new Uint8Array(0x400);
  const view = new DataView(bytes.buffer);
  const set = (vector: number, offset: number): void => {
    view.setUint16(vector * 4, offset, true);
    view.setUint16(vector * 4 + 2, offset === 0 ? 0 : ROM_SEGMENT, true);
  };
  const R = RomEntry;
  for (let vector = 0; vector < 0x78; vector++) set(vector, R.ignored);
  for (let vector = 0x0a; vector < 0x10; vector++) set(vector, R.master);
  for (let vector = 0x72; vector < 0x78; vector++) set(vector, R.slave);
  const services = [
    R.int10, R.int11, R.int12, R.int13, R.int14, R.int15, R.int16, R.int17, R.int18, R.int19, R.int1a,
  ]; // biome-ignore format: one row
  for (const [n, offset] of services.entries()) set(0x10 + n, offset);
  const others: readonly (readonly [number, number])[] = [
    [0x08, R.irq0],
    [0x09, R.irq1],
    [0x1d, 0],
    [0x1e, R.diskette],
    [0x1f, 0],
    [0x40, R.int13],
    [0x41, 0],
    [0x43, 0],
    [0x46, 0],
    [0x70, R.irq8],
    [0x71, R.irq9],
    [0x74, R.irq12],
    [0x75, R.irq13],
  ];
  for (const [vector, offset] of others) set(vector, offset);
  // For programs: free vectors are zero.
  for (let vector = 0x60; vector < 0x68; vector++) set(vector, 0);
  return bytes;
}
