// A region is entered only where its pages show what it was made of, for the running code, and the guest cannot tell
// that this was looked up (SDM vol. 3, 4.8: accessed bits are set for what is executed).

import { describe, expect, test } from "vitest";
import * as L from "../../src/engine/views.js";
import { PageTables } from "../engine/environment.js";
import { Rights, Seg } from "../engine/harness.js";
import { assembleFragment } from "../guest/assemble.js";
import {
  add,
  Counter,
  constant,
  counter,
  exit,
  type FakeRegion,
  gpr,
  load,
  make,
  pay,
  stateOf,
  store,
  store64,
  subtract,
} from "./fake.js";
import { CODE, MODE32, PAGE_FRAME, World } from "./world.js";

const TABLES = 0x40000;
const [P, W, U, A] = [1, 2, 4, 0x20];
/** Page-table entry of a linear address below 4 MiB. */
const pte = (linear: number): number => TABLES + 0x1000 + (linear >>> 12) * 4;
const DEC32 = (7 << 2) | 2;

/** At CODE: 100 calls of the next page, with something in between. */
const CALLER = "mov ecx, 100\nagain: call 0x11000\ndec ecx\njnz again\ncli\nhlt";
const CALL = 5;
const callee = (value: number): string => `add eax, ${value}\nret`;

/** The call and the callee of `add eax, 1`: two pages. */
function region(second = PAGE_FRAME + 1): FakeRegion {
  return {
    mode: MODE32,
    reserve: 4,
    pages: [
      [0, PAGE_FRAME, CALL, CALL + 5],
      [1, second, 0, 3],
    ],
    entries: [CALL],
    exits: [
      { type: L.ExitType.STATIC, place: CALL + 6, flags: DEC32 },
      { type: L.ExitType.FUEL, place: CALL, back: 4 },
    ],
    body: [
      ...pay(4, 1),
      ...store64(gpr(0), add(load(gpr(0)), constant(1))),
      ...store64(gpr(1), subtract(load(gpr(1)), constant(1))),
      // The stack below keeps the return address that the call leaves there.
      ...store(L.LAZY_CARRY, constant(0)),
      ...store(L.LAZY_RESULT, load(gpr(1))),
      ...exit(0),
    ],
  };
}

/** Paging on: everything below 2 MiB stands at its own address, accessed and writable. */
function world(source = CALLER): World {
  const w = new World(source);
  w.load(callee(1), 0x11000);
  w.load(callee(7), 0x31000);
  const tables = new PageTables(w.m, "32", TABLES);
  for (let page = 0; page < 0x100; page++) tables.map(BigInt(page << 12), page << 12, BigInt(P | W | U | A));
  w.m.setControls(0x8000_0011n, BigInt(TABLES), 0n, 0n, 0);
  w.m.core.refresh();
  return w;
}

const entries = (w: World): number => counter(w.m, Counter.ENTRIES);
function pokeEntry(w: World, linear: number, value: number): void {
  w.m.poke(pte(linear), [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24]);
}

describe("pages", () => {
  test("both where they were: the region runs", () => {
    const [w, alone] = [world(), world()];
    make(w.m, region());
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(entries(w)).toBe(100);
  });

  test("another frame behind the second page: the interpreter runs what stands there", () => {
    const [w, alone] = [world(), world()];
    for (const one of [w, alone]) pokeEntry(one, 0x11000, 0x31000 | P | W | U | A);
    make(w.m, region());
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(entries(w)).toBe(0);
    expect(counter(w.m, Counter.REFUSED)).toBeGreaterThan(0);
  });

  test("the guest remaps the second page and back: INVLPG or not", () => {
    for (const flush of ["invlpg [0x11000]", "mov edi, cr3\nmov cr3, edi", "nop"]) {
      const source = `mov ecx, 100
again: call 0x11000
dec ecx
jnz again
test ebp, ebp
jnz over
inc ebp
mov dword [${pte(0x11000)}], ${0x31000 | P | W | U | A}
${flush}
mov ecx, 50
jmp again
over: cmp ebp, 2
je end
inc ebp
mov dword [${pte(0x11000)}], ${0x11000 | P | W | U | A}
${flush}
mov ecx, 50
jmp again
end: cli
hlt`;
      const [w, alone] = [world(source), world(source)];
      const index = make(w.m, region());
      w.finish();
      alone.finish();
      expect(w.visible()).toEqual(alone.visible());
      expect(w.m.gpr(0)).toBe(100n + 350n + 50n);
      expect(entries(w)).toBe(150);
      expect(stateOf(w.m, index)).toBe(L.RegionState.LIVE);
    }
  });

  test("another address space behind CR3, and back", () => {
    const source = `mov ecx, 100
again: call 0x11000
dec ecx
jnz again
inc ebp
cmp ebp, 6
je end
mov edi, cr3
xor edi, 0x10000
mov cr3, edi
mov ecx, 20
jmp again
end: cli
hlt`;
    const [w, alone] = [world(source), world(source)];
    for (const { m } of [w, alone]) {
      const other = new PageTables(m, "32", TABLES ^ 0x10000);
      for (let page = 0; page < 0x100; page++) other.map(BigInt(page << 12), page << 12, BigInt(P | W | U | A));
      other.map(0x11000n, 0x31000, BigInt(P | W | U | A));
    }
    make(w.m, region());
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(entries(w)).toBe(140);
  });

  test("a second page that was never accessed stays so until the guest goes there", () => {
    // The call is never made: the region's head leaves before it.
    const source = "mov ecx, 100\nagain: jmp on\non: dec ecx\njnz again\ncli\nhlt";
    const w = world(source);
    pokeEntry(w, 0x11000, 0x11000 | P | W | U);
    make(w.m, { ...region(), exits: [{ type: L.ExitType.MISS, place: CALL }], body: exit(0) });
    w.finish();
    expect(entries(w)).toBe(0);
    expect(w.m.get32(w.m.ram + pte(0x11000)) & A).toBe(0);
    expect(w.m.gpr(1)).toBe(0n);
  });

  test("once it was accessed the region opens", () => {
    const w = world();
    pokeEntry(w, 0x11000, 0x11000 | P | W | U);
    make(w.m, region());
    w.finish();
    expect(w.m.gpr(0)).toBe(100n);
    // The refusal is looked at again after 64 of them.
    expect(entries(w)).toBeGreaterThan(30);
    expect(w.m.get32(w.m.ram + pte(0x11000)) & A).toBe(A);
  });

  test("a page that is not open to the running level keeps the region closed", () => {
    const w = world();
    pokeEntry(w, 0x11000, 0x11000 | P | W | A);
    make(w.m, region());
    w.m.setControls(0x8000_0011n, BigInt(TABLES), 0n, 0n, 3);
    w.m.setSegment(Seg.CS, 0x1b, 0n, 0xffffffff, Rights.CODE32 | Rights.USER);
    for (const seg of [Seg.ES, Seg.SS, Seg.DS]) w.m.setSegment(seg, 0x23, 0n, 0xffffffff, Rights.DATA32 | Rights.USER);
    w.m.set32(L.EXCEPTION_BITMAP, 1 << 14);
    w.m.core.refresh();
    expect(w.m.run(1000)).toBe(8);
    expect(w.m.get64(L.EXIT_LINEAR)).toBe(0x11000n);
    expect(entries(w)).toBe(0);
  });

  test("the same frames at another address", () => {
    const w = world();
    pokeEntry(w, 0x80000, CODE | P | W | U | A);
    pokeEntry(w, 0x81000, 0x11000 | P | W | U | A);
    make(w.m, region());
    w.m.run(300);
    const before = entries(w);
    expect(before).toBeGreaterThan(20);
    w.m.set64(L.RIP, 0x80000n);
    w.m.core.refresh();
    w.finish();
    // CALL is relative: the callee is the alias's own next page.
    expect(entries(w)).toBe(before + 100);
    expect(w.m.get64(L.REGION_BASE)).toBe(0x80000n);
  });
});

describe("segments and modes", () => {
  test("a code segment that ends within the second page", () => {
    const w = world();
    make(w.m, region());
    w.m.setSegment(Seg.CS, 8, 0n, 0x11fff, Rights.CODE32);
    w.m.core.refresh();
    w.m.run(40);
    expect(entries(w)).toBeGreaterThan(0);
    const before = entries(w);
    w.m.setSegment(Seg.CS, 8, 0n, 0x11ffe, Rights.CODE32);
    w.m.core.refresh();
    w.m.run(40);
    expect(entries(w)).toBe(before);
  });

  test("the code segment's base moves the pages", () => {
    const w = world();
    make(w.m, region());
    w.m.setSegment(Seg.CS, 8, 0x8000n, 0xffffffff, Rights.CODE32);
    w.m.set64(L.RIP, BigInt(CODE - 0x8000));
    w.m.core.refresh();
    w.finish();
    expect(entries(w)).toBe(100);
    expect(w.m.get64(L.REGION_BASE)).toBe(BigInt(CODE - 0x8000));
  });

  test("needs of SSE code: CR0.EM, CR0.TS, CR4.OSFXSR, and of MXCSR the rounding and the mask of inexact results", () => {
    const FXSR = 1n << 9n;
    const cases: [bigint, bigint, number, number, boolean][] = [
      [0n, FXSR, 0x1f80, L.RegionNeeds.SSE, true],
      [0n, 0n, 0x1f80, L.RegionNeeds.SSE, false],
      [4n, FXSR, 0x1f80, L.RegionNeeds.SSE, false],
      [8n, FXSR, 0x1f80, L.RegionNeeds.SSE, false],
      [0n, FXSR, 0x1f80, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, true],
      [0n, FXSR, 0x1fa0, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, true],
      [0n, FXSR, 0x1fbf, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, true],
      [0n, FXSR, 0x9fc0, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, true],
      [0n, FXSR, 0x1000, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, true],
      [0n, FXSR, 0x0fa0, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, false],
      [0n, FXSR, 0x3fa0, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, false],
      [0n, FXSR, 0x5fa0, L.RegionNeeds.SSE | L.RegionNeeds.FLOAT, false],
      [8n, 0n, 0x1f80, 0, true],
    ];
    for (const [cr0, cr4, mxcsr, needs, open] of cases) {
      const w = world();
      make(w.m, { ...region(), needs });
      w.m.setControls(0x8000_0011n | cr0, BigInt(TABLES), cr4, 0n, 0);
      w.m.set32(L.MXCSR, mxcsr);
      w.m.core.refresh();
      w.finish();
      expect(entries(w) > 0, `${cr0} ${cr4} ${mxcsr} ${needs}`).toBe(open);
      expect(w.m.gpr(0)).toBe(100n);
    }
  });

  test("needs of x87 code: CR0.EM, CR0.TS, nothing pending, 64 bits of precision, inexact results masked", () => {
    const cases: [bigint, number, number, boolean][] = [
      [0n, 0x37f, 0x3f, true],
      [0n, 0xf7f, 0, true],
      [0n, 0x320, 0, true],
      [4n, 0x37f, 0, false],
      [8n, 0x37f, 0, false],
      [0n, 0x37f, 0x80, false],
      [0n, 0x27f, 0, false],
      [0n, 0x07f, 0, false],
      [0n, 0x35f, 0, false],
    ];
    for (const [cr0, control, status, open] of cases) {
      const w = world();
      make(w.m, { ...region(), needs: L.RegionNeeds.X87 });
      w.m.setControls(0x8000_0011n | cr0, BigInt(TABLES), 0n, 0n, 0);
      w.m.u8.set([control & 0xff, control >> 8, status & 0xff, status >> 8], L.X87_CONTROL);
      w.m.core.refresh();
      w.finish();
      expect(entries(w) > 0, `${cr0} ${control} ${status}`).toBe(open);
    }
  });

  test("code whose accesses are checked for alignment is neither translated nor reported", () => {
    const w = world();
    w.m.set32(L.HOT_THRESHOLD, 10);
    make(w.m, region());
    w.m.setControls(0x8004_0011n, BigInt(TABLES), 0n, 0n, 3);
    w.m.setSegment(Seg.CS, 0x1b, 0n, 0xffffffff, Rights.CODE32 | Rights.USER);
    for (const seg of [Seg.ES, Seg.SS, Seg.DS]) w.m.setSegment(seg, 0x23, 0n, 0xffffffff, Rights.DATA32 | Rights.USER);
    w.m.core.setRflags(0x4_0002);
    w.m.core.refresh();
    expect(w.m.run(200)).toBe(1);
    expect(w.m.get32(L.MODE) & L.MODE_CHECKED).toBe(L.MODE_CHECKED);
    expect(entries(w)).toBe(0);
    expect(w.m.get32(L.REQUESTS_WRITTEN)).toBe(0);
    w.m.core.setRflags(2);
    w.m.core.refresh();
    w.m.run(40);
    expect(entries(w)).toBeGreaterThan(0);
  });

  test("the upper halves of registers are gone outside 64-bit code", () => {
    const w = new World("nop\nnop\nhlt");
    for (let i = 0; i < 8; i++) w.m.setGpr(i, 0xffff_ffff_0000_1000n + BigInt(i));
    w.m.core.refresh();
    w.m.run(1);
    for (let i = 0; i < 8; i++) expect(w.m.gpr(i)).toBe(0x1000n + BigInt(i));
  });
});

describe("64-bit code", () => {
  const HIGH = 0xffff_8000_0001_0000n;

  /** The caller and its callee at a canonical high address, under 4-level paging. */
  function long(): World {
    const w = new World(assembleFragment("again: call 0x11000\ndec ecx\njnz again\ncli\nhlt", 64, CODE));
    w.load(assembleFragment("add eax, 1\nret", 64, 0x11000), 0x11000);
    const tables = new PageTables(w.m, "long", TABLES);
    for (let page = 0; page < 0x40; page++) tables.map(BigInt(page << 12), page << 12, BigInt(P | W | U | A));
    for (const page of [0, 1]) tables.map(HIGH + BigInt(page << 12), CODE + (page << 12), BigInt(P | W | U | A));
    w.m.setControls(0x8000_0011n, BigInt(TABLES), 0x20n, 0x500n, 0);
    w.m.setSegment(Seg.CS, 8, 0n, 0xffffffff, Rights.CODE64);
    w.m.set64(L.RIP, HIGH);
    w.m.setGpr(1, 50n);
    w.m.core.refresh();
    return w;
  }

  test("pages are found behind the 4 GiB border, and the base is the whole address", () => {
    const [w, alone] = [long(), long()];
    make(w.m, {
      ...region(),
      mode: L.MODE_CODE64 | (2 << L.MODE_STACK_SHIFT) | L.MODE_FLAT,
      pages: [
        [0, PAGE_FRAME, 0, 5],
        [1, PAGE_FRAME + 1, 0, 3],
      ],
      entries: [0],
      exits: [
        { type: L.ExitType.STATIC, place: 7, flags: DEC32 },
        { type: L.ExitType.FUEL, place: 0, back: 4 },
      ],
    });
    w.finish();
    alone.finish();
    expect(w.visible()).toEqual(alone.visible());
    expect(entries(w)).toBe(50);
    expect(w.m.get64(L.REGION_BASE)).toBe(HIGH);
  });
});
