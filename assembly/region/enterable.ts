// Whether a region may be entered here and now: its pages must show the frames it was made from, at the addresses that
// follow from where its head is, and be open to fetches; what its code takes for granted about SSE and segments must hold. Pages are
// looked up again whenever FETCH_TAG or the address has changed, which is what mmu/fetch promises to suffice.
//
// The look-up sets no accessed bit: a page that the guest has not touched yet keeps the region closed, since executing
// it could not be told from having touched it. A refusal is remembered like a success, and tried again now and then.

import { CONTEXT_STALE, CR0, CR4, FETCH_TAG, MODE, MXCSR, SYSTEM_FLAGS, TRANSLATION_STATISTICS, X87_CONTROL, X87_STATUS } from "../layout";
import { MODE_CODE, MODE_CODE64 } from "../decode/mode";
import { peekFrame } from "../mmu/fetch";
import { segAttributes, segBase, segLimit } from "../vcpu/state";
import { CR0_EM, CR0_PE, CR0_TS, CR4_OSFXSR } from "../x86/control";
import { VM } from "../x86/flags";
import { ATTR_UNUSABLE, CS, TYPE_CODE, TYPE_DC, TYPE_RW } from "../x86/segment";
import {
  PAGE_FRAME,
  REGION_CHECKED_BASE,
  REGION_CHECKED_TAG,
  REGION_NEEDS,
  REGION_PAGE_COUNT,
  REGION_PAGE_SIZE,
  REGION_PAGES,
  RegionNeeds,
} from "./record";
import { COUNT_REFUSED } from "./statistics";

/** Turns an address into one that no page has: not canonical, and above 4 GiB. */
const REFUSED: u64 = 1 << 62;
/** A refused region is looked at again after as many refusals, of any. */
const RETRY: u32 = 64;

/** RC and PM of MXCSR, and what they must be: to nearest, masked. */
const MXCSR_FORM: u32 = 0x7000;
const MXCSR_FAST: u32 = 0x1000;
/** PC and PM of the x87 control word, which must be all set. */
const CONTROL_FORM: u32 = 0x320;
/** ES of its status word. */
const STATUS_ES: u32 = 0x80;
/** Bytes of the largest operand of a region's instructions. */
const LARGEST_OPERAND: u32 = 16;

function areMet(needs: u32): bool {
  if ((needs & (RegionNeeds.SSE | RegionNeeds.FLOAT)) != 0) {
    if ((load<u64>(CR0) & (CR0_EM | CR0_TS)) != 0 || (load<u64>(CR4) & CR4_OSFXSR) == 0) return false;
    if ((needs & RegionNeeds.FLOAT) != 0 && (load<u32>(MXCSR) & MXCSR_FORM) != MXCSR_FAST) return false;
  }
  if ((needs & RegionNeeds.X87) != 0) {
    if ((load<u64>(CR0) & (CR0_EM | CR0_TS)) != 0 || (load<u16>(X87_STATUS) & STATUS_ES) != 0) return false;
    if ((load<u16>(X87_CONTROL) & CONTROL_FORM) != CONTROL_FORM) return false;
  }
  let seg: u32 = 0;
  for (let bits = needs >> RegionNeeds.SEGMENT_SHIFT; bits != 0; bits >>= 1) {
    if ((bits & 1) != 0 && !isOpen(seg)) return false;
    seg++;
  }
  return true;
}
/** Reads and writes at small and large offsets alike depend on the segment's limit alone. */
function isOpen(seg: u32): bool {
  if (segLimit(seg) < LARGEST_OPERAND - 1) return false;
  if ((load<u64>(CR0) & CR0_PE) == 0 || (load<u32>(SYSTEM_FLAGS) & VM) != 0) return true;
  return (segAttributes(seg) & (ATTR_UNUSABLE | TYPE_CODE | TYPE_DC | TYPE_RW)) == TYPE_RW;
}

/** `base`: CS-relative address of byte 0 of the head's page. */
@inline export function isEnterable(record: usize, base: u64): bool {
  const same = load<u64>(record, REGION_CHECKED_BASE) == base && load<u32>(record, REGION_CHECKED_TAG) == load<u32>(FETCH_TAG);
  if (!same && !check(record, base)) return false;
  return meetsNeeds(record);
}
/** The part of it that the region's own out-of-line instructions may change. */
@inline export function meetsNeeds(record: usize): bool {
  const needs = load<u32>(record, REGION_NEEDS);
  return needs == 0 || areMet(needs);
}

function check(record: usize, base: u64): bool {
  if (load<u32>(CONTEXT_STALE) != 0) return false;
  const tag = load<u32>(FETCH_TAG);
  const refused = load<u64>(record, REGION_CHECKED_BASE) == (base ^ REFUSED) && load<u32>(record, REGION_CHECKED_TAG) == tag;
  if (refused && load<u32>(TRANSLATION_STATISTICS + COUNT_REFUSED) % RETRY != 0) return false;
  const shown = showsPages(record, base);
  // A fetch may have been the first through its page tables; their tracing voids nothing.
  store<u64>(record, shown ? base : base ^ REFUSED, REGION_CHECKED_BASE);
  store<u32>(record, tag, REGION_CHECKED_TAG);
  return shown;
}

function showsPages(record: usize, base: u64): bool {
  const wide = (load<u32>(MODE) & MODE_CODE) == MODE_CODE64;
  let page = <usize>load<u32>(record, REGION_PAGES);
  const count = <u32>load<u16>(record, REGION_PAGE_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const first = <i64>base + (<i64>load<i32>(page) << 12);
    let linear = <u64>first;
    if (!wide) {
      // Pages that the segment's limits cut, or that wrap around, are tier 0's.
      if (first < 0 || first + 4095 > <i64>segLimit(CS)) return false;
      linear = (linear + segBase(CS)) & 0xffff_ffff;
    }
    if (peekFrame(linear) != load<i32>(page, PAGE_FRAME)) return false;
    page += REGION_PAGE_SIZE;
  }
  return true;
}
