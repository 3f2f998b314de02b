// The MC146818 as its data sheet describes it: time in every form, the update cycle, the three interrupts.

import { beforeEach, describe, expect, test } from "vitest";
import { Rtc } from "../../src/device/rtc.js";
import { FakeBus } from "./bus.js";

const MS = 1e6;
const SECOND = 1e9;
let bus: FakeBus;
let rtc: Rtc;

function read(index: number): number {
  bus.out(0x70, index);
  return bus.in(0x71);
}
function write(index: number, value: number): void {
  bus.out(0x70, index);
  bus.out(0x71, value);
}
/** Century, year, month, day, hours, minutes, seconds as the registers show them. */
const shown = (): number[] => [0x32, 9, 8, 7, 4, 2, 0].map(read);

beforeEach(() => {
  bus = new FakeBus(64 << 20);
  rtc = bus.attach(new Rtc({ start: new Date(Date.UTC(2024, 1, 28, 23, 59, 58)) }));
});

describe("time", () => {
  test("is BCD and 24 hours after power-on, and runs over the end of a leap February", () => {
    expect(shown()).toEqual([0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x58]);
    expect(read(6)).toBe(4); // Wednesday
    bus.advance(2 * SECOND);
    expect(shown()).toEqual([0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x00]);
    expect(read(6)).toBe(5);
    bus.advance(86_400 * SECOND);
    expect(shown()).toEqual([0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00]);
  });

  test("in binary and with 12 hours", () => {
    write(0x0b, 0x04);
    expect(shown()).toEqual([20, 24, 2, 28, 0x80 | 11, 59, 58]);
    bus.advance(2 * SECOND);
    expect(read(4)).toBe(12); // 12 AM is midnight
    bus.advance(12 * 3600 * SECOND);
    expect(read(4)).toBe(0x80 | 12);
    write(0x0b, 0x00);
    expect(read(4)).toBe(0x92);
  });

  test("is held and set while SET is 1, and goes on when it is cleared", () => {
    write(0x0b, 0x82);
    bus.advance(10 * SECOND);
    expect(read(0)).toBe(0x58);
    for (const [index, value] of [
      [0x32, 0x19],
      [9, 0x99],
      [8, 0x12],
      [7, 0x31],
      [6, 0x06],
      [4, 0x23],
      [2, 0x59],
      [0, 0x59],
    ]) {
      write(index, value);
    }
    write(0x0b, 0x02);
    expect(shown()).toEqual([0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59]);
    bus.advance(SECOND);
    expect(shown()).toEqual([0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00]);
    expect(read(6)).toBe(7);
    expect(rtc.date).toEqual(new Date(Date.UTC(2000, 0, 1)));
  });

  test("a running clock takes single registers, and the weekday is its own counter", () => {
    write(4, 0x12);
    write(6, 0x01);
    expect(shown()).toEqual([0x20, 0x24, 0x02, 0x28, 0x12, 0x59, 0x58]);
    expect(read(6)).toBe(1);
    bus.advance(86_400 * SECOND);
    expect(read(6)).toBe(2);
  });

  test("the first update comes half a second after the divider is released", () => {
    write(0x0a, 0x70);
    bus.advance(5 * SECOND + 300 * MS);
    expect(read(0)).toBe(0x58);
    write(0x0a, 0x26);
    bus.advance(499 * MS);
    expect(read(0)).toBe(0x58);
    bus.advance(2 * MS);
    expect(read(0)).toBe(0x59);
  });

  test("a start between two seconds keeps its fraction", () => {
    const other = new FakeBus();
    const clock = other.attach(new Rtc({ start: new Date(Date.UTC(2024, 0, 1, 0, 0, 0, 900)) }));
    other.advance(99 * MS);
    expect(clock.date.getUTCSeconds()).toBe(0);
    other.advance(MS);
    expect(clock.date.getUTCSeconds()).toBe(1);
  });
});

describe("update cycle", () => {
  test("UIP is set for 244 + 1984 microseconds before the second changes", () => {
    bus.advance(SECOND - 2229_000);
    expect(read(0x0a)).toBe(0x26);
    bus.advance(2_000);
    expect(read(0x0a)).toBe(0xa6);
    expect(read(0)).toBe(0x58);
    bus.advance(2_227_000);
    expect(read(0x0a)).toBe(0x26);
    expect(read(0)).toBe(0x59);
  });

  test("UIP stays clear while SET holds the clock, and cannot be written", () => {
    write(0x0b, 0x82);
    bus.advance(SECOND - 1000);
    expect(read(0x0a)).toBe(0x26);
    write(0x0a, 0xa6);
    expect(read(0x0a)).toBe(0x26);
  });
});

describe("interrupts", () => {
  test("periodic at 1,024 Hz; the line stays high until register C is read", () => {
    write(0x0b, 0x42);
    bus.advance(976_562);
    expect(bus.lines[8]).toBe(false);
    bus.advance(1);
    expect(bus.lines[8]).toBe(true);
    expect(read(0x0c)).toBe(0xc0);
    expect(bus.lines[8]).toBe(false);
    expect(read(0x0c)).toBe(0);
    bus.edges.length = 0;
    for (let n = 0; n < 1024; n++) {
      bus.advance(SECOND / 1024);
      read(0x0c);
    }
    expect(bus.edges.filter((edge) => edge === "8+")).toHaveLength(1024);
  });

  test.each([
    [1, 3_906_250],
    [2, 7_812_500],
    [3, 122_071],
    [15, 500_000_000],
  ])("rate %i gives a period of %i ns", (rate, period) => {
    write(0x0a, 0x20 | rate);
    write(0x0b, 0x42);
    bus.advance(period - 1);
    expect(bus.lines[8]).toBe(false);
    bus.advance(1);
    expect(bus.lines[8]).toBe(true);
  });

  test("rate 0 and a divider in reset give no periodic interrupt", () => {
    write(0x0b, 0x42);
    write(0x0a, 0x20);
    bus.advance(2 * SECOND);
    expect(bus.lines[8]).toBe(false);
    write(0x0a, 0x66);
    bus.advance(2 * SECOND);
    expect(bus.lines[8]).toBe(false);
  });

  test("flags are set without their enables and raise the line when enabled later", () => {
    bus.advance(SECOND);
    write(0x0b, 0x12);
    expect(bus.lines[8]).toBe(true);
    expect(read(0x0c)).toBe(0xd0);
  });

  test("update-ended once a second", () => {
    write(0x0b, 0x12);
    bus.advance(SECOND - 1);
    expect(bus.lines[8]).toBe(false);
    bus.advance(1);
    expect(bus.lines[8]).toBe(true);
    expect(read(0x0c) & 0x90).toBe(0x90);
  });

  test("setting SET clears UIE", () => {
    write(0x0b, 0x92);
    expect(read(0x0b)).toBe(0x82);
  });

  test("an alarm at one moment of the day", () => {
    for (const [index, value] of [
      [5, 0x00],
      [3, 0x01],
      [1, 0x02],
    ])
      write(index, value);
    write(0x0b, 0x22);
    bus.advance(63 * SECOND);
    expect(bus.lines[8]).toBe(false);
    bus.advance(SECOND);
    expect(bus.lines[8]).toBe(true);
    expect(read(0x0c)).toBe(0xa0 | 0x50);
    bus.advance(86_400 * SECOND - 1);
    expect(bus.lines[8]).toBe(false);
    bus.advance(1);
    expect(bus.lines[8]).toBe(true);
  });

  test("don't-care alarm registers: every minute at second 30; every second", () => {
    for (const [index, value] of [
      [5, 0xff],
      [3, 0xc0],
      [1, 0x30],
    ])
      write(index, value);
    write(0x0b, 0x22);
    bus.advance(32 * SECOND);
    expect(read(0x0c) & 0x20).toBe(0x20);
    bus.advance(60 * SECOND - 1);
    expect(read(0x0c) & 0x20).toBe(0);
    bus.advance(1);
    expect(read(0x0c) & 0x20).toBe(0x20);
    write(1, 0xff);
    bus.advance(SECOND);
    expect(read(0x0c) & 0x20).toBe(0x20);
  });

  test("an alarm that no time matches never comes and costs nothing", () => {
    write(5, 0xff);
    write(3, 0xff);
    write(1, 0x7f);
    write(0x0b, 0x22);
    bus.advance(200_000 * SECOND);
    expect(bus.edges).toEqual([]);
    expect(read(0x0c) & 0x20).toBe(0);
  });
});

test("reset turns interrupts off and keeps time and RAM", () => {
  write(0x40, 0x5a);
  write(0x0f, 0x05);
  write(0x0b, 0x7a);
  bus.advance(SECOND);
  rtc.reset();
  expect(bus.lines[8]).toBe(false);
  expect(read(0x0b)).toBe(0x02);
  expect([read(0x40), read(0x0f)]).toEqual([0x5a, 0x05]);
  expect(read(0)).toBe(0x59);
});

test("the index port masks NMIs and is write-only; register D says that the battery is good", () => {
  bus.out(0x70, 0x8d);
  expect(rtc.nmiMasked).toBe(true);
  expect(bus.in(0x71)).toBe(0x80);
  expect(bus.in(0x70)).toBe(0xff);
  bus.out(0x70, 0x0d);
  expect(rtc.nmiMasked).toBe(false);
  write(0x0d, 0);
  expect(read(0x0d)).toBe(0x80);
});

test("the size bytes tell the memory", () => {
  expect(read(0x15) | (read(0x16) << 8)).toBe(640);
  expect(read(0x17) | (read(0x18) << 8)).toBe(63 * 1024);
  expect(read(0x30) | (read(0x31) << 8)).toBe(63 * 1024);
  expect(read(0x34) | (read(0x35) << 8)).toBe(48 * 16);
  expect([0x5b, 0x5c, 0x5d].map(read)).toEqual([0, 0, 0]);
});

test("saved state continues, timers included", () => {
  write(0x0b, 0x42);
  write(6, 0x01);
  bus.advance(500_000);
  const state = JSON.parse(JSON.stringify(rtc.save()));
  const other = new FakeBus(64 << 20);
  other.advance(500_000);
  const copy = other.attach(new Rtc());
  copy.restore(state);
  other.advance(476_562);
  expect(other.lines[8]).toBe(false);
  other.advance(1);
  expect(other.lines[8]).toBe(true);
  expect(copy.date).toEqual(rtc.date);
  expect(copy.read(6)).toBe(1);
});
