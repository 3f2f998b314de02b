// The local APIC and the I/O APIC as a guest meets them (SDM vol. 3, chapter 11): the timer in its three modes,
// accesses by memory and by MSR, task priority, levels, and the 8259A pair behind them. Ticks are nanoseconds;
// an instruction takes one, and so does the delivery of an interrupt.

import { describe, expect, it } from "vitest";
import { apicDevices, type Platform, platform, RESULTS, startPic } from "./platform.js";

const devices = { devices: apicDevices };
const ENABLE = "mov dword [APIC_SVR], 0x1ff";
const GP = { 13: "protection" };
/** Counts #GP and goes on behind the two bytes of RDMSR or WRMSR. */
const PROTECTION = `
protection: inc dword [RESULTS + 0x100]
    add esp, 4
    add dword [esp], 2
    iret`;

async function run(source: string, handlers: Record<number, string> = {}, ticks = 1_000_000): Promise<Platform> {
  const machine = await platform(source, handlers, devices);
  const exit = machine.partition.run({ ticks });
  expect(["halt", "budget"]).toContain(exit.reason);
  return machine;
}

describe("local APIC timer", () => {
  // RDTSC, the OUT-like store behind it, delivery and RDTSC again: 2 ticks to the load, 2 from the expiry.
  const timer = (entry: number, divide: number, start: string): string => `
    ${ENABLE}
    mov edi, RESULTS + 8
    mov dword [APIC_DIVIDE], ${divide}
    mov dword [APIC_TIMER], ${entry}
    mov ebx, APIC_INITIAL
    rdtsc
    mov [RESULTS], eax
    ${start}
    sti
again: hlt
    jmp again
tick: rdtsc
    mov [edi], eax
    add edi, 4
    mov dword [APIC_EOI], 0
    iret`;
  const LOADED = 2;
  const SEEN = 2;

  it("counts down once", async () => {
    const { partition, result } = await platform(timer(0x40, 0xb, "mov dword [ebx], 5000"), { 64: "tick" }, devices);
    expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
    expect(result(2) - result(0)).toBe(LOADED + 5000 + SEEN);
    expect(result(3)).toBe(0);
  });

  it("counts down again and again, slower by the divider", async () => {
    const { result } = await run(timer(0x2_0040, 0x2, "mov dword [ebx], 1000"), { 64: "tick" }, 41_000);
    const first = result(0) + LOADED + SEEN;
    expect([2, 3, 4, 5].map((n) => result(n) - first)).toEqual([8000, 16000, 24000, 32000]);
  });

  for (const [divide, by] of [
    [0xb, 1],
    [0x0, 2],
    [0x1, 4],
    [0x2, 8],
    [0x3, 16],
    [0x8, 32],
    [0x9, 64],
    [0xa, 128],
  ]) {
    it(`divides by ${by}`, async () => {
      const { partition, result } = await platform(
        timer(0x40, divide, "mov dword [ebx], 100"),
        { 64: "tick" },
        devices,
      );
      partition.run();
      expect(result(2) - result(0)).toBe(LOADED + 100 * by + SEEN);
    });
  }

  it("waits for a value of the time-stamp counter", async () => {
    const { partition, result } = await platform(
      timer(0x4_0040, 0xb, "mov ecx, 0x6e0\nadd eax, 7000\nmov edx, 0\nwrmsr\nrdmsr\nmov [RESULTS + 0x20], eax"),
      { 64: "tick" },
      devices,
    );
    expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
    expect(result(2) - result(0)).toBe(7000 + SEEN);
    // The deadline reads back until it has come, then zero.
    expect(result(8) - result(0)).toBe(7000);
  });

  it("shows the count of the very instruction that reads it, in a block or alone", async () => {
    const source = `
      ${ENABLE}
      mov dword [APIC_DIVIDE], 0xb
      mov dword [APIC_TIMER], 0x10040
      mov dword [APIC_INITIAL], 1000000
      mov eax, [APIC_CURRENT]
      nop
      nop
      nop
      mov ecx, [APIC_CURRENT]
      rdtsc
      mov edx, [APIC_CURRENT]
      sub edx, ecx
      sub ecx, eax
      hlt`;
    const { partition } = await run(source);
    const { registers } = partition.processors[0];
    expect(registers.edx).toBe(0xffff_fffen);
    const stepped = await platform(source, {}, devices);
    while (stepped.partition.processors[0].step().reason === "step");
    for (const name of ["eax", "ecx", "edx", "rip", "tsc"] as const) {
      expect(stepped.partition.processors[0].registers[name]).toBe(registers[name]);
    }
  });

  it("stops when its count is zero or its entry masked, and goes on when unmasked", async () => {
    const { partition, result } = await platform(
      `
      ${ENABLE}
      mov dword [APIC_DIVIDE], 0xb
      mov dword [APIC_TIMER], 0x30040
      mov dword [APIC_INITIAL], 1000
      mov ecx, 1700
    spin: loop spin
      sti
      mov dword [APIC_TIMER], 0x20040
      rdtsc
      mov [RESULTS], eax
      hlt
      mov dword [APIC_INITIAL], 0
      mov eax, [APIC_CURRENT]
      mov [RESULTS + 8], eax
      hlt
    tick: rdtsc
      mov [RESULTS + 4], eax
      mov dword [APIC_EOI], 0
      iret`,
      { 64: "tick" },
      devices,
    );
    expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
    // Loaded by the fourth instruction: its second cycle ends 2000 ticks later.
    expect(result(1)).toBe(4 + 2000 + SEEN);
    expect(result(2)).toBe(0);
  });
});

describe("local APIC registers", () => {
  it("are found by CPUID, and not when switched off", async () => {
    const { partition } = await run(`
      mov eax, 1
      cpuid
      mov [RESULTS], edx
      mov [RESULTS + 4], ecx
      mov ecx, 0x1b
      rdmsr
      mov [RESULTS + 8], eax
      and eax, 0xfffff7ff
      wrmsr
      mov eax, 1
      cpuid
      mov [RESULTS + 12], edx
      mov ebx, [APIC_SVR]
      cli
      hlt`);
    const word = (n: number) => partition.memory.readUint32(0x2000 + n * 4);
    expect((word(0) >>> 9) & 1).toBe(1);
    expect((word(1) >>> 21) & 1).toBe(1);
    expect((word(1) >>> 24) & 1).toBe(1);
    expect(word(2)).toBe(0xfee0_0900);
    expect((word(3) >>> 9) & 1).toBe(0);
    // An empty page.
    expect(partition.processors[0].registers.ebx).toBe(0xffff_ffffn);
  });

  it("are not there without the device", async () => {
    const { partition } = await platform("mov eax, 1\ncpuid\nmov ebx, [APIC_ID]\ncli\nhlt");
    partition.run();
    expect((partition.processors[0].registers.edx >> 9n) & 1n).toBe(0n);
    expect(partition.processors[0].registers.ebx).toBe(0xffff_ffffn);
  });

  it("move with IA32_APIC_BASE", async () => {
    const { partition } = await run(`
      mov ecx, 0x1b
      rdmsr
      mov eax, 0xfed00900
      wrmsr
      mov ebx, [0xfed00030]
      mov esi, [APIC + 0x30]
      cli
      hlt`);
    expect(partition.processors[0].registers.ebx & 0xffn).toBe(0x14n);
    expect(partition.processors[0].registers.esi).toBe(0xffff_ffffn);
  });

  it("are MSRs in x2APIC mode and memory no longer", async () => {
    const { result } = await run(
      `
      mov ecx, 0x802
      rdmsr                ; xAPIC mode: #GP
      mov ecx, 0x1b
      rdmsr
      or eax, 0x400
      wrmsr
      mov eax, [APIC_ID]
      mov [RESULTS], eax
      mov ecx, 0x803
      rdmsr
      mov [RESULTS + 4], eax
      mov ecx, 0x80d
      rdmsr
      mov [RESULTS + 8], eax
      mov ecx, 0x80e
      rdmsr                ; no DFR: #GP
      mov ecx, 0x80b
      rdmsr                ; EOI cannot be read
      mov eax, 1
      mov edx, 0
      wrmsr                ; and only zero be written
      mov ecx, 0x80f
      mov eax, 0x11ff
      wrmsr                ; reserved bits
      mov eax, 0x1ff
      wrmsr
      mov ecx, 0x83f
      mov eax, 0x51
      sti
      wrmsr                ; an interrupt to itself
      nop
      cli
      mov ecx, 0x1b
      rdmsr
      and eax, 0xfffffbff
      wrmsr                ; back to xAPIC mode: #GP
      hlt
    self: inc dword [RESULTS + 12]
      mov ecx, 0x80b
      mov eax, 0
      mov edx, 0
      wrmsr
      iret
      ${PROTECTION}`,
      { ...GP, 81: "self" },
    );
    expect(result(0)).toBe(0xffff_ffff);
    expect(result(1) & 0xff).toBe(0x14);
    expect(result(2)).toBe(1);
    expect(result(3)).toBe(1);
    expect(result(0x40)).toBe(6);
  });

  it("hold interrupts back by CR8", async () => {
    const { partition, result } = await platform(
      `
      ${ENABLE}
      mov dword [APIC_TPR], 0x50
      mov dword [APIC_ICR], 0x4004f     ; to itself, vector 4Fh
      sti
      nop
      mov eax, [RESULTS]
      mov [RESULTS + 4], eax
      mov dword [APIC_TPR], 0x40
      nop
      mov eax, [RESULTS]
      mov [RESULTS + 8], eax
      mov dword [APIC_TPR], 0x30
      nop
      cli
      hlt
    self: inc dword [RESULTS]
      mov dword [APIC_EOI], 0
      iret`,
      { 79: "self" },
      devices,
    );
    partition.run({ ticks: 10_000 });
    expect([result(0), result(1), result(2)]).toEqual([1, 0, 0]);
    expect(partition.processors[0].registers.cr8).toBe(3n);
    partition.processors[0].registers.cr8 = 7n;
    expect(partition.processors[0].registers.cr8).toBe(7n);
  });

  it("are reached by instructions that read and write", async () => {
    const { result } = await run(`
      mov dword [APIC_TPR], 0x21
      or dword [APIC_TPR], 0x12
      mov eax, 0x7f
      xchg [APIC_TPR], eax
      mov [RESULTS], eax
      push dword [APIC_TPR]
      pop dword [RESULTS + 4]
      mov esi, APIC_TPR
      mov edi, RESULTS + 8
      mov ecx, 3
      rep movsd
      cli
      hlt`);
    expect(result(0)).toBe(0x33);
    expect(result(1)).toBe(0x7f);
    // The register fills four of its sixteen bytes.
    expect([result(2), result(3), result(4)]).toEqual([0x7f, 0, 0]);
  });
});

describe("interrupt lines", () => {
  const route = (input: number, low: number): string => `
    mov dword [IOAPIC], ${0x11 + input * 2}
    mov dword [IOAPIC + 0x10], 0
    mov dword [IOAPIC], ${0x10 + input * 2}
    mov dword [IOAPIC + 0x10], ${low}`;

  it("interrupt again while a level lasts behind the end of interrupt", async () => {
    const { partition, result } = await platform(
      `
      ${ENABLE}
      ${route(17, 0x8061)}
      sti
    again: hlt
      jmp again
    line: inc dword [RESULTS]
      cmp dword [RESULTS], 3
      jne .more
      mov dx, 0x300
      out dx, al           ; the device lets go
    .more: mov dword [APIC_EOI], 0
      iret`,
      { 97: "line" },
      devices,
    );
    partition.onPorts(0x300, 1, { write: () => partition.chipset.setInterruptLine(17, false) });
    partition.run({ ticks: 1000 });
    partition.chipset.setInterruptLine(17, true);
    expect(partition.run({ ticks: 10_000 })).toMatchObject({ reason: "halt", idle: true });
    expect(result(0)).toBe(3);
  });

  it("bring the timer through input 2", async () => {
    const { partition, result } = await platform(
      `
      ${ENABLE}
      ${route(2, 0x62)}
      mov al, 0x34
      out 0x43, al
      mov al, 100
      out 0x40, al
      mov al, 0
      out 0x40, al
      sti
    again: hlt
      jmp again
    line: inc dword [RESULTS]
      mov dword [APIC_EOI], 0
      iret`,
      { 98: "line" },
      devices,
    );
    partition.run({ ticks: 1_000_000 });
    // 1193.18 pulses in a millisecond, one interrupt in a hundred.
    expect(result(0)).toBe(11);
  });

  it("reach the processor through the 8259A pair as after power-on", async () => {
    const { partition, result } = await platform(
      `
      ${startPic(0xef)}
      sti
      hlt
      cli
      hlt
    line: inc dword [RESULTS]
      mov al, 0x20
      out 0x20, al
      iret`,
      { 36: "line" },
      devices,
    );
    partition.run({ ticks: 1000 });
    partition.chipset.setInterruptLine(4, true);
    partition.run({ ticks: 1000 });
    expect(result(0)).toBe(1);
  });

  it("carry messages of devices", async () => {
    const { partition, result } = await platform(
      `
      ${ENABLE}
      sti
      hlt
      cli
      hlt
    line: inc dword [RESULTS]
      iret`,
      { 113: "line" },
      devices,
    );
    partition.run({ ticks: 1000 });
    // Beyond 4 GiB there is memory, and no interrupt controller.
    partition.chipset.message(0x1_fee0_0000, 0x71);
    partition.run({ ticks: 1000 });
    expect(result(0)).toBe(0);
    partition.chipset.message(0xfee0_0000, 0x71);
    partition.run({ ticks: 1000 });
    expect(result(0)).toBe(1);
  });

  it("interrupt as NMI behind the very OUT that opens their way", async () => {
    const { partition, result } = await platform(
      `
      ${startPic(0xff)}
      ${ENABLE}
      mov dword [APIC_LINT0], 0x400
    wait: cmp dword [RESULTS + 4], 0
      je wait
      mov al, 0xef
      mov ecx, 1
      out 0x21, al
      inc ecx
      inc ecx
      hlt
    nmi: mov [RESULTS], ecx
      iret`,
      { 2: "nmi" },
      devices,
    );
    partition.run({ ticks: 1000 });
    partition.chipset.setInterruptLine(4, true);
    partition.memory.writeUint32(RESULTS + 4, 1);
    partition.run({ ticks: 1000 });
    expect(result(0)).toBe(1);
  });
});
