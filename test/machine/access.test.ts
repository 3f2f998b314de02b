// Accesses that cross a page or need alignment: what they write before they fault (nothing), which address
// CR2 names, restart after the fault; canonical addresses; alignment check; A20.
// SDM Vol. 3, 6.5 (restart), 6.15 (#PF, #AC), Vol. 1 3.3.7.1 (canonical addresses), Vol. 3 22.33 (A20M).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { CODE, DATA, DONE, Machine, ringStack } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const EDGE = DATA + 0x1000;
const LAST = EDGE - 2;

/** DATA's page is there, the next is not. */
function cliff(mode: "long" | "protected32" = "long", cpl = 0): void {
  m.setup(mode === "long" ? { mode, cpl } : { mode, cpl, paging: "32-bit" });
  m.setEntry(EDGE, 0n);
  for (let i = 0; i < 16; i++) m.memory.writeUint8(EDGE - 16 + i, 0x77);
}

const untouched = (): void => {
  for (let i = 0; i < 16; i++) expect(m.memory.readUint8(EDGE - 16 + i)).toBe(0x77);
};

describe("an access that crosses into a missing page", () => {
  it.each([
    ["mov [LAST], eax", d.PF_W],
    ["mov [LAST], rax", d.PF_W],
    ["add [LAST], eax", d.PF_W],
    ["inc dword [LAST]", d.PF_W],
    ["xchg [LAST], eax", d.PF_W],
    ["lock xadd [LAST], eax", d.PF_W],
    ["lock cmpxchg [LAST], ecx", d.PF_W],
    ["lock cmpxchg8b [LAST - 4]", d.PF_W],
    ["bts dword [LAST], 3", d.PF_W],
    ["sgdt [LAST - 4]", d.PF_W],
    ["mov eax, [LAST]", 0],
    ["cmp [LAST], eax", 0],
    ["push qword [LAST]", 0],
  ] as const)("%s writes nothing and names the missing page", (instruction, error) => {
    cliff();
    m.registers.set("rax", 0x1234_5678_9abc_def0n);
    const outcome = m.run(`fault: ${instruction}`, { LAST });
    expect(outcome).toMatchObject({ vector: d.VECTOR.PF, error, rip: m.label("fault") });
    expect(m.registers.cr2).toBe(BigInt(EDGE));
    expect(m.registers.rax).toBe(0x1234_5678_9abc_def0n);
    untouched();
  });

  it("names the first page when that one is missing", () => {
    cliff();
    m.setEntry(EDGE, BigInt(EDGE) | d.P | d.W);
    m.setEntry(DATA, 0n);
    expect(m.run(`mov [${LAST}], eax`).vector).toBe(d.VECTOR.PF);
    expect(m.registers.cr2).toBe(BigInt(LAST));
  });
  it("writes nothing when the second page is read-only", () => {
    cliff("long", 3);
    m.setEntry(EDGE, BigInt(EDGE) | d.P | d.U);
    expect(m.run(`mov [${LAST}], eax`)).toMatchObject({ vector: d.VECTOR.PF, error: d.PF_P | d.PF_W | d.PF_U });
    untouched();
  });
  it("PUSHAD across the edge leaves ESP and memory alone", () => {
    cliff("protected32");
    m.setEntry(EDGE, BigInt(EDGE) | d.P | d.W);
    m.setEntry(DATA, 0n);
    // The fault itself needs a stack: ring 3's own is the broken one.
    m.ring(3);
    m.registers.set("rsp", BigInt(EDGE + 8));
    expect(m.run("pushad")).toMatchObject({ vector: d.VECTOR.PF, rsp: BigInt(EDGE + 8) });
    expect(m.memory.readUint32(EDGE + 4)).toBe(0);
  });
  it("CALL across the edge leaves RSP and RIP alone", () => {
    cliff("long", 3);
    m.setEntry(EDGE, BigInt(EDGE) | d.P | d.W | d.U);
    m.setEntry(DATA, 0n);
    m.registers.set("rsp", BigInt(EDGE + 4));
    expect(m.run("fault: call next\nnext:")).toMatchObject({
      vector: d.VECTOR.PF,
      rip: BigInt(CODE),
      rsp: BigInt(EDGE + 4),
    });
  });
  it("POP to memory leaves RSP alone", () => {
    cliff("long");
    const outcome = m.run(`push 5\nmov rbx, rsp\nfault: pop qword [${LAST}]`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.PF, rsp: m.registers.rbx });
    untouched();
  });
  it("ENTER that faults leaves RBP and RSP alone", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.setEntry(DATA, 0n);
    m.registers.set("rsp", BigInt(EDGE));
    m.registers.set("rbp", 0x1111n);
    expect(m.run("enter 16, 0")).toMatchObject({ vector: d.VECTOR.PF, rsp: BigInt(EDGE) });
    expect(m.registers.rbp).toBe(0x1111n);
  });
  it("an instruction whose bytes cross into a missing page faults on the second page", () => {
    m.setup({ mode: "long" });
    m.setEntry(CODE + 0x1000, 0n);
    m.load("mov rax, 0x1122334455667788", {}, CODE + 0xffa);
    expect(m.run()).toMatchObject({ vector: d.VECTOR.PF, error: d.PF_I, rip: BigInt(CODE + 0xffa) });
    expect(m.registers.cr2).toBe(BigInt(CODE + 0x1000));
  });
});

describe("string instructions restart where they faulted (SDM Vol. 2, REP)", () => {
  it.each([
    ["rep stosd", 4, 0],
    ["rep movsb", 1, 1],
    ["rep movsq", 8, 1],
  ] as const)("%s: registers show the elements done", (instruction, size, moves) => {
    cliff();
    m.setEntry(EDGE, 0n);
    const start = EDGE - 3 * size;
    const outcome = m.run(`mov edi, ${start}\nmov esi, ${CODE}\nmov ecx, 10\nfault: ${instruction}`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.PF, error: d.PF_W, rip: m.label("fault") });
    const { rdi, rsi, rcx, cr2 } = m.registers;
    expect([rdi, rsi, rcx, cr2]).toEqual([BigInt(EDGE), BigInt(CODE + 3 * size * moves), 7n, BigInt(EDGE)]);
  });
  it("a REP that is restarted after the page came finishes", () => {
    cliff();
    m.run(`mov edi, ${EDGE - 4}\nmov ecx, 8\nmov al, 0x33\nrep stosb\nafter:`);
    m.setEntry(EDGE, BigInt(EDGE) | d.P | d.W);
    const { rip } = m.outcome(m.processor.exit as never);
    m.ring(0);
    m.registers.set("rip", rip);
    expect(m.run().vector).toBe(DONE);
    expect(Array.from({ length: 8 }, (_, i) => m.memory.readUint8(EDGE - 4 + i))).toEqual(Array(8).fill(0x33));
    expect(m.registers.rcx).toBe(0n);
  });
});

describe("canonical addresses", () => {
  const NON_CANONICAL = "mov rbx, 0x0000800000000000";
  it("a data access raises #GP(0)", () => {
    expect(m.setup({ mode: "long" }).run(`${NON_CANONICAL}\nmov al, [rbx]`)).toMatchObject({
      vector: d.VECTOR.GP,
      error: 0,
    });
  });
  it("an access through RSP or RBP raises #SS(0)", () => {
    m.setup({ mode: "long" }).gate(d.VECTOR.SS, { count: 1 });
    expect(m.run("mov rbp, 0x0000800000000000\nmov al, [rbp]")).toMatchObject({ vector: d.VECTOR.SS, error: 0 });
    m.setup({ mode: "long" }).gate(d.VECTOR.SS, { count: 1 });
    expect(m.run("mov rsp, 0x0000800000000010\npush rax")).toMatchObject({ vector: d.VECTOR.SS, error: 0 });
  });
  it("the last byte may be canonical while the access is not: #GP(0)", () => {
    expect(m.setup({ mode: "long" }).run("mov rbx, 0x00007ffffffffffc\nmov rax, [rbx]")).toMatchObject({
      vector: d.VECTOR.GP,
      error: 0,
    });
  });
  it("a jump raises #GP(0) at the jump", () => {
    expect(m.setup({ mode: "long" }).run(`${NON_CANONICAL}\nfault: jmp rbx`)).toMatchObject({
      vector: d.VECTOR.GP,
      error: 0,
      rip: m.label("fault"),
    });
  });
});

describe("alignment check (SDM Vol. 3, 6.15, interrupt 17)", () => {
  const aligned = (cpl: number, instruction: string, am = true, ac = true) => {
    m.setup({ cpl, flags: ac ? d.FLAG.AC : 0n });
    m.registers.set("cr0", m.registers.cr0 | (am ? d.CR0.AM : 0n));
    return m.run(instruction);
  };
  it.each([
    ["mov ax, [DATA + 1]", true],
    ["mov eax, [DATA + 2]", true],
    ["mov eax, [DATA + 4]", false],
    ["mov al, [DATA + 1]", false],
    ["mov [DATA + 3], ax", true],
    ["push dword [DATA + 1]", true],
    ["cmpxchg8b [DATA + 4]", true],
  ] as const)("%s in ring 3: raises %s", (instruction, raises) => {
    const source = instruction.replace("DATA", String(DATA));
    expect(aligned(3, source)).toMatchObject(raises ? { vector: d.VECTOR.AC, error: 0 } : { vector: DONE });
  });
  it("needs CPL 3, CR0.AM and EFLAGS.AC", () => {
    expect(aligned(0, `mov eax, [${DATA + 1}]`).vector).toBe(DONE);
    expect(aligned(3, `mov eax, [${DATA + 1}]`, false).vector).toBe(DONE);
    expect(aligned(3, `mov eax, [${DATA + 1}]`, true, false).vector).toBe(DONE);
  });
  it("a misaligned stack raises it on PUSH", () => {
    m.setup({ cpl: 3, flags: d.FLAG.AC });
    m.registers.set("cr0", m.registers.cr0 | d.CR0.AM);
    m.registers.set("rsp", BigInt(ringStack(3) - 2));
    expect(m.run("push eax")).toMatchObject({ vector: d.VECTOR.AC, error: 0, rsp: BigInt(ringStack(3) - 2) });
  });
});

describe("A20 gate", () => {
  it("closed, bit 20 of physical addresses is 0, opened again it counts", () => {
    m.setup();
    m.memory.writeUint8(0x40123, 0x11);
    m.memory.writeUint8(0x140123, 0x22);
    m.run(`
      in al, 0x92
      and al, 0xfc
      out 0x92, al
      mov bl, [0x140123]
      or al, 2
      out 0x92, al
      mov bh, [0x140123]`);
    expect([m.registers.bl, m.registers.bh]).toEqual([0x11n, 0x22n]);
  });
  it("closed, FFFF:0010 in real mode is 0000:0000", () => {
    m.setup({ mode: "real" });
    m.run(
      "in al, 0x92\nand al, 0xfc\nout 0x92, al\nmov ax, 0xffff\nmov ds, ax\nmov byte [0x510], 0x66\nor al, 2\nmov al, 2\nout 0x92, al",
    );
    expect(m.memory.readUint8(0x500)).toBe(0x66);
    expect(m.memory.readUint8(0x100500)).toBe(0);
  });
});
