// Availability and state of SSE: who gets #UD, #NM, #GP and #XM, MXCSR, and the XSAVE family with its header
// (SDM vol. 1, 10.2.3, 11.5, chapter 13; vol. 3, 2.5, 2.6; vol. 2). What the areas contain was read off an AMD processor.

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "../machine/descriptors.js";
import { DATA, DONE, Machine } from "../machine/machine.js";

const OSFXSR = 1n << 9n;
const OSXMMEXCPT = 1n << 10n;
const OSXSAVE = 1n << 18n;
const EM = 1n << 2n;
const TS = 1n << 3n;
const XM = 19;
const HEADER = DATA + 512;

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

/** A 64-bit machine with the given CR4 and CR0 bits, XCR0 = x87 | SSE. */
function setup(cr4 = OSFXSR | OSXMMEXCPT | OSXSAVE, cr0 = 0n, cpl = 0): Machine {
  m.setup({ mode: "long", cpl });
  m.registers.set("cr4", m.registers.cr4 | cr4);
  m.registers.set("cr0", m.registers.cr0 | cr0);
  m.registers.set("xcr0", 3n);
  m.registers.rsi = BigInt(DATA);
  m.registers.rdx = 0n;
  return m;
}
const mxcsrOf = (at = DATA): number => m.memory.readUint32(at);

describe("availability", () => {
  const cases: [string, bigint, bigint, number][] = [
    ["addps xmm0, xmm1", OSFXSR, 0n, DONE],
    ["addps xmm0, xmm1", 0n, 0n, d.VECTOR.UD],
    ["addps xmm0, xmm1", OSFXSR, EM, d.VECTOR.UD],
    ["addps xmm0, xmm1", OSFXSR, TS, d.VECTOR.NM],
    ["addps xmm0, xmm1", OSFXSR, EM | TS, d.VECTOR.UD],
    ["ldmxcsr dword ptr [rsi]", OSFXSR, 0n, DONE],
    ["ldmxcsr dword ptr [rsi]", 0n, 0n, d.VECTOR.UD],
    ["ldmxcsr dword ptr [rsi]", OSFXSR, TS, d.VECTOR.NM],
    ["stmxcsr dword ptr [rsi]", OSFXSR, EM, d.VECTOR.UD],
    ["xsave [rsi]", OSXSAVE, 0n, DONE],
    ["xsave [rsi]", OSFXSR, 0n, d.VECTOR.UD],
    ["xsave [rsi]", OSXSAVE, TS, d.VECTOR.NM],
    ["xsaveopt [rsi]", OSXSAVE, 0n, DONE],
    ["xsavec [rsi]", OSXSAVE, 0n, DONE],
    ["xrstor [rsi]", OSFXSR, 0n, d.VECTOR.UD],
    ["xgetbv", OSXSAVE, TS, DONE],
    ["xgetbv", OSFXSR, 0n, d.VECTOR.UD],
    ["xsetbv", OSFXSR, 0n, d.VECTOR.UD],
    ["xsaves [rsi]", OSXSAVE, 0n, d.VECTOR.UD],
    ["xrstors [rsi]", OSXSAVE, 0n, d.VECTOR.UD],
  ];
  it.each(cases)("%s with CR4 %x and CR0 %x", (source, cr4, cr0, vector) => {
    setup(cr4, cr0).registers.rcx = 0n;
    expect(m.run(source).vector).toBe(vector);
  });
});

describe("MXCSR", () => {
  it("is 1F80h after RESET", () => {
    setup().run("stmxcsr dword ptr [rsi]");
    expect(mxcsrOf()).toBe(0x1f80);
  });
  it.each([0, 0x1f80, 0xffff])("takes %x", (value) => {
    setup().memory.writeUint32(DATA, value);
    expect(m.run("ldmxcsr dword ptr [rsi]\nstmxcsr dword ptr [rsi+4]").vector).toBe(DONE);
    expect(mxcsrOf(DATA + 4)).toBe(value);
  });
  it.each([16, 17, 31])("reserved bit %i is #GP(0)", (bit) => {
    setup().memory.writeUint32(DATA, (1 << bit) >>> 0);
    expect(m.run("ldmxcsr dword ptr [rsi]")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
});

describe("unmasked exceptions (SDM vol. 1, 11.5)", () => {
  /** 1 / 0 with MXCSR = `value`; the quotient at DATA + 16, MXCSR at DATA + 32. */
  const divide = (value: number, cr4: bigint) => {
    setup(cr4).memory.writeUint32(DATA, value);
    m.memory.writeUint32(DATA + 4, 0x3f80_0000);
    const outcome = m.run("ldmxcsr dword ptr [rsi]\nmovss xmm0, dword ptr [rsi+4]\nhere: divss xmm0, xmm1");
    return { outcome, here: m.label("here") };
  };
  it("#XM is a fault at the instruction", () => {
    const { outcome, here } = divide(0x1d80, OSFXSR | OSXMMEXCPT);
    expect(outcome).toMatchObject({ vector: XM, error: undefined, rip: here });
  });
  it("#UD without CR4.OSXMMEXCPT", () => {
    expect(divide(0x1d80, OSFXSR).outcome.vector).toBe(d.VECTOR.UD);
  });
  it("masked: infinity and ZE", () => {
    const { outcome } = divide(0x1f80, OSFXSR);
    expect(outcome.vector).toBe(DONE);
    setup(OSFXSR).memory.writeUint32(DATA, 0x1f80);
    m.memory.writeUint32(DATA + 4, 0x3f80_0000);
    m.run(
      "ldmxcsr dword ptr [rsi]\nxorps xmm1, xmm1\nmovss xmm0, dword ptr [rsi+4]\ndivss xmm0, xmm1\n" +
        "movss dword ptr [rsi+16], xmm0\nstmxcsr dword ptr [rsi+32]",
    );
    expect(m.memory.readUint32(DATA + 16)).toBe(0x7f80_0000);
    expect(mxcsrOf(DATA + 32)).toBe(0x1f84);
  });
  it("leaves the destination, sets the flag", () => {
    setup().memory.writeUint32(DATA, 0x1d80);
    m.memory.writeUint32(DATA + 4, 0x3f80_0000);
    m.gate(XM, { offset: 0 });
    m.load(`ldmxcsr dword ptr [rsi]
      movss xmm0, dword ptr [rsi+4]
      xorps xmm1, xmm1
      divss xmm0, xmm1
handler: movss dword ptr [rsi+16], xmm0
      stmxcsr dword ptr [rsi+32]`);
    m.gate(XM, { offset: Number(m.label("handler")) });
    expect(m.run().vector).toBe(DONE);
    expect(m.memory.readUint32(DATA + 16)).toBe(0x3f80_0000);
    expect(mxcsrOf(DATA + 32)).toBe(0x1d84);
  });
});

describe("XCR0", () => {
  const write = (value: number, index = 0, cpl = 0): number => {
    setup(undefined, 0n, cpl);
    m.registers.rax = BigInt(value);
    m.registers.rcx = BigInt(index);
    return m.run("xsetbv").vector;
  };
  it.each([1, 3])("takes %i", (value) => {
    expect(write(value)).toBe(DONE);
    expect(m.registers.get("xcr0")).toBe(BigInt(value));
  });
  it.each([
    ["without x87", 2, 0, 0],
    ["AVX, which is not offered", 7, 0, 0],
    ["an unknown bit", 0x401, 0, 0],
    ["another register", 1, 1, 0],
    ["from ring 3", 1, 0, 3],
  ])("%s is #GP(0)", (_, value, index, cpl) => {
    expect(write(value, index, cpl)).toBe(d.VECTOR.GP);
  });
  it("XGETBV reads it in ring 3; index 1 tells what is in use", () => {
    setup(undefined, 0n, 3).run(
      "fninit\npxor xmm0, xmm0\nxor ecx, ecx\nxgetbv\nmov r8d, eax\npcmpeqd xmm0, xmm0\nmov ecx, 1\nxgetbv",
    );
    expect(m.registers.get("r8")).toBe(3n);
    expect(m.registers.rax & 2n).toBe(2n);
    expect(setup().run("mov ecx, 2\nxgetbv").vector).toBe(d.VECTOR.GP);
  });
  it("CPUID shows CR4.OSXSAVE", () => {
    const feature = (cr4: bigint): bigint => {
      setup(cr4).run("mov eax, 1\ncpuid");
      return (m.registers.rcx >> 26n) & 3n;
    };
    expect(feature(OSXSAVE)).toBe(3n);
    expect(feature(0n)).toBe(1n);
  });
});

describe("CPUID", () => {
  const query = (leaf: number, subleaf = 0): { a: number; b: number; c: number; d: number } => {
    setup().run(`mov eax, ${leaf}\nmov ecx, ${subleaf}\ncpuid`);
    const { rax, rbx, rcx, rdx } = m.registers;
    return { a: Number(rax), b: Number(rbx), c: Number(rcx), d: Number(rdx) };
  };
  it("offers x86-64-v2", () => {
    const { c, d: edx } = query(1);
    // FPU, CX8, CMOV, MMX, FXSR, SSE, SSE2; SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT.
    const edxBits = [0, 8, 15, 23, 24, 25, 26];
    const ecxBits = [0, 9, 13, 19, 20, 23];
    for (const bit of edxBits) expect((edx >>> bit) & 1, `EDX ${bit}`).toBe(1);
    for (const bit of ecxBits) expect((c >>> bit) & 1, `ECX ${bit}`).toBe(1);
    // LAHF in 64-bit mode.
    expect(query(0x8000_0001).c & 1).toBe(1);
  });
  it("describes the XSAVE area", () => {
    expect(query(0).a).toBeGreaterThanOrEqual(0xd);
    expect(query(0xd)).toEqual({ a: 3, b: 576, c: 576, d: 0 });
    // XSAVEOPT, XSAVEC, XGETBV with ECX = 1.
    expect(query(0xd, 1)).toEqual({ a: 7, b: 576, c: 0, d: 0 });
    expect(query(0xd, 2)).toEqual({ a: 0, b: 0, c: 0, d: 0 });
  });
});

describe("XSAVE", () => {
  const fill = (): void => {
    for (let at = 0; at < 640; at += 4) m.memory.writeUint32(DATA + at, 0xcccc_cccc);
  };
  const used = "fninit\nfldpi\npcmpeqd xmm1, xmm1\n";
  const initial = `${Array.from({ length: 16 }, (_, n) => `pxor xmm${n}, xmm${n}`).join("\n")}\n`;
  const clearX87 = "fninit\nfldz\nfldz\nfldz\nfldz\nfldz\nfldz\nfldz\nfldz\nfninit\n";
  const read = (at: number): bigint => m.memory.readUint64(DATA + at);

  it.each([
    ["xsave", 3, 3n],
    ["xsave", 1, 1n],
    ["xsave", 2, 2n],
    ["xsaveopt", 3, 3n],
  ] as const)("%s of components %i", (name, mask, bits) => {
    setup();
    fill();
    m.memory.writeUint64(HEADER, 0n);
    expect(m.run(`${used}mov eax, ${mask}\n${name} [rsi]`).vector).toBe(DONE);
    expect(read(512)).toBe(bits);
    // XCOMP_BV and the rest of the header are not written.
    expect(read(520)).toBe(0xcccc_cccc_cccc_ccccn);
    expect(m.memory.readUint16(DATA)).toBe(mask & 1 ? 0x37f : 0xcccc);
    expect(m.memory.readUint32(DATA + 24)).toBe(mask & 2 ? 0x1f80 : 0xcccc_cccc);
    expect(read(32)).toBe(mask & 1 ? 0xc90f_daa2_2168_c235n : 0xcccc_cccc_cccc_ccccn);
    expect(read(176)).toBe(mask & 2 ? 0xffff_ffff_ffff_ffffn : 0xcccc_cccc_cccc_ccccn);
  });
  it("keeps the header bits of components that were not asked for", () => {
    setup();
    fill();
    m.memory.writeUint64(HEADER, 0x102n);
    m.run(`${used}mov eax, 1\nxsave [rsi]`);
    expect(read(512)).toBe(0x103n);
  });
  it("writes initial components but XSAVEOPT does not; both say so", () => {
    for (const [name, word] of [
      ["xsave", 0x37f],
      ["xsaveopt", 0xcccc],
    ] as const) {
      setup();
      fill();
      m.memory.writeUint64(HEADER, 3n);
      m.run(`${clearX87}${initial}mov eax, 3\n${name} [rsi]`);
      expect(read(512)).toBe(0n);
      expect(m.memory.readUint16(DATA)).toBe(word);
      // MXCSR goes with the request.
      expect(m.memory.readUint32(DATA + 24)).toBe(0x1f80);
    }
  });
  it("XSAVEC writes a header of its own and takes MXCSR for a part of SSE", () => {
    setup();
    fill();
    m.run(`${clearX87}${initial}mov eax, 3\nxsavec [rsi]`);
    expect([read(512), read(520), read(528)]).toEqual([0n, (1n << 63n) | 3n, 0xcccc_cccc_cccc_ccccn]);
    expect(m.memory.readUint32(DATA + 24)).toBe(0xcccc_cccc);
    setup();
    fill();
    m.memory.writeUint32(DATA + 1024, 0x9f80);
    m.run(`${clearX87}${initial}ldmxcsr dword ptr [rsi+1024]\nmov eax, 3\nxsavec [rsi]`);
    expect(read(512)).toBe(2n);
    expect(m.memory.readUint32(DATA + 24)).toBe(0x9f80);
  });
  it("an area off a 64-byte boundary is #GP(0)", () => {
    for (const name of ["xsave", "xsaveopt", "xsavec", "xrstor"]) {
      expect(setup().run(`${name} [rsi+16]`)).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
    }
  });

  describe("XRSTOR", () => {
    /** An area with pi in ST(0), 5A in XMM1 and MXCSR 9F80h. */
    const area = (bits: bigint, places = 0n): void => {
      setup();
      m.memory.fill(DATA, 640);
      m.memory.writeUint16(DATA, 0x27f);
      m.memory.writeUint8(DATA + 4, 0x80);
      m.memory.writeUint16(DATA + 2, 7 << 11);
      m.memory.writeUint64(DATA + 32, 0xc90f_daa2_2168_c235n);
      m.memory.writeUint16(DATA + 40, 0x4000);
      m.memory.writeUint32(DATA + 24, 0x9f80);
      m.memory.writeUint64(DATA + 176, 0x5a5a_5a5a_5a5a_5a5an);
      m.memory.writeUint64(HEADER, bits);
      m.memory.writeUint64(HEADER + 8, places);
    };
    const restore = (mask: number): { vector: number; control: number; xmm1: bigint; mxcsr: number } => {
      const { vector } = m.run(
        `fninit\npcmpeqd xmm1, xmm1\nmov eax, ${mask}\nxrstor [rsi]\n` +
          "fnstcw word ptr [rsi+1024]\nmovups xmmword ptr [rsi+1040], xmm1\nstmxcsr dword ptr [rsi+1056]",
      );
      return {
        vector,
        control: m.memory.readUint16(DATA + 1024),
        xmm1: m.memory.readUint64(DATA + 1040),
        mxcsr: m.memory.readUint32(DATA + 1056),
      };
    };
    const ONES = 0xffff_ffff_ffff_ffffn;
    const PATTERN = 0x5a5a_5a5a_5a5a_5a5an;
    const COMPACT = 1n << 63n;
    it.each([
      ["everything", 3n, 0n, 3, 0x27f, PATTERN, 0x9f80],
      ["x87 alone", 3n, 0n, 1, 0x27f, ONES, 0x1f80],
      ["SSE alone", 3n, 0n, 2, 0x37f, PATTERN, 0x9f80],
      ["an area that says SSE is initial; MXCSR is there all the same", 1n, 0n, 3, 0x27f, 0n, 0x9f80],
      ["an area that says x87 is initial", 2n, 0n, 3, 0x37f, PATTERN, 0x9f80],
      ["a compacted area", 3n, COMPACT | 3n, 3, 0x27f, PATTERN, 0x9f80],
      ["a compacted area whose SSE is initial, MXCSR too", 1n, COMPACT | 3n, 3, 0x27f, 0n, 0x1f80],
      ["a compacted area without SSE", 1n, COMPACT | 1n, 3, 0x27f, 0n, 0x1f80],
    ] as const)("%s", (_, bits, places, mask, control, xmm1, mxcsr) => {
      area(bits, places);
      expect(restore(mask)).toEqual({ vector: DONE, control, xmm1, mxcsr });
    });
    it.each([
      ["a component that XCR0 does not have", 7n, 0n, 0, 0n],
      ["XCOMP_BV in the standard form", 3n, 1n, 0, 0n],
      ["reserved bytes of the header", 3n, 0n, 16, 1n],
      ["a compacted component that has no place", 3n, COMPACT | 1n, 0, 0n],
      ["a place that XCR0 does not have", 3n, COMPACT | 7n, 0, 0n],
      ["reserved bytes of a compacted header", 3n, COMPACT | 3n, 56, 1n],
    ] as const)("%s: #GP(0)", (_, bits, places, offset, value) => {
      area(bits, places);
      if (offset !== 0) m.memory.writeUint64(HEADER + offset, value);
      expect(restore(3).vector).toBe(d.VECTOR.GP);
    });
    it("a reserved bit of MXCSR is #GP(0) where MXCSR is restored", () => {
      area(3n);
      m.memory.writeUint32(DATA + 24, 0x1_0000);
      expect(restore(3).vector).toBe(d.VECTOR.GP);
      area(3n);
      m.memory.writeUint32(DATA + 24, 0x1_0000);
      expect(restore(1).vector).toBe(DONE);
    });
  });
});
