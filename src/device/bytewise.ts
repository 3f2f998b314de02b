// Ports of a device whose registers are one byte wide. The bus splits a wider access into bytes at
// consecutive ports; bytes behind the device's last port float high.

import type { PortHandler } from "../partition/handlers.js";

export interface ByteRegisters {
  read?(port: number): number;
  write?(port: number, value: number): void;
}

export function bytewise(first: number, count: number, registers: ByteRegisters): PortHandler {
  const end = first + count;
  return {
    read: (port, size) => {
      let value = 0;
      for (let i = 0; i < size; i++) {
        const byte = port + i < end ? (registers.read?.(port + i) ?? 0xff) : 0xff;
        value |= (byte & 0xff) << (i * 8);
      }
      return value >>> 0;
    },
    write: (port, size, value) => {
      for (let i = 0; i < size && port + i < end; i++) registers.write?.(port + i, (value >>> (i * 8)) & 0xff);
    },
  };
}
