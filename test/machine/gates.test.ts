// Call gates, interrupt and trap gates: privilege rules, stack switch, parameters, faults on the way.
// SDM Vol. 3, 5.8.3-5.8.5 (call gates), 6.12 (interrupts through gates), 6.14 (64-bit mode).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, IDT, innerStack, Machine, ringStack, SELECTOR, STUBS, TSS } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const FREE = SELECTOR.FREE;
const rings = [0, 1, 2, 3] as const;
const gp = (error = 0) => ({ vector: d.VECTOR.GP, error });
/** A gate's target: the stub of a vector that nothing else uses. */
const TARGET = 0xe0;
const target = STUBS + TARGET * 16;

function callGate(fields: Partial<d.GateFields> = {}): void {
  m.descriptor(FREE, d.gate({ type: d.CALL_GATE32, selector: SELECTOR.code[0], offset: target, ...fields }));
}

describe("call gate, 32-bit", () => {
  it.each(rings)("from ring %i: CPL and RPL must be <= the gate's DPL, the target's DPL <= CPL", (cpl) => {
    m.setup();
    const wrong: string[] = [];
    for (const gateDpl of rings)
      for (const rpl of rings)
        for (const codeDpl of rings)
          for (const conforming of [false, true]) {
            m.descriptor(FREE + 8, d.segment({ type: conforming ? d.CODE_XR_CONFORMING : d.CODE_XR, dpl: codeDpl }));
            callGate({ dpl: gateDpl, selector: FREE + 8 });
            m.ring(cpl);
            const outcome = m.run(`call ${FREE | rpl}:0`);
            let vector: number = TARGET;
            let error: number | undefined;
            if (gateDpl < cpl || gateDpl < rpl) [vector, error] = [d.VECTOR.GP, FREE];
            else if (codeDpl > cpl) [vector, error] = [d.VECTOR.GP, FREE + 8];
            // HLT of the stub is privileged: where the target runs outside ring 0 it raises #GP(0) itself.
            else if ((conforming ? cpl : codeDpl) > 0) [vector, error] = [d.VECTOR.GP, 0];
            if (outcome.vector !== vector || outcome.error !== error)
              wrong.push(
                `gate DPL=${gateDpl} RPL=${rpl} code DPL=${codeDpl} conforming=${conforming}: ${outcome.vector} ${outcome.error}, manual ${vector} ${error}`,
              );
          }
    expect(wrong).toEqual([]);
  });

  it("to ring 0 takes SS:ESP from the TSS and pushes SS, ESP, parameters, CS, EIP", () => {
    m.setup({ cpl: 3 });
    callGate({ dpl: 3, count: 2 });
    expect(m.run(`push 0x1111\npush 0x2222\ncall ${FREE}:0\nback:`).vector).toBe(TARGET);
    expect(m.frame(6)).toEqual([
      m.label("back"),
      BigInt(SELECTOR.code[3]),
      0x2222n,
      0x1111n,
      BigInt(ringStack(3) - 8),
      BigInt(SELECTOR.data[3]),
    ]);
    expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 24));
    expect(m.registers.ss.selector).toBe(SELECTOR.data[0]);
  });
  it("copies up to 31 parameters", () => {
    m.setup({ cpl: 3 });
    callGate({ dpl: 3, count: 31 });
    const pushes = Array.from({ length: 31 }, (_, i) => `push ${i + 1}`).join("\n");
    expect(m.run(`${pushes}\ncall ${FREE}:0`).vector).toBe(TARGET);
    expect(m.frame(33).slice(2)).toEqual(Array.from({ length: 31 }, (_, i) => BigInt(31 - i)));
  });
  it("within a ring pushes CS and EIP only", () => {
    m.setup();
    callGate();
    expect(m.run(`call ${FREE}:0\nback:`).vector).toBe(TARGET);
    expect(m.frame(2)).toEqual([m.label("back"), BigInt(SELECTOR.code[0])]);
    expect(m.registers.rsp).toBe(BigInt(ringStack(0) - 8));
  });
  it("RETF returns to the caller and releases the parameters on both stacks", () => {
    m.setup({ cpl: 3 });
    m.load(`push 1\npush 2\ncall ${FREE}:0\njmp end\nservice: retf 8\nend:`);
    callGate({ dpl: 3, count: 2, offset: m.label("service") });
    expect(m.run()).toMatchObject({ vector: DONE, cs: SELECTOR.code[3], rsp: BigInt(ringStack(3)) });
  });
  it("ignores the offset in the instruction", () => {
    m.setup();
    callGate();
    expect(m.run(`call ${FREE}:0xdeadbeef`).vector).toBe(TARGET);
  });
  it("not present raises #NP(gate)", () => {
    m.setup();
    callGate({ present: false });
    expect(m.run(`call ${FREE}:0`)).toMatchObject({ vector: d.VECTOR.NP, error: FREE });
  });
  it("with a null target raises #GP(0)", () => {
    m.setup();
    callGate({ selector: 0 });
    expect(m.run(`call ${FREE}:0`)).toMatchObject(gp(0));
  });
  it("with a data segment as target raises #GP(target)", () => {
    m.setup();
    callGate({ selector: SELECTOR.data[0] });
    expect(m.run(`call ${FREE}:0`)).toMatchObject(gp(SELECTOR.data[0]));
  });
  it("with a target that is not present raises #NP(target)", () => {
    m.setup().descriptor(FREE + 8, d.segment({ type: d.CODE_XR, present: false }));
    callGate({ selector: FREE + 8 });
    expect(m.run(`call ${FREE}:0`)).toMatchObject({ vector: d.VECTOR.NP, error: FREE + 8 });
  });
  it("a jump through it may not change the ring: #GP(target)", () => {
    m.setup({ cpl: 3 });
    callGate({ dpl: 3 });
    expect(m.run(`jmp ${FREE}:0`)).toMatchObject(gp(SELECTOR.code[0]));
  });

  it("JMP checks the target's level before its P bit (SDM Vol. 2, JMP, CALL-GATE)", () => {
    m.setup({ cpl: 3 });
    m.descriptor(FREE + 8, d.segment({ type: d.CODE_XR, dpl: 2, present: false }));
    callGate({ dpl: 3, selector: FREE + 8 });
    expect(m.run(`jmp ${FREE}:0`)).toMatchObject(gp(FREE + 8));
  });
  it("a jump through it within the ring pushes nothing", () => {
    m.setup();
    callGate();
    expect(m.run(`jmp ${FREE}:0`).vector).toBe(TARGET);
    expect(m.registers.rsp).toBe(BigInt(ringStack(0)));
  });
});

describe("call gate: the new stack", () => {
  const inner = (selector: number, descriptor?: bigint) => {
    m.setup({ cpl: 3 });
    callGate({ dpl: 3, selector: SELECTOR.code[1] & ~3 });
    if (descriptor !== undefined) m.descriptor(FREE + 8, descriptor);
    m.memory.writeUint32(TSS + 16, selector); // SS1; ring 0's own stack stays good for the fault itself
    return m.run(`call ${FREE}:0`);
  };
  it("a null selector in the TSS raises #TS(0)", () => {
    expect(inner(0)).toMatchObject({ vector: d.VECTOR.TS, error: 0 });
  });
  it("a selector whose RPL is not the new CPL raises #TS(selector)", () => {
    expect(inner(SELECTOR.data[1] & ~3)).toMatchObject({ vector: d.VECTOR.TS, error: SELECTOR.data[1] & ~3 });
  });
  it("a segment whose DPL is not the new CPL raises #TS(selector)", () => {
    expect(inner((FREE + 8) | 1, d.segment({ type: d.DATA_RW, dpl: 2 }))).toMatchObject({
      vector: d.VECTOR.TS,
      error: FREE + 8,
    });
  });
  it("a read-only segment raises #TS(selector)", () => {
    expect(inner((FREE + 8) | 1, d.segment({ type: d.DATA_RO, dpl: 1 }))).toMatchObject({
      vector: d.VECTOR.TS,
      error: FREE + 8,
    });
  });
  it("a segment that is not present raises #SS(selector)", () => {
    expect(inner((FREE + 8) | 1, d.segment({ type: d.DATA_RW, dpl: 1, present: false }))).toMatchObject({
      vector: d.VECTOR.SS,
      error: FREE + 8,
    });
  });
  it("a segment that is too small raises #SS(selector)", () => {
    expect(inner((FREE + 8) | 1, d.segment({ type: d.DATA_RW, dpl: 1, limit: 0xff }))).toMatchObject({
      vector: d.VECTOR.SS,
      error: FREE + 8,
    });
  });
  it("a TSS whose limit ends before SS1 raises #TS(TSS)", () => {
    m.setup({ cpl: 3 });
    callGate({ dpl: 3, selector: SELECTOR.code[1] & ~3 });
    m.registers.set("tr.limit", 0x0f);
    expect(m.run(`call ${FREE}:0`)).toMatchObject({ vector: d.VECTOR.TS, error: SELECTOR.TSS });
  });
});

describe("call gate, 16-bit and 64-bit", () => {
  it("16-bit: pushes words and uses 16 bits of the offset", () => {
    m.setup({ cpl: 3 });
    m.descriptor(FREE, d.gate({ type: d.CALL_GATE16, selector: SELECTOR.code[0], offset: target, dpl: 3, count: 1 }));
    expect(m.run(`o16 push 0x1234\ncall ${FREE}:0\nback:`).vector).toBe(TARGET);
    const at = Number(m.registers.rsp);
    const words = [0, 2, 4, 6, 8].map((offset) => m.memory.readUint16(at + offset));
    expect(words).toEqual([
      Number(m.label("back") & 0xffffn),
      SELECTOR.code[3],
      0x1234,
      (ringStack(3) - 2) & 0xffff,
      SELECTOR.data[3],
    ]);
    expect(at).toBe(innerStack(0) - 10);
  });
  it("64-bit: 16-byte gate, stack from RSP0, SS becomes null with RPL 0 (SDM Vol. 3, 5.8.3.1)", () => {
    m.setup({ mode: "long", cpl: 3 });
    m.descriptor(
      FREE,
      d.gate({ type: d.CALL_GATE32, selector: SELECTOR.code[0], offset: target, dpl: 3 }),
      d.high(target),
    );
    expect(m.run(`call far dword [rel pointer]\nback: nop\npointer: .long 0\n.word ${FREE}`).vector).toBe(TARGET);
    expect(m.registers.ss.selector).toBe(0);
    expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 32));
    expect(m.frame(4)).toEqual([
      m.label("back"),
      BigInt(SELECTOR.code[3]),
      BigInt(ringStack(3)),
      BigInt(SELECTOR.data[3]),
    ]);
  });
  it("64-bit: a gate to code that is not 64-bit raises #GP(target)", () => {
    m.setup({ mode: "long" }).descriptor(
      FREE,
      d.gate({ type: d.CALL_GATE32, selector: FREE + 16, offset: target }),
      0n,
      d.segment({ type: d.CODE_XR }),
    );
    expect(m.run(`call far dword [rel pointer]\npointer: .long 0\n.word ${FREE}`)).toMatchObject(gp(FREE + 16));
  });
  it("64-bit: a 16-bit call gate raises #GP(gate)", () => {
    m.setup({ mode: "long" }).descriptor(
      FREE,
      d.gate({ type: d.CALL_GATE16, selector: SELECTOR.code[0], offset: target }),
      0n,
    );
    expect(m.run(`call far dword [rel pointer]\npointer: .long 0\n.word ${FREE}`)).toMatchObject(gp(FREE));
  });
  it("64-bit: a non-zero type in the second half raises #GP(gate)", () => {
    m.setup({ mode: "long" }).descriptor(
      FREE,
      d.gate({ type: d.CALL_GATE32, selector: SELECTOR.code[0], offset: target }),
      0x1f00_0000_0000n,
    );
    expect(m.run(`call far dword [rel pointer]\npointer: .long 0\n.word ${FREE}`)).toMatchObject(gp(FREE));
  });
});

describe("INT n through the IDT (SDM Vol. 3, 6.12.1)", () => {
  it.each(rings)("from ring %i: the gate's DPL must be >= CPL, else #GP(vector * 8 + 2)", (cpl) => {
    for (const dpl of rings) {
      m.setup({ cpl }).gate(0x40, { dpl });
      expect(m.run("int 0x40")).toMatchObject(dpl >= cpl ? { vector: 0x40 } : gp(0x40 * 8 + 2));
    }
  });
  it("from ring 3 pushes SS, ESP, EFLAGS, CS, EIP on ring 0's stack", () => {
    m.setup({ cpl: 3, flags: d.FLAG.IF }).gate(0x40, { dpl: 3 });
    const outcome = m.run("int 0x40\nback:");
    expect(outcome).toMatchObject({
      vector: 0x40,
      rip: m.label("back"),
      cs: SELECTOR.code[3],
      ss: SELECTOR.data[3],
      rsp: BigInt(ringStack(3)),
    });
    expect(outcome.flags).toBe(d.FLAG.ONE | d.FLAG.IF);
    expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 20));
  });
  it("from ring 0 pushes EFLAGS, CS, EIP on the same stack", () => {
    m.setup().run("int 0x40");
    expect(m.registers.rsp).toBe(BigInt(ringStack(0) - 12));
  });
  it("an interrupt gate clears IF, a trap gate keeps it; both clear TF, NT, RF, VM", () => {
    for (const type of [d.INTERRUPT_GATE32, d.TRAP_GATE32]) {
      m.setup({ flags: d.FLAG.IF | d.FLAG.NT }).gate(0x40, { type });
      const outcome = m.run("int 0x40");
      expect(outcome.flags & (d.FLAG.IF | d.FLAG.NT)).toBe(d.FLAG.IF | d.FLAG.NT);
      expect(m.registers.rflags & (d.FLAG.IF | d.FLAG.NT)).toBe(type === d.TRAP_GATE32 ? d.FLAG.IF : 0n);
    }
  });
  it("a 16-bit gate pushes words", () => {
    m.setup().gate(0x40, { type: d.INTERRUPT_GATE16 });
    m.run("int 0x40");
    expect(m.registers.rsp).toBe(BigInt(ringStack(0) - 6));
  });
  it("a vector behind the IDT's limit raises #GP(vector * 8 + 2)", () => {
    m.setup().registers.set("idtr.limit", 0x40 * 8 + 6);
    expect(m.run("int 0x40")).toMatchObject(gp(0x40 * 8 + 2));
  });
  it.each([0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13])("type %i in the IDT raises #GP(vector * 8 + 2)", (type) => {
    m.setup().gate(0x40, { type });
    expect(m.run("int 0x40")).toMatchObject(gp(0x40 * 8 + 2));
  });
  it("a gate that is not present raises #NP(vector * 8 + 2)", () => {
    m.setup().gate(0x40, { present: false });
    expect(m.run("int 0x40")).toMatchObject({ vector: d.VECTOR.NP, error: 0x40 * 8 + 2 });
  });
  it("a gate with a null selector raises #GP(0)", () => {
    m.setup().gate(0x40, { selector: 0 });
    expect(m.run("int 0x40")).toMatchObject(gp(0));
  });
  it("a target that is not present raises #NP(selector)", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, present: false }));
    m.gate(0x40, { selector: FREE });
    expect(m.run("int 0x40")).toMatchObject({ vector: d.VECTOR.NP, error: FREE });
  });
  it("a target of lower privilege than CPL raises #GP(selector)", () => {
    m.setup().gate(0x40, { selector: SELECTOR.code[3] });
    expect(m.run("int 0x40")).toMatchObject(gp(SELECTOR.code[3] & ~3));
  });
  it("a conforming target keeps CPL and its stack", () => {
    m.setup({ cpl: 3 }).descriptor(FREE, d.segment({ type: d.CODE_XR_CONFORMING }));
    m.gate(0x40, { dpl: 3, selector: FREE, offset: STUBS + 0x41 * 16 });
    // In ring 3 the stub's HLT raises #GP: the frame tells where it stood.
    expect(m.run("int 0x40")).toMatchObject({
      ...gp(0),
      rip: BigInt(STUBS + 0x41 * 16),
      cs: FREE | 3,
      rsp: BigInt(ringStack(3) - 12),
    });
  });
  it("an exception that hits a bad gate has EXT = 1 in the error code (SDM Vol. 3, 6.13)", () => {
    m.setup().gate(d.VECTOR.UD, { present: false });
    expect(m.run("ud2")).toMatchObject({ vector: d.VECTOR.NP, error: d.VECTOR.UD * 8 + 3 });
  });
  it("INT3 ignores neither DPL nor presence, and has EXT = 0", () => {
    m.setup({ cpl: 3 });
    expect(m.run("int3")).toMatchObject(gp(d.VECTOR.BP * 8 + 2));
  });
});

describe("IDT in 64-bit mode (SDM Vol. 3, 6.14)", () => {
  it.each(rings)("from ring %i always pushes SS and RSP, on a stack aligned to 16 bytes", (cpl) => {
    m.setup({ mode: "long", cpl }).gate(0x40, { dpl: 3 });
    m.registers.set("rsp", BigInt(ringStack(cpl) - 8));
    expect(m.run("int 0x40\nback:")).toMatchObject({
      vector: 0x40,
      rip: m.label("back"),
      ss: SELECTOR.data[cpl],
      rsp: BigInt(ringStack(cpl) - 8),
    });
    const top = cpl === 0 ? ringStack(0) - 16 : innerStack(0);
    expect(m.registers.rsp).toBe(BigInt(top - 40));
    expect(m.registers.ss.selector).toBe(cpl === 0 ? SELECTOR.data[0] : 0);
  });
  it.each([1, 4, 7])("IST %i switches the stack even within ring 0", (ist) => {
    m.setup({ mode: "long" }).gate(0x40, { count: ist });
    expect(m.run("int 0x40").vector).toBe(0x40);
    expect(m.registers.rsp).toBe(m.memory.readUint64(TSS + 0x1c + ist * 8) - 40n);
  });
  it("a gate to code that is not 64-bit raises #GP(selector)", () => {
    m.setup({ mode: "long" }).descriptor(FREE, d.segment({ type: d.CODE_XR }));
    m.gate(0x40, { selector: FREE });
    expect(m.run("int 0x40")).toMatchObject(gp(FREE));
  });
  it.each([4, 5, 6, 7, 12])("type %i raises #GP(vector * 8 + 2)", (type) => {
    m.setup({ mode: "long" }).gate(0x40, { type });
    expect(m.run("int 0x40")).toMatchObject(gp(0x40 * 8 + 2));
  });
  it("a non-canonical RSP0 raises #SS(0)... on IST where there is one", () => {
    m.setup({ mode: "long", cpl: 3 }).gate(0x40, { dpl: 3 });
    m.gate(d.VECTOR.SS, { count: 1 });
    m.memory.writeUint64(TSS + 4, 0x8000_0000_0000n);
    expect(m.run("int 0x40")).toMatchObject({ vector: d.VECTOR.SS, error: 0 });
  });
  it("vector * 16 + 15 must lie inside the limit", () => {
    m.setup({ mode: "long" }).registers.set("idtr.limit", 0x40 * 16 + 14);
    expect(m.run("int 0x40")).toMatchObject(gp(0x40 * 8 + 2));
    expect(m.memory.readUint8(IDT + 0x40 * 16 + 5)).toBe(0x8e);
  });
});
