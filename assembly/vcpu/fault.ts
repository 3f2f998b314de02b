// Raising faults: an instruction that cannot complete records its exception here and returns
// Status.FAULT (or false); the run loop delivers it (vcpu/deliver) with RIP at the instruction.
// The first fault of an instruction wins; nothing may be committed after it.

import { FAULT, FAULT_ADDRESS, FAULT_DR6, FAULT_ERROR, FAULT_TYPE, FAULT_VECTOR } from "../layout";
import { EventType, VECTOR_DB, VECTOR_DE, VECTOR_GP, VECTOR_NM, VECTOR_NP, VECTOR_PF, VECTOR_SS, VECTOR_TS, VECTOR_UD } from "../x86/vectors";
import { SS } from "../x86/segment";
import { Fault, Status } from "./status";

/** Records a fault-class exception. Returns Status.FAULT so that handlers can `return raise(...)`. */
export function raise(vector: u32, errorCode: u32 = 0): i32 {
  if (load<u32>(FAULT) == Fault.NONE) {
    store<u32>(FAULT, Fault.EXCEPTION);
    store<u32>(FAULT_VECTOR, vector);
    store<u32>(FAULT_ERROR, errorCode);
    store<u32>(FAULT_TYPE, EventType.EXCEPTION);
  }
  return Status.FAULT;
}
export function raiseUD(): i32 { return raise(VECTOR_UD); }
export function raiseNM(): i32 { return raise(VECTOR_NM); }
export function raiseDE(): i32 { return raise(VECTOR_DE); }
export function raiseGP(errorCode: u32 = 0): i32 { return raise(VECTOR_GP, errorCode); }
export function raiseSS(errorCode: u32 = 0): i32 { return raise(VECTOR_SS, errorCode); }
export function raiseNP(errorCode: u32): i32 { return raise(VECTOR_NP, errorCode); }
export function raiseTS(errorCode: u32): i32 { return raise(VECTOR_TS, errorCode); }
/** #GP(0), or #SS(0) for the stack segment: limit and canonical violations of data accesses. */
export function raiseSegment(seg: u32): i32 { return seg == SS ? raiseSS(0) : raiseGP(0); }
export function raisePF(linear: u64, errorCode: u32): i32 {
  if (load<u32>(FAULT) == Fault.NONE) store<u64>(FAULT_ADDRESS, linear);
  return raise(VECTOR_PF, errorCode);
}
/** #DB as a fault; dr6 holds the bits to set in DR6. */
export function raiseDB(dr6: u32): i32 {
  if (load<u32>(FAULT) == Fault.NONE) store<u32>(FAULT_DR6, dr6);
  return raise(VECTOR_DB);
}
@inline export function clearFault(): void { store<u32>(FAULT, Fault.NONE); }
