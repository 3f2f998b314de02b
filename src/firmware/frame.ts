// The registers of a caller of the BIOS, as the entries of rom.asm save them on its stack, by name. The
// host works on a copy and writes it back, so that nothing the guest does in between can tear it.
//
//   +0 ES  +2 DS  +4 EDI  +8 ESI  +12 EBP  +20 EBX  +24 EDX  +28 ECX  +32 EAX  +36 service  +38 IP  +40 CS  +42 FLAGS

import type { GuestAccess } from "../partition/device.js";

const SIZE = 44;
const SERVICE = 36;
const FLAGS = 42;
const CARRY = 0x01;
const ZERO = 0x40;
/** Bit of the service number that asks the entry to wait. */
const WAIT = 0x8000;

const DWORDS = { edi: 4, esi: 8, ebx: 20, edx: 24, ecx: 28, eax: 32 } as const;
const WORDS = { es: 0, ds: 2, di: 4, si: 8, bp: 12, bx: 20, dx: 24, cx: 28, ax: 32, ip: 38, cs: 40 } as const;
const BYTES = { bl: 20, bh: 21, dl: 24, dh: 25, cl: 28, ch: 29, al: 32, ah: 33 } as const;

type Registers = { [Name in keyof typeof DWORDS | keyof typeof WORDS | keyof typeof BYTES]: number };

class FrameBytes {
  readonly view: DataView;
  readonly #bytes: Uint8Array;

  constructor(
    readonly linear: number,
    bytes: Uint8Array,
  ) {
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, SIZE);
  }

  get service(): number {
    return this.view.getUint16(SERVICE, true);
  }

  get carry(): boolean {
    return (this.view.getUint16(FLAGS, true) & CARRY) !== 0;
  }
  set carry(set: boolean) {
    this.#flag(CARRY, set);
  }
  set zero(set: boolean) {
    this.#flag(ZERO, set);
  }
  set flags(value: number) {
    this.view.setUint16(FLAGS, value, true);
  }

  #flag(bit: number, set: boolean): void {
    const flags = this.view.getUint16(FLAGS, true);
    this.view.setUint16(FLAGS, set ? flags | bit : flags & ~bit, true);
  }

  /** The service is not done: the entry asks again behind the next interrupt. */
  wait(): void {
    this.view.setUint16(SERVICE, this.service | WAIT, true);
  }

  store(guest: GuestAccess): void {
    guest.write(this.linear, this.#bytes);
  }
}

for (const [name, at] of Object.entries(DWORDS)) define(name, 4, at);
for (const [name, at] of Object.entries(WORDS)) define(name, 2, at);
for (const [name, at] of Object.entries(BYTES)) define(name, 1, at);

function define(name: string, size: 1 | 2 | 4, at: number): void {
  Object.defineProperty(FrameBytes.prototype, name, {
    get(this: FrameBytes): number {
      if (size === 4) return this.view.getUint32(at, true);
      return size === 2 ? this.view.getUint16(at, true) : this.view.getUint8(at);
    },
    set(this: FrameBytes, value: number) {
      if (size === 4) this.view.setUint32(at, value, true);
      else if (size === 2) this.view.setUint16(at, value, true);
      else this.view.setUint8(at, value);
    },
  });
}

export type Frame = FrameBytes & Registers;

/** The frame at SS:SP, given as one doubleword; undefined where there is no RAM. */
export function loadFrame(guest: GuestAccess, stack: number): Frame | undefined {
  const linear = (stack >>> 16) * 16 + (stack & 0xffff);
  if (!guest.isMapped(linear, SIZE, true)) return undefined;
  return new FrameBytes(linear, guest.read(linear, SIZE)) as Frame;
}
