// The x87 environment in memory: the four formats of SDM vol. 1, figures 8-9 to 8-12, tags, the state after FNINIT
// and RESET (SDM vol. 3, table 9-1), and FXSAVE's area (SDM vol. 1, table 10-2).

import { beforeAll, describe, expect, it } from "vitest";
import { DATA, DONE, Machine, type Mode, SELECTOR } from "../machine/machine.js";
import { x87 } from "./encode.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

/** Runs a fragment that addresses its data through BX or EBX; the data's linear address. */
function run(mode: Mode, source: string): number {
  m.setup({ mode, iopl: 3 });
  const small = mode === "real" || mode === "protected16" || mode === "virtual8086";
  const data = small ? 0x6000 : DATA;
  m.registers.rbx = BigInt(data);
  expect(m.run(x87(source.replaceAll("BX", small ? "bx" : mode === "long" ? "rbx" : "ebx"), small)).vector).toBe(DONE);
  return data;
}
function bytes(at: number, size: number): Uint8Array {
  const copy = new Uint8Array(size);
  m.memory.read(at, copy);
  return copy;
}
const word = (at: number): number => m.memory.readUint16(at);
const dword = (at: number): number => m.memory.readUint32(at);

describe("formats", () => {
  const LOAD = "fninit\nhere: fld dword ptr [BX+64]\n";

  it("32-bit, protected mode", () => {
    const at = run("protected32", `${LOAD}fnstenv [BX]`);
    expect(dword(at)).toBe(0xffff_037f);
    expect(dword(at + 4)).toBe(0xffff_3800);
    // R7 holds zero, the others are empty.
    expect(dword(at + 8)).toBe(0xffff_7fff);
    expect(BigInt(dword(at + 12))).toBe(m.label("here"));
    // D9 43 40: FOP 143h over CS
    expect(dword(at + 16)).toBe((0x143 << 16) | SELECTOR.code[0]);
    expect(dword(at + 20)).toBe(at + 64);
    expect(word(at + 24)).toBe(SELECTOR.data[0]);
  });
  it("16-bit, protected mode", () => {
    const at = run("protected16", `${LOAD}fnstenv [BX]`);
    expect([0, 2, 4].map((offset) => word(at + offset))).toEqual([0x37f, 0x3800, 0x7fff]);
    expect(BigInt(word(at + 6))).toBe(m.label("here"));
    expect(word(at + 8)).toBe(SELECTOR.code16);
    expect(word(at + 10)).toBe(at + 64);
    expect(word(at + 12)).toBe(SELECTOR.data16);
  });
  it("16-bit, real mode", () => {
    const at = run("real", `mov ax, 0x1000\nmov ds, ax\n${LOAD}push cs\npop ds\nfnstenv [BX]`);
    expect(BigInt(word(at + 6))).toBe(m.label("here"));
    // FIP[19:16] is 0, FOP 147h (D9 47 40)
    expect(word(at + 8)).toBe(0x147);
    // FDP is 10000h + 6040h
    expect(word(at + 10)).toBe(0x6040);
    expect(word(at + 12)).toBe(0x1000);
  });
  it("32-bit, real mode", () => {
    const at = run("real", `mov ax, 0x1000\nmov ds, ax\n${LOAD}push cs\npop ds\n.byte 0x66\nfnstenv [BX]`);
    expect(word(at)).toBe(0x37f);
    expect(word(at + 8)).toBe(0x7fff);
    expect(BigInt(word(at + 12))).toBe(m.label("here"));
    expect(dword(at + 16)).toBe(0x147);
    expect(word(at + 20)).toBe(0x6040);
    expect(dword(at + 24)).toBe(0x1000);
  });
  it.each(["protected32", "protected16", "real", "virtual8086"] as const)(
    "FLDENV takes back what %s stored",
    (mode) => {
      const at = run(mode, `${LOAD}fldpi\nfnstenv [BX]\nfninit\nfldenv [BX]\nfnstenv [BX+128]`);
      const size = mode === "protected32" ? 28 : 14;
      expect(bytes(at + 128, size).slice(2)).toEqual(bytes(at, size).slice(2));
    },
  );
  it.each(["protected32", "long"] as const)("FRSTOR takes back what FNSAVE stored in %s", (mode) => {
    const at = run(mode, "fninit\nfldpi\nfld1\nfldl2e\nfnsave [BX]\nfnstsw ax\nfrstor [BX]\nfnsave [BX+128]");
    expect(Number(m.registers.rax & 0xffffn)).toBe(0);
    expect(bytes(at + 128, 108)).toEqual(bytes(at, 108));
    expect(m.memory.readUint64(at + 28)).toBe(0xb8aa_3b29_5c17_f0bcn);
    expect(word(at + 36)).toBe(0x3fff);
  });
});

describe("states", () => {
  it("RESET leaves FCW 0040h and every register in use as zero", () => {
    const at = run("protected32", "fnstenv [BX]");
    expect(word(at)).toBe(0x40);
    expect(word(at + 4)).toBe(0);
    expect(word(at + 8)).toBe(0x5555);
  });
  it("FNSTENV masks all exceptions afterwards", () => {
    const at = run("protected32", "fninit\npush 0x340\nfldcw [esp]\nfnstenv [BX]\nfnstcw [BX+64]");
    expect([word(at), word(at + 64)]).toEqual([0x340, 0x37f]);
  });
  it("FXSAVE and FXRSTOR carry registers, tags and MXCSR", () => {
    m.setup({ mode: "long" });
    m.registers.set("cr4", m.registers.cr4 | (1n << 9n));
    m.registers.rbx = BigInt(DATA);
    expect(
      m.run(
        x87(
          "fninit\nfldpi\nfld1\nfxsave [rbx]\nfninit\nfxrstor [rbx]\nfxsave [rbx+512]\nfstp st(0)\nfstp tword ptr [rbx+1024]",
        ),
      ).vector,
    ).toBe(DONE);
    expect(bytes(DATA + 512, 512)).toEqual(bytes(DATA, 512));
    expect([word(DATA), word(DATA + 2), word(DATA + 4)]).toEqual([0x37f, 0x3000, 0xc0]);
    expect(dword(DATA + 24)).toBe(0x1f80);
    expect(m.memory.readUint64(DATA + 32)).toBe(0x8000_0000_0000_0000n);
    expect(m.memory.readUint64(DATA + 1024)).toBe(0xc90f_daa2_2168_c235n);
  });
});
