// The interrupt path under a guest that programs it at random: every register of the local and I/O APIC, the MSRs,
// the interval timer and the 8259A pair, on three processors with interrupts on. Whatever it does, the engine
// neither fails nor hangs, a budget is exact, and the course is the same in one piece and in many, and when it
// is taken up again from a saved state.

import { describe, expect, it } from "vitest";
import type { Device, DeviceBus, DeviceTimer, Partition } from "../../src/node.js";
import { Random } from "../oracle/random.js";
import { apicDevices, platform, startPic } from "./platform.js";

const TABLE = 0x10000;
const OPERATIONS = 400;
enum Kind {
  MEMORY = 0,
  PORT = 1,
  MSR = 2,
  READ = 3,
}

/** Works a table of {kind, where, low, high} off, again and again; any event is ended everywhere and returned from. */
const PROGRAM = `
    ${startPic(0)}
    mov dword [APIC_SVR], 0x1ff
    mov dword [APIC_ICR], 0xc4500
    mov dword [APIC_ICR], 0xc4608
    mov esi, 0
application:
    mov dword [APIC_SVR], 0x1ff
    imul edi, esi, ${16 * 37}
    sti
.next:
    mov ebx, [${TABLE} + edi]
    mov ecx, [${TABLE} + edi + 4]
    mov eax, [${TABLE} + edi + 8]
    mov edx, [${TABLE} + edi + 12]
    add edi, 16
    cmp edi, ${OPERATIONS * 16}
    jb .inside
    xor edi, edi
.inside:
    cmp ebx, ${Kind.PORT}
    je .port
    ja .other
    mov [ecx], eax
    jmp .next
.port:
    mov edx, ecx
    out dx, al
    in al, dx
    jmp .next
.other:
    cmp ebx, ${Kind.MSR}
    jne .read
    wrmsr
    rdmsr
    jmp .next
.read:
    add [RESULTS], esi
    xor esi, [ecx]
    rdtsc
    xor [RESULTS + 4], eax
    test al, 15
    jnz .next
    ; What it may have shut itself out with, before it waits.
    mov dword [APIC_SVR], 0x1ff
    mov dword [APIC_TPR], 0
    mov al, 0
    out 0x21, al
    sti
    hlt
    jmp .next
protection: ; behind the instruction, all of which are two bytes here
    add esp, 4
    add dword [esp], 2
    iret
event: push eax
    lock inc dword [RESULTS + 8]
    mov al, 0x20
    out 0x20, al
    out 0xa0, al
    mov dword [APIC_EOI], 0
    pop eax
    iret
nothing: iret`;

/** A register value; a start-up message leads to where the program has a start. */
function value(random: Random): number {
  const any = random.below(4) === 0 ? random.below(0x1_0000_0000) : random.below(0x2_0000);
  return ((any >>> 8) & 7) === 6 ? ((any & ~0xff) | 8) >>> 0 : any;
}

const PORTS = [0x20, 0x21, 0xa0, 0xa1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x4d0, 0x4d1];

/** `extended`: x2APIC mode may be entered, and the page is gone from then on. */
function operation(random: Random, extended: boolean): [Kind, number, number, number] {
  const local = 0xfee0_0000 + random.below(64) * 16;
  switch (random.below(6)) {
    case 0:
      return [Kind.MEMORY, local, value(random), 0];
    case 1:
      // The register selector or the window.
      return [
        Kind.MEMORY,
        0xfec0_0000 + 0x10 * random.below(2),
        random.below(2) ? random.below(0x40) : value(random),
        0,
      ];
    case 2: {
      const port = PORTS[random.below(PORTS.length)];
      // The 8259A pair keeps its vectors: those of exceptions would need error codes.
      return [Kind.PORT, port, random.below(256) & ((port & 0x7f) === 0x20 ? ~0x10 : ~0), 0];
    }
    case 3: {
      if (extended && random.below(8) === 0) return [Kind.MSR, 0x1b, 0xfee0_0800 | (random.below(8) << 8), 0];
      const msr = [0x6e0, 0x800 + random.below(64), 0x800 + random.below(64), 0x10][random.below(4)];
      return [Kind.MSR, msr, value(random), random.below(8) ? 0 : random.below(4)];
    }
    default:
      return [Kind.READ, random.below(2) ? local : 0xfec0_0010, 0, 0];
  }
}

/** Moves interrupt lines and sends messages every few microseconds. */
class Restless implements Device {
  readonly name = "restless";
  #count = 0;
  #timer: DeviceTimer | undefined;

  connect(bus: DeviceBus): void {
    const timer = bus.timer(() => {
      const random = new Random(this.#count++);
      bus.interrupt(random.below(24), random.below(2) === 0);
      if (random.below(4) === 0) bus.message(0xfee0_0000 + random.below(0x10_0000), value(random));
      timer.set(bus.nanoseconds + 1 + random.below(4000));
    });
    this.#timer = timer;
  }
  reset(): void {
    this.#count = 0;
    this.#timer?.set(0);
  }
  save(): unknown {
    return this.#count;
  }
  restore(state: unknown): void {
    this.#count = state as number;
  }
}

/** At the reset vector, where INIT leads the first processor: to where the others start. */
const ROM = new Uint8Array(0x1000);
ROM.set([0xea, 0x00, 0x80, 0x00, 0x00], 0xff0);

async function guest(seed: number): Promise<Partition> {
  const random = new Random(seed);
  const handlers: Record<number, string> = {};
  for (let vector = 2; vector < 256; vector++) handlers[vector] = vector < 32 ? "nothing" : "event";
  handlers[0x0d] = "protection";
  const roms = [{ base: 0xffff_f000, data: ROM }];
  const { partition } = await platform(PROGRAM, handlers, { devices: apicDevices, processors: 3, roms });
  partition.attach(new Restless());
  for (let n = 0; n < OPERATIONS; n++) {
    const words = operation(random, seed % 4 === 0).entries();
    for (const [i, word] of words) partition.memory.writeUint32(TABLE + n * 16 + i * 4, word >>> 0);
  }
  return partition;
}

const END = 300_000;

/** Runs to a clock or to the guest's end; the reason it ended for. */
function runTo(partition: Partition, end: number, piece: () => number): string {
  for (;;) {
    const clock = Number(partition.clock);
    if (clock >= end) return "end";
    const exit = partition.run({ ticks: Math.min(end - clock, piece()) });
    if (exit.reason !== "budget") return exit.reason;
    expect(Number(partition.clock)).toBeLessThanOrEqual(end);
  }
}

describe("the interrupt path under a random guest", () => {
  it.each(Array.from({ length: 24 }, (_, seed) => seed))("seed %i", async (seed) => {
    const whole = await guest(seed);
    const reason = runTo(whole, END, () => END);
    const random = new Random(seed + 1000);
    const pieces = await guest(seed);
    if (runTo(pieces, END / 3, () => 1 + random.below(5000)) === "end") {
      const other = await guest(seed);
      other.restore(pieces.save());
      expect(runTo(other, END, () => 1 + random.below(3000))).toBe(reason);
      expect(other.hash()).toBe(whole.hash());
      other[Symbol.dispose]();
      expect(runTo(pieces, END, () => 1 + random.below(20_000))).toBe(reason);
    }
    expect(pieces.hash()).toBe(whole.hash());
    for (const partition of [whole, pieces]) partition[Symbol.dispose]();
  });
});
