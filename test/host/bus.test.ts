// What a device of the host is offered: time and timers, memory, lines, and the end of the machine; and the
// clock that follows the host's.

import { expect, test } from "vitest";
import type { Device, DeviceBus, Partition } from "../../src/node.js";
import { codeOf, createPartition, machine } from "./machine.js";

class Probe implements Device {
  readonly name = "probe";
  bus!: DeviceBus;
  connect(bus: DeviceBus): void {
    this.bus = bus;
  }
  reset(): void {}
  save(): unknown {
    return null;
  }
  restore(): void {}
}

function probe(partition: Partition): DeviceBus {
  const device = new Probe();
  partition.attach(device);
  return device.bus;
}

test("a timer fires at its exact tick, in the order of deadlines", async () => {
  const { partition } = await machine("again: inc ax\njmp again");
  const bus = probe(partition);
  const fired: [string, number][] = [];
  const late = bus.timer(() => fired.push(["late", bus.nanoseconds]));
  const early = bus.timer(() => {
    fired.push(["early", bus.nanoseconds]);
    if (fired.length < 4) early.set(bus.nanoseconds + 10);
  });
  const never = bus.timer(() => fired.push(["never", bus.nanoseconds]));
  late.set(12_345);
  early.set(10_000);
  never.set(10_001);
  never.cancel();
  expect([late.deadline, never.deadline]).toEqual([12_345, undefined]);
  partition.run({ ticks: 20_000 });
  expect(fired).toEqual([
    ["early", 10_000],
    ["early", 10_010],
    ["early", 10_020],
    ["early", 10_030],
    ["late", 12_345],
  ]);
  expect(late.deadline).toBeUndefined();
  expect(partition.exits.timer).toBe(5);
});

test("a deadline that has passed is due with the next tick, and never stops time", async () => {
  const { partition } = await machine("again: inc ax\njmp again");
  const bus = probe(partition);
  let fired = 0;
  const timer = bus.timer(() => {
    fired++;
    timer.set(0);
  });
  partition.run({ ticks: 1000 });
  timer.set(5);
  partition.run({ ticks: 100 });
  expect(fired).toBe(100);
});

test("ticks are not nanoseconds at another frequency", async () => {
  const { partition } = await machine("again: inc ax\njmp again", { frequency: 300_000_000 });
  const bus = probe(partition);
  const fired: number[] = [];
  // 1000 ns are exactly 300 ticks, 1001 ns end within the 301st.
  for (const at of [1000, 1001]) bus.timer(() => fired.push(Number(partition.clock), bus.nanoseconds)).set(at);
  partition.run({ ticks: 1000 });
  expect(fired).toEqual([300, 1000, 301, 1003]);
  expect(bus.nanoseconds).toBe(3333);
});

test("a timer wakes a halted guest through a line", async () => {
  const { partition, processor } = await machine(`
    mov word [0x2d * 4], handler
    mov word [0x2d * 4 + 2], 0
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, 0x20
    out 0x21, al
    mov al, 0x28
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0
    out 0x21, al
    out 0xa1, al
    sti
    hlt
    cli
    hlt
handler: mov bx, 0x1234
    iret`);
  const bus = probe(partition);
  bus.timer(() => bus.interrupt(13, true)).set(1_000_000);
  expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
  expect(processor.registers.bx).toBe(0x1234n);
  expect(bus.nanoseconds).toBeGreaterThanOrEqual(1_000_000);
  expect(bus.nanoseconds).toBeLessThan(1_000_100);
});

test("devices address memory without faulting", async () => {
  const partition = await createPartition();
  const bus = probe(partition);
  const top = bus.guest.size;
  bus.guest.write(top - 2, Uint8Array.of(1, 2, 3, 4));
  expect([...bus.guest.read(top - 2, 4)]).toEqual([1, 2, 0xff, 0xff]);
  expect([...bus.guest.read(2 ** 40, 2)]).toEqual([0xff, 0xff]);
  expect([...bus.guest.read(-1, 1)]).toEqual([0xff]);
  bus.guest.write(Number.NaN, Uint8Array.of(1));
  expect(bus.guest.isMapped(top - 1, 2)).toBe(false);
  expect(bus.guest.isMapped(0, top, true)).toBe(true);
});

test("a device ends the run", async () => {
  for (const [port, reason] of [
    [0x300, "shutdown"],
    [0x301, "reset"],
  ] as const) {
    const { partition, processor } = await machine(`mov dx, ${port}\nout dx, al\nmov bx, 1\nhlt`);
    const bus = probe(partition);
    bus.ports(0x300, 2, { write: (at) => (at === 0x300 ? bus.powerOff() : bus.reset()) });
    expect(partition.run().reason).toBe(reason);
    expect(processor.registers.bx).toBe(0n);
    // A machine that is switched on again goes on behind the access.
    expect(partition.run().reason).toBe("halt");
    expect(processor.registers.bx).toBe(1n);
  }
});

test("start resolves with the end that a device asked for", async () => {
  const { partition } = await machine("again: jmp again");
  const bus = probe(partition);
  bus.timer(() => bus.powerOff()).set(3_000_000);
  await expect(partition.start()).resolves.toMatchObject({ reason: "shutdown" });
  expect(bus.nanoseconds).toBe(3_000_000);
});

test("an APIC's page belongs to the core", async () => {
  const partition = await createPartition({ devices: ["apic", "ioapic"] });
  expect(codeOf(() => partition.onMemory(0xfee0_0000, 4096, {}))).toBe("range-overlap");
  expect(codeOf(() => partition.onMemory(0xfebf_0000, 0x20000, {}))).toBe("range-overlap");
  partition.onMemory(0xfed0_0000, 4096, {});
});

const CLOCKED = `
    mov word [0x20 * 4], tick
    mov word [0x20 * 4 + 2], 0
    mov al, 0x11
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34
    out 0x43, al
    mov al, 0xa5
    out 0x40, al
    mov al, 0x12
    out 0x40, al
    sti
again: hlt
    cmp bx, 25
    jne again
    cli
    hlt
tick: inc bx
    mov al, 0x20
    out 0x20, al
    iret`;

test("a clock that follows the host's sleeps while the guest is idle", async () => {
  const { partition } = await machine(CLOCKED, { clock: "host" });
  const before = performance.now();
  await expect(partition.start()).resolves.toMatchObject({ reason: "halt" });
  // 25 ticks of 4 ms.
  const elapsed = performance.now() - before;
  expect(elapsed).toBeGreaterThan(99);
  expect(partition.nanoseconds / 1e6).toBeGreaterThan(99);
  expect(partition.nanoseconds / 1e6).toBeLessThan(elapsed + 5);
  // It was looked at about once per tick.
  expect(partition.exits.halt).toBeGreaterThan(20);
  expect(partition.exits.halt).toBeLessThan(150);
  expect(partition.exits.budget ?? 0).toBeLessThan(5);
});

test("run of a guest with the host's clock leaves when it is idle and tells until when", async () => {
  const { partition } = await machine(CLOCKED, { clock: "host" });
  const exit = partition.run();
  expect(exit).toMatchObject({ reason: "halt", idle: true });
  const wake = exit.reason === "halt" ? (exit.wake as number) : 0;
  expect(wake).toBeGreaterThan(4_000_000);
  expect(wake - partition.nanoseconds).toBeLessThan(4_001_000);
  // Behind that moment it goes on.
  while (partition.nanoseconds < wake) partition.run();
  partition.run();
  expect(partition.processors[0].registers.bx).toBeGreaterThan(0n);
});

test("a clock with the host's time stands still while paused", async () => {
  const { partition } = await machine("again: jmp again", { clock: "host" });
  const running = partition.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await partition.pause();
  const paused = partition.nanoseconds;
  await new Promise((resolve) => setTimeout(resolve, 100));
  partition.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await partition.stop();
  expect((partition.nanoseconds - paused) / 1e6).toBeLessThan(90);
  await running;
});

test("options are checked", async () => {
  await expect(createPartition({ clock: "sundial" as "host" })).rejects.toMatchObject({ code: "invalid-argument" });
});
