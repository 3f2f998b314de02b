// I/O port dispatch of the devices that live in the core. The host sets a bit of PORT_MAP for every port
// that a device of this partition claims, so one look-up decides between core and host. Accesses wider
// than a register are split into bytes as the bus does, except for the ports that take any width.

import { PORT_MAP } from "../layout";
import { faulted } from "../vcpu/state";
import { coprocessorWrite, isCoprocessorPort } from "./coprocessor";
import { ioapicReset } from "./ioapic";
import { picRead, picReset, picWrite } from "./pic";
import { pitRead, pitReset, pitWrite } from "./pit";
import { schedule } from "./schedule";
import { systemRead, systemReset, systemWrite } from "./system";
import { uartRead, uartReset, uartWrite } from "./uart";

export { setInterruptLine } from "./lines";
export { setA20 } from "../mmu/sets";
export { uartInput } from "./uart";

/** The core serves this port. */
@inline export function portIsCore(port: u32): bool {
  return ((<u32>load<u8>(<usize>((port & 0xffff) >> 3), PORT_MAP) >> (port & 7)) & 1) != 0;
}

/** State of all core devices after power-on, but for the local APICs, which are reset with their processors. */
export function chipsetReset(): void {
  ioapicReset();
  picReset();
  pitReset();
  uartReset();
  systemReset();
  schedule();
}

@inline function isSystemPort(port: u32): bool { return port == 0x80 || port == 0x92 || port == 0xe9 || port == 0xf4; }

@inline function isPitPort(port: u32): bool { return (port & 0xfffc) == 0x40 || port == 0x61; }

function readByte(port: u32): u32 {
  if ((port & 0xfff8) == 0x3f8) return uartRead(0, port & 7);
  if ((port & 0xfff8) == 0x2f8) return uartRead(1, port & 7);
  if (isPitPort(port)) return pitRead(port);
  if (isSystemPort(port)) return systemRead(port);
  if (isCoprocessorPort(port)) return 0xff;
  return picRead(port);
}

function writeByte(port: u32, value: u32): void {
  if ((port & 0xfff8) == 0x3f8) uartWrite(0, port & 7, value);
  else if ((port & 0xfff8) == 0x2f8) uartWrite(1, port & 7, value);
  else if (isPitPort(port)) pitWrite(port, value);
  else if (isCoprocessorPort(port)) coprocessorWrite(port);
  else picWrite(port, value);
}

/** Reads `size` bytes (1, 2, 4) from a port of the core. Bytes behind the device's last port read as ones. */
export function portRead(port: u32, size: u32): u32 {
  if (size == 1) return readByte(port);
  if (isSystemPort(port)) return systemRead(port);
  let value: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const byte: u32 = portIsCore(port + i) ? readByte((port + i) & 0xffff) : 0xff;
    value |= byte << (i * 8);
  }
  return value;
}

/** Writes to a port of the core. May leave to the host with nothing committed: callers test `faulted`. */
export function portWrite(port: u32, size: u32, value: u32): void {
  if (isSystemPort(port)) systemWrite(port, size, value);
  else if (size == 1) writeByte(port, value);
  else {
    for (let i: u32 = 0; i < size && !faulted(); i++) {
      if (portIsCore(port + i)) writeByte((port + i) & 0xffff, (value >> (i * 8)) & 0xff);
    }
  }
}
