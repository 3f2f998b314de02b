// The property that isolation rests on: a lookup gives a host address below LIMIT only for linear addresses
// inside pages that are mapped, and then the right one, over the whole 64-bit linear space.
//
// It is decided, not sampled. A slot with content T passes exactly the addresses va with
// (va - T) mod 2^64 < LIMIT that use the slot; those are the interval [T, T + LIMIT) cut with pages that lie
// slots * 4 KiB apart. The compiled lookup is then tried at the edges of every page and at its aliases.

import assert from "node:assert/strict";
import * as L from "../../src/engine/views.js";
import type { Random } from "../oracle/random.js";
import { isCanonical, LINEAR } from "./access.js";
import type { GuestMemory } from "./guest-memory.js";
import { contextAccess } from "./invariants.js";
import type { Regime } from "./regime.js";
import type { Subject } from "./subject.js";
import { walk } from "./walk.js";

const SPACE = 1n << 64n;
const PAGE = 4096n;

/** All parts of pages, over the whole space, that a slot with this content lets through. */
export function passed(content: bigint, slot: number, slots: number, limit: bigint): { first: bigint; end: bigint }[] {
  const span = BigInt(slots) * PAGE;
  const found: { first: bigint; end: bigint }[] = [];
  // Pages of the slot around the interval, which may wrap around the end of the space.
  const tooth = BigInt(slot) * PAGE;
  for (let page = ((content - tooth) / span - 1n) * span + tooth; page < content + limit; page += span) {
    const first = page > content ? page : content;
    const end = page + PAGE < content + limit ? page + PAGE : content + limit;
    if (first < end) found.push({ first: first % SPACE, end: ((end - 1n) % SPACE) + 1n });
  }
  return found;
}

/** Checks every slot of every table of every set; returns the number of slots that let anything through. */
export function checkTables(subject: Subject, memory: GuestMemory, regime: Regime): number {
  const limit = BigInt(subject.limit);
  const current = subject.setStale ? -1 : subject.currentSet;
  let filled = 0;
  for (let set = 0; set < subject.sets; set++) {
    if (!subject.isKeyed(set)) continue;
    for (let context = 0; context < L.SET_CONTEXTS; context++) {
      const read = subject.tableAt(set, context);
      for (let slot = 0; slot < subject.slots; slot++) {
        const at = (read + slot * 8) / 8;
        const content = subject.u64[at] as bigint;
        const write = subject.u64[at + subject.slots] as bigint;
        const where = `set ${set}, context ${context}, slot ${slot}`;
        if (content === subject.emptySlot(slot)) {
          assert.equal(write, content, `${where}: a write entry alone`);
          continue;
        }
        filled++;
        const parts = passed(content, slot, subject.slots, limit);
        assert.equal(parts.length, 1, `${where} lets ${parts.length} pages through`);
        const { first, end } = parts[0] as { first: bigint; end: bigint };
        assert.ok(end - first === PAGE && first % PAGE === 0n, `${where} does not let a whole page through`);
        assert.ok(isCanonical(first), `${where} lets a non-canonical page through`);
        if (write !== content) {
          const watched = write === subject.watchedSlot(first);
          assert.ok(watched || write === subject.emptySlot(slot), `${where}: write entry for another page`);
          assert.deepEqual(
            passed(write, slot, subject.slots, limit),
            [],
            `${where}: a watched slot lets a page through`,
          );
        }
        const host = Number(BigInt.asUintN(64, first - content));
        assert.ok(host >= subject.ramBase && host + 4096 <= subject.limit, `${where} reaches outside guest memory`);
        if (set !== current) continue;
        const view = contextAccess(regime, context);
        const found = walk(view.regime, memory, first, view.access);
        assert.ok(
          found.ok && subject.frameHost(memory.at(found.gpa).frame) === BigInt(host),
          `${where}: not mapped so`,
        );
      }
    }
  }
  return filled;
}

/** Empty slots let nothing through: holds for all slots alike, so it is checked once. */
export function checkEmptySlots(subject: Subject): void {
  for (let slot = 0; slot < subject.slots; slot++) {
    assert.deepEqual(passed(subject.emptySlot(slot), slot, subject.slots, BigInt(subject.limit)), []);
  }
}

/** Addresses most likely to pass by mistake: edges of mapped pages, their slot aliases, random ones. */
function candidates(subject: Subject, pages: Iterable<bigint>, random: Random): bigint[] {
  const span = BigInt(subject.slots) * PAGE;
  const list: bigint[] = [];
  for (const page of pages) {
    for (const k of [0n, 1n, -1n, 2n, -2n, BigInt(random.u32()) << 4n, LINEAR / span]) {
      for (const offset of [-1n, 0n, BigInt(random.below(4096)), 4095n, 4096n]) list.push(page + k * span + offset);
    }
  }
  for (let i = 0; i < 100; i++) {
    const any = random.u64();
    list.push(any, any & 0xffff_ffffn, any >> BigInt(random.below(64)), LINEAR - (any >> BigInt(random.below(64))));
  }
  return list.map((address) => address & LINEAR);
}

/** The compiled lookups of the running context against the pages that its tables hold. */
export function checkLookups(subject: Subject, random: Random): void {
  const table = subject.get32(L.TABLE_READ);
  const limit = BigInt(subject.limit);
  const shown = new Map<bigint, bigint>();
  for (let slot = 0; slot < subject.slots; slot++) {
    const content = subject.u64[table / 8 + slot] as bigint;
    if (content === subject.emptySlot(slot)) continue;
    for (const { first } of passed(content, slot, subject.slots, limit))
      shown.set(first, BigInt.asUintN(64, first - content));
  }
  for (const linear of candidates(subject, shown.keys(), random)) {
    const host = BigInt.asUintN(64, subject.driver.lookupRead(linear));
    const page = shown.get(linear & ~0xfffn);
    const name = linear.toString(16);
    if (page === undefined)
      assert.ok(host >= limit, `${name} is not mapped and reads host address ${host.toString(16)}`);
    else assert.equal(host, page + (linear & 0xfffn), `${name} reads another host address`);
    const write = BigInt.asUintN(64, subject.driver.lookupWrite(linear));
    assert.ok(write >= limit || write === host, `${name} writes another host address than it reads`);
  }
}
