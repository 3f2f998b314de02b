// Saving a partition in the middle of its work and going on from there in another one: nothing that was derived
// (decoded code, translations, cached fetches) and nothing of the host's may be missed.

import { describe, expect, it } from "vitest";
import type { Device, DeviceBus, DeviceTimer, Partition } from "../../src/node.js";
import { codeOf } from "../host/machine.js";
import { apicDevices, type Platform, platform, startPic } from "./platform.js";

/** A device with everything that must be saved: registers, a timer under way, a line. */
class Metronome implements Device {
  readonly name = "metronome";
  beats = 0;
  period = 0;
  #bus: DeviceBus | undefined;
  #timer: DeviceTimer | undefined;

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    const timer = bus.timer(() => {
      this.beats++;
      bus.interrupt(5, true);
      timer.set(bus.nanoseconds + this.period);
    });
    this.#timer = timer;
    bus.ports(0x300, 2, {
      read: () => {
        bus.interrupt(5, false);
        return this.beats & 0xff;
      },
      write: (_port, _size, value) => {
        this.period = value * 1000;
        timer.set(bus.nanoseconds + this.period);
      },
    });
  }
  reset(): void {
    this.beats = 0;
    this.period = 0;
    this.#timer?.cancel();
    this.#bus?.interrupt(5, false);
  }
  save(): unknown {
    return { beats: this.beats, period: this.period };
  }
  restore(state: unknown): void {
    Object.assign(this, state);
  }
}

/** Two processors, three timers, serial output, code that rewrites itself; every interrupt leaves a trace. */
const BUSY = `
    ${startPic(0xde)}
    mov dword [APIC_SVR], 0x1ff
    mov dword [APIC_ICR], 0xc4500
    mov dword [APIC_ICR], 0xc4608
    mov al, 0x36
    out 0x43, al
    mov al, 0x00
    out 0x40, al
    mov al, 0x02
    out 0x40, al
    mov dx, 0x300
    mov al, 77
    out dx, al
    mov esi, 0
application:
    mov dword [APIC_SVR], 0x1ff
    mov dword [APIC_DIVIDE], 0xb
    mov dword [APIC_TIMER], 0x20055
    mov dword [APIC_INITIAL], 31337
    sti
.again:
    mov ecx, 300
.spin:
    imul eax, eax, 1664525
    add eax, 1013904223
    xor [RESULTS + 0x200], eax
    inc byte [.patched + 1]
.patched: mov bl, 0
    add [RESULTS + 0x210], ebx
    loop .spin
    mov dx, 0x3f8
    out dx, al
    hlt
    jmp .again
local: inc dword [RESULTS + esi*4]
    rdtsc
    xor [RESULTS + 0x220], eax
    mov dword [APIC_EOI], 0
    iret
tick: inc dword [RESULTS + 8]
    push eax
    mov al, 0x20
    out 0x20, al
    pop eax
    iret
beat: push eax
    push edx
    mov dx, 0x300
    in al, dx
    mov [RESULTS + 12], al
    mov al, 0x20
    out 0x20, al
    pop edx
    pop eax
    iret`;

async function busy(): Promise<Platform & { metronome: Metronome }> {
  const machine = await platform(
    BUSY,
    { 32: "tick", 37: "beat", 85: "local" },
    { devices: apicDevices, processors: 2 },
  );
  const metronome = new Metronome();
  machine.partition.attach(metronome);
  return { ...machine, metronome };
}

function runTo(partition: Partition, clock: number): void {
  while (Number(partition.clock) < clock) partition.run({ ticks: clock - Number(partition.clock) });
}

describe("a saved partition", () => {
  it("goes on to the same end from any moment", async () => {
    const END = 1_600_000;
    const whole = await busy();
    runTo(whole.partition, END);
    const hash = whole.partition.hash();
    expect([0, 1, 2, 3].every((n) => whole.result(n) > 0)).toBe(true);
    for (let at = 200; at < END; at += 233_333) {
      const first = await busy();
      runTo(first.partition, at);
      const saved = structuredClone(first.partition.save());
      const second = await busy();
      second.partition.restore(saved);
      expect(second.partition.hash()).toBe(first.partition.hash());
      runTo(second.partition, END);
      expect(second.partition.hash()).toBe(hash);
      expect(second.metronome.beats).toBe(whole.metronome.beats);
      // The one it was saved from goes on too, and can go back.
      runTo(first.partition, END);
      expect(first.partition.hash()).toBe(hash);
      first.partition.restore(saved);
      runTo(first.partition, END);
      expect(first.partition.hash()).toBe(hash);
      for (const { partition } of [first, second]) partition[Symbol.dispose]();
    }
  });

  it("keeps what a halted processor waits for and input that has not been read", async () => {
    const source = `
      ${startPic(0xef)}
      mov dx, 0x3f9
      mov al, 1
      out dx, al
      sti
    .again: hlt
      jmp .again
    input: mov dx, 0x3f8
      in al, dx
      inc dword [RESULTS]
      mov dx, 0x3fd
      in al, dx
      test al, 1
      jnz input
      mov al, 0x20
      out 0x20, al
      iret`;
    const first = await platform(source, { 36: "input" });
    first.partition.run({ ticks: 1000 });
    first.partition.send("com1", new Uint8Array(5000).fill(1));
    const second = await platform(source, { 36: "input" });
    second.partition.restore(first.partition.save());
    // The line holds 4096 bytes; the rest follows when there is room.
    second.partition.run();
    expect(second.result(0)).toBe(4096);
    second.partition.run();
    expect(second.result(0)).toBe(5000);
  });

  it("keeps the answer to an access that is not finished", async () => {
    const source = "mov dx, 0x500\nmov edi, RESULTS\nmov ecx, 3\nrep insb\ncli\nhlt";
    const options = { unhandled: { ports: "exit" } } as const;
    const first = await platform(source, {}, options);
    const exit = first.partition.run();
    expect(codeOf(() => first.partition.save())).toBe("exit-pending");
    if (exit.reason === "ioPort") exit.complete(0x41);
    const second = await platform(source, {}, options);
    second.partition.restore(first.partition.save());
    for (let next = second.partition.run(); next.reason === "ioPort"; next = second.partition.run())
      next.complete(0x42);
    expect(second.result(0)).toBe(0x424241);
  });

  it("fits only a partition of the same shape", async () => {
    const { partition } = await busy();
    const saved = partition.save();
    const bare = await platform(BUSY, {}, { devices: apicDevices, processors: 2 });
    expect(codeOf(() => bare.partition.restore(saved))).toBe("incompatible-state");
    const smaller = await platform(BUSY, {}, { devices: apicDevices, processors: 2, memory: 2 << 20 });
    expect(codeOf(() => smaller.partition.restore(saved))).toBe("incompatible-state");
    const cut = { ...saved, core: { ...saved.core, chipset: saved.core.chipset.subarray(4) } };
    expect(codeOf(() => partition.restore(cut))).toBe("incompatible-state");
    const frames = { frames: Uint32Array.of(1 << 20), bytes: new Uint8Array(4096) };
    expect(codeOf(() => partition.restore({ ...saved, core: { ...saved.core, memory: frames } }))).toBe(
      "incompatible-state",
    );
    expect(codeOf(() => partition.restore({ ...saved, version: 2 as unknown as 1 }))).toBe("incompatible-state");
  });

  it("is refused with nothing changed where it is malformed", async () => {
    const { partition } = await busy();
    runTo(partition, 300_000);
    const saved = partition.save();
    runTo(partition, 400_000);
    const hash = partition.hash();
    const { core } = saved;
    // Turn, clock, signals and skipped time come before the count of answers and their processor.
    const answers = (count: number, processor: number): Uint8Array => {
      const variables = core.variables.slice();
      new DataView(variables.buffer).setUint32(24, count, true);
      new DataView(variables.buffer).setUint32(28, processor, true);
      return variables;
    };
    const malformed: Record<string, unknown>[] = [
      ...[0.5, -1, 2, Number.NaN].map((turn) => ({ core: { ...core, turn } })),
      { core: { ...core, variables: answers(129, 0) } },
      { core: { ...core, variables: answers(1, 2) } },
      { core: { ...core, processors: core.processors.slice(1) } },
      { core: { ...core, processors: core.processors.map((bytes) => Array.from(bytes)) } },
      { core: { ...core, memory: { ...core.memory, bytes: core.memory.bytes.subarray(1) } } },
      { core: { ...core, memory: { ...core.memory, frames: core.memory.frames.slice().reverse() } } },
      ...[0.5, -1, Number.NaN].map((tick) => ({ timers: [[tick, tick]] })),
      { timers: [] },
      { input: [[]] },
      { input: [["text"], []] },
    ];
    for (const part of malformed) {
      expect(codeOf(() => partition.restore({ ...saved, ...part } as typeof saved))).toBe("incompatible-state");
      expect(partition.hash()).toBe(hash);
    }
    expect(
      codeOf(() => partition.restore({ ...saved, core: { ...core, variables: answers(128, 1) } })),
    ).toBeUndefined();
  });
});
