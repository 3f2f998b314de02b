// The NVMe controller under a driver of the test's own (driver.ts): initialisation, identification, queues,
// interrupts, data, timing, shutdown and saved state. Expected values from NVM Express 1.4.

import { describe, expect, test } from "vitest";
import { NvmeController } from "../../../src/device/nvme/controller.js";
import type { Disk } from "../../../src/storage/disk.js";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { blocks, DATA, Driver, PAGE } from "./driver.js";

const MIB = 1024 * 1024;
const READ = 2;
const WRITE = 1;
const FLUSH = 0;

function text(bytes: Buffer): string {
  return bytes.toString("latin1").trimEnd();
}

/** A disk of `count` blocks, each filled with its number. */
function numbered(count: number, sectorSize: 512 | 4096 = 512): MemoryDisk {
  const disk = new MemoryDisk(count * sectorSize, { sectorSize });
  for (let n = 0; n < count; n++) disk.bytes.fill(n & 0xff, n * sectorSize, (n + 1) * sectorSize);
  return disk;
}

describe("registers", () => {
  test("class code, 64-bit range of 16 KiB, MSI-X with 17 vectors", () => {
    const { bus } = new Driver();
    expect(bus.configRead(1, 8, 4) >>> 8).toBe(0x010802);
    bus.configWrite(1, 0x10, 4, 0xffff_ffff);
    expect(bus.configRead(1, 0x10, 4)).toBe(0xffff_c004);
    expect(bus.configRead(1, 0x52, 2)).toBe(16);
  });

  test("capabilities: 1024 entries, contiguous, NVM commands, pages of 4-64 KiB, version 1.4", () => {
    const driver = new Driver();
    const cap = driver.bus.load(driver.base, 8);
    expect(cap & 0xffffn).toBe(1023n);
    expect((cap >> 16n) & 1n).toBe(1n);
    expect((cap >> 32n) & 15n).toBe(0n);
    expect((cap >> 37n) & 0xffn).toBe(1n);
    expect((cap >> 48n) & 0xffn).toBe(0x40n);
    expect(driver.read(8)).toBe(0x10400);
  });

  test("narrow reads see parts, narrow writes are dropped", () => {
    const driver = new Driver();
    expect(driver.bus.load(driver.base + 0xa, 1)).toBe(1n);
    expect(driver.bus.load(driver.base + 9, 1)).toBe(4n);
    driver.bus.store(driver.base + 0x24, 2, 0xffffn);
    expect(driver.read(0x24)).toBe(0);
    driver.write(0x24, 0xffff_ffff);
    expect(driver.read(0x24)).toBe(0x0fff_0fff);
  });

  test("enable sets ready, disable clears it and drops the queues", () => {
    const driver = new Driver().enable();
    expect(driver.status).toBe(1);
    driver.queues();
    driver.write(0x14, 0);
    expect(driver.status).toBe(0);
    driver.enable();
    expect(driver.status).toBe(1);
    expect(driver.queues().run({ opcode: FLUSH, namespace: 1 }).status).toBe(0);
  });

  test.each([
    ["a command set", (4 << 20) | (6 << 16) | (1 << 4) | 1],
    ["an arbitration", (4 << 20) | (6 << 16) | (1 << 11) | 1],
    ["a page size", (4 << 20) | (6 << 16) | (5 << 7) | 1],
  ])("%s that does not exist is fatal", (_what, cc) => {
    const driver = new Driver().enable();
    driver.write(0x14, 0);
    driver.write(0x14, cc);
    expect(driver.status).toBe(2);
    driver.write(0x14, 0);
    expect(driver.status).toBe(0);
  });

  test("admin queues of one entry, or not on a page of CC's size, are fatal", () => {
    const driver = new Driver();
    driver.write(0x14, 1);
    expect(driver.status).toBe(2);
    driver.write(0x14, 0);
    driver.write(0x24, 0x1f_001f);
    driver.write(0x28, 0x11_1000);
    driver.write(0x14, (1 << 7) | 1);
    expect(driver.status).toBe(2);
  });

  test("shutdown flushes the disk and is reported complete", () => {
    let flushes = 0;
    const disk = new MemoryDisk(MIB);
    disk.flush = () => void flushes++;
    const driver = new Driver({ disk }).enable();
    driver.write(0x14, driver.read(0x14) | (1 << 14));
    expect([driver.status, flushes]).toEqual([9, 1]);
    driver.admin.put({ opcode: 6, prp1: DATA, words: [1] });
    driver.admin.ring();
    expect(driver.bus.next()).toBe(false);
    driver.enable();
    expect(driver.admin.run({ opcode: 6, prp1: DATA, words: [1] }).status).toBe(0);
  });
});

describe("identification", () => {
  test("controller", () => {
    const driver = new Driver({ serial: "S-1", model: "A model" }).enable();
    expect(driver.admin.run({ opcode: 6, prp1: DATA, words: [1] }).status).toBe(0);
    const data = driver.bus.ram.subarray(DATA, DATA + PAGE);
    expect(data.readUInt16LE(0)).toBe(driver.bus.configRead(1, 0, 2));
    expect([text(data.subarray(4, 24)), text(data.subarray(24, 64))]).toEqual(["S-1", "A model"]);
    expect(data.readUInt32LE(80)).toBe(0x10400);
    expect([data[77], data[111], data[512], data[513], data[516], data[525] & 1]).toEqual([8, 1, 0x66, 0x44, 1, 1]);
    expect(data.readUInt16LE(520)).toBe(0b1101);
    expect(text(data.subarray(768, 1024))).toMatch(/^nqn\.2014-08\.org\.nvmexpress:uuid:[0-9a-f-]{36}\0*$/);
  });

  test.each([512, 4096] as const)("namespace of %i-byte blocks", (sectorSize) => {
    const driver = new Driver({ disk: new MemoryDisk(MIB, { sectorSize, readOnly: sectorSize === 512 }) }).enable();
    expect(driver.admin.run({ opcode: 6, namespace: 1, prp1: DATA, words: [0] }).status).toBe(0);
    const data = driver.bus.ram.subarray(DATA, DATA + PAGE);
    for (const at of [0, 8, 16]) expect(data.readBigUInt64LE(at)).toBe(BigInt(MIB / sectorSize));
    expect([data[25], data[26], data[99]]).toEqual([0, 0, sectorSize === 512 ? 1 : 0]);
    expect(2 ** data[130]).toBe(sectorSize);
  });

  test("active list and descriptors", () => {
    const { admin, bus } = new Driver().enable();
    admin.run({ opcode: 6, namespace: 0, prp1: DATA, words: [2] });
    expect([bus.ram.readUInt32LE(DATA), bus.ram.readUInt32LE(DATA + 4)]).toEqual([1, 0]);
    admin.run({ opcode: 6, namespace: 1, prp1: DATA, words: [2] });
    expect(bus.ram.readUInt32LE(DATA)).toBe(0);
    admin.run({ opcode: 6, namespace: 1, prp1: DATA, words: [3] });
    expect([bus.ram[DATA], bus.ram[DATA + 1], bus.ram[DATA + 20]]).toEqual([3, 16, 0]);
    expect(bus.ram[DATA + 4 + 6] >> 4).toBe(8);
  });

  test("two disks on a bus have different names", () => {
    const names = [1, 2].map((device) => {
      const driver = new Driver({ before: device - 1 });
      driver.enable().admin.run({ opcode: 6, prp1: DATA, words: [1] });
      const nqn = text(driver.bus.ram.subarray(DATA + 768, DATA + 1024));
      return [text(driver.bus.ram.subarray(DATA + 4, DATA + 24)), nqn];
    });
    expect([names[0][0], names[1][0]]).toEqual(["RINGFENCE-01.0", "RINGFENCE-02.0"]);
    expect(names[0][1]).not.toBe(names[1][1]);
  });

  test.each([
    ["an unknown structure", { namespace: 1, words: [0x1c] }, 0x002],
    ["a namespace that is not there", { namespace: 2, words: [0] }, 0x00b],
    ["namespace 0", { namespace: 0, words: [3] }, 0x00b],
    ["all namespaces", { namespace: 0xffff_ffff, words: [0] }, 0x00b],
    ["a list behind the last", { namespace: 0xffff_fffe, words: [2] }, 0x00b],
  ])("%s is refused", (_what, entry, status) => {
    const { admin } = new Driver().enable();
    expect(admin.run({ opcode: 6, prp1: DATA, ...entry })).toMatchObject({ status, doNotRetry: true });
  });

  test("names must fit", () => {
    expect(() => new NvmeController(new MemoryDisk(512), { serial: "x".repeat(21) })).toThrow(/20 printable/);
    expect(() => new NvmeController(new MemoryDisk(512), { model: "ü" })).toThrow(/40 printable/);
    expect(() => new NvmeController(new MemoryDisk(512), { latency: -1 })).toThrow(/latency/);
  });
});

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
