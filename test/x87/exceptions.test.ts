// When an x87 instruction reports: availability, pending exceptions at the next waiting instruction, FERR# and
// IRQ 13 while CR0.NE is clear, and faults of operands that span pages (SDM vol. 1, 8.6-8.7, appendix D; vol. 3, 2.5,
// table 2-2, 6.15 #MF; APM vol. 1, 6.8).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "../machine/descriptors.js";
import { DATA, DONE, Machine } from "../machine/machine.js";
import { x87 } from "./encode.js";

const MP = 1n << 1n;
const EM = 1n << 2n;
const TS = 1n << 3n;
const NE = 1n << 5n;
const MF = 16;

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

function setup(cr0 = NE): Machine {
  m.setup();
  m.registers.set("cr0", m.registers.cr0 | cr0);
  m.registers.rbx = BigInt(DATA);
  return m;
}
const at = (name: string) => m.label(name);
/** Runs a fragment on a fresh machine. */
const run = (source: string, cr0 = NE) => setup(cr0).run(x87(source));
function bytes(address: number, size: number): Uint8Array {
  const copy = new Uint8Array(size);
  m.memory.read(address, copy);
  return copy;
}

describe("availability (SDM vol. 3, table 2-2)", () => {
  const cases: [source: string, cr0: bigint, vector: number][] = [
    ["fldz", 0n, DONE],
    ["fldz", MP, DONE],
    ["fldz", TS, d.VECTOR.NM],
    ["fldz", EM, d.VECTOR.NM],
    ["fninit", TS, d.VECTOR.NM],
    ["fnstsw ax", EM | TS, d.VECTOR.NM],
    ["wait", 0n, DONE],
    ["wait", TS, DONE],
    ["wait", EM, DONE],
    ["wait", MP, DONE],
    ["wait", MP | TS, d.VECTOR.NM],
    ["wait", MP | TS | EM, d.VECTOR.NM],
    [`fxsave [${DATA}]`, TS, d.VECTOR.NM],
    [`fxsave [${DATA}]`, EM, d.VECTOR.NM],
    [`fxrstor [${DATA}]`, 0n, DONE],
  ];
  it.each(cases)("%s with CR0 %x", (source, cr0, vector) => {
    const outcome = run(`here: ${source}`, cr0);
    expect(outcome.vector).toBe(vector);
    if (vector !== DONE) expect(outcome.rip).toBe(at("here"));
  });
  it.each([
    [".byte 0xd9, 0xd1", "D9 D1"],
    [".byte 0xda, 0xe0", "DA E0"],
    [".byte 0xdb, 0xe5", "DB E5"],
    [".byte 0xdd, 0xf0", "DD F0"],
    [".byte 0xde, 0xd8", "DE D8"],
    [".byte 0xdf, 0xe1", "DF E1"],
    [".byte 0xd9, 0x0b", "D9 /1 with memory"],
    [".byte 0xf0, 0xd8, 0xc0", "LOCK FADD"],
  ])("%s (%s) is no instruction", (source) => {
    expect(run(source).vector).toBe(d.VECTOR.UD);
  });
});

/** 1 / 0 with the divide exception unmasked. */
const DIVIDE = "fninit\npush 0x37b\nfldcw [esp]\nfld1\nfldz\nhere: fdivp st(1), st(0)";

describe("pending exceptions with CR0.NE", () => {
  it.each(["fld1", "wait", "fnop", "fldcw [esp]", "fstp dword ptr [esp]", "ffree st(3)", "fincstp"])(
    "%s waits and takes #MF",
    (next) => {
      const outcome = run(`${DIVIDE}\nnext: ${next}`);
      expect(outcome).toMatchObject({ vector: MF, error: undefined, rip: at("next") });
    },
  );
  it.each(["fnstsw ax", "fnstcw [esp]", "fnclex", "fninit", "fnstenv [ebx]", "fnsave [ebx]", "nop"])(
    "%s does not wait",
    (next) => {
      expect(run(`${DIVIDE}\n${next}`).vector).toBe(DONE);
    },
  );
  it("leaves operands, stack and condition codes as they were", () => {
    run(`${DIVIDE}\nfnstsw ax\nfnstenv [ebx]`);
    // ZE, ES, B, TOP = 6; both registers still in use.
    expect(Number(m.registers.rax & 0xffffn)).toBe(0xb084);
    expect(m.memory.readUint32(DATA + 8)).toBe(0xffff_1fff);
    expect(BigInt(m.memory.readUint32(DATA + 12))).toBe(at("here"));
    expect(m.memory.readUint16(DATA + 18)).toBe(0x6f9);
  });
  it("is gone after FNCLEX", () => {
    expect(run(`${DIVIDE}\nfnclex\nfld1\nwait`).vector).toBe(DONE);
  });
  it("appears when a mask is taken away", () => {
    const outcome = run("fninit\nfld1\nfldz\nfdivp st(1), st(0)\npush 0x37b\nfldcw [esp]\nnext: wait");
    expect(outcome).toMatchObject({ vector: MF, rip: at("next") });
  });
  it("comes before the operand's page fault", () => {
    m.setup({ paging: "32-bit" });
    m.registers.set("cr0", m.registers.cr0 | NE);
    m.setEntry(DATA, 0n);
    expect(m.run(x87(`${DIVIDE}\nnext: fld dword ptr [${DATA}]`))).toMatchObject({ vector: MF, rip: at("next") });
  });
  it("comes after #NM", () => {
    expect(run(`${DIVIDE}\nmov eax, cr0\nor al, 8\nmov cr0, eax\nnext: fld1`)).toMatchObject({
      vector: d.VECTOR.NM,
      rip: at("next"),
    });
  });
});

describe("unmasked responses (SDM vol. 1, 8.5)", () => {
  it("a register result of an underflow gets 24576 on its exponent", () => {
    setup().memory.write(DATA, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 1, 0));
    m.run(
      x87(`fninit\npush 0x36f\nfldcw [esp]\nfld tword ptr [${DATA}]\npush 0x3f000000\nfmul dword ptr [esp]
      fnsave [ebx+64]`),
    );
    expect(m.memory.readUint16(DATA + 64 + 4)).toBe(0xb890);
    expect(m.memory.readUint64(DATA + 64 + 28)).toBe(0x8000_0000_0000_0000n);
    expect(m.memory.readUint16(DATA + 64 + 36)).toBe(24576);
  });
  it("an overflow keeps a store and its pop away", () => {
    setup().memory.writeUint32(DATA, 0x5a5a_5a5a);
    m.memory.write(DATA + 16, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x40));
    m.run(`fninit\npush 0x377\nfldcw [esp]\nfld tword ptr [${DATA + 16}]\nfstp dword ptr [${DATA}]\nfnstsw ax`);
    expect(m.memory.readUint32(DATA)).toBe(0x5a5a_5a5a);
    expect(Number(m.registers.rax & 0xffffn)).toBe(0xb888);
  });
  it("an inexact store is written all the same", () => {
    run(`fninit\npush 0x35f\nfldcw [esp]\nfldpi\nfstp dword ptr [${DATA}]\nfnstsw ax`);
    expect(m.memory.readUint32(DATA)).toBe(0x4049_0fdb);
    expect(Number(m.registers.rax & 0xffffn)).toBe(0x82a0);
  });
});

describe("FERR# and IRQ 13 with CR0.NE clear (SDM vol. 1, D.2)", () => {
  // The 8259A pair at vectors 20h and 28h, IRQ 13 alone.
  const PIC = `mov al, 0x11\nout 0x20, al\nout 0xa0, al\nmov al, 0x20\nout 0x21, al\nmov al, 0x28\nout 0xa1, al
    mov al, 4\nout 0x21, al\nmov al, 2\nout 0xa1, al\nmov al, 1\nout 0x21, al\nout 0xa1, al
    mov al, 0xfb\nout 0x21, al\nmov al, 0xdf\nout 0xa1, al\nsti`;

  it("the interrupt finds the waiting instruction's address", () => {
    const outcome = run(`${PIC}\n${DIVIDE}\nnext: fld1`, 0n);
    expect(outcome).toMatchObject({ vector: 0x2d, rip: at("next") });
  });
  it("the handler uses the unit behind port F0h, and execution goes on", () => {
    setup(0n);
    m.load(
      x87(`${PIC}\n${DIVIDE}\nfld1\nfnstsw ax\njmp end
      handler: push eax\nout 0xf0, al\nwait\nfnclex\nmov al, 0x20\nout 0xa0, al\nout 0x20, al\npop eax\niretd
      end:`),
    );
    m.gate(0x2d, { offset: Number(at("handler")) });
    expect(m.run().vector).toBe(DONE);
    // FLD1 has been executed: TOP = 5, no exception is left.
    expect(Number(m.registers.rax & 0xffffn)).toBe(0x2800);
  });
  it("stands still while nothing answers", () => {
    const exit = run(`${DIVIDE}\nnext: fld1`, 0n);
    expect(exit.vector).toBe(-1);
    expect(m.registers.rip).toBe(at("next"));
  });
});

describe("operands that span pages", () => {
  const PAGE = DATA + 0x1000;
  const cases: [source: string, size: number, write: boolean][] = [
    ["fld tword ptr [ecx]", 10, false],
    ["fstp tword ptr [ecx]", 10, true],
    ["fbstp [ecx]", 10, true],
    ["fnstenv [ecx]", 28, true],
    ["fldenv [ecx]", 28, false],
    ["fnsave [ecx]", 108, true],
    ["frstor [ecx]", 108, false],
  ];
  it.each(cases)("%s changes nothing when its second page is missing", (source, size, write) => {
    m.setup({ paging: "32-bit" });
    m.setEntry(PAGE, 0n);
    m.memory.fill(PAGE - size, size, 0x5a);
    const before = bytes(PAGE - size, size);
    m.registers.rcx = BigInt(PAGE - size + 2);
    const outcome = m.run(x87(`fninit\nfldpi\nhere: ${source}`));
    expect(outcome).toMatchObject({ vector: d.VECTOR.PF, error: write ? 2 : 0, rip: at("here") });
    expect(bytes(PAGE - size, size)).toEqual(before);
    m.setEntry(PAGE, BigInt(PAGE) | d.P | d.W);
    m.ring(0);
    m.run(`fnstsw ax\nfnstcw [${DATA}]`);
    expect(Number(m.registers.rax & 0xffffn)).toBe(0x3800);
    expect(m.memory.readUint16(DATA)).toBe(0x37f);
  });
  it.each(["fxsave [ecx]", "fxrstor [ecx]"])("%s off a 16-byte boundary is #GP(0)", (source) => {
    setup().registers.rcx = BigInt(DATA + 8);
    expect(m.run(source)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
});
