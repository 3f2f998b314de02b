// The interval timer as a guest meets it: interrupts at the exact tick, whether it waits, spins or runs in pieces,
// and the measurement that system software calibrates its clock with. Ticks are nanoseconds here; an
// instruction takes one, and so does the delivery of an interrupt. Rates: Intel 8254 data sheet, 1.193182 MHz.

import { describe, expect, it } from "vitest";
import { platform, pulsesAt, startPic, tickOf } from "./platform.js";

/** Programs counter 0 and notes the time of the OUT that completes the count; waits with `wait`. */
const program = (control: number, count: number, wait: string): string => `
    ${startPic(0xfe)}
    mov edi, RESULTS + 8
    mov al, ${control}
    out 0x43, al
    mov al, ${count & 0xff}
    out 0x40, al
    mov bl, ${count >> 8}
    rdtsc
    mov [RESULTS], eax
    mov al, bl
    out 0x40, al         ; three ticks behind the value of RDTSC
    sti
again: ${wait}
    jmp again
tick: rdtsc              ; one tick of delivery, one of its own
    mov [edi], eax
    add edi, 4
    mov al, 0x20
    out 0x20, al
    iret`;
const WRITTEN = 3n;
const SEEN = 2n;

/** Ticks at which OUT rises: N + 1 pulses behind the write, then every N. */
function rises(written: bigint, count: bigint, n: number): bigint[] {
  const loaded = pulsesAt(written) + 1n;
  return Array.from({ length: n }, (_, i) => tickOf(loaded + count * BigInt(i + 1)));
}

describe("interval timer", () => {
  for (const [name, wait] of [
    ["halted", "hlt"],
    ["spinning", "inc ecx"],
  ]) {
    it(`interrupts at the exact tick, ${name}`, async () => {
      const { partition, result } = await platform(program(0x34, 1193, wait), { 32: "tick" });
      partition.run({ ticks: 6_100_000 });
      const written = BigInt(result(0)) + WRITTEN;
      const seen = Array.from({ length: 6 }, (_, i) => BigInt(result(2 + i)) - SEEN);
      expect(seen).toEqual(rises(written, 1193n, 6));
      expect(partition.clock).toBe(6_100_000n);
    });
  }

  it("interrupts at the same ticks whatever pieces the guest runs in", async () => {
    const image = program(0x36, 4773, "inc ecx");
    const whole = await platform(image, { 32: "tick" });
    whole.partition.run({ ticks: 9_000_000 });
    const pieces = await platform(image, { 32: "tick" });
    for (let left = 9_000_000, size = 1; left > 0; left -= size) {
      size = Math.min(left, ((size * 7919) % 70_001) + 1);
      pieces.partition.run({ ticks: size });
    }
    expect(pieces.partition.hash()).toBe(whole.partition.hash());
    expect(whole.result(2)).not.toBe(0);
  });

  it("interrupts once in mode 0", async () => {
    const { partition, result } = await platform(program(0x30, 1000, "hlt"), { 32: "tick" });
    // Afterwards nothing in the machine can wake it.
    expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
    expect(BigInt(result(2)) - SEEN).toBe(rises(BigInt(result(0)) + WRITTEN, 1000n, 1)[0]);
    expect(result(3)).toBe(0);
  });

  it("lets time pass at once while the guest is halted", async () => {
    const { partition } = await platform(program(0x34, 0, "hlt"), { 32: "tick" });
    partition.run({ ticks: 10_000_000_000 });
    expect(partition.nanoseconds).toBe(10_000_000_000);
    expect(partition.skipped).toBeGreaterThan(9_999_000_000n);
    // 18.2 interrupts a second.
    expect(partition.instructions).toBeLessThan(3000n);
  });

  it("does not keep a guest alive that has masked it", async () => {
    const { partition } = await platform(
      `${program(0x34, 1193, "hlt")}`.replace("sti", "mov al, 0xff\nout 0x21, al\nsti"),
      {
        32: "tick",
      },
    );
    expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
    expect(partition.clock).toBeLessThan(1000n);
  });

  it("ends with a guest that has halted with interrupts off", async () => {
    const { partition } = await platform(program(0x34, 1193, "cli\nhlt"), { 32: "tick" });
    expect(partition.run()).toMatchObject({ reason: "halt", idle: true });
  });

  it("measures 50 ms by counter 2 and port 61h", async () => {
    const { partition, result64 } = await platform(`
        in al, 0x61
        and al, 0xfc
        or al, 1
        out 0x61, al
        mov al, 0xb0
        out 0x43, al
        mov al, ${59659 & 0xff}
        out 0x42, al
        mov al, ${59659 >> 8}
        out 0x42, al
        rdtsc
        mov [RESULTS], eax
    again: in al, 0x61
        test al, 0x20
        jz again
        rdtsc
        mov [RESULTS + 8], eax
        cli
        hlt`);
    expect(partition.run()).toMatchObject({ reason: "halt" });
    const elapsed = Number(result64(1) - result64(0));
    // 59659 pulses and the one that loads the count: 50 ms; the loop takes three ticks, the count a pulse.
    expect(Math.abs(elapsed - (59660 / 1_193_182) * 1e9)).toBeLessThan(840);
  });
});
