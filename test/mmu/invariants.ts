// What must hold of the core's tables after every instruction, checked against the reference walk: every
// cached translation is what a walk would give now, its entries have their accessed and dirty flags, the
// tables it came from are traced, and the reverse map (assembly/mmu/reverse.ts) links exactly the filled
// slots.

import assert from "node:assert/strict";
import { isCanonical, LINEAR } from "./access.js";
import type { GuestMemory } from "./guest-memory.js";
import type { Regime } from "./regime.js";
import { READONLY, type Subject, TABLE } from "./subject.js";
import { ACCESSED, type Access, DIRTY, entryOffset, type Translation, walk } from "./walk.js";

/** The explicit access that a lookup-table context stands for. */
export function contextAccess(regime: Regime, context: number): { regime: Regime; access: Access } {
  if (context === 0) return { regime, access: { user: true } };
  if (context === 1) return { regime, access: { implicit: true } };
  const withAc = Object.assign(Object.create(Object.getPrototypeOf(regime)), regime, { ac: true }) as Regime;
  return { regime: withAc, access: {} };
}

export class Invariants {
  constructor(
    private readonly subject: Subject,
    private readonly memory: GuestMemory,
    private readonly regime: Regime,
  ) {}

  /** Walks the reverse map of all frames; returns the number of linked cells. */
  reverseMap(): number {
    const { subject } = this;
    let linked = 0;
    for (let frame = 0; frame < subject.frames; frame++) {
      let pointer = subject.reverseHead(frame);
      for (let cell = subject.get32(pointer); cell !== 0; cell = subject.get32(cell)) {
        assert.equal((subject.get32(cell + 4) & ~1) >>> 0, pointer, "a cell does not point back");
        this.slot(cell, frame);
        pointer = cell;
        linked++;
      }
    }
    return linked;
  }

  /** One filled slot, by its cell. */
  private slot(cell: number, frame: number): void {
    const { subject } = this;
    const { set, context, slot } = subject.cellPlace(cell);
    const read = subject.get64(cell - 2 * subject.tableBytes);
    const write = subject.get64(cell - subject.tableBytes);
    const page = subject.shownAt(read, frame);
    const where = `set ${set}, context ${context}, page ${page.toString(16)}, frame ${frame}`;
    assert.equal(page & 0xfffn, 0n, `${where}: not a page`);
    assert.equal(Number((page >> 12n) & BigInt(subject.slots - 1)), slot, `${where}: in another page's slot`);
    assert.ok(isCanonical(page), `${where}: not canonical`);
    const watched = write === subject.watchedSlot(page);
    assert.ok(write === read || watched || write === subject.emptySlot(slot), `${where}: write entry for another page`);
    const seen = subject.reasons(frame) & 0xff;
    if (write === read) assert.equal(seen, 0, `${where}: write entry for a frame whose writes must be seen`);
    if (watched) assert.equal(seen & READONLY, 0, `${where}: watched entry for ROM`);
    // Sets of other address spaces follow regimes that are not at hand.
    if (set === subject.currentSet) this.translation(page, frame, context, write === read || watched, where);
  }

  private translation(page: bigint, frame: number, context: number, writable: boolean, where: string): void {
    const { memory } = this;
    const { regime, access } = contextAccess(this.regime, context);
    const found = walk(regime, memory, page, access);
    assert.ok(found.ok, `${where}: stale, the page faults`);
    const place = memory.at(found.gpa);
    assert.equal(place.frame, frame, `${where}: stale, another frame`);
    this.settled(found, where);
    for (const address of found.entries) {
      const table = memory.at(address).frame;
      if (table >= 0) assert.ok(this.subject.reasons(table) & TABLE, `${where}: table ${table} is not traced`);
    }
    if (!writable) return;
    assert.ok(walk(regime, memory, page, { ...access, write: true }).ok, `${where}: stale write entry`);
    assert.equal(place.kind, "RAM", `${where}: write entry`);
    const last = found.entries.at(-1);
    const offset = last === undefined ? -1 : entryOffset(memory, last);
    if (offset >= 0) assert.ok((memory.bytes[offset] as number) & DIRTY, `${where}: write entry without D`);
  }

  /** Every entry of a cached translation has its accessed flag. */
  private settled({ entries }: Translation, where: string): void {
    for (const address of entries) {
      const offset = entryOffset(this.memory, address);
      if (offset >= 0) assert.ok((this.memory.bytes[offset] as number) & ACCESSED, `${where}: cached without A`);
    }
  }

  /** The fetch TLB of the running context; returns its number of entries. */
  fetches(): number {
    const entries = this.subject.fetchEntries();
    for (const { page, frame } of entries) {
      const linear = (page << 12n) & LINEAR;
      const where = `fetch of ${linear.toString(16)}`;
      const found = walk(this.regime, this.memory, linear, { user: this.regime.cpl === 3, fetch: true });
      assert.ok(found.ok, `${where}: stale, the page faults`);
      assert.equal(this.memory.at(found.gpa).frame, frame, `${where}: stale, another frame`);
      this.settled(found, where);
    }
    return entries.length;
  }
}
