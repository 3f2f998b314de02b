// Ring crossings have a short form for flat kernels (assembly/vcpu/crossing.ts) beside the general one. An armed
// data breakpoint that nothing touches sends every crossing through the general form: with and without it, a
// random event, its handler's IRET and what follows must leave the same machine.

import { beforeAll, describe, expect, it } from "vitest";
import { assemble } from "../guest/assemble.js";
import { Random } from "../oracle/random.js";
import * as d from "./descriptors.js";
import { DATA, GDT, IDT, innerStack, Machine, ringStack, SELECTOR, type Setup, STACK, STUBS, TSS } from "./machine.js";

const CASES = 150;
const TICKS = 120;
const UD = 6;
const GP = 13;
const SOFTWARE = 0x80;
/** Nothing lies here. */
const UNTOUCHED = 0x7000_0000n;
/** L0, data write or read, four bytes. */
const DR7_WATCH = 0xf_0401n;
/** Flags that a case may start or return with. */
const FLAGS = 0x24_4fd5n;

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

/** The handler of every vector: skips `error` bytes, moves the return address, flips flags, returns. */
function handler(vector: number, long: boolean, error: boolean, skip: number, flip: bigint): void {
  const [sp, word, size] = long ? ["rsp", "qword", 8] : ["esp", "dword", 4];
  const lines = [
    error ? `add ${sp}, ${size}` : "",
    skip ? `add ${word} [${sp}], ${skip}` : "",
    flip ? `xor ${word} [${sp} + ${2 * (size as number)}], ${flip}` : "",
    long ? "iretq" : "iretd",
  ];
  const origin = DATA + vector * 64;
  const source = `.org ${origin}\n${lines.join("\n")}\n`;
  for (const chunk of assemble(source, { mode: long ? 64 : 32 }).chunks)
    m.memory.write(Number(chunk.load), chunk.bytes);
  m.gate(vector, { dpl: vector === SOFTWARE ? 3 : 0, offset: origin });
}

/** One thing out of the ordinary, or nothing. */
function disturb(random: Random, long: boolean): void {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const code = (fields: Partial<d.SegmentFields>): bigint => d.segment({ type: d.CODE_XR, long, ...fields });
  switch (random.below(16)) {
    case 0:
      m.descriptor(SELECTOR.code[0] as number, code(pick([{ type: 0xa }, { type: d.CODE_XR_CONFORMING }, { dpl: 3 }])));
      break;
    case 1:
      m.descriptor(SELECTOR.code[0] as number, code(pick([{ present: false }, { limit: 0xffff }, { type: d.CODE_X }])));
      break;
    case 2:
      m.descriptor(SELECTOR.data[0] as number, d.segment(pick([{ type: 2 }, { type: 1 }, { type: 3, base: 16 }])));
      break;
    case 3:
      m.descriptor(
        SELECTOR.code[3] as number,
        code(pick([{ type: 0xa, dpl: 3 }, { dpl: 0 }, { dpl: 3, present: false }])),
      );
      break;
    case 4:
      m.descriptor(
        SELECTOR.data[3] as number,
        d.segment(
          pick([
            { type: 2, dpl: 3 },
            { type: 3, dpl: 2 },
            { type: 3, dpl: 3, limit: 0xffff },
          ]),
        ),
      );
      break;
    case 5:
      m.gate(SOFTWARE, {
        dpl: pick([0, 3]),
        type: pick([d.TRAP_GATE32, d.INTERRUPT_GATE16, d.TASK_GATE]),
        offset: 0x8000,
      });
      break;
    case 6:
      m.gate(SOFTWARE, { dpl: 3, selector: pick([0, 4, SELECTOR.code[3], SELECTOR.data[0], 0xfff8]) as number });
      break;
    case 7:
      m.memory.writeUint32(TSS + 4, pick([0x21004, 0x21010, 0x2100a, 0x25000, 0xfff0_0000]));
      break;
    case 8:
      if (!long) m.memory.writeUint32(TSS + 8, pick([0, 3, SELECTOR.data[3] as number, SELECTOR.code[0] as number]));
      else m.gate(SOFTWARE, { dpl: 3, count: pick([1, 7]), offset: DATA + SOFTWARE * 64 });
      break;
    case 9:
      m.registers.set("tr.limit", pick([3, 8, 9, 11, 12]));
      break;
    case 10:
      m.registers.set(
        pick(["ds", "es", "fs", "gs"] as const) === "ds" ? "ds.attributes" : "fs.attributes",
        pick([0xc093, 0x1_0000]),
      );
      break;
    case 11:
      m.registers.set("idtr.limit", pick([0x3ff, 0x406, 0x407, 0x80f]));
      break;
    default:
      break;
  }
}

/** Runs case `seed`; `general` forces the general form. Everything observable afterwards. */
function outcome(setup: Setup, seed: number, general: boolean): Record<string, unknown> {
  const random = new Random(seed);
  const long = setup.mode === "long";
  m.setup({ ...setup, cpl: 0 });
  // The short form needs what it reads to be cached.
  const lines = [IDT, IDT + 0x800, GDT, TSS].map((at) => `mov eax, [${at}]`);
  for (const top of [STACK.ring0, STACK.inner0, STACK.ist])
    lines.push(`mov eax, [${top - 8}]`, `mov [${top - 8}], eax`);
  m.run(lines.join("\n"));

  const cpl = random.below(4) === 0 ? 0 : 3;
  m.ring(cpl);
  const flip = random.below(2) === 0 ? 0n : BigInt(random.u32()) & FLAGS;
  handler(SOFTWARE, long, false, 0, flip);
  handler(UD, long, false, 2, flip);
  handler(GP, long, true, 2, flip);
  disturb(random, long);
  m.registers.set("rsp", BigInt(ringStack(cpl) - [0, 4, 8, 16, 20, 32, 40, 100][random.below(8)]!));
  m.registers.set("rflags", 2n | (BigInt(random.u32()) & (random.below(2) === 0 ? 0x8d5n : FLAGS & ~0x100n)));
  m.load(["int 0x80", "ud2", "out 0x99, al", "int 0x80\nud2\nint 0x80"][random.below(4)] as string);
  if (general) {
    m.registers.set("dr0", UNTOUCHED);
    m.registers.set("dr7", DR7_WATCH);
  }
  const { ticks, instructions } = m.partition;
  const exit = m.partition.run({ ticks: TICKS });
  const r = m.registers;
  const state: Record<string, unknown> = { reason: exit.reason, activity: m.processor.activity, cpl: r.get("cpl") };
  for (const name of ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "rip", "rflags", "cr2", "dr6"] as const)
    state[name] = r.get(name);
  for (const name of ["cs", "ss", "ds", "es", "fs", "gs", "tr"] as const)
    state[name] = [r[name].selector, r[name].base, r[name].limit, r[name].attributes];
  state.ticks = m.partition.ticks - ticks;
  state.instructions = m.partition.instructions - instructions;
  const memory = new Uint8Array(0x50000);
  m.memory.read(0, memory);
  state.memory = Buffer.from(memory).toString("latin1");
  return state;
}

describe.each([
  { mode: "protected32" },
  { mode: "protected32", paging: "32-bit" },
  { mode: "protected32", paging: "PAE" },
  { mode: "long" },
] as Setup[])("short and general ring crossings agree: $mode $paging", (setup) => {
  it(`in ${CASES} random events and returns`, () => {
    for (let seed = 0; seed < CASES; seed++) {
      const short = outcome(setup, seed, false);
      const general = outcome(setup, seed, true);
      expect(short, `case ${seed}`).toEqual(general);
    }
  });
});

it("the inner stack's place is where the test thinks", () => {
  m.setup({ cpl: 3 });
  m.run("nop");
  expect(m.registers.rsp).toBe(BigInt(innerStack(0) - 20));
  expect(STUBS).toBe(0x8000);
});
