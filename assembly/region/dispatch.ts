// The dispatcher: from a mark into its region, out of it by the exit's record, and on to the next region as long as
// there is one. What the region function leaves undone is done here: RIP, the ticks that were paid and not used, the
// flags; and instructions that are executed out of line go on in the region.
//
// FUEL is exact here but while a region function runs, which has `reserve` less: no path between two of its looks at
// the fuel is longer, so it never overshoots. A region is not entered again at the address where it stopped without
// progress (MISS, FUEL): tier 0 executes from there first.

import {
  ARENA_FLUSHES,
  CLOCK,
  CONTEXT_STALE,
  FETCH_TAG,
  FUEL,
  LAZY_A,
  LAZY_CARRY,
  LAZY_KIND,
  LAZY_RESULT,
  REGION_BASE,
  REGIONS_END,
  RIP_MASK,
  RIP_PAGE,
} from "../layout";
import { blockFrame2, NO_FRAME, warmBlock } from "../decode/cache";
import { JUMP_TAG, JUMP_UOP, jumpEntry } from "../decode/jump";
import { Op } from "../decode/op";
import { UOP_DISP, UOP_LINK, uopOffset, uopOp } from "../decode/uop";
import { setCF, setCFOF } from "../execute/alu";
import { slow } from "../execute/slow";
import { nextRip, rip, ripOf, setRip } from "../vcpu/state";
import { LazyKind } from "../vcpu/flags";
import { Status } from "../vcpu/status";
import { CF, OF } from "../x86/flags";
import { requestBlock, requestGrowth } from "./request";
import { setCautious, setSplit } from "./caution";
import { isEnterable, meetsNeeds } from "./enterable";
import { exitClock, killRegion } from "./life";
import { markOf } from "./marks";
import {
  EXIT_BACK,
  EXIT_LINK,
  EXIT_PLACE,
  EXIT_RESUME,
  EXIT_SIZE_BYTES,
  EXIT_TAKEN,
  EXIT_TYPE,
  EXIT_UOP,
  ExitType,
  FLAGS_DYNAMIC,
  FLAGS_MEMORY,
  FLAGS_OPERAND,
  GROWS,
  NO_ENTRY,
  OVERLAY_CF,
  OVERLAY_CFOF,
  PAGE_FRAME,
  REGION_ENTERED,
  REGION_ENTRIES,
  REGION_EXIT_COUNT,
  REGION_EXITS,
  REGION_PAGE_SIZE,
  REGION_PAGES,
  REGION_RESERVE,
  REGION_SINCE,
  REGION_SLOT,
  REGION_STATE,
  regionRecord,
  RegionState,
  SPLIT,
  UNCOMMON,
} from "./record";
import { count, COUNT_ENTRIES, COUNT_EXITS, COUNT_HOPS, COUNT_REFUSED, COUNT_TICKS } from "./statistics";

/** Leave the interpreter. */
export const LEAVE: usize = 0;
/** Go on at RIP, wherever that leads. */
export const GO_ON: usize = 1;
/** Go on at RIP, in tier 0. */
export const GO_ON_BELOW: usize = 2;

/** Offset of a place's page from the head's, in bytes. */
@inline function pageDistance(record: usize, place: u32): u64 {
  return <u64>(<i64>load<i32>(<usize>load<u32>(record, REGION_PAGES) + <usize>(place >> 12) * REGION_PAGE_SIZE) << 12);
}

/** Gives the flags that an exit left in raw form their one form (vcpu/flags). */
@inline function completeFlags(lazy: u32): void {
  if (lazy < FLAGS_DYNAMIC) {
    const size = lazy & 3;
    const mask = size == 3 ? <u64>-1 : (<u64>1 << (<u64>8 << <u64>size)) - 1;
    const a = load<u64>(LAZY_A) & mask;
    let result = load<u64>(LAZY_RESULT);
    if ((lazy & FLAGS_OPERAND) != 0) {
      lazy &= ~FLAGS_OPERAND;
      result = lazy >> 2 == LazyKind.ADD ? a + result : a - result;
    }
    store<u32>(LAZY_KIND, lazy);
    store<u64>(LAZY_A, a);
    store<u64>(LAZY_RESULT, result & mask);
  } else if (lazy == FLAGS_DYNAMIC && (load<u32>(LAZY_KIND) & (OVERLAY_CFOF | OVERLAY_CF)) != 0) uncover();
}

/** CF, or CF and OF, were kept beside the rest (translate/lower/flags). */
function uncover(): void {
  const kind = load<u32>(LAZY_KIND);
  const carry = load<u32>(LAZY_CARRY);
  store<u32>(LAZY_KIND, kind & ~(OVERLAY_CFOF | OVERLAY_CF));
  if ((kind & OVERLAY_CFOF) != 0) setCFOF(carry & (CF | OF));
  else setCF(carry & CF);
}

/** The instruction of a STEP exit, paid already, in the page that RIP_PAGE names. */
const enum Stepped {
  LEAVE = 0,
  /** RIP says where to go on. */
  GO_ON = 1,
  /** The same, and the region may go on there itself. */
  RESUME = 2,
}
function step(record: usize, uop: usize): Stepped {
  const status = slow(uopOp(uop), uop);
  if (status == Status.NEXT) {
    setRip(nextRip(uop));
    // What was executed may have closed the region: overwritten its code, changed the page tables, or MXCSR, CR0, a segment.
    const open = load<u32>(record, REGION_STATE) == RegionState.LIVE && load<u32>(CONTEXT_STALE) == 0;
    return open && meetsNeeds(record) ? Stepped.RESUME : Stepped.GO_ON;
  }
  if (status == Status.JUMP) return Stepped.GO_ON;
  if (status == Status.FAULT) {
    store<i32>(FUEL, load<i32>(FUEL) + 1);
    setRip(ripOf(uop));
  } else if (status == Status.SYNC) setRip(nextRip(uop));
  return Stepped.LEAVE;
}

/** An exit is taken that often until something is done about it. */
const LIMIT: u32 = 10_000;
/** Units of the clock in which that has to happen for a region to be worth growing: one exit in ten thousand ticks. */
const HURRY: u32 = 100;
@inline function frameAt(record: usize, place: u32): u32 {
  return load<u32>(<usize>load<u32>(record, REGION_PAGES) + <usize>(place >> 12) * REGION_PAGE_SIZE, PAGE_FRAME);
}
/** A region is left again and again for a reason that another translation would not have. */
function learn(index: u32, exit: usize): void {
  const record = regionRecord(index);
  switch (<u32>load<u16>(exit, EXIT_RESUME)) {
    case UNCOMMON: {
      const head = load<u32>(<usize>load<u32>(record, REGION_ENTRIES));
      setCautious(frameAt(record, head), head & 0xfff);
      killRegion(index, RegionState.LEFT);
      return;
    }
    case SPLIT: {
      const place = load<u32>(exit, EXIT_PLACE);
      setSplit(frameAt(record, place), place & 0xfff);
      killRegion(index, RegionState.LEFT);
      return;
    }
    case GROWS: {
      const now = exitClock();
      const since = <u32>load<u16>(record, REGION_SINCE);
      store<u16>(record, now, REGION_SINCE);
      store<u16>(exit, 0, EXIT_TAKEN);
      if (((now - since) & 0xffff) <= HURRY) requestGrowth(record);
    }
  }
}

/** ARENA_FLUSHES when links were last known to be good. */
let linkedAt: u32 = 0;
/** The arena was emptied: what exits are linked to is gone. */
function dropLinks(): void {
  linkedAt = load<u32>(ARENA_FLUSHES);
  const end = load<u32>(REGIONS_END);
  for (let i: u32 = 0; i < end; i++) {
    const record = regionRecord(i);
    if (load<u32>(record, REGION_STATE) != RegionState.LIVE) continue;
    let exit = <usize>load<u32>(record, REGION_EXITS);
    for (let left = load<u32>(record, REGION_EXIT_COUNT); left != 0; left--) {
      if (load<u8>(exit, EXIT_TYPE) != ExitType.STEP) store<u32>(exit, 0, EXIT_LINK);
      exit += EXIT_SIZE_BYTES;
    }
  }
}

/**
 * Goes on at a mark, whose page RIP_PAGE names; its block is not paid. Returns LEAVE, with RIP and FUEL exact, GO_ON or
 * GO_ON_BELOW, or the micro-op to go on at, whose page RIP_PAGE names then.
 */
export function dispatch(mark: usize): usize {
  if (load<u32>(ARENA_FLUSHES) != linkedAt) dropLinks();
  let u = mark;
  let page = load<u64>(RIP_PAGE);
  let fuel = load<i32>(FUEL);
  let entries: u32 = 0;
  let hops: u32 = 0;
  let executed: i32 = 0;
  let way = LEAVE;
  for (;;) {
    const word = markOf(u);
    const record = regionRecord(word >> 8);
    const reserve = load<i32>(record, REGION_RESERVE);
    const base = page - <u64>(<i64>load<i32>(u, UOP_DISP));
    if (fuel < reserve || !isEnterable(record, base)) {
      count(COUNT_REFUSED, 1);
      way = <usize>load<u32>(u, UOP_LINK);
      break;
    }
    store<u64>(REGION_BASE, base);
    store<u32>(record, <u32>(load<u64>(CLOCK) >> 16), REGION_ENTERED);
    const before = fuel;
    let entry = word & 0xff;
    let exit: usize;
    let type: u32;
    let stepped = Stepped.RESUME;
    for (;;) {
      store<i32>(FUEL, fuel - reserve);
      exit = call_indirect<u32>(load<u32>(record, REGION_SLOT), entry);
      exit = <usize>load<u32>(record, REGION_EXITS) + exit * EXIT_SIZE_BYTES;
      const form = load<u32>(exit, EXIT_BACK);
      const left = load<i32>(FUEL) + reserve + <i32>(form & 0xffff);
      executed += fuel - left;
      fuel = left;
      entries++;
      if (form >> 24 != FLAGS_MEMORY) completeFlags(form >> 24);
      type = (form >> 16) & 0xff;
      const taken = load<u16>(exit, EXIT_TAKEN);
      if (taken != 0xffff) store<u16>(exit, taken + 1, EXIT_TAKEN);
      count(COUNT_EXITS + (<usize>type << 3), 1);
      if (type != ExitType.STEP) {
        if (taken == LIMIT) learn(word >> 8, exit);
        break;
      }
      store<i32>(FUEL, fuel);
      store<u64>(RIP_PAGE, base + pageDistance(record, load<u32>(exit, EXIT_PLACE)));
      stepped = step(record, <usize>load<u32>(exit, EXIT_UOP));
      fuel = load<i32>(FUEL);
      entry = load<u16>(exit, EXIT_RESUME);
      if (stepped != Stepped.RESUME || entry == NO_ENTRY || fuel < reserve) break;
    }
    if (stepped == Stepped.LEAVE) break;
    const below = type == ExitType.MISS || type == ExitType.FUEL || fuel == before;
    let link: usize = 0;
    if (type != ExitType.STEP && type != ExitType.DYNAMIC) {
      const place = load<u32>(exit, EXIT_PLACE);
      page = base + pageDistance(record, place);
      // A page of the region, so what the link leads to depends on nothing that could have changed.
      link = <usize>load<u32>(exit, EXIT_LINK);
      if (link == 0 || uopOp(link) == Op.STALE) {
        link = 0;
        setRip((page + <u64>(place & 0xfff)) & load<u64>(RIP_MASK));
      }
    }
    if (link != 0) u = link;
    else {
      if (fuel <= 0) break;
      const target = rip();
      const cached = jumpEntry(target);
      if (load<u64>(cached) != target || load<u32>(cached, JUMP_TAG) != load<u32>(FETCH_TAG)) {
        way = below ? GO_ON_BELOW : GO_ON;
        break;
      }
      u = <usize>load<u32>(cached, JUMP_UOP);
      page = target - <u64>uopOffset(u);
      if (type != ExitType.STEP && type != ExitType.DYNAMIC && blockFrame2(u) == NO_FRAME) store<u32>(exit, <u32>u, EXIT_LINK);
    }
    if (uopOp(u) != Op.REGION) {
      way = u;
      if (!below && warmBlock(u) <= 0) {
        store<u64>(RIP_PAGE, page);
        requestBlock(u);
      }
      break;
    }
    if (below) {
      way = <usize>load<u32>(u, UOP_LINK);
      break;
    }
    hops++;
  }
  store<i32>(FUEL, fuel);
  store<u64>(RIP_PAGE, page);
  count(COUNT_ENTRIES, entries);
  count(COUNT_HOPS, hops);
  count(COUNT_TICKS, executed);
  return way;
}
