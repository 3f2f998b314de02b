// When commands complete: exact moments of guest time, disks that answer later, and a saved state in between.

import { describe, expect, test } from "vitest";
import type { Disk } from "../../../src/storage/disk.js";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { blocks, DATA, Driver, FLUSH, MIB, numbered, PAGE, READ, WRITE } from "./driver.js";

describe("time", () => {
  test("a command completes at an exact moment: latency and half a nanosecond a byte", () => {
    const driver = new Driver({ latency: 7000 }).enable();
    const pair = driver.queues();
    driver.bus.nanoseconds = 1_000_000;
    pair.put({ opcode: READ, namespace: 1, prp1: DATA, prp2: DATA + PAGE, words: blocks(0, 16) });
    pair.put({ opcode: FLUSH, namespace: 1 });
    pair.ring();
    expect(driver.bus.next(1_011_095)).toBe(false);
    expect(driver.bus.ram[pair.completion + 14] & 1).toBe(0);
    expect(driver.bus.next(1_011_096)).toBe(true);
    expect([driver.bus.nanoseconds, pair.drain().length]).toEqual([1_011_096, 2]);
  });

  test("memory is read when the command completes its turn, not before", () => {
    const disk = new MemoryDisk(MIB);
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    pair.put({ opcode: WRITE, namespace: 1, prp1: DATA, words: blocks(0, 1) });
    pair.ring();
    expect(disk.bytes[0]).toBe(0);
    driver.bus.ram.fill(9, DATA, DATA + 512);
    driver.bus.next();
    expect(disk.bytes[0]).toBe(9);
  });

  test("the same commands at the same times give the same memory", () => {
    const run = (): string => {
      const driver = new Driver({ disk: numbered(2048) }).enable();
      const pair = driver.queues();
      for (let n = 0; n < 50; n++) {
        pair.put({ opcode: 1 + (n % 2), namespace: 1, id: n, prp1: DATA + n * 512, words: blocks((n * 37) % 2000, 1) });
        pair.ring();
        if (n % 3 === 0) driver.bus.next();
        pair.drain();
      }
      while (driver.bus.next());
      return `${driver.bus.nanoseconds} ${Buffer.from((driver.disk as MemoryDisk).bytes).toString("base64")}`;
    };
    expect(run()).toBe(run());
  });
});

describe("a disk that answers later", () => {
  /** A disk whose operations end when the test lets them. */
  function slow(): { disk: Disk; release: (fail?: boolean) => Promise<void>; waiting: () => number } {
    const memory = new MemoryDisk(MIB);
    memory.bytes.fill(0x77);
    const held: ((fail: boolean) => void)[] = [];
    const later = (action: () => void): Promise<void> =>
      new Promise((resolve, reject) => {
        held.push((fail) => {
          if (fail) return reject(new Error("EIO"));
          action();
          resolve();
        });
      });
    return {
      disk: {
        name: "slow",
        sectorSize: 512,
        length: MIB,
        readOnly: false,
        read: (offset, into) => later(() => memory.read(offset, into)),
        write: (offset, from) => later(() => memory.write(offset, from)),
        flush: () => later(() => {}),
      },
      release: async (fail = false) => {
        for (const one of held.splice(0)) one(fail);
        for (let n = 0; n < 5; n++) await Promise.resolve();
      },
      waiting: () => held.length,
    };
  }

  test("is asked at intervals until it has", async () => {
    const { disk, release } = slow();
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    pair.put({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(0, 1) });
    pair.ring();
    for (let n = 0; n < 5; n++) expect(driver.bus.next()).toBe(true);
    expect(pair.drain()).toEqual([]);
    await release();
    expect(driver.bus.ram[DATA]).toBe(0);
    driver.bus.next();
    expect(pair.drain()).toMatchObject([{ status: 0 }]);
    expect(driver.bus.ram[DATA]).toBe(0x77);
    expect(driver.bus.next()).toBe(false);
  });

  test("doorbells meanwhile do not put the question off", async () => {
    const { disk, release } = slow();
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    pair.put({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(0, 1) });
    pair.ring();
    driver.bus.next();
    await release();
    const start = driver.bus.nanoseconds;
    for (let n = 0; n < 100 && pair.take() === undefined; n++) {
      driver.bus.nanoseconds += 1000;
      pair.acknowledge();
      while (driver.bus.next(driver.bus.nanoseconds));
    }
    expect(driver.bus.nanoseconds - start).toBeLessThanOrEqual(50_000);
  });

  test("a slow read does not write memory after a controller reset", async () => {
    const { disk, release } = slow();
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    pair.put({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(0, 1) });
    pair.ring();
    driver.bus.next();
    driver.write(0x14, 0);
    await release();
    while (driver.bus.next());
    expect(driver.bus.ram[DATA]).toBe(0);
  });

  test("a late failure is a status; others overtake; the admin queue goes on", async () => {
    const { disk, release, waiting } = slow();
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues(1, 128);
    for (let id = 0; id < 100; id++) pair.put({ opcode: READ, namespace: 1, prp1: DATA, id, words: blocks(0, 1) });
    pair.ring();
    for (let n = 0; n < 100; n++) driver.bus.next();
    expect(waiting()).toBe(64);
    expect(driver.admin.run({ opcode: 6, prp1: DATA, words: [1] }).status).toBe(0);
    await release(true);
    driver.bus.next();
    expect(pair.drain().map(({ status }) => status)).toEqual(new Array(64).fill(0x281));
    expect(driver.admin.run({ opcode: 0, words: [1] }).status).toBe(0);
    expect(pair.drain().map(({ status }) => status)).toEqual(new Array(36).fill(8));
    await release();
    while (driver.bus.next());
    expect(pair.drain()).toEqual([]);
  });

  test("shutdown is complete when the flush is", async () => {
    const { disk, release } = slow();
    const driver = new Driver({ disk }).enable();
    driver.write(0x14, driver.read(0x14) | (1 << 14));
    expect(driver.status).toBe(5);
    await release();
    expect(driver.status).toBe(9);
  });
});

describe("saved state", () => {
  test("a partition goes on elsewhere with queues, commands, requests and interrupts", () => {
    const build = () => new Driver({ disk: numbered(64) });
    const one = build();
    one.enableMsix();
    one.enable();
    const pair = one.queues(2, 8, 3);
    for (let n = 0; n < 11; n++) pair.run({ opcode: FLUSH, namespace: 1 });
    one.admin.put({ opcode: 12, id: 99 });
    one.admin.ring();
    while (one.bus.next());
    one.admin.run({ opcode: 9, words: [6, 0] });
    one.bus.ram.fill(0x5a, DATA, DATA + 512);
    pair.put({ opcode: WRITE, namespace: 1, id: 1, prp1: DATA, words: blocks(5, 1) });
    pair.put({ opcode: READ, namespace: 1, id: 2, prp1: DATA + PAGE, words: blocks(5, 1) });
    pair.ring();
    const saved = structuredClone(one.pci.save());
    const two = build();
    one.bus.ram.copy(two.bus.ram);
    two.bus.nanoseconds = one.bus.nanoseconds;
    two.pci.restore(saved);
    const finish = (driver: Driver) => {
      driver.bus.messages = [];
      while (driver.bus.next());
      driver.write(0x1000 + 11 * 8, 3);
      return {
        time: driver.bus.nanoseconds,
        messages: driver.bus.messages,
        ram: driver.bus.ram.subarray(0, DATA + 2 * PAGE).toString("base64"),
        disk: Buffer.from((driver.disk as MemoryDisk).bytes).toString("base64"),
        cache: driver.read(0x14),
      };
    };
    const [first, second] = [finish(one), finish(two)];
    expect(second).toEqual(first);
    expect(first.messages.map(({ data }) => data)).toEqual([0x43, 0x43, 0x40]);
    expect(two.bus.ram[DATA + PAGE]).toBe(0x5a);
    expect(JSON.stringify(two.pci.save())).toBe(JSON.stringify(one.pci.save()));
  });

  test("a bus that was used and reset is as new", () => {
    const driver = new Driver({ disk: new MemoryDisk(512) }).enable();
    driver.queues().run({ opcode: FLUSH, namespace: 1 });
    driver.pci.reset();
    const fresh = new Driver({ disk: new MemoryDisk(512) });
    fresh.pci.reset();
    expect(driver.pci.save()).toEqual(fresh.pci.save());
  });
});
