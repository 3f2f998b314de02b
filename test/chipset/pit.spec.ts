// The 8254 as its data sheet draws it ("Mode definitions", timing diagrams of modes 0-5). The clock runs at the
// counters' own rate, so that one tick is one CLK pulse; a count written before pulse 1 is loaded with pulse 1.

import { interruptPending } from "../../assembly/chipset/interrupts";
import { picReset, picWrite } from "../../assembly/chipset/pic";
import { pitExpire, pitRead, pitReset, pitWrite } from "../../assembly/chipset/pit";
import { PIT_DEADLINE } from "../../assembly/chipset/schedule";
import { CLOCK, FUEL, FUEL_START, TSC_FREQUENCY } from "../../assembly/layout";

const RATE: u64 = 1_193_182;

function at(pulse: u64): void { store<u64>(CLOCK, pulse); }
/** Puts the pulses behind one another, firing what is due as the run loop does. */
function advance(pulses: u64): void {
  const end = load<u64>(CLOCK) + pulses;
  while (load<u64>(PIT_DEADLINE) <= end) {
    at(load<u64>(PIT_DEADLINE));
    pitExpire();
  }
  at(end);
}
function count16(counter: u32): u32 {
  const low = pitRead(0x40 + counter);
  return low | (pitRead(0x40 + counter) << 8);
}
/** Counter 2's output. */
function out2(): u32 { return (pitRead(0x61) >> 5) & 1; }
/** Output of any counter, by read-back. */
function out(counter: u32): u32 {
  pitWrite(0x43, 0xe0 | (2 << counter));
  return pitRead(0x40 + counter) >> 7;
}
/** The output over some pulses, oldest first, as a binary number. */
function wave(pulses: u32): u32 {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < pulses; i++) {
    bits = (bits << 1) | out2();
    at(load<u64>(CLOCK) + 1);
  }
  return bits;
}
function program2(mode: u32, count: u32): void {
  pitWrite(0x43, 0xb0 | (mode << 1));
  pitWrite(0x42, count & 0xff);
  pitWrite(0x42, count >> 8);
}

describe("8254", () => {
  beforeEach(() => {
    store<i32>(FUEL, 0);
    store<i32>(FUEL_START, 0);
    store<u64>(TSC_FREQUENCY, RATE);
    at(0);
    picReset();
    pitReset();
    pitWrite(0x61, 1);
  });

  it("mode 0: OUT rises N + 1 pulses after the count was written, and the count goes on below zero", () => {
    program2(0, 4);
    expect(wave(8)).toBe(0b00000111);
    // Loaded with pulse 1: pulse 8 is seven pulses on.
    expect(count16(2)).toBe(0xfffd);
  });

  it("mode 0: a new count starts over, and its first byte already stops the counter", () => {
    program2(0, 4);
    at(3);
    pitWrite(0x42, 4);
    at(10);
    expect(out2()).toBe(0);
    pitWrite(0x42, 0);
    expect(wave(7)).toBe(0b0000011);
  });

  it("mode 0: a low gate holds the count", () => {
    program2(0, 4);
    at(3); // 4, 3, 2
    pitWrite(0x61, 0);
    at(30);
    expect(count16(2)).toBe(2);
    pitWrite(0x61, 1);
    expect(wave(4)).toBe(0b0011);
  });

  it("mode 1: a trigger makes one low pulse of N, and another trigger prolongs it", () => {
    pitWrite(0x61, 0);
    program2(1, 3);
    expect(out2()).toBe(1);
    at(10);
    expect(out2()).toBe(1);
    pitWrite(0x61, 1);
    expect(wave(6)).toBe(0b100011);
    pitWrite(0x61, 0);
    pitWrite(0x61, 1);
    at(18);
    pitWrite(0x61, 0);
    pitWrite(0x61, 1); // two pulses in
    expect(wave(5)).toBe(0b00001);
  });

  it("mode 2: OUT is low for the last pulse of every N", () => {
    program2(2, 3);
    expect(wave(10)).toBe(0b1110110110);
    expect(count16(2)).toBe(3);
    at(11);
    expect(count16(2)).toBe(2);
    at(12);
    expect(count16(2)).toBe(1);
  });

  it("mode 2: a new count waits for the end of the period", () => {
    program2(2, 4);
    at(2);
    pitWrite(0x42, 2);
    pitWrite(0x42, 0);
    // Pulses 2-4 finish the period of 4 (1 2 3 4); 5 6 and 7 8 have the new one.
    expect(wave(7)).toBe(0b1101010);
  });

  it("mode 2: a low gate puts OUT high and a rising one starts over", () => {
    program2(2, 3);
    at(3);
    expect(out2()).toBe(0);
    pitWrite(0x61, 0);
    expect(out2()).toBe(1);
    at(20);
    expect(out2()).toBe(1);
    pitWrite(0x61, 1);
    expect(wave(5)).toBe(0b11101);
  });

  it("mode 3: an even count is high for one half and low for the other, stepping by two", () => {
    program2(3, 4);
    expect(wave(9)).toBe(0b111001100);
    at(9);
    expect(count16(2)).toBe(4);
    at(10);
    expect(count16(2)).toBe(2);
    at(11);
    expect(count16(2)).toBe(4);
  });

  it("mode 3: an odd count is high for one pulse longer", () => {
    program2(3, 5);
    expect(wave(11)).toBe(0b11110011100);
    // High: 4 2 0; low: 4 2.
    at(11);
    expect(count16(2)).toBe(4);
    at(13);
    expect(count16(2)).toBe(0);
    at(14);
    expect(count16(2)).toBe(4);
    at(15);
    expect(count16(2)).toBe(2);
  });

  it("mode 3: a new count comes with the next half", () => {
    program2(3, 4);
    at(1);
    pitWrite(0x42, 8);
    pitWrite(0x42, 0);
    expect(wave(10)).toBe(0b1100001111);
  });

  it("mode 4: the strobe is one pulse, N + 1 pulses after the count was written", () => {
    program2(4, 3);
    expect(wave(8)).toBe(0b11110111);
  });

  it("mode 5: the strobe comes N pulses after the trigger was seen", () => {
    pitWrite(0x61, 0);
    program2(5, 3);
    at(20);
    expect(out2()).toBe(1);
    pitWrite(0x61, 1);
    expect(wave(7)).toBe(0b1111011);
  });

  it("reads a latched count once, byte by byte, while counting goes on", () => {
    program2(2, 0x1234);
    at(1);
    pitWrite(0x43, 0x80);
    at(100);
    pitWrite(0x43, 0x80); // a second latch command changes nothing
    expect(pitRead(0x42)).toBe(0x34);
    expect(pitRead(0x42)).toBe(0x12);
    expect(count16(2)).toBe(0x1234 - 99);
  });

  it("reads back status and count, status first", () => {
    program2(2, 0x100);
    pitWrite(0x43, 0xc8); // status and count of counter 2
    // OUT high, null count: the count has not reached the counting element.
    expect(pitRead(0x42)).toBe(0x80 | 0x40 | 0x30 | 0x04);
    count16(2);
    at(1);
    pitWrite(0x43, 0xe8); // status alone
    expect(pitRead(0x42)).toBe(0x80 | 0x30 | 0x04);
    pitWrite(0x43, 0xd8); // count alone
    expect(count16(2)).toBe(0x100);
  });

  it("writes and reads one byte where the control word says so", () => {
    pitWrite(0x43, 0x94); // counter 2, low byte, mode 2
    pitWrite(0x42, 0x20);
    at(2);
    expect(pitRead(0x42)).toBe(0x1f);
    pitWrite(0x43, 0xa4); // high byte
    pitWrite(0x42, 0x20);
    at(4);
    expect(pitRead(0x42)).toBe(0x1f);
    expect(pitRead(0x42)).toBe(0x1f);
  });

  it("counts in decimal", () => {
    pitWrite(0x43, 0xb1); // counter 2, both bytes, mode 0, BCD
    pitWrite(0x42, 0x00);
    pitWrite(0x42, 0x10); // 1000
    at(2);
    expect(count16(2)).toBe(0x0999);
    at(1002);
    expect(count16(2)).toBe(0x9999);
    expect(out2()).toBe(1);
  });

  it("takes zero for the largest count", () => {
    program2(2, 0);
    at(1);
    expect(count16(2)).toBe(0);
    at(2);
    expect(count16(2)).toBe(0xffff);
    at(0x10000);
    expect(out2()).toBe(0);
    at(0x10001);
    expect(out2()).toBe(1);
  });

  it("raises interrupt 0 where OUT 0 rises, and only there", () => {
    picWrite(0x20, 0x11);
    picWrite(0x21, 0x20);
    picWrite(0x21, 0x04);
    picWrite(0x21, 0x01);
    pitWrite(0x43, 0x34);
    expect(interruptPending()).toBe(false);
    pitWrite(0x40, 10);
    pitWrite(0x40, 0);
    advance(10);
    expect(interruptPending()).toBe(false);
    advance(1);
    expect(interruptPending()).toBe(true);
    expect(out(0)).toBe(1);
  });

  it("finds the first tick of a pulse at any frequency", () => {
    store<u64>(TSC_FREQUENCY, 1_000_000_000);
    pitWrite(0x43, 0x30);
    pitWrite(0x40, 0xa8); // 1192: OUT rises with pulse 1193
    pitWrite(0x40, 0x04);
    // 1193 / 1193182 s = 999847.46 ns
    expect(load<u64>(PIT_DEADLINE)).toBe(999_848);
    // Hours later, where a product of ticks and rate would not fit.
    at(36_000_000_000_000);
    pitWrite(0x43, 0x30);
    pitWrite(0x40, 0xa8);
    pitWrite(0x40, 0x04);
    expect(load<u64>(PIT_DEADLINE)).toBe(36_000_000_999_848);
  });

  it("counts after power-on, with its output high and no interrupt to come", () => {
    pitWrite(0x43, 0xc2); // status and count of counter 0
    expect(pitRead(0x40)).toBe(0x80 | 0x30);
    const first = count16(0);
    at(5);
    expect(count16(0)).toBe((first - 5) & 0xffff);
    expect(load<u64>(PIT_DEADLINE)).toBe(u64.MAX_VALUE);
  });

  it("toggles the refresh bit every 18 pulses", () => {
    const first = pitRead(0x61) & 0x10;
    at(17);
    expect(pitRead(0x61) & 0x10).toBe(first);
    at(18);
    expect(pitRead(0x61) & 0x10).toBe(first ^ 0x10);
  });
});
