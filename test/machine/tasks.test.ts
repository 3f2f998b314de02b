// Hardware task switching with 16- and 32-bit TSSs: what is saved and loaded, busy and NT flags, back links,
// task gates, faults before and after the point of no return. SDM Vol. 3, chapter 7.

import { beforeAll, describe, expect, it } from "vitest";
import * as d from "./descriptors.js";
import { CODE, DONE, GDT, LDT, Machine, ringStack, SELECTOR, STUBS, TSS, TSS_B, TSS_C } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

const B = SELECTOR.FREE;
const GATE = SELECTOR.FREE + 8;
const C = SELECTOR.FREE + 16;
const ENTRY = CODE + 0x800;

/** Offsets of SDM Vol. 3, figure 7-2 and 7-10. */
const T32 = {
  link: 0,
  cr3: 0x1c,
  eip: 0x20,
  eflags: 0x24,
  eax: 0x28,
  ecx: 0x2c,
  edx: 0x30,
  ebx: 0x34,
  esp: 0x38,
  ebp: 0x3c,
  esi: 0x40,
  edi: 0x44,
  es: 0x48,
  cs: 0x4c,
  ss: 0x50,
  ds: 0x54,
  fs: 0x58,
  gs: 0x5c,
  ldt: 0x60,
  trap: 0x64,
  map: 0x66,
};
const T16 = {
  link: 0,
  ip: 0x0e,
  flags: 0x10,
  ax: 0x12,
  cx: 0x14,
  dx: 0x16,
  bx: 0x18,
  sp: 0x1a,
  bp: 0x1c,
  si: 0x1e,
  di: 0x20,
  es: 0x22,
  cs: 0x24,
  ss: 0x26,
  ds: 0x28,
  ldt: 0x2a,
};

interface Task {
  base?: number;
  selector?: number;
  ring?: number;
  type?: number;
  limit?: number;
  fields?: Record<number, number>;
}

/** A 32-bit task that starts at ENTRY. */
function task({ base = TSS_B, selector = B, ring = 0, type = d.TSS32, limit = 0x67, fields = {} }: Task = {}): void {
  m.descriptor(selector, d.segment({ type, system: true, base, limit }));
  const data = SELECTOR.data[ring] as number;
  const all: Record<number, number> = {
    [T32.eip]: ENTRY,
    [T32.eflags]: 2,
    [T32.esp]: 0x60000,
    [T32.cs]: SELECTOR.code[ring] as number,
    [T32.ss]: data,
    [T32.ds]: data,
    [T32.es]: data,
    [T32.fs]: data,
    [T32.gs]: data,
    [T32.ldt]: 0,
    [T32.eax]: 0xaaaa,
    [T32.edi]: 0x7777,
    4: 0x61000,
    8: SELECTOR.data[0],
    ...fields,
  };
  for (const [offset, value] of Object.entries(all)) m.memory.writeUint32(base + Number(offset), value);
}

/** Puts `source` at ENTRY, then the fragment at CODE. */
function program(fragment: string, atEntry: string): void {
  m.load(atEntry, {}, ENTRY);
  const { labels } = m;
  m.load(fragment, {}, CODE);
  for (const [name, value] of labels) if (!m.labels.has(name)) m.labels.set(name, value);
}

const typeOf = (selector: number): number => m.memory.readUint8(GDT + selector + 5) & 0xf;
const u32 = (address: number): number => m.memory.readUint32(address);

describe("JMP to a TSS", () => {
  it("saves the old task and loads the new one", () => {
    m.setup();
    task();
    program(`mov ebx, 0xbbbb\nmov ebp, 0x5555\nstc\njmp ${B}:0\nback:`, "mov ecx, eax");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.tr.selector).toBe(B);
    expect([m.registers.rcx, m.registers.rdi]).toEqual([0xaaaan, 0x7777n]);
    expect(u32(TSS + T32.ebx)).toBe(0xbbbb);
    expect(u32(TSS + T32.ebp)).toBe(0x5555);
    expect(u32(TSS + T32.esp)).toBe(ringStack(0));
    expect(u32(TSS + T32.eip)).toBe(Number(m.label("back")));
    expect(u32(TSS + T32.eflags) & 1).toBe(1);
    expect(m.memory.readUint16(TSS + T32.cs)).toBe(SELECTOR.code[0]);
  });
  it("frees the old TSS, marks the new one busy, leaves NT and the link alone", () => {
    m.setup();
    task({ fields: { [T32.link]: 0x1234 } });
    program(`jmp ${B}:0`, "pushfd\npop ebx");
    m.run();
    expect([typeOf(SELECTOR.TSS), typeOf(B)]).toEqual([d.TSS32, d.TSS32_BUSY]);
    expect(m.registers.rbx & d.FLAG.NT).toBe(0n);
    expect(u32(TSS_B)).toBe(0x1234);
  });
  it("sets CR0.TS", () => {
    m.setup();
    task();
    program(`jmp ${B}:0`, "nop");
    m.run();
    expect(m.registers.cr0 & d.CR0.TS).toBe(d.CR0.TS);
  });
  it("to a busy TSS raises #GP(selector)", () => {
    m.setup();
    task({ type: d.TSS32_BUSY });
    expect(m.run(`jmp ${B}:0`)).toMatchObject({ vector: d.VECTOR.GP, error: B });
  });
  it("to a TSS that is not present raises #NP(selector)", () => {
    m.setup().descriptor(B, d.segment({ type: d.TSS32, system: true, base: TSS_B, limit: 0x67, present: false }));
    expect(m.run(`jmp ${B}:0`)).toMatchObject({ vector: d.VECTOR.NP, error: B });
  });
  it.each([
    ["32-bit below 67h", d.TSS32, 0x66],
    ["16-bit below 2Bh", d.TSS16, 0x2a],
  ])("to a TSS whose limit is too small (%s) raises #TS(selector) in the old task", (_, type, limit) => {
    m.setup();
    task({ type, limit });
    expect(m.run(`fault: jmp ${B}:0`)).toMatchObject({ vector: d.VECTOR.TS, error: B, rip: m.label("fault") });
    expect(m.registers.tr.selector).toBe(SELECTOR.TSS);
  });
  it("needs DPL >= CPL and RPL", () => {
    m.setup({ cpl: 3 });
    task();
    expect(m.run(`jmp ${B | 3}:0`)).toMatchObject({ vector: d.VECTOR.GP, error: B });
  });
  it("to the LDT raises #GP(selector)", () => {
    m.setup();
    m.memory.writeUint64(LDT + 0x10, d.segment({ type: d.TSS32, system: true, base: TSS_B, limit: 0x67 }));
    expect(m.run("jmp 0x14:0")).toMatchObject({ vector: d.VECTOR.GP, error: 0x14 });
  });
  it("enters a task of ring 3", () => {
    m.setup();
    task({ ring: 3 });
    program(`jmp ${B}:0`, "nop");
    expect(m.run()).toMatchObject({ vector: DONE, cs: SELECTOR.code[3], rsp: 0x60000n });
  });
  it("loads CR3 and the LDT of the new task", () => {
    m.setup({ paging: "32-bit" });
    m.memory.writeUint32(0x70000, u32(m.table(2)));
    m.descriptor(C, d.segment({ type: d.LDT, system: true, base: 0x72000, limit: 0x17 }));
    task({ fields: { [T32.cr3]: 0x70000, [T32.ldt]: C } });
    program(`jmp ${B}:0`, "nop");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.cr3).toBe(0x70000n);
    expect(m.registers.ldtr).toMatchObject({ selector: C, base: 0x72000n, limit: 0x17 });
  });
});

describe("CALL and IRET", () => {
  it("CALL sets NT, writes the link, keeps both busy; IRET returns behind the CALL", () => {
    m.setup();
    task();
    program(`mov ebx, 1\ncall ${B}:0\nback: inc ebx`, "pushfd\npop eax\niretd");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.rbx).toBe(2n);
    expect(m.registers.tr.selector).toBe(SELECTOR.TSS);
    expect(u32(TSS_B + T32.eax) & Number(d.FLAG.NT)).toBe(Number(d.FLAG.NT));
    expect(u32(TSS_B) & 0xffff).toBe(SELECTOR.TSS);
    expect([typeOf(SELECTOR.TSS), typeOf(B)]).toEqual([d.TSS32_BUSY, d.TSS32]);
    // IRET saves the task's flags with NT cleared.
    expect(u32(TSS_B + T32.eflags) & Number(d.FLAG.NT)).toBe(0);
  });
  it("a second CALL continues the task behind its IRET", () => {
    m.setup();
    task();
    program(`call ${B}:0\ncall ${B}:0\nmov esi, [${TSS_B + T32.edx}]`, "mov edx, 1\niretd\nmov edx, 2\niretd");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.rsi).toBe(2n);
  });
  it("IRET with NT to a link that is not busy raises #TS(link)", () => {
    m.setup({ flags: d.FLAG.NT });
    task();
    m.memory.writeUint16(TSS, B);
    expect(m.run("iretd")).toMatchObject({ vector: d.VECTOR.TS, error: B });
  });
  it("a selector of the new task that is wrong raises #TS(selector) in the new task", () => {
    m.setup();
    task({ fields: { [T32.ds]: 0xfff0 } });
    program(`jmp ${B}:0`, "nop");
    const outcome = m.run();
    expect(outcome).toMatchObject({ vector: d.VECTOR.TS, error: 0xfff0, rip: BigInt(ENTRY) });
    expect(m.registers.tr.selector).toBe(B);
  });
  it("a CS of the new task that is a data segment raises #TS(CS)", () => {
    m.setup();
    task({ fields: { [T32.cs]: SELECTOR.data[0] } });
    program(`jmp ${B}:0`, "nop");
    expect(m.run()).toMatchObject({ vector: d.VECTOR.TS, error: SELECTOR.data[0] });
  });
  it("a null SS of the new task raises #TS(0)", () => {
    m.setup();
    task({ fields: { [T32.ss]: 0 } });
    m.gate(d.VECTOR.TS, { type: d.TASK_GATE, selector: C });
    task({ base: TSS_C, selector: C, fields: { [T32.eip]: STUBS + d.VECTOR.TS * 16 } });
    program(`jmp ${B}:0`, "nop");
    expect(m.run().exit).toBe("halt");
    expect(m.registers.tr.selector).toBe(C);
    // The error code is on the handler task's stack.
    expect(u32(Number(m.registers.rsp))).toBe(0);
  });
});

describe("16-bit TSS", () => {
  it("loads words; FS and GS become null", () => {
    m.setup();
    m.descriptor(B, d.segment({ type: d.TSS16, system: true, base: TSS_B, limit: 0x2b }));
    const code = SELECTOR.code16;
    const values: [number, number][] = [
      [T16.ip, 0x7000], [T16.flags, 2], [T16.ax, 0x1234], [T16.sp, 0x6ff0], [T16.es, SELECTOR.data16], [T16.cs, code],
      [T16.ss, SELECTOR.data16], [T16.ds, SELECTOR.data16], [T16.ldt, 0],
    ]; // biome-ignore format: pairs
    for (const [offset, value] of values) m.memory.writeUint16(TSS_B + offset, value);
    m.memory.write(0x7000, Uint8Array.of(0xcd, DONE));
    expect(m.run(`jmp ${B}:0`)).toMatchObject({ vector: DONE, cs: code });
    expect(m.registers.ax).toBe(0x1234n);
    expect(m.registers.fs.selector).toBe(0);
  });
});

describe("16-bit and 32-bit tasks side by side", () => {
  /** A 16-bit task whose code is at 7000h in the 16-bit segment. */
  const small = (base: number, selector: number, source: number[]): void => {
    m.descriptor(selector, d.segment({ type: d.TSS16, system: true, base, limit: 0x2b }));
    const data = SELECTOR.data16;
    const values = {
      [T16.ip]: 0x7000,
      [T16.flags]: 2,
      [T16.sp]: 0x6ff0,
      [T16.cs]: SELECTOR.code16,
      [T16.ss]: data,
      [T16.ds]: data,
      [T16.es]: data,
    };
    for (const [offset, value] of Object.entries(values)) m.memory.writeUint16(base + Number(offset), value);
    m.memory.write(0x7000, Uint8Array.from(source));
  };
  it("a 16-bit task called from a 32-bit one saves words and returns by IRET", () => {
    m.setup();
    // mov ax, 1234h; iret; int DONE
    small(TSS_B, B, [0xb8, 0x34, 0x12, 0xcf, 0xcd, DONE]);
    expect(m.run(`mov ebx, 0x11112222\ncall ${B}:0\nmov ecx, ebx`).vector).toBe(DONE);
    expect(m.registers.rcx).toBe(0x11112222n);
    expect(m.memory.readUint16(TSS_B + T16.ax)).toBe(0x1234);
    expect(m.memory.readUint16(TSS_B + T16.ip)).toBe(0x7004);
    expect(m.memory.readUint16(TSS_B)).toBe(SELECTOR.TSS);
    expect(typeOf(B)).toBe(d.TSS16);
  });
  it("while it runs it is busy as type 3", () => {
    m.setup();
    small(TSS_B, B, [0xcd, DONE]);
    m.run(`call ${B}:0`);
    expect([typeOf(B), typeOf(SELECTOR.TSS)]).toEqual([d.TSS16_BUSY, d.TSS32_BUSY]);
  });
  it("a 16-bit task leaves CR3 alone", () => {
    m.setup({ paging: "32-bit" });
    small(TSS_B, B, [0xcd, DONE]);
    const { cr3 } = m.registers;
    expect(m.run(`jmp ${B}:0`).vector).toBe(DONE);
    expect(m.registers.cr3).toBe(cr3);
  });
  it("an interrupt of ring 3 in a 16-bit task takes SS:SP of ring 0 from its words", () => {
    m.setup();
    m.descriptor(
      C,
      d.segment({ type: d.CODE_XR, dpl: 3, limit: 0xffff, big: false }),
      d.segment({ type: d.DATA_RW, dpl: 3, limit: 0xffff, big: false }),
    );
    small(TSS_B, B, [0xcd, DONE]);
    m.memory.writeUint16(TSS_B + T16.cs, C | 3);
    for (const offset of [T16.ss, T16.ds, T16.es]) m.memory.writeUint16(TSS_B + offset, (C + 8) | 3);
    m.memory.writeUint16(TSS_B + 2, 0x6800);
    m.memory.writeUint16(TSS_B + 4, SELECTOR.data[0]);
    const outcome = m.run(`jmp ${B}:0`);
    expect(outcome).toMatchObject({ vector: DONE, cs: C | 3, ss: (C + 8) | 3 });
    // The upper half of ESP is undefined after a switch to a 16-bit task.
    expect((outcome.rsp as bigint) & 0xffffn).toBe(0x6ff0n);
    expect(m.registers.rsp).toBe(0x6800n - 20n);
  });
});

describe("tasks and virtual-8086 mode (SDM Vol. 3, 21.2.5)", () => {
  it("a TSS with VM = 1 in its flags starts in virtual-8086 mode", () => {
    m.setup();
    m.gate(DONE, { dpl: 3 });
    task({
      fields: {
        [T32.eflags]: 0x23002,
        [T32.cs]: 0x600,
        [T32.eip]: 0x1000,
        [T32.ss]: 0x300,
        [T32.esp]: 0x4000,
        [T32.ds]: 0x1234,
      },
    });
    for (const [offset, value] of [
      [4, 0x25000],
      [8, SELECTOR.data[0]],
    ] as const)
      m.memory.writeUint32(TSS_B + offset, value);
    m.memory.write(0x7000, Uint8Array.of(0xcd, DONE));
    expect(m.run(`jmp ${B}:0`)).toMatchObject({ vector: DONE, cs: 0x600, rip: 0x1002n, ss: 0x300, rsp: 0x4000n });
    expect(m.frame(7)[6]).toBe(0x1234n);
  });
});

describe("task gates", () => {
  it("CALL through a gate in the GDT", () => {
    m.setup();
    task();
    m.descriptor(GATE, d.gate({ type: d.TASK_GATE, selector: B }));
    program(`call ${GATE}:0`, "nop");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.tr.selector).toBe(B);
  });
  it("only the gate's DPL counts, not the TSS's", () => {
    m.setup({ cpl: 3 });
    task();
    m.descriptor(GATE, d.gate({ type: d.TASK_GATE, selector: B, dpl: 3 }));
    program(`call ${GATE | 3}:0`, "nop");
    expect(m.run().vector).toBe(DONE);
  });
  it("an exception through a gate in the IDT pushes its error code on the new task's stack", () => {
    m.setup();
    task();
    m.gate(d.VECTOR.GP, { type: d.TASK_GATE, selector: B });
    program("mov eax, 0xfff0\nfault: mov ds, eax", "pop ebx");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.rbx).toBe(0xfff0n);
    expect(u32(TSS + T32.eip)).toBe(Number(m.label("fault")));
  });
  it("INT n through a task gate and IRET back", () => {
    m.setup();
    task();
    m.gate(0x40, { type: d.TASK_GATE, selector: B });
    program("mov ebx, 7\nint 0x40\ninc ebx", "iretd");
    expect(m.run().vector).toBe(DONE);
    expect(m.registers.rbx).toBe(8n);
    expect(m.registers.tr.selector).toBe(SELECTOR.TSS);
  });
  it("a gate that names no TSS raises #GP(selector)", () => {
    m.setup().descriptor(GATE, d.gate({ type: d.TASK_GATE, selector: SELECTOR.data[0] }));
    expect(m.run(`call ${GATE}:0`)).toMatchObject({ vector: d.VECTOR.GP, error: SELECTOR.data[0] });
  });
  it("a gate that is not present raises #NP(gate)", () => {
    m.setup().descriptor(GATE, d.gate({ type: d.TASK_GATE, selector: B, present: false }));
    expect(m.run(`call ${GATE}:0`)).toMatchObject({ vector: d.VECTOR.NP, error: GATE });
  });
});

describe("debug trap", () => {
  it("T = 1 in the new TSS raises #DB with BT before its first instruction (SDM Vol. 3, 17.3.1.5)", () => {
    m.setup();
    task({ fields: { [T32.trap]: 1 } });
    program(`jmp ${B}:0`, "nop");
    expect(m.run()).toMatchObject({ vector: d.VECTOR.DB, rip: BigInt(ENTRY) });
    expect(m.registers.dr6 & 0x8000n).toBe(0x8000n);
  });
});

describe("long mode has no task switches (SDM Vol. 3, 7.7)", () => {
  it("a far jump to a TSS raises #GP(selector)", () => {
    m.setup({ mode: "long" }).descriptor(B, d.segment({ type: d.TSS32, system: true, base: TSS_B, limit: 0x67 }), 0n);
    expect(m.run(`jmp far dword [rel pointer]\npointer: .long 0\n.word ${B}`)).toMatchObject({
      vector: d.VECTOR.GP,
      error: B,
    });
  });
  it("IRET with NT raises #GP(0)", () => {
    expect(m.setup({ mode: "long", flags: d.FLAG.NT }).run("iretq")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
});

describe("LTR and LLDT (SDM Vol. 2)", () => {
  it("LTR marks the descriptor busy", () => {
    m.setup();
    task();
    expect(m.run(`mov eax, ${B}\nltr ax`).vector).toBe(DONE);
    expect(typeOf(B)).toBe(d.TSS32_BUSY);
  });
  it.each([
    ["busy TSS", { type: d.TSS32_BUSY, system: true }, d.VECTOR.GP],
    ["data segment", { type: d.DATA_RW }, d.VECTOR.GP],
    ["TSS that is not present", { type: d.TSS32, system: true, present: false }, d.VECTOR.NP],
  ] as const)("LTR of a %s", (_, fields, vector) => {
    m.setup().descriptor(B, d.segment({ base: TSS_B, limit: 0x67, ...fields }));
    expect(m.run(`mov eax, ${B}\nltr ax`)).toMatchObject({ vector, error: B });
  });
  it("LTR of a null selector raises #GP(0)", () => {
    expect(m.setup().run("xor eax, eax\nltr ax")).toMatchObject({ vector: d.VECTOR.GP, error: 0 });
  });
  it.each([
    ["TSS", { type: d.TSS32, system: true }, d.VECTOR.GP],
    ["LDT that is not present", { type: d.LDT, system: true, present: false }, d.VECTOR.NP],
  ] as const)("LLDT of a %s", (_, fields, vector) => {
    m.setup().descriptor(B, d.segment({ base: LDT, limit: 0xff, ...fields }));
    expect(m.run(`mov eax, ${B}\nlldt ax`)).toMatchObject({ vector, error: B });
  });
});
