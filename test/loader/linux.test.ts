// Linux kernels: the states in which they are entered and what they are told (Linux/x86 boot protocol and
// PVH ABI), and what is refused before anything is written.

import { expect, test } from "vitest";
import { detectFormat, type LoadOptions, loadImage, type Partition } from "../../src/node.js";
import { codeOf, createPartition } from "../host/machine.js";
import { bzImage, LINKED, packed, vmlinux } from "./kernel.js";

const MIB = 1024 * 1024;
const CODE = Uint8Array.of(0x90, 0x90, 0xf4);

async function boot(
  kernel: Uint8Array,
  options: LoadOptions = {},
  memory = 64 * MIB,
): Promise<{ partition: Partition; params: number }> {
  const partition = await createPartition({ memory });
  loadImage(partition, kernel, options);
  return { partition, params: Number(partition.processors[0].registers.rsi) };
}

function text(partition: Partition, address: number): string {
  let result = "";
  for (let byte = partition.memory.readUint8(address); byte !== 0; byte = partition.memory.readUint8(++address)) {
    result += String.fromCharCode(byte);
  }
  return result;
}

/** Base, limit and flags of the descriptor that a selector names in the descriptor table. */
function descriptor(partition: Partition, selector: number): bigint {
  return partition.memory.readUint64(Number(partition.processors[0].registers.gdtr.base) + selector);
}

test("a bzImage is recognised, a multiboot ELF and other files are not", () => {
  expect(detectFormat(bzImage())).toBe("linux");
  expect(detectFormat(vmlinux(CODE))).toBe("elf");
  expect(detectFormat(CODE)).toBe("flat");
});

test("a 64-bit kernel is unpacked and entered in long mode with RSI = boot_params", async () => {
  const { partition, params } = await boot(bzImage({ payload: packed(vmlinux(CODE)) }), { commandLine: "a=b c" });
  const { registers } = partition.processors[0];
  expect(Number(registers.rip)).toBe(LINKED);
  expect(registers.efer & 0x500n).toBe(0x500n);
  expect(registers.cr0 & 0x8000_0001n).toBe(0x8000_0001n);
  expect(registers.cr4 & 0x20n).toBe(0x20n);
  expect(registers.rflags & 0x200n).toBe(0n);
  expect(registers.cs.selector).toBe(0x10);
  for (const name of ["ds", "es", "ss"] as const) expect(registers[name].selector).toBe(0x18);
  // 64-bit code, and flat data of 4 GiB.
  expect(descriptor(partition, 0x10)).toBe(0x00af_9b00_0000_ffffn);
  expect(descriptor(partition, 0x18)).toBe(0x00cf_9300_0000_ffffn);
  for (const address of [0n, 0x1000n, BigInt(LINKED), 0xffff_f000n]) {
    expect(partition.processors[0].translate(address, "write")).toMatchObject({ ok: true, gpa: Number(address) });
  }
  expect(partition.memory.readUint8(LINKED)).toBe(0x90);
  expect(text(partition, partition.memory.readUint32(params + 0x228))).toBe("a=b c");
  expect(partition.run({ ticks: 10 })).toMatchObject({ reason: "halt", instructions: 3n });
});

test("a 32-bit kernel is entered in protected mode with ESI = boot_params and EBX, EBP, EDI 0", async () => {
  const { partition, params } = await boot(bzImage({ payload: packed(vmlinux(CODE, { bits: 32 })), xloadFlags: 0 }));
  const { registers } = partition.processors[0];
  expect(Number(registers.rip)).toBe(LINKED);
  expect(registers.cr0 & 0x8000_0001n).toBe(1n);
  expect(registers.efer).toBe(0n);
  expect(registers.rflags & 0x200n).toBe(0n);
  expect([registers.rbx, registers.rbp, registers.rdi]).toEqual([0n, 0n, 0n]);
  expect([registers.cs.selector, registers.ds.selector, registers.ss.selector]).toEqual([0x10, 0x18, 0x18]);
  expect(descriptor(partition, 0x10)).toBe(0x00cf_9b00_0000_ffffn);
  expect(params % 4096).toBe(0);
});

test("boot_params have the kernel's header, the loader's fields and the memory map", async () => {
  const kernel = bzImage({ payload: packed(vmlinux(CODE)) });
  const initrd = Uint8Array.of(1, 2, 3, 4, 5);
  const { partition, params } = await boot(kernel, { initrd, acpiRsdp: 0xf0010 });
  const { memory } = partition;
  expect(memory.readUint16(params + 0x1fe)).toBe(0xaa55);
  expect(memory.readUint32(params + 0x202)).toBe(0x53726448);
  expect(memory.readUint16(params + 0x206)).toBe(0x20f);
  // The jump at 200h says that the header ends at 26Ch: nothing behind it is copied.
  expect(memory.readUint32(params + 0x260)).toBe(0x200000);
  expect(memory.readUint32(params + 0x26c)).toBe(0);
  expect(memory.readUint8(params + 0x210)).toBe(0xff);
  expect(memory.readUint16(params + 0x1fa)).toBe(0xffff);
  expect(memory.readUint8(params + 0x1ef)).toBe(0);
  expect(memory.readUint64(params + 0x70)).toBe(0xf0010n);
  // The initial RAM disk: page-aligned, at the top of RAM.
  expect(memory.readUint32(params + 0x218)).toBe(64 * MIB - 4096);
  expect(memory.readUint32(params + 0x21c)).toBe(5);
  const read = new Uint8Array(5);
  memory.read(64 * MIB - 4096, read);
  expect(read).toEqual(initrd);
  // Text mode 3 of a VGA.
  expect([0x06, 0x07, 0x0e, 0x0f, 0x10].map((at) => memory.readUint8(params + at))).toEqual([3, 80, 25, 1, 16]);
  const entries = Array.from({ length: memory.readUint8(params + 0x1e8) }, (_, n) => {
    const at = params + 0x2d0 + n * 20;
    return [Number(memory.readUint64(at)), Number(memory.readUint64(at + 8)), memory.readUint32(at + 16)];
  });
  expect(entries).toEqual([
    [0, 0x9fc00, 1],
    [0x9fc00, 0x400, 2],
    [0xf0000, 0x10000, 2],
    [0x100000, 63 * MIB, 1],
  ]);
});

test("PVH: EBX points at hvm_start_info with command line, module and memory map", async () => {
  const kernel = bzImage({ payload: packed(vmlinux(CODE, { pvh: LINKED + 1 })) });
  const { partition } = await boot(kernel, { entry: "pvh", commandLine: "pvh", initrd: Uint8Array.of(9, 8) });
  const { registers } = partition.processors[0];
  expect(Number(registers.rip)).toBe(LINKED + 1);
  expect(registers.cr0 & 0x8000_0001n).toBe(1n);
  expect(registers.cr4).toBe(0n);
  expect(registers.efer).toBe(0n);
  expect(registers.rflags & 0x20300n).toBe(0n);
  const info = Number(registers.rbx);
  const { memory } = partition;
  expect(memory.readUint32(info)).toBe(0x336e_c578);
  expect(memory.readUint32(info + 4)).toBe(1);
  expect(memory.readUint32(info + 12)).toBe(1);
  const module = Number(memory.readUint64(info + 16));
  expect([memory.readUint64(module), memory.readUint64(module + 8)]).toEqual([BigInt(64 * MIB - 4096), 2n]);
  expect(text(partition, Number(memory.readUint64(info + 24)))).toBe("pvh");
  const map = Number(memory.readUint64(info + 40));
  expect(memory.readUint32(info + 48)).toBe(4);
  expect([memory.readUint64(map + 72), memory.readUint64(map + 80)]).toEqual([0x100000n, BigInt(63 * MIB)]);
  expect(memory.readUint32(map + 88)).toBe(1);
});

test("without extraction the kernel's own code is entered: 200h behind its start in long mode", async () => {
  const kernel = bzImage({ payload: packed(vmlinux(CODE)), code: Uint8Array.of(0x90, 0xf4) });
  const long = await boot(kernel, { extract: false });
  expect(Number(long.partition.processors[0].registers.rip)).toBe(LINKED + 0x200);
  expect(long.partition.processors[0].registers.cs.selector).toBe(0x10);
  const protectedMode = await boot(kernel, { extract: false, entry: "protected" });
  expect(Number(protectedMode.partition.processors[0].registers.rip)).toBe(LINKED);
  expect(protectedMode.partition.memory.readUint8(LINKED)).toBe(0x90);
});

test("a kernel without a packed vmlinux is entered as it is", async () => {
  const { partition } = await boot(bzImage({ xloadFlags: 0 }));
  expect(Number(partition.processors[0].registers.rip)).toBe(LINKED);
});

test("the initial RAM disk stays below the kernel's limit and outside its memory", async () => {
  const kernel = bzImage({ payload: packed(vmlinux(CODE)), initrdMax: 0x2ff_ffff });
  const low = await boot(kernel, { initrd: new Uint8Array(3 * 4096) });
  expect(low.partition.memory.readUint32(low.params + 0x218)).toBe(0x300_0000 - 3 * 4096);
  // 12 MiB fit only below the kernel at 16 MiB.
  const tight = await boot(
    bzImage({ initSize: 7 * MIB, xloadFlags: 1 }),
    { initrd: new Uint8Array(12 * MIB) },
    24 * MIB,
  );
  expect(tight.partition.memory.readUint32(tight.params + 0x218)).toBe(LINKED - 12 * MIB);
});

test("RAM above 4 GiB stands in the memory map", async () => {
  const { partition, params } = await boot(bzImage({ payload: packed(vmlinux(CODE)) }), {}, 3328 * MIB);
  const { memory } = partition;
  const count = memory.readUint8(params + 0x1e8);
  const at = params + 0x2d0 + (count - 1) * 20;
  expect([memory.readUint64(at), memory.readUint64(at + 8)]).toEqual([0x1_0000_0000n, BigInt(256 * MIB)]);
});

const GOOD = bzImage({ payload: packed(vmlinux(CODE)) });

function changed(at: number, bytes: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(GOOD);
  copy.set(bytes, at);
  return copy;
}

test.each<[string, Uint8Array, LoadOptions, string, RegExp]>([
  ["no boot flag", changed(0x1fe, [0, 0]), {}, "invalid-image", /AA55h/],
  ["no magic", changed(0x202, [0]), {}, "invalid-image", /HdrS/],
  ["too short a file", GOOD.subarray(0, 0x200), {}, "invalid-image", /too short/],
  ["a truncated file", GOOD.subarray(0, 0x500), {}, "invalid-image", /outside the file/],
  ["a truncated code part", GOOD.subarray(0, 0x900), {}, "invalid-image", /truncated/],
  ["an old protocol", bzImage({ protocol: 0x205 }), {}, "unsupported-image", /2\.05; 2\.06/],
  ["a zImage", bzImage({ loadFlags: 0 }), {}, "unsupported-image", /zImage/],
  ["a payload outside the code", changed(0x24c, [0xff, 0xff, 0xff]), {}, "invalid-image", /packed image/],
  ["a payload in an unknown packing", changed(0x800 + 1024, [1, 2]), {}, "unsupported-image", /unknown way/],
  ["long mode for a 32-bit kernel", bzImage({ xloadFlags: 0 }), { entry: "long" }, "unsupported-image", /64-bit/],
  ["protected mode for a vmlinux of 64 bits", GOOD, { entry: "protected" }, "unsupported-image", /64-bit vmlinux/],
  ["PVH without a note", GOOD, { entry: "pvh" }, "unsupported-image", /no PVH/],
  ["PVH without extraction", GOOD, { entry: "pvh", extract: false }, "unsupported-image", /not extracted/],
  ["a long command line", GOOD, { commandLine: "x".repeat(2048) }, "invalid-argument", /2048 bytes.*2047/],
  ["a NUL in the command line", GOOD, { commandLine: "a\0b" }, "invalid-argument", /NUL/],
  ["a large initial RAM disk", GOOD, { initrd: new Uint8Array(50 * MIB) }, "image-outside-memory", /fits nowhere/],
  ["a multiboot module", GOOD, { modules: [{ data: CODE }] }, "invalid-argument", /module/],
  ["a load address", GOOD, { address: 0x200000 }, "invalid-argument", /load address/],
])("%s is refused and leaves memory as it was", async (_name, kernel, options, code, message) => {
  const partition = await createPartition({ memory: 64 * MIB });
  const load = (): unknown => loadImage(partition, kernel, { format: "linux", ...options });
  expect(codeOf(load)).toBe(code);
  expect(load).toThrow(message);
  expect(Buffer.compare(partition.memory.view(0, 64 * MIB), Buffer.alloc(64 * MIB))).toBe(0);
});

test("too little memory is refused with what is needed", async () => {
  const partition = await createPartition({ memory: 16 * MIB });
  const load = (): unknown => loadImage(partition, GOOD);
  expect(codeOf(load)).toBe("image-outside-memory");
  expect(load).toThrow(/17 MiB.*has 16 MiB/);
});

test("an initial RAM disk for something else is refused", async () => {
  const partition = await createPartition();
  expect(codeOf(() => loadImage(partition, CODE, { initrd: CODE }))).toBe("invalid-argument");
});
