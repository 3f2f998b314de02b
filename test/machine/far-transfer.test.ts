// Far jumps, calls and returns to code segments: every descriptor type and combination of CPL, RPL and DPL.
// SDM Vol. 2 (JMP, CALL, RET), Vol. 3 5.8.1, 5.8.6.

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, innerStack, Machine, ringStack, SELECTOR } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const FREE = SELECTOR.FREE;
const rings = [0, 1, 2, 3] as const;
const types = Array.from({ length: 16 }, (_, type) => type);
const gp = (error = 0) => ({ vector: d.VECTOR.GP, error });

describe.each(["jmp", "call"])("far %s to a segment", (mnemonic) => {
  it.each(types)("type %i", (type) => {
    m.setup();
    const wrong: string[] = [];
    const conforming = (type & 0xc) === 0xc;
    for (const present of [false, true])
      for (const dpl of rings)
        for (const cpl of rings)
          for (const rpl of rings) {
            m.descriptor(FREE, d.segment({ type, dpl, present }));
            m.ring(cpl);
            const outcome = m.run(`${mnemonic} ${FREE | rpl}:next\nnext:`);
            const legal = (type & 8) !== 0 && (conforming ? dpl <= cpl : rpl <= cpl && dpl === cpl);
            const vector = legal ? (present ? DONE : d.VECTOR.NP) : d.VECTOR.GP;
            const error = vector === DONE ? undefined : FREE;
            // The new CS carries the old CPL, whatever the selector's RPL was.
            const cs = vector === DONE ? FREE | cpl : (SELECTOR.code[cpl] as number);
            if (outcome.vector !== vector || outcome.error !== error || outcome.cs !== cs)
              wrong.push(
                `P=${present} DPL=${dpl} CPL=${cpl} RPL=${rpl}: ${outcome.vector} ${outcome.error} CS=${outcome.cs}, manual ${vector} ${error} CS=${cs}`,
              );
          }
    expect(wrong).toEqual([]);
  });

  it.each([0, 1, 2, 3, 6, 7, 8, 10, 11, 13, 14, 15].filter((type) => type !== 1 && type !== 3))(
    "system descriptor type %i raises #GP(selector) where it is no gate and no available TSS",
    (type) => {
      m.setup().descriptor(FREE, d.segment({ type, system: true, limit: 0x67 }));
      expect(m.run(`${mnemonic} ${FREE}:0`)).toMatchObject(gp(FREE));
    },
  );

  it("a null selector raises #GP(0)", () => {
    expect(m.setup().run(`${mnemonic} 3:0`)).toMatchObject(gp(0));
  });
  it("a selector behind the GDT raises #GP(selector)", () => {
    expect(m.setup().run(`${mnemonic} 0xfff8:0`)).toMatchObject(gp(0xfff8));
  });
  it("an offset behind the new segment's limit raises #GP(0)", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, limit: 0xfff }));
    expect(m.run(`fault: ${mnemonic} ${FREE}:0x1000`)).toMatchObject({
      ...gp(0),
      rip: m.label("fault"),
      cs: SELECTOR.code[0],
    });
  });
});

describe("far call (SDM Vol. 2, CALL)", () => {
  it("pushes CS zero-extended and the return address in the operand size", () => {
    m.setup();
    const outcome = m.run(`call ${SELECTOR.code[0]}:next\nback: nop\nnext: pop ebx\npop ecx`);
    expect(outcome.vector).toBe(DONE);
    expect(m.registers.rbx).toBe(m.label("back"));
    expect(m.registers.rcx).toBe(BigInt(SELECTOR.code[0]));
  });
  it("pushes 16-bit words with a 16-bit operand size", () => {
    m.setup({ mode: "protected16" });
    const outcome = m.run(`call ${SELECTOR.code16}:next\nback: nop\nnext: mov bp, sp\nmov bx, [bp]\nmov cx, [bp + 2]`);
    expect(outcome.vector).toBe(DONE);
    expect(m.registers.bx).toBe(m.label("back"));
    expect(m.registers.cx).toBe(BigInt(SELECTOR.code16));
  });
});

describe("far return (SDM Vol. 2, RET)", () => {
  const toRing = (ring: number, extra = "") =>
    `push ${SELECTOR.data[ring]}\npush ${ringStack(ring)}\npush ${SELECTOR.code[ring]}\npush next\n${extra}\nretf\nnext:`;

  it.each([1, 2, 3])("to ring %i loads SS:ESP from the stack and takes its CPL", (ring) => {
    const outcome = m.setup().run(toRing(ring));
    expect(outcome).toMatchObject({
      vector: DONE,
      cs: SELECTOR.code[ring],
      ss: SELECTOR.data[ring],
      rsp: BigInt(ringStack(ring)),
    });
  });
  it("to an outer ring empties the data segments that it may not use", () => {
    m.setup().run(`mov eax, ${SELECTOR.data[3]}\nmov fs, eax\n${toRing(3)}`);
    const { ds, es, fs, gs } = m.registers;
    expect([ds.selector, es.selector, fs.selector, gs.selector]).toEqual([0, 0, SELECTOR.data[3], 0]);
  });
  it("to an outer ring keeps conforming code in data segments", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR_CONFORMING }));
    m.run(`mov eax, ${FREE}\nmov es, eax\n${toRing(3)}`);
    expect(m.registers.es.selector).toBe(FREE);
  });
  it("with a count releases parameters on both stacks", () => {
    const outcome = m
      .setup()
      .run(
        `push ${SELECTOR.data[3]}\npush ${ringStack(3)}\npush 0\npush 0\npush ${SELECTOR.code[3]}\npush next\nretf 8\nnext:`,
      );
    expect(outcome).toMatchObject({ vector: DONE, rsp: BigInt(ringStack(3) + 8) });
  });
  it("to an inner ring raises #GP(selector)", () => {
    expect(m.setup({ cpl: 3 }).run(`push ${SELECTOR.code[0]}\npush next\nretf\nnext:`)).toMatchObject(
      gp(SELECTOR.code[0]),
    );
  });
  it("to a null selector raises #GP(0)", () => {
    expect(m.setup().run("push 0\npush next\nretf\nnext:")).toMatchObject(gp(0));
  });
  it("to a data segment raises #GP(selector)", () => {
    expect(m.setup().run(`push ${SELECTOR.data[0]}\npush next\nretf\nnext:`)).toMatchObject(gp(SELECTOR.data[0]));
  });
  it("to a segment that is not present raises #NP(selector)", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, present: false }));
    expect(m.run(`push ${FREE}\npush next\nretf\nnext:`)).toMatchObject({ vector: d.VECTOR.NP, error: FREE });
  });
  it("with an outer SS of the wrong DPL raises #GP(SS selector)", () => {
    const source = `push ${SELECTOR.data[2] | 3}\npush 0\npush ${SELECTOR.code[3]}\npush next\nretf\nnext:`;
    expect(m.setup().run(source)).toMatchObject(gp(SELECTOR.data[2] & 0xfffc));
  });
  it("with an outer SS that is not present raises #SS(selector)", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RW, dpl: 3, present: false }));
    const source = `push ${FREE | 3}\npush 0\npush ${SELECTOR.code[3]}\npush next\nretf\nnext:`;
    expect(m.run(source)).toMatchObject({ vector: d.VECTOR.SS, error: FREE });
  });
  it("nothing changes when it faults", () => {
    m.setup().run("mov ebx, esp\npush 0\npush next\nfault: retf\nnext:");
    expect(Number(m.registers.rbx) - Number(m.registers.rsp)).toBe(8 + 16);
  });
});

describe("64-bit mode (SDM Vol. 2, CALL, JMP, RET)", () => {
  it("far jump through memory enters compatibility mode and comes back", () => {
    m.setup({ mode: "long" }).descriptor(FREE, d.segment({ type: d.CODE_XR }));
    const outcome = m.run(`
      jmp far dword [pointer]
      .align 8
pointer: .long narrow
      .word ${FREE}
      .code32
narrow: mov eax, -1
      inc eax               ; 40h: a REX prefix in 64-bit code
      mov ecx, 0x12345
      jmp ${SELECTOR.code[0]}:wide
      .code64
wide: mov rdx, 0x123456789abcdef0`);
    expect(outcome.vector).toBe(DONE);
    expect(m.registers.rcx).toBe(0x12345n);
    expect(m.registers.rdx).toBe(0x123456789abcdef0n);
  });
  it("a code segment with L = 1 and D = 1 raises #GP(selector)", () => {
    m.setup({ mode: "long" }).descriptor(FREE, d.segment({ type: d.CODE_XR, long: true }) | (1n << 54n));
    expect(m.run(`jmp far dword [rel pointer]\npointer: .long 0\n.word ${FREE}`)).toMatchObject(gp(FREE));
  });
  it("RETF to a non-canonical address raises #GP(0)", () => {
    const outcome = m
      .setup({ mode: "long" })
      .run(`push ${SELECTOR.code[0]}\nmov rax, 0x800000000000\npush rax\no64 retf`);
    expect(outcome).toMatchObject(gp(0));
  });
  it.each([1, 2, 3])("RETF to ring %i", (ring) => {
    const outcome = m
      .setup({ mode: "long" })
      .run(
        `push ${SELECTOR.data[ring]}\npush ${ringStack(ring)}\npush ${SELECTOR.code[ring]}\npush next\no64 retf\nnext:`,
      );
    expect(outcome).toMatchObject({
      vector: DONE,
      cs: SELECTOR.code[ring],
      ss: SELECTOR.data[ring],
      rsp: BigInt(ringStack(ring)),
    });
    expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 40));
  });
});
