// The firmware configuration device of QEMU's PCs (docs/specs/fw_cfg): test kernels ask it how many
// processors there are. Only the port interface, only reading:
//
//   510h  selector (16 bits, write)      511h  next byte of the selected item; zeros behind its end
//
//   0 signature "QEMU"   1 revision (bit 0: this interface)   5 processors   0Fh most processors
//   19h directory of files: u32 count, then {u32 size, u16 selector, u16 0, char name[56]}, big-endian
//   20h- files

import type { Device, DeviceBus } from "../partition/device.js";
import { HypervisorError } from "../support/errors.js";

const SELECTOR_PORT = 0x510;
const DATA_PORT = 0x511;

const Item = { SIGNATURE: 0, REVISION: 1, PROCESSORS: 5, PROCESSORS_MAX: 0x0f, DIRECTORY: 0x19, FILES: 0x20 } as const;
/** Bit 15 of the selector separates architecture-specific items, bit 14 asks for writing. */
const SELECTOR_MASK = 0xbfff;
const ENTRY = 64;
const NAME = 56;

export interface FwCfgOptions {
  processors?: number;
  /** Files by name, such as "opt/org.example/setting". */
  files?: Readonly<Record<string, Uint8Array>>;
}

function word(value: number, size: 2 | 4): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => value >>> (i * 8));
}

export class FwCfg implements Device {
  readonly name = "fw-cfg";
  readonly #items = new Map<number, Uint8Array>();
  #selector = 0;
  #offset = 0;

  constructor(options: FwCfgOptions = {}) {
    const processors = options.processors ?? 1;
    this.#items.set(Item.SIGNATURE, new TextEncoder().encode("QEMU"));
    this.#items.set(Item.REVISION, word(1, 4));
    this.#items.set(Item.PROCESSORS, word(processors, 2));
    this.#items.set(Item.PROCESSORS_MAX, word(processors, 2));
    const files = Object.entries(options.files ?? {});
    const directory = new Uint8Array(4 + files.length * ENTRY);
    const view = new DataView(directory.buffer);
    view.setUint32(0, files.length);
    for (const [n, [name, data]] of files.entries()) {
      const bytes = new TextEncoder().encode(name);
      if (bytes.length >= NAME) {
        throw new HypervisorError(
          "invalid-argument",
          `the fw_cfg file name "${name}" is longer than ${NAME - 1} bytes`,
        );
      }
      view.setUint32(4 + n * ENTRY, data.length);
      view.setUint16(8 + n * ENTRY, Item.FILES + n);
      directory.set(bytes, 12 + n * ENTRY);
      this.#items.set(Item.FILES + n, Uint8Array.from(data));
    }
    this.#items.set(Item.DIRECTORY, directory);
  }

  connect(bus: DeviceBus): void {
    bus.ports(SELECTOR_PORT, 2, {
      read: (port, size) => {
        if (port !== DATA_PORT) return 0;
        let value = this.#next();
        for (let i = 1; i < size; i++) value |= 0xff << (i * 8);
        return value >>> 0;
      },
      write: (port, size, value) => {
        if (port !== SELECTOR_PORT || size === 1) return;
        this.#selector = value & SELECTOR_MASK;
        this.#offset = 0;
      },
    });
  }

  #next(): number {
    const item = this.#items.get(this.#selector);
    if (item === undefined || this.#offset >= item.length) return 0;
    return item[this.#offset++];
  }

  reset(): void {
    this.#selector = 0;
    this.#offset = 0;
  }

  save(): { selector: number; offset: number } {
    return { selector: this.#selector, offset: this.#offset };
  }

  restore(state: unknown): void {
    const { selector, offset } = state as { selector: number; offset: number };
    this.#selector = selector & SELECTOR_MASK;
    this.#offset = Math.max(0, offset);
  }
}
