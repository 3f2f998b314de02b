// Virtual-8086 mode: entry by IRET and task switch, exit by interrupt, instructions that depend on IOPL,
// segment and port rules. SDM Vol. 3, chapter 21 (8086 emulation).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, innerStack, Machine, SELECTOR, TSS } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const v86 = (iopl = 3, flags = 0n): Machine => m.setup({ mode: "virtual8086", iopl, flags });
const gp = { vector: d.VECTOR.GP, error: 0 };

describe("leaving (SDM Vol. 3, 21.3.1)", () => {
  it("pushes GS FS DS ES SS ESP EFLAGS CS EIP and empties the data segments", () => {
    v86().run(
      "mov ax, 0x1111\nmov ds, ax\nmov ax, 0x2222\nmov es, ax\nmov ax, 0x3333\nmov fs, ax\nmov ax, 0x4444\nmov gs, ax",
    );
    const [eip, cs, flags, esp, ss, es, ds, fs, gs] = m.frame(9);
    expect(eip).toBe(m.label("fragment_end") + 2n);
    expect([cs, esp, ss, es, ds, fs, gs]).toEqual([0n, 0x7000n, 0n, 0x2222n, 0x1111n, 0x3333n, 0x4444n]);
    expect((flags as bigint) & d.FLAG.VM).toBe(d.FLAG.VM);
    expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 36));
    const r = m.registers;
    expect([r.ds.selector, r.es.selector, r.fs.selector, r.gs.selector]).toEqual([0, 0, 0, 0]);
    expect(r.rflags & d.FLAG.VM).toBe(0n);
    expect(r.cs.selector).toBe(SELECTOR.code[0]);
  });
  it("an interrupt to a handler outside ring 0 raises #GP(handler's CS)", () => {
    v86().gate(0x40, { dpl: 3, selector: SELECTOR.code[1] & ~3 });
    expect(m.run("int 0x40")).toMatchObject({ vector: d.VECTOR.GP, error: SELECTOR.code[1] & ~3 });
  });
  it("an interrupt to a conforming handler raises #GP(handler's CS)", () => {
    v86().descriptor(SELECTOR.FREE, d.segment({ type: d.CODE_XR_CONFORMING }));
    m.gate(0x40, { dpl: 3, selector: SELECTOR.FREE });
    expect(m.run("int 0x40")).toMatchObject({ vector: d.VECTOR.GP, error: SELECTOR.FREE });
  });
});

describe("entering by IRET from ring 0 (SDM Vol. 3, 21.2.5)", () => {
  it("loads the segments as real mode has them, limit FFFFh", () => {
    m.setup();
    m.memory.write(0x7000, Uint8Array.of(0xcd, DONE));
    const outcome = m.run(
      "push 0x44\npush 0x33\npush 0x22\npush 0x11\npush 0x300\npush 0x4000\npush 0x23002\npush 0x600\npush 0x1000\niretd",
    );
    expect(outcome).toMatchObject({ vector: DONE, rip: 0x1002n, cs: 0x600, rsp: 0x4000n, ss: 0x300 });
    expect(m.frame(9).slice(5)).toEqual([0x11n, 0x22n, 0x33n, 0x44n]);
  });
  it("from ring 3 ignores VM", () => {
    const outcome = m.setup({ cpl: 3 }).run(`push 0x20002\npush ${SELECTOR.code[3]}\npush next\niretd\nnext:`);
    expect(outcome.vector).toBe(DONE);
    expect(outcome.flags & d.FLAG.VM).toBe(0n);
  });
  it("in long mode ignores VM", () => {
    const outcome = m
      .setup({ mode: "long" })
      .run(`push 0\npush 0x40000\npush 0x20002\npush ${SELECTOR.code[0]}\npush next\niretq\nnext:`);
    expect(outcome.flags & d.FLAG.VM).toBe(0n);
  });
});

describe("instructions that depend on IOPL (SDM Vol. 3, 21.2.7)", () => {
  const sensitive = ["cli", "sti", "pushf", "popf", "int 0x40", "iret"] as const;
  it.each(sensitive)("%s with IOPL < 3 raises #GP(0)", (instruction) => {
    for (const iopl of [0, 1, 2]) expect(v86(iopl).run(instruction)).toMatchObject(gp);
  });
  it.each(["cli", "sti", "pushf\npopf"])("%s with IOPL = 3 runs", (instruction) => {
    expect(v86().run(instruction).vector).toBe(DONE);
  });
  it("PUSHF pushes IOPL as it is, POPF cannot change it", () => {
    const outcome = v86().run("push 0\npopf\npushf\npop ax");
    expect(m.registers.ax & 0x3000n).toBe(0x3000n);
    expect(outcome.flags & 0x3000n).toBe(0x3000n);
  });
  it("IRET stays in virtual-8086 mode", () => {
    const outcome = v86().run("push 0x3202\npush 0\npush next\niret\nnext:");
    expect(outcome.flags & (d.FLAG.VM | d.FLAG.IF)).toBe(d.FLAG.VM | d.FLAG.IF);
  });
  it("INT3 and INTO do not depend on IOPL, but on the gate's DPL", () => {
    v86(0).gate(d.VECTOR.BP, { dpl: 3 });
    expect(m.run("int3").vector).toBe(d.VECTOR.BP);
    v86(0);
    expect(m.run("int3")).toMatchObject({ vector: d.VECTOR.GP, error: d.VECTOR.BP * 8 + 2 });
  });
});

describe("privileged and protected-mode instructions", () => {
  it.each([
    "hlt",
    "mov eax, cr0",
    "mov cr0, eax",
    "lgdt [0x500]",
    "lidt [0x500]",
    "clts",
    "mov eax, dr7",
    "rdmsr",
    "wrmsr",
    "invd",
    "lmsw ax",
  ])("%s raises #GP(0)", (instruction) => {
    expect(v86().run(instruction)).toMatchObject(gp);
  });
  it.each(["lldt ax", "ltr ax", "sldt ax", "str ax", "lar ax, ax", "lsl ax, ax", "verr ax", "verw ax", "arpl ax, ax"])(
    "%s raises #UD",
    (instruction) => {
      expect(v86().run(instruction).vector).toBe(d.VECTOR.UD);
    },
  );
  it.each(["smsw ax", "sgdt [0x500]", "sidt [0x500]"])("%s runs", (instruction) => {
    expect(v86().run(instruction).vector).toBe(DONE);
  });
});

describe("ports (SDM Vol. 3, 21.2.8.1)", () => {
  it("only the bitmap counts, IOPL does not", () => {
    expect(v86(3).run("in al, 0x80")).toMatchObject(gp);
    v86(0);
    m.registers.set("tr.limit", 0x68 + 0x20);
    m.memory.fill(TSS + 0x68, 0x21, 0);
    m.gate(d.VECTOR.BP, { dpl: 3 });
    expect(m.run("in al, 0x80\nint3").vector).toBe(d.VECTOR.BP);
  });
});

describe("addresses", () => {
  it("segment registers are shifted by four", () => {
    v86();
    m.memory.writeUint16(0x12345, 0xbeef);
    m.run("mov ax, 0x1234\nmov ds, ax\nmov bx, [5]");
    expect(m.registers.bx).toBe(0xbeefn);
  });
  it("a 32-bit offset above FFFFh raises #GP(0)", () => {
    expect(v86().run("mov ebx, 0x10000\nmov al, [ebx]")).toMatchObject(gp);
  });
  it("paging sees accesses as ring 3", () => {
    m.setup({ mode: "virtual8086", iopl: 3, paging: "32-bit" });
    m.setEntry(0x50000, 0x50000n | d.P | d.W);
    expect(m.run("mov ax, 0x5000\nmov ds, ax\nmov al, [0]")).toMatchObject({
      vector: d.VECTOR.PF,
      error: d.PF_P | d.PF_U,
    });
  });
});
