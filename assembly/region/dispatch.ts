// The dispatcher: from a mark into its region, out of it by the exit's record, and on to the next region as long as
// there is one. What the region function leaves undone is done here: RIP, the ticks that were paid and not used, the
// flags; and instructions that are executed out of line go on in the region.
//
// FUEL is exact here but while a region function runs, which has `reserve` less: no path between two of its looks at
// the fuel is longer, so it never overshoots. A region is not entered again at the address where it stopped without
// progress (MISS, FUEL): tier 0 executes from there first.

import {
  CLOCK,
  CONTEXT_STALE,
  FETCH_TAG,
  FUEL,
  LAZY_A,
  LAZY_CARRY,
  LAZY_KIND,
  LAZY_RESULT,
  REGION_BASE,
  REGION_CURRENT,
  RIP_MASK,
  RIP_PAGE,
} from "../layout";
import { warmBlock } from "../decode/cache";
import { JUMP_TAG, JUMP_UOP, jumpEntry } from "../decode/jump";
import { Op } from "../decode/op";
import { UOP_LINK, uopOffset, uopOp } from "../decode/uop";
import { setCF, setCFOF } from "../execute/alu";
import { slow } from "../execute/slow";
import { nextRip, rip, ripOf, setRip } from "../vcpu/state";
import { LazyKind } from "../vcpu/flags";
import { Status } from "../vcpu/status";
import { CF, OF } from "../x86/flags";
import { requestBlock } from "./request";
import { isEnterable } from "./enterable";
import { markOf } from "./marks";
import {
  EXIT_BACK,
  EXIT_LAZY,
  EXIT_PLACE,
  EXIT_RESUME,
  EXIT_SIZE_BYTES,
  EXIT_TAKEN,
  EXIT_TYPE,
  EXIT_UOP,
  ExitType,
  FLAGS_DYNAMIC,
  FLAGS_OPERAND,
  NO_ENTRY,
  OVERLAY_CF,
  OVERLAY_CFOF,
  REGION_ENTERED,
  REGION_ENTRIES,
  REGION_EXITS,
  REGION_PAGE_SIZE,
  REGION_PAGES,
  REGION_RESERVE,
  REGION_SLOT,
  REGION_STATE,
  regionRecord,
  RegionState,
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

@inline function countExit(exit: usize, type: u32): void {
  const taken = load<u16>(exit, EXIT_TAKEN);
  if (taken != 0xffff) store<u16>(exit, taken + 1, EXIT_TAKEN);
  count(COUNT_EXITS + (<usize>type << 3), 1);
}

/**
 * Goes on at a mark, whose page RIP_PAGE names; its block is not paid. Returns LEAVE, with RIP and FUEL exact, GO_ON or
 * GO_ON_BELOW, or the micro-op to go on at, whose page RIP_PAGE names then.
 */
export function dispatch(mark: usize): usize {
  let u = mark;
  let fuel = load<i32>(FUEL);
  for (;;) {
    const word = markOf(u);
    const record = regionRecord(word >> 8);
    const reserve = load<i32>(record, REGION_RESERVE);
    let entry = word & 0xff;
    const here = load<u32>(<usize>load<u32>(record, REGION_ENTRIES) + (<usize>entry << 2));
    const base = load<u64>(RIP_PAGE) - pageDistance(record, here);
    if (fuel < reserve || !isEnterable(record, base)) {
      count(COUNT_REFUSED, 1);
      return <usize>load<u32>(u, UOP_LINK);
    }
    store<u64>(REGION_BASE, base);
    store<u32>(REGION_CURRENT, word >> 8);
    store<u32>(record, <u32>(load<u64>(CLOCK) >> 16), REGION_ENTERED);
    const entered = fuel;
    let below = false;
    for (;;) {
      store<i32>(FUEL, fuel - reserve);
      const exit =
        <usize>load<u32>(record, REGION_EXITS) +
        <usize>call_indirect<u32>(load<u32>(record, REGION_SLOT), entry) * EXIT_SIZE_BYTES;
      const left = load<i32>(FUEL) + reserve + <i32>load<u16>(exit, EXIT_BACK);
      store<i32>(FUEL, left);
      count(COUNT_ENTRIES, 1);
      count(COUNT_TICKS, <u64>(fuel - left));
      fuel = left;
      completeFlags(load<u8>(exit, EXIT_LAZY));
      const type = <u32>load<u8>(exit, EXIT_TYPE);
      countExit(exit, type);
      if (type == ExitType.DYNAMIC) break;
      const place = load<u32>(exit, EXIT_PLACE);
      const page = base + pageDistance(record, place);
      if (type != ExitType.STEP) {
        setRip((page + <u64>(place & 0xfff)) & load<u64>(RIP_MASK));
        below = type != ExitType.STATIC;
        break;
      }
      store<u64>(RIP_PAGE, page);
      const uop = <usize>load<u32>(exit, EXIT_UOP);
      const status = slow(uopOp(uop), uop);
      fuel = load<i32>(FUEL);
      if (status == Status.NEXT) {
        const resume = <u32>load<u16>(exit, EXIT_RESUME);
        // What was executed may have closed the region: overwritten its code, changed the page tables.
        const open = load<u32>(record, REGION_STATE) == RegionState.LIVE && load<u32>(CONTEXT_STALE) == 0;
        if (resume != NO_ENTRY && open && fuel >= reserve) {
          entry = resume;
          continue;
        }
        setRip(nextRip(uop));
        break;
      }
      if (status == Status.JUMP) break;
      if (status == Status.FAULT) {
        store<i32>(FUEL, fuel + 1);
        setRip(ripOf(uop));
      } else if (status == Status.SYNC) setRip(nextRip(uop));
      return LEAVE;
    }
    if (fuel <= 0) return LEAVE;
    if (fuel == entered) below = true;
    const target = rip();
    const cached = jumpEntry(target);
    if (load<u64>(cached) != target || load<u32>(cached, JUMP_TAG) != load<u32>(FETCH_TAG)) {
      return below ? GO_ON_BELOW : GO_ON;
    }
    u = <usize>load<u32>(cached, JUMP_UOP);
    store<u64>(RIP_PAGE, target - <u64>uopOffset(u));
    if (uopOp(u) != Op.REGION) {
      if (!below && warmBlock(u) <= 0) requestBlock(u);
      return u;
    }
    if (below) return <usize>load<u32>(u, UOP_LINK);
    count(COUNT_HOPS, 1);
  }
  return LEAVE;
}
