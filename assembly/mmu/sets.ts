// Sets of lookup tables: one per address space and rights regime, so that loading CR3 selects tables
// instead of emptying them. Sets belong to the partition, serve all its processors, and are recycled
// least recently used. What a set holds is exact (mmu/trace drops what an edited page table derived), so
// neither CR3 loads nor INVLPG need to drop anything, and recycling is never visible to the guest.
//
//   record, 64 bytes:  0 root u64 | 8 regime u32 (Regime bits) | 12 used u32, LRU clock
//                      16 filled u32 | 20 overflow u32 | 24 state u32 | 28 unused
//                      32 PDPTE0-3 u64 (PAE paging, where they are the root)

import {
  A20_MASK,
  CONTEXT_STALE,
  CR0,
  CR3,
  CR4,
  EFER,
  LIMIT,
  PDPTE,
  SET_CONTEXTS,
  SET_RECORDS,
  SETS_CLOCK,
  SETS_COUNT,
  SLOT_MASK,
  TABLE_SET,
} from "../layout";
import { CR0_PG, CR0_WP, CR4_PAE, CR4_PSE, CR4_SMAP, CR4_SMEP, EFER_LMA, EFER_NXE } from "../x86/control";
import { PTE_FRAME } from "../x86/pte";
import { bumpFetch, dropAllFetches } from "./fetch";
import { CELL_LINK, unlinkCell } from "./reverse";
import { emptySlot, filledList, setBase, tableBytes } from "./tables";

const RECORD_ROOT: usize = 0;
const RECORD_REGIME: usize = 8;
const RECORD_USED: usize = 12;
export const RECORD_FILLED: usize = 16;
export const RECORD_OVERFLOW: usize = 20;
const RECORD_STATE: usize = 24;
const RECORD_PDPTE: usize = 32;

const enum Regime {
  PG = 1,
  WP = 2,
  NXE = 4,
  LMA = 8,
  PSE = 16,
  PAE = 32,
  SMEP = 64,
  SMAP = 128,
}

const enum SetState {
  /** Tables never initialised. */
  RAW = 0,
  /** All slots empty, no key. */
  FREE = 1,
  KEYED = 2,
}

@inline export function setRecord(set: u32): usize { return SET_RECORDS + (<usize>set << 6); }

function currentRegime(): u32 {
  const control0 = load<u64>(CR0);
  if ((control0 & CR0_PG) == 0) return 0;
  const control4 = load<u64>(CR4);
  const extended = load<u64>(EFER);
  return (
    Regime.PG |
    ((control0 & CR0_WP) != 0 ? Regime.WP : 0) |
    ((extended & EFER_NXE) != 0 ? Regime.NXE : 0) |
    ((extended & EFER_LMA) != 0 ? Regime.LMA : 0) |
    ((control4 & CR4_PSE) != 0 ? Regime.PSE : 0) |
    ((control4 & CR4_PAE) != 0 ? Regime.PAE : 0) |
    ((control4 & CR4_SMEP) != 0 ? Regime.SMEP : 0) |
    ((control4 & CR4_SMAP) != 0 ? Regime.SMAP : 0)
  );
}

function currentRoot(regime: u32): u64 {
  if ((regime & Regime.PG) == 0) return 0;
  if ((regime & Regime.LMA) != 0) return load<u64>(CR3) & PTE_FRAME;
  if ((regime & Regime.PAE) != 0) return 0;
  return load<u64>(CR3) & 0xffff_f000;
}

@inline function samePointers(record: usize): bool {
  return (
    load<u64>(record, RECORD_PDPTE) == load<u64>(PDPTE) &&
    load<u64>(record, RECORD_PDPTE + 8) == load<u64>(PDPTE + 8) &&
    load<u64>(record, RECORD_PDPTE + 16) == load<u64>(PDPTE + 16) &&
    load<u64>(record, RECORD_PDPTE + 24) == load<u64>(PDPTE + 24)
  );
}

@inline function holds(record: usize, root: u64, regime: u32, pae: bool): bool {
  return (
    load<u32>(record, RECORD_STATE) == SetState.KEYED &&
    load<u64>(record, RECORD_ROOT) == root &&
    load<u32>(record, RECORD_REGIME) == regime &&
    (!pae || samePointers(record))
  );
}

/** Set for the paging state in force; makes it TABLE_SET. */
export function selectSet(): u32 {
  const regime = currentRegime();
  const root = currentRoot(regime);
  const pae = (regime & (Regime.PAE | Regime.LMA)) == Regime.PAE;
  const count = load<u32>(SETS_COUNT);
  const clock = load<u32>(SETS_CLOCK) + 1;
  store<u32>(SETS_CLOCK, clock);
  // A ring crossing stays in its address space.
  const current = load<u32>(TABLE_SET);
  if (current < count && holds(setRecord(current), root, regime, pae)) {
    store<u32>(setRecord(current), clock, RECORD_USED);
    return current;
  }
  let victim: u32 = 0;
  let age: u32 = 0;
  for (let set: u32 = 0; set < count; set++) {
    const record = setRecord(set);
    if (load<u32>(record, RECORD_STATE) != SetState.KEYED) {
      victim = set;
      age = u32.MAX_VALUE;
      continue;
    }
    if (holds(record, root, regime, pae)) {
      store<u32>(record, clock, RECORD_USED);
      store<u32>(TABLE_SET, set);
      return set;
    }
    const unused = clock - load<u32>(record, RECORD_USED);
    if (unused > age) {
      victim = set;
      age = unused;
    }
  }
  const record = setRecord(victim);
  const state = load<u32>(record, RECORD_STATE);
  if (state == SetState.RAW) initialise(victim);
  else if (state == SetState.KEYED) {
    clear(victim);
    // Fetch contexts name the set by its index.
    bumpFetch();
  }
  store<u64>(record, root, RECORD_ROOT);
  store<u32>(record, regime, RECORD_REGIME);
  store<u32>(record, clock, RECORD_USED);
  store<u32>(record, SetState.KEYED, RECORD_STATE);
  if (pae) memory.copy(record + RECORD_PDPTE, PDPTE, 32);
  store<u32>(TABLE_SET, victim);
  return victim;
}

/** Empties every set and voids cached fetches: the meaning of guest-physical addresses changed. */
export function flushAll(): void {
  for (let set: u32 = 0; set < load<u32>(SETS_COUNT); set++) {
    if (load<u32>(setRecord(set), RECORD_STATE) == SetState.KEYED) clear(set);
  }
  dropAllFetches();
}

/** Opens or closes the A20 gate. */
export function setA20(on: bool): void {
  const mask: u64 = on ? ~(<u64>0) : ~(<u64>1 << 20);
  if (load<u64>(A20_MASK) == mask) return;
  store<u64>(A20_MASK, mask);
  flushAll();
  store<u32>(CONTEXT_STALE, 1);
}

/** Forgets all sets without touching their tables; they are initialised when first selected. */
export function resetSets(): void {
  for (let set: u32 = 0; set < load<u32>(SETS_COUNT); set++) memory.fill(setRecord(set), 0, 64);
  store<u32>(SETS_CLOCK, 0);
  store<u32>(TABLE_SET, 0);
}

function initialise(set: u32): void {
  const base = setBase(set);
  const bytes = tableBytes();
  const limit = load<u64>(LIMIT);
  for (let slot: u32 = 0; slot <= load<u32>(SLOT_MASK); slot++) {
    store<u64>(base + (<usize>slot << 3), (<u64>slot << 12) - limit);
  }
  for (let context: u32 = 0; context < SET_CONTEXTS; context++) {
    const read = base + <usize>(context * 3) * bytes;
    if (context != 0) memory.copy(read, base, bytes);
    memory.copy(read + bytes, base, bytes);
    memory.fill(read + 2 * bytes, 0, bytes);
  }
}

@inline function clearSlot(cell: usize, bytes: usize, offset: usize): void {
  unlinkCell(cell);
  store<u32>(cell, 0, CELL_LINK);
  const empty = emptySlot(offset);
  store<u64>(cell - bytes, empty);
  store<u64>(cell - bytes - bytes, empty);
}

/** Empties a set's slots: those of its list, or, when the list was too short, all that are linked. */
function clear(set: u32): void {
  const record = setRecord(set);
  const bytes = tableBytes();
  const slots = load<u32>(SLOT_MASK) + 1;
  const base = setBase(set);
  const listed = filledList(set);
  const count = load<u32>(record, RECORD_FILLED);
  for (let i: u32 = 0; i < count; i++) {
    const slot = load<u32>(listed + (<usize>i << 2));
    const context = u32(slot >= slots) + u32(slot >= 2 * slots);
    const offset = <usize>(slot - context * slots) << 3;
    clearSlot(base + <usize>(context * 3 + 2) * bytes + offset, bytes, offset);
  }
  if (load<u32>(record, RECORD_OVERFLOW) != 0) {
    for (let context: u32 = 0; context < SET_CONTEXTS; context++) {
      const cells = base + <usize>(context * 3 + 2) * bytes;
      for (let offset: usize = 0; offset < bytes; offset += 8) {
        if (load<u32>(cells + offset, CELL_LINK) != 0) clearSlot(cells + offset, bytes, offset);
      }
    }
  }
  store<u32>(record, 0, RECORD_FILLED);
  store<u32>(record, 0, RECORD_OVERFLOW);
}
