// LAR, LSL, VERR, VERW and ARPL: every descriptor type and combination of CPL, RPL and DPL. SDM Vol. 2 (the
// instructions), tables 3-53 (LAR) and 3-57 (LSL).

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { DONE, Machine, type Mode, SELECTOR } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const FREE = SELECTOR.FREE;
const ZF = 0x40n;
const rings = [0, 1, 2, 3] as const;
const types = Array.from({ length: 16 }, (_, type) => type);

/** System types that each instruction knows, outside and in IA-32e mode. */
const LAR_TYPES = { protected32: [1, 2, 3, 4, 5, 9, 11, 12], long: [2, 9, 11, 12] } as const;
const LSL_TYPES = { protected32: [1, 2, 3, 9, 11], long: [2, 9, 11] } as const;

interface Case {
  type: number;
  system: boolean;
  dpl: number;
  cpl: number;
  rpl: number;
}

const visible = ({ type, system, dpl, cpl, rpl }: Case): boolean =>
  (!system && (type & 0xc) === 0xc) || (dpl >= cpl && dpl >= rpl);

function allowed(instruction: string, mode: "protected32" | "long", c: Case): boolean {
  if (!visible(c)) return false;
  const code = (c.type & 8) !== 0;
  const second = (c.type & 2) !== 0;
  if (instruction === "verr") return !c.system && (!code || second);
  if (instruction === "verw") return !c.system && !code && second;
  if (!c.system) return true;
  return ((instruction === "lar" ? LAR_TYPES : LSL_TYPES)[mode] as readonly number[]).includes(c.type);
}

const SOURCE = { lar: "lar edx, ecx", lsl: "lsl edx, ecx", verr: "verr cx", verw: "verw cx" } as const;

describe.each(["lar", "lsl", "verr", "verw"] as const)("%s", (instruction) => {
  describe.each(["protected32", "long"] as const)("%s", (mode) => {
    it.each([false, true])("every type and privilege, system descriptors: %s", (system) => {
      m.setup({ mode });
      const wrong: string[] = [];
      for (const type of types)
        for (const present of [true, false])
          for (const dpl of rings)
            for (const cpl of rings)
              for (const rpl of rings) {
                const descriptor = d.segment({ type, system, dpl, present, limit: 0x12345 });
                m.descriptor(FREE, descriptor, 0n);
                m.ring(cpl);
                m.registers.set("rcx", BigInt(FREE | rpl));
                m.registers.set("rdx", 0x5555_5555n);
                const outcome = m.run(SOURCE[instruction]);
                const ok = allowed(instruction, mode, { type, system, dpl, cpl, rpl });
                let edx = 0x5555_5555n;
                if (ok && instruction === "lar") edx = (descriptor >> 32n) & 0x00ff_ff00n;
                if (ok && instruction === "lsl") edx = 0x12345n;
                if (outcome.vector !== DONE || (outcome.flags & ZF) !== (ok ? ZF : 0n) || m.registers.rdx !== edx)
                  wrong.push(
                    `type ${type} P=${present} DPL=${dpl} CPL=${cpl} RPL=${rpl}: ZF ${outcome.flags & ZF} EDX ${m.registers.rdx.toString(16)}, manual ${ok} ${edx.toString(16)}`,
                  );
              }
      expect(wrong).toEqual([]);
    });
  });

  it("a null selector and one behind the table clear ZF without a fault", () => {
    for (const selector of [0, 3, 0xfff8]) {
      m.setup().registers.set("rcx", BigInt(selector));
      const outcome = m.run(`cmp eax, eax\n${SOURCE[instruction]}`);
      expect(outcome.vector).toBe(DONE);
      expect(outcome.flags & ZF).toBe(0n);
    }
  });
  it.each(["real", "virtual8086"] as Mode[])("raises #UD in %s mode", (mode) => {
    const text = { lar: "lar dx, cx", lsl: "lsl dx, cx", verr: "verr cx", verw: "verw cx" }[instruction];
    expect(m.setup({ mode, iopl: 3 }).run(text).vector).toBe(d.VECTOR.UD);
  });
});

describe("LSL", () => {
  it("scales a limit in pages to bytes", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RW, limit: 0x12345fff }));
    m.run(`mov ecx, ${FREE}\nlsl edx, ecx`);
    expect(m.registers.rdx).toBe(0x12345fffn);
  });
  it("with a 16-bit operand keeps the upper half of the register", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.DATA_RW, limit: 0x12345 }));
    m.run(`mov edx, -1\nmov ecx, ${FREE}\nlsl dx, cx`);
    expect(m.registers.rdx).toBe(0xffff_2345n);
  });
});

describe("ARPL (SDM Vol. 2)", () => {
  it("raises the RPL of the first operand to that of the second, or clears ZF", () => {
    for (const first of rings)
      for (const second of rings) {
        m.setup();
        const outcome = m.run(`mov eax, ${(0x1234 & ~3) | first}\nmov ecx, ${0x80 | second}\narpl ax, cx`);
        expect(m.registers.ax & 3n).toBe(BigInt(Math.max(first, second)));
        expect((outcome.flags & ZF) !== 0n).toBe(first < second);
      }
  });
});

describe("loads of far pointers (SDM Vol. 2, LDS/LES/LFS/LGS/LSS)", () => {
  it.each(["lds", "les", "lfs", "lgs", "lss"])("%s loads the register and the segment", (instruction) => {
    m.setup();
    m.memory.writeUint32(0x40000, 0x21000);
    m.memory.writeUint16(0x40004, SELECTOR.data[0]);
    expect(m.run(`${instruction} esp, [0x40000]`).vector).toBe(DONE);
    expect(m.registers[instruction.slice(1) as "ds"].selector).toBe(SELECTOR.data[0]);
  });
  it("a fault of the segment leaves the register alone", () => {
    m.setup();
    m.memory.writeUint32(0x40000, 0x1234);
    m.memory.writeUint16(0x40004, 0xfff0);
    expect(m.run("mov ebx, 7\nlfs ebx, [0x40000]")).toMatchObject({ vector: d.VECTOR.GP, error: 0xfff0 });
    expect(m.registers.rbx).toBe(7n);
  });
});

describe("fetches and the code segment's limit (SDM Vol. 3, 5.3)", () => {
  const limited = (limit: number, source: string) => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, base: 0x50000, limit }));
    m.memory.write(0x50000, new Uint8Array(0x2000).fill(0x90));
    return m.run(source);
  };
  it("running over the limit raises #GP(0) at the first byte outside", () => {
    expect(limited(0x10, `jmp ${FREE}:0`)).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: 0x11n, cs: FREE });
  });
  it("an instruction that crosses the limit raises #GP(0) at its start", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, base: 0x50000, limit: 0x10 }));
    m.memory.write(0x50000, Uint8Array.of(...Array(15).fill(0x90), 0xb8, 1, 2, 3, 4));
    expect(m.run(`jmp ${FREE}:0`)).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: 0x0fn });
  });
  it("a near jump behind the limit raises #GP(0) at the jump", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, base: 0x50000, limit: 0xfff }));
    m.memory.write(0x50000, Uint8Array.of(0xe9, 0xfb, 0x0f, 0, 0));
    expect(m.run(`jmp ${FREE}:0`)).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: 0n, cs: FREE });
  });
  it("a near return behind the limit raises #GP(0) at the return and keeps ESP", () => {
    m.setup().descriptor(FREE, d.segment({ type: d.CODE_XR, base: 0x50000, limit: 0xfff }));
    m.memory.write(0x50000, Uint8Array.of(0x68, 0, 0x10, 0, 0, 0xc3));
    const outcome = m.run(`mov ebx, esp\njmp ${FREE}:0`);
    expect(outcome).toMatchObject({ vector: d.VECTOR.GP, error: 0, rip: 5n });
    expect(m.registers.rsp).toBe(m.registers.rbx - 4n - 16n);
  });
  it("a 16-bit near jump wraps inside 64 KiB", () => {
    m.setup({ mode: "real" });
    m.registers.set("cs.selector", 0x100);
    m.registers.set("cs.base", 0x1000n);
    m.memory.write(0x1000 + 0xfff0, Uint8Array.of(0xeb, 0x20)); // to FFF2h + 20h = 0012h
    m.memory.write(0x1012, Uint8Array.of(0xcd, DONE));
    m.registers.set("rip", 0xfff0n);
    expect(m.run()).toMatchObject({ vector: DONE, rip: 0x14n });
  });
});
