// The commands of the disk: where blocks and guest memory meet, and what is refused. Expected values from NVM
// Express 1.4.

import { describe, expect, test } from "vitest";
import type { Disk } from "../../../src/storage/disk.js";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { blocks, DATA, Driver, FLUSH, MIB, numbered, PAGE, READ, WRITE } from "./driver.js";

describe("data", () => {
  test.each([512, 4096] as const)("blocks of %i bytes are read and written where they belong", (sectorSize) => {
    const disk = numbered(1000, sectorSize);
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    expect(pair.run({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(200, 1) }).status).toBe(0);
    expect(driver.bus.ram.subarray(DATA, DATA + sectorSize).every((byte) => byte === 200)).toBe(true);
    expect(driver.bus.ram[DATA + sectorSize]).toBe(0);
    driver.bus.ram.fill(0xee, DATA, DATA + sectorSize);
    expect(pair.run({ opcode: WRITE, namespace: 1, prp1: DATA, words: blocks(999, 1) }).status).toBe(0);
    expect(disk.bytes.subarray(-sectorSize).every((byte) => byte === 0xee)).toBe(true);
    expect(disk.bytes[998 * sectorSize]).toBe(998 & 0xff);
  });

  test("a transfer of the largest size through a list", () => {
    const disk = numbered(4096);
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    // 256 pages backwards through memory.
    for (let n = 0; n < 255; n++) {
      driver.bus.ram.writeBigUInt64LE(BigInt(DATA + 2 * MIB - n * PAGE), DATA + 3 * MIB + n * 8);
    }
    const entry = { opcode: READ, namespace: 1, prp1: DATA + 4 * MIB, prp2: DATA + 3 * MIB, words: blocks(0, 2048) };
    expect(pair.run(entry).status).toBe(0);
    expect(driver.bus.ram.compare(disk.bytes, 0, PAGE, DATA + 4 * MIB, DATA + 4 * MIB + PAGE)).toBe(0);
    for (let n = 0; n < 255; n++) {
      const at = DATA + 2 * MIB - n * PAGE;
      expect(driver.bus.ram.compare(disk.bytes, (n + 1) * PAGE, (n + 2) * PAGE, at, at + PAGE)).toBe(0);
    }
    expect(pair.run({ ...entry, words: blocks(0, 2049) })).toMatchObject({ status: 2, doNotRetry: true });
  });

  test("zeroes, compare, discard", () => {
    const disk = numbered(256);
    const discarded: number[][] = [];
    const driver = new Driver({ disk: Object.assign(disk, { discard: (...at: number[]) => void discarded.push(at) }) });
    const pair = driver.enable().queues();
    expect(pair.run({ opcode: 8, namespace: 1, words: blocks(10, 5) }).status).toBe(0);
    expect(disk.bytes.subarray(10 * 512, 15 * 512).every((byte) => byte === 0)).toBe(true);
    expect([disk.bytes[9 * 512], disk.bytes[15 * 512]]).toEqual([9, 15]);
    driver.bus.ram.fill(20, DATA, DATA + 512);
    expect(pair.run({ opcode: 5, namespace: 1, prp1: DATA, words: blocks(20, 1) }).status).toBe(0);
    expect(pair.run({ opcode: 5, namespace: 1, prp1: DATA, words: blocks(21, 1) }).status).toBe(0x285);
    driver.bus.ram.writeUInt32LE(3, DATA + 4);
    driver.bus.ram.writeBigUInt64LE(100n, DATA + 8);
    driver.bus.ram.writeUInt32LE(2, DATA + 20);
    driver.bus.ram.writeBigUInt64LE(254n, DATA + 24);
    expect(pair.run({ opcode: 9, namespace: 1, prp1: DATA, words: [1, 4] }).status).toBe(0);
    expect(discarded).toEqual([
      [51200, 1536],
      [130048, 1024],
    ]);
    expect(pair.run({ opcode: 9, namespace: 1, prp1: DATA, words: [1, 3] }).status).toBe(0);
    driver.bus.ram.writeBigUInt64LE(255n, DATA + 24);
    expect(pair.run({ opcode: 9, namespace: 1, prp1: DATA, words: [1, 4] }).status).toBe(0x80);
    expect(discarded.length).toBe(2);
  });

  test.each([
    ["a block behind the end", { opcode: READ, words: blocks(8192, 1) }, 0x080],
    ["a range over the end", { opcode: WRITE, words: blocks(8191, 2) }, 0x080],
    ["the last block number there is", { opcode: READ, words: [0xffff_ffff, 0xffff_ffff, 0] }, 0x080],
    ["zeroes behind the end", { opcode: 8, words: blocks(8000, 65536) }, 0x080],
    ["no namespace", { opcode: READ, namespace: 0, words: blocks(0, 1) }, 0x00b],
    ["a namespace that is not there", { opcode: READ, namespace: 2, words: blocks(0, 1) }, 0x00b],
    ["a read of all namespaces", { opcode: READ, namespace: 0xffff_ffff, words: blocks(0, 1) }, 0x00b],
    ["an unknown opcode", { opcode: 0x7f }, 0x001],
    ["an unknown opcode elsewhere", { opcode: 0x7f, namespace: 3 }, 0x001],
    ["scatter-gather lists", { opcode: READ, flags: 0x40, words: blocks(0, 1) }, 0x002],
    ["a fused command", { opcode: READ, flags: 1, words: blocks(0, 1) }, 0x002],
    ["an address off the doubleword", { opcode: READ, prp1: DATA + 2, words: blocks(0, 1) }, 0x013],
    ["a second page with an offset", { opcode: READ, prp1: DATA, prp2: DATA + 8, words: blocks(0, 16) }, 0x013],
    ["a list off the quadword", { opcode: READ, prp1: DATA, prp2: DATA + 4, words: blocks(0, 24) }, 0x013],
    ["memory behind RAM", { opcode: READ, prp1: 16 * MIB, words: blocks(0, 1) }, 0x004],
    ["memory over the end of RAM", { opcode: READ, prp1: 16 * MIB - 256, words: blocks(0, 1) }, 0x013],
    ["device memory", { opcode: WRITE, prp1: 0xc000_0000, words: blocks(0, 1) }, 0x004],
    ["an absurd address", { opcode: WRITE, prp1: 2n ** 64n - 4096n, words: blocks(0, 1) }, 0x004],
    ["a list outside of RAM", { opcode: READ, prp1: DATA, prp2: 2n ** 40n, words: blocks(0, 24) }, 0x004],
  ])("%s is refused", (_what, entry, status) => {
    const driver = new Driver().enable();
    const pair = driver.queues();
    driver.bus.ram.fill(0xab, 16 * MIB - 4096);
    const completion = pair.run({ namespace: 1, prp1: DATA, prp2: DATA + 1, ...entry });
    expect(completion).toMatchObject({ status, doNotRetry: true });
    expect(driver.bus.ram.subarray(16 * MIB - 4096).every((byte) => byte === 0xab)).toBe(true);
    expect(pair.run({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(0, 1) }).status).toBe(0);
  });

  test("a write-protected disk refuses everything that changes it", () => {
    const driver = new Driver({ disk: new MemoryDisk(MIB, { readOnly: true }) }).enable();
    const pair = driver.queues();
    for (const entry of [
      { opcode: WRITE, words: blocks(0, 1) },
      { opcode: 8, words: blocks(0, 1) },
      { opcode: 9, words: [0, 4] },
    ]) {
      expect(pair.run({ namespace: 1, prp1: DATA, ...entry }).status).toBe(0x20);
    }
    expect(pair.run({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(0, 1) }).status).toBe(0);
    expect(pair.run({ opcode: FLUSH, namespace: 0xffff_ffff }).status).toBe(0);
  });

  test("force unit access and a switched-off cache flush behind the write", () => {
    const log: string[] = [];
    const disk = new MemoryDisk(MIB);
    const write = disk.write.bind(disk);
    disk.write = (...access) => {
      log.push("write");
      write(...access);
    };
    disk.flush = () => void log.push("flush");
    const driver = new Driver({ disk }).enable();
    const pair = driver.queues();
    const run = (flags: number) => pair.run({ opcode: WRITE, namespace: 1, prp1: DATA, words: blocks(0, 1, flags) });
    run(0);
    expect(log.splice(0)).toEqual(["write"]);
    run(1 << 30);
    expect(log.splice(0)).toEqual(["write", "flush"]);
    expect(driver.admin.run({ opcode: 9, words: [6, 0] }).status).toBe(0);
    run(0);
    expect(log.splice(0)).toEqual(["write", "flush"]);
  });

  test("a failing disk is a media error, counted, and reported to the host", () => {
    const errors: unknown[] = [];
    const disk: Disk = new MemoryDisk(MIB);
    const driver = new Driver({ disk, onDiskError: (error) => errors.push(error) }).enable();
    const pair = driver.queues();
    const fail = (): undefined => {
      throw new Error("EIO");
    };
    Object.assign(disk, { read: fail, write: fail, flush: fail });
    expect(pair.run({ opcode: READ, namespace: 1, prp1: DATA, words: blocks(0, 1) }).status).toBe(0x281);
    expect(pair.run({ opcode: WRITE, namespace: 1, prp1: DATA, words: blocks(0, 1) }).status).toBe(0x280);
    expect(pair.run({ opcode: FLUSH, namespace: 1 }).status).toBe(0x280);
    driver.admin.run({ opcode: 2, namespace: 0xffff_ffff, prp1: DATA, words: [(127 << 16) | 2] });
    expect(driver.bus.ram.readUInt32LE(DATA + 160)).toBe(3);
    driver.write(0x14, driver.read(0x14) | (1 << 14));
    expect([driver.status, errors.length]).toEqual([9, 4]);
  });

  test("without bus mastering commands wait", () => {
    const driver = new Driver().enable();
    driver.bus.configWrite(1, 4, 2, 2);
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    expect([driver.bus.next(), driver.status]).toEqual([false, 1]);
    driver.bus.configWrite(1, 4, 2, 6);
    driver.bus.configWrite(1, 4, 2, 2);
    expect(driver.bus.next()).toBe(false);
    driver.bus.configWrite(1, 4, 2, 6);
    expect(driver.bus.next()).toBe(true);
    expect(driver.admin.drain()).toMatchObject([{ status: 0 }]);
  });
});
