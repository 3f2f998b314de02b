// SYSCALL, SYSRET, SYSENTER, SYSEXIT, SWAPGS and the base registers. SDM Vol. 2 (the instructions), Vol. 3 5.8.7
// and 5.8.8. The processor names itself AuthenticAMD: where the vendors differ, AMD APM Vol. 3 holds.

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, Machine, ringStack, SELECTOR, STUBS } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const TARGET = 0xe1;
const target = BigInt(STUBS + TARGET * 16);
/** SYSCALL: CS = 08h, SS = 10h. SYSRET: CS = 1Bh + 16 or 1Bh, SS = 1Bh + 8. */
const STAR = (0x08n << 32n) | (0x1bn << 48n);

function long(cpl: number): Machine {
  m.setup({ mode: "long", cpl });
  m.registers.set("star", STAR);
  m.registers.set("lstar", target);
  m.registers.set("sfmask", d.FLAG.IF | d.FLAG.DF);
  return m;
}

describe("SYSCALL (SDM Vol. 2, SYSCALL)", () => {
  it("saves RIP in RCX and RFLAGS in R11, masks RFLAGS, loads flat ring-0 segments", () => {
    long(3).registers.set("rflags", d.FLAG.ONE | d.FLAG.IF | d.FLAG.CF);
    m.run("std\nsyscall\nback:");
    const r = m.registers;
    expect(r.rip).toBe(target + 1n);
    expect(r.rcx).toBe(m.label("back"));
    expect(r.r11).toBe(d.FLAG.ONE | d.FLAG.IF | d.FLAG.DF | d.FLAG.CF);
    expect(r.rflags).toBe(d.FLAG.ONE | d.FLAG.CF);
    expect(r.cs).toMatchObject({ selector: 0x08, base: 0n, limit: 0xffff_ffff, attributes: 0xa09b });
    expect(r.ss).toMatchObject({ selector: 0x10, base: 0n, limit: 0xffff_ffff, attributes: 0xc093 });
    expect(r.rsp).toBe(BigInt(ringStack(3)));
    expect(r.cpl).toBe(0n);
  });
  it("with EFER.SCE = 0 raises #UD", () => {
    long(3).registers.set("efer", m.registers.efer & ~d.EFER.SCE);
    expect(m.run("syscall").vector).toBe(d.VECTOR.UD);
  });
});

describe("SYSRET (SDM Vol. 2, SYSRET)", () => {
  it("to 64-bit code: CS = STAR[63:48] + 16, SS + 8, both with RPL 3; RFLAGS from R11", () => {
    long(0).descriptor(0x20, d.segment({ type: d.CODE_XR, dpl: 3, long: true }));
    m.registers.set("r11", d.FLAG.IF | d.FLAG.RF | d.FLAG.CF);
    const outcome = m.run("mov rcx, next\nsysretq\nnext:");
    expect(outcome).toMatchObject({ vector: DONE, cs: 0x2b, ss: 0x23, rsp: BigInt(ringStack(0)) });
    expect(outcome.flags & (d.FLAG.IF | d.FLAG.RF | d.FLAG.CF | d.FLAG.ONE)).toBe(d.FLAG.IF | d.FLAG.CF | d.FLAG.ONE);
  });
  it("to compatibility mode: CS = STAR[63:48]", () => {
    long(0);
    m.registers.set("r11", 2n);
    expect(m.run("mov ecx, next\nsysret\n.code32\nnext: inc eax\nint 0xf0")).toMatchObject({
      vector: DONE,
      cs: 0x1b,
      ss: 0x23,
    });
  });
  it("outside ring 0 raises #GP(0)", () => {
    expect(long(3).run("sysretq")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("to a non-canonical RCX raises #GP(0) at the target, in ring 3 (APM Vol. 3, SYSRET)", () => {
    const outcome = long(0).run("mov rcx, 0x800000000000\nsysretq");
    expect(outcome).toMatchObject({ vector: d.VECTOR.GP, error: 0, cs: 0x2b, rip: 0x800000000000n });
  });
});

describe("SYSENTER and SYSEXIT (SDM Vol. 2)", () => {
  const enter = (mode: "protected32" | "long", cpl = 3): void => {
    m.setup({ mode, cpl });
    m.registers.set("sysenterCs", 0x08n);
    m.registers.set("sysenterEsp", 0x66000n);
    m.registers.set("sysenterEip", target);
  };
  it("SYSENTER loads CS, SS = CS + 8, ESP, EIP and clears IF", () => {
    enter("protected32");
    m.registers.set("rflags", d.FLAG.ONE | d.FLAG.IF);
    m.run("sysenter");
    const r = m.registers;
    expect([r.rip, r.rsp, r.cs.selector, r.ss.selector, r.cpl]).toEqual([target + 1n, 0x66000n, 0x08, 0x10, 0n]);
    expect(r.rflags & d.FLAG.IF).toBe(0n);
    expect(r.cs.attributes).toBe(0xc09b);
  });
  it("SYSENTER with a null SYSENTER_CS raises #GP(0)", () => {
    enter("protected32");
    m.registers.set("sysenterCs", 0n);
    expect(m.run("sysenter")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("SYSENTER in real mode raises #GP", () => {
    expect(m.setup({ mode: "real" }).run("sysenter").vector).toBe(d.VECTOR.GP);
  });
  it("SYSEXIT loads CS + 16, SS + 24 with RPL 3, EIP from EDX, ESP from ECX", () => {
    enter("protected32", 0);
    const outcome = m.run("mov edx, next\nmov ecx, 0x67000\nsysexit\nnext:");
    expect(outcome).toMatchObject({ vector: DONE, cs: 0x1b, ss: 0x23, rsp: 0x67000n });
  });
  it.each(["sysenter", "sysexit"])("%s in long mode raises #UD (APM Vol. 3)", (instruction) => {
    enter("long", 0);
    expect(m.run(instruction).vector).toBe(d.VECTOR.UD);
  });
  it("SYSEXIT outside ring 0 raises #GP(0)", () => {
    enter("protected32");
    expect(m.run("sysexit")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
});

describe("SWAPGS and the base registers", () => {
  it("SWAPGS exchanges GS.base and IA32_KERNEL_GS_BASE", () => {
    m.setup({ mode: "long" });
    m.registers.set("gs.base", 0x1111n);
    m.registers.set("kernelGsBase", 0x2222n);
    m.run("swapgs");
    expect([m.registers.gs.base, m.registers.kernelGsBase]).toEqual([0x2222n, 0x1111n]);
  });
  it("SWAPGS in ring 3 raises #GP(0), outside 64-bit mode #UD", () => {
    expect(m.setup({ mode: "long", cpl: 3 }).run("swapgs")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
    expect(m.setup().run(".byte 0x0f, 0x01, 0xf8").vector).toBe(d.VECTOR.UD);
  });
  it.each([
    [0xc0000100, "fs"],
    [0xc0000101, "gs"],
  ] as const)("WRMSR %i sets the base of %s, which 64-bit accesses use", (msr, segment) => {
    m.setup({ mode: "long" });
    m.memory.writeUint32(0x45678, 0xfeed);
    m.run(`mov ecx, ${msr}\nmov eax, 0x45000\nxor edx, edx\nwrmsr\nmov eax, ${segment}:[0x678]`);
    expect(m.registers.rax).toBe(0xfeedn);
  });
  it("WRMSR of a non-canonical base raises #GP(0)", () => {
    expect(m.setup({ mode: "long" }).run("mov ecx, 0xc0000100\nxor eax, eax\nmov edx, 0x8000\nwrmsr")).toMatchObject({
      vector: d.VECTOR.GP,
      error: 0,
    });
  });
  it("an unknown MSR raises #GP(0)", () => {
    expect(m.setup().run("mov ecx, 0x12345678\nrdmsr")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
    expect(m.setup().run("mov ecx, 0x12345678\nwrmsr")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("the bases of DS, ES, SS count as 0 in 64-bit mode", () => {
    m.setup({ mode: "long" });
    m.descriptor(SELECTOR.FREE, d.segment({ type: d.DATA_RW, base: 0x1000 }));
    m.memory.writeUint32(0x40000, 0x1234);
    m.run(`mov eax, ${SELECTOR.FREE}\nmov ds, eax\nmov eax, [0x40000]`);
    expect(m.registers.rax).toBe(0x1234n);
  });
});

describe("control registers (SDM Vol. 3, 2.5; Vol. 2, MOV)", () => {
  it.each([
    ["PG without PE", "mov eax, 0x80000000\nmov cr0, eax"],
    ["NW without CD", "mov eax, 0x20000011\nmov cr0, eax"],
    ["reserved bit of CR4", "mov eax, 0x80000000\nmov cr4, eax"],
  ])("%s raises #GP(0)", (_, source) => {
    expect(m.setup().run(source)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it.each([
    ["PG off in 64-bit mode", "mov eax, 0x11\nmov cr0, rax"],
    ["PAE off in long mode", "xor eax, eax\nmov cr4, rax"],
    ["reserved upper half of CR0", "mov rax, 0x180000011\nmov cr0, rax"],
    ["CR3 above the physical width", "mov rax, 0x8000000000000\nmov cr3, rax"],
    ["reserved bits of CR8", "mov eax, 0x10\nmov cr8, rax"],
  ])("%s raises #GP(0)", (_, source) => {
    expect(m.setup({ mode: "long" }).run(source)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("changing EFER.LME while paging is on raises #GP(0)", () => {
    const source = "mov ecx, 0xc0000080\nrdmsr\nxor eax, 0x100\nwrmsr";
    expect(m.setup({ mode: "long" }).run(source)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it.each([1, 5, 6, 7])("CR%i does not exist: #UD", (n) => {
    expect(m.setup().run(`.byte 0x0f, 0x20, ${0xc0 | (n << 3)}`).vector).toBe(d.VECTOR.UD);
  });
  it("LMSW sets PE but cannot clear it", () => {
    m.setup().run("xor eax, eax\nlmsw ax\nsmsw bx");
    expect(m.registers.bx & 1n).toBe(1n);
  });
});
