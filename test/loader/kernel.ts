// Kernels made for the loader's tests: a vmlinux with a few instructions, and a bzImage around it whose
// header has the offsets of the boot protocol's table.

import { gzipSync } from "node:zlib";

export const LINKED = 0x1000000;

export interface VmlinuxOptions {
  bits?: 32 | 64;
  /** Physical PVH entry, told by a Xen note. */
  pvh?: number;
  /** Zeroed memory behind the code. */
  bss?: number;
}

/** An executable linked at 16 MiB physical; virtual addresses are those of a kernel. */
export function vmlinux(code: Uint8Array, { bits = 64, pvh, bss = 0x1000 }: VmlinuxOptions = {}): Uint8Array {
  const wide = bits === 64;
  const [header, entry] = wide ? [64, 56] : [52, 32];
  const headers = pvh === undefined ? 1 : 2;
  const noteAt = header + entry * headers;
  const note = new Uint8Array(pvh === undefined ? 0 : 24);
  if (pvh !== undefined) {
    const view = new DataView(note.buffer);
    view.setUint32(0, 4, true);
    view.setUint32(4, 4, true);
    view.setUint32(8, 18, true);
    note.set([0x58, 0x65, 0x6e, 0], 12);
    view.setUint32(16, pvh, true);
  }
  const codeAt = 0x1000;
  const file = new Uint8Array(codeAt + code.length);
  const view = new DataView(file.buffer);
  const word = (at: number, value: bigint): void => {
    if (wide) view.setBigUint64(at, value, true);
    else view.setUint32(at, Number(value), true);
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, wide ? 62 : 3, true);
  view.setUint32(20, 1, true);
  word(24, BigInt(LINKED));
  word(wide ? 32 : 28, BigInt(header));
  view.setUint16(wide ? 52 : 40, header, true);
  view.setUint16(wide ? 54 : 42, entry, true);
  view.setUint16(wide ? 56 : 44, headers, true);
  const programHeader = (
    at: number,
    type: number,
    offset: number,
    address: bigint,
    size: number,
    more: number,
  ): void => {
    view.setUint32(at, type, true);
    const fields = wide ? [8, 16, 24, 32, 40, 48] : [4, 8, 12, 16, 20, 28];
    const values = [offset, address, LINKED, size, size + more, wide ? 0x200000 : 0x1000];
    for (const [n, value] of values.entries()) word(at + fields[n], BigInt(value));
  };
  programHeader(header, 1, codeAt, wide ? 0xffffffff81000000n : 0xc1000000n, code.length, bss);
  if (pvh !== undefined) programHeader(header + entry, 4, noteAt, 0n, note.length, 0);
  file.set(note, noteAt);
  file.set(code, codeAt);
  return file;
}

export interface BzImageOptions {
  protocol?: number;
  loadFlags?: number;
  xloadFlags?: number;
  initSize?: number;
  initrdMax?: number;
  commandLineSize?: number;
  setupSectors?: number;
  /** Bytes of the protected-mode part; a packed kernel goes behind 1,024 of them. */
  code?: Uint8Array;
  payload?: Uint8Array;
}

/** A kernel as the package has it. */
export function bzImage(options: BzImageOptions = {}): Uint8Array {
  const { setupSectors = 3, payload = new Uint8Array(), code = Uint8Array.of(0xf4) } = options;
  const payloadAt = 1024;
  const size = Math.ceil((payloadAt + payload.length) / 16) * 16;
  const start = (setupSectors + 1) * 512;
  const file = new Uint8Array(start + size);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, setupSectors);
  view.setUint32(0x1f4, size / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  // A jump over the header, which ends at 26Ch.
  view.setUint16(0x200, 0x6aeb, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, options.protocol ?? 0x20f, true);
  view.setUint8(0x211, options.loadFlags ?? 1);
  view.setUint32(0x214, 0x100000, true);
  view.setUint32(0x22c, options.initrdMax ?? 0x7fffffff, true);
  view.setUint32(0x230, 0x200000, true);
  view.setUint8(0x234, 1);
  view.setUint8(0x235, 21);
  view.setUint16(0x236, options.xloadFlags ?? 1, true);
  view.setUint32(0x238, options.commandLineSize ?? 2047, true);
  view.setUint32(0x248, payload.length === 0 ? 0 : payloadAt, true);
  view.setUint32(0x24c, payload.length, true);
  view.setBigUint64(0x258, BigInt(LINKED), true);
  view.setUint32(0x260, options.initSize ?? 0x200000, true);
  file.set(code, start);
  file.set(payload, start + payloadAt);
  return file;
}

/** A vmlinux as the payload of a bzImage. gzip's last four bytes are the size that the protocol wants. */
export function packed(kernel: Uint8Array): Uint8Array {
  return gzipSync(kernel);
}
