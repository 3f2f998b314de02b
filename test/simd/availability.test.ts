// Whether a vector instruction may execute at all, and which fault comes first where several could (SDM vol. 3, 13.1.3
// and 12.1; APM vol. 2, 8.5; vol. 4, exception tables): #UD, then #NM, then #MF, then the operand's own faults.

import { beforeEach, describe, expect, it } from "vitest";
import * as L from "../../src/engine/views.js";
import { DATA, HOLE, Processor } from "./processor.js";

const CR0 = { EM: 4n, TS: 8n, NE: 0x20n };
const OSFXSR = 0x200n;
const UD = 6;
const NM = 7;
const PF = 14;
const MF = 16;

const processor = new Processor();
beforeEach(() => {
  processor.reset();
  processor.machine.setGpr(6, BigInt(HOLE));
  processor.machine.setGpr(7, BigInt(HOLE));
});

function pendingException(): void {
  // Invalid operation, not masked: FSW.IE, ES, B.
  processor.machine.u8[L.X87_STATUS] = 0x81;
  processor.machine.u8[L.X87_STATUS + 1] = 0x80;
}

const SSE = [
  "movups xmm0, [rsi]",
  "movaps [rdi], xmm0",
  "movss xmm0, dword ptr [rsi]",
  "movq xmm0, qword ptr [rsi]",
  "pxor xmm0, [rsi]",
  "xorps xmm0, [rsi]",
  "pshufb xmm0, [rsi]",
  "pblendw xmm0, [rsi], 3",
  "pcmpistri xmm0, [rsi], 0",
  "aesenc xmm0, [rsi]",
  "pclmulqdq xmm0, [rsi], 0",
  "sha1nexte xmm0, [rsi]",
  "sha1rnds4 xmm0, [rsi], 1",
];
/** With MMX registers alone: OSFXSR does not matter. */
const MMX = [
  "movq mm0, qword ptr [rsi]",
  "paddb mm0, [rsi]",
  "pavgb mm0, [rsi]",
  "pmuludq mm0, [rsi]",
  "pshufb mm0, [rsi]",
  "palignr mm0, [rsi], 3",
  "pinsrw mm0, word ptr [rsi], 1",
  "movntq [rdi], mm0",
];

describe("SSE", () => {
  it.each(SSE)("%s", (source) => {
    expect(processor.run(source).vector).toBe(PF);
    processor.control("cr0", CR0.TS);
    expect(processor.run(source).vector).toBe(NM);
    processor.control("cr4", 0n, OSFXSR);
    expect(processor.run(source).vector).toBe(UD);
    processor.reset();
    processor.control("cr0", CR0.TS | CR0.EM);
    expect(processor.run(source).vector).toBe(UD);
  });
  it.each(SSE)("%s does not wait for the x87", (source) => {
    pendingException();
    expect(processor.run(source).vector).toBe(PF);
  });
});

describe("MMX", () => {
  it.each(MMX)("%s", (source) => {
    processor.control("cr4", 0n, OSFXSR);
    expect(processor.run(source).vector).toBe(PF);
    pendingException();
    expect(processor.run(source).vector).toBe(MF);
    processor.control("cr0", CR0.TS);
    expect(processor.run(source).vector).toBe(NM);
    processor.control("cr0", CR0.EM);
    expect(processor.run(source).vector).toBe(UD);
  });
  it.each(["movq2dq xmm0, mm1", "movdq2q mm0, xmm1"])("%s uses both units", (source) => {
    expect(processor.run(source).kind).toBe("done");
    pendingException();
    expect(processor.run(source).vector).toBe(MF);
    processor.control("cr0", CR0.TS);
    expect(processor.run(source).vector).toBe(NM);
    processor.control("cr4", 0n, OSFXSR);
    expect(processor.run(source).vector).toBe(UD);
  });
  it("EMMS", () => {
    pendingException();
    expect(processor.run("emms").vector).toBe(MF);
    processor.control("cr0", CR0.EM);
    expect(processor.run("emms").vector).toBe(UD);
  });
});

it("MOVNTI and PREFETCH need neither", () => {
  processor.control("cr0", CR0.EM | CR0.TS);
  processor.control("cr4", 0n, OSFXSR);
  processor.machine.setGpr(7, BigInt(DATA));
  processor.machine.setGpr(0, 0x1234_5678n);
  expect(processor.run("movnti [rdi], eax").kind).toBe("done");
  expect([...processor.peek(DATA, 4)]).toEqual([0x78, 0x56, 0x34, 0x12]);
  expect(processor.run("prefetcht0 [rdi]").kind).toBe("done");
});

describe("MMX state of the x87 unit", () => {
  it("a write sets exponent and sign of its register, TOP and all tags", () => {
    processor.top = 5;
    processor.tags = 0;
    processor.setMmx(3, 1n);
    processor.setMmx(4, 2n);
    expect(processor.run("paddd mm3, mm4").kind).toBe("done");
    expect(processor.mmx(3)).toBe(3n);
    expect([processor.exponent(3), processor.exponent(4)]).toEqual([0xffff, 0]);
    expect([processor.top, processor.tags]).toEqual([0, 0xff]);
  });
  it("a read does as well, but for the exponent", () => {
    processor.machine.setGpr(7, BigInt(DATA));
    for (const source of ["movq [rdi], mm2", "movd eax, mm2", "pmovmskb eax, mm2", "movq2dq xmm0, mm2"]) {
      processor.top = 3;
      processor.tags = 0x10;
      expect(processor.run(source).kind).toBe("done");
      expect([processor.top, processor.tags, processor.exponent(2)]).toEqual([0, 0xff, 0]);
    }
  });
  it("a fault leaves it alone", () => {
    processor.top = 3;
    processor.tags = 0x10;
    for (const source of ["movq [rdi], mm2", "movq mm2, qword ptr [rsi]", "paddb mm2, [rsi]"]) {
      expect(processor.run(source).vector).toBe(PF);
      expect([processor.top, processor.tags]).toEqual([3, 0x10]);
    }
  });
  it("EMMS empties all registers", () => {
    processor.top = 3;
    processor.tags = 0xff;
    processor.run("emms");
    expect([processor.top, processor.tags]).toEqual([0, 0]);
  });
});
