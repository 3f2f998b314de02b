// Guest memory, by physical and by linear address, and the partition's memory map.

import fc from "fast-check";
import { expect, test } from "vitest";
import { codeOf, createPartition, hypervisor, machine } from "./machine.js";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

test("what is written is read back, across pages", async () => {
  const { memory } = await createPartition();
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i & 0xff);
  memory.write(0xffff0, bytes);
  const back = new Uint8Array(10_000);
  memory.read(0xffff0, back);
  expect(back).toEqual(bytes);
});

test("accesses outside RAM are refused as a whole", async () => {
  const { memory } = await createPartition();
  expect(codeOf(() => memory.read(4 * MIB, new Uint8Array(1)))).toBe("memory-not-mapped");
  expect(codeOf(() => memory.write(4 * MIB - 4, new Uint8Array(8)))).toBe("memory-not-mapped");
  expect(memory.readUint32(4 * MIB - 4)).toBe(0);
  expect(codeOf(() => memory.readUint8(-1))).toBe("memory-not-mapped");
  expect(codeOf(() => memory.readUint8(0.5))).toBe("memory-not-mapped");
});

test("bad memory sizes are refused", async () => {
  const host = await hypervisor();
  for (const memory of [0, -4096, 4095, 4097, 3.5 * GIB + 4096, 2 ** 40, Number.NaN, 1.5]) {
    expect(codeOf(() => host.createPartition({ memory }))).toBe("invalid-memory-size");
  }
});

test("bad processor counts are refused", async () => {
  const host = await hypervisor();
  for (const processors of [0, 65, 1.5]) {
    expect(codeOf(() => host.createPartition({ memory: MIB, processors }))).toBe("invalid-processor-count");
  }
});

test("any valid size can be created", async () => {
  const host = await hypervisor();
  fc.assert(
    fc.property(fc.integer({ min: 1, max: (3.5 * GIB) / 4096 }), (pages) => {
      const partition = host.createPartition({ memory: pages * 4096 });
      const top = partition.memory.ram.at(-1)!;
      partition.memory.writeUint8(top.base + top.size - 1, 0x5a);
      const total = partition.memory.ram.reduce((sum, range) => sum + range.size, 0);
      partition[Symbol.dispose]();
      return total === pages * 4096;
    }),
    { numRuns: 8 },
  );
});

test("RAM above 3 GiB continues above 4 GiB", async () => {
  const { memory } = (await hypervisor()).createPartition({ memory: 3.25 * GIB });
  expect(memory.ram).toEqual([
    { base: 0, size: 3 * GIB },
    { base: 4 * GIB, size: 0.25 * GIB },
  ]);
  memory.writeUint32(4 * GIB + 16, 0x12345678);
  expect(memory.readUint32(4 * GIB + 16)).toBe(0x12345678);
});

test("a ROM replaces the RAM it covers and ignores the guest's writes", async () => {
  const rom = { base: 0xf0000, data: Uint8Array.from([0xaa, 0xbb]) };
  const source = "mov ax, 0xf000\nmov ds, ax\nmov byte [0], 0x11\nmov bl, [0]\nmov bh, [1]\nhlt";
  const { partition, processor } = await machine(source, { roms: [rom] });
  partition.run();
  expect(processor.registers.bx).toBe(0xbbaan);
});

test("ROMs may not overlap and start on a page", async () => {
  const data = new Uint8Array(8192);
  await expect(
    createPartition({
      roms: [
        { base: 0xf0000, data },
        { base: 0xf1000, data },
      ],
    }),
  ).rejects.toMatchObject({ code: "range-overlap" });
  await expect(createPartition({ roms: [{ base: 0xf0001, data }] })).rejects.toMatchObject({ code: "invalid-range" });
});

test("the VGA hole has no RAM", async () => {
  const { memory } = await createPartition({ vgaHole: true });
  expect(memory.isMapped(0x9ffff, 1)).toBe(true);
  expect(memory.isMapped(0xa0000, 1)).toBe(false);
  expect(memory.isMapped(0xc0000, 1)).toBe(true);
});

test("the host's write to code is executed at once", async () => {
  const { partition, processor } = await machine("again: mov al, 1\nhlt\njmp again");
  partition.run();
  partition.memory.writeUint8(0x7c01, 0x77);
  processor.registers.rip = 0x7c00n;
  processor.activity = "active";
  partition.run();
  expect(processor.registers.al).toBe(0x77n);
});

test("linear addresses are translated without paging", async () => {
  const { processor } = await machine("hlt");
  expect(processor.translate(0x1234n)).toEqual({ ok: true, gpa: 0x1234 });
});

/** A long-mode guest with its loader's identity map, page 0x200000 + 4 KiB * n remapped by hand. */
test("linear memory follows the guest's page tables across pages", async () => {
  const { partition, processor } = await machine("hlt", { memory: 16 * MIB }, "long");
  const { memory } = partition;
  const root = Number(processor.registers.cr3);
  const directory = Number(memory.readUint64(Number(memory.readUint64(root) & ~0xfffn)) & ~0xfffn);
  const table = 0x300000;
  memory.writeUint64(directory + 5 * 8, BigInt(table) | 3n); // 0xA00000: 4 KiB pages
  memory.writeUint64(table, 0x500000n | 3n);
  memory.writeUint64(table + 8, 0x400000n | 3n);
  processor.writeMemory(0xa00ffcn, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]));
  expect(memory.readUint32(0x500ffc)).toBe(0x04030201);
  expect(memory.readUint32(0x400000)).toBe(0x08070605);
  const back = new Uint8Array(8);
  processor.readMemory(0xa00ffcn, back);
  expect([...back]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(processor.translate(0xa02000n)).toEqual({ ok: false, errorCode: 0 });
  expect(codeOf(() => processor.writeMemory(0xa01fffn, new Uint8Array(2)))).toBe("page-fault");
  expect(memory.readUint8(0x400fff)).toBe(0);
});

test("translation does not set accessed or dirty bits", async () => {
  const { partition, processor } = await machine("hlt", { memory: 16 * MIB }, "long");
  const root = Number(processor.registers.cr3);
  expect(processor.translate(0x800000n, "write")).toEqual({ ok: true, gpa: 0x800000 });
  expect(partition.memory.readUint64(root) & 0x20n).toBe(0n);
});
