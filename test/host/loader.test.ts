// Loaders: what a good image becomes, and that a bad one is refused with a typed error and no effect.

import fc from "fast-check";
import { expect, test } from "vitest";
import { detectFormat, loadImage, type Partition } from "../../src/node.js";
import { assemble } from "../guest/assemble.js";
import { elf32 } from "../guest/elf.js";
import { codeOf, createPartition, program } from "./machine.js";

const MIB = 1024 * 1024;
const HLT = Uint8Array.of(0xf4);

interface ElfFields {
  bits: 32 | 64;
  machine: number;
  type: number;
  entry: number;
  physical: number;
  virtual: number;
  fileSize: number;
  memorySize: number;
  offset: number;
  align: number;
  count: number;
  entrySize: number;
}

/** A minimal ELF file with one segment of HLT instructions. */
function elf(changes: Partial<ElfFields> = {}): Uint8Array {
  const bits = changes.bits ?? 32;
  const wide = bits === 64;
  const fields: ElfFields = {
    bits,
    machine: wide ? 62 : 3,
    type: 2,
    entry: 0x200000,
    physical: 0x200000,
    virtual: 0x200000,
    fileSize: 64,
    memorySize: 128,
    offset: 0x100,
    align: 0x1000,
    count: 1,
    entrySize: wide ? 56 : 32,
    ...changes,
  };
  const file = new Uint8Array(0x140);
  const view = new DataView(file.buffer);
  const word = (at: number, value: number): void =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  view.setUint16(16, fields.type, true);
  view.setUint16(18, fields.machine, true);
  view.setUint32(20, 1, true);
  word(24, fields.entry);
  const header = wide ? 64 : 52;
  word(wide ? 32 : 28, header);
  const sizes = wide ? 52 : 40;
  view.setUint16(sizes, header, true);
  view.setUint16(sizes + 2, fields.entrySize, true);
  view.setUint16(sizes + 4, fields.count, true);
  view.setUint32(header, 1, true);
  if (wide) {
    word(header + 8, fields.offset);
    word(header + 16, fields.virtual);
    word(header + 24, fields.physical);
    word(header + 32, fields.fileSize);
    word(header + 40, fields.memorySize);
    word(header + 48, fields.align);
  } else {
    word(header + 4, fields.offset);
    word(header + 8, fields.virtual);
    word(header + 12, fields.physical);
    word(header + 16, fields.fileSize);
    word(header + 20, fields.memorySize);
    word(header + 28, fields.align);
  }
  file.fill(0xf4, 0x100);
  return file;
}

/** A multiboot image with address fields, loaded at 1 MiB. */
function multiboot(flags = 0x10003, fields: number[] = [0x100000, 0x100000, 0, 0x102000, 0x100020]): Uint8Array {
  const file = new Uint8Array(64).fill(0xf4);
  const view = new DataView(file.buffer);
  const words = [0x1badb002, flags, -(0x1badb002 + flags), ...fields];
  for (const [n, value] of words.entries()) view.setUint32(n * 4, value >>> 0, true);
  return file;
}

function text(partition: Partition, address: number): string {
  let string = "";
  for (let at = address; partition.memory.readUint8(at) !== 0; at++)
    string += String.fromCharCode(partition.memory.readUint8(at));
  return string;
}

test("formats are told apart", () => {
  expect(detectFormat(HLT)).toBe("flat");
  expect(detectFormat(elf())).toBe("elf");
  expect(detectFormat(elf({ bits: 64 }))).toBe("elf");
  expect(detectFormat(multiboot())).toBe("multiboot");
});

test("a flat image starts in real mode at 7C00h", async () => {
  const partition = await createPartition();
  const image = loadImage(partition, HLT);
  expect(image).toMatchObject({ format: "flat", mode: "real", entry: 0x7c00 });
  const { registers } = partition.processors[0];
  expect([registers.cs.selector, registers.rip, registers.cr0 & 1n]).toEqual([0, 0x7c00n, 0n]);
  expect(partition.run().reason).toBe("halt");
});

test("a flat image above 64 KiB starts at its own segment", async () => {
  const partition = await createPartition();
  loadImage(partition, HLT, { address: 0x12345 });
  const { registers } = partition.processors[0];
  expect([registers.cs.selector, registers.rip]).toEqual([0x1234, 5n]);
  partition.run();
  expect(registers.rip).toBe(6n);
});

test("a flat image starts in protected mode with descriptors it can reload", async () => {
  const partition = await createPartition();
  loadImage(
    partition,
    program("mov ax, 0x10\nmov ds, ax\nmov ss, ax\npush eax\njmp 8:there\nthere: hlt", "protected"),
    { mode: "protected" },
  );
  expect(partition.run().reason).toBe("halt");
});

test("a flat image starts in long mode with the first 4 GiB mapped", async () => {
  const partition = await createPartition({ memory: 8 * MIB });
  loadImage(partition, program("mov rbx, 0x7ffff8\nmov [rbx], rbx\npush rbx\nhlt", "long"), { mode: "long" });
  expect(partition.run().reason).toBe("halt");
  expect(partition.memory.readUint64(0x7ffff8)).toBe(0x7ffff8n);
});

test("an ELF32 executable starts in protected mode with its bss cleared", async () => {
  const partition = await createPartition();
  partition.memory.fill(0x200000, 0x1000, 0xcc);
  expect(loadImage(partition, elf())).toMatchObject({ format: "elf", mode: "protected", entry: 0x200000 });
  expect(partition.memory.readUint8(0x20003f)).toBe(0xf4);
  expect(partition.memory.readUint8(0x200040)).toBe(0);
  expect(partition.memory.readUint8(0x200080)).toBe(0xcc);
  expect(partition.run().reason).toBe("halt");
});

test("an ELF64 executable starts in long mode", async () => {
  const partition = await createPartition();
  expect(loadImage(partition, elf({ bits: 64 })).mode).toBe("long");
  expect(partition.run().reason).toBe("halt");
  expect(partition.processors[0].registers.efer & 0x500n).toBe(0x500n);
});

test("a virtual entry point is translated to its physical place", async () => {
  const partition = await createPartition();
  expect(loadImage(partition, elf({ virtual: 0xc0200000, entry: 0xc0200010 })).entry).toBe(0x200010);
});

test("a multiboot kernel is told of memory, command line and modules", async () => {
  const partition = await createPartition({ memory: 16 * MIB });
  const modules = [
    { data: Uint8Array.of(1, 2, 3), commandLine: "first one" },
    { data: new Uint8Array(5000).fill(7), commandLine: "second" },
  ];
  const image = loadImage(partition, multiboot(), { commandLine: "kernel quiet", modules });
  expect(image).toMatchObject({ format: "multiboot", mode: "protected", entry: 0x100020 });
  const { registers } = partition.processors[0];
  expect(registers.eax).toBe(0x2badb002n);
  const { memory } = partition;
  const info = Number(registers.ebx);
  expect(memory.readUint32(info) & 0x4d).toBe(0x4d);
  expect([memory.readUint32(info + 4), memory.readUint32(info + 8)]).toEqual([639, 15 * 1024]);
  expect(text(partition, memory.readUint32(info + 16))).toBe("kernel quiet");
  expect(memory.readUint32(info + 20)).toBe(2);
  const list = memory.readUint32(info + 24);
  const [start, end, name] = [0, 4, 8].map((at) => memory.readUint32(list + at));
  expect([start % 4096, end - start, text(partition, name), memory.readUint8(start + 2)]).toEqual([
    0,
    3,
    "first one",
    3,
  ]);
  expect(memory.readUint32(list + 20) - memory.readUint32(list + 16)).toBe(5000);
  const map: [bigint, bigint, number][] = [];
  const mapEnd = memory.readUint32(info + 48) + memory.readUint32(info + 44);
  for (let at = memory.readUint32(info + 48); at < mapEnd; at += memory.readUint32(at) + 4) {
    map.push([memory.readUint64(at + 4), memory.readUint64(at + 12), memory.readUint32(at + 20)]);
  }
  expect(map).toContainEqual([0x100000n, BigInt(15 * MIB), 1]);
  expect(map[0]).toEqual([0n, 0x9fc00n, 1]);
  expect(memory.readUint8(0x101fff)).toBe(0);
  expect(partition.run().reason).toBe("halt");
});

test("a multiboot kernel may be an ELF32 file", async () => {
  const image = assemble(".code32\n.org 0x100000\n.long 0x1badb002, 0, -0x1badb002\nstart: hlt", { name: "kernel" });
  const partition = await createPartition();
  const bytes = elf32(image, image.symbols.get("start")!);
  expect(loadImage(partition, bytes)).toMatchObject({ format: "multiboot", entry: 0x10000c });
  expect(partition.run().reason).toBe("halt");
});

test.each([
  ["an empty image", new Uint8Array(0), "invalid-image"],
  ["a truncated ELF header", elf().subarray(0, 40), "invalid-image"],
  ["a truncated program header table", elf().subarray(0, 60), "invalid-image"],
  ["a truncated segment", elf().subarray(0, 0x120), "invalid-image"],
  ["another machine", elf({ machine: 40 }), "unsupported-image"],
  ["a mismatch of class and machine", elf({ machine: 62 }), "unsupported-image"],
  ["a relocatable file", elf({ type: 1 }), "unsupported-image"],
  ["a shared object", elf({ type: 3 }), "unsupported-image"],
  ["no program headers", elf({ count: 0 }), "invalid-image"],
  ["a wrong program header size", elf({ entrySize: 30 }), "invalid-image"],
  ["more bytes than memory", elf({ memorySize: 10 }), "invalid-image"],
  ["an alignment that is no power of two", elf({ align: 3 }), "invalid-image"],
  ["an entry point outside", elf({ entry: 0x300000 }), "invalid-image"],
  ["a load address outside RAM", elf({ physical: 64 * MIB, virtual: 0x200000 }), "image-outside-memory"],
  ["a segment that ends outside RAM", elf({ memorySize: 64 * MIB }), "image-outside-memory"],
  ["an ELF64 segment far outside", elf({ bits: 64, physical: 2 ** 50 }), "image-outside-memory"],
  ["unknown multiboot demands", multiboot(0x10103), "unsupported-image"],
  [
    "a multiboot load address behind its header",
    multiboot(0x10003, [0x100000, 0x100004, 0, 0, 0x100020]),
    "invalid-image",
  ],
  [
    "a multiboot load address before the file",
    multiboot(0x10003, [0x100000, 0x0ff000, 0, 0, 0x100020]),
    "invalid-image",
  ],
  [
    "a multiboot image longer than the file",
    multiboot(0x10003, [0x100000, 0x100000, 0x100100, 0, 0x100020]),
    "invalid-image",
  ],
  [
    "a multiboot bss that ends inside",
    multiboot(0x10003, [0x100000, 0x100000, 0, 0x100001, 0x100020]),
    "invalid-image",
  ],
  ["a multiboot entry outside", multiboot(0x10003, [0x100000, 0x100000, 0, 0, 0x200000]), "invalid-image"],
  [
    "a multiboot image outside RAM",
    multiboot(0x10003, [0x4000000, 0x4000000, 0, 0, 0x4000020]),
    "image-outside-memory",
  ],
])("%s is refused and leaves memory untouched", async (_name, bytes, code) => {
  const partition = await createPartition();
  expect(codeOf(() => loadImage(partition, bytes))).toBe(code);
  expect(partition.memory.view(0, 4 * MIB).every((byte) => byte === 0)).toBe(true);
});

test("options that the format cannot use are refused", async () => {
  const partition = await createPartition();
  expect(codeOf(() => loadImage(partition, elf(), { address: 0x1000 }))).toBe("invalid-argument");
  expect(codeOf(() => loadImage(partition, elf(), { mode: "real" }))).toBe("invalid-argument");
  expect(codeOf(() => loadImage(partition, HLT, { commandLine: "x" }))).toBe("invalid-argument");
  expect(codeOf(() => loadImage(partition, HLT, { format: "multiboot" }))).toBe("invalid-image");
  expect(codeOf(() => loadImage(partition, HLT, { format: "elf" }))).toBe("invalid-image");
  expect(codeOf(() => loadImage(partition, HLT, { mode: "real", address: 0x100000 }))).toBe("invalid-argument");
  expect(codeOf(() => loadImage(partition, HLT, { address: 4 * MIB }))).toBe("image-outside-memory");
});

test("no damaged image does anything but load or throw a typed error", async () => {
  const partition = await createPartition();
  const images = [elf(), elf({ bits: 64 }), multiboot()];
  const damage = fc.array(fc.tuple(fc.nat(0xff), fc.integer({ min: 0, max: 0xff })), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.constantFrom(...images), damage, fc.option(fc.nat(0x140)), (image, changes, cut) => {
      const bytes = Uint8Array.from(image);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const code = codeOf(() => loadImage(partition, cut === null ? bytes : bytes.subarray(0, cut)));
      return code === undefined || ["invalid-image", "unsupported-image", "image-outside-memory"].includes(code);
    }),
    { numRuns: 3000 },
  );
});
