// The table of guest-physical ranges: what may be added, what answers where, and which frames are read-only.

import { DYNAMIC, FRAME_SIZE, FRAME_TABLE, RAM_FRAMES, RANGES_MAX } from "../../assembly/layout";
import { frameReasons, READONLY } from "../../assembly/memory/frames";
import { addRange, frameOf, kindOf, RangeKind, removeRange } from "../../assembly/memory/ranges";

const FRAMES: u32 = 256;
const TOP_PAGE: u32 = 0xffff_ffff;

function page(number: u64): u64 { return number << 12; }
function isReadOnly(frame: u32): bool { return (frameReasons(frame) & READONLY) != 0; }

describe("ranges", () => {
  beforeEach(() => {
    // An empty table: every range that a test may have left is removed by its first page.
    for (let first: u32 = 0; first < 0x400; first++) removeRange(first);
    removeRange(0xfffff);
    removeRange(TOP_PAGE);
    store<u32>(FRAME_TABLE, <u32>DYNAMIC);
    store<u32>(RAM_FRAMES, FRAMES);
    memory.fill(DYNAMIC, 0, FRAMES * FRAME_SIZE);
  });

  it("answer from their first page to their last", () => {
    expect(addRange(0x10, 4, RangeKind.RAM, 100)).toBe(true);
    expect(frameOf(page(0x10) - 1)).toBe(-1);
    expect(frameOf(page(0x10))).toBe(100);
    expect(frameOf(page(0x14) - 1)).toBe(103);
    expect(frameOf(page(0x14))).toBe(-1);
    expect(kindOf(page(0x13))).toBe(RangeKind.RAM);
    expect(kindOf(page(0x14))).toBe(RangeKind.UNMAPPED);
  });

  it("keep apart whatever order they come in", () => {
    expect(addRange(0x200, 16, RangeKind.MMIO, 0)).toBe(true);
    expect(addRange(0, 0xa0, RangeKind.RAM, 0)).toBe(true);
    expect(addRange(0xfffff, 1, RangeKind.ROM, 0xf0)).toBe(true);
    expect(addRange(0x100, 16, RangeKind.RAM, 0xa0)).toBe(true);
    expect(addRange(0xf0, 16, RangeKind.ROM, 0xe1)).toBe(true);
    expect(frameOf(page(0x9f))).toBe(0x9f);
    expect(kindOf(page(0xa0))).toBe(RangeKind.UNMAPPED);
    expect(frameOf(page(0xff))).toBe(0xf0);
    expect(frameOf(page(0x100))).toBe(0xa0);
    expect(frameOf(page(0x200))).toBe(-1);
    expect(kindOf(page(0x20f))).toBe(RangeKind.MMIO);
    expect(frameOf(page(0xfffff))).toBe(0xf0);
    expect(kindOf(page(0x100000))).toBe(RangeKind.UNMAPPED);
  });

  it("may lie next to each other and not overlap", () => {
    expect(addRange(0x20, 0x10, RangeKind.RAM, 0)).toBe(true);
    expect(addRange(0x2f, 1, RangeKind.RAM, 0)).toBe(false);
    expect(addRange(0x1f, 2, RangeKind.MMIO, 0)).toBe(false);
    expect(addRange(0x20, 0x10, RangeKind.RAM, 0)).toBe(false);
    expect(addRange(0x10, 0x30, RangeKind.RAM, 0)).toBe(false);
    expect(addRange(0x28, 1, RangeKind.ROM, 0)).toBe(false);
    expect(addRange(0x1f, 1, RangeKind.RAM, 0)).toBe(true);
    expect(addRange(0x30, 1, RangeKind.RAM, 0)).toBe(true);
  });

  it("need pages, a kind and frames that exist", () => {
    expect(addRange(0, 0, RangeKind.RAM, 0)).toBe(false);
    expect(addRange(0, 1, RangeKind.UNMAPPED, 0)).toBe(false);
    expect(addRange(0, 1, 4, 0)).toBe(false);
    expect(addRange(0, 2, RangeKind.RAM, FRAMES - 1)).toBe(false);
    expect(addRange(0, 2, RangeKind.ROM, 0xffff_ffff)).toBe(false);
    expect(addRange(0, FRAMES, RangeKind.RAM, 0)).toBe(true);
  });

  it("reach the last page of 44-bit addresses and not beyond", () => {
    expect(addRange(TOP_PAGE, 2, RangeKind.MMIO, 0)).toBe(false);
    expect(addRange(TOP_PAGE, 1, RangeKind.RAM, 7)).toBe(true);
    expect(frameOf(page(TOP_PAGE))).toBe(7);
    expect(frameOf(page(<u64>TOP_PAGE + 1))).toBe(-1);
    // The page number is not truncated.
    expect(frameOf(page(<u64>TOP_PAGE + ((<u64>1) << 32)))).toBe(-1);
  });

  it("are gone when they are removed, also for the lookup that remembers the last one", () => {
    addRange(0x10, 4, RangeKind.RAM, 100);
    expect(frameOf(page(0x11))).toBe(101);
    expect(removeRange(0x11)).toBe(false);
    expect(removeRange(0x10)).toBe(true);
    expect(frameOf(page(0x11))).toBe(-1);
    expect(removeRange(0x10)).toBe(false);
    expect(addRange(0x11, 1, RangeKind.RAM, 5)).toBe(true);
    expect(frameOf(page(0x11))).toBe(5);
  });

  it("mark the frames of ROM read-only as long as one ROM shows them", () => {
    addRange(0xf0, 2, RangeKind.ROM, 10);
    addRange(0xfffff, 1, RangeKind.ROM, 11);
    expect(isReadOnly(9)).toBe(false);
    expect(isReadOnly(10)).toBe(true);
    expect(isReadOnly(11)).toBe(true);
    removeRange(0xf0);
    expect(isReadOnly(10)).toBe(false);
    expect(isReadOnly(11)).toBe(true);
    removeRange(0xfffff);
    expect(isReadOnly(11)).toBe(false);
  });

  it("are limited in number", () => {
    for (let i: u32 = 0; i < RANGES_MAX; i++) expect(addRange(i * 2, 1, RangeKind.MMIO, 0)).toBe(true);
    expect(addRange(0x300, 1, RangeKind.MMIO, 0)).toBe(false);
    expect(removeRange(0)).toBe(true);
    expect(addRange(0x300, 1, RangeKind.MMIO, 0)).toBe(true);
    expect(kindOf(page(RANGES_MAX * 2 - 2))).toBe(RangeKind.MMIO);
  });
});
