// Loops whose operands advance by constants: wherever they begin, however far they go and whatever ends them (a count,
// a value that is found, the end of the mapped pages, a budget), translated ones leave what interpreted ones leave.

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { Exit } from "../engine/harness.js";
import { assembleFragment } from "../guest/assemble.js";
import { Random } from "../oracle/random.js";
import { codeOf, DATA_SIZE, dataOf, PLACES, type Place, SingleMachine, stackOf } from "./single.js";

const PROGRAMS = 60;
const TURNS = 40;
const sides = [new SingleMachine(false), new SingleMachine(true)];

const X87_STATE = [
  ["x87", L.X87, 128],
  ["x87 status", L.X87_STATUS, 2],
  ["x87 tags", L.X87_TAGS, 1],
  ["x87 opcode", L.X87_OPCODE, 2],
  ["x87 instruction", L.X87_IP, 8],
  ["x87 operand", L.X87_DP, 8],
] as const;

/** A register as the code's own width names it. */
const wide = (place: Place, name: string): string => (place === "long" ? `r${name}` : `e${name}`);

/** A loop over [xSI], [xDI] and [xBX * scale], ended by a counter in xCX. */
function source(r: Random, place: Place): string {
  const register = (name: string): string => wide(place, name);
  const scale = r.pick([1, 2, 4, 8]);
  const near = (): number => (r.oneIn(5) ? r.below(600) - 300 : r.below(24) - 4);
  const operand = (bytes: number): string => {
    const to = r.oneIn(3) ? near() : r.below(6) * bytes;
    return r.pick([
      `[${register("si")} + ${to}]`,
      `[${register("di")} + ${to}]`,
      `[${register("bx")} * ${scale} + ${to}]`,
      `[${register("si")} + ${register("bx")} * ${scale} + ${to}]`,
      `[${register("bp")} + ${to}]`,
    ]);
  };
  const vectors = r.oneIn(3);
  const floats = !vectors && r.oneIn(4);
  const access = (): string => {
    if (floats && r.oneIn(2)) {
      const number = (): string => r.pick([`dword ptr ${operand(4)}`, `qword ptr ${operand(8)}`]);
      const load = r.pick([`fld ${number()}`, `fild ${number()}`, "fld1", `fld tword ptr ${operand(10)}`]);
      const middle = r.pick(["", `\nfadd ${number()}`, `\nfmul ${number()}`, `\nfisub dword ptr ${operand(4)}`]);
      return `${load}${middle}\n${r.pick([`fstp ${number()}`, `fistp ${number()}`, `fstp tword ptr ${operand(10)}`])}`;
    }
    if (vectors && r.oneIn(2))
      return r.pick([
        `movups xmm${r.below(3)}, ${operand(16)}`,
        `movups ${operand(16)}, xmm${r.below(3)}`,
        `movaps xmm${r.below(3)}, ${operand(16)}`,
        `movaps ${operand(16)}, xmm${r.below(3)}`,
        `movsd xmm${r.below(3)}, ${operand(8)}`,
        `movsd ${operand(8)}, xmm${r.below(3)}`,
        `addps xmm${r.below(3)}, ${operand(16)}`,
        `mulsd xmm${r.below(3)}, ${operand(8)}`,
        `pxor xmm${r.below(3)}, ${operand(16)}`,
        `movss xmm1, ${operand(4)}`,
        `movd ${operand(4)}, xmm2`,
      ]);
    return r.pick([
      `mov eax, ${operand(4)}`,
      `mov ${operand(4)}, eax`,
      `mov dl, ${operand(1)}`,
      `mov ${operand(1)}, dl`,
      `movzx eax, word ptr ${operand(2)}`,
      `add dword ptr ${operand(4)}, 3`,
      `add edx, ${operand(4)}`,
      `xor ${register("dx")}, ${operand(8)}`,
      `cmp dword ptr ${operand(4)}, 7`,
      `imul edx, ${operand(4)}`,
      `inc byte ptr ${operand(1)}`,
    ]);
  };
  const step = (name: string): string => {
    const by = r.pick([1, 2, 4, 8, 16, 16, 32, 64, 200, 512, 1000]) * (r.oneIn(4) ? -1 : 1);
    return r.pick([
      `add ${register(name)}, ${by}`,
      `sub ${register(name)}, ${-by}`,
      `lea ${register(name)}, [${register(name)} + ${by}]`,
      `inc ${register(name)}`,
    ]);
  };
  const lines: string[] = [];
  for (let n = 1 + r.below(4); n > 0; n--) lines.push(access());
  for (const name of ["si", "di", "bx"]) if (!r.oneIn(4)) lines.splice(r.below(lines.length + 1), 0, step(name));
  if (r.oneIn(6)) lines.splice(r.below(lines.length + 1), 0, "mov esi, eax");
  if (r.oneIn(6)) lines.push(`push ${register("ax")}`, `pop ${register("dx")}`);
  if (r.oneIn(3)) lines.splice(r.below(lines.length + 1), 0, "cmp edx, 12345", `${r.pick(["je", "jb", "js"])} out`);
  if (r.oneIn(5)) lines.push("jmp behind", "nop", "behind:");
  return `${floats ? "fninit\n" : ""}again:\n${lines.join("\n")}\n${r.pick(["dec ecx", "sub ecx, 1", "add ecx, -1"])}\njnz again\nout:\nhlt`;
}

/** Where an operand may begin: often at the border of the pages or near their end. */
function somewhere(r: Random, place: Place): number {
  const at = r.pick([0x1000 - r.below(64), DATA_SIZE - r.below(200), r.below(200), r.below(DATA_SIZE)]);
  return dataOf(place) + (r.oneIn(3) ? at : at & ~15);
}

function state(side: SingleMachine, reason: number, place: Place): Record<string, string> {
  const m = side.machine;
  const seen: Record<string, string> = {
    reason: String(reason),
    exception: reason === Exit.EXCEPTION ? String(m.get32(L.EXIT_SELECTOR)) : "",
    rip: m.get64(L.RIP).toString(16),
    ticks: String(m.get64(L.TICKS)),
    flags: m.core.rflags().toString(16),
    mxcsr: m.get32(L.MXCSR).toString(16),
  };
  for (let n = 0; n < (place === "long" ? 16 : 8); n++) {
    seen[`gpr ${n}`] = m.gpr(n).toString(16);
    seen[`xmm ${n}`] = m.get64(L.YMM + n * 32).toString(16) + m.get64(L.YMM + n * 32 + 8).toString(16);
  }
  for (const [name, address, size] of X87_STATE) {
    const at = m.u8.subarray(address, address + size);
    seen[name] = Buffer.from(at).toString("hex");
  }
  for (const [n, page] of side.pages.entries())
    seen[`page ${n}`] = Buffer.from(m.u8.subarray(page, page + 4096)).toString("hex");
  return seen;
}

describe.each(["long", "flat", "segmented"] satisfies Place[])("%s", (place) => {
  test("loops end alike", () => {
    const random = new Random(place.length * 77);
    let ticks = 0;
    let translated = 0;
    for (let program = 0; program < PROGRAMS; program++) {
      const text = source(random, place);
      const origin = codeOf(place);
      const code = assembleFragment(text, PLACES[place], origin);
      for (const side of sides) {
        side.enter(place);
        side.machine.poke(side.codeFrame, code);
      }
      for (let turn = 0; turn < TURNS; turn++) {
        const registers = Array.from({ length: 16 }, () => BigInt(random.u32()));
        registers[1] = BigInt(1 + random.below(random.oneIn(3) ? 300 : 20));
        registers[3] = BigInt(random.below(40));
        registers[4] = BigInt(stackOf(place) + 0x800);
        for (const n of [5, 6, 7]) registers[n] = BigInt(somewhere(random, place));
        // An index in the place of an address.
        if (/\[.bx/.test(text) && random.oneIn(2)) registers[3] = BigInt(somewhere(random, place));
        const fill = random.u32();
        const budget = random.oneIn(2) ? 5000 : 1 + random.below(400);
        const seed = random.u32();
        const [below, above] = sides.map((side) => {
          const m = side.machine;
          for (let n = 0; n < 16; n++) m.setGpr(n, registers[n]!);
          for (const page of side.pages.slice(0, 3))
            for (let i = 0; i < 4096; i += 4) m.set32(page + i, 0x3f80_0000 + ((i * fill) & 0x7f_ffff));
          for (let n = 0; n < 8; n++) m.set64(L.YMM + n * 32, 0x3ff0_0000_3f80_0000n + BigInt(n));
          m.set64(L.TICKS, 0n);
          m.set32(L.ACTIVITY, 0);
          m.set32(L.FAULT, 0);
          m.core.setRflags(2);
          m.core.refresh();
          const before = side.count(2);
          const reason = side.run(new Random(seed), origin, budget);
          if (side.tier1 !== undefined) translated += side.count(2) - before;
          ticks += Number(m.get64(L.TICKS)) / 2;
          return state(side, reason, place);
        });
        expect(above, `${text}\nfrom ${registers.map((value) => value.toString(16))}, ${budget} ticks`).toEqual(below);
      }
    }
    expect(translated / ticks).toBeGreaterThan(0.5);
  });
});
