// Changes of mode and what survives them: descriptor caches, entering and leaving long mode, operand sizes of
// the table-register instructions. SDM Vol. 3, 9.8.5 (IA-32e), 9.9 (mode switching), 20.1 (real mode).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, GDT, Machine, SELECTOR, STUBS, TABLES } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const FREE = SELECTOR.FREE;

/** Real mode with the protected-mode tables in place as well. */
function realWithTables(): void {
  m.setup({ mode: "real" });
  m.descriptor(0x08, d.segment({ type: d.CODE_XR, limit: 0xffff, big: false }));
  m.descriptor(0x10, d.segment({ type: d.DATA_RW }));
  m.descriptor(0x18, d.segment({ type: d.CODE_XR }));
  m.registers.set("gdtr.base", BigInt(GDT));
  m.registers.set("gdtr.limit", 0xff);
}

describe("real and protected mode (SDM Vol. 3, 9.9)", () => {
  it("the first instructions after MOV CR0 still run in the old segment's size", () => {
    realWithTables();
    m.run(
      "mov eax, cr0\nor al, 1\nmov cr0, eax\nmov ax, 0x1234\nand eax, 0xffff\nmov ebx, eax\nmov eax, cr0\nand al, 0xfe\nmov cr0, eax",
    );
    expect(m.registers.rbx).toBe(0x1234n);
  });
  it('a limit of 4 GiB survives the way back to real mode ("unreal" mode)', () => {
    realWithTables();
    m.memory.writeUint32(0x180000, 0xabcd);
    const outcome = m.run(`mov eax, cr0
      or al, 1
      mov cr0, eax
      jmp 8:inside
inside: mov ax, 0x10
      mov fs, ax
      mov eax, cr0
      and al, 0xfe
      mov cr0, eax
      jmp 0:outside
outside: mov ebx, fs:[0x180000]`);
    expect(outcome.vector).toBe(DONE);
    expect(m.registers.rbx).toBe(0xabcdn);
  });
  it("a load in real mode changes selector and base, not the limit", () => {
    realWithTables();
    m.registers.set("fs.limit", 0xffff_ffff);
    m.run("mov ax, 0x1000\nmov fs, ax");
    expect(m.registers.fs).toMatchObject({ selector: 0x1000, base: 0x10000n, limit: 0xffff_ffff });
  });
  it("32-bit code through a far jump with a 32-bit offset", () => {
    realWithTables();
    m.run(`mov eax, cr0
      or al, 1
      mov cr0, eax
      o32 jmp 0x18:wide
      .code32
wide: mov ebx, 0x12345678
      jmp 8:narrow
      .code16
narrow: mov eax, cr0
      and al, 0xfe
      mov cr0, eax
      jmp 0:back
back:`);
    expect(m.registers.rbx).toBe(0x12345678n);
  });
});

describe("long mode (SDM Vol. 3, 9.8.5)", () => {
  const enter = `
      mov eax, cr4
      or eax, 0x20
      mov cr4, eax
      mov eax, ${TABLES}
      mov cr3, eax
      mov ecx, 0xc0000080
      rdmsr
      or eax, 0x100
      wrmsr
      mov eax, cr0
      or eax, 0x80000000
      mov cr0, eax`;
  const tables = (): void => {
    m.setup({ mode: "long" });
    const pages = new Uint8Array(0x4000);
    m.memory.read(TABLES, pages);
    m.setup();
    m.memory.write(TABLES, pages);
    m.descriptor(FREE, d.segment({ type: d.CODE_XR, long: true }));
  };
  it("setting CR0.PG with EFER.LME = 1 sets LMA: compatibility mode until CS.L = 1", () => {
    tables();
    m.load(`${enter}\nmov ecx, 0xc0000080\nrdmsr\nmov ebx, eax\nhlt`);
    m.partition.run({ ticks: 1000 });
    expect(m.registers.efer & (d.EFER.LMA | d.EFER.LME)).toBe(d.EFER.LMA | d.EFER.LME);
    expect(m.registers.rbx & d.EFER.LMA).toBe(d.EFER.LMA);
    expect(m.registers.cs.selector).toBe(SELECTOR.code[0]);
  });
  it("PG with LME but without PAE raises #GP(0)", () => {
    tables();
    m.load(`${enter.replace("or eax, 0x20", "and eax, 0")}`);
    expect(m.run()).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("a round trip: into 64-bit code, out through compatibility mode, paging off", () => {
    tables();
    const outcome = m.run(`${enter}
      jmp ${FREE}:wide
      .code64
wide: mov rax, 0x1122334455667788
      mov r8, rax
      jmp far dword [rel pointer]
pointer: .long narrow
      .word ${SELECTOR.code[0]}
      .code32
narrow: mov eax, cr0
      and eax, 0x7fffffff
      mov cr0, eax
      mov ecx, 0xc0000080
      rdmsr
      mov ebx, eax`);
    expect(outcome.vector).toBe(DONE);
    expect(m.registers.rbx & (d.EFER.LMA | d.EFER.LME)).toBe(d.EFER.LME);
    expect(m.registers.r8).toBe(0x1122334455667788n);
  });
  it("segment bases and limits count in compatibility mode", () => {
    m.setup({ mode: "compatibility" });
    m.descriptor(FREE, d.segment({ type: d.DATA_RW, base: 0x40000, limit: 0xff }));
    m.memory.writeUint8(0x40010, 0x77);
    const outcome = m.run(`mov eax, ${FREE}\nmov es, eax\nmov bl, es:[0x10]\nfault: mov bl, es:[0x100]`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: m.label("fault") });
    expect(m.registers.bl).toBe(0x77n);
  });
  it("an exception in compatibility mode enters 64-bit code and pushes quadwords", () => {
    const outcome = m.setup({ mode: "compatibility", cpl: 3 }).run("ud2");
    expect(outcome).toMatchObject({ vector: d.VECTOR.UD, cs: SELECTOR.code[3], ss: SELECTOR.data[3] });
    expect(m.registers.rip).toBe(BigInt(STUBS + d.VECTOR.UD * 16 + 1));
  });
  it("IRETQ into compatibility mode and ring 3", () => {
    m.setup({ mode: "long" }).descriptor(FREE, d.segment({ type: d.CODE_XR, dpl: 3 }));
    const outcome = m.run(
      `push ${SELECTOR.data[3]}\npush 0x23000\npush 2\npush ${FREE | 3}\npush next\niretq\n.code32\nnext: mov eax, -1\ninc eax\nint 0xf0`,
    );
    expect(outcome).toMatchObject({ vector: DONE, cs: FREE | 3 });
    expect(m.registers.rax).toBe(0n);
  });
});

describe("table registers (SDM Vol. 2, LGDT, SGDT)", () => {
  const pseudo = (limit: number, base: bigint): void => {
    m.memory.writeUint16(0x40000, limit);
    m.memory.writeUint64(0x40002, base);
  };
  it("a 16-bit operand takes 24 bits of the base", () => {
    m.setup({ mode: "real" });
    pseudo(0x123, 0xaabbccddn);
    m.run("mov ax, 0x4000\nmov ds, ax\nlgdt [0]");
    expect(m.registers.gdtr).toMatchObject({ limit: 0x123, base: 0xbbccddn });
  });
  it("a 32-bit operand takes 32 bits", () => {
    m.setup();
    pseudo(0x123, 0x11_aabbccddn);
    m.load("lidt [0x40000]");
    m.processor.step(1);
    expect(m.registers.idtr).toMatchObject({ limit: 0x123, base: 0xaabbccddn });
  });
  it("64-bit mode takes 64 bits; a non-canonical base raises #GP(0)", () => {
    m.setup({ mode: "long" });
    pseudo(0x123, 0xffff_8000_1234_5678n);
    m.load("lidt [0x40000]");
    m.processor.step(1);
    expect(m.registers.idtr).toMatchObject({ limit: 0x123, base: 0xffff_8000_1234_5678n });
    m.setup({ mode: "long" });
    pseudo(0x123, 0x8000_0000_0000n);
    expect(m.run("lgdt [0x40000]")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it("SGDT and SIDT store limit and base", () => {
    m.setup().run("sgdt [0x40000]\nsidt [0x40010]");
    expect(m.memory.readUint16(0x40000)).toBe(Number(m.registers.gdtr.limit));
    expect(m.memory.readUint32(0x40002)).toBe(GDT);
    expect(m.memory.readUint16(0x40010)).toBe(256 * 8 - 1);
  });
  it("SGDT in 64-bit mode stores ten bytes", () => {
    m.setup({ mode: "long" });
    m.memory.fill(0x40000, 16, 0x55);
    m.run("sgdt [0x40000]");
    expect(m.memory.readUint64(0x40002)).toBe(BigInt(GDT));
    expect(m.memory.readUint8(0x4000a)).toBe(0x55);
  });
});

describe("64-bit operands (SDM Vol. 1, 3.4.1.1)", () => {
  it("32-bit results clear the upper half, 16- and 8-bit results keep it", () => {
    m.setup({ mode: "long" }).run("mov rax, -1\nmov rbx, rax\nmov rcx, rax\nmov eax, 1\nmov bx, 1\nmov cl, 1");
    expect([m.registers.rax, m.registers.rbx, m.registers.rcx]).toEqual([
      1n,
      0xffff_ffff_ffff_0001n,
      0xffff_ffff_ffff_ff01n,
    ]);
  });
  it("an address-size prefix wraps at 4 GiB", () => {
    m.setup({ mode: "long" });
    m.memory.writeUint8(0x40000, 0x99);
    m.run("mov rbx, 0x100040000\nmov al, [ebx]");
    expect(m.registers.al).toBe(0x99n);
  });
  it.each([
    ["PUSH ES", [0x06]],
    ["POP DS", [0x1f]],
    ["PUSHA", [0x60]],
    ["POPA", [0x61]],
    ["DAA", [0x27]],
    ["AAA", [0x37]],
    ["AAM", [0xd4, 0x0a]],
    ["INTO", [0xce]],
    ["far CALL with an immediate pointer", [0x9a, 0, 0, 0, 0, 0, 0]],
    ["the copy of group 1 at 82h", [0x82, 0xc0, 0x01]],
  ])("%s does not exist: #UD", (_, bytes) => {
    expect(m.setup({ mode: "long" }).run(`.byte ${bytes.join(", ")}`).vector).toBe(d.VECTOR.UD);
  });
});
