// The state of the x87 stack (stack.ts) at the starts of a region's nodes. What an instruction does to it is found by
// writing the instruction's code and throwing it away.

import { Op } from "../../../decode/op";
import { UOP, UOP_PLAIN } from "../../../decode/uop";
import { FLAGS_DYNAMIC } from "../../../region/record";
import { setDry } from "../../control";
import { inOrder, ordered, successor } from "../../graph";
import { cursor, moveCursor } from "../../wasm";
import { BODY, flagsOf, node, NODE_COUNT, NODE_ENTRY, NODE_FORWARD, NODE_STACK, NODE_TERM, NODE_UOP, NodeFlag, target, targetCount, Term } from "../../work";
import { setState } from "../flags";
import { lowerX87 } from "./instruction";
import { setStackState, stackState, turnTo, withDepth } from "./stack";

/** Not reached yet: no state has the bit. */
const UNREACHED: u32 = 8;

@inline function isX87(u: usize): bool { return load<u16>(u, UOP_PLAIN) == Op.X87; }
@inline function stackOf(index: u32): u32 { return load<u32>(node(index), NODE_STACK); }
/** Instructions of a node that are translated: the last one may be executed out of line. */
function lowered(n: usize): u32 {
  const count = load<u32>(n, NODE_COUNT);
  return load<u32>(n, NODE_TERM) == Term.STEP ? count - 1 : count;
}
function hasX87(): bool {
  for (let i: u32 = 1; i < ordered; i++) {
    const n = node(inOrder(i));
    let u = <usize>load<u32>(n, NODE_UOP);
    for (let k = lowered(n); k != 0; k--) {
      if (isX87(u)) return true;
      u += UOP;
    }
  }
  return false;
}

/** The state at the end of a node. */
function pass(index: u32): u32 {
  const n = node(index);
  setStackState(stackOf(index));
  let u = <usize>load<u32>(n, NODE_UOP);
  for (let k = lowered(n); k != 0; k--) {
    if (isX87(u)) {
      moveCursor(BODY);
      lowerX87(u);
    }
    u += UOP;
  }
  return stackState();
}
/** A state reaches a node. True: what is known there has changed. */
function arrive(to: u32, state: u32): bool {
  const n = node(to);
  const before = stackOf(to);
  let now = state;
  const merges = load<u32>(n, NODE_FORWARD) > 1 || load<i32>(n, NODE_ENTRY) >= 0 || (flagsOf(n) & NodeFlag.HEADER) != 0;
  if (merges && before != UNREACHED) {
    // The first to come says how deep the stack is.
    state = withDepth(state, before & 7);
    now = (before & 7) | (before & state & ~(<u32>7));
  }
  store<u32>(n, now, NODE_STACK);
  return now != before;
}

export function flowStack(): void {
  const found = hasX87();
  for (let i: u32 = 1; i < ordered; i++) store<u32>(node(inOrder(i)), found ? UNREACHED : 0, NODE_STACK);
  for (let i: u32 = 0; i < targetCount; i++) store<u32>(node(target(i)), 0, NODE_STACK);
  if (!found) return;
  const place = cursor;
  setDry(true);
  setState(FLAGS_DYNAMIC);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i: u32 = 1; i < ordered; i++) {
      const from = inOrder(i);
      if (stackOf(from) == UNREACHED) continue;
      const state = pass(from);
      for (let k: u32 = 0; k < 2; k++) {
        const to = successor(from, k);
        if (to > 0 && arrive(to, state)) changed = true;
      }
    }
  }
  setDry(false);
  moveCursor(place);
  setStackState(0);
}

// ---- for the code that is written -----------------------------------------------------------------

export function enterStack(index: u32): void { setStackState(stackOf(index)); }
/** The stack becomes as a node expects it. */
export function conformStack(to: u32): void { turnTo(stackOf(to) & 7); }
/** The same where any entry may follow. */
export function conformToEntries(): void { turnTo(0); }
