// Stores that hit code: the next instruction sees them, whoever made them (SDM Vol. 3, 8.1.3 asks for less:
// here every store is effective at once), and several processors in one partition.

import { beforeAll, describe, expect, it } from "vitest";
import type { Partition } from "../../src/node.js";
import { assembleFragment } from "../guest/assemble.js";
import * as d from "./descriptors.js";
import { CODE, createHypervisor, DONE, Machine } from "./machine.js";

let m: Machine;
beforeAll(async () => {
  m = await Machine.create();
});

describe("self-modifying code", () => {
  it("a store to the very next instruction", () => {
    m.setup().run("mov eax, 1\nmov byte [next + 1], 0x42\nnext: mov al, 0");
    expect(m.registers.al).toBe(0x42n);
  });
  it("a store to an instruction in the middle of the block, within one loop", () => {
    m.setup().run(
      "mov ecx, 100\nxor ebx, ebx\nloop_: mov byte [patch + 2], cl\npatch: add ebx, 0x7f\ndec ecx\njnz loop_",
    );
    expect(m.registers.rbx).toBe(5050n);
  });
  it("a store that turns an instruction into another length", () => {
    m.setup().run(
      "mov dword [next], 0x90909090\nmov byte [next + 4], 0x90\nmov ebx, 5\nnext: mov ebx, 0x11223344\nnop",
    );
    expect(m.registers.rbx).toBe(5n);
  });
  it("REP MOVSB over the instructions behind it", () => {
    m.setup().run(
      "mov esi, source\nmov edi, target\nmov ecx, 5\nrep movsb\ntarget: mov ebx, 1\njmp end\nsource: mov ebx, 2\nend:",
    );
    expect(m.registers.rbx).toBe(2n);
  });
  it("REP STOSB that overwrites its own prefix goes on from the new bytes, however the run is sliced", () => {
    // A REP may be interrupted after every element, so both outcomes are the manual's; one must hold always.
    const source = "mov edi, from\nmov ecx, 8\nmov al, 0x90\njmp here\nfrom: .zero 5\nhere: rep stosb\nnop\nnop";
    m.setup().run(source);
    const whole = m.registers.rcx;
    m.setup().load(source);
    while (m.partition.run({ ticks: 1 }).reason === "budget");
    expect([whole, m.registers.rcx]).toEqual([2n, 2n]);
  });
  it("a push onto the next instruction", () => {
    m.setup().run(
      "mov ebx, esp\nmov esp, next + 4\npush 0x900542b3\nnext: mov bl, 0\nnop\nnop\nmov ecx, ebx\nmov esp, 0x21000",
    );
    expect(m.registers.bl).toBe(0x42n);
  });
  it("a store through another linear address of the same frame", () => {
    m.setup({ paging: "32-bit" });
    m.setEntry(0x100000, BigInt(CODE) | d.P | d.W);
    m.load("mov byte [next + 1 - CODE + 0x100000], 0x42\nnext: mov al, 0", { CODE });
    m.run();
    expect(m.registers.al).toBe(0x42n);
  });
  it("a store to the second page of an instruction that crosses pages", () => {
    m.setup();
    const at = CODE + 0xffd; // mov ebx, imm32 with two bytes on this page
    m.load("mov byte [at + 9], 0x77\nat: mov ebx, 0x11223344", {}, at - 7);
    const start = m.label("at");
    expect(start).toBe(BigInt(at));
    m.run(undefined);
    expect(m.registers.rbx).toBe(0x11223344n);
    m.setup();
    m.load("mov byte [at + 4], 0x77\nat: mov ebx, 0x11223344", {}, at - 7);
    m.run(undefined);
    expect(m.registers.rbx).toBe(0x77223344n);
  });
  it("a remapped page brings other code at the same address", () => {
    m.setup({ paging: "32-bit" });
    const code = (value: number) => assembleFragment(`mov eax, ${value}\nret`, 32, 0x100000);
    m.memory.write(0x1e0000, code(1));
    m.memory.write(0x1f0000, code(2));
    m.setEntry(0x100000, 0x1e0000n | d.P | d.W);
    m.run(
      `call 0x100000\nmov ebx, eax\nmov dword [${m.entryAddress(0x100000)}], 0x1f0003\ninvlpg [0x100000]\ncall 0x100000`,
    );
    expect([m.registers.rbx, m.registers.rax]).toEqual([1n, 2n]);
  });
  it("a write by the host", () => {
    m.setup().load("mov eax, 1\nspin: jmp spin");
    m.partition.run({ ticks: 1000 });
    m.memory.write(Number(m.label("spin")), Uint8Array.of(0xcd, DONE));
    expect(m.run().vector).toBe(DONE);
  });
});

// ---- several processors: real-mode code, each in its own segment
const SHARED = 0x500;

async function processors(count: number, source: (n: number) => string): Promise<Partition> {
  const hypervisor = await createHypervisor();
  const partition = hypervisor.createPartition({ memory: 1 << 20, processors: count });
  for (const processor of partition.processors) {
    const start = 0x1000 * (processor.index + 1);
    partition.memory.write(start, assembleFragment(source(processor.index), 16, start));
    const r = processor.registers;
    r.set("cs.selector", 0);
    r.set("cs.base", 0n);
    r.set("rip", BigInt(start));
    r.set("rsp", BigInt(start));
    processor.activity = "active";
  }
  return partition;
}

describe("several processors (one partition, deterministic turns)", () => {
  it("LOCK XADD counts every increment of every processor", async () => {
    const partition = await processors(
      4,
      () => `mov cx, 1000\nagain: mov eax, 1\nlock xadd [${SHARED}], eax\nloop again\ncli\nhlt`,
    );
    partition.run({ ticks: 1_000_000 });
    expect(partition.memory.readUint32(SHARED)).toBe(4000);
  });
  it("a spin lock keeps plain increments apart", async () => {
    const partition = await processors(
      3,
      () => `mov cx, 500
again: mov al, 1
take: xchg [${SHARED}], al
      test al, al
      pause
      jnz take
      inc dword [${SHARED + 4}]
      mov byte [${SHARED}], 0
      loop again
      cli
      hlt`,
    );
    partition.run({ ticks: 5_000_000 });
    expect(partition.memory.readUint32(SHARED + 4)).toBe(1500);
  });
  it("one processor patches the code that another runs", async () => {
    const partition = await processors(2, (n) =>
      n === 0
        ? `mov cx, 2000\nwait: loop wait\nmov byte [0x2000], 0xeb\nmov byte [0x2001], 0x10\ncli\nhlt`
        : `jmp $\n.zero 16\nmov byte [${SHARED}], 0x99\ncli\nhlt`,
    );
    partition.run({ ticks: 100_000 });
    expect(partition.memory.readUint8(SHARED)).toBe(0x99);
  });
  it("the interleaving is the same in every run, whatever the budget slices", async () => {
    const source = (n: number) =>
      `mov cx, 3000\nagain: mov ax, [${SHARED}]\nimul ax, ax, 31\nadd ax, ${n + 1}\nmov [${SHARED}], ax\nloop again\ncli\nhlt`;
    const values: number[] = [];
    for (const slice of [1_000_000, 7, 1009, 50_000]) {
      const partition = await processors(3, source);
      for (let i = 0; i < 20_000; i++) if (partition.run({ ticks: slice }).reason === "halt") break;
      values.push(partition.memory.readUint16(SHARED));
    }
    expect(new Set(values).size).toBe(1);
  });
  it("step() runs only its own processor", async () => {
    const partition = await processors(2, (n) => `again: inc dword [${SHARED + n * 4}]\njmp again`);
    (partition.processors[1] as (typeof partition.processors)[number]).step(10);
    expect([partition.memory.readUint32(SHARED), partition.memory.readUint32(SHARED + 4)]).toEqual([0, 5]);
  });
});

describe("budgets", () => {
  it.each([1, 2, 3, 17, 1000])("run({ ticks: %i }) stops at exactly that tick", (ticks) => {
    m.setup().load("again: add eax, 1\nadd ebx, 1\njmp again");
    const before = m.processor.ticks;
    expect(m.partition.run({ ticks }).reason).toBe("budget");
    expect(m.processor.ticks - before).toBe(BigInt(ticks));
    expect(m.registers.rax).toBe(BigInt(Math.ceil(ticks / 3)));
  });
  it("REP elements cost a tick each and retire one instruction", () => {
    m.setup().load("mov edi, 0x40000\nmov ecx, 100\nrep stosb");
    const [ticks, instructions] = [m.processor.ticks, m.processor.instructions];
    m.processor.step(3);
    expect(m.processor.ticks - ticks).toBe(102n);
    expect(m.processor.instructions - instructions).toBe(3n);
  });
});
