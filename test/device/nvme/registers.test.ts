// The controller's registers (enabling, fatal states, shutdown) and what Identify tells of controller and disk.
// Expected values from NVM Express 1.4.

import { describe, expect, test } from "vitest";
import { NvmeController } from "../../../src/device/nvme/controller.js";
import { MemoryDisk } from "../../../src/storage/memory.js";
import { DATA, Driver, FLUSH, MIB, PAGE, text } from "./driver.js";

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
