// The small devices: fw_cfg, the test device, the reset control register.

import { describe, expect, test } from "vitest";
import { FwCfg } from "../../src/device/fw-cfg.js";
import { ResetControl } from "../../src/device/reset-control.js";
import { TestDevice } from "../../src/device/test-device.js";
import { FakeBus } from "./bus.js";

describe("fw_cfg", () => {
  const bus = new FakeBus();
  const files = { "opt/one": Uint8Array.of(1, 2, 3), "opt/two": Uint8Array.of(4) };
  const device = bus.attach(new FwCfg({ processors: 300, files }));
  const item = (selector: number, count: number): number[] => {
    bus.out(0x510, selector, 2);
    return Array.from({ length: count }, () => bus.in(0x511));
  };

  test("signature, interface revision, processors", () => {
    expect(String.fromCharCode(...item(0, 4))).toBe("QEMU");
    expect(item(1, 4)).toEqual([1, 0, 0, 0]);
    expect(item(5, 3)).toEqual([300 & 0xff, 1, 0]);
    expect(item(0x0f, 2)).toEqual([300 & 0xff, 1]);
    expect(item(0x1234, 2)).toEqual([0, 0]);
  });

  test("the directory names files and their selectors, big-endian", () => {
    const directory = item(0x19, 4 + 2 * 64);
    expect(directory.slice(0, 4)).toEqual([0, 0, 0, 2]);
    expect(directory.slice(4, 20)).toEqual([0, 0, 0, 3, 0, 0x20, 0, 0, ...Buffer.from("opt/one\0")]);
    expect(item(0x21, 2)).toEqual([4, 0]);
    expect(item(0x20, 4)).toEqual([1, 2, 3, 0]);
  });

  test("only words select; the data port is not written", () => {
    item(0, 1);
    bus.out(0x510, 5);
    bus.out(0x511, 0xff);
    expect(bus.in(0x511)).toBe("E".charCodeAt(0));
    expect(device.save()).toEqual({ selector: 0, offset: 2 });
  });

  test("a name that does not fit is refused", () => {
    expect(() => new FwCfg({ files: { ["x".repeat(56)]: new Uint8Array() } })).toThrow(/longer/);
  });
});

test("the test device's register takes every width, its line ports drive lines", () => {
  const bus = new FakeBus();
  const device = bus.attach(new TestDevice());
  bus.out(0xe0, 0x1234_5678, 4);
  expect([bus.in(0xe0, 4), bus.in(0xe2, 2), bus.in(0xea)]).toEqual([0x1234_5678, 0x1234, 0x34]);
  bus.out(0xe8, 0xabcd, 2);
  expect(bus.in(0xe0, 4)).toBe(0x1234_abcd);
  bus.out(0xe4, 0x1000, 4);
  bus.out(0x2000 + 17, 1);
  expect(bus.lines[17]).toBe(true);
  bus.out(0x2000 + 17, 0);
  expect(bus.edges).toEqual(["17+", "17-"]);
  const copy = new TestDevice();
  copy.restore(device.save());
  expect(copy.save()).toEqual([0xcd, 0xab, 0x34, 0x12]);
});

test("CF9h resets when bit 2 rises", () => {
  const bus = new FakeBus();
  bus.attach(new ResetControl());
  bus.out(0xcf9, 0x02);
  expect([bus.in(0xcf9), bus.resets]).toEqual([0x02, 0]);
  bus.out(0xcf9, 0x06);
  bus.out(0xcf9, 0x0e);
  expect(bus.resets).toBe(1);
  bus.out(0xcf9, 0x00);
  bus.out(0xcf9, 0x04);
  expect(bus.resets).toBe(2);
});
