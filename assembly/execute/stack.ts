// The stack (SDM vol. 1, 6.2; vol. 2, PUSH, POP, PUSHA, POPA, ENTER, LEAVE). Two widths are independent:
// the operand size says what is moved, the stack width (SS.B, or 64 bits) which part of rSP addresses it
// and moves. rSP changes after all accesses have succeeded.

import { DATA_CHECKED } from "../layout";
import { uopImm, uopSize, uopSrc } from "../decode/uop";
import { probeRead, probeWrite } from "../vcpu/access";
import { dataAddress } from "../vcpu/address";
import { checkAlignment } from "../vcpu/data-check";
import { RBP, RSP, cpl, faulted, reg64, regRead, regWrite, segSelector, setReg64, stackWidth } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { SS } from "../x86/segment";
import { loadSegmentRegister } from "./move";
import { readMemory, readRm, writeMemory, writeRm } from "./operand";

@inline function stackMask(): u64 { return ~(<u64>0) >> <u64>(64 - (8 << stackWidth())); }
/** Offset in the stack segment `distance` bytes above the top; negative: below it. */
@inline function stackOffset(distance: i64): u64 { return (reg64(RSP) + <u64>distance) & stackMask(); }

/** Linear address of a stack cell of 1 << size bytes, or BAD_LINEAR after raising #SS(0). */
function cell(distance: i64, size: u32, write: bool): u64 {
  return dataAddress(SS, stackOffset(distance), 1 << size, write);
}

/** Moves rSP up; the part of the register above the stack width stays (32 bits: is cleared). */
export function moveStack(distance: i64): void { regWrite(RSP, stackWidth(), stackOffset(distance)); }
/** Pushes 1 << size bytes; false when it failed and nothing has changed. */
export function pushValue(value: u64, size: u32): bool {
  const distance = -(<i64>1 << size);
  if (!writeMemory(cell(distance, size, true), size, SS, value)) return false;
  moveStack(distance);
  return true;
}
/** Checks what an access to a cell would check, alignment included, and leaves it at that. */
function canAccess(at: u64, size: u32, write: bool): bool {
  if (faulted() || (load<u32>(DATA_CHECKED) != 0 && !checkAlignment(at, 1 << size, cpl() == 3))) return false;
  return write ? probeWrite(at, 1 << size, SS) : probeRead(at, 1 << size, SS);
}
/** Checks that 1 << size bytes could be pushed. */
export function probePush(size: u32): bool { return canAccess(cell(-(<i64>1 << size), size, true), size, true); }
/** Reads the cell `distance` bytes above the top; rSP does not move. */
export function peekStack(distance: i64, size: u32): u64 {
  return readMemory(cell(distance, size, false), size, SS);
}

export function push(u: usize): i32 {
  const size = uopSize(u);
  const value = readRm(u, size);
  return !faulted() && pushValue(value, size) ? Status.NEXT : Status.FAULT;
}
export function pushImm(u: usize): i32 {
  return pushValue(<u64>uopImm(u), uopSize(u)) ? Status.NEXT : Status.FAULT;
}
/** The destination's address, and POP rSP itself, see the incremented rSP. */
export function pop(u: usize): i32 {
  const size = uopSize(u);
  const value = peekStack(0, size);
  if (faulted()) return Status.FAULT;
  const old = reg64(RSP);
  moveStack(1 << size);
  if (!writeRm(u, size, value)) {
    setReg64(RSP, old);
    return Status.FAULT;
  }
  return Status.NEXT;
}

export function pushSeg(u: usize): i32 {
  return pushValue(<u64>segSelector(<u32>uopSrc(u)), uopSize(u)) ? Status.NEXT : Status.FAULT;
}
export function popSeg(u: usize): i32 {
  const size = uopSize(u);
  const selector = <u32>peekStack(0, size) & 0xffff;
  if (faulted()) return Status.FAULT;
  const status = loadSegmentRegister(<u32>uopSrc(u), selector);
  // The stack's width is still the old one: MODE changes at the end of the instruction.
  if (status != Status.FAULT) moveStack(1 << size);
  return status;
}

// ---- all registers --------------------------------------------------------------------------------

const REGISTERS: u32 = 8;
/** AX CX DX BX SP BP SI DI downwards; SP as it was before. */
export function pusha(u: usize): i32 {
  const size = uopSize(u);
  for (let n: u32 = 1; n <= REGISTERS; n++) {
    if (!canAccess(cell(-(<i64>n << size), size, true), size, true)) return Status.FAULT;
  }
  for (let n: u32 = 1; n <= REGISTERS; n++) {
    const value = regRead(<usize>(n - 1) << 3, size);
    if (!writeMemory(cell(-(<i64>n << size), size, true), size, SS, value)) return Status.FAULT;
  }
  moveStack(-(<i64>REGISTERS << size));
  return Status.NEXT;
}
/**
 * The reverse; the image of SP is read and dropped. As on AMD, registers change one by one: what came before
 * a fault stays, and the restarted instruction reads it again.
 */
export function popa(u: usize): i32 {
  const size = uopSize(u);
  for (let n: u32 = 0; n < REGISTERS; n++) {
    const value = peekStack(<i64>n << size, size);
    if (faulted()) return Status.FAULT;
    const register = <usize>(REGISTERS - 1 - n) << 3;
    if (register != RSP) regWrite(register, size, value);
  }
  moveStack(<i64>REGISTERS << size);
  return Status.NEXT;
}

// ---- frames ---------------------------------------------------------------------------------------

/** Offset in the stack segment of the frame pointer, moved by a distance. */
@inline function frameOffset(distance: i64): u64 { return (reg64(RBP) + <u64>distance) & stackMask(); }

/** Frame pointer n of the outer frame, counted downwards from rBP. */
@inline function outerFrame(n: i64, size: u32): u64 {
  return dataAddress(SS, frameOffset(-(n << size)), 1 << size, false);
}

/**
 * ENTER size, level: pushes rBP, copies level - 1 frame pointers of the outer frame, pushes the new frame's
 * address and reserves `size` bytes. The new top must be writable although nothing is stored there.
 */
export function enter(u: usize): i32 {
  const size = uopSize(u);
  const reserve = uopImm(u) & 0xffff;
  const level = <i64>((<u32>uopImm(u) >> 16) & 31);
  const cells = level == 0 ? 1 : level + 1;
  if (!probePush(size)) return Status.FAULT;
  for (let n: i64 = 1; n < cells; n++) {
    if (n < level && !canAccess(outerFrame(n, size), size, false)) return Status.FAULT;
    if (!canAccess(cell(-((n + 1) << size), size, true), size, true)) return Status.FAULT;
  }
  const top = -(cells << size) - reserve;
  if (!canAccess(cell(top, size, true), size, true)) return Status.FAULT;

  // The frame's address is all of rSP, also where the stack is narrower than the operand.
  const frame = (reg64(RSP) & ~stackMask()) | stackOffset(-(<i64>1 << size));
  if (!writeMemory(cell(-(<i64>1 << size), size, true), size, SS, regRead(RBP, size))) return Status.FAULT;
  for (let n: i64 = 1; n < cells; n++) {
    const value = n < level ? readMemory(outerFrame(n, size), size, SS) : frame;
    if (faulted() || !writeMemory(cell(-((n + 1) << size), size, true), size, SS, value)) return Status.FAULT;
  }
  moveStack(top);
  regWrite(RBP, size, frame);
  return Status.NEXT;
}

/** rSP = rBP, then POP rBP. */
export function leave(u: usize): i32 {
  const size = uopSize(u);
  const value = readMemory(dataAddress(SS, frameOffset(0), 1 << size, false), size, SS);
  if (faulted()) return Status.FAULT;
  regWrite(RSP, stackWidth(), frameOffset(1 << size));
  regWrite(RBP, size, value);
  return Status.NEXT;
}
