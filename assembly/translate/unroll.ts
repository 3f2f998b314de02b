// Loops over memory. A short loop whose operands stand still or advance by constants is written several times in a row,
// behind one look at all the memory that these rounds are going to use: in them there is nothing to look up, and fuel
// and V8's own check of the stack are paid once. Where that memory does not lie as it should (a page ends, a miss)
// a single round is made as everywhere else.
//
//   before:  in -> B <- back     after:  in -> B -> G     G -> B1 -> B2 -> B3 -> B4 -> G     what is in memory is there
//                                                         G -> B' -> G                       otherwise
//
// B is a chain of nodes. The guard G has no instructions; its flags are those that B leaves, so that they are static.

import { HOT_THRESHOLD } from "../layout";
import { Op } from "../decode/op";
import { Ea, UOP, UOP_PLAIN, uopEa, uopLength, uopOffset } from "../decode/uop";
import { setEscape } from "./control";
import { timesEntered } from "./form";
import { inOrder, ordered, orderOf, successor } from "./graph";
import {
  accessAligned,
  accessBytes,
  accessWrites,
  baseOf,
  effectOn,
  indexOf,
  KEEPS,
  keyOf,
  lookAt,
  MOVES,
  NONE,
  operandDisplacement,
  scaleOf,
  stepAhead,
} from "./lower/access";
import { checkSpan } from "./lower/memory";
import {
  copyNode,
  flagsOf,
  MOVED,
  node,
  NODE_COUNT,
  NODE_DOMINATOR,
  NODE_ENTRY,
  NODE_FLAGS,
  NODE_FORWARD,
  NODE_NEXT,
  NODE_OFFSET,
  NODE_ON,
  NODE_PAGE,
  NODE_TAKEN,
  NODE_TERM,
  NODE_UOP,
  nodeCount,
  NodeFlag,
  NODES_MAX,
  pageEntry,
  STREAMS,
  Term,
} from "./work";

/** Most nodes of a chain; the weight of all rounds together. */
const CHAIN_MAX: u32 = 4;
const WEIGHT_MAX: u32 = 48;
const ROUNDS_MAX: u32 = 4;
const X87_WEIGHT: u32 = 8;
const FLOAT_WEIGHT: u32 = 3;
/** Least threshold at which the numbers of entries tell something. */
const COUNTING: u32 = 64;

// ---- streams --------------------------------------------------------------------------------------

/** Longest span of a stream: the share of rounds that two pages share is span / 4096. */
const SPAN_MAX: i64 = 256;
/** Spans that are collected; those that become groups. */
const COLLECTED_MAX: u32 = 16;
const STREAMS_MAX: u32 = 5;

// Stream, 16 bytes: key u32 | low i32 | span u32 | write u8, first round u8, last round u8 |
// aligned u8: 1 + the displacement, modulo 16, at which 16 bytes have to be aligned; 0: nowhere.
const STREAM_SIZE: u32 = 16;
const KEY: usize = 0;
const LOW: usize = 4;
const SPAN: usize = 8;
const WRITE: usize = 12;
const FIRST: usize = 13;
const LAST: usize = 14;
const ALIGNED: usize = 15;
@inline function stream(n: u32): usize { return STREAMS + <usize>(n * STREAM_SIZE); }
let streams: u32 = 0;

/** An access of a round at a displacement from the registers as they are in front of all rounds. */
function include(key: u32, at: i64, round: u32): void {
  for (let n: u32 = 0; n < streams; n++) {
    const s = stream(n);
    if (load<u32>(s, KEY) != key) continue;
    const before = <i64>load<i32>(s, LOW);
    const low = min(before, at);
    const high = max(before + <i64>load<u32>(s, SPAN), at + <i64>accessBytes);
    if (high - low > SPAN_MAX) continue;
    store<i32>(s, <i32>low, LOW);
    store<u32>(s, <u32>(high - low), SPAN);
    if (accessWrites) store<u8>(s, 1, WRITE);
    store<u8>(s, round, LAST);
    if (accessAligned) store<u8>(s, 1 + (<u32>at & 15), ALIGNED);
    return;
  }
  if (streams == COLLECTED_MAX || at != <i64><i32>at || at < <i64>i32.MIN_VALUE + SPAN_MAX) return;
  const s = stream(streams++);
  store<u32>(s, key, KEY);
  store<i32>(s, <i32>at, LOW);
  store<u32>(s, accessBytes, SPAN);
  store<u8>(s, u32(accessWrites), WRITE);
  store<u8>(s, round, FIRST);
  store<u8>(s, round, LAST);
  store<u8>(s, accessAligned ? 1 + (<u32>at & 15) : 0, ALIGNED);
}
@inline function movedOf(register: u32): usize { return MOVED + (<usize>register << 3); }
@inline function isKnown(known: u32, register: u32): bool { return register == NONE || ((known >> register) & 1) != 0; }
@inline function distance(register: u32): i64 { return register == NONE ? 0 : load<i64>(movedOf(register)); }

/** Finds the spans that several of so many rounds from node `first` to `last` access. */
function gather(first: u32, last: u32, rounds: u32): void {
  streams = 0;
  let known: u32 = 0xffff;
  memory.fill(MOVED, 0, 16 * 8);
  let index = first;
  for (let round: u32 = 0; round < rounds; ) {
    const n = node(index);
    const page = <i64>load<i32>(pageEntry(load<u32>(n, NODE_PAGE))) << 12;
    let u = <usize>load<u32>(n, NODE_UOP);
    for (let i = load<u32>(n, NODE_COUNT); i != 0; i--) {
      const key = uopEa(u) == Ea.REGISTER ? 0 : keyOf(u);
      if (key != 0 && isKnown(known, baseOf(key)) && isKnown(known, indexOf(key))) {
        const at = operandDisplacement(u, page + <i64>(uopOffset(u) + uopLength(u)));
        lookAt(u);
        if (accessBytes != 0) include(key, at + distance(baseOf(key)) + (distance(indexOf(key)) << <i64>scaleOf(key)), round);
      }
      for (let r: u32 = 0; r < 16; r++) {
        const effect = effectOn(u, r);
        if (effect == MOVES) store<i64>(movedOf(r), load<i64>(movedOf(r)) + stepAhead);
        else if (effect != KEEPS) known &= ~(1 << r);
      }
      u += UOP;
    }
    index = load<u32>(onward(n));
    if (index == last) {
      index = first;
      round++;
    }
  }
  // What one round alone accesses is looked up there.
  let kept: u32 = 0;
  for (let n: u32 = 0; n < streams && kept < STREAMS_MAX; n++) {
    const s = stream(n);
    if (load<u8>(s, FIRST) != load<u8>(s, LAST)) memory.copy(stream(kept++), s, STREAM_SIZE);
  }
  streams = kept;
}
/** Where a node of a chain has the next one. */
@inline function onward(n: usize): usize { return n + (load<u32>(n, NODE_ON) == 1 ? NODE_TAKEN : NODE_NEXT); }

// ---- loops ----------------------------------------------------------------------------------------

/** Marks a node of a chain with its edge to `to`. False: no chain goes on there. */
function mark(index: u32, to: u32): bool {
  const n = node(index);
  const term = load<u32>(n, NODE_TERM);
  if (term != <u32>Term.FALL && term != <u32>Term.JUMP && term != <u32>Term.BRANCH) return false;
  for (let k: u32 = 0; k < 2; k++) {
    if (successor(index, k) != <i32>to) continue;
    store<u32>(n, k + 1, NODE_ON);
    return true;
  }
  return false;
}
/** Instructions of a node, where those of floating point count as much as their code is longer. */
function weight(n: usize): u32 {
  let sum: u32 = 0;
  let u = <usize>load<u32>(n, NODE_UOP);
  for (let i = load<u32>(n, NODE_COUNT); i != 0; i--) {
    const o = <u32>load<u16>(u, UOP_PLAIN);
    sum += o == <u32>Op.X87 ? X87_WEIGHT : o >= <u32>Op.ADDPS && o <= <u32>Op.CVTSD2SS ? FLOAT_WEIGHT : 1;
    u += UOP;
  }
  return sum;
}
/** Nodes of a chain, and the last of them. */
let chain: u32 = 0;
let last: u32 = 0;
/** Marks the chain from a header to the node `last`, which leads back. Returns its weight, 0 if there is none. */
function measure(header: u32): u32 {
  let sum: u32 = 0;
  let to = header;
  let index = last;
  for (chain = 1; chain <= CHAIN_MAX; chain++) {
    const n = node(index);
    sum += weight(n);
    if (!mark(index, to)) return 0;
    if (index == header) return sum;
    // Only one way leads to the others.
    if (load<u32>(n, NODE_FORWARD) != 1 || load<i32>(n, NODE_ENTRY) >= 0) return 0;
    if ((flagsOf(n) & NodeFlag.HEADER) != 0) return 0;
    to = index;
    index = load<u32>(n, NODE_DOMINATOR);
    if (index == 0) return 0;
  }
  return 0;
}
/** Writes the chain once more. Returns its first node; the last one leads to `to`. */
function repeat(header: u32, to: u32): u32 {
  const first = nodeCount;
  for (let index = header, k: u32 = 0; k < chain; k++) {
    const n = node(copyNode(index));
    index = load<u32>(onward(n));
    store<u32>(onward(n), k + 1 == chain ? to : nodeCount);
    store<i32>(n, -1, NODE_ENTRY);
    store<u32>(n, (flagsOf(n) & (NodeFlag.TAKEN_VIA | NodeFlag.NEXT_VIA)) | NodeFlag.COPY, NODE_FLAGS);
  }
  return first;
}
function unrollLoop(header: u32, rounds: u32): void {
  if (nodeCount + chain * (rounds + 1) + 1 > NODES_MAX) return;
  const guard = <u32>copyNode(header);
  const g = node(guard);
  store<u32>(g, 0, NODE_COUNT);
  store<u32>(g, Term.GUARD, NODE_TERM);
  store<u32>(g, NodeFlag.COPY, NODE_FLAGS);
  store<i32>(g, -1, NODE_ENTRY);
  store<u32>(g, rounds, NODE_ON);
  store<u32>(g, repeat(header, guard), NODE_NEXT);
  let to = guard;
  for (let i: u32 = 0; i < rounds; i++) to = repeat(header, to);
  store<u32>(g, to, NODE_TAKEN);
  const l = node(last);
  store<u32>(onward(l), guard);
}
/** Weight of the loop of one chain that a header has, 0 if it has none. Ways of outer loops may lead to it as well. */
function findChain(header: u32): u32 {
  for (let i = <u32>orderOf(header); i < ordered; i++) {
    last = inOrder(i);
    if (successor(last, 0) != <i32>header && successor(last, 1) != <i32>header) continue;
    const length = measure(header);
    if (length != 0) return length;
  }
  return 0;
}
@inline function timesOf(index: u32): i32 { return timesEntered(load<u32>(node(index), NODE_PAGE), load<u32>(node(index), NODE_OFFSET)); }
/** Branches have mostly gone the way of the chain, as far as they tell: only those that are taken do. */
function isUsual(header: u32): bool {
  if (load<u32>(HOT_THRESHOLD) < COUNTING) return true;
  const turns = timesOf(header);
  if (turns <= 0) return true;
  const back = load<u32>(node(last), NODE_ON) == 1;
  for (let index = header, k: u32 = 0; k < chain; k++) {
    const n = node(index);
    const taken = successor(index, 0);
    index = load<u32>(onward(n));
    if (taken <= 0 || taken == <i32>header) continue;
    const times = timesOf(taken);
    if (times < 0) continue;
    if (load<u32>(n, NODE_ON) == 2) {
      // A way out.
      if (times > turns >> 2) return false;
    } else if (back ? times < turns >> 1 : times >> 1 < turns) return false;
  }
  return true;
}
/** Unrolls what there is to gain from. True: the graph has changed. */
export function unroll(): bool {
  const before = nodeCount;
  const end = ordered;
  for (let i: u32 = 1; i < end; i++) {
    const header = inOrder(i);
    if ((flagsOf(node(header)) & NodeFlag.HEADER) == 0) continue;
    const length = findChain(header);
    if (length == 0) continue;
    const rounds = min(ROUNDS_MAX, WEIGHT_MAX / length);
    if (rounds < 2 || !isUsual(header)) continue;
    gather(header, header, rounds);
    if (streams != 0) unrollLoop(header, rounds);
  }
  return nodeCount != before;
}

/** Code of a guard: looks at the memory of its rounds, and leaves for LABEL_OUT if it is not as it should be. */
export function checkStreams(guard: u32): void {
  const g = node(guard);
  gather(load<u32>(g, NODE_NEXT), guard, load<u32>(g, NODE_ON));
  setEscape(true);
  for (let i: u32 = 0; i < streams; i++) {
    const s = stream(i);
    const low = load<i32>(s, LOW);
    const aligned = <u32>load<u8>(s, ALIGNED);
    checkSpan(load<u32>(s, KEY), low, load<u32>(s, SPAN), load<u8>(s, WRITE) != 0, aligned != 0, (aligned - 1 - low) & 15);
  }
  setEscape(false);
}
