// Control bits of paging that change while code runs, accesses that the processor makes for itself, and faults
// in the middle of an event's delivery. SDM Vol. 3, 4.6.1 (implicit accesses), 4.10 (caches), 6.15 (#PF).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { CODE, DONE, GDT, IDT, LDT, Machine, SELECTOR, TSS } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const PAGE = 0x100000;
const FRAME = 0x1f0000n;
const pf = (error: number) => ({ vector: d.VECTOR.PF, error });

function long(cpl = 0): Machine {
  m.setup({ mode: "long", cpl });
  m.protectPages(cpl);
  return m;
}

describe("a control bit takes effect on the next access", () => {
  it("CR0.WP", () => {
    long().setEntry(PAGE, FRAME | d.P);
    const outcome = m.run(`mov [${PAGE}], al\nmov rax, cr0\nor eax, 0x10000\nmov cr0, rax\nfault: mov [${PAGE}], al`);
    expect(outcome).toMatchObject({ ...pf(d.PF_P | d.PF_W), rip: m.label("fault") });
  });
  it("CR4.SMAP, STAC and CLAC", () => {
    long().setEntry(PAGE, FRAME | d.P | d.U);
    const outcome = m.run(
      `mov al, [${PAGE}]\nmov rax, cr4\nor eax, 0x200000\nmov cr4, rax\nstac\nmov al, [${PAGE}]\nclac\nfault: mov al, [${PAGE}]`,
    );
    expect(outcome).toMatchObject({ ...pf(d.PF_P), rip: m.label("fault") });
  });
  it("CR4.SMEP", () => {
    long().setEntry(PAGE, FRAME | d.P | d.U);
    m.memory.write(Number(FRAME), Uint8Array.of(0xc3));
    const outcome = m.run(`mov ebx, ${PAGE}\ncall rbx\nmov rax, cr4\nor eax, 0x100000\nmov cr4, rax\ncall rbx`);
    expect(outcome).toMatchObject({ ...pf(d.PF_P | d.PF_I), rip: BigInt(PAGE) });
  });
  it("EFER.NXE off makes NX a reserved bit", () => {
    long().setEntry(PAGE, FRAME | d.P | d.NX);
    const outcome = m.run(
      `mov al, [${PAGE}]\nmov ecx, 0xc0000080\nrdmsr\nand eax, ~0x800 & 0xffffffff\nwrmsr\nfault: mov al, [${PAGE}]`,
    );
    expect(outcome).toMatchObject({ ...pf(d.PF_P | d.PF_RSVD), rip: m.label("fault") });
  });
  it("CR0.PG off and on again in 32-bit mode", () => {
    m.setup({ paging: "32-bit" });
    m.setEntry(PAGE, FRAME | d.P);
    m.memory.writeUint8(Number(FRAME), 0x11);
    m.memory.writeUint8(PAGE, 0x22);
    m.run(
      `mov bl, [${PAGE}]\nmov eax, cr0\nand eax, 0x7fffffff\nmov cr0, eax\nmov bh, [${PAGE}]\nor eax, 0x80000000\nmov cr0, eax\nmov cl, [${PAGE}]`,
    );
    expect([m.registers.bl, m.registers.bh, m.registers.cl]).toEqual([0x11n, 0x22n, 0x11n]);
  });
  it("the privilege level: ring 0 may, ring 3 may not, ring 0 may again", () => {
    long(3).setEntry(PAGE, FRAME | d.P | d.W);
    expect(m.run(`mov al, [${PAGE}]`)).toMatchObject(pf(d.PF_P | d.PF_U));
    m.setEntry(CODE, BigInt(CODE) | d.P | d.W);
    m.ring(0);
    expect(m.run(`mov al, [${PAGE}]`).vector).toBe(DONE);
  });
  it("CLAC and STAC outside ring 0 raise #UD", () => {
    expect(long(3).run("stac").vector).toBe(d.VECTOR.UD);
    expect(long(3).run("clac").vector).toBe(d.VECTOR.UD);
  });
});

describe("accesses that the processor makes for itself are supervisor accesses (SDM Vol. 3, 4.6.1)", () => {
  it("ring 3 loads a segment whose descriptor lies on a supervisor page", () => {
    m.setup({ paging: "32-bit", cpl: 3 });
    m.protectPages(3);
    m.descriptor(SELECTOR.FREE, d.segment({ type: d.DATA_RW, dpl: 3 }));
    expect(m.run(`mov eax, ${SELECTOR.FREE | 3}\nmov fs, eax`).vector).toBe(DONE);
  });
  it("a descriptor on a missing page raises #PF with U = 0 even from ring 3", () => {
    m.setup({ paging: "32-bit", cpl: 3 });
    m.setEntry(LDT, 0n);
    expect(m.run("mov eax, 0x17\nmov fs, eax")).toMatchObject(pf(0));
    expect(m.registers.cr2).toBe(BigInt(LDT + 0x10));
  });
  it("the accessed bit of a descriptor on a read-only page is set all the same while CR0.WP = 0, and faults with WP = 1", () => {
    m.setup({ paging: "32-bit" });
    m.memory.writeUint64(LDT + 0x10, d.segment({ type: d.DATA_RW - 1 }));
    m.setEntry(LDT, BigInt(LDT) | d.P);
    expect(m.run("mov eax, 0x14\nmov fs, eax").vector).toBe(DONE);
    expect(m.memory.readUint8(LDT + 0x15) & 1).toBe(1);
    m.memory.writeUint64(LDT + 0x10, d.segment({ type: d.DATA_RW - 1 }));
    m.ring(0);
    m.registers.set("cr0", m.registers.cr0 | d.CR0.WP);
    expect(m.run("mov eax, 0x14\nmov fs, eax")).toMatchObject(pf(d.PF_P | d.PF_W));
  });
  it("under SMAP they fault on user pages even with AC = 1", () => {
    m.setup({ paging: "32-bit" });
    m.protectPages(0);
    m.memory.writeUint64(LDT + 0x10, d.segment({ type: d.DATA_RW }));
    m.setEntry(LDT, BigInt(LDT) | d.P | d.W | d.U);
    m.registers.set("cr4", d.CR4.SMAP);
    m.registers.set("rflags", d.FLAG.ONE | d.FLAG.AC);
    expect(m.run("mov eax, 0x14\nmov fs, eax")).toMatchObject(pf(d.PF_P));
  });
  it("a TSS on a missing page raises #PF when ring 3 needs its stack", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.gate(d.VECTOR.PF, { count: 0 });
    m.registers.set("tr.base", BigInt(PAGE));
    m.setEntry(PAGE, 0n);
    // The handler's own entry needs the TSS again: #DF, then shutdown.
    expect(m.run("int 0x40").exit).toBe("tripleFault");
  });
  it("an IDT entry on a missing page raises #PF that names it", () => {
    m.setup({ mode: "long" });
    m.registers.set("idtr.base", BigInt(PAGE - 0x100));
    const bytes = new Uint8Array(0x100);
    m.memory.read(IDT, bytes);
    m.memory.write(PAGE - 0x100, bytes);
    m.setEntry(PAGE, 0n);
    expect(m.run("int 0x40")).toMatchObject(pf(0));
    expect(m.registers.cr2).toBe(BigInt(PAGE - 0x100 + 0x400));
  });
});

describe("faults of instructions with several accesses", () => {
  it("IRETQ whose frame crosses into a missing page changes nothing", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.setEntry(0x41000, 0n);
    m.registers.set("rsp", 0x40ff0n);
    expect(m.run("fault: iretq")).toMatchObject({ ...pf(d.PF_U), rip: m.label("fault"), rsp: 0x40ff0n });
    expect(m.registers.cr2).toBe(0x41000n);
  });
  it("MOVS reads before it writes: a missing source is reported, then a missing target", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, 0n);
    expect(m.run(`mov esi, ${PAGE}\nmov edi, ${PAGE + 0x1000}\nmovsb`)).toMatchObject(pf(0));
    m.setEntry(PAGE + 0x1000, 0n);
    m.ring(0);
    m.setEntry(PAGE, FRAME | d.P);
    expect(m.run(`mov esi, ${PAGE}\nmov edi, ${PAGE + 0x1000}\nmovsb`)).toMatchObject(pf(d.PF_W));
  });
  it("CMPXCHG writes even when the comparison fails: a read-only page faults", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.setEntry(PAGE, FRAME | d.P | d.U);
    expect(m.run(`mov eax, 1\ncmpxchg [${PAGE}], ecx`)).toMatchObject(pf(d.PF_P | d.PF_W | d.PF_U));
  });
  it("a CMOV whose condition fails still reads", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, 0n);
    expect(m.run(`xor eax, eax\ncmovnz eax, [${PAGE}]`)).toMatchObject(pf(0));
  });
  it("a bit string reaches the word that the bit number names", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, 0n);
    expect(m.run(`mov eax, 0x8000\nbt [${PAGE - 0x1000}], eax`)).toMatchObject(pf(0));
    expect(m.registers.cr2).toBe(BigInt(PAGE));
  });
  it("INVLPG and prefetches of a missing page do not fault", () => {
    m.setup({ mode: "long" });
    m.setEntry(PAGE, 0n);
    expect(
      m.run(`invlpg [${PAGE}]\nprefetcht0 [${PAGE}]\nprefetchw [${PAGE}]\nlea eax, [${PAGE}]\nnop dword [${PAGE}]`)
        .vector,
    ).toBe(DONE);
  });
  it("a page fault in a call gate's parameter copy leaves the caller as it was", () => {
    m.setup({ paging: "32-bit", cpl: 3 });
    m.descriptor(
      SELECTOR.FREE,
      d.gate({ type: d.CALL_GATE32, selector: SELECTOR.code[0], offset: CODE, dpl: 3, count: 4 }),
    );
    m.setEntry(0x41000, 0n);
    m.registers.set("rsp", 0x40ff8n);
    const outcome = m.run(`fault: call ${SELECTOR.FREE}:0`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.PF, rip: m.label("fault"), cs: SELECTOR.code[3], rsp: 0x40ff8n });
    expect(m.registers.cr2).toBe(0x41000n);
  });
});

describe("writes to what is being used", () => {
  it("a store to the entry of the page that holds the code shows at the next instruction", () => {
    m.setup({ paging: "32-bit" });
    const outcome = m.run(`mov dword [${m.entryAddress(CODE)}], 0\nfault: nop\nmov eax, cr3\nmov cr3, eax\nnop`);
    expect(outcome).toMatchObject({ ...pf(0), rip: m.label("fault") });
  });
  it("a store to a higher-level entry, followed by a CR3 load", () => {
    m.setup({ mode: "long" });
    m.memory.writeUint64(m.table(2) + 8, 0x400000n | d.P | d.W | d.PS);
    m.memory.writeUint8(0x400000, 0x11);
    m.memory.writeUint8(0x800000, 0x22);
    m.run(
      `mov bl, [0x200000]\nmov qword [${m.table(2) + 8}], 0x800083\nmov rax, cr3\nmov cr3, rax\nmov bh, [0x200000]`,
    );
    expect([m.registers.bl, m.registers.bh]).toEqual([0x11n, 0x22n]);
  });
  it("a store to the GDT counts from the next load on", () => {
    m.setup().descriptor(SELECTOR.FREE, d.segment({ type: d.DATA_RW, base: 0x1000 }));
    m.run(`mov eax, ${SELECTOR.FREE}\nmov fs, eax\nmov byte [${GDT + SELECTOR.FREE + 4}], 2\nmov gs, eax`);
    expect([m.registers.fs.base, m.registers.gs.base]).toEqual([0x1000n, 0x21000n]);
  });
  it("a stack switch through the TSS sees what ring 0 wrote into it", () => {
    m.setup({ cpl: 3 }).gate(0x40, { dpl: 3 });
    m.memory.writeUint32(TSS + 4, 0x66000);
    m.run("int 0x40");
    expect(m.registers.rsp).toBe(0x66000n - 20n);
  });
});
