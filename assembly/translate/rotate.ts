// Loops whose flags are static. At a header the flags of the way in and those of the way round differ, which makes
// them dynamic: four values kept alive all round for exits that hardly ever happen. So the instructions up to the first
// that sets the flags anew are written twice, once for the shortest way round and once for all other ways, and the
// loop's header is what follows: there they agree.
//
//   before:  in -> H <- back          after:  in -> H' -> Q      H' and H'' are H up to the flags, Q is the rest
//                                             back -> H'' -> Q

import { Op } from "../decode/op";
import { Ea, UOP, UOP_PLAIN, uopEa, uopOffset } from "../decode/uop";
import { FLAGS_DYNAMIC } from "../region/record";
import { inOrder, ordered, orderOf } from "./graph";
import { UNKNOWN } from "./lower/flags";
import { effectOf } from "./lower/table";
import { stateBehind } from "./structure";
import {
  copyNode,
  flagsOf,
  node,
  NODE_COUNT,
  NODE_ENTRY,
  NODE_FLAGS,
  NODE_NEXT,
  NODE_NEXT_OFFSET,
  NODE_NEXT_PAGE,
  NODE_OFFSET,
  NODE_ORDER,
  NODE_PAGE,
  NODE_STATE,
  NODE_TAKEN,
  NODE_TERM,
  NODE_UOP,
  nodeCount,
  NodeFlag,
  pageEntry,
  Term,
} from "./work";

/** Most instructions that are written twice. */
const PREFIX_MAX: u32 = 12;

/** Instructions of a node up to and with the first that sets all flags, if one of them may leave the region; 0: none. */
function prefixOf(n: usize): u32 {
  let u = <usize>load<u32>(n, NODE_UOP);
  const count = min<u32>(load<u32>(n, NODE_COUNT), PREFIX_MAX);
  let leaves = false;
  for (let i: u32 = 0; i < count; i++) {
    const o = <u32>load<u16>(u, UOP_PLAIN);
    if (uopEa(u) != Ea.REGISTER && o != <u32>Op.NOP && !(o >= <u32>Op.LEA16 && o <= <u32>Op.LEA64)) leaves = true;
    const effect = effectOf(u);
    // The way behind the instruction must not be empty: it becomes the header.
    if (effect != UNKNOWN && effect != FLAGS_DYNAMIC) return leaves && i + 1 < load<u32>(n, NODE_COUNT) ? i + 1 : 0;
    u += UOP;
  }
  return 0;
}

/** Edge k of node `from` leads back to the header. */
function leadsBack(from: u32, k: u32, header: u32, position: i32): bool {
  const n = node(from);
  if (orderOf(from) < position) return false;
  const term = load<u32>(n, NODE_TERM);
  if (k == 0) {
    const branches = term == Term.JUMP || term == Term.BRANCH || term == Term.CALL;
    return branches && load<i32>(n, NODE_TAKEN) == <i32>header && (flagsOf(n) & NodeFlag.TAKEN_VIA) == 0;
  }
  const falls = term == Term.FALL || term == Term.BRANCH;
  return falls && load<i32>(n, NODE_NEXT) == <i32>header && (flagsOf(n) & NodeFlag.NEXT_VIA) == 0;
}

/** State that the shortest way round arrives with, UNKNOWN if it is not static. */
function stateRound(header: u32): u32 {
  const position = orderOf(header);
  for (let i = <u32>position; i < ordered; i++) {
    const from = inOrder(i);
    for (let k: u32 = 0; k < 2; k++) {
      if (!leadsBack(from, k, header, position)) continue;
      const s = stateBehind(node(from));
      return s == FLAGS_DYNAMIC ? UNKNOWN : s;
    }
  }
  return UNKNOWN;
}

/** Ways round that arrive with `state` get a copy of the header's first instructions of their own. */
function split(header: u32, count: u32, state: u32): void {
  const rest = copyNode(header);
  if (rest < 0) return;
  const second = copyNode(header);
  if (second < 0) return;
  const h = node(header);
  const q = node(rest);
  const u = <usize>load<u32>(h, NODE_UOP) + <usize>count * UOP;
  store<u32>(q, <u32>u, NODE_UOP);
  store<u32>(q, uopOffset(u), NODE_OFFSET);
  store<u32>(q, load<u32>(h, NODE_COUNT) - count, NODE_COUNT);
  store<i32>(q, -1, NODE_ENTRY);
  store<u32>(q, flagsOf(h) & (NodeFlag.TAKEN_VIA | NodeFlag.NEXT_VIA), NODE_FLAGS);
  store<i32>(q, orderOf(header), NODE_ORDER);
  for (let i: u32 = 0; i < 2; i++) {
    const n = i == 0 ? h : node(second);
    store<u32>(n, count, NODE_COUNT);
    store<u32>(n, Term.FALL, NODE_TERM);
    store<i32>(n, -1, NODE_TAKEN);
    store<i32>(n, rest, NODE_NEXT);
    store<i32>(n, load<i32>(pageEntry(load<u32>(h, NODE_PAGE))), NODE_NEXT_PAGE);
    store<u32>(n, uopOffset(u), NODE_NEXT_OFFSET);
  }
  store<u32>(h, flagsOf(h) & ~<u32>(NodeFlag.TAKEN_VIA | NodeFlag.NEXT_VIA), NODE_FLAGS);
  store<i32>(node(second), -1, NODE_ENTRY);
  store<u32>(node(second), NodeFlag.COPY, NODE_FLAGS);
  const position = orderOf(header);
  for (let from: u32 = 1; from < nodeCount; from++) {
    if (from == header || from == <u32>second || orderOf(from) < 0 || stateBehind(node(from)) != state) continue;
    if (leadsBack(from, 0, header, position)) store<i32>(node(from), second, NODE_TAKEN);
    if (leadsBack(from, 1, header, position)) store<i32>(node(from), second, NODE_NEXT);
  }
}

/** Splits what there is to gain from. True: the graph has changed. */
export function rotate(): bool {
  const before = nodeCount;
  const last = ordered;
  for (let i: u32 = 1; i < last; i++) {
    const header = inOrder(i);
    const n = node(header);
    if ((flagsOf(n) & NodeFlag.HEADER) == 0 || load<u32>(n, NODE_STATE) != FLAGS_DYNAMIC) continue;
    const count = prefixOf(n);
    const state = stateRound(header);
    if (count != 0 && state != UNKNOWN) split(header, count, state);
  }
  return nodeCount != before;
}
