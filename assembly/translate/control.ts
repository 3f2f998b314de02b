// Leaving a region, and the labels of its open blocks. An exit is an index into the region's side table; the code
// sets L_EXIT to it and branches to the one common exit (lower/locals), so that nothing is stored on the way.

import { EXIT_BACK, EXIT_LAZY, EXIT_PLACE, EXIT_RESUME, EXIT_TYPE, EXIT_UOP, ExitType, NO_ENTRY, SPLIT, UNCOMMON } from "../region/record";
import { L_EXIT } from "./lower/locals";
import { isDynamic, state } from "./lower/flags";
import { FLAGS_DYNAMIC } from "../region/record";
import { EXIT_TAKEN } from "../region/record";
import { i32c, op, set, unsigned, Wasm } from "./wasm";
import { exitEntry, giveUp, newExit, OPEN } from "./work";

/** What a label of OPEN stands for besides a node. */
export const LABEL_EXIT: u32 = 0xffff_ffff;
export const LABEL_IF: u32 = 0xffff_fffe;
export const LABEL_OUT: u32 = 0xffff_fffd;
let depth: u32 = 0;

export function resetLabels(): void {
  depth = 0;
  open(LABEL_EXIT);
}
export function open(label: u32): void {
  store<u32>(OPEN + (<usize>depth << 2), label);
  depth++;
  if (depth >= 1000) giveUp();
}
export function close(): void {
  op(Wasm.END);
  depth--;
}
/** Relative depth of the innermost open block with a label. */
function depthOf(label: u32): u32 {
  for (let i: u32 = 0; i < depth; i++) if (load<u32>(OPEN + (<usize>(depth - 1 - i) << 2)) == label) return i;
  giveUp();
  return 0;
}
export function branchTo(label: u32): void {
  op(Wasm.BR);
  unsigned(depthOf(label));
}
export function labelDepth(label: u32): void { unsigned(depthOf(label)); }

// ---- the instruction that is being translated -----------------------------------------------------

/** Its place, and the instructions of its node from it on, this one included. */
let place: u32 = 0;
let back: u32 = 0;
let miss: i32 = -1;
let uncommon: i32 = -1;
let split: i32 = -1;
/** All misses are of the kind that the dispatcher counts. */
let counts: bool = false;
export function setCounts(value: bool): void { counts = value; }
/** Instructions of the node behind this one, which are paid with it. */
export function paidBehind(): u32 { return back - 1; }
export function beginInstruction(at: u32, left: u32): void {
  place = at;
  back = left;
  miss = -1;
  uncommon = -1;
  split = -1;
}

/** Writes an exit with the flags as they are here. */
export function makeExit(type: u32, at: u32, unused: u32): u32 {
  const index = newExit();
  const e = exitEntry(index);
  store<u32>(e, at, EXIT_PLACE);
  store<u16>(e, unused, EXIT_BACK);
  store<u8>(e, type, EXIT_TYPE);
  store<u8>(e, isDynamic() ? FLAGS_DYNAMIC : state, EXIT_LAZY);
  store<u32>(e, 0, EXIT_UOP);
  store<u16>(e, NO_ENTRY, EXIT_RESUME);
  store<u16>(e, 0, EXIT_TAKEN);
  return index;
}
/** Leaves by an exit. */
export function leave(exit: u32): void {
  i32c(exit);
  set(L_EXIT);
  branchTo(LABEL_EXIT);
}
/** Leaves by an exit if the i32 on the stack is not 0. */
export function leaveIf(exit: u32): void {
  i32c(exit);
  set(L_EXIT);
  op(Wasm.BR_IF);
  labelDepth(LABEL_EXIT);
}
/** Exit that gives the current instruction to tier 0. Nothing of it may have been committed, flags included. */
function missExit(): u32 {
  if (miss < 0) miss = <i32>makeExit(ExitType.MISS, place, back);
  return miss;
}
export function missIf(): void {
  if (dry) return;
  if (escapes) {
    op(Wasm.BR_IF);
    labelDepth(LABEL_OUT);
    return;
  }
  if (counts) missUncommonIf();
  else leaveIf(missExit());
}
/** What does not hit goes on behind the innermost LABEL_OUT. */
let escapes: bool = false;
export function setEscape(value: bool): void { escapes = value; }
/** Code is written only to see what it does to the translator's own state: it makes no exits. */
let dry: bool = false;
export function setDry(value: bool): void { dry = value; }
export function isDry(): bool { return dry; }
/** The same where several accesses do not lie in one page: the dispatcher counts these. */
export function missSplitIf(): void {
  if (dry) return;
  if (split < 0) {
    split = <i32>makeExit(ExitType.MISS, place, back);
    store<u16>(exitEntry(split), SPLIT, EXIT_RESUME);
  }
  leaveIf(split);
}
/** The same where a number is met that the code was not made for: the dispatcher counts these. */
export function missUncommonIf(): void {
  if (uncommon < 0) {
    uncommon = <i32>makeExit(ExitType.MISS, place, back);
    store<u16>(exitEntry(uncommon), UNCOMMON, EXIT_RESUME);
  }
  leaveIf(uncommon);
}
