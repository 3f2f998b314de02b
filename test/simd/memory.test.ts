// Memory operands of vector instructions: alignment (SDM vol. 2, 2.4, exception classes), page crossings, devices,
// masked stores, code that overwrites itself.

import { beforeEach, describe, expect, it } from "vitest";
import { CODE, DATA, DATA2, DEVICE, HOLE, hex, Processor } from "./processor.js";

const GP = 13;
const PF = 14;
const AC = 17;
const RSI = 6;
const RDI = 7;

const processor = new Processor();
const VALUE = 0x0f0e0d0c_0b0a0908_07060504_03020100n;
const bytes = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

function at(register: number, address: number): void {
  processor.machine.setGpr(register, BigInt(address));
}

beforeEach(() => {
  processor.reset();
  processor.poke(DATA, new Uint8Array(4096).fill(0xaa));
  processor.poke(DATA2, new Uint8Array(4096).fill(0xbb));
  processor.setXmm(0, VALUE);
  processor.setXmm(1, 0n);
});

describe("alignment", () => {
  it.each([
    "movaps xmm1, [rsi]",
    "movdqa xmm1, [rsi]",
    "movapd [rsi], xmm0",
    "movntdq [rsi], xmm0",
    "movntdqa xmm1, [rsi]",
    "paddb xmm1, [rsi]",
    "andps xmm1, [rsi]",
    "psllw xmm1, [rsi]",
    "aesenc xmm1, [rsi]",
  ])("%s wants it, before a page fault", (source) => {
    at(RSI, DATA + 8);
    expect(processor.run(source)).toMatchObject({ vector: GP, error: 0n });
    at(RSI, HOLE + 8);
    expect(processor.run(source)).toMatchObject({ vector: GP, error: 0n });
    at(RSI, HOLE);
    expect(processor.run(source)).toMatchObject({ vector: PF, cr2: BigInt(HOLE) });
    at(RSI, DATA + 16);
    expect(processor.run(source).kind).toBe("done");
  });
  it("is #GP in the stack segment too", () => {
    at(5, DATA + 1);
    expect(processor.run("movaps xmm1, [rbp]")).toMatchObject({ vector: GP, error: 0n });
    processor.machine.setGpr(5, 0x8000_0000_0000_0000n);
    expect(processor.run("movaps xmm1, [rbp]")).toMatchObject({ vector: 12, error: 0n });
    processor.machine.setGpr(5, 0x8000_0000_0000_0008n);
    expect(processor.run("movaps xmm1, [rbp]")).toMatchObject({ vector: GP, error: 0n });
    expect(processor.run("movups xmm1, [rbp]")).toMatchObject({ vector: 12, error: 0n });
  });
  it.each(["movups xmm1, [rsi]", "movdqu [rsi], xmm0", "lddqu xmm1, [rsi]", "pcmpistri xmm1, [rsi], 0"])(
    "%s takes any address, unless alignment is checked",
    (source) => {
      at(RSI, DATA + 8);
      expect(processor.run(source).kind).toBe("done");
      processor.machine.core.setRflags(0x40202);
      expect(processor.run(source)).toMatchObject({ vector: AC, error: 0n });
    },
  );
});

describe("page crossings", () => {
  it("reads and writes both pages", () => {
    at(RDI, DATA2 - 5);
    expect(processor.run("movups [rdi], xmm0").kind).toBe("done");
    expect([...processor.peek(DATA2 - 5, 5)]).toEqual(bytes(5));
    expect([...processor.peek(DATA2, 11)]).toEqual(bytes(11, 5));
    at(RSI, DATA2 - 5);
    expect(processor.run("movups xmm1, [rsi]").kind).toBe("done");
    expect(hex(processor.xmm(1))).toBe(hex(VALUE));
  });
  it.each(bytes(15, 1))("writes nothing when the second page is missing, %i bytes before it", (distance) => {
    at(RDI, HOLE - distance);
    const before = processor.peek(HOLE - 16, 16);
    expect(processor.run("movups [rdi], xmm0")).toMatchObject({ vector: PF, cr2: BigInt(HOLE) });
    expect(processor.peek(HOLE - 16, 16)).toEqual(before);
    expect(processor.run("movdqu xmm1, [rdi]")).toMatchObject({ vector: PF, cr2: BigInt(HOLE) });
    expect(processor.xmm(1)).toBe(0n);
  });
  it("does not read beyond a narrow operand", () => {
    at(RSI, HOLE - 2);
    expect(processor.run("pmovzxbq xmm1, word ptr [rsi]").kind).toBe("done");
    expect(hex(processor.xmm(1))).toBe("00000000000000bb00000000000000bb");
    at(RSI, HOLE - 4);
    for (const source of ["movss xmm1, dword ptr [rsi]", "insertps xmm1, dword ptr [rsi], 0", "punpcklbw mm0, [rsi]"])
      expect(processor.run(source).kind).toBe("done");
    at(RSI, HOLE - 8);
    for (const source of [
      "movddup xmm1, qword ptr [rsi]",
      "movhps xmm1, qword ptr [rsi]",
      "pmovsxbw xmm1, qword ptr [rsi]",
    ])
      expect(processor.run(source).kind).toBe("done");
  });
});

describe("devices", () => {
  it("get 16 bytes as two quadwords", () => {
    at(RDI, DEVICE + 0x20);
    expect(processor.run("movaps [rdi], xmm0")).toEqual({
      kind: "memory",
      offset: 0x20n,
      size: 8,
      write: true,
      value: 0x07060504_03020100n,
    });
    expect(processor.answer()).toMatchObject({ offset: 0x28n, size: 8, write: true, value: 0x0f0e0d0c_0b0a0908n });
    expect(processor.answer().kind).toBe("done");
  });
  it("give 16 bytes as two quadwords", () => {
    at(RSI, DEVICE + 0x20);
    expect(processor.run("movaps xmm1, [rsi]")).toMatchObject({ offset: 0x20n, size: 8, write: false });
    expect(processor.answer(0x1111n)).toMatchObject({ offset: 0x28n, size: 8, write: false });
    expect(processor.answer(0x2222n).kind).toBe("done");
    expect(hex(processor.xmm(1))).toBe("00000000000022220000000000001111");
  });
  it("are asked before RAM in the other page changes", () => {
    for (const address of [DEVICE - 4, DEVICE + 0x1000 - 12]) {
      processor.reset();
      at(RDI, address);
      const ram = address < DEVICE ? DEVICE - 16 : DEVICE + 0x1000;
      processor.poke(ram, new Uint8Array(16).fill(0x55));
      let outcome = processor.run("movups [rdi], xmm0");
      let accesses = 0;
      for (; outcome.kind === "memory"; accesses++) {
        if (address < DEVICE || accesses < 2) expect([...processor.peek(ram, 16)]).toEqual(Array(16).fill(0x55));
        outcome = processor.answer();
      }
      expect(outcome.kind).toBe("done");
      const written = address < DEVICE ? processor.peek(DEVICE - 4, 4) : processor.peek(ram, 4);
      expect([...written]).toEqual(bytes(4, address < DEVICE ? 0 : 12));
    }
  });
});

describe("masked stores", () => {
  it("MASKMOVDQU writes what the mask chooses", () => {
    at(RDI, DATA2 - 3);
    processor.setXmm(1, 0x80000000_00000000_00000080_ff7f0080n);
    expect(processor.run("maskmovdqu xmm0, xmm1").kind).toBe("done");
    expect([...processor.peek(DATA2 - 3, 3)]).toEqual([0, 0xaa, 0xaa]);
    expect([...processor.peek(DATA2, 13)]).toEqual([
      3, 4, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb, 15,
    ]);
  });
  it("MASKMOVQ writes what the mask chooses", () => {
    at(RDI, DATA + 4);
    processor.setMmx(0, 0x0706050403020100n);
    processor.setMmx(1, 0x8000_0000_ffff_0000n);
    expect(processor.run("maskmovq mm0, mm1").kind).toBe("done");
    expect([...processor.peek(DATA + 4, 8)]).toEqual([0xaa, 0xaa, 2, 3, 0xaa, 0xaa, 0xaa, 7]);
  });
  it("fault although the mask leaves the page out (measured on an AMD processor)", () => {
    at(RDI, HOLE - 8);
    processor.setXmm(1, 0x80n);
    expect(processor.run("maskmovdqu xmm0, xmm1")).toMatchObject({ vector: PF, cr2: BigInt(HOLE) });
    expect([...processor.peek(HOLE - 8, 8)]).toEqual(Array(8).fill(0xbb));
  });
});

describe("stores to code", () => {
  it.each([
    ["movups [rdi], xmm0", 8n],
    ["movdqa [rdi], xmm0", 8n],
    ["movq qword ptr [rdi], xmm0", 4n],
    ["movss dword ptr [rdi], xmm0", 2n],
  ])("%s is seen by the instructions behind it", (source, count) => {
    // INC EAX replaces pairs of NOP.
    processor.setXmm(0, 0xc0ff_c0ff_c0ff_c0ff_c0ff_c0ff_c0ff_c0ffn);
    processor.machine.setGpr(0, 0n);
    at(RDI, CODE + 16);
    // UD0 ends it.
    expect(processor.run(`${source}\n.rept 40\nnop\n.endr`, 60)).toMatchObject({ vector: 6 });
    expect(processor.machine.gpr(0)).toBe(count);
  });
});
