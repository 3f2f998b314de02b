// Features, log pages and asynchronous events. Expected values from NVM Express 1.4.

import { describe, expect, test } from "vitest";
import { blocks, DATA, Driver, READ, text, WRITE } from "./driver.js";

describe("features, logs, events", () => {
  test("number of queues", () => {
    const driver = new Driver().enable();
    expect(driver.admin.run({ opcode: 9, words: [7, (63 << 16) | 63] })).toMatchObject({ status: 0, result: 0xf_000f });
    expect(driver.admin.run({ opcode: 9, words: [7, 0xffff] }).status).toBe(2);
    driver.queues();
    expect(driver.admin.run({ opcode: 9, words: [7, 0] }).status).toBe(0x0c);
    expect(driver.admin.run({ opcode: 10, words: [7] })).toMatchObject({ status: 0, result: 0xf_000f });
  });

  test.each([
    ["arbitration", 1, 0xffff_ffff, 0xffff_ff07],
    ["temperature threshold", 4, 0x1234, 0x1234],
    ["write cache", 6, 0, 0],
    ["coalescing", 8, 0x1234, 0x1234],
    ["vector", 9, 0x1_0003, 0x1_0003],
    ["atomicity", 10, 1, 1],
    ["events", 11, 0xff, 0xff],
  ])("%s reads back", (_what, id, value, expected) => {
    const { admin } = new Driver().enable();
    expect(admin.run({ opcode: 9, words: [id, value] }).status).toBe(0);
    expect(admin.run({ opcode: 10, words: [id, value & 0xffff] })).toMatchObject({ status: 0, result: expected });
  });

  test.each([
    ["an unknown feature", { opcode: 9, words: [0x99, 0] }, 0x002],
    ["reading an unknown feature", { opcode: 10, words: [0x99] }, 0x002],
    ["saving", { opcode: 9, words: [0x8000_0006, 0] }, 0x10d],
    ["a saved value", { opcode: 10, words: [0x206] }, 0x002],
    ["a power state that is not there", { opcode: 9, words: [2, 1] }, 0x002],
    ["a vector that is not there", { opcode: 9, words: [9, 17] }, 0x002],
    ["a sensor that is not there", { opcode: 9, words: [4, 1 << 16] }, 0x002],
    ["errors for discarded blocks", { opcode: 9, namespace: 1, words: [5, 1 << 16] }, 0x002],
    ["a namespace for a feature of the controller", { opcode: 9, namespace: 1, words: [6, 0] }, 0x10f],
    ["error recovery of another namespace", { opcode: 9, namespace: 2, words: [5, 0] }, 0x00b],
    ["an unknown log page", { opcode: 2, words: [0x7f] }, 0x109],
    ["a log page that is too long", { opcode: 2, words: [0xffff_0002, 0xffff] }, 0x002],
    ["an offset behind the log page", { opcode: 2, words: [0x10002, 0, 516] }, 0x002],
    ["a crooked offset", { opcode: 2, words: [0x10002, 0, 2] }, 0x002],
    ["the health of a namespace", { opcode: 2, namespace: 1, words: [0x10002] }, 0x002],
    ["an unknown admin command", { opcode: 0xc0 }, 0x001],
    ["scatter-gather lists", { opcode: 6, flags: 0x40, words: [1] }, 0x002],
  ])("%s is refused", (_what, entry, status) => {
    const { admin } = new Driver().enable();
    expect(admin.run({ prp1: DATA, ...entry })).toMatchObject({ status, doNotRetry: true });
  });

  test("health counts what was done", () => {
    const driver = new Driver().enable();
    const pair = driver.queues();
    for (let n = 0; n < 3; n++) pair.run({ opcode: READ, namespace: 1, prp1: DATA, prp2: DATA, words: blocks(0, 16) });
    pair.run({ opcode: WRITE, namespace: 1, prp1: DATA, words: blocks(0, 1) });
    pair.run({ opcode: 0x7f, namespace: 1 });
    driver.bus.nanoseconds += 2 * 3600e9;
    driver.admin.run({ opcode: 2, namespace: 0xffff_ffff, prp1: DATA, words: [(127 << 16) | 2] });
    const { ram } = driver.bus;
    expect(ram[DATA]).toBe(0);
    expect(ram.readUInt16LE(DATA + 1)).toBe(310);
    expect([32, 48, 64, 80, 112, 128, 176].map((at) => ram.readUInt32LE(DATA + at))).toEqual([1, 1, 3, 1, 1, 2, 1]);
  });

  test("errors are logged, newest first, and firmware slots", () => {
    const driver = new Driver().enable();
    const pair = driver.queues();
    pair.run({ opcode: READ, namespace: 1, id: 7, prp1: DATA, words: blocks(100_000, 1) });
    pair.run({ opcode: READ, namespace: 5, id: 8, prp1: DATA, words: blocks(3, 1) });
    driver.admin.run({ opcode: 2, prp1: DATA, words: [(255 << 16) | 1] });
    const { ram } = driver.bus;
    const entry = (n: number) => ram.subarray(DATA + n * 64, DATA + n * 64 + 64);
    expect([entry(0).readUInt32LE(0), entry(1).readUInt32LE(0), entry(2).readUInt32LE(0)]).toEqual([2, 1, 0]);
    expect([entry(0).readUInt16LE(8), entry(0).readUInt16LE(10)]).toEqual([1, 8]);
    expect((entry(0).readUInt16LE(12) >> 1) & 0x7ff).toBe(0x0b);
    expect([entry(1).readUInt32LE(16), entry(1).readUInt32LE(24)]).toEqual([100_000, 1]);
    driver.admin.run({ opcode: 2, prp1: DATA, words: [(15 << 16) | 3] });
    expect([ram[DATA] & 7, text(ram.subarray(DATA + 8, DATA + 16))]).toEqual([1, "1.0"]);
  });

  test("an event waits for a request, is reported once, and again after its log was read", () => {
    const driver = new Driver().enable();
    driver.write(0x1000 + 9 * 8, 1);
    driver.admin.put({ opcode: 12, id: 50 });
    driver.admin.ring();
    driver.bus.next();
    expect(driver.admin.drain()).toMatchObject([{ id: 50, status: 0, result: 0x01_0000 }]);
    driver.admin.put({ opcode: 12, id: 51 });
    driver.admin.ring();
    while (driver.bus.next());
    driver.write(0x1004, 31);
    expect(driver.admin.drain()).toEqual([]);
    expect(driver.admin.run({ opcode: 2, prp1: DATA, words: [1] }).status).toBe(0);
    driver.write(0x1004, 31);
    expect(driver.admin.drain()).toMatchObject([{ id: 51, result: 0x01_0100 }]);
  });

  test("temperature events when the guest sets a threshold below", () => {
    const driver = new Driver().enable();
    driver.admin.put({ opcode: 12, id: 50 });
    driver.admin.ring();
    while (driver.bus.next());
    driver.admin.run({ opcode: 9, words: [11, 2] });
    driver.admin.put({ opcode: 9, id: 3, words: [4, 300] });
    driver.admin.ring();
    driver.bus.next();
    expect(driver.admin.drain()).toMatchObject([{ id: 3 }, { id: 50, result: 0x02_0101 }]);
    driver.admin.run({ opcode: 2, namespace: 0xffff_ffff, prp1: DATA, words: [(127 << 16) | 2] });
    expect(driver.bus.ram[DATA]).toBe(2);
  });

  test("four requests wait, the fifth is refused, and Abort takes one back", () => {
    const driver = new Driver().enable();
    for (let id = 1; id <= 5; id++) driver.admin.put({ opcode: 12, id });
    driver.admin.ring();
    while (driver.bus.next());
    expect(driver.admin.drain()).toMatchObject([{ id: 5, status: 0x105 }]);
    driver.admin.put({ opcode: 8, id: 9, words: [2 << 16] });
    driver.admin.ring();
    while (driver.bus.next());
    expect(driver.admin.drain()).toMatchObject([
      { id: 2, status: 7 },
      { id: 9, status: 0, result: 0 },
    ]);
  });
});
