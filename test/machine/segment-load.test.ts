// Loads of data-segment and stack-segment registers in protected mode: every descriptor type, presence and
// combination of CPL, RPL and DPL. SDM Vol. 2 (MOV), Vol. 3 5.6, 5.7, 6.15.

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, GDT, Machine, SELECTOR } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const FREE = SELECTOR.FREE;
const rings = [0, 1, 2, 3] as const;
const types = Array.from({ length: 16 }, (_, type) => type);
type Register = "ds" | "es" | "fs" | "gs" | "ss";

interface Expected {
  vector: number;
  error?: number;
}

/** What the manual's pseudocode for MOV to a segment register says. */
function expected(
  register: Register,
  type: number,
  system: boolean,
  present: boolean,
  dpl: number,
  cpl: number,
  selector: number,
): Expected {
  const rpl = selector & 3;
  const error = selector & 0xfffc;
  const code = (type & 8) !== 0;
  const readable = !code || (type & 2) !== 0;
  const conforming = code && (type & 4) !== 0;
  if (register === "ss") {
    if (rpl !== cpl || system || code || (type & 2) === 0 || dpl !== cpl) return { vector: d.VECTOR.GP, error };
    return present ? { vector: DONE } : { vector: d.VECTOR.SS, error };
  }
  if (system || !readable) return { vector: d.VECTOR.GP, error };
  if (!conforming && (rpl > dpl || cpl > dpl)) return { vector: d.VECTOR.GP, error };
  return present ? { vector: DONE } : { vector: d.VECTOR.NP, error };
}

describe.each(["ds", "es", "fs", "gs", "ss"] as const)("MOV to %s", (register) => {
  describe.each([false, true])("system descriptor: %s", (system) => {
    it.each(types)("type %i", (type) => {
      m.setup();
      const wrong: string[] = [];
      const limit = !system && (type & 0xc) === 4 ? 0xfff : 0xffff_ffff;
      for (const present of [false, true])
        for (const dpl of rings) {
          for (const cpl of rings)
            for (const rpl of rings) {
              const selector = FREE | rpl;
              m.descriptor(FREE, d.segment({ type, system, dpl, present, limit }));
              m.ring(cpl);
              m.registers.set("rax", BigInt(selector));
              const outcome = m.run(`mov ${register}, ax`);
              const want = expected(register, type, system, present, dpl, cpl, selector);
              const accessed = (m.memory.readUint8(GDT + FREE + 5) & 1) !== 0;
              const wantAccessed = want.vector === DONE || (type & 1) !== 0;
              if (
                outcome.vector !== want.vector ||
                outcome.error !== want.error ||
                (!system && accessed !== wantAccessed)
              )
                wrong.push(
                  `P=${present} DPL=${dpl} CPL=${cpl} RPL=${rpl}: vector ${outcome.vector} error ${outcome.error} accessed ${accessed}, manual: ${want.vector} ${want.error} ${wantAccessed}`,
                );
            }
        }
      expect(wrong).toEqual([]);
    });
  });
});

describe("hidden part of a segment register (SDM Vol. 3, 3.4.3)", () => {
  it("takes base, limit and attributes from the descriptor", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RO - 1, base: 0x12345678, limit: 0x54321 }));
    expect(m.run(`mov eax, ${FREE}\nmov fs, eax`).vector).toBe(DONE);
    const { selector, base, limit, attributes } = m.registers.fs;
    expect({ selector, base, limit, attributes }).toEqual({
      selector: FREE,
      base: 0x12345678n,
      limit: 0x54321,
      attributes: 0x4091,
    });
  });

  it("scales the limit by 4 KiB and fills the low bits when G = 1", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RW, limit: 0x2fff, granularity: true }));
    expect(m.run(`mov eax, ${FREE}\nmov fs, eax`).vector).toBe(DONE);
    expect(m.registers.fs.limit).toBe(0x2fff);
  });

  it("is empty after a null selector, and the first use raises #GP(0)", () => {
    const outcome = m.setup().run("xor eax, eax\nmov fs, eax\nfault: mov al, fs:[0]");
    expect(outcome).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: m.label("fault") });
  });

  it("keeps its old contents when the load faults", () => {
    m.setup();
    const outcome = m.run("mov eax, 0xfff0\nmov fs, eax");
    expect(outcome).toMatchObject({ vector: d.VECTOR.GP, error: 0xfff0 });
    expect(m.registers.fs.selector).toBe(SELECTOR.data[0]);
  });
});

describe("null selectors", () => {
  it.each([0, 1, 2, 3])("SS with the null selector %i raises #GP(0)", (selector) => {
    expect(m.setup().run(`mov eax, ${selector}\nmov ss, eax`)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it.each(["ds", "es", "fs", "gs"])("%s takes any null selector", (register) => {
    for (const selector of [0, 1, 2, 3])
      expect(m.setup().run(`mov eax, ${selector}\nmov ${register}, eax`).vector).toBe(DONE);
  });
  it("64-bit mode lets ring 0 load SS with selector 0, not with RPL 3 (SDM Vol. 2, MOV)", () => {
    expect(m.setup({ mode: "long" }).run("xor eax, eax\nmov ss, eax").vector).toBe(DONE);
    expect(m.setup({ mode: "long" }).run("mov eax, 3\nmov ss, eax")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
    expect(m.setup({ mode: "long", cpl: 3 }).run("mov eax, 3\nmov ss, eax")).toMatchObject({
      vector: d.VECTOR.GP,
      error: 0,
    });
  });
});

describe("descriptor tables (SDM Vol. 3, 3.5)", () => {
  it("a selector whose last byte lies behind the GDT limit raises #GP(selector)", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RW }));
    m.registers.set("gdtr.limit", FREE + 6);
    expect(m.run(`mov eax, ${FREE}\nmov es, eax`)).toMatchObject({ vector: d.VECTOR.GP, error: FREE });
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RW }));
    m.registers.set("gdtr.limit", FREE + 7);
    expect(m.run(`mov eax, ${FREE}\nmov es, eax`).vector).toBe(DONE);
  });
  it("TI = 1 takes the descriptor from the LDT; the error code keeps TI", () => {
    m.setup().descriptor(0x14, d.segment({ type: d.DATA_RW, base: 0x111000 }));
    expect(m.run("mov eax, 0x14\nmov es, eax").vector).toBe(DONE);
    expect(m.registers.es.base).toBe(0x111000n);
    expect(m.setup().run("mov eax, 0x1fff\nmov es, eax")).toMatchObject({ vector: d.VECTOR.GP, error: 0x1ffc });
  });
  it("with a null LDTR every LDT selector raises #GP(selector)", () => {
    expect(m.setup().run("xor eax, eax\nlldt ax\nmov eax, 0x14\nmov es, eax")).toMatchObject({
      vector: d.VECTOR.GP,
      error: 0x14,
    });
  });
});

describe("limit and type checks of accesses (SDM Vol. 3, 5.3, 5.5)", () => {
  const access = (fields: d.SegmentFields, instruction: string) => {
    m.setup().descriptor(FREE, d.segment(fields));
    return m.run(`mov eax, ${FREE}\nmov fs, eax\nfault: ${instruction}`);
  };
  const gp = { vector: d.VECTOR.GP, error: 0 };

  it.each([
    ["byte at the limit", 0xfff, "mov al, fs:[0xfff]", true],
    ["byte behind the limit", 0xfff, "mov al, fs:[0x1000]", false],
    ["word across the limit", 0xfff, "mov ax, fs:[0xfff]", false],
    ["dword that ends at the limit", 0xfff, "mov eax, fs:[0xffc]", true],
    ["dword across the limit", 0xfff, "mov eax, fs:[0xffd]", false],
    ["dword that wraps at 2^32", 0xffff_ffff, "mov eax, fs:[0xfffffffe]", false],
  ] as const)("%s", (_, limit, instruction, allowed) => {
    expect(access({ type: d.DATA_RW, limit }, instruction)).toMatchObject(allowed ? { vector: DONE } : gp);
  });

  it.each([
    ["at the limit", "mov al, fs:[0xfff]", true, false],
    ["one above the limit", "mov al, fs:[0x1000]", true, true],
    ["word that begins at the limit", "mov ax, fs:[0xfff]", true, false],
    ["above FFFFh with B = 0", "mov al, fs:[0x10000]", false, false],
    ["at FFFFh with B = 0", "mov al, fs:[0xffff]", false, true],
    ["above FFFFh with B = 1", "mov al, fs:[0x10000]", true, true],
  ] as const)("expand-down: %s", (_, instruction, big, allowed) => {
    expect(access({ type: d.DATA_RW_DOWN, limit: 0xfff, big }, instruction)).toMatchObject(
      allowed ? { vector: DONE } : gp,
    );
  });

  it("writing a read-only data segment raises #GP(0)", () => {
    expect(access({ type: d.DATA_RO }, "mov fs:[0x40000], al")).toMatchObject(gp);
  });
  it("writing a readable code segment raises #GP(0)", () => {
    expect(access({ type: d.CODE_XR }, "mov fs:[0x40000], al")).toMatchObject(gp);
  });
  it("reading an execute-only code segment through CS raises #GP(0)", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_X }));
    expect(m.run(`jmp ${FREE}:next\nnext: mov al, cs:[0x40000]`)).toMatchObject(gp);
  });
  it("the stack segment's limit raises #SS(0)", () => {
    m.setup({ cpl: 3 }).descriptor(FREE, d.segment({ type: d.DATA_RW, dpl: 3, limit: 0xfff }));
    const outcome = m.run(`mov eax, ${FREE | 3}\nmov ss, eax\nxor ebp, ebp\nfault: mov al, [ebp + 0x1000]`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.SS, error: 0, rip: m.label("fault") });
  });
});
