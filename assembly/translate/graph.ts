// The graph of a region: reverse postorder, dominators (Cooper, Harvey, Kennedy: a simple, fast dominance algorithm),
// loop headers. Node 0 is the dispatch node; its successors are the dispatch targets. A retreating edge whose target
// does not dominate its source would enter a loop beside the header: it is led through the dispatch node instead,
// which makes every graph reducible.

import {
  addFlags,
  addTarget,
  flagsOf,
  giveUp,
  node,
  NODE_DOMINATOR,
  NODE_ENTRY,
  NODE_FLAGS,
  NODE_FORWARD,
  NODE_NEXT,
  NODE_ORDER,
  NODE_TAKEN,
  NODE_TERM,
  nodeCount,
  NodeFlag,
  ORDER,
  STACK,
  target,
  targetCount,
  Term,
} from "./work";

/** Reachable nodes, node 0 included. */
export let ordered: u32 = 0;
/** The dispatch node is a loop: something inside the region goes back to it. */
export let dispatchLoops: bool = false;

@inline export function orderOf(index: u32): i32 { return load<i32>(node(index), NODE_ORDER); }
@inline export function inOrder(position: u32): u32 { return load<u32>(ORDER + (<usize>position << 2)); }

/**
 * Successor k of a node along an edge of the region's graph: the dispatch node for edges led through it; -1: none.
 * Returns and indirect jumps lead to the dispatch node too, which tells nothing about the graph: it dominates all.
 */
export function successor(index: u32, k: u32): i32 {
  const n = node(index);
  if (index == 0) return k < targetCount ? <i32>target(k) : -1;
  const flags = flagsOf(n);
  const term = load<u32>(n, NODE_TERM);
  if (k == 0) {
    if (term == Term.JUMP || term == Term.BRANCH || term == Term.CALL || term == Term.GUARD) {
      const taken = load<i32>(n, NODE_TAKEN);
      return taken >= 0 && (flags & NodeFlag.TAKEN_VIA) != 0 ? 0 : taken;
    }
    return -1;
  }
  if (k == 1) {
    if (term == Term.FALL || term == Term.BRANCH || term == Term.GUARD) {
      const next = load<i32>(n, NODE_NEXT);
      return next >= 0 && (flags & NodeFlag.NEXT_VIA) != 0 ? 0 : next;
    }
    return -1;
  }
  return -1;
}
@inline function successors(index: u32): u32 { return index == 0 ? targetCount : 2; }

/** Depth-first search from the dispatch node: reverse postorder into ORDER and NODE_ORDER. */
function search(): void {
  for (let i: u32 = 0; i < nodeCount; i++) store<i32>(node(i), -1, NODE_ORDER);
  // Postorder is written from the end of ORDER downwards; visited nodes hold -2 until they are numbered.
  let depth: u32 = 0;
  let place = nodeCount;
  store<u32>(STACK, 0);
  store<u32>(STACK, 0, 4);
  store<i32>(node(0), -2, NODE_ORDER);
  depth = 1;
  while (depth != 0) {
    const frame = STACK + (<usize>(depth - 1) << 3);
    const index = load<u32>(frame);
    const k = load<u32>(frame, 4);
    if (k < successors(index)) {
      store<u32>(frame, k + 1, 4);
      const to = successor(index, k);
      if (to >= 0 && load<i32>(node(to), NODE_ORDER) == -1) {
        store<i32>(node(to), -2, NODE_ORDER);
        store<u32>(frame + 8, to);
        store<u32>(frame + 8, 0, 4);
        depth++;
      }
    } else {
      place--;
      store<u32>(ORDER + (<usize>place << 2), index);
      depth--;
    }
  }
  ordered = nodeCount - place;
  for (let i: u32 = 0; i < ordered; i++) {
    const index = load<u32>(ORDER + (<usize>(place + i) << 2));
    store<u32>(ORDER + (<usize>i << 2), index);
    store<i32>(node(index), i, NODE_ORDER);
  }
}

function intersect(a: i32, b: i32): i32 {
  while (a != b) {
    while (orderOf(a) > orderOf(b)) a = load<i32>(node(a), NODE_DOMINATOR);
    while (orderOf(b) > orderOf(a)) b = load<i32>(node(b), NODE_DOMINATOR);
  }
  return a;
}

function dominators(): void {
  for (let i: u32 = 0; i < ordered; i++) store<i32>(node(inOrder(i)), -1, NODE_DOMINATOR);
  store<i32>(node(0), 0, NODE_DOMINATOR);
  for (let changed = true; changed; ) {
    changed = false;
    // Edges are kept at their sources: each node hands its own number on to its successors.
    for (let i: u32 = 0; i < ordered; i++) {
      const from = inOrder(i);
      if (load<i32>(node(from), NODE_DOMINATOR) < 0) continue;
      for (let k: u32 = 0; k < successors(from); k++) {
        const to = successor(from, k);
        if (to <= 0) continue;
        const before = load<i32>(node(to), NODE_DOMINATOR);
        const now = before < 0 ? <i32>from : intersect(before, from);
        if (now != before) {
          store<i32>(node(to), now, NODE_DOMINATOR);
          changed = true;
        }
      }
    }
  }
}
function dominates(a: i32, b: i32): bool {
  while (orderOf(b) > orderOf(a)) b = load<i32>(node(b), NODE_DOMINATOR);
  return a == b;
}

/** Leads one offending edge after the other through the dispatch node. True: there was one. */
function redirect(): bool {
  let any = false;
  for (let i: u32 = 1; i < ordered; i++) {
    const from = inOrder(i);
    for (let k: u32 = 0; k < 2; k++) {
      const to = successor(from, k);
      if (to <= 0 || orderOf(to) > <i32>i || dominates(to, from)) continue;
      if (!addTarget(to)) {
        giveUp();
        return false;
      }
      addFlags(node(from), k == 0 ? NodeFlag.TAKEN_VIA : NodeFlag.NEXT_VIA);
      any = true;
    }
  }
  return any;
}

/** Orders the graph, makes it reducible, finds headers and merges. */
export function analyse(): void {
  do {
    search();
    dominators();
  } while (redirect());
  dispatchLoops = false;
  for (let i: u32 = 0; i < ordered; i++) {
    const n = node(inOrder(i));
    store<u32>(n, 0, NODE_FORWARD);
    store<u32>(n, flagsOf(n) & ~(<u32>NodeFlag.HEADER), NODE_FLAGS);
  }
  for (let i: u32 = 0; i < ordered; i++) {
    const from = inOrder(i);
    for (let k: u32 = 0; k < successors(from); k++) {
      const to = successor(from, k);
      if (to < 0) continue;
      if (to == 0) dispatchLoops = true;
      else if (orderOf(to) <= <i32>i) addFlags(node(to), NodeFlag.HEADER);
      else store<u32>(node(to), load<u32>(node(to), NODE_FORWARD) + 1, NODE_FORWARD);
    }
  }
}

/** The dispatch node has to choose: more than one target, or a way back to it. */
@inline export function dispatches(): bool { return targetCount > 1 || dispatchLoops; }
/** The node needs a label: several edges lead to it, or the dispatch node's table does. */
export function isMerge(index: u32): bool {
  const n = node(index);
  return load<u32>(n, NODE_FORWARD) > 1 || (dispatches() && load<i32>(n, NODE_ENTRY) >= 0);
}
