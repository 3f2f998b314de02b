// Tier 0's way into translated regions and back: a mark stands at the head of a block, the dispatcher runs regions as
// long as one leads to the next, and where it comes out the interpreter goes on.

import { jumpEntry } from "../decode/jump";
import { dispatch, GO_ON_BELOW, LEAVE } from "../region/dispatch";
import { unmarked } from "../region/marks";
import { rip } from "../vcpu/state";
import { enter } from "./enter";

/** Goes on at a mark whose block is not paid. Returns the micro-op to go on at, not paid; 0: leave, RIP is exact. */
export function runRegions(mark: usize): usize {
  const way = dispatch(mark);
  if (way == LEAVE) return 0;
  if (way > GO_ON_BELOW) return way;
  // The jump cache does not know RIP.
  const target = rip();
  const next = enter(target, jumpEntry(target));
  return way == GO_ON_BELOW && next != 0 ? unmarked(next) : next;
}
