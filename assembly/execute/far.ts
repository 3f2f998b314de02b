// Far transfers and software interrupts (SDM vol. 2: CALL, JMP, RET, IRET, INT n, BOUND, UD). What they do
// is in vcpu/gate, return, task and deliver; here they meet their operands.
//
//   far pointer in imm: 47:32 selector | 31:0 offset; in memory: offset of 2 or 4 bytes, then selector
//   (REX.W does not make it 8 bytes on AMD processors, only the cells that a call pushes)

import { EXCEPTION_BITMAP, EXIT_LENGTH, FAULT } from "../layout";
import { uopImm, uopLength, uopSeg, uopSize, uopSrc } from "../decode/uop";
import { readData } from "../vcpu/access";
import { linear, linearWithOffset } from "../vcpu/address";
import { softwareInterrupt } from "../vcpu/deliver";
import { ExitReason, fillExit } from "../vcpu/exit";
import { raise, raiseUD } from "../vcpu/fault";
import { getOF } from "../vcpu/flags";
import { farCall, farJump } from "../vcpu/gate";
import { farReturn, interruptReturn } from "../vcpu/return";
import { faulted, isCode64, nextRip, reg16, reg32 } from "../vcpu/state";
import { Fault, Status } from "../vcpu/status";
import { eventsWait } from "./shadow";
import { EventType, VECTOR_BP, VECTOR_BR, VECTOR_DB, VECTOR_OF } from "../x86/vectors";

/** Address `bytes` further on in an operand of several parts. */
@inline export function further(at: u64, bytes: u32): u64 {
  return isCode64() ? at + <u64>bytes : (at + <u64>bytes) & 0xffff_ffff;
}

export function callFar(u: usize): i32 {
  const pointer = <u64>uopImm(u);
  return farCall(<u32>(pointer >> 32) & 0xffff, pointer & 0xffff_ffff, 1 << uopSize(u), nextRip(u));
}
export function jmpFar(u: usize): i32 {
  const pointer = <u64>uopImm(u);
  return farJump(<u32>(pointer >> 32) & 0xffff, pointer & 0xffff_ffff, nextRip(u));
}

/** Selector of the far pointer that readFarPointer read. */
let farSelector: u32 = 0;

/** Reads a far pointer from memory: its offset, with the selector in farSelector. Callers test faulted(). */
function readFarPointer(u: usize): u64 {
  const bytes: u32 = uopSize(u) == 1 ? 2 : 4;
  const seg = uopSeg(u);
  const at = linear(u, bytes);
  const offset = bytes == 4 ? <u64>readData<u32>(at, seg) : <u64>readData<u16>(at, seg);
  if (faulted()) return 0;
  // Behind the end of a 16-bit segment the selector comes from its start.
  farSelector = <u32>readData<u16>(linearWithOffset(u, bytes, 2, false), seg);
  return offset;
}
export function callFarM(u: usize): i32 {
  const offset = readFarPointer(u);
  if (faulted()) return Status.FAULT;
  return farCall(farSelector, offset, 1 << uopSize(u), nextRip(u));
}
export function jmpFarM(u: usize): i32 {
  const offset = readFarPointer(u);
  if (faulted()) return Status.FAULT;
  return farJump(farSelector, offset, nextRip(u));
}

export function retFar(u: usize): i32 { return farReturn(1 << uopSize(u), <u32>uopImm(u) & 0xffff); }
export function iret(u: usize): i32 {
  const status = interruptReturn(1 << uopSize(u), nextRip(u));
  return status == Status.JUMP && eventsWait() ? Status.JUMP_SYNC : status;
}

export function int_(u: usize): i32 {
  return softwareInterrupt(<u32>uopImm(u) & 0xff, EventType.SOFTWARE_INTERRUPT, nextRip(u));
}
/** INT3, INTO and INT1 are exceptions that the host may have asked to see: before the IDT is looked at. */
function softwareException(u: usize, vector: u32, type: EventType): i32 {
  if (((load<u32>(EXCEPTION_BITMAP) >> vector) & 1) == 0) return softwareInterrupt(vector, type, nextRip(u));
  fillExit(ExitReason.EXCEPTION, vector, 0, 0);
  store<u32>(EXIT_LENGTH, uopLength(u));
  store<u32>(FAULT, Fault.EXIT);
  return Status.FAULT;
}
export function int3(u: usize): i32 { return softwareException(u, VECTOR_BP, EventType.SOFTWARE_EXCEPTION); }
export function into(u: usize): i32 {
  if (getOF() == 0) return Status.NEXT;
  return softwareException(u, VECTOR_OF, EventType.SOFTWARE_EXCEPTION);
}
export function int1(u: usize): i32 {
  return softwareException(u, VECTOR_DB, EventType.PRIVILEGED_SOFTWARE_EXCEPTION);
}

/** BOUND: a signed index between two signed bounds in memory, else #BR. */
export function bound(u: usize): i32 {
  const seg = uopSeg(u);
  let index: i32;
  let lower: i32;
  let upper: i32;
  if (uopSize(u) == 1) {
    index = <i32>(<i16>reg16(uopSrc(u)));
    lower = <i32>(<i16>readData<u16>(linear(u, 2), seg));
    if (faulted()) return Status.FAULT;
    upper = <i32>(<i16>readData<u16>(linearWithOffset(u, 2, 2, false), seg));
  } else {
    index = <i32>reg32(uopSrc(u));
    lower = <i32>readData<u32>(linear(u, 4), seg);
    if (faulted()) return Status.FAULT;
    upper = <i32>readData<u32>(linearWithOffset(u, 4, 4, false), seg);
  }
  if (faulted()) return Status.FAULT;
  return index < lower || index > upper ? raise(VECTOR_BR) : Status.NEXT;
}

export function ud(u: usize): i32 { return raiseUD(); }
