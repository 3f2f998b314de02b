// Facts about floating-point registers (lower/facts) over a whole region: what is known at the start of each node, and
// what loops demand. A register that a loop uses and never writes is checked once in front of the loop instead of at every
// turn.

import { Op } from "../decode/op";
import { UOP, UOP_PLAIN } from "../decode/uop";
import { beginInstruction, setCounts } from "./control";
import { inOrder, ordered, orderOf, successor } from "./graph";
import { checkAllCommon, checkAllOrdinary, checkCommon, checkOrdinary, getLow, local, setWide, X } from "./lower/element";
import {
  clearFacts,
  coarsen,
  isCommon,
  isKnown,
  Kind,
  learnCommon,
  learnOrdinary,
  loadFacts,
  meetFacts,
  numberOf,
  storeFacts,
} from "./lower/facts";
import { setState } from "./lower/flags";
import { dst, isMemory, src } from "./lower/lanes";
import { getXmm, V_A } from "./lower/locals";
import { checkedKind, note, Plan } from "./lower/plan";
import { get, set } from "./wasm";
import {
  CURRENT_FACTS,
  DEMANDS,
  ENTRY_FACTS,
  FACTS_SIZE,
  flagsOf,
  LOOP_NODES,
  node,
  NODE_COUNT,
  NODE_ENTRY,
  NODE_FACTS,
  NODE_FORWARD,
  NODE_OFFSET,
  NODE_PAGE,
  NODE_STATE,
  NODE_UOP,
  nodeCount,
  NodeFlag,
  target,
  targetCount,
} from "./work";

/** Not reached yet, in place of the first register's kind. */
const UNREACHED: u32 = 0xffff;
/** In a demand: the register has to be common, not just ordinary. */
const COMMON: u32 = 0x80;

/** There are floating-point instructions in the region. */
let active: bool = false;

@inline function factsAt(index: u32): usize { return NODE_FACTS + <usize>index * FACTS_SIZE; }
@inline function entryFactsAt(index: u32): usize { return ENTRY_FACTS + <usize>index * FACTS_SIZE; }
@inline function demandsAt(index: u32): usize { return DEMANDS + (<usize>index << 4); }
@inline function isHeader(index: u32): bool { return (flagsOf(node(index)) & NodeFlag.HEADER) != 0; }
@inline function isReached(facts: usize): bool { return load<u16>(facts) != UNREACHED; }

@inline function opOf(u: usize): u32 { return load<u16>(u, UOP_PLAIN); }
@inline function isVector(o: u32): bool { return o >= <u32>Op.VECTOR_LOAD && o <= <u32>Op.CVTSD2SS; }
function isFloat(o: u32): bool { return (o >= <u32>Op.ADDPS && o <= <u32>Op.CVTSD2SS) || o == <u32>Op.VECTOR_0F || o == <u32>Op.VECTOR_3A; }

function hasFloats(): bool {
  for (let i: u32 = 1; i < ordered; i++) {
    const n = node(inOrder(i));
    let u = <usize>load<u32>(n, NODE_UOP);
    for (let k = load<u32>(n, NODE_COUNT); k != 0; k--) {
      if (isFloat(opOf(u))) return true;
      u += UOP;
    }
  }
  return false;
}

// ---- data flow ------------------------------------------------------------------------------------

/** From what is known at the start of a node to its end. */
function pass(index: u32): void {
  const n = node(index);
  loadFacts(factsAt(index));
  let u = <usize>load<u32>(n, NODE_UOP);
  for (let k = load<u32>(n, NODE_COUNT); k != 0; k--) {
    if (isVector(opOf(u))) note(u, opOf(u));
    u += UOP;
  }
}
/** Adds to the current facts what the checks in front of a loop show. */
function strengthen(header: u32): void {
  for (let r: u32 = 0; r < 16; r++) {
    const demand = <u32>load<u8>(demandsAt(header) + r);
    if (demand == 0) continue;
    const kind = demand & ~COMMON;
    if ((demand & COMMON) != 0) {
      if (!isCommon(r, kind)) learnCommon(r, kind);
    } else if (!isKnown(r, kind)) learnOrdinary(r, kind);
  }
}
/** The current facts reach a place in this form, among others. True: what is known there has changed. */
function merge(at: usize): bool {
  if (isReached(at)) return meetFacts(at, CURRENT_FACTS);
  storeFacts(at);
  coarsen(at);
  return true;
}
/** The current facts reach the start of a node along an edge. */
function arrive(from: u32, to: u32): bool {
  const n = node(to);
  const at = factsAt(to);
  if (isHeader(to)) {
    if (orderOf(to) <= orderOf(from)) return merge(at);
    merge(entryFactsAt(to));
    // Copies are not known to be such behind a merge.
    storeFacts(CURRENT_FACTS + 0x200);
    loadFacts(CURRENT_FACTS + 0x200);
    strengthen(to);
    const changed = merge(at);
    loadFacts(CURRENT_FACTS + 0x200);
    return changed;
  }
  if (load<u32>(n, NODE_FORWARD) > 1 || load<i32>(n, NODE_ENTRY) >= 0) return merge(at);
  // One way leads here: all is kept.
  if (isReached(at) && memory.compare(at, CURRENT_FACTS, FACTS_SIZE) == 0) return false;
  storeFacts(at);
  return true;
}
function solve(): void {
  for (let i: u32 = 1; i < ordered; i++) {
    store<u16>(factsAt(inOrder(i)), UNREACHED);
    store<u16>(entryFactsAt(inOrder(i)), UNREACHED);
  }
  for (let i: u32 = 0; i < targetCount; i++) {
    const index = target(i);
    clearFacts(factsAt(index));
    if (!isHeader(index)) continue;
    clearFacts(entryFactsAt(index));
    loadFacts(factsAt(index));
    strengthen(index);
    storeFacts(factsAt(index));
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (let i: u32 = 1; i < ordered; i++) {
      const from = inOrder(i);
      if (!isReached(factsAt(from))) continue;
      pass(from);
      for (let k: u32 = 0; k < 2; k++) {
        const to = successor(from, k);
        if (to > 0 && arrive(from, to)) changed = true;
      }
    }
  }
}

// ---- demands --------------------------------------------------------------------------------------

/** Marks the nodes of the loop of a header: those from which a back edge is reached without passing it. */
function markLoop(header: u32): void {
  memory.fill(LOOP_NODES, 0, nodeCount);
  store<u8>(LOOP_NODES + header, 1);
  const first = orderOf(header);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = <i32>ordered - 1; i > first; i--) {
      const index = inOrder(i);
      if (load<u8>(LOOP_NODES + index) != 0) continue;
      for (let k: u32 = 0; k < 2; k++) {
        const to = successor(index, k);
        if (to <= 0 || orderOf(to) < first || load<u8>(LOOP_NODES + to) == 0) continue;
        store<u8>(LOOP_NODES + index, 1);
        changed = true;
      }
    }
  }
}
@inline function isMarked(index: u32): bool { return load<u8>(LOOP_NODES + index) != 0; }

/** Notes an instruction; returns the registers that it writes, bit per number. */
function writtenBy(u: usize): u32 {
  const toNumber = numberOf(dst(u) & 15);
  const fromNumber = numberOf(src(u) & 15);
  note(u, opOf(u));
  let written: u32 = 0;
  if (numberOf(dst(u) & 15) != toNumber) written |= 1 << (dst(u) & 15);
  if (numberOf(src(u) & 15) != fromNumber) written |= 1 << (src(u) & 15);
  return written;
}
function writtenInLoop(): u32 {
  let written: u32 = 0;
  for (let i: u32 = 1; i < ordered; i++) {
    const index = inOrder(i);
    if (!isMarked(index)) continue;
    const n = node(index);
    loadFacts(factsAt(index));
    let u = <usize>load<u32>(n, NODE_UOP);
    for (let k = load<u32>(n, NODE_COUNT); k != 0; k--) {
      if (isVector(opOf(u))) written |= writtenBy(u);
      u += UOP;
    }
  }
  return written;
}

/** A check of the value with a number: if that is a register's since the start of the node, and the loop leaves it alone, it is demanded. */
function demand(header: u32, number: u32, written: u32, common: bool): bool {
  if (number == 0 || number > 16 || ((written >> (number - 1)) & 1) != 0) return false;
  const at = demandsAt(header) + (number - 1);
  const before = <u32>load<u8>(at);
  const kind = checkedKind;
  let now = kind | (common ? COMMON : 0);
  if (before != 0) {
    const other = before & ~COMMON;
    // Whole registers are more than low elements; what is used as both formats is left to the instructions.
    if ((other <= <u32>Kind.BOTH64) != (kind <= <u32>Kind.BOTH64)) return false;
    now = max(other, kind) | ((before | now) & COMMON);
  }
  if (now == before) return false;
  store<u8>(at, now);
  return true;
}
function findDemands(header: u32): bool {
  markLoop(header);
  const written = writtenInLoop();
  let any = false;
  for (let i: u32 = 1; i < ordered; i++) {
    const index = inOrder(i);
    if (!isMarked(index)) continue;
    const n = node(index);
    loadFacts(factsAt(index));
    let u = <usize>load<u32>(n, NODE_UOP);
    for (let k = load<u32>(n, NODE_COUNT); k != 0; k--) {
      const o = opOf(u);
      if (isVector(o)) {
        const x = numberOf(dst(u) & 15);
        const y = isMemory(u) ? 0 : numberOf(src(u) & 15);
        const plan = note(u, o);
        if ((plan & (Plan.COMMON_X | Plan.ORDINARY_X)) != 0 && demand(header, x, written, (plan & Plan.COMMON_X) != 0)) any = true;
        if ((plan & (Plan.COMMON_Y | Plan.ORDINARY_Y)) != 0 && demand(header, y, written, (plan & Plan.COMMON_Y) != 0)) any = true;
      }
      u += UOP;
    }
  }
  return any;
}

/** What is known at the start of every node. `demands`: loops may have registers checked in front of them. */
export function flowFacts(demands: bool): void {
  active = hasFloats();
  if (!active) return;
  memory.fill(DEMANDS, 0, nodeCount << 4);
  solve();
  if (!demands) return;
  let any = false;
  for (let i: u32 = 1; i < ordered; i++) if (isHeader(inOrder(i)) && findDemands(inOrder(i))) any = true;
  if (any) solve();
}

// ---- for the code that is written -----------------------------------------------------------------

/** Takes over what is known at the start of a node. */
export function enterNode(index: u32): void {
  if (!active) return;
  loadFacts(factsAt(index));
}
/** Code in front of a loop: the checks that it demands. */
export function checkDemands(header: u32): void {
  if (!active) return;
  const n = node(header);
  loadFacts(entryFactsAt(header));
  let first = true;
  for (let r: u32 = 0; r < 16; r++) {
    const demand = <u32>load<u8>(demandsAt(header) + r);
    if (demand == 0) continue;
    const kind = demand & ~COMMON;
    const common = (demand & COMMON) != 0;
    if (common ? isCommon(r, kind) : isKnown(r, kind)) continue;
    if (first) {
      setState(load<u32>(n, NODE_STATE));
      beginInstruction((load<u32>(n, NODE_PAGE) << 12) | load<u32>(n, NODE_OFFSET), 0);
      setCounts(true);
      first = false;
    }
    setWide(kind <= <u32>Kind.BOTH64);
    if (kind == <u32>Kind.LOW64 || kind == <u32>Kind.LOW32) {
      getLow(r);
      set(local(X));
      if (common) checkCommon(X);
      else checkOrdinary(X);
    } else {
      getXmm(r);
      set(V_A);
      if (common) checkAllCommon(V_A);
      else checkAllOrdinary(V_A);
    }
  }
  setCounts(false);
}
