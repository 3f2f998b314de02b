// Registers by name: widths, aliases, validation, bulk reads.

import { expect, test } from "vitest";
import { registerNames } from "../../src/node.js";
import { codeOf, createPartition, machine } from "./machine.js";

test("every name can be read", async () => {
  const { registers } = (await createPartition()).processors[0];
  for (const name of registerNames) expect(typeof registers.get(name)).toBe("bigint");
});

test("a processor starts at the reset vector", async () => {
  const { registers } = (await createPartition()).processors[0];
  expect(registers.cs.base + registers.rip).toBe(0xfffffff0n);
  expect(registers.cs.selector).toBe(0xf000);
  expect(registers.rflags).toBe(2n);
  expect(registers.cr0 & 1n).toBe(0n);
});

test("narrow names are views of the wide register", async () => {
  const { registers } = (await createPartition()).processors[0];
  registers.rax = 0x1122334455667788n;
  expect([registers.eax, registers.ax, registers.al, registers.ah]).toEqual([0x55667788n, 0x7788n, 0x88n, 0x77n]);
  registers.ah = 0xabn;
  expect(registers.rax).toBe(0x112233445566ab88n);
  registers.ax = 0x1234n;
  expect(registers.rax).toBe(0x1122334455661234n);
});

test("writing a 32-bit name clears the upper half", async () => {
  const { registers } = (await createPartition()).processors[0];
  registers.r9 = 0xffff_ffff_ffff_ffffn;
  registers.r9d = 5n;
  expect(registers.r9).toBe(5n);
});

test("segment and table registers have parts", async () => {
  const { registers } = (await createPartition()).processors[0];
  registers.ds.selector = 0x1234;
  registers.ds.base = 0x12340n;
  registers.gdtr.base = 0x5000n;
  registers.gdtr.limit = 0x7f;
  expect(registers.get("ds.selector")).toBe(0x1234n);
  expect(registers.ds.base).toBe(0x12340n);
  expect(registers.gdtr).toMatchObject({ base: 0x5000n, limit: 0x7f });
});

test("flags can be read and written", async () => {
  const { processor } = await machine("xor ax, ax\nhlt");
  processor.step();
  expect(processor.registers.rflags & 0x44n).toBe(0x44n);
  processor.registers.rflags = 0x203n;
  expect(processor.registers.rflags).toBe(0x203n);
});

test("a value that does not fit is refused", async () => {
  const { registers } = (await createPartition()).processors[0];
  expect(codeOf(() => registers.set("al", 0x100))).toBe("invalid-register-value");
  expect(codeOf(() => registers.set("rax", -1n))).toBe("invalid-register-value");
  expect(codeOf(() => registers.set("rax", 1n << 64n))).toBe("invalid-register-value");
  expect(codeOf(() => registers.set("cs.selector", 0x10000))).toBe("invalid-register-value");
  expect(codeOf(() => registers.set("rax", 0.5))).toBe("invalid-register-value");
});

test("control registers refuse what the processor refuses, with no fault left behind", async () => {
  const { partition, processor } = await machine("hlt");
  const { registers } = processor;
  expect(codeOf(() => registers.set("cr0", 0x8000_0000n))).toBe("invalid-register-value");
  expect(codeOf(() => registers.set("cr4", 1n << 63n))).toBe("invalid-register-value");
  expect(codeOf(() => registers.set("efer", 2n))).toBe("invalid-register-value");
  expect(partition.run().reason).toBe("halt");
});

test("an unknown name is refused", async () => {
  const { registers } = (await createPartition()).processors[0];
  expect(codeOf(() => registers.get("rzx" as "rax"))).toBe("unknown-register");
});

test("bulk reads fill the caller's array in order", async () => {
  const processor = (await createPartition()).processors[0];
  processor.registers.rax = 0xffff_ffff_ffff_fffen;
  processor.registers.rbx = 7n;
  const into = new BigUint64Array(4);
  processor.read(["rbx", "rax", "cs.selector", "rflags"], into);
  expect([...into]).toEqual([7n, 0xffff_ffff_ffff_fffen, 0xf000n, 2n]);
  expect(codeOf(() => processor.read(["rax", "rbx"], new BigUint64Array(1)))).toBe("invalid-argument");
});

test("processors have registers of their own", async () => {
  const [first, second] = (await createPartition({ processors: 2 })).processors;
  first.registers.rax = 1n;
  second.registers.rax = 2n;
  expect(first.registers.rax).toBe(1n);
  expect(second.activity).toBe("waitForSipi");
});

test("the time-stamp counter can be set", async () => {
  const { processor } = await machine("nop\nnop\nhlt");
  processor.registers.tsc = 1000n;
  processor.step(2);
  expect(processor.registers.tsc).toBe(1002n);
});

test("debug registers keep their reserved ones", async () => {
  const { registers } = (await createPartition()).processors[0];
  registers.dr6 = 0n;
  registers.dr7 = 0x3n;
  expect([registers.dr6, registers.dr7]).toEqual([0xffff0ff0n, 0x403n]);
});

test("floating-point and vector registers have their widths, and STn counts from TOP", async () => {
  // 7.0 becomes ST1, pi ST0; 64 bits of it go to the stack and to XMM3.
  const { processor } = await machine(
    "mov eax, cr4\nor eax, 0x200\nmov cr4, eax\nfninit\nfild word [seven]\nfldpi\nmovq xmm3, [seven]\nhlt\nseven: .quad 7",
  );
  for (let n = 0; n < 7; n++) processor.step();
  const { registers } = processor;
  expect(registers.st1).toBe(0x4001_e000_0000_0000_0000n);
  expect(registers.st0).toBe(0x4000_c90f_daa2_2168_c235n);
  expect((registers.fsw >> 11n) & 7n).toBe(6n);
  expect(registers.ftw).toBe(0xc0n);
  expect(registers.mm7).toBe(0xe000_0000_0000_0000n);
  expect(registers.xmm3).toBe(7n);
  registers.xmm15 = (1n << 128n) - 1n;
  registers.st7 = 0x3fff_8000_0000_0000_0000n;
  expect([registers.xmm15, registers.st7]).toEqual([(1n << 128n) - 1n, 0x3fff_8000_0000_0000_0000n]);
  expect(codeOf(() => registers.set("mxcsr", 0x1_0000))).toBe("invalid-register-value");
  expect(codeOf(() => registers.read(["rax", "xmm0"], new BigUint64Array(2)))).toBe("invalid-argument");
});
