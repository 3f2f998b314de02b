// PCI as system software meets it: configuration mechanism #1, enumeration, sizing, moving and refusing ranges,
// interrupt pins and messages. Expected values from PCI Local Bus 3.0.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { interruptRoute, PciBus } from "../../../src/device/pci/bus.js";
import type { Bar, PciFunction, PciHost } from "../../../src/device/pci/function.js";
import { TestBus } from "./bus.js";

const MIB = 1024 * 1024;

/** A function with a memory range of 16 KiB (64-bit, with MSI-X), one of 4 KiB and 32 ports. */
class Card implements PciFunction {
  readonly name: string;
  readonly identity = {
    vendor: 0x1234,
    device: 0x5678,
    revision: 9,
    classCode: 0xff_1122,
    subsystemVendor: 0xaaaa,
    subsystem: 0xbbbb,
  };
  readonly pin = 1 as const;
  readonly msi = true;
  readonly msix = { vectors: 3, bar: 0, table: 0x2000, pending: 0x3000 };
  readonly accesses: unknown[] = [];
  host!: PciHost;
  configurations = 0;
  readonly bars: readonly Bar[] = [
    {
      kind: "memory",
      index: 0,
      size: 0x4000,
      wide: true,
      handler: { read: (offset) => offset, write: (...access) => void this.accesses.push(access) },
    },
    { kind: "memory", index: 2, size: 0x1000, handler: { read: () => 0x22 } },
    {
      kind: "ports",
      index: 5,
      size: 32,
      handler: { read: (offset) => offset, write: (...access) => void this.accesses.push(access) },
    },
  ];

  constructor(name = "card") {
    this.name = name;
  }

  connect(host: PciHost): void {
    this.host = host;
  }
  configured(): void {
    this.configurations++;
  }
  reset(): void {}
  save(): null {
    return null;
  }
  restore(): void {}
}

function build(count = 1, memory = 16 * MIB) {
  const cards = Array.from({ length: count }, (_, n) => new Card(`card${n}`));
  const pci = new PciBus(cards);
  const bus = new TestBus(memory);
  bus.attach(pci);
  return { bus, pci, cards, card: cards[0] };
}

const MSI = 0x40;
const MSIX = 0x50;

describe("configuration mechanism #1", () => {
  test("the host bridge and the functions are found, nothing else is", () => {
    const { bus } = build();
    const found: string[] = [];
    for (let device = 0; device < 32; device++) {
      const id = bus.configRead(device, 0, 4);
      if (id !== 0xffff_ffff) found.push(`${device} ${id.toString(16)} ${bus.configRead(device, 8, 4).toString(16)}`);
    }
    expect(found).toEqual(["0 12378086 6000002", "1 56781234 ff112209"]);
  });

  test("other functions, other buses and a clear enable bit answer ones", () => {
    const { bus } = build();
    for (const address of [0x8000_0900, 0x8001_0800, 0x0000_0800]) {
      bus.out(0xcf8, address, 4);
      expect(bus.in(0xcfc, 4)).toBe(0xffff_ffff);
    }
  });

  test("the address register takes doublewords only and keeps its reserved bits zero", () => {
    const { bus } = build();
    bus.out(0xcf8, 0xffff_ffff, 4);
    expect(bus.in(0xcf8, 4)).toBe(0x80ff_fffc);
    bus.out(0xcf8, 0, 1);
    expect(bus.in(0xcf8, 4)).toBe(0x80ff_fffc);
    expect(bus.in(0xcf8, 1)).toBe(0xff);
  });

  test("the probe of kernels finds mechanism #1", () => {
    const { bus } = build();
    bus.out(0xcfb, 1, 1);
    bus.out(0xcf8, 0x8000_0000, 4);
    expect(bus.in(0xcf8, 4)).toBe(0x8000_0000);
  });

  test("bytes and words are lanes of the doubleword", () => {
    const { bus } = build();
    expect(bus.configRead(1, 0, 2)).toBe(0x1234);
    expect(bus.configRead(1, 2, 2)).toBe(0x5678);
    expect([0, 1, 2, 3].map((at) => bus.configRead(1, at, 1))).toEqual([0x34, 0x12, 0x78, 0x56]);
    bus.configWrite(1, 0x3c, 1, 0x0b);
    expect(bus.configRead(1, 0x3c, 2)).toBe(0x010b);
    expect(bus.configRead(1, 3, 4)).toBe(0xffff_ff56);
  });

  test("identity, pin and status are not writable", () => {
    const { bus } = build();
    const header = [0, 4, 8, 0x2c, 0x3c].map((at) => bus.configRead(1, at, 4));
    for (const at of [0, 8, 0x2c]) bus.configWrite(1, at, 4, 0xffff_ffff);
    bus.configWrite(1, 6, 2, 0xffff);
    bus.configWrite(1, 0x3d, 1, 0xff);
    expect([0, 4, 8, 0x2c, 0x3c].map((at) => bus.configRead(1, at, 4))).toEqual(header);
  });

  test("the capability list ends", () => {
    const { bus } = build();
    expect(bus.configRead(1, 6, 2) & 0x10).toBe(0x10);
    const list: number[] = [];
    for (let at = bus.configRead(1, 0x34, 1); at !== 0; at = bus.configRead(1, at + 1, 1)) {
      list.push(bus.configRead(1, at, 1));
    }
    expect(list).toEqual([0x05, 0x11]);
    expect(bus.configRead(1, MSIX + 2, 2)).toBe(2);
    expect(bus.configRead(1, MSIX + 4, 4)).toBe(0x2000);
    expect(bus.configRead(1, MSIX + 8, 4)).toBe(0x3000);
  });
});

describe("ranges", () => {
  test("the firmware assigns the window, aligned and without overlap, and enables decoding", () => {
    const { bus } = build(5);
    const ranges: [number, number][] = [];
    for (let device = 1; device <= 5; device++) {
      expect(bus.configRead(device, 4, 2)).toBe(3);
      expect(bus.configRead(device, 0x14, 4)).toBe(0);
      ranges.push([bus.configRead(device, 0x10, 4) & ~0xf, 0x4000], [bus.configRead(device, 0x18, 4) & ~0xf, 0x1000]);
    }
    const sorted = ranges.map(([base, size]) => [base >>> 0, size]).sort((a, b) => a[0] - b[0]);
    let end = 0xc000_0000;
    for (const [base, size] of sorted) {
      expect(base % size).toBe(0);
      expect(base).toBeGreaterThanOrEqual(end);
      end = base + size;
    }
    expect(end).toBeLessThanOrEqual(0xfec0_0000);
  });

  test("sizing: ones read back as the size's mask, and the address can be put back", () => {
    const { bus } = build();
    const command = bus.configRead(1, 4, 2);
    bus.configWrite(1, 4, 2, 0);
    const before = [0x10, 0x14, 0x18, 0x1c, 0x24].map((at) => bus.configRead(1, at, 4));
    for (const at of [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30]) bus.configWrite(1, at, 4, 0xffff_ffff);
    expect([0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30].map((at) => bus.configRead(1, at, 4))).toEqual([
      0xffff_c004, 0xffff_ffff, 0xffff_f000, 0, 0, 0xffff_ffe1, 0,
    ]);
    [0x10, 0x14, 0x18, 0x1c, 0x24].forEach((at, n) => {
      bus.configWrite(1, at, 4, before[n]);
    });
    bus.configWrite(1, 4, 2, command);
    expect(bus.load(before[0] - 4 + 0x123, 1)).toBe(0x23n);
  });

  test("sizing with decoding enabled is harmless", () => {
    const { bus, pci } = build();
    const before = bus.configRead(1, 0x10, 4);
    bus.configWrite(1, 0x10, 4, 0xffff_ffff);
    expect(pci.decoded(1, 0)).toBeUndefined();
    bus.configWrite(1, 0x10, 4, before);
    expect(pci.decoded(1, 0)).toBe(before - 4);
  });

  test("decoding follows the enable bits", () => {
    const { bus, card } = build();
    const memory = bus.configRead(1, 0x18, 4);
    const port = bus.configRead(1, 0x24, 4) - 1;
    expect([bus.load(memory, 1), bus.in(port + 5, 1)]).toEqual([0x22n, 5]);
    bus.configWrite(1, 4, 2, 2);
    expect([bus.load(memory, 1), bus.in(port + 5, 1)]).toEqual([0x22n, 0xff]);
    bus.configWrite(1, 4, 2, 1);
    expect([bus.load(memory, 1), bus.in(port + 5, 1)]).toEqual([0xffn, 5]);
    bus.out(port + 3, 0x77, 2);
    expect(card.accesses).toEqual([[3, 2, 0x77]]);
  });

  test("a moved range answers at its new address only, above 4 GiB too", () => {
    const { bus, pci } = build();
    const before = bus.configRead(1, 0x10, 4) - 4;
    bus.configWrite(1, 0x10, 4, 0xe000_0000);
    expect([bus.load(before + 8, 1), bus.load(0xe000_0008, 1)]).toEqual([0xffn, 8n]);
    bus.configWrite(1, 0x14, 4, 3);
    expect(pci.decoded(1, 0)).toBe(0x3_e000_0000);
    expect([bus.load(0xe000_0008, 1), bus.load(0x3_e000_0008, 1)]).toEqual([0xffn, 8n]);
  });

  test.each([
    ["RAM", 0x10_0000],
    ["zero", 0],
    ["the I/O APIC", 0xfec0_0000],
    ["the local APICs", 0xfee0_0000],
    ["the ROM", 0xffff_c000],
  ])("a range over %s answers nowhere and comes back when it moves", (_what, base) => {
    const { bus, pci } = build(1, 16 * MIB);
    bus.configWrite(1, 0x10, 4, base);
    expect(pci.decoded(1, 0)).toBeUndefined();
    bus.configWrite(1, 0x10, 4, 0xd000_0000);
    expect(pci.decoded(1, 0)).toBe(0xd000_0000);
  });

  test("above the physical address space nothing is decoded", () => {
    const { bus, pci } = build();
    for (const upper of [0x100, 0x10_0000, 0xffff_ffff]) {
      bus.configWrite(1, 0x14, 4, upper);
      expect(pci.decoded(1, 0)).toBeUndefined();
    }
  });

  test("the first of two overlapping ranges wins until it goes", () => {
    const { bus, pci } = build(2);
    const first = bus.configRead(1, 0x10, 4);
    bus.configWrite(2, 0x10, 4, first);
    expect([pci.decoded(1, 0), pci.decoded(2, 0)]).toEqual([first - 4, undefined]);
    bus.configWrite(1, 4, 2, 0);
    expect([pci.decoded(1, 0), pci.decoded(2, 0)]).toEqual([undefined, first - 4]);
    bus.configWrite(1, 4, 2, 2);
    expect([pci.decoded(1, 0), pci.decoded(2, 0)]).toEqual([undefined, first - 4]);
  });

  test("ports of the main board are not taken over", () => {
    const { bus, pci } = build();
    for (const base of [0x20, 0x60, 0xce0, 0x1_0000]) {
      bus.configWrite(1, 0x24, 4, base);
      expect(pci.decoded(1, 5)).toBeUndefined();
    }
    expect(bus.configRead(0, 0, 2)).toBe(0x8086);
  });

  test("random writes to configuration space never throw and never lose the bus", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 3 }),
            fc.integer({ min: 0, max: 0x7f }),
            fc.constantFrom(1, 2, 4),
            fc.oneof(
              fc.integer({ min: 0, max: 0xffff_ffff }),
              fc.constantFrom(0, 0xffff_ffff, 0xc000_0000, 0xfec0_0000, 0xcf9, 7),
            ),
          ),
          { maxLength: 200 },
        ),
        (writes) => {
          const { bus, pci } = build(3);
          for (const [device, offset, size, value] of writes) bus.configWrite(device, offset, size, value);
          expect(bus.configRead(1, 0, 4)).toBe(0x5678_1234);
          pci.reset();
          expect(pci.decoded(1, 0)).toBe(0xc000_0000);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("interrupts", () => {
  const A = interruptRoute(1);

  test("a pin is a shared level", () => {
    const { bus, cards } = build(2);
    expect(bus.configRead(1, 0x3c, 2)).toBe(0x0100 | A.line);
    cards[0].host.setPin(true);
    cards[1].host.setPin(true);
    expect([bus.lines[A.gsi], bus.lines[A.line]]).toEqual([true, true]);
    expect(bus.configRead(1, 6, 2) & 8).toBe(8);
    cards[0].host.setPin(false);
    expect(bus.lines[A.gsi]).toBe(true);
    cards[1].host.setPin(false);
    expect([bus.lines[A.gsi], bus.lines[A.line]]).toEqual([false, false]);
  });

  test("the interrupt disable bit holds the pin back and lets it go again", () => {
    const { bus, card } = build();
    card.host.setPin(true);
    bus.configWrite(1, 4, 2, 0x403);
    expect(bus.lines[A.gsi]).toBe(false);
    expect(bus.configRead(1, 6, 2) & 8).toBe(8);
    bus.configWrite(1, 4, 2, 3);
    expect(bus.lines[A.gsi]).toBe(true);
  });

  test("MSI sends its message and silences the pin", () => {
    const { bus, card } = build();
    card.host.setPin(true);
    bus.configWrite(1, 4, 2, 7);
    bus.configWrite(1, MSI + 4, 4, 0xfee0_1003);
    bus.configWrite(1, MSI + 12, 2, 0x4041);
    card.host.sendMessage(0);
    expect(bus.messages).toEqual([]);
    bus.configWrite(1, MSI + 2, 2, 1);
    expect([card.host.interruptMode, bus.lines[A.gsi]]).toEqual(["msi", false]);
    card.host.sendMessage(0);
    expect(bus.messages).toEqual([{ address: 0xfee0_1000, data: 0x4041 }]);
  });

  test("MSI-X: per-vector messages, masks, pending bits", () => {
    const { bus, card } = build();
    const table = (bus.configRead(1, 0x10, 4) & ~0xf) + 2 ** 32 + 0x2000;
    const pending = table + 0x1000;
    bus.configWrite(1, 4, 2, 7);
    expect(bus.load(table + 12, 4)).toBe(1n);
    for (const vector of [0, 1, 2]) {
      bus.store(table + vector * 16, 4, 0xfee0_0000n + BigInt(vector * 0x1000));
      bus.store(table + vector * 16 + 8, 8, BigInt(0x30 + vector) | (vector === 1 ? 1n << 32n : 0n));
    }
    bus.configWrite(1, MSIX + 2, 2, 0xc000);
    card.host.sendMessage(0);
    card.host.sendMessage(1);
    expect(bus.messages).toEqual([]);
    expect(bus.load(pending, 8)).toBe(3n);
    bus.configWrite(1, MSIX + 2, 2, 0x8000);
    expect(bus.messages).toEqual([{ address: 0xfee0_0000, data: 0x30 }]);
    expect(bus.load(pending, 4)).toBe(2n);
    bus.store(table + 16 + 12, 4, 0n);
    expect(bus.messages.at(-1)).toEqual({ address: 0xfee0_1000, data: 0x31 });
    expect(bus.load(pending, 4)).toBe(0n);
    card.host.sendMessage(2);
    expect(bus.messages.length).toBe(3);
    card.host.sendMessage(3);
    expect(bus.messages.length).toBe(3);
  });

  test("the table ignores bytes and words, and the device's own registers are not the table", () => {
    const { bus, card } = build();
    const base = (bus.configRead(1, 0x10, 4) & ~0xf) + 2 ** 32;
    bus.store(base + 0x2000, 2, 0xffffn);
    expect(bus.load(base + 0x2000, 4)).toBe(0n);
    bus.store(base + 0x1000, 4, 5n);
    expect(card.accesses).toEqual([[0x1000, 4, 5n]]);
  });

  test("a message to RAM is a write to RAM, and to nowhere nothing", () => {
    const { bus, card } = build();
    bus.configWrite(1, MSI + 4, 4, 0x1000);
    bus.configWrite(1, MSI + 12, 2, 0xbeef);
    bus.configWrite(1, MSI + 2, 2, 1);
    card.host.sendMessage(0);
    expect(bus.ram.readUInt32LE(0x1000)).toBe(0);
    bus.configWrite(1, 4, 2, 6);
    card.host.sendMessage(0);
    expect(bus.ram.readUInt32LE(0x1000)).toBe(0xbeef);
    bus.configWrite(1, MSI + 8, 4, 0xffff_ffff);
    card.host.sendMessage(0);
    expect(bus.messages).toEqual([]);
  });

  test("without bus mastering nothing is transferred, and the function hears of a change", () => {
    const { bus, card } = build();
    bus.ram.fill(7, 0x1000, 0x1010);
    const into = new Uint8Array(4);
    expect(card.host.read(0x1000, into)).toBe(false);
    expect(card.host.write(0x1000, into)).toBe(false);
    bus.configWrite(1, 4, 2, 6);
    expect(card.configurations).toBe(1);
    expect(card.host.read(0x1000, into)).toBe(true);
    expect(into[0]).toBe(7);
    expect(card.host.read(16 * MIB - 2, into)).toBe(false);
    expect(card.host.write(0xc000_0000, into)).toBe(false);
    expect(card.host.read(Number.MAX_VALUE, into)).toBe(false);
  });
});

describe("state", () => {
  test("restored: addresses, tables, levels", () => {
    const { bus, pci, card } = build(2);
    bus.configWrite(1, 0x10, 4, 0xe000_0000);
    bus.configWrite(1, 4, 2, 7);
    bus.store(0xe000_2000, 4, 0xfee0_0000n);
    bus.store(0xe000_2008, 8, 0x55n);
    card.host.setPin(true);
    const saved = structuredClone(pci.save());
    const other = build(2);
    other.pci.restore(saved);
    expect(other.pci.decoded(1, 0)).toBe(0xe000_0000);
    expect(other.bus.lines[16]).toBe(true);
    expect(other.card.host.busMaster).toBe(true);
    other.bus.configWrite(1, MSIX + 2, 2, 0x8000);
    expect(other.bus.lines[16]).toBe(false);
    other.card.host.sendMessage(0);
    expect(other.bus.messages).toEqual([{ address: 0xfee0_0000, data: 0x55 }]);
  });

  test("another set of functions is refused by name", () => {
    const saved = build(1).pci.save();
    expect(() => build(2).pci.restore(saved)).toThrow(
      expect.objectContaining({ code: "incompatible-state", message: expect.stringContaining("card1") }),
    );
  });

  test("a function comes before the bus is attached, in a free device", () => {
    const { pci } = build();
    expect(() => pci.add(new Card())).toThrow(/before the bus is attached/);
    expect(() => new PciBus().add(new Card(), 0)).toThrow(/taken/);
    const full = new PciBus(Array.from({ length: 31 }, () => new Card()));
    expect(() => full.add(new Card())).toThrow(/taken or does not exist/);
  });
});
