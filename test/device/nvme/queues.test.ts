// Queues of commands and completions, and the interrupts behind them. Expected values from NVM Express 1.4.

import { describe, expect, test } from "vitest";
import { blocks, DATA, Driver, FLUSH, MIB, READ } from "./driver.js";

describe("queues", () => {
  test.each([
    ["completion queue 0", 5, [31 << 16, 3], 0x101],
    ["completion queue 17", 5, [(31 << 16) | 17, 3], 0x101],
    ["an existing completion queue", 5, [(31 << 16) | 1, 3], 0x101],
    ["a completion queue of one entry", 5, [2, 3], 0x102],
    ["a completion queue of 1025 entries", 5, [(1024 << 16) | 2, 3], 0x102],
    ["a completion queue in pieces", 5, [(31 << 16) | 2, 2], 0x002],
    ["a vector that is not there", 5, [(31 << 16) | 2, (1 << 16) | 3], 0x108],
    ["submission queue 0", 1, [31 << 16, (1 << 16) | 1], 0x101],
    ["an existing submission queue", 1, [(31 << 16) | 1, (1 << 16) | 1], 0x101],
    ["a submission queue of one entry", 1, [2, (1 << 16) | 1], 0x102],
    ["a submission queue on the admin completion queue", 1, [(31 << 16) | 2, 1], 0x100],
    ["a submission queue without completion queue", 1, [(31 << 16) | 2, (9 << 16) | 1], 0x100],
    ["deletion of submission queue 0", 0, [0], 0x101],
    ["deletion of a submission queue that is not there", 0, [5], 0x101],
    ["deletion of completion queue 0", 4, [0], 0x101],
    ["deletion of a completion queue that is not there", 4, [5], 0x101],
    ["deletion of a completion queue in use", 4, [1], 0x10c],
  ])("%s is refused", (_what, opcode, words, status) => {
    const driver = new Driver().enable();
    driver.queues();
    expect(driver.admin.run({ opcode, prp1: DATA, words })).toMatchObject({ status, doNotRetry: true });
  });

  test("queue memory: on a page, and there", () => {
    const { admin } = new Driver().enable();
    expect(admin.run({ opcode: 5, prp1: DATA + 64, words: [(31 << 16) | 1, 3] }).status).toBe(0x13);
    for (const prp1 of [16 * MIB - 4096 + 0, 16 * MIB, 0xc000_0000, 2n ** 63n, 0xffff_ffff_ffff_f000n]) {
      const size = prp1 === 16 * MIB - 4096 ? 1023 : 31;
      expect(admin.run({ opcode: 5, prp1, words: [(size << 16) | 1, 3] }).status).toBe(0x04);
    }
  });

  test("entry sizes of CC are checked when queues are made", () => {
    const driver = new Driver().enable();
    driver.write(0x14, (3 << 20) | (6 << 16) | 1);
    expect(driver.admin.run({ opcode: 5, prp1: DATA, words: [(31 << 16) | 1, 3] }).status).toBe(0x02);
  });

  test("a queue can be deleted and made again; its commands are aborted", () => {
    const driver = new Driver().enable();
    const pair = driver.queues();
    for (let id = 0; id < 3; id++) pair.put({ opcode: FLUSH, namespace: 1, id });
    pair.ring();
    // Time stands still: the three are under way when the admin command is fetched, but due before it.
    driver.admin.put({ opcode: 0, words: [1], id: 77 });
    driver.admin.ring();
    driver.bus.next();
    expect(pair.drain().map(({ status }) => status)).toEqual([0, 0, 0]);
    expect(driver.admin.drain()[0]).toMatchObject({ id: 77, status: 0 });
    expect(driver.admin.run({ opcode: 4, words: [1] }).status).toBe(0);
    expect(driver.queues().run({ opcode: FLUSH, namespace: 1 }).status).toBe(0);
  });

  test("commands behind the deletion of their queue are aborted", () => {
    const driver = new Driver().enable();
    const pair = driver.queues();
    driver.admin.put({ opcode: 0, words: [1] });
    driver.admin.ring();
    for (let id = 0; id < 3; id++) pair.put({ opcode: FLUSH, namespace: 1, id });
    pair.ring();
    driver.bus.next();
    expect(pair.drain()).toMatchObject([0, 1, 2].map((id) => ({ id, status: 8, doNotRetry: false })));
    expect(driver.admin.drain()).toMatchObject([{ status: 0 }]);
    expect(driver.bus.next()).toBe(false);
  });

  test("hundreds of commands wrap the rings with right phases and heads", () => {
    const driver = new Driver().enable();
    const pair = driver.queues(3, 5);
    for (let n = 0; n < 300; n++) {
      const completion = pair.run({ opcode: READ, namespace: 1, prp1: DATA, id: n, words: blocks(n, 1) });
      expect(completion).toMatchObject({ id: n, queue: 3, status: 0 });
      expect(pair.submissionHead).toBe(pair.tail);
    }
  });

  test("a full completion queue holds commands back until the driver makes room", () => {
    const driver = new Driver().enable();
    const pair = driver.queues(1, 4);
    // A submission queue of 32 entries on a completion queue of 4.
    driver.admin.run({ opcode: 1, prp1: DATA + MIB, words: [(31 << 16) | 2, (1 << 16) | 1] });
    for (let n = 0; n < 20; n++) driver.bus.ram.writeUInt32LE((n << 16) | FLUSH, DATA + MIB + n * 64);
    for (let n = 0; n < 20; n++) driver.bus.ram.writeUInt32LE(1, DATA + MIB + n * 64 + 4);
    driver.write(0x1010, 20);
    const seen: number[] = [];
    for (let round = 0; round < 40 && seen.length < 20; round++) {
      while (driver.bus.next());
      const part = pair.drain();
      expect(part.length).toBeLessThanOrEqual(3);
      seen.push(...part.map(({ id }) => id));
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  test("sixteen queues share one disk fairly", () => {
    const driver = new Driver().enable();
    const pairs = Array.from({ length: 16 }, (_, n) => driver.queues(n + 1, 64));
    for (const pair of pairs) {
      for (let id = 0; id < 60; id++) pair.put({ opcode: READ, namespace: 1, prp1: DATA, id, words: blocks(id, 1) });
    }
    for (const pair of pairs) pair.ring();
    while (driver.bus.next());
    for (const pair of pairs) expect(pair.drain().map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, n) => n));
  });

  test("Abort ends a command that waits, and says when there is none", () => {
    const driver = new Driver({ latency: 1000 }).enable();
    expect(driver.admin.run({ opcode: 8, words: [(5 << 16) | 1] })).toMatchObject({ status: 0, result: 1 });
    const pair = driver.queues();
    driver.admin.put({ opcode: 8, words: [(5 << 16) | 1] });
    driver.admin.ring();
    pair.put({ opcode: FLUSH, namespace: 1, id: 5 });
    pair.ring();
    driver.bus.next();
    expect(driver.admin.drain()).toMatchObject([{ status: 0, result: 0 }]);
    expect(pair.drain()).toMatchObject([{ id: 5, status: 7 }]);
  });
});

describe("interrupts", () => {
  test("the pin follows unconsumed completions and the mask", () => {
    const driver = new Driver().enable();
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    expect(driver.bus.lines[16]).toBe(false);
    driver.bus.next();
    expect([driver.bus.lines[16], driver.bus.lines[10]]).toEqual([true, true]);
    driver.write(0x0c, 1);
    expect([driver.bus.lines[16], driver.read(0x0c), driver.read(0x10)]).toEqual([false, 1, 1]);
    driver.write(0x10, 1);
    expect(driver.bus.lines[16]).toBe(true);
    driver.admin.drain();
    expect(driver.bus.lines[16]).toBe(false);
  });

  test("a controller reset lowers the pin", () => {
    const driver = new Driver().enable();
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    driver.bus.next();
    driver.write(0x14, 0);
    expect(driver.bus.lines[16]).toBe(false);
  });

  test("MSI-X: a vector for each completion queue, none where interrupts are off", () => {
    const driver = new Driver();
    driver.enableMsix();
    driver.enable();
    const pair = driver.queues(1, 32, 7);
    const silent = driver.queues(2, 32, 8, false);
    driver.bus.messages = [];
    pair.run({ opcode: FLUSH, namespace: 1 });
    expect(driver.bus.messages).toEqual([{ address: 0xfee0_0000, data: 0x47 }]);
    silent.run({ opcode: FLUSH, namespace: 1 });
    driver.admin.run({ opcode: 6, prp1: DATA, words: [1] });
    expect(driver.bus.messages.map(({ data }) => data)).toEqual([0x47, 0x40]);
    expect(driver.bus.lines[16]).toBe(false);
    expect(driver.admin.run({ opcode: 5, prp1: DATA, words: [(31 << 16) | 3, (17 << 16) | 3] }).status).toBe(0x108);
  });

  test("plain MSI: one message, held by the mask register", () => {
    const driver = new Driver();
    driver.bus.configWrite(1, 0x44, 4, 0xfee0_2000);
    driver.bus.configWrite(1, 0x4c, 2, 0x61);
    driver.bus.configWrite(1, 0x42, 2, 1);
    driver.enable();
    driver.admin.run({ opcode: 6, prp1: DATA, words: [1] });
    expect(driver.bus.messages).toEqual([{ address: 0xfee0_2000, data: 0x61 }]);
    driver.write(0x0c, 1);
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    driver.bus.next();
    expect(driver.bus.messages.length).toBe(1);
    driver.write(0x10, 1);
    expect(driver.bus.messages.length).toBe(2);
  });

  test("completions of one moment share a message", () => {
    const driver = new Driver();
    driver.enableMsix();
    driver.enable();
    const pair = driver.queues(1, 32, 1);
    driver.bus.messages = [];
    for (let id = 0; id < 4; id++) pair.put({ opcode: FLUSH, namespace: 1, id });
    pair.ring();
    driver.bus.next();
    expect([driver.bus.messages.length, pair.drain().length]).toEqual([1, 4]);
  });
});
