// The VGA's text screen: its registers as the technical reference numbers them, and what the host sees.

import { beforeEach, describe, expect, test } from "vitest";
import { Vga } from "../../src/device/vga/vga.js";
import { FakeBus } from "./bus.js";

let bus: FakeBus;
let vga: Vga;

function write(at: number, text: string, attribute = 0x07): void {
  for (const [n, character] of [...text].entries()) {
    bus.ram[at + n * 2] = character.charCodeAt(0);
    bus.ram[at + n * 2 + 1] = attribute;
  }
}
function crtc(index: number, value: number): void {
  bus.out(0x3d4, index);
  bus.out(0x3d5, value);
}

beforeEach(() => {
  bus = new FakeBus();
  vga = bus.attach(new Vga());
});

describe("screen", () => {
  test("shows guest memory at B8000h as 25 lines of 80 characters", () => {
    expect([vga.columns, vga.rows]).toEqual([80, 25]);
    write(0xb8000, "Hello");
    write(0xb8000 + 24 * 160 + 75 * 2, "right");
    const { lines } = vga;
    expect(lines).toHaveLength(25);
    expect(lines[0]).toBe("Hello");
    expect(lines[24]).toBe(`${" ".repeat(75)}right`);
    expect(vga.text.split("\n")).toEqual(lines);
    expect(bus.memoryRanges).toEqual([]);
  });

  test("shows code page 437", () => {
    bus.ram.set([0x01, 7, 0x80, 7, 0x9b, 7, 0xb3, 7, 0xc9, 7, 0xdb, 7, 0xe1, 7, 0xfe, 7, 0x00, 7, 0x7f, 7], 0xb8000);
    expect(vga.lines[0]).toBe("☺Ç¢│╔█ß■ ⌂");
  });

  test("follows the start address, around the end of text memory", () => {
    write(0xb8000 + 160, "second line");
    crtc(0x0c, 0);
    crtc(0x0d, 80);
    expect(vga.lines[0]).toBe("second line");
    write(0xb8000, "first again");
    bus.out(0x3d4, 0x3f0c, 2);
    bus.out(0x3d4, 0xb00d, 2);
    expect(vga.start).toBe(0x3fb0);
    expect(vga.lines[1]).toBe("first again");
  });

  test("has 50 lines with characters of 8 lines", () => {
    crtc(0x09, 0x47);
    expect(vga.rows).toBe(50);
    write(0xb8000 + 49 * 160, "last");
    expect(vga.lines[49]).toBe("last");
  });

  test("the cursor has a place and can be off", () => {
    crtc(0x0e, (12 * 80 + 34) >> 8);
    crtc(0x0f, 12 * 80 + 34);
    expect(vga.cursor).toEqual({ column: 34, row: 12, visible: true });
    bus.out(0x3d4, 0x0e);
    expect(bus.in(0x3d5)).toBe((12 * 80 + 34) >> 8);
    crtc(0x0a, 0x2d);
    expect(vga.cursor.visible).toBe(false);
    crtc(0x0a, 0x0d);
    crtc(0x0e, 0x3f);
    expect(vga.cursor.visible).toBe(false);
  });

  test("an adapter in a hole brings its own memory", () => {
    bus = new FakeBus(2 << 20, [0xa0000, 0xc0000]);
    vga = bus.attach(new Vga());
    const [range] = bus.memoryRanges;
    expect([range.base, range.size]).toEqual([0xa0000, 0x20000]);
    range.handler.write?.(0x18000, 4, 0x0742_0741n);
    range.handler.write?.(0x18004, 8, 0x0746_0745_0744_0743n);
    range.handler.write?.(0x1800c, 2, 0x0747n);
    range.handler.write?.(0x1800e, 1, 0x48n);
    expect(vga.lines[0]).toBe("ABCDEFGH");
    expect(range.handler.read?.(0x18000, 2)).toBe(0x0741);
    expect(range.handler.read?.(0x18000, 8)).toBe(0x0744_0743_0742_0741n);
    vga.writeCells(0, [0x0758]);
    expect(vga.lines[0]).toBe("XBCDEFGH");
    const copy = new FakeBus(2 << 20, [0xa0000, 0xc0000]).attach(new Vga());
    copy.restore(vga.save());
    expect(copy.lines[0]).toBe("XBCDEFGH");
  });
});

describe("registers", () => {
  test("CRTC registers 0-7 are protected, but for one bit of the overflow register", () => {
    crtc(0x01, 0x27);
    expect(vga.columns).toBe(80);
    crtc(0x07, 0x00);
    bus.out(0x3d4, 0x07);
    expect(bus.in(0x3d5)).toBe(0x0f);
    crtc(0x11, 0x0e);
    crtc(0x01, 0x27);
    expect(vga.columns).toBe(40);
  });

  test("3C0h takes index and data in turn, and reading 3DAh starts over", () => {
    bus.in(0x3da);
    bus.out(0x3c0, 0x10);
    bus.out(0x3c0, 0x08);
    bus.out(0x3c0, 0x11);
    bus.in(0x3da);
    bus.out(0x3c0, 0x30);
    expect(bus.in(0x3c0)).toBe(0x30);
    expect(bus.in(0x3c1)).toBe(0x08);
  });

  test("sequencer, graphics controller, miscellaneous output", () => {
    bus.out(0x3c4, 0x0f02, 2);
    expect(bus.in(0x3c4)).toBe(2);
    expect(bus.in(0x3c5)).toBe(0x0f);
    bus.out(0x3ce, 0x5508, 2);
    expect(bus.in(0x3cf)).toBe(0x55);
    expect(bus.in(0x3cc)).toBe(0x67);
    bus.out(0x3c4, 7);
    bus.out(0x3c5, 1);
    expect(bus.in(0x3c5)).toBe(0);
  });

  test("monochrome emulation moves CRTC and status, and text memory to B0000h", () => {
    expect(bus.in(0x3b5)).toBe(0xff);
    bus.out(0x3c2, 0x66);
    expect(bus.in(0x3d5)).toBe(0xff);
    bus.out(0x3b4, 0x0f);
    bus.out(0x3b5, 0x12);
    expect(bus.in(0x3b5)).toBe(0x12);
    bus.out(0x3ce, 0x0a06, 2);
    write(0xb0000, "mono");
    expect(vga.lines[0]).toBe("mono");
  });

  test("the DAC hands out components in turn; the first 64 colours are the EGA's", () => {
    const color = (n: number): number[] => {
      bus.out(0x3c7, n);
      return [1, 2, 3].map(() => bus.in(0x3c9));
    };
    expect(color(0)).toEqual([0, 0, 0]);
    expect(color(7)).toEqual([42, 42, 42]);
    expect(color(0x14)).toEqual([42, 21, 0]); // brown
    expect(color(0x3f)).toEqual([63, 63, 63]);
    bus.out(0x3c8, 255);
    for (const value of [1, 2, 0xff, 5]) bus.out(0x3c9, value);
    expect(color(255)).toEqual([1, 2, 63]);
    expect(color(0)).toEqual([5, 0, 0]);
  });

  test("the status register shows retrace about 70 times a second, also to a program that only polls", () => {
    let retraces = 0;
    let last = 0;
    for (let n = 0; n < 10_000; n++) {
      bus.advance(99_000);
      const now = bus.in(0x3da) & 0x08;
      if (now !== 0 && last === 0) retraces++;
      if (now !== 0) expect(bus.in(0x3da) & 0x01).toBe(1);
      last = now;
    }
    expect(retraces).toBeGreaterThan(30);
    expect(retraces).toBeLessThan(72);
    for (const wanted of [0, 8, 0, 8]) {
      let polls = 0;
      while ((bus.in(0x3da) & 8) !== wanted) expect(polls++).toBeLessThan(20_000);
    }
  });
});

test("no sequence of guest accesses throws", () => {
  let seed = 7;
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (seed >>> 8) % limit;
  };
  for (let n = 0; n < 50_000; n++) {
    const port = 0x3b0 + random(0x30);
    if (random(3) === 0) bus.in(port, [1, 2, 4][random(3)]);
    else bus.out(port, random(0x10000), [1, 2, 4][random(3)]);
    if (n % 500 === 0) expect(vga.lines.length).toBe(vga.rows);
    expect(vga.cursor.column).toBeGreaterThanOrEqual(0);
  }
  const copy = new FakeBus().attach(new Vga());
  copy.restore(JSON.parse(JSON.stringify(vga.save())));
  expect(copy.save()).toEqual(vga.save());
});
