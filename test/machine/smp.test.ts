// Several processors: start-up by INIT and SIPI, messages between them, waking from HLT, NMI, one clock for all,
// and the same course in every run (SDM vol. 3, 9.4 and 11.6).

import { describe, expect, it } from "vitest";
import { apicDevices, type Platform, platform } from "./platform.js";

const smp = (processors: number) => ({ devices: apicDevices, processors });
/** Wakes all the others at 8000h, as the manual's example does. */
const START_ALL = `
    mov dword [APIC_SVR], 0x1ff
    mov dword [APIC_ICR], 0xc4500     ; INIT to all but itself
    mov ecx, 10000
  .init: loop .init
    mov dword [APIC_ICR], 0xc4608     ; start-up at 8000h
    mov ecx, 200
  .first: loop .first
    mov dword [APIC_ICR], 0xc4608     ; a second one finds nobody waiting
`;

/** Starts three processors; each counts up under a lock, and all hash the same in any run. */
const COUNTERS = `
    ${START_ALL}
    jmp work
  application:
    mov dword [APIC_SVR], 0x1ff
  work:
    mov ebx, 2000
  .again:
    mov eax, 1
  .lock:
    xchg [RESULTS], eax
    test eax, eax
    jz .have
    pause
    jmp .lock
  .have:
    inc dword [RESULTS + 4]
    mov dword [RESULTS], 0
    dec ebx
    jnz .again
    lock inc dword [RESULTS + 8]
    cli
    hlt`;

describe("start-up", () => {
  it("brings four processors up at the vector's page", async () => {
    const machine = await platform(
      `
      ${START_ALL}
    wait: pause
      cmp dword [RESULTS], 3
      jne wait
      cli
      hlt
    application:
      mov dword [RESULTS + 0x10 + esi*4], esi
      lock inc dword [RESULTS]
      cli
      hlt`,
      {},
      smp(4),
    );
    expect(machine.partition.run({ ticks: 10_000_000 })).toMatchObject({ reason: "halt", idle: true });
    expect([0, 5, 6, 7].map(machine.result)).toEqual([3, 1, 2, 3]);
    expect(machine.partition.processors.map((processor) => processor.activity)).toEqual(Array(4).fill("halted"));
  });

  it("reaches one processor by its identifier, and in x2APIC mode", async () => {
    const machine = await platform(
      `
      mov ecx, 0x1b
      rdmsr
      or eax, 0xc00
      wrmsr
      mov ecx, 0x830
      mov edx, 2
      mov eax, 0x4500
      wrmsr
      mov eax, 0x4608
      wrmsr
    wait: pause
      cmp dword [RESULTS], 1
      jne wait
      cli
      hlt
    application:
      mov [RESULTS + 4], esi
      inc dword [RESULTS]
      cli
      hlt`,
      {},
      smp(3),
    );
    expect(machine.partition.run({ ticks: 1_000_000 })).toMatchObject({ reason: "halt" });
    expect(machine.result(1)).toBe(2);
    expect(machine.partition.processors[1].activity).toBe("waitForSipi");
  });

  it("takes a running processor back by INIT, with its memory type registers kept", async () => {
    const machine = await platform(
      `
      ${START_ALL}
    wait: pause
      cmp dword [RESULTS], 1
      jne wait
      mov dword [APIC_ICR_HIGH], 0x01000000
      mov dword [APIC_ICR], 0x4500
      pause
      mov dword [RESULTS], 2
      cli
      hlt
    application:
      mov ecx, 0x277
      mov eax, 0x01010101
      mov edx, 0x01010101
      wrmsr
      mov dword [RESULTS], 1
    spin: jmp spin`,
      {},
      smp(2),
    );
    expect(machine.partition.run({ ticks: 1_000_000 })).toMatchObject({ reason: "halt" });
    const second = machine.partition.processors[1];
    expect(second.activity).toBe("waitForSipi");
    expect(second.registers.rip).toBe(0xfff0n);
    expect(second.registers.pat).toBe(0x0101_0101_0101_0101n);
  });
});

describe("messages between processors", () => {
  const conversation = (low: number): string => `
      ${START_ALL}
    wait: pause
      cmp dword [RESULTS], 1
      jne wait
      mov dword [APIC_ICR_HIGH], 0x01000000
      mov dword [APIC_ICR], ${low}
    answer: pause
      cmp dword [RESULTS + 4], 1
      jne answer
      cli
      hlt
    application:
      mov dword [APIC_SVR], 0x1ff
      mov dword [RESULTS], 1
      sti
    again: hlt
      jmp again
    hear: inc dword [RESULTS + 4]
      mov [RESULTS + 8], esi
      mov dword [APIC_EOI], 0
      iret`;

  it("wake a halted processor with an interrupt", async () => {
    const machine = await platform(conversation(0x4091), { 145: "hear" }, smp(2));
    expect(machine.partition.run({ ticks: 1_000_000 })).toMatchObject({ reason: "halt", idle: true });
    expect(machine.result(2)).toBe(1);
  });

  it("wake a halted processor with NMI, interrupts off or on", async () => {
    const machine = await platform(conversation(0x4400).replace("sti", "cli"), { 2: "hear" }, smp(2));
    expect(machine.partition.run({ ticks: 1_000_000 })).toMatchObject({ reason: "halt" });
    expect(machine.result(2)).toBe(1);
  });

  it("go to the processor with the lowest priority", async () => {
    const machine = await platform(
      conversation(0x4191)
        .replace("0x01000000", "0xff000000")
        .replace("mov dword [APIC_ICR],", "mov dword [APIC_TPR], 0xa0\nmov dword [APIC_ICR],"),
      { 145: "hear" },
      smp(2),
    );
    machine.partition.run({ ticks: 1_000_000 });
    expect(machine.result(2)).toBe(1);
  });
});

describe("one clock", () => {
  it("shows the same time to all processors", async () => {
    // Each in turn takes the time behind the other's: it never goes back.
    const machine = await platform(
      `
      ${START_ALL}
      mov esi, 0
    application:
      mov ebx, 1000
    .again:
      pause
      mov eax, [RESULTS]
      and eax, 1
      cmp eax, esi
      jne .again
      rdtsc
      cmp eax, [RESULTS + 4]
      jae .forward
      inc dword [RESULTS + 8]
    .forward:
      mov [RESULTS + 4], eax
      inc dword [RESULTS]
      dec ebx
      jnz .again
      cli
      hlt`,
      {},
      smp(2),
    );
    expect(machine.partition.run({ ticks: 100_000_000 })).toMatchObject({ reason: "halt" });
    expect(machine.result(0)).toBe(2000);
    expect(machine.result(2)).toBe(0);
    expect(machine.partition.clock).toBe(machine.partition.ticks);
  });

  it("wakes each processor by its own timer", async () => {
    const machine = await platform(
      `
      ${START_ALL}
      mov esi, 0
    application:
      mov dword [APIC_SVR], 0x1ff
      mov dword [APIC_DIVIDE], 0xb
      mov dword [APIC_TIMER], 0x20055
      mov eax, esi
      inc eax
      imul eax, eax, 100000
      mov [APIC_INITIAL], eax
      sti
    .again: hlt
      jmp .again
    tick: inc dword [RESULTS + esi*4]
      mov dword [APIC_EOI], 0
      iret`,
      { 85: "tick" },
      smp(3),
    );
    machine.partition.run({ ticks: 6_050_000 });
    expect(machine.result(0)).toBe(60);
    expect(machine.result(1)).toBe(30);
    expect(machine.result(2)).toBe(20);
  });
});

describe("determinism", () => {
  async function counters(): Promise<Platform> {
    return platform(COUNTERS, {}, smp(4));
  }

  it("gives the same hash in every run, whatever pieces it runs in", async () => {
    const whole = await counters();
    expect(whole.partition.run({ ticks: 50_000_000 })).toMatchObject({ reason: "halt" });
    expect([whole.result(1), whole.result(2)]).toEqual([8000, 4]);
    const pieces = await counters();
    for (let size = 1; pieces.partition.run({ ticks: size }).reason === "budget"; ) size = ((size * 7919) % 50_021) + 1;
    expect(pieces.partition.hash()).toBe(whole.partition.hash());
    expect(pieces.partition.clock).toBe(whole.partition.clock);
  });

  it("tells different states apart", async () => {
    const one = await counters();
    const other = await counters();
    expect(other.partition.hash()).toBe(one.partition.hash());
    other.partition.memory.writeUint8(0x3f_ffff, 1);
    expect(other.partition.hash()).not.toBe(one.partition.hash());
    other.partition.memory.writeUint8(0x3f_ffff, 0);
    other.partition.processors[3].registers.xcr0 = 3n;
    expect(other.partition.hash()).not.toBe(one.partition.hash());
  });
});
