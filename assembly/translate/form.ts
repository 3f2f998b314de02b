// Forming a region: from a hot block over static jumps, both sides of branches and into direct callees, as far as tier
// 0 has decoded code (what never ran is an exit). Instructions are the micro-ops of the decode cache, whose blocks
// overlap: nodes are cut where a jump leads.

import { FETCH_TLB, FETCH_TLB_ENTRIES, HOT_THRESHOLD, JUMP_CACHE, JUMP_CACHE_ENTRIES, REGION_INSTRUCTIONS } from "../layout";
import { blockFrame2, blockHeat, findBlock, NO_FRAME } from "../decode/cache";
import { endsBlock } from "../decode/decode";
import { JUMP_TAG, JUMP_UOP } from "../decode/jump";
import { MODE_CODE, MODE_CODE64 } from "../decode/mode";
import { Op } from "../decode/op";
import { Prefix, UOP, UOP_LINK, UOP_OP, UOP_PLAIN, uopImm, uopLength, uopOffset, uopPrefix } from "../decode/uop";
import {
  REGION_COUNT,
  regionRecord,
  REQUEST_BASE,
  REQUEST_FRAME,
  REQUEST_MODE,
  REQUEST_OFFSET,
  REQUEST_RIP,
  REQUEST_TAG,
} from "../region/record";
import { nearTerm } from "./lower/branch";
import { canLower } from "./lower/table";
import {
  addFlags,
  addNode,
  addPage,
  addTarget,
  cover,
  flagsOf,
  node,
  NODE_COUNT,
  NODE_ENTRY,
  NODE_NEXT,
  NODE_NEXT_OFFSET,
  NODE_NEXT_PAGE,
  NODE_OFFSET,
  NODE_PAGE,
  NODE_RETURNS,
  NODE_TAKEN,
  NODE_TARGET_OFFSET,
  NODE_TARGET_PAGE,
  NODE_TERM,
  NODE_UOP,
  nodeAt,
  nodeCount,
  NodeFlag,
  pageEntry,
  pageIndex,
  Term,
} from "./work";

/** Targets of indirect jumps in a region, and how far from its head they may be, in bytes. */
const JUMP_TARGETS_MAX: u32 = 120;
const JUMP_REACH: i64 = 8192;
/** A block is cold below this share of the threshold, as a power of two. */
const COLD_SHIFT: u32 = 5;
/** Most instructions in a region where the host does not say. */
const INSTRUCTIONS: u32 = 1200;
/** Instructions in the region. */
export let instructions: u32 = 0;
/** x87 instructions are translated; there are some in the region, translated or not. */
let takesX87: bool = true;
export function setTakesX87(value: bool): void { takesX87 = value; }
export let meetsX87: bool = false;
let limit: u32 = 0;
export let mode: u32 = 0;
export let code64: bool = false;
let tag: u32 = 0;
/** Base of CS. */
let segment: u64 = 0;
/** Linear address of byte 0 of the head's page. */
let origin: u64 = 0;
/** Relative address behind an instruction, as bytes from the head page's start. */
@inline function behind(page: u32, u: usize): i64 {
  return (<i64>load<i32>(pageEntry(page)) << 12) + <i64>(uopOffset(u) + uopLength(u));
}
@inline function linearOf(relative: i64): u64 {
  const at = origin + <u64>relative;
  return code64 ? at : at & 0xffff_ffff;
}
/** Bytes from the head page's start to a linear address, in the range that wraps as addresses do. */
@inline function relativeOf(linear: u64): i64 {
  const distance = linear - origin;
  return code64 ? <i64>distance : <i64><i32><u32>distance;
}

/** Index of the page that holds a relative address, if its frame is known and there is room; -1 otherwise. */
function pageOf(relative: i64): i32 {
  const number = relative >> 12;
  if (number != <i64><i32>number) return -1;
  const known = pageIndex(<i32>number);
  if (known >= 0) return known;
  const page = linearOf(relative) >> 12;
  const entry = FETCH_TLB + ((<usize>page & (FETCH_TLB_ENTRIES - 1)) << 4);
  if (load<u64>(entry) != page || load<u32>(entry, 8) != tag) return -1;
  return addPage(<i32>number, load<u32>(entry, 12));
}

/** A block that branches have hardly ever led to, where that tells something. Heat counts down from the threshold. */
function isCold(u: usize): bool {
  const threshold = load<u32>(HOT_THRESHOLD);
  const heat = blockHeat(u);
  return heat <= threshold && heat > threshold - (threshold >> COLD_SHIFT);
}
/** Times that branches have led to a block at a place, as far as they were counted; -1 if nothing is known. */
export function timesEntered(page: u32, offset: u32): i32 {
  const u = findBlock(load<u32>(pageEntry(page), 4), offset, mode);
  if (u == 0) return -1;
  const threshold = load<u32>(HOT_THRESHOLD);
  const heat = blockHeat(u);
  return <i32>(heat <= threshold ? threshold - heat : threshold);
}
/** First micro-op of the decoded block at a place, looking through the mark of a region; 0: none, or a cold one. */
function decodedAt(page: u32, offset: u32): usize {
  const u = findBlock(load<u32>(pageEntry(page), 4), offset, mode);
  if (u == 0) return 0;
  if (load<u16>(u, UOP_OP) == Op.REGION) return <usize>load<u32>(u, UOP_LINK);
  return isCold(u) ? 0 : u;
}
/** The block may be part of the region: its bytes are those of pages that the region checks. */
function usable(u: usize, page: u32): bool {
  const second = blockFrame2(u);
  if (second == NO_FRAME) return true;
  const next = pageOf((<i64>load<i32>(pageEntry(page)) + 1) << 12);
  return next >= 0 && load<u32>(pageEntry(next), 4) == second;
}

/** Node at a relative address, made if there is decoded code and room; -1 otherwise. */
function nodeFor(relative: i64): i32 {
  const page = pageOf(relative);
  if (page < 0) return -1;
  const offset = <u32>relative & 0xfff;
  const place = (<u32>page << 12) | offset;
  const known = nodeAt(place);
  if (known >= 0) return known;
  if (instructions >= limit) return -1;
  const u = decodedAt(page, offset);
  if (u == 0 || !usable(u, page)) return -1;
  return addNode(place, u);
}
/** The same where the micro-op is at hand. */
function nodeWith(relative: i64, u: usize): i32 {
  if (load<u16>(u, UOP_PLAIN) == Op.GOTO) return nodeFor(relative);
  const page = pageOf(relative);
  if (page < 0) return -1;
  const place = (<u32>page << 12) | (<u32>relative & 0xfff);
  const known = nodeAt(place);
  if (known >= 0) return known;
  if (instructions >= limit) return -1;
  return addNode(place, u);
}

/** How an instruction ends a node; FALL: it does not. */
function termOf(u: usize): u32 {
  const op = <u32>load<u16>(u, UOP_PLAIN);
  switch (op) {
    case Op.JMP_REL: return Term.JUMP;
    case Op.JCC: return Term.BRANCH;
    case Op.CALL_REL32:
    case Op.CALL_REL64: return Term.CALL;
    case Op.RET32:
    case Op.RET64: return Term.RETURN;
    case Op.JMP_R32:
    case Op.JMP_R64:
    case Op.JMP_M32:
    case Op.JMP_M64: return Term.INDIRECT;
    case Op.CALL_R32:
    case Op.CALL_R64:
    case Op.CALL_M32:
    case Op.CALL_M64: return Term.INDIRECT_CALL;
  }
  if (canLower(u) && (op != Op.X87 || takesX87)) return Term.FALL;
  const near = nearTerm(u, op);
  if (near != Term.LEAVE) return near;
  return op >= <u32>Op.SLOW && op < <u32>Op.END ? Term.STEP : Term.LEAVE;
}
/** An instruction of tier 0 that goes on behind itself when it completes. */
function goesOn(u: usize): bool {
  if (!endsBlock(u)) return true;
  const op = <u32>load<u16>(u, UOP_PLAIN);
  return op >= <u32>Op.MOVS && op <= <u32>Op.CMPS && (uopPrefix(u) & (Prefix.REP | Prefix.REPNE)) != 0;
}

@inline function setTarget(n: usize, relative: i64): void {
  store<i32>(n, <i32>(relative >> 12), NODE_TARGET_PAGE);
  store<u32>(n, <u32>relative & 0xfff, NODE_TARGET_OFFSET);
}
@inline function setNext(n: usize, relative: i64): void {
  store<i32>(n, <i32>(relative >> 12), NODE_NEXT_PAGE);
  store<u32>(n, <u32>relative & 0xfff, NODE_NEXT_OFFSET);
}

/** Relative target of a direct branch of full operand size. */
function branchTarget(page: u32, u: usize): i64 {
  return relativeOf(linearOf(behind(page, u) + uopImm(u)));
}

/** Walks a node's instructions to its end. `discover`: adds the nodes it leads to; otherwise links them. */
function walk(index: u32, discover: bool): void {
  const n = node(index);
  const page = load<u32>(n, NODE_PAGE);
  let u = <usize>load<u32>(n, NODE_UOP);
  let count: u32 = 0;
  for (;;) {
    const plain = <u32>load<u16>(u, UOP_PLAIN);
    const here = (<i64>load<i32>(pageEntry(page)) << 12) + <i64>uopOffset(u);
    // The block's end, or another node's start.
    if (plain == Op.GOTO || (count != 0 && nodeAt((page << 12) | uopOffset(u)) >= 0)) {
      setNext(n, here);
      store<u32>(n, Term.FALL, NODE_TERM);
      store<i32>(n, nodeFor(here), NODE_NEXT);
      break;
    }
    const term = termOf(u);
    if (term == Term.LEAVE) {
      setNext(n, here);
      store<u32>(n, Term.LEAVE, NODE_TERM);
      break;
    }
    count++;
    if (plain == Op.X87) meetsX87 = true;
    if (discover) instructions++;
    else cover(page, uopOffset(u), min<u32>(uopOffset(u) + uopLength(u) - 1, 4095));
    const next = behind(page, u);
    if (!discover && uopOffset(u) + uopLength(u) > 4096) cover(pageOf(next), 0, (<u32>next & 0xfff) - 1);
    if (term != Term.FALL) {
      store<u32>(n, term, NODE_TERM);
      setNext(n, next);
      if (term == Term.JUMP || term == Term.BRANCH || term == Term.CALL) {
        const relative = branchTarget(page, u);
        setTarget(n, relative);
        store<i32>(n, nodeFor(relative), NODE_TAKEN);
      }
      if (term == Term.BRANCH) store<i32>(n, nodeWith(next, u + UOP), NODE_NEXT);
      if (term == Term.CALL || term == Term.INDIRECT_CALL || (term == Term.STEP && goesOn(u))) {
        // Not in the block: the code behind a call is known only once it has run.
        const site = term == Term.STEP && !endsBlock(u) ? nodeWith(next, u + UOP) : nodeFor(next);
        store<i32>(n, site, NODE_NEXT);
        if (site >= 0) addFlags(node(site), term == Term.STEP ? NodeFlag.ENTRY : NodeFlag.ENTRY | NodeFlag.RETURN_SITE);
      }
      break;
    }
    u += UOP;
    if (uopOffset(u - UOP) + uopLength(u - UOP) >= 4096) {
      // What follows lies in the next page, in a block of its own.
      setNext(n, next);
      store<u32>(n, Term.FALL, NODE_TERM);
      store<i32>(n, nodeFor(next), NODE_NEXT);
      break;
    }
  }
  store<u32>(n, count, NODE_COUNT);
}

/** Makes entries of the warm blocks in the region's pages that the jump cache holds. */
function addJumpTargets(): void {
  let room = JUMP_TARGETS_MAX;
  for (let i: u32 = 0; i < JUMP_CACHE_ENTRIES && room != 0; i++) {
    const entry = JUMP_CACHE + (<usize>i << 4);
    if (load<u32>(entry, JUMP_TAG) != tag) continue;
    const distance = relativeOf(load<u64>(entry) + segment);
    if (distance >= JUMP_REACH || distance < -JUMP_REACH) continue;
    const u = <usize>load<u32>(entry, JUMP_UOP);
    if (load<u16>(u, UOP_OP) != Op.REGION && isCold(u)) continue;
    const index = nodeFor(distance);
    if (index < 0) continue;
    addFlags(node(index), NodeFlag.ENTRY);
    room--;
  }
}

/** Entries that NODE_RETURNS has bits for. */
const RETURNS: i32 = 64;
/** Return sites that each RET may reach: those of the calls of its function, spread over the function's own edges. */
function spreadReturns(): void {
  let sites: u32 = 0;
  for (let i: u32 = 1; i < nodeCount; i++) {
    const n = node(i);
    if (load<u32>(n, NODE_TERM) != Term.CALL) continue;
    const callee = load<i32>(n, NODE_TAKEN);
    const site = load<i32>(n, NODE_NEXT);
    if (callee < 0 || site < 0) continue;
    const entry = loadEntry(site);
    if (entry < 0 || entry >= RETURNS) continue;
    const c = node(callee);
    store<u64>(c, load<u64>(c, NODE_RETURNS) | (<u64>1 << <u64>entry), NODE_RETURNS);
    sites++;
  }
  if (sites == 0) return;
  for (let changed = true; changed; ) {
    changed = false;
    for (let i: u32 = 1; i < nodeCount; i++) {
      const n = node(i);
      const returns = load<u64>(n, NODE_RETURNS);
      if (returns == 0) continue;
      const term = load<u32>(n, NODE_TERM);
      if (term != Term.CALL && spread(load<i32>(n, NODE_TAKEN), returns)) changed = true;
      if (spread(load<i32>(n, NODE_NEXT), returns)) changed = true;
    }
  }
}
@inline function loadEntry(index: i32): i32 { return load<i32>(node(index), NODE_ENTRY); }
function spread(to: i32, returns: u64): bool {
  if (to < 0) return false;
  const n = node(to);
  const before = load<u64>(n, NODE_RETURNS);
  store<u64>(n, before | returns, NODE_RETURNS);
  return (before | returns) != before;
}

/** Forms the region that a request is for, a larger one than there is if it grows. False: nothing worth it. */
export function form(request: usize, grows: bool): bool {
  const frame = load<u32>(request, REQUEST_FRAME);
  const offset = <u32>load<u16>(request, REQUEST_OFFSET);
  const rip = load<u64>(request, REQUEST_RIP);
  mode = load<u32>(request, REQUEST_MODE);
  code64 = (mode & MODE_CODE) == MODE_CODE64;
  tag = load<u32>(request, REQUEST_TAG);
  segment = load<u64>(request, REQUEST_BASE);
  origin = (code64 ? rip + segment : (rip + segment) & 0xffff_ffff) & ~(<u64>0xfff);
  instructions = 0;
  meetsX87 = false;
  limit = load<u32>(REGION_INSTRUCTIONS) != 0 ? load<u32>(REGION_INSTRUCTIONS) : INSTRUCTIONS;
  addPage(0, frame);
  let u = findBlock(frame, offset, mode);
  if (u == 0 || !usable(u, 0)) return false;
  let least: u32 = 0;
  if (load<u16>(u, UOP_OP) == Op.REGION) {
    if (!grows) return false;
    least = <u32>load<u16>(regionRecord(<u32>uopImm(u) >> 8), REGION_COUNT) + 1;
    u = <usize>load<u32>(u, UOP_LINK);
  }
  if (addNode(offset, u) < 0) return false;
  let jumps = false;
  for (let i: u32 = 1; i < nodeCount; i++) {
    walk(i, true);
    // The first indirect jump brings in where such jumps have been going lately.
    if (!jumps && load<u32>(node(i), NODE_TERM) == Term.INDIRECT) {
      jumps = true;
      addJumpTargets();
    }
  }
  // Nodes found late have cut others short; no more are made.
  instructions = 0;
  limit = 0;
  for (let i: u32 = 1; i < nodeCount; i++) {
    walk(i, false);
    instructions += load<u32>(node(i), NODE_COUNT);
  }
  if (load<u32>(node(1), NODE_COUNT) == 0 || instructions < least) return false;
  addFlags(node(1), NodeFlag.ENTRY);
  for (let i: u32 = 1; i < nodeCount; i++) if ((flagsOf(node(i)) & NodeFlag.ENTRY) != 0) addTarget(i);
  spreadReturns();
  return true;
}
