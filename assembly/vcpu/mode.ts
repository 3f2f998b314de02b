// Derived state: what decoding, address formation and the lookup tables need, recomputed from the
// architectural registers whenever CONTEXT_STALE says that they changed. It runs at every ring crossing.
//
// FETCH_TAG names what the meaning of an instruction address depends on, so that the jump cache and the
// fetch TLB can be shared by all address spaces and rings:
//
//   FETCH_TAG   31:8 FETCH_GENERATION | 7:0 context index
//
// A context is {set, MODE, CPL = 3, CS base, CS limit}. CONTEXTS is an open-addressed hash table whose slot
// number is the index; a slot is in use if it carries the current generation, so that a new generation
// empties the table, the jump cache and the fetch TLB at no cost.
//
//   context  0 set u32 | 4 mode u32 | 8 CS limit u32 | 12 CPL = 3 u32 | 16 CS base u64 | 24 generation u32
//            28 tag u32 of the context that differs in the ring only, 0 while unknown

import {
  CONTEXTS,
  CONTEXTS_MAX,
  CONTEXT_COUNT,
  CONTEXT_STALE,
  CPL,
  DATA_CHECKED,
  DATA_LIMIT,
  DR,
  FETCH_GENERATION,
  FETCH_TAG,
  FETCH_TLB,
  FETCH_TLB_ENTRIES,
  GPR,
  JUMP_CACHE,
  JUMP_CACHE_ENTRIES,
  LAZY_KIND,
  LIMIT,
  MODE,
  RIP_MASK,
  SEG_BASE,
  SEG_EFFECTIVE,
  SINGLE_STEP,
  TABLE_READ,
  TABLE_SET,
  TABLE_SYSTEM,
  TABLE_WRITE,
} from "../layout";
import { MODE_CHECKED, MODE_CODE16, MODE_CODE32, MODE_CODE64, MODE_FLAT, MODE_STACK_SHIFT } from "../decode/mode";
import { selectSet } from "../mmu/sets";
import { currentContext, tableBytes, tableRead, tableWrite } from "../mmu/tables";
import { CR0_AM, DR7_ENABLED } from "../x86/control";
import { AC, RF, TF } from "../x86/flags";
import { ATTR_DB, CS, DS, ES, FS, GS, SS } from "../x86/segment";
import { dataBreakpointsEnabled } from "./debug";
import { arithmeticFlags, flagsEager } from "./flags";
import { cpl, cr0, isCode64, isFlat, segAttributes, segBase, segLimit, systemFlags } from "./state";
import { Stale } from "./status";

const CONTEXT: usize = 32;
const CONTEXT_SET: usize = 0;
const CONTEXT_MODE: usize = 4;
const CONTEXT_LIMIT: usize = 8;
const CONTEXT_USER: usize = 12;
const CONTEXT_BASE: usize = 16;
const CONTEXT_GENERATION: usize = 24;
const CONTEXT_PARTNER: usize = 28;
/** Slots in use at which the table starts again: searches stay short. */
const CONTEXTS_FULL: u32 = (CONTEXTS_MAX * 3) / 4;
/** The last generation is left out: its tags would include NO_TAG (mmu/fetch). */
const GENERATION_END: u32 = (1 << 24) - 1;

@inline function isFlatSegment(seg: u32): bool { return isFlat(segBase(seg), segLimit(seg), segAttributes(seg)); }

/** The mode word of the current segments (ModeBit in decode/mode). */
function modeWord(code64: bool): u32 {
  if (code64) return MODE_CODE64 | (2 << MODE_STACK_SHIFT) | MODE_FLAT;
  let mode = segAttributes(CS) & ATTR_DB ? MODE_CODE32 : MODE_CODE16;
  if (segAttributes(SS) & ATTR_DB) mode |= 1 << MODE_STACK_SHIFT;
  if (isFlatSegment(DS) && isFlatSegment(ES) && isFlatSegment(SS)) mode |= MODE_FLAT;
  return mode;
}

@inline function effective(seg: u32, base: u64): void {
  store<u64>(<usize>seg << 3, base, SEG_EFFECTIVE);
}

/** The bases that accesses add: those of ES CS SS DS do not count in 64-bit mode. */
function refreshBases(code64: bool): void {
  effective(ES, code64 ? 0 : segBase(ES));
  effective(CS, code64 ? 0 : segBase(CS));
  effective(SS, code64 ? 0 : segBase(SS));
  effective(DS, code64 ? 0 : segBase(DS));
  effective(FS, segBase(FS));
  effective(GS, segBase(GS));
}

@inline function matches(context: usize, set: u32, mode: u32, user: u32, generation: u32): bool {
  return (
    load<u32>(context, CONTEXT_GENERATION) == generation &&
    load<u32>(context, CONTEXT_SET) == set &&
    load<u32>(context, CONTEXT_MODE) == mode &&
    load<u32>(context, CONTEXT_USER) == user &&
    load<u32>(context, CONTEXT_LIMIT) == segLimit(CS) &&
    load<u64>(context, CONTEXT_BASE) == load<u64>(<usize>CS << 3, SEG_BASE)
  );
}

/** Starts the table of contexts again under a generation that no cache entry carries. */
function startGeneration(generation: u32): u32 {
  if (generation == 0 || generation >= GENERATION_END) {
    generation = 1;
    memory.fill(JUMP_CACHE, 0, <usize>JUMP_CACHE_ENTRIES * 16);
    memory.fill(FETCH_TLB, 0, <usize>FETCH_TLB_ENTRIES * 16);
    memory.fill(CONTEXTS, 0, <usize>CONTEXTS_MAX * CONTEXT);
  }
  store<u32>(FETCH_GENERATION, generation);
  store<u32>(CONTEXT_COUNT, 0);
  return generation;
}

/** Generation of the contexts that CONTEXT_COUNT counts. */
let counted: u32 = 0;

/** FETCH_TAG of the current context; registers it when it is new. */
function fetchTag(set: u32, mode: u32, user: u32): u32 {
  let generation = load<u32>(FETCH_GENERATION);
  if (generation == 0 || generation >= GENERATION_END) generation = startGeneration(0);
  if (generation != counted) {
    counted = generation;
    store<u32>(CONTEXT_COUNT, 0);
  }
  const base = segBase(CS);
  const first = (set * 7 + mode * 3 + user * 64 + <u32>(base >> 4) * 0x9e37 + segLimit(CS) * 5) & (CONTEXTS_MAX - 1);
  let slot = first;
  while (load<u32>(CONTEXTS + <usize>slot * CONTEXT, CONTEXT_GENERATION) == generation) {
    if (matches(CONTEXTS + <usize>slot * CONTEXT, set, mode, user, generation)) return (generation << 8) | slot;
    slot = (slot + 1) & (CONTEXTS_MAX - 1);
  }
  if (load<u32>(CONTEXT_COUNT) >= CONTEXTS_FULL) {
    generation = startGeneration(generation + 1);
    counted = generation;
    slot = first;
  }
  store<u32>(CONTEXT_COUNT, load<u32>(CONTEXT_COUNT) + 1);
  const context = CONTEXTS + <usize>slot * CONTEXT;
  store<u32>(context, set, CONTEXT_SET);
  store<u32>(context, mode, CONTEXT_MODE);
  store<u32>(context, segLimit(CS), CONTEXT_LIMIT);
  store<u32>(context, user, CONTEXT_USER);
  store<u64>(context, base, CONTEXT_BASE);
  store<u32>(context, generation, CONTEXT_GENERATION);
  store<u32>(context, 0, CONTEXT_PARTNER);
  return (generation << 8) | slot;
}

/**
 * The privilege level goes from 3 to 0 or back (`user` = 1), and nothing else changes that derived state depends
 * on: it was valid, CS stays flat, EFLAGS.AC is 0. What `refresh` would compute, without it.
 */
export function switchRing(user: u32): void {
  const bytes = tableBytes();
  const read = load<usize>(TABLE_SYSTEM) - (user != 0 ? 3 * bytes : 0);
  store<u32>(CPL, user != 0 ? 3 : 0);
  store<u32>(TABLE_READ, <u32>read);
  store<u32>(TABLE_WRITE, <u32>(read + bytes));
  const tag = load<u32>(FETCH_TAG);
  const context = CONTEXTS + <usize>(tag & (CONTEXTS_MAX - 1)) * CONTEXT;
  let partner = load<u32>(context, CONTEXT_PARTNER);
  if (partner == 0) {
    partner = fetchTag(load<u32>(TABLE_SET), load<u32>(MODE), user);
    if (partner >> 8 == tag >> 8) store<u32>(context, partner, CONTEXT_PARTNER);
  }
  store<u32>(FETCH_TAG, partner);
}

/**
 * Outside 64-bit mode the upper halves of the registers are zero: they are undefined when it is left (SDM vol. 1,
 * 3.4.1.1), and nothing there reaches them. R8-R15 keep theirs. Flags that were left by 64-bit operands are computed:
 * translated code has no room for such operands there.
 */
function clearUpperHalves(): void {
  for (let at = GPR; at < GPR + 64; at += 8) store<u32>(at, 0, 4);
  if ((load<u32>(LAZY_KIND) & 3) == 3) flagsEager(arithmeticFlags());
}

/** Recomputes all derived state. */
export function refresh(): void {
  const code64 = isCode64();
  const flags = systemFlags();
  const user = u32(cpl() == 3);
  const dr7 = load<u32>(DR + 56);
  const aligned = user != 0 && (flags & AC) != 0 && (cr0() & CR0_AM) != 0;
  const checked = aligned || dataBreakpointsEnabled(dr7);
  const mode = modeWord(code64) | (checked ? MODE_CHECKED : 0);
  store<u32>(MODE, mode);
  if (!code64) clearUpperHalves();
  store<u64>(RIP_MASK, code64 ? ~<u64>0 : 0xffff_ffff);
  refreshBases(code64);

  const set = (load<u32>(CONTEXT_STALE) & Stale.ADDRESS_SPACE) != 0 ? selectSet() : load<u32>(TABLE_SET);
  const context = currentContext();
  store<u32>(TABLE_SYSTEM, <u32>tableRead(set, 1));
  store<u32>(TABLE_READ, <u32>tableRead(set, context));
  store<u32>(TABLE_WRITE, <u32>tableWrite(set, context));

  store<u32>(DATA_CHECKED, u32(checked));
  store<u64>(DATA_LIMIT, checked ? 0 : load<u64>(LIMIT));
  // RF lasts for one instruction: stepping over that one lets the run loop clear it (vcpu/debug).
  store<u32>(SINGLE_STEP, (flags & (TF | RF)) | (dr7 & DR7_ENABLED));
  store<u32>(FETCH_TAG, fetchTag(set, mode, user));
  // Last: choosing a set may have recycled one, which starts a new generation.
  store<u32>(CONTEXT_STALE, 0);
}
