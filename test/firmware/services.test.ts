// The BIOS services as the PS/2 BIOS interface reference describes them, asked as the ROM's entries ask.

import { beforeEach, describe, expect, test } from "vitest";
import type { Disk } from "../../src/storage/disk.js";
import { MemoryDisk } from "../../src/storage/memory.js";
import { Caller } from "./services.js";

const MIB = 1 << 20;
let bios: Caller;

beforeEach(() => {
  bios = new Caller();
});

describe("power-on", () => {
  test("vectors lead into the ROM, the data area describes the machine", () => {
    const { bus } = bios;
    for (const vector of [0x05, 0x08, 0x09, 0x10, 0x13, 0x16, 0x19, 0x1a, 0x1c, 0x1e, 0x70, 0x77]) {
      expect(bios.word(vector * 4 + 2), vector.toString(16)).toBe(0xf000);
      expect(bios.word(vector * 4)).toBeGreaterThanOrEqual(0xe000);
    }
    for (const vector of [0x60, 0x67, 0x78, 0xff]) expect(bios.dword(vector * 4)).toBe(0);
    expect([...bus.ram.subarray(0xfe000, 0xfe009)]).toEqual([...Buffer.from("Ringfence")]);
    expect(bios.word(0x400)).toBe(0x3f8);
    expect(bios.word(0x402)).toBe(0);
    expect([bios.word(0x410), bios.word(0x413)]).toEqual([0x0226, 639]);
    expect([bios.word(0x40e), bus.ram[0x9fc00]]).toEqual([0x9fc0, 1]);
    expect([bios.word(0x41a), bios.word(0x41c), bios.word(0x480), bios.word(0x482)]).toEqual([0x1e, 0x1e, 0x1e, 0x3e]);
    expect([bus.ram[0x449], bios.word(0x44a), bios.word(0x463), bus.ram[0x484]]).toEqual([3, 80, 0x3d4, 24]);
    // 13:59:58 in ticks of 65,536 / 1,193,180 s, to a tick.
    expect(Math.abs(bios.dword(0x46c) - ((14 * 3600 - 2) * 1_193_180) / 65_536)).toBeLessThan(5);
  });

  test("INT 11h and INT 12h", () => {
    expect(bios.call(0x11).ax).toBe(0x0226);
    expect(bios.call(0x12).ax).toBe(639);
  });

  test("the diskette parameters are where INT 1Eh says", () => {
    const at = bios.word(0x1e * 4 + 2) * 16 + bios.word(0x1e * 4);
    expect([...bios.bus.ram.subarray(at, at + 11)]).toEqual([0xaf, 2, 0x25, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 8]);
  });
});

describe("INT 10h", () => {
  test("teletype: control characters, wrapping, scrolling", () => {
    bios.print("one\r\ntwo\b\bWO\x07\r\n");
    expect(bios.screen.lines.slice(0, 3)).toEqual(["one", "tWO", ""]);
    expect(bios.screen.cursor).toEqual({ column: 0, row: 2, visible: true });
    bios.print("x".repeat(82));
    expect(bios.screen.lines.slice(2, 4)).toEqual(["x".repeat(80), "xx"]);
    bios.print("\r\n".repeat(22));
    expect(bios.screen.lines.slice(0, 2)).toEqual(["tWO", "x".repeat(80)]);
    expect(bios.screen.cursor).toEqual({ column: 0, row: 24, visible: true });
  });

  test("cursor position and shape by page; the data area has them too", () => {
    bios.call(0x10, { ah: 2, bh: 0, dl: 10, dh: 5 });
    bios.call(0x10, { ah: 2, bh: 3, dl: 1, dh: 2 });
    expect(bios.call(0x10, { ah: 3, bh: 0 })).toMatchObject({ dx: 0x050a, cx: 0x0607 });
    expect(bios.call(0x10, { ah: 3, bh: 3 }).dx).toBe(0x0201);
    expect([bios.word(0x450), bios.word(0x456)]).toEqual([0x050a, 0x0201]);
    expect(bios.screen.cursor).toEqual({ column: 10, row: 5, visible: true });
    bios.call(0x10, { ah: 1, cx: 0x2000 });
    expect(bios.screen.cursor.visible).toBe(false);
    bios.call(0x10, { ah: 1, cx: 0x0607 });
    expect(bios.screen.cursor.visible).toBe(true);
    bios.bus.out(0x3d4, 0x0a);
    expect(bios.bus.in(0x3d5)).toBe(13);
  });

  test("writing characters with attributes, and reading them back", () => {
    bios.call(0x10, { ah: 2, dl: 78, dh: 0 });
    bios.call(0x10, { ah: 9, al: 0x41, bl: 0x1f, cx: 4 });
    expect(bios.screen.lines.slice(0, 2)).toEqual([`${" ".repeat(78)}AA`, "AA"]);
    expect(bios.call(0x10, { ah: 8 }).ax).toBe(0x1f41);
    bios.call(0x10, { ah: 0x0a, al: 0x42, bl: 0x70, cx: 1 });
    expect(bios.call(0x10, { ah: 8 }).ax).toBe(0x1f42);
    expect(bios.screen.cursor.column).toBe(78);
  });

  test("scrolling windows both ways, and blanking them", () => {
    for (const [row, character] of [..."abcdef"].entries()) {
      bios.call(0x10, { ah: 2, dl: 0, dh: row });
      bios.call(0x10, { ah: 9, al: character.charCodeAt(0), bl: 7, cx: 5 });
    }
    bios.call(0x10, { ah: 6, al: 1, bh: 0x17, ch: 1, cl: 1, dh: 3, dl: 3 });
    expect(bios.screen.lines.slice(0, 6)).toEqual(["aaaaa", "bcccb", "cdddc", "d   d", "eeeee", "fffff"]);
    bios.call(0x10, { ah: 7, al: 2, bh: 7, ch: 0, cl: 0, dh: 5, dl: 0 });
    expect(bios.screen.lines.slice(0, 6)).toEqual([" aaaa", " cccb", "adddc", "b   d", "ceeee", "dffff"]);
    bios.call(0x10, { ah: 6, al: 0, bh: 7, ch: 0, cl: 0, dh: 24, dl: 79 });
    expect(bios.screen.text.trim()).toBe("");
    bios.call(0x10, { ah: 6, al: 1, ch: 9, cl: 9, dh: 3, dl: 3 });
  });

  test("pages", () => {
    bios.print("first");
    bios.call(0x10, { ah: 5, al: 1 });
    bios.print("second");
    expect(bios.screen.lines[0]).toBe("second");
    expect(bios.call(0x10, { ah: 0x0f })).toMatchObject({ ah: 80, al: 3, bh: 1 });
    expect(bios.word(0x44e)).toBe(0x1000);
    bios.call(0x10, { ah: 5, al: 0 });
    expect(bios.screen.lines[0]).toBe("first");
    expect(bios.screen.cursor).toEqual({ column: 5, row: 0, visible: true });
  });

  test("strings, with and without attributes and moving", () => {
    bios.bus.ram.set(Buffer.from("A\x1fB\x2f"), 0x3000);
    bios.call(0x10, { ax: 0x1303, bh: 0, cx: 2, dh: 2, dl: 3, es: 0x0300, bp: 0 });
    expect(bios.screen.lines[2]).toBe("   AB");
    expect(bios.screen.cursor).toEqual({ column: 5, row: 2, visible: true });
    expect(bios.bus.ram[0xb8000 + 2 * 160 + 4 * 2 + 1]).toBe(0x2f);
    bios.bus.ram.set(Buffer.from("CD"), 0x3000);
    bios.call(0x10, { ax: 0x1300, bl: 0x4e, cx: 2, dh: 0, dl: 0, es: 0x0300, bp: 0 });
    expect(bios.screen.lines[0]).toBe("CD");
    expect(bios.screen.cursor.row).toBe(2);
    expect(bios.bus.ram[0xb8001]).toBe(0x4e);
  });

  test("modes: 40 columns, keeping memory, a graphics mode that nothing shows", () => {
    bios.print("text");
    bios.call(0x10, { ax: 0x0081 });
    expect([bios.screen.columns, bios.screen.lines[0]]).toEqual([40, "text"]);
    expect(bios.call(0x10, { ah: 0x0f })).toMatchObject({ ah: 40, al: 1 });
    bios.call(0x10, { ax: 0x0013 });
    expect(bios.call(0x10, { ah: 0x0f }).al).toBe(1);
    bios.call(0x10, { ax: 0x0003 });
    expect([bios.screen.columns, bios.screen.text.trim()]).toEqual([80, ""]);
  });

  test("a font of 8 lines makes 50 rows", () => {
    bios.call(0x10, { ax: 0x1112 });
    expect(bios.screen.rows).toBe(50);
    bios.print(`${"\r\n".repeat(60)}end`);
    expect(bios.screen.lines[49]).toBe("end");
    expect(bios.call(0x10, { ax: 0x1130 })).toMatchObject({ cx: 8, dl: 49, es: 0xf000 });
  });

  test("what adapter there is", () => {
    expect(bios.call(0x10, { ax: 0x1a00 })).toMatchObject({ al: 0x1a, bx: 0x0008 });
    expect(bios.call(0x10, { ax: 0x1200, bl: 0x10 })).toMatchObject({ bx: 3 });
    expect(bios.call(0x10, { ax: 0x4f00 }).al).not.toBe(0x4f);
  });
});

describe("INT 13h", () => {
  const numbered = (sectors: number): MemoryDisk => {
    const bytes = new Uint8Array(sectors * 512);
    for (let n = 0; n < sectors; n++) bytes.fill(n & 0xff, n * 512, (n + 1) * 512);
    return new MemoryDisk(bytes);
  };
  const BUFFER = { es: 0x1000, bx: 0x0200 };
  const AT = 0x10200;
  let disk: MemoryDisk;
  let diskette: MemoryDisk;

  beforeEach(() => {
    disk = numbered(63 * 16 * 4);
    diskette = numbered(2880);
    bios = new Caller([disk], [diskette]);
  });

  test("reads by cylinder, head and sector", () => {
    const result = bios.call(0x13, { ah: 2, al: 3, ch: 1, dh: 2, cl: 4, dl: 0x80, ...BUFFER });
    expect(result).toMatchObject({ carry: false, ah: 0, al: 3 });
    const first = (1 * 16 + 2) * 63 + 3;
    expect([0, 1, 2].map((n) => bios.bus.ram[AT + n * 512])).toEqual([0, 1, 2].map((n) => (first + n) & 0xff));
    expect(bios.call(0x13, { ah: 2, al: 1, ch: 79, dh: 1, cl: 18, dl: 0, ...BUFFER }).carry).toBe(false);
    expect(bios.bus.ram[AT]).toBe(2879 & 0xff);
  });

  test("writes, and refuses to write a read-only disk", () => {
    bios.bus.ram.fill(0xee, AT, AT + 512);
    expect(bios.call(0x13, { ah: 3, al: 1, ch: 0, dh: 0, cl: 2, dl: 0x80, ...BUFFER })).toMatchObject({
      carry: false,
      al: 1,
    });
    expect(disk.bytes[512]).toBe(0xee);
    bios = new Caller([new MemoryDisk(new Uint8Array(512 * 63), { readOnly: true })]);
    expect(bios.call(0x13, { ah: 3, al: 1, cl: 1, dl: 0x80, ...BUFFER })).toMatchObject({ carry: true, ah: 3, al: 0 });
  });

  test("refuses what is not on the disk or not in memory, and remembers the status", () => {
    const read = { ah: 2, al: 1, cl: 1, dl: 0x80, ...BUFFER };
    expect(bios.call(0x13, { ...read, cl: 0 })).toMatchObject({ carry: true, ah: 4, al: 0 });
    expect(bios.call(0x13, { ...read, dh: 16 })).toMatchObject({ carry: true, ah: 4 });
    expect(bios.call(0x13, { ...read, ch: 4 })).toMatchObject({ carry: true, ah: 4 });
    expect(bios.call(0x13, { ...read, ch: 3, dh: 15, cl: 63, al: 2 })).toMatchObject({ carry: true, ah: 4 });
    expect(bios.call(0x13, { ah: 1, dl: 0x80 })).toMatchObject({ carry: true, ah: 4 });
    expect(bios.call(0x13, { ...read, dl: 0x81 })).toMatchObject({ carry: true, ah: 0x80 });
    expect(bios.call(0x13, { ah: 0, dl: 0x80 })).toMatchObject({ carry: false, ah: 0 });
    expect(bios.call(0x13, { ah: 0x77, dl: 0x80 })).toMatchObject({ carry: true, ah: 1 });
    bios = new Caller([disk], [], MIB + 4096);
    expect(bios.call(0x13, { ...read, es: 0xffff, bx: 0xf000 })).toMatchObject({ carry: true, ah: 9 });
  });

  test("geometry and type of hard disks and diskettes", () => {
    expect(bios.call(0x13, { ah: 8, dl: 0x80 })).toMatchObject({ carry: false, ah: 0, ch: 3, cl: 63, dh: 15, dl: 1 });
    expect(bios.call(0x13, { ah: 8, dl: 0 })).toMatchObject({
      carry: false,
      ch: 79,
      cl: 18,
      dh: 1,
      dl: 1,
      bl: 4,
      es: 0xf000,
    });
    expect(bios.call(0x13, { ah: 8, dl: 0x81 }).carry).toBe(true);
    expect(bios.call(0x13, { ah: 0x15, dl: 0x80 })).toMatchObject({ carry: false, ah: 3, cx: 0, dx: 63 * 16 * 4 });
    expect(bios.call(0x13, { ah: 0x15, dl: 0 })).toMatchObject({ carry: false, ah: 1 });
    expect(bios.call(0x13, { ah: 0x15, dl: 0x81 })).toMatchObject({ carry: false, ah: 0 });
    expect(bios.bus.ram[0x475]).toBe(1);
    expect(bios.call(0x11).ax & 0xc1).toBe(1);
  });

  test.each([
    [63 * 16 * 1024, 16, 1024],
    [63 * 16 * 1024 + 1, 32, 512],
    [63 * 128 * 1024, 128, 1024],
    [16_777_216, 255, 1024],
  ])("a disk of %i sectors has %i heads and %i cylinders", (sectors, heads, cylinders) => {
    const large: Disk = {
      ...numbered(1),
      name: "large",
      sectorSize: 512,
      length: sectors * 512,
      readOnly: true,
      read: () => undefined,
      write: () => undefined,
      flush: () => undefined,
    };
    bios = new Caller([large]);
    const { ch, cl, dh } = bios.call(0x13, { ah: 8, dl: 0x80 });
    expect([dh + 1, (ch | ((cl & 0xc0) << 2)) + 1, cl & 63]).toEqual([heads, cylinders, 63]);
  });

  test("extensions: presence, reading and writing packets, parameters", () => {
    expect(bios.call(0x13, { ah: 0x41, bx: 0x55aa, dl: 0x80 })).toMatchObject({ carry: false, bx: 0xaa55, cx: 1 });
    expect(bios.call(0x13, { ah: 0x41, bx: 0x55aa, dl: 0 }).carry).toBe(true);
    const view = new DataView(bios.bus.ram.buffer);
    const packet = (count: number, block: bigint, segment = 0x1000): void => {
      view.setUint32(0x5000, 0x10 | (count << 16), true);
      view.setUint16(0x5004, 0x0200, true);
      view.setUint16(0x5006, segment, true);
      view.setBigUint64(0x5008, block, true);
    };
    const at = { dl: 0x80, ds: 0x0500, si: 0 };
    packet(2, 4030n);
    expect(bios.call(0x13, { ah: 0x42, ...at })).toMatchObject({ carry: false, ah: 0 });
    expect([bios.bus.ram[AT], bios.bus.ram[AT + 512]]).toEqual([4030 & 0xff, 4031 & 0xff]);
    bios.bus.ram.fill(0x11, AT, AT + 512);
    packet(1, 7n);
    expect(bios.call(0x13, { ah: 0x43, ...at }).carry).toBe(false);
    expect(disk.bytes[7 * 512]).toBe(0x11);
    for (const block of [4032n, 1n << 63n, (1n << 55n) - 1n]) {
      packet(1, block);
      expect(bios.call(0x13, { ah: 0x42, ...at })).toMatchObject({ carry: true, ah: 4 });
      expect(bios.word(0x5002)).toBe(0);
    }
    packet(0xffff, 0n);
    expect(bios.call(0x13, { ah: 0x42, ...at }).carry).toBe(true);
    packet(4032, 0n, 0x8000);
    expect(bios.call(0x13, { ah: 0x42, ...at })).toMatchObject({ carry: true, ah: 9 });
    bios.bus.ram[0x6000] = 0x1e;
    expect(bios.call(0x13, { ah: 0x48, dl: 0x80, ds: 0x0600, si: 0 }).carry).toBe(false);
    expect([
      bios.word(0x6000),
      bios.dword(0x6004),
      bios.dword(0x6008),
      bios.dword(0x600c),
      bios.dword(0x6010),
      bios.word(0x6018),
    ]).toEqual([26, 4, 16, 63, 4032, 512]);
  });

  test("a disk that answers later makes the caller wait", async () => {
    let answer: (() => void) | undefined;
    let refuse: ((reason: Error) => void) | undefined;
    const slow: Disk = {
      name: "slow",
      sectorSize: 512,
      length: 512 * 63,
      readOnly: false,
      read: (_offset, into) =>
        new Promise((resolve, reject) => {
          answer = () => {
            into.fill(0x77);
            resolve();
          };
          refuse = reject;
        }),
      write: () => undefined,
      flush: () => undefined,
    };
    bios = new Caller([slow]);
    const read = { ah: 2, al: 1, cl: 1, dl: 0x80, ...BUFFER };
    expect(bios.call(0x13, read).waits).toBe(true);
    expect(bios.again().waits).toBe(true);
    expect(bios.bus.ram[AT]).toBe(0);
    answer?.();
    await Promise.resolve();
    expect(bios.again()).toMatchObject({ waits: false, carry: false, al: 1 });
    expect(bios.bus.ram[AT]).toBe(0x77);
    bios.call(0x13, read);
    refuse?.(new Error("bad sector"));
    await new Promise((resolve) => setTimeout(resolve));
    expect(bios.again()).toMatchObject({ waits: false, carry: true, ah: 0x20 });
  });

  test("a disk that fails is a controller error", () => {
    disk.read = () => {
      throw new Error("unreadable");
    };
    expect(bios.call(0x13, { ah: 2, al: 1, cl: 1, dl: 0x80, ...BUFFER })).toMatchObject({ carry: true, ah: 0x20 });
    expect(bios.call(0x19)).toMatchObject({ cs: 0xf000 });
  });

  test("sectors of 4,096 bytes are refused with a hint", () => {
    expect(() => new Caller([new MemoryDisk(8192, { sectorSize: 4096 })])).toThrow(/open it with 512/);
  });
});

describe("INT 15h", () => {
  test("the memory map, entry by entry", () => {
    const entries: number[][] = [];
    let ebx = 0;
    do {
      const result = bios.call(0x15, { eax: 0xe820, ebx, ecx: 24, edx: 0x534d4150, es: 0x0300, di: 0x10 });
      expect(result).toMatchObject({ carry: false, eax: 0x534d4150, ecx: 20 });
      entries.push([bios.dword(0x3010), bios.dword(0x3018), bios.dword(0x3020)]);
      ebx = result.ebx;
    } while (ebx !== 0);
    expect(entries).toEqual(bios.memoryMap.map(({ base, size, type }) => [base, size, type]));
    for (const wrong of [{ ebx: 3 }, { ecx: 19 }, { edx: 0 }, { es: 0xffff, di: 0xffff, ebx: 0 }]) {
      const small = new Caller([], [], MIB);
      expect(small.call(0x15, { eax: 0xe820, ebx: 0, ecx: 20, edx: 0x534d4150, ...wrong })).toMatchObject({
        carry: true,
        ah: 0x86,
      });
    }
  });

  test("the older memory sizes", () => {
    bios = new Caller([], [], 40 * MIB);
    expect(bios.call(0x15, { ax: 0xe801 })).toMatchObject({
      carry: false,
      ax: 15 * 1024,
      cx: 15 * 1024,
      bx: 24 * 16,
      dx: 24 * 16,
    });
    expect(bios.call(0x15, { ah: 0x88 })).toMatchObject({ carry: false, ax: 39 * 1024 });
    bios = new Caller([], [], 4 * MIB);
    expect(bios.call(0x15, { ax: 0xe801 })).toMatchObject({ ax: 3 * 1024, bx: 0 });
  });

  test("the A20 gate", () => {
    expect(bios.call(0x15, { ax: 0x2402 })).toMatchObject({ carry: false, ah: 0, al: 1 });
    bios.call(0x15, { ax: 0x2400 });
    expect([bios.bus.a20, bios.call(0x15, { ax: 0x2402 }).al]).toEqual([false, 0]);
    bios.call(0x15, { ax: 0x2401 });
    expect(bios.bus.a20).toBe(true);
    expect(bios.call(0x15, { ax: 0x2403 })).toMatchObject({ carry: false, bx: 3 });
    expect(bios.call(0x15, { ax: 0x2404 })).toMatchObject({ carry: true, ah: 0x86 });
  });

  test("moving a block above 1 MiB and back", () => {
    const descriptor = (at: number, base: number, limit = 0xffff): void => {
      bios.bus.ram.set(
        [limit & 0xff, limit >> 8, base & 0xff, (base >> 8) & 0xff, (base >> 16) & 0xff, 0x93, 0, base >>> 24],
        at,
      );
    };
    bios.bus.ram.fill(0xab, 0x4000, 0x4100);
    descriptor(0x3010, 0x4000);
    descriptor(0x3018, 0x18_0000);
    const move = { ah: 0x87, cx: 0x80, es: 0x0300, si: 0 };
    expect(bios.call(0x15, move)).toMatchObject({ carry: false, ah: 0, zero: true });
    expect(bios.bus.ram[0x18_00ff]).toBe(0xab);
    expect(bios.bus.ram[0x18_0100]).toBe(0);
    descriptor(0x3018, 0x18_0000, 0xfe);
    expect(bios.call(0x15, move)).toMatchObject({ carry: true, ah: 2, zero: false });
    descriptor(0x3018, 0xff00_0000);
    expect(bios.call(0x15, move).carry).toBe(true);
    expect(bios.call(0x15, { ...move, cx: 0xffff }).carry).toBe(true);
  });

  test("waiting is paced by the clock's periodic interrupt", () => {
    const wait = bios.call(0x15, { ah: 0x86, cx: 0, dx: 5000 });
    expect(wait.waits).toBe(true);
    bios.bus.advance(976_563);
    expect(bios.bus.lines[8]).toBe(true);
    expect(bios.again().waits).toBe(true);
    bios.bus.advance(4_023_437);
    expect(bios.again()).toMatchObject({ waits: false, carry: false });
    bios.rtc.read(0x0c);
    bios.bus.advance(1e9);
    expect(bios.bus.lines[8]).toBe(false);
    expect(bios.call(0x15, { ah: 0x86, cx: 0xffff, dx: 0xffff }).waits).toBe(true);
    const saved = JSON.parse(JSON.stringify(bios.bios.save()));
    bios.bios.restore(saved);
    bios.bus.advance(0xffff_ffff * 1000);
    expect(bios.again().waits).toBe(false);
  });

  test("configuration, extended data area, unsupported functions", () => {
    const { es, bx, carry } = bios.call(0x15, { ah: 0xc0 });
    expect(carry).toBe(false);
    expect([...bios.bus.ram.subarray(es * 16 + bx, es * 16 + bx + 4)]).toEqual([8, 0, 0xfc, 1]);
    expect(bios.call(0x15, { ah: 0xc1 })).toMatchObject({ carry: false, es: 0x9fc0 });
    expect(bios.call(0x15, { ax: 0x5300 })).toMatchObject({ carry: true, ah: 0x86 });
    expect(bios.call(0x15, { ah: 0x90 })).toMatchObject({ carry: false, ah: 0 });
    expect(bios.call(0x15, { ah: 0x4f, al: 0x1e, flags: 3 })).toMatchObject({ carry: true, al: 0x1e });
  });
});

describe("INT 9 and INT 16h", () => {
  /** What function 00h (or 10h) returns for some scan codes. */
  const keys = (codes: number[], ah = 0x10): number[] => {
    bios.scan(...codes);
    const found: number[] = [];
    for (;;) {
      const result = bios.call(0x16, { ah });
      if (result.waits) return found;
      found.push(result.ax);
    }
  };

  test("letters with Shift, Caps Lock, Ctrl and Alt", () => {
    expect(keys([0x1e, 0x9e])).toEqual([0x1e61]);
    expect(keys([0x2a, 0x1e, 0x9e, 0xaa])).toEqual([0x1e41]);
    expect(keys([0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0xaa])).toEqual([0x1e41, 0x0231, 0x1e61]);
    expect(keys([0x3a, 0xba, 0x1d, 0x1e, 0x9d])).toEqual([0x1e01]);
    expect(keys([0x38, 0x1e, 0xb8])).toEqual([0x1e00]);
    expect(keys([0x38, 0x02, 0x0b, 0xb8])).toEqual([0x7800, 0x8100]);
  });

  test("Enter, Tab, Backspace, Escape and their shifts", () => {
    expect(keys([0x1c, 0x0f, 0x0e, 0x01, 0x39])).toEqual([0x1c0d, 0x0f09, 0x0e08, 0x011b, 0x3920]);
    expect(keys([0x36, 0x0f, 0xb6])).toEqual([0x0f00]);
    expect(keys([0x1d, 0x1c, 0x0e, 0x0f, 0x03, 0x9d])).toEqual([0x1c0a, 0x0e7f, 0x9400, 0x0300]);
  });

  test("function keys in their four layers", () => {
    expect(keys([0x3b, 0x44, 0x57, 0x58])).toEqual([0x3b00, 0x4400, 0x8500, 0x8600]);
    expect(keys([0x2a, 0x3b, 0x57, 0xaa])).toEqual([0x5400, 0x8700]);
    expect(keys([0x1d, 0x3b, 0x57, 0x9d])).toEqual([0x5e00, 0x8900]);
    expect(keys([0x38, 0x3b, 0x57, 0xb8])).toEqual([0x6800, 0x8b00]);
  });

  test("the cursor block is E0h to function 10h and plain to 00h; F11 is only for 10h", () => {
    expect(keys([0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x1c, 0xe0, 0x35])).toEqual([0x48e0, 0xe00d, 0xe02f]);
    expect(keys([0xe0, 0x48, 0xe0, 0x1c, 0xe0, 0x35, 0x57, 0x1e], 0)).toEqual([0x4800, 0x1c0d, 0x352f, 0x1e61]);
    expect(keys([0x1d, 0xe0, 0x4b, 0x9d])).toEqual([0x73e0]);
    expect(keys([0x38, 0xe0, 0x48, 0xb8])).toEqual([0x9800]);
    expect(keys([0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa])).toEqual([]);
  });

  test("the keypad with and without Num Lock; Pause is no key", () => {
    expect(keys([0x47, 0x4c, 0x4e])).toEqual([0x4700, 0x4c00, 0x4e2b]);
    expect(keys([0x45, 0xc5, 0x47, 0x4c])).toEqual([0x4737, 0x4c35]);
    expect(keys([0x2a, 0x47, 0xaa])).toEqual([0x4700]);
    expect(keys([0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x47])).toEqual([0x4737]);
    expect(keys([0x1d, 0x4b, 0x9d])).toEqual([0x7300]);
  });

  test("looking ahead, shift state, storing a key", () => {
    expect(bios.call(0x16, { ah: 1 }).zero).toBe(true);
    bios.scan(0x1e);
    expect(bios.call(0x16, { ah: 1 })).toMatchObject({ zero: false, ax: 0x1e61 });
    expect(bios.call(0x16, { ah: 0x11 })).toMatchObject({ zero: false, ax: 0x1e61 });
    expect(bios.call(0x16, { ah: 0 }).ax).toBe(0x1e61);
    bios.scan(0x2a, 0x38, 0x3a);
    expect(bios.call(0x16, { ah: 2 }).al).toBe(0x4a);
    expect(bios.call(0x16, { ah: 0x12 }).ah).toBe(0x40);
    expect(bios.call(0x16, { ah: 5, cx: 0x1234 }).al).toBe(0);
    expect(bios.call(0x16, { ah: 0x10 }).ax).toBe(0x1234);
  });

  test("the ring holds 15 keys and wraps", () => {
    for (let round = 0; round < 3; round++) {
      expect(keys(new Array(20).fill(0x1e))).toHaveLength(15);
    }
    for (let n = 0; n < 15; n++) expect(bios.call(0x16, { ah: 5, cx: n }).al).toBe(0);
    expect(bios.call(0x16, { ah: 5, cx: 1 }).al).toBe(1);
  });

  test("Ctrl, Alt and Del reset the machine", () => {
    bios.scan(0x1d, 0x38, 0xe0, 0x53);
    expect(bios.bus.resets).toBe(1);
  });
});

describe("INT 1Ah", () => {
  test("ticks are counted by the guest; the midnight flag is read once", () => {
    bios.call(0x1a, { ah: 1, cx: 0x0012, dx: 0x3456 });
    bios.bus.ram[0x470] = 1;
    expect(bios.call(0x1a, { ah: 0 })).toMatchObject({ cx: 0x0012, dx: 0x3456, al: 1 });
    expect(bios.call(0x1a, { ah: 0 }).al).toBe(0);
  });

  test("the clock is read and set in BCD", () => {
    expect(bios.call(0x1a, { ah: 2 })).toMatchObject({ carry: false, ch: 0x13, cl: 0x59, dh: 0x58, dl: 0 });
    expect(bios.call(0x1a, { ah: 4 })).toMatchObject({ carry: false, cx: 0x2024, dx: 0x0228 });
    bios.call(0x1a, { ah: 3, ch: 0x23, cl: 0x59, dh: 0x59 });
    bios.call(0x1a, { ah: 5, cx: 0x1999, dx: 0x1231 });
    bios.bus.advance(1e9);
    expect(bios.rtc.date).toEqual(new Date(Date.UTC(2000, 0, 1)));
  });

  test("an alarm; no PCI BIOS", () => {
    bios.call(0x1a, { ah: 6, ch: 0x14, cl: 0x00, dh: 0x05 });
    expect(bios.call(0x1a, { ah: 6 }).carry).toBe(true);
    bios.bus.advance(7e9);
    expect(bios.bus.lines[8]).toBe(true);
    bios.call(0x1a, { ah: 7 });
    expect(bios.call(0x1a, { ax: 0xb101 })).toMatchObject({ carry: true, ah: 0x81 });
  });
});

describe("INT 19h", () => {
  const sector = (byte: number): MemoryDisk => {
    const bytes = new Uint8Array(512 * 63).fill(byte, 0, 510);
    bytes.set([0x55, 0xaa], 510);
    return new MemoryDisk(bytes);
  };

  test("loads the first disk's first sector and enters it", () => {
    bios = new Caller([sector(0x41)], [sector(0x42)]);
    expect(bios.call(0x19)).toMatchObject({ cs: 0, ip: 0x7c00, dx: 0x80, flags: 0x0202, ds: 0, es: 0 });
    expect(bios.bus.ram[0x7c00]).toBe(0x41);
  });

  test("goes on to a diskette, and to INT 18h without anything to boot", () => {
    bios = new Caller([new MemoryDisk(512 * 63)], [sector(0x42)]);
    expect(bios.call(0x19)).toMatchObject({ cs: 0, ip: 0x7c00, dx: 0 });
    expect(bios.bus.ram[0x7c00]).toBe(0x42);
    bios = new Caller();
    const { cs, ip } = bios.call(0x19);
    expect([cs, ip]).toEqual([0xf000, bios.word(0x18 * 4)]);
  });
});

test("no registers and no memory that a guest can make up cause a throw", () => {
  bios = new Caller([new MemoryDisk(512 * 63 * 16)], [new MemoryDisk(512 * 2880)], MIB + 65_536);
  let seed = 11;
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (seed >>> 8) % limit;
  };
  const services = [0x09, 0x10, 0x11, 0x12, 0x13, 0x15, 0x16, 0x19, 0x1a, 0xfe, 0x55];
  for (let n = 0; n < 5000; n++) {
    const registers = {
      eax: random(0x10000) << random(16),
      ebx: random(0x10000),
      ecx: random(0x10000),
      edx: random(0x10000),
      si: random(0x10000),
      di: random(0x10000),
      bp: random(0x10000),
      ds: random(0x10000),
      es: random(0x10000),
    };
    bios.call(services[random(services.length)], registers);
    // Ruin the data area too.
    if (n % 3 === 0) bios.bus.ram[0x400 + random(0x100)] = random(256);
  }
  for (const stack of [0xffffffff, 0xffff0010, 0, 0xffff, 0x9fffffff]) bios.bus.out(0xb10, stack, 4);
  bios.bus.out(0xb10, 0x1234, 2);
});
