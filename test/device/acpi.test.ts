// The ACPI tables, found and read as a kernel does, and the fixed hardware behind them. Where the reference
// compiler (iasl of ACPICA) is installed it reads the tables too.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { Acpi } from "../../src/device/acpi/acpi.js";
import * as aml from "../../src/device/acpi/aml.js";
import { eisaText, parseAml, parseResources, type Term, type Value } from "./aml-parser.js";
import { FakeBus } from "./bus.js";

const OPTIONS = { processors: 3, apic: true, ioApic: true, pci: true, serial: [1, 2] };
let bus: FakeBus;
let acpi: Acpi;
let view: DataView;

const text = (at: number, length: number): string => String.fromCharCode(...bus.ram.subarray(at, at + length));
const sum = (at: number, length: number): number =>
  bus.ram.subarray(at, at + length).reduce((total, byte) => (total + byte) & 0xff, 0);

/** Searches for the root pointer on 16-byte boundaries of the BIOS area. */
function findRoot(): number {
  for (let at = 0xe0000; at < 0x100000; at += 16) if (text(at, 8) === "RSD PTR " && sum(at, 20) === 0) return at;
  throw new Error("there is no root pointer");
}
/** Tables by signature, through the XSDT. */
function tables(): Map<string, { at: number; length: number }> {
  const root = Number(view.getBigUint64(findRoot() + 24, true));
  const found = new Map<string, { at: number; length: number }>();
  const add = (at: number): void => void found.set(text(at, 4), { at, length: view.getUint32(at + 4, true) });
  add(root);
  for (let at = root + 36; at < root + view.getUint32(root + 4, true); at += 8)
    add(Number(view.getBigUint64(at, true)));
  const fixed = found.get("FACP")!.at;
  add(view.getUint32(fixed + 36, true));
  add(view.getUint32(fixed + 40, true));
  return found;
}

function connect(device: Acpi): void {
  bus = new FakeBus();
  view = new DataView(bus.ram.buffer);
  acpi = bus.attach(device);
}

beforeEach(() => connect(new Acpi(OPTIONS)));

describe("tables", () => {
  test("root pointer, RSDT and XSDT agree, and every checksum is right", () => {
    const root = findRoot();
    expect(root).toBe(acpi.rsdp);
    expect(sum(root, 36)).toBe(0);
    expect([bus.ram[root + 15], view.getUint32(root + 20, true)]).toEqual([2, 36]);
    const rsdt = view.getUint32(root + 16, true);
    const xsdt = Number(view.getBigUint64(root + 24, true));
    const old = Array.from({ length: (view.getUint32(rsdt + 4, true) - 36) / 4 }, (_, n) =>
      view.getUint32(rsdt + 36 + n * 4, true),
    );
    const wide = Array.from({ length: (view.getUint32(xsdt + 4, true) - 36) / 8 }, (_, n) =>
      Number(view.getBigUint64(xsdt + 36 + n * 8, true)),
    );
    expect(old).toEqual(wide);
    expect([text(rsdt, 4), text(xsdt, 4), ...wide.map((at) => text(at, 4))]).toEqual(["RSDT", "XSDT", "FACP", "APIC"]);
    for (const [signature, { at, length }] of tables())
      if (signature !== "FACS") expect(sum(at, length), signature).toBe(0);
    expect(sum(rsdt, view.getUint32(rsdt + 4, true))).toBe(0);
  });

  test("the fixed description names the ports, interrupt and reset register that the devices have", () => {
    const { at, length } = tables().get("FACP")!;
    expect(length).toBe(244);
    expect(bus.ram[at + 8]).toBe(3);
    expect(view.getUint16(at + 46, true)).toBe(9);
    expect(view.getUint32(at + 48, true)).toBe(0); // no SMI command port: ACPI is on
    expect([56, 64, 76].map((offset) => view.getUint32(at + offset, true))).toEqual([0x600, 0x604, 0x608]);
    expect([88, 89, 91].map((offset) => bus.ram[at + offset])).toEqual([4, 2, 4]);
    expect(bus.ram[at + 108]).toBe(0x32);
    expect(view.getUint32(at + 112, true)).toBe(0x565);
    expect([...bus.ram.subarray(at + 116, at + 129)]).toEqual([1, 8, 0, 1, 0xf9, 0x0c, 0, 0, 0, 0, 0, 0, 6]);
    const generic = (offset: number): number[] => [
      bus.ram[at + offset],
      bus.ram[at + offset + 1],
      view.getUint32(at + offset + 4, true),
    ];
    expect(generic(148)).toEqual([1, 32, 0x600]);
    expect(generic(172)).toEqual([1, 16, 0x604]);
    expect(generic(208)).toEqual([1, 32, 0x608]);
    expect(view.getBigUint64(at + 132, true)).toBe(BigInt(view.getUint32(at + 36, true)));
    expect(view.getBigUint64(at + 140, true)).toBe(BigInt(view.getUint32(at + 40, true)));
    const facs = view.getUint32(at + 36, true);
    expect([text(facs, 4), view.getUint32(facs + 4, true), facs % 64]).toEqual(["FACS", 64, 0]);
  });

  test("the interrupt controllers: local APICs, I/O APIC, overrides of lines 0 and 9", () => {
    const { at, length } = tables().get("APIC")!;
    expect([view.getUint32(at + 36, true), view.getUint32(at + 40, true)]).toEqual([0xfee00000, 1]);
    const entries: number[][] = [];
    for (let entry = at + 44; entry < at + length; entry += bus.ram[entry + 1]) {
      entries.push([...bus.ram.subarray(entry, entry + bus.ram[entry + 1])]);
    }
    expect(entries).toEqual([
      [0, 8, 0, 0, 1, 0, 0, 0],
      [0, 8, 1, 1, 1, 0, 0, 0],
      [0, 8, 2, 2, 1, 0, 0, 0],
      [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0],
      [2, 10, 0, 0, 2, 0, 0, 0, 0, 0],
      [2, 10, 0, 9, 9, 0, 0, 0, 0x0d, 0],
      [4, 6, 0xff, 0, 0, 1],
    ]);
  });

  test("describe only the interrupt controllers that there are", () => {
    connect(new Acpi({ ...OPTIONS, ioApic: false }));
    const { at, length } = tables().get("APIC")!;
    const kinds: number[] = [];
    for (let entry = at + 44; entry < at + length; entry += bus.ram[entry + 1]) kinds.push(bus.ram[entry]);
    expect(kinds).toEqual([0, 0, 0, 4]);
    connect(new Acpi({ ...OPTIONS, apic: false, ioApic: false }));
    expect([...tables().keys()]).toEqual(["XSDT", "FACP", "FACS", "DSDT"]);
  });

  test("are written again at reset", () => {
    bus.ram.fill(0, 0xf0000, 0x100000);
    acpi.reset();
    expect(findRoot()).toBe(acpi.rsdp);
  });

  test("fit their room with 64 processors", () => {
    expect(new Acpi({ ...OPTIONS, processors: 64 }).tables.length).toBeLessThan(0x8000);
  });
});

describe("namespace", () => {
  const parse = (): Term[] => {
    const { at, length } = tables().get("DSDT")!;
    return parseAml(bus.ram.slice(at + 36, at + length));
  };
  const children = (terms: Term[], kind: Term["kind"]): Map<string, Term> =>
    new Map(terms.filter((term) => term.kind === kind).map((term) => [term.path!, term]));
  const devices = (): Map<string, Term> => children(children(parse(), "scope").get("\\_SB_")!.terms!, "device");
  const named = (device: Term, path: string): Value | undefined => children(device.terms!, "name").get(path)?.value;

  test("S5 and the interrupt model", () => {
    const terms = parse();
    expect(children(terms, "name").get("\\_S5_")?.value).toEqual([5, 5, 0, 0]);
    expect(children(terms, "method").get("\\_PIC")).toEqual({
      kind: "method",
      path: "\\_PIC",
      argumentCount: 1,
      terms: [{ kind: "store", value: { argument: 0 }, path: "\\PICF" }],
    });
  });

  test("a device per processor, with the number that the interrupt controllers use", () => {
    for (const n of [0, 1, 2]) {
      const device = devices().get(`C00${n}`)!;
      expect([named(device, "_HID"), named(device, "_UID")]).toEqual(["ACPI0007", n]);
    }
    expect(devices().has("C003")).toBe(false);
  });

  test("ISA devices and their resources", () => {
    const expected: [string, string, (string | number)[][]][] = [
      [
        "PIC_",
        "PNP0000",
        [
          ["ports", 0x20, 2],
          ["ports", 0xa0, 2],
          ["ports", 0x4d0, 2],
          ["irq", 2],
        ],
      ],
      [
        "TIMR",
        "PNP0100",
        [
          ["ports", 0x40, 4],
          ["irq", 0],
        ],
      ],
      ["SPKR", "PNP0800", [["ports", 0x61, 1]]],
      [
        "RTC_",
        "PNP0B00",
        [
          ["ports", 0x70, 2],
          ["irq", 8],
        ],
      ],
      [
        "KBD_",
        "PNP0303",
        [
          ["ports", 0x60, 1],
          ["ports", 0x64, 1],
          ["irq", 1],
        ],
      ],
      ["MOU_", "PNP0F13", [["irq", 12]]],
      [
        "COM1",
        "PNP0501",
        [
          ["ports", 0x3f8, 8],
          ["irq", 4],
        ],
      ],
      [
        "COM2",
        "PNP0501",
        [
          ["ports", 0x2f8, 8],
          ["irq", 3],
        ],
      ],
    ];
    for (const [path, id, resources] of expected) {
      const device = devices().get(path)!;
      expect(eisaText(named(device, "_HID") as number), path).toBe(id);
      expect(parseResources(named(device, "_CRS") as Uint8Array), path).toEqual(resources);
    }
  });

  test("the PCI root: windows, and where the pins of each device go in both interrupt models", () => {
    const root = devices().get("PCI0")!;
    expect(eisaText(named(root, "_HID") as number)).toBe("PNP0A03");
    expect(parseResources(named(root, "_CRS") as Uint8Array)).toEqual([
      ["bus", 0, 0],
      ["ports", 0xcf8, 8],
      ["ports", 0, 0xcf7],
      ["ports", 0xd00, 0xffff],
      ["memory", 0xa0000, 0xbffff],
      ["memory", 0xc0000000, 0xfebfffff],
    ]);
    const routes = (path: string): number[][] =>
      (named(root, path) as number[][]).filter(([address]) => address === 0x0003ffff);
    expect(routes("PRTA").map(([, pin, source, input]) => [pin, source, input])).toEqual(
      [0, 1, 2, 3].map((pin) => [pin, 0, 16 + pin]),
    );
    expect(routes("PRTP").map(([, pin, source, input]) => [pin, source, input])).toEqual([
      [0, 0, 10],
      [1, 0, 11],
      [2, 0, 10],
      [3, 0, 11],
    ]);
    expect(children(root.terms!, "method").get("_PRT")?.terms).toEqual([
      { kind: "if", value: { path: "\\PICF" }, terms: [{ kind: "return", value: { path: "PRTA" } }] },
      { kind: "return", value: { path: "PRTP" } },
    ]);
  });

  test("a machine without PCI and serial ports has neither, and takes further devices", () => {
    const vmbus = aml.device("VMBS", aml.name("_HID", aml.string("VMBUS")));
    connect(new Acpi({ processors: 1, apic: false, ioApic: false, pci: false, serial: [], devices: [vmbus] }));
    expect([...devices().keys()]).toEqual(["C000", "PIC_", "TIMR", "SPKR", "RTC_", "KBD_", "MOU_", "VMBS"]);
  });
});

describe("encoder", () => {
  const round = (term: aml.Aml): Term => parseAml(Uint8Array.from(term))[0];

  test.each([0, 1, 2, 255, 256, 65535, 65536, 0xffffffff, 0x1_0000_0000, 2 ** 53 - 1])("integer %i", (value) => {
    expect(round(aml.name("X", aml.integer(value))).value).toBe(value);
  });

  test.each([1, 57, 58, 59, 60, 61, 62, 63, 64, 4000, 4090, 4091, 4092, 4093, 4094, 4095, 70_000, 1_100_000])(
    "package lengths around their limits: %i bytes",
    (size) => {
      const data = Array.from({ length: size }, (_, n) => n & 0xff);
      expect(Buffer.from(round(aml.name("X", aml.buffer(data))).value as Uint8Array).equals(Buffer.from(data))).toBe(
        true,
      );
    },
  );

  test("paths of one, two and three names", () => {
    for (const [path, read] of [
      ["X", "X___"],
      ["\\_SB.PCI0", "\\_SB_.PCI0"],
      ["\\_SB.PCI0.ISA", "\\_SB_.PCI0.ISA_"],
    ]) {
      expect(round(aml.name(path, aml.integer(0))).path).toBe(read);
    }
    expect(round(aml.scope("\\")).path).toBe("\\");
    expect(() => aml.path("lower")).toThrow(/not an ACPI name/);
    expect(() => aml.eisaId("PNP05")).toThrow(/not an EISA identifier/);
  });
});

describe("fixed hardware", () => {
  const SECOND = 1e9;

  test("the timer counts at 3.579545 MHz in 32 bits", () => {
    expect(bus.in(0x608, 4)).toBe(0);
    bus.advance(SECOND);
    expect(bus.in(0x608, 4)).toBe(3_579_545);
    expect(bus.in(0x609)).toBe((3_579_545 >> 8) & 0xff);
    bus.advance(1199 * SECOND);
    expect(bus.in(0x608, 4)).toBe((1200 * 3_579_545) % 2 ** 32);
    bus.advance(1e6 * SECOND);
    expect(bus.in(0x608, 4)).toBe(Number((1_001_200n * 3_579_545n) % (1n << 32n)));
  });

  test("TMR is set when the highest bit changes, and interrupts on line 9", () => {
    bus.out(0x602, 1, 2);
    const half = Math.ceil((2 ** 31 * 1e9) / 3_579_545);
    bus.advance(half - 1);
    expect([bus.in(0x600, 2), bus.lines[9]]).toEqual([0, false]);
    bus.advance(1);
    expect([bus.lines[9], bus.in(0x600, 2)]).toEqual([true, 1]);
    bus.out(0x600, 1, 2);
    expect([bus.in(0x600, 2), bus.lines[9]]).toEqual([0, false]);
    bus.advance(half + 1);
    expect(bus.lines[9]).toBe(true);
  });

  test("without its enable TMR is only a bit", () => {
    bus.advance(700 * SECOND);
    expect([bus.in(0x600, 2), bus.lines[9]]).toEqual([1, false]);
  });

  test("the power button interrupts until its status is cleared", () => {
    bus.out(0x602, 0x100, 2);
    acpi.pressPowerButton();
    expect([bus.in(0x600, 2), bus.lines[9]]).toEqual([0x100, true]);
    bus.out(0x600, 0xfeff, 2);
    expect(bus.lines[9]).toBe(true);
    bus.out(0x601, 1);
    expect(bus.lines[9]).toBe(false);
    expect(bus.powerOffs).toBe(0);
  });

  test("only existing enables are kept, and SCI_EN cannot be cleared", () => {
    bus.out(0x602, 0xffff, 2);
    expect(bus.in(0x602, 2)).toBe(0x521);
    bus.out(0x604, 0, 2);
    expect(bus.in(0x604, 2)).toBe(1);
  });

  test("S5 turns the machine off; other types do not exist", () => {
    bus.out(0x604, (3 << 10) | (1 << 13), 2);
    bus.out(0x604, 5 << 10, 2);
    expect(bus.powerOffs).toBe(0);
    expect(bus.in(0x604, 2)).toBe((5 << 10) | 1);
    bus.out(0x604, (5 << 10) | (1 << 13), 2);
    expect(bus.powerOffs).toBe(1);
  });

  test("saved state continues", () => {
    bus.out(0x602, 0x101, 2);
    acpi.pressPowerButton();
    const other = new FakeBus();
    const copy = other.attach(new Acpi(OPTIONS));
    copy.restore(JSON.parse(JSON.stringify(acpi.save())));
    expect(other.lines[9]).toBe(true);
    expect([other.in(0x600, 2), other.in(0x602, 2)]).toEqual([0x100, 0x101]);
  });
});

const IASL = process.env.IASL ?? "iasl";
const hasIasl = spawnSync(IASL, ["-v"]).status === 0;

describe.skipIf(!hasIasl)("the reference compiler", () => {
  test.each(["DSDT", "FACP", "APIC"])("disassembles %s and compiles it again without a remark", (signature) => {
    const folder = mkdtempSync(join(tmpdir(), "acpi-"));
    try {
      const { at, length } = tables().get(signature)!;
      const bytes = bus.ram.slice(at, at + length);
      writeFileSync(join(folder, "table.dat"), bytes);
      spawnSync(IASL, ["-d", "table.dat"], { cwd: folder });
      const compiled = spawnSync(IASL, ["-oa", "table.dsl"], { cwd: folder, encoding: "utf8" });
      expect(compiled.stdout).toContain("0 Errors, 0 Warnings, 0 Remarks");
      if (signature !== "DSDT") {
        const again = readFileSync(join(folder, "table.aml"));
        // Its own compiler identifier and checksum aside, byte for byte.
        expect(again.subarray(36).equals(Buffer.from(bytes.subarray(36)))).toBe(true);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
