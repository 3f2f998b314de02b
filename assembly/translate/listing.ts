// What the last translate() has put into its region, for people who look at it: the stretches of guest code, in the
// order in which they were found. The list lies where the function's body was.
//
//   stretch, 8 bytes: 0 place u32 (page index << 12 | offset) | 4 bytes u32

import { VALUE } from "../layout";
import { UOP, uopLength, uopOffset } from "../decode/uop";
import { BODY, node, NODE_COUNT, NODE_OFFSET, NODE_ORDER, NODE_PAGE, NODE_UOP, nodeCount } from "./work";

/** Writes the list. Returns how many stretches it has; its address goes to VALUE[0]. */
export function listing(): u32 {
  let at = BODY;
  for (let i: u32 = 1; i < nodeCount; i++) {
    const n = node(i);
    const count = load<u32>(n, NODE_COUNT);
    if (count == 0 || load<i32>(n, NODE_ORDER) < 0) continue;
    const last = <usize>load<u32>(n, NODE_UOP) + <usize>(count - 1) * UOP;
    const first = load<u32>(n, NODE_OFFSET);
    store<u32>(at, (load<u32>(n, NODE_PAGE) << 12) | first);
    store<u32>(at, uopOffset(last) + uopLength(last) - first, 4);
    at += 8;
  }
  store<u64>(VALUE, BODY);
  return <u32>(at - BODY) >> 3;
}
