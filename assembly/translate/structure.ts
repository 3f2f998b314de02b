// From graph to structured code, by the dominator tree (Ramsey, Beyond Relooper): a node with several ways to it gets a
// block that ends where its code begins, a loop header a loop; every other node stands where its one predecessor
// ends. The dispatch node is the root: a br_table on L_ENTRY over its targets.

import { RIP, SEG_LIMIT } from "../layout";
import { Op } from "../decode/op";
import {
  UOP,
  UOP_DST,
  UOP_PLAIN,
  uopDst,
  uopImm,
  uopLength,
  uopOffset,
  uopSize,
} from "../decode/uop";
import { EXIT_RESUME, EXIT_UOP, ExitType, FLAGS_DYNAMIC, GROWS, NO_ENTRY, PAGE_FRAME, REGION_PAGE_SIZE, REGION_PAGES } from "../region/record";
import { isSplit } from "../region/caution";
import { CS } from "../x86/segment";
import {
  beginInstruction,
  branchTo,
  close,
  LABEL_IF,
  LABEL_OUT,
  labelDepth,
  leave,
  leaveIf,
  makeExit,
  missIf,
  open,
} from "./control";
import { code64 } from "./form";
import { dispatches, inOrder, isMerge, ordered, orderOf, successor } from "./graph";
import { jumpBits, jumpFactor, needJumps } from "./jumps";
import { checkDemands, enterNode } from "./known";
import { pushCondition, setState, state, toDynamic, UNKNOWN } from "./lower/flags";
import { clearGroups, restoreGroups, saveGroups, setAhead, setSplitNode } from "./lower/groups";
import { pushTaken } from "./lower/branch";
import { isMemory } from "./lower/operand";
import { conformStack, conformToEntries, enterStack } from "./lower/x87/flow";
import { setStackState, stackState } from "./lower/x87/stack";
import { dropTop, peekTop, pushValue } from "./lower/stack";
import {
  arithmeticW,
  compareW,
  constW,
  getRegister,
  L_BASE,
  L_ENTRY,
  L_FUEL,
  temporary,
  widen,
} from "./lower/locals";
import { loadHost, openMemory, setNextRelative } from "./lower/memory";
import { effectOf, lower } from "./lower/table";
import { checkStreams } from "./unroll";
import { blockVoid, get, i32c, i64c, loadCell, memory, op, set, tee, unsigned, Wasm } from "./wasm";
import {
  flagsOf,
  giveUp,
  newStep,
  node,
  ownRecord,
  NODE_COUNT,
  NODE_DOMINATOR,
  NODE_ENTRY,
  NODE_NEXT,
  NODE_NEXT_OFFSET,
  NODE_NEXT_PAGE,
  NODE_OFFSET,
  NODE_PAGE,
  NODE_RETURNS,
  NODE_STATE,
  NODE_TAKEN,
  NODE_TARGET_OFFSET,
  NODE_TARGET_PAGE,
  NODE_TERM,
  NODE_UOP,
  NodeFlag,
  pageCount,
  pageEntry,
  pageIndex,
  stepEntry,
  target,
  targetCount,
  Term,
  exitEntry,
} from "./work";

/** RETs compare with this many return sites before they look outside. */
const RETURNS_MAX: u32 = 6;

// ---- flag states at the starts of nodes -----------------------------------------------------------

/** State of the flags at the end of a node. */
export function stateBehind(n: usize): u32 {
  let s = load<u32>(n, NODE_STATE);
  let u = <usize>load<u32>(n, NODE_UOP);
  for (let i: u32 = 0; i < load<u32>(n, NODE_COUNT); i++) {
    const effect = effectOf(u);
    if (effect != UNKNOWN) s = effect;
    u += UOP;
  }
  return s;
}
/** Data flow: a static state where all ways agree, DYNAMIC otherwise and behind the dispatch node. */
export function flowStates(): void {
  for (let i: u32 = 1; i < ordered; i++) store<u32>(node(inOrder(i)), UNKNOWN, NODE_STATE);
  for (let i: u32 = 0; i < targetCount; i++) store<u32>(node(target(i)), FLAGS_DYNAMIC, NODE_STATE);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i: u32 = 1; i < ordered; i++) {
      const from = inOrder(i);
      const s = stateBehind(node(from));
      if (s == UNKNOWN) continue;
      for (let k: u32 = 0; k < 2; k++) {
        const to = successor(from, k);
        if (to <= 0) continue;
        const before = load<u32>(node(to), NODE_STATE);
        if (before == s || before == FLAGS_DYNAMIC) continue;
        store<u32>(node(to), before == UNKNOWN ? s : FLAGS_DYNAMIC, NODE_STATE);
        changed = true;
      }
    }
  }
}

// ---- edges ----------------------------------------------------------------------------------------

@inline function placeOf(n: usize): u32 { return (load<u32>(n, NODE_PAGE) << 12) | load<u32>(n, NODE_OFFSET); }

function fuelCheck(place: u32): void {
  const exit = makeExit(ExitType.FUEL, place, 0);
  get(L_FUEL);
  i32c(0);
  op(Wasm.I32_LT_S);
  leaveIf(exit);
}

/** Goes to a target of the dispatch node. */
function dispatchTo(index: u32): void {
  const n = node(index);
  const stack = stackState();
  conformStack(index);
  toDynamic();
  fuelCheck(placeOf(n));
  i32c(load<i32>(n, NODE_ENTRY));
  set(L_ENTRY);
  branchTo(0);
  setStackState(stack);
}

/** Bytes from the head page's start. */
@inline function relative(page: i32, offset: u32): i64 { return (<i64>page << 12) + <i64>offset; }

/** Leaves for a place relative to the head's page. */
function leaveFor(page: i32, offset: u32): void {
  const index = pageIndex(page);
  if (index >= 0) {
    leave(growing(makeExit(ExitType.STATIC, (<u32>index << 12) | offset, 0)));
    return;
  }
  // A page that the region does not check: only the address is known.
  const target = temporary(0, code64 ? 3 : 2);
  get(L_BASE);
  constW(relative(page, offset));
  arithmeticW(Wasm.I32_ADD);
  set(target);
  leaveDynamic(target, true);
}
/** An exit to what the region could have had in it. */
function growing(exit: u32): u32 {
  store<u16>(exitEntry(exit), GROWS, EXIT_RESUME);
  return exit;
}
/** Stores RIP from a checked target of type W and leaves. */
function leaveDynamic(target: u32, grows: bool): void {
  i32c(0);
  get(target);
  if (!code64) op(Wasm.I64_EXTEND_I32_U);
  memory(Wasm.I64_STORE, <u32>RIP);
  const exit = makeExit(ExitType.DYNAMIC, 0, 0);
  leave(grows ? growing(exit) : exit);
}

/** Follows edge k of a node from the end of its code. */
function follow(index: u32, k: u32): void {
  const n = node(index);
  const to = successor(index, k);
  const before = state;
  const stack = stackState();
  if (to < 0) {
    if (k == 0) leaveFor(load<i32>(n, NODE_TARGET_PAGE), load<u32>(n, NODE_TARGET_OFFSET));
    else leaveFor(load<i32>(n, NODE_NEXT_PAGE), load<u32>(n, NODE_NEXT_OFFSET));
  } else if (to == 0) dispatchTo(k == 0 ? load<i32>(n, NODE_TAKEN) : load<i32>(n, NODE_NEXT));
  else {
    if (load<u32>(node(to), NODE_STATE) == FLAGS_DYNAMIC) toDynamic();
    else if (load<u32>(node(to), NODE_STATE) != state) giveUp();
    conformStack(to);
    if (orderOf(to) <= orderOf(index) || isMerge(to)) branchTo(to);
    else {
      // The one way here: what its accesses have checked holds on.
      saveGroups();
      emitTree(to);
      restoreGroups();
    }
  }
  setState(before);
  setStackState(stack);
}

// ---- terminators ----------------------------------------------------------------------------------

/** Leaves unless the W in a local may be jumped to. */
function checkTarget(local: u32): void {
  if (code64) {
    get(local);
    i64c(16);
    op(Wasm.I64_SHL);
    i64c(16);
    op(Wasm.I64_SHR_S);
    get(local);
    op(Wasm.I64_NE);
  } else {
    get(local);
    loadCell(Wasm.I32_LOAD, SEG_LIMIT + (<usize>CS << 2));
    op(Wasm.I32_GT_U);
  }
  missIf();
}

/** Pushes the return address on the guest's stack. */
function pushReturn(n: usize, size: u32): void {
  get(L_BASE);
  constW(relative(load<i32>(n, NODE_NEXT_PAGE), load<u32>(n, NODE_NEXT_OFFSET)));
  arithmeticW(Wasm.I32_ADD);
  set(temporary(1, size));
  pushValue(size);
}

/** Leaves unless a near branch of another form may go to its target: pages of the region lie within CS as they are. */
function checkNear(n: usize, size: u32): void {
  const page = load<i32>(n, NODE_TARGET_PAGE);
  const outside = pageIndex(page) < 0;
  if (size != 1 && !outside) return;
  const to = temporary(0, code64 ? 3 : 2);
  get(L_BASE);
  constW(relative(page, load<u32>(n, NODE_TARGET_OFFSET)));
  arithmeticW(Wasm.I32_ADD);
  set(to);
  if (size == 1) {
    // It wraps around at 64 KiB.
    get(to);
    i32c(0xffff);
    op(Wasm.I32_GT_U);
    missIf();
  }
  if (outside) checkTarget(to);
}

/** Pushes whether the W in a local is the address of a node. */
function pushIsAt(local: u32, index: u32): void {
  const n = node(index);
  get(local);
  get(L_BASE);
  constW(relative(load<i32>(pageEntry(load<u32>(n, NODE_PAGE))), load<u32>(n, NODE_OFFSET)));
  arithmeticW(Wasm.I32_ADD);
  compareW(Wasm.I32_EQ);
}

function emitReturn(n: usize, size: u32, more: u32): void {
  const to = temporary(1, size);
  peekTop(size);
  checkTarget(to);
  dropTop((1 << size) + more);
  let returns = load<u64>(n, NODE_RETURNS);
  for (let i: u32 = 0; i < RETURNS_MAX && returns != 0; i++) {
    const entry = <u32>ctz<u64>(returns);
    returns &= returns - 1;
    const site = target(entry);
    pushIsAt(to, site);
    blockVoid(Wasm.IF);
    open(LABEL_IF);
    const before = state;
    dispatchTo(site);
    setState(before);
    close();
  }
  jumpTo(to, false);
}

/** Goes on at a W in a local: within the region where that is one of its entries, otherwise by leaving. */
function jumpTo(local: u32, grows: bool): void {
  if (dispatches()) {
    needJumps();
    const size: u32 = code64 ? 3 : 2;
    const distance = temporary(4, size);
    const slot = temporary(5, 3);
    toDynamic();
    blockVoid(Wasm.BLOCK);
    open(LABEL_OUT);
    get(L_FUEL);
    i32c(0);
    op(Wasm.I32_LT_S);
    branchOutIf();
    get(local);
    get(L_BASE);
    arithmeticW(Wasm.I32_SUB);
    tee(distance);
    if (code64) op(Wasm.I32_WRAP_I64);
    i32c(jumpFactor);
    op(Wasm.I32_MUL);
    i32c(32 - jumpBits);
    op(Wasm.I32_SHR_U);
    i32c(3);
    op(Wasm.I32_SHL);
    loadCell(Wasm.I32_LOAD, ownRecord() + REGION_PAGES);
    op(Wasm.I32_ADD);
    memory(Wasm.I64_LOAD, pageCount * REGION_PAGE_SIZE);
    tee(slot);
    op(code64 ? Wasm.I64_EXTEND32_S : Wasm.I32_WRAP_I64);
    get(distance);
    compareW(Wasm.I32_NE);
    branchOutIf();
    get(slot);
    i64c(32);
    op(Wasm.I64_SHR_U);
    op(Wasm.I32_WRAP_I64);
    set(L_ENTRY);
    const stack = stackState();
    conformToEntries();
    branchTo(0);
    setStackState(stack);
    close();
  }
  leaveDynamic(local, grows);
}
function branchOutIf(): void {
  op(Wasm.BR_IF);
  labelDepth(LABEL_OUT);
}

/** Target of an indirect jump or call into temporary 0. */
function indirectTarget(u: usize, o: u32, size: u32): void {
  const fast = o == <u32>Op.JMP_M32 || o == <u32>Op.JMP_M64 || o == <u32>Op.CALL_M32 || o == <u32>Op.CALL_M64;
  if (fast || (o >= <u32>Op.SLOW && isMemory(u))) {
    openMemory(u, size, false);
    loadHost(size);
  } else getRegister(<u32>uopDst(u), size);
  set(temporary(0, size));
  checkTarget(temporary(0, size));
}

function emitEnd(index: u32, u: usize): void {
  const n = node(index);
  const term = load<u32>(n, NODE_TERM);
  const o = <u32>load<u16>(u, UOP_PLAIN);
  const near = o >= <u32>Op.SLOW;
  const size: u32 = near ? uopSize(u) : code64 ? 3 : 2;
  switch (term) {
    case Term.FALL: follow(index, 1); return;
    case Term.JUMP:
      if (near) checkNear(n, size);
      follow(index, 0);
      return;
    case Term.BRANCH:
      if (near) {
        checkNear(n, size);
        pushTaken(u, o);
      } else pushCondition(load<u8>(u, UOP_DST));
      blockVoid(Wasm.IF);
      open(LABEL_IF);
      follow(index, 0);
      op(Wasm.ELSE);
      follow(index, 1);
      close();
      op(Wasm.UNREACHABLE);
      return;
    case Term.CALL:
      if (near) checkNear(n, size);
      pushReturn(n, size);
      follow(index, 0);
      return;
    case Term.RETURN: emitReturn(n, size, near ? <u32>uopImm(u) : 0); return;
    case Term.INDIRECT:
      indirectTarget(u, o, size);
      jumpTo(temporary(0, size), true);
      return;
    case Term.INDIRECT_CALL:
      indirectTarget(u, o, size);
      pushReturn(n, size);
      jumpTo(temporary(0, size), false);
      return;
    case Term.GUARD:
      blockVoid(Wasm.BLOCK);
      open(LABEL_OUT);
      checkStreams(index);
      follow(index, 0);
      close();
      clearGroups();
      follow(index, 1);
      return;
    case Term.STEP: {
      const exit = makeExit(ExitType.STEP, (load<u32>(n, NODE_PAGE) << 12) | uopOffset(u), 0);
      const copy = newStep();
      for (let i: usize = 0; i < UOP; i += 8) store<u64>(stepEntry(copy) + i, load<u64>(u + i));
      store<u16>(stepEntry(copy), o);
      // The address of the copy is known when the side table has its place.
      store<u32>(exitEntry(exit), copy + 1, EXIT_UOP);
      const next = load<i32>(n, NODE_NEXT);
      store<u16>(exitEntry(exit), next >= 0 ? load<i32>(node(next), NODE_ENTRY) : <i32>NO_ENTRY, EXIT_RESUME);
      leave(exit);
      return;
    }
    default: {
      const page = pageIndex(load<i32>(n, NODE_NEXT_PAGE));
      leave(makeExit(ExitType.MISS, (<u32>page << 12) | load<u32>(n, NODE_NEXT_OFFSET), 0));
    }
  }
}

// ---- nodes ----------------------------------------------------------------------------------------

function isSplitNode(n: usize): bool {
  const frame = load<u32>(pageEntry(load<u32>(n, NODE_PAGE)), PAGE_FRAME);
  let u = <usize>load<u32>(n, NODE_UOP);
  for (let i = load<u32>(n, NODE_COUNT); i != 0; i--) {
    if (isSplit(frame, uopOffset(u))) return true;
    u += UOP;
  }
  return false;
}

function emitNode(index: u32): void {
  const n = node(index);
  const count = load<u32>(n, NODE_COUNT);
  const page = load<u32>(n, NODE_PAGE);
  const term = load<u32>(n, NODE_TERM);
  setState(load<u32>(n, NODE_STATE));
  enterNode(index);
  enterStack(index);
  setSplitNode(isSplitNode(n));
  if ((flagsOf(n) & NodeFlag.HEADER) != 0) fuelCheck(placeOf(n));
  if (count != 0) {
    get(L_FUEL);
    i32c(count);
    op(Wasm.I32_SUB);
    set(L_FUEL);
  }
  // The last instruction of a node that does not fall through is its terminator.
  const plain = term == Term.FALL || term == Term.LEAVE ? count : count - 1;
  let u = <usize>load<u32>(n, NODE_UOP);
  for (let i: u32 = 0; i < count; i++) {
    beginInstruction((page << 12) | uopOffset(u), count - i);
    const behind = relative(load<i32>(pageEntry(page)), uopOffset(u) + uopLength(u));
    setNextRelative(behind);
    setAhead(u, count - i, behind);
    if (i == plain) break;
    if (!lower(u)) giveUp();
    u += UOP;
  }
  emitEnd(index, u);
}

function emitDispatch(): void {
  if (!dispatches()) {
    emitTree(target(0));
    return;
  }
  get(L_ENTRY);
  op(Wasm.BR_TABLE);
  unsigned(targetCount - 1);
  for (let i: u32 = 0; i < targetCount; i++) labelDepth(target(i));
}

/** Code of a node and of all that it dominates. */
export function emitTree(index: u32): void {
  const position = orderOf(index);
  const isLoop = index == 0 ? dispatches() : (flagsOf(node(index)) & NodeFlag.HEADER) != 0;
  if (isLoop) {
    if (index != 0) checkDemands(index);
    blockVoid(Wasm.LOOP);
    open(index);
    clearGroups();
  }
  // Merges that it immediately dominates, the last in order outermost.
  for (let i = <i32>ordered - 1; i > position; i--) {
    const child = inOrder(i);
    if (load<i32>(node(child), NODE_DOMINATOR) != index || !isMerge(child)) continue;
    blockVoid(Wasm.BLOCK);
    open(child);
  }
  if (index == 0) emitDispatch();
  else emitNode(index);
  for (let i = position + 1; i < <i32>ordered; i++) {
    const child = inOrder(i);
    if (load<i32>(node(child), NODE_DOMINATOR) != index || !isMerge(child)) continue;
    close();
    clearGroups();
    emitTree(child);
  }
  if (isLoop) close();
}
