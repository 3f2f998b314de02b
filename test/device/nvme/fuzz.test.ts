// Hostile guests: random register and doorbell writes, random and half-sound commands, moved ranges, time, saves and
// restores in between. Whatever comes, nothing throws, nothing outside of RAM is touched (the test's bus throws
// then), the work is bounded, and after a reset the controller serves an honest driver again.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { blocks, DATA, Driver, type Entry, MIB, PAGE } from "./driver.js";

/** Expiries of the timer after one action: more commands than can be under way cannot be due. */
const STEPS_MAX = 20_000;

type Action = (driver: Driver) => void;

const addresses = fc.oneof(
  fc.integer({ min: 0, max: 16 * MIB + PAGE }),
  fc.integer({ min: 0, max: 4096 }).map((n) => n * PAGE),
  fc.constantFrom(
    DATA,
    0x10_0000,
    0x14_0000,
    0x1a_0000,
    16 * MIB - 8,
    0xc000_0000,
    0xfee0_0000,
    2 ** 40,
    2 ** 64 - PAGE,
  ),
);
const words = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 7, 0xffff_ffff, 0x1f_0001, 0x3ff_0001, 0x1_0001, 0x1_0003, 0x4000_0007),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.integer({ min: 0, max: 300 }),
);
const commands: fc.Arbitrary<Entry> = fc.record({
  opcode: fc.oneof(fc.constantFrom(0, 1, 2, 4, 5, 6, 8, 9, 10, 12), fc.integer({ min: 0, max: 255 })),
  flags: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) }),
  id: fc.integer({ min: 0, max: 0xffff }),
  namespace: fc.constantFrom(1, 1, 1, 0, 2, 0xffff_ffff),
  prp1: addresses,
  prp2: addresses,
  words: fc.array(words, { maxLength: 6 }),
});

const actions: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.array(commands, { minLength: 1, maxLength: 12 })).map(
      ([queue, entries]): Action =>
        (driver) => {
          const pair = pairs.get(driver)?.[queue];
          for (const entry of entries) pair?.put(entry);
          pair?.ring();
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.integer({ min: 0, max: 0x1100 }),
        fc.constantFrom(1, 2, 4, 8),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      )
      .map(
        ([offset, size, value]): Action =>
          (driver) => {
            const at = offset - (offset % size);
            // The two registers that decide whether anything runs have actions of their own.
            if (at < 0x14 || at > 0x17) driver.bus.store(driver.base + at, size, value);
          },
      ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 70 })).map(
      ([doorbell, value]): Action =>
        (driver) =>
          driver.write(0x1000 + doorbell * 4, value),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.integer({ min: 0, max: 0x63 }), fc.integer({ min: 0, max: 0xffff_ffff })).map(
      ([offset, value]): Action =>
        (driver) => {
          driver.bus.configWrite(driver.device, offset, 4, value);
          // Put the range back, with decoding and bus mastering: the rest of the run should mean something.
          driver.bus.configWrite(driver.device, 0x10, 4, driver.base);
          driver.bus.configWrite(driver.device, 0x14, 4, 0);
          driver.bus.configWrite(driver.device, 4, 2, value & 1 ? 6 : 2);
          driver.bus.configWrite(driver.device, 4, 2, 6);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }).map(
      (value): Action =>
        (d) =>
          d.write(0x14, value),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Action>((driver) => start(driver)) },
  { weight: 2, arbitrary: fc.constant<Action>((driver) => void driver.bus.next()) },
  {
    weight: 1,
    arbitrary: fc.constant<Action>((driver) => driver.pci.restore(structuredClone(driver.pci.save()))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(addresses, fc.array(addresses, { maxLength: 16 })).map(
      ([at, list]): Action =>
        (driver) => {
          list.forEach((value, n) => {
            const place = at + n * 8;
            if (place + 8 <= driver.bus.ram.length) driver.bus.ram.writeBigUInt64LE(BigInt(value), place);
          });
        },
    ),
  },
);

/** Queues that the fuzzer fills, whether the controller still knows them or not. */
const pairs = new WeakMap<Driver, ReturnType<Driver["queues"]>[]>();

function start(driver: Driver): void {
  driver.enable(16);
  pairs.set(driver, [driver.admin, driver.queues(1, 32), driver.queues(2, 8), driver.queues(3, 64, 0, false)]);
}

function settle(driver: Driver): void {
  let steps = 0;
  while (driver.bus.next()) expect(++steps).toBeLessThan(STEPS_MAX);
}

describe("a hostile guest", () => {
  test.each([512, 4096] as const)("cannot break the controller (%i-byte blocks)", (sectorSize) => {
    fc.assert(
      fc.property(fc.array(actions, { minLength: 5, maxLength: 60 }), (run) => {
        const driver = new Driver({ disk: new MemoryDisk(256 * 4096, { sectorSize }) });
        start(driver);
        for (const action of run) action(driver);
        settle(driver);
        for (const pair of pairs.get(driver) ?? []) pair.drain();
        settle(driver);
        // An honest driver finds it in order.
        driver.pci.reset();
        driver.bus.configWrite(driver.device, 4, 2, 6);
        const pair = driver.enable().queues();
        driver.bus.ram.fill(0xc3, DATA, DATA + sectorSize);
        expect(pair.run({ opcode: 1, namespace: 1, prp1: DATA, words: blocks(3, 1) }).status).toBe(0);
        expect(pair.run({ opcode: 2, namespace: 1, prp1: DATA + PAGE, words: blocks(3, 1) }).status).toBe(0);
        expect(driver.bus.ram[DATA + PAGE + sectorSize - 1]).toBe(0xc3);
      }),
      { numRuns: 80 },
    );
  });

  test("queue memory that is the queue's own completion memory, or a doorbell storm, is survived", () => {
    const driver = new Driver().enable();
    // Submission queue 1 on top of its completion queue.
    expect(driver.admin.run({ opcode: 5, prp1: DATA, words: [(63 << 16) | 1, 3] }).status).toBe(0);
    expect(driver.admin.run({ opcode: 1, prp1: DATA, words: [(63 << 16) | 1, (1 << 16) | 1] }).status).toBe(0);
    for (let n = 0; n < 5000; n++) {
      driver.write(0x1008, n % 64);
      driver.write(0x100c, (n * 7) % 64);
      if (n % 5 === 0) driver.bus.next();
    }
    settle(driver);
    expect(driver.status & 1).toBe(1);
  });

  test("thousands of admin commands at once are served in turns", () => {
    const driver = new Driver().enable(4096);
    // The largest log page there is, 4095 times.
    for (let id = 0; id < 4095; id++) {
      driver.admin.put({ opcode: 2, id, prp1: DATA, prp2: DATA + 8, words: [0xffff_0001, 3] });
    }
    driver.admin.ring();
    const seen: number[] = [];
    while (driver.bus.next()) {
      const part = driver.admin.drain();
      expect(part.length).toBeLessThanOrEqual(64);
      seen.push(...part.map(({ id }) => id));
    }
    expect(seen).toEqual(Array.from({ length: 4095 }, (_, n) => n));
  });

  test("queues that were in RAM and are not any more stop the controller, no more", () => {
    const driver = new Driver().enable();
    const { isMapped } = driver.bus.guest;
    Object.assign(driver.bus.guest, { isMapped: () => false });
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    expect(driver.status).toBe(3);
    settle(driver);
    Object.assign(driver.bus.guest, { isMapped });
    driver.enable();
    expect(driver.admin.run({ opcode: 6, prp1: DATA, words: [1] }).status).toBe(0);
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    Object.assign(driver.bus.guest, { isMapped: () => false });
    settle(driver);
    expect(driver.status).toBe(3);
  });

  test("admin queues outside of RAM stop the controller at the first doorbell", () => {
    const driver = new Driver();
    driver.write(0x24, 0x1f_001f);
    driver.bus.store(driver.base + 0x28, 8, 0xffff_ffff_ffff_f000n);
    driver.bus.store(driver.base + 0x30, 8, 0xc000_0000n);
    driver.write(0x14, (4 << 20) | (6 << 16) | 1);
    expect(driver.status).toBe(1);
    driver.write(0x1000, 3);
    expect(driver.status).toBe(3);
    driver.write(0x1000, 4);
    expect(driver.bus.next()).toBe(false);
  });
});
