// Entering code: from an instruction pointer to the decoded block behind it. This is where fetch rights,
// the code segment's limit and the canonical form are checked; hot jumps skip it through the jump cache,
// whose entries carry the fetch context they were made in.

import { CODE_PARTIAL, CONTEXT_STALE, FETCH_TAG, GATHERED, MODE, RIP_PAGE, SCRATCH_UOP } from "../layout";
import { blockFrame2, decodeCrossing, findBlock, isHot, NO_FRAME } from "../decode/cache";
import { JUMP_TAG, JUMP_UOP, jumpEntry } from "../decode/jump";
import { MODE_CODE, MODE_CODE64 } from "../decode/mode";
import { Op } from "../decode/op";
import { copyUop, UOP, UOP_LENGTH, UOP_OFFSET, UOP_OP, UOP_PLAIN, UOP_REMAIN, uopLength, uopOffset } from "../decode/uop";
import { probePush } from "../execute/stack";
import { frameHost } from "../memory/frames";
import { decodeMarked, unmarked } from "../region/marks";
import { requestBlock } from "../region/request";
import { fetchCode } from "../vcpu/fetch";
import { isCanonical } from "../mmu/tables";
import { raiseGP } from "../vcpu/fault";
import { segBase, segLimit, setRip } from "../vcpu/state";
import { CS } from "../x86/segment";

@inline function code64(): bool { return (load<u32>(MODE) & MODE_CODE) == MODE_CODE64; }

@inline function inside(target: u64): bool {
  return code64() ? isCanonical(target) : <u32>target <= segLimit(CS);
}
/** Near branch targets: within the code segment's limit, or canonical. Raises #GP(0) otherwise. */
@inline export function plausible(target: u64): bool {
  if (inside(target)) return true;
  raiseGP(0);
  return false;
}
/** The same for a call: a stack that cannot take the return address faults first. */
@inline export function callable<T>(target: u64): bool { return inside(target) || refuseCall(sizeof<T>()); }
function refuseCall(size: u32): bool {
  if (probePush(size == 8 ? 3 : 2)) raiseGP(0);
  return false;
}

/**
 * First micro-op of the block at `rip`, decoding it if need be; sets RIP and RIP_PAGE. 0: the fetch
 * failed (FAULT is set), or derived state is stale. CODE_PARTIAL tells whether the CS limit ends in
 * this page.
 */
function locate(rip: u64): usize {
  setRip(rip);
  if (load<u32>(CONTEXT_STALE) != 0) return 0;
  const wide = code64();
  let linear = rip;
  let partial: u32 = 0;
  if (!wide) {
    const limit = segLimit(CS);
    if (<u32>rip > limit) {
      raiseGP(0);
      return 0;
    }
    linear = (rip + segBase(CS)) & 0xffff_ffff;
    partial = u32(<u64>limit < rip + (4095 - (linear & 0xfff)));
  } else if (!isCanonical(rip)) {
    raiseGP(0);
    return 0;
  }
  store<u32>(CODE_PARTIAL, partial);
  const frame = fetchCode(linear);
  if (frame < 0) return 0;
  const offset = <u32>linear & 0xfff;
  const mode = load<u32>(MODE);
  store<u64>(RIP_PAGE, rip - <u64>offset);
  let u = findBlock(frame, offset, mode);
  if (u != 0 && blockFrame2(u) == NO_FRAME) return u;
  if (u == 0) {
    u = decodeMarked(frame, offset, mode);
    if (u != 0) return u;
  }
  // The instruction reaches into the next page: its frame belongs to the block's identity.
  const nextPage = wide ? linear + (4096 - <u64>offset) : (linear + (4096 - <u64>offset)) & 0xffff_ffff;
  // With the limit at the page's very end nothing behind it may be fetched.
  if (!wide && rip + (4095 - <u64>offset) >= <u64>segLimit(CS)) {
    raiseGP(0);
    return 0;
  }
  const frame2 = fetchCode(nextPage);
  if (frame2 < 0) return 0;
  if (u != 0 && blockFrame2(u) == <u32>frame2) return withinLimit(u, rip, wide);
  const here: usize = 4096 - offset;
  memory.copy(GATHERED, frameHost(frame) + offset, here);
  memory.copy(GATHERED + here, frameHost(frame2), 15 - here);
  u = decodeCrossing(frame, frame2, offset, GATHERED, mode);
  return withinLimit(u, rip, wide);
}

/** The instruction's last byte must lie within the CS limit too. */
function withinLimit(u: usize, rip: u64, wide: bool): usize {
  if (!wide && rip + <u64>uopLength(u) - 1 > <u64>segLimit(CS)) {
    raiseGP(0);
    return 0;
  }
  return u;
}

/**
 * Block to run at `rip`, filed under `entry` of the jump cache. 0: see locate, or the page must be
 * stepped through because the CS limit ends in it.
 */
export function enter(rip: u64, entry: usize): usize {
  const u = locate(rip);
  // The walk of a fetch may itself have changed page tables that code was fetched through.
  if (u == 0 || (load<u32>(CODE_PARTIAL) | load<u32>(CONTEXT_STALE)) != 0) return 0;
  if (isHot(u)) requestBlock(u);
  store<u64>(entry, rip);
  store<u32>(entry, load<u32>(FETCH_TAG), JUMP_TAG);
  store<u32>(entry, u, JUMP_UOP);
  return u;
}

/** The same for where a slice begins, which is no place that the guest's code leads to: it does not become hot. */
export function begin(rip: u64): usize {
  const entry = jumpEntry(rip);
  if (load<u64>(entry) != rip || load<u32>(entry, JUMP_TAG) != load<u32>(FETCH_TAG)) return enter(rip, entry);
  const u = <usize>load<u32>(entry, JUMP_UOP);
  store<u64>(RIP_PAGE, rip - <u64>uopOffset(u));
  return u;
}

/** Puts the one instruction at `rip` into the scratch micro-op. 0: the fetch failed. */
export function enterStep(rip: u64): usize {
  let u = locate(rip);
  if (u == 0 || withinLimit(u, rip, code64()) == 0) return 0;
  u = unmarked(u);
  copyUop(SCRATCH_UOP, u);
  store<u16>(SCRATCH_UOP, load<u16>(u, UOP_PLAIN), UOP_OP);
  store<u8>(SCRATCH_UOP, 1, UOP_REMAIN);
  const end = SCRATCH_UOP + UOP;
  store<u16>(end, Op.STEP_END, UOP_OP);
  store<u16>(end, load<u16>(u, UOP_OFFSET) + load<u8>(u, UOP_LENGTH), UOP_OFFSET);
  return SCRATCH_UOP;
}
