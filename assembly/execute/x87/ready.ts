// Whether an ESC instruction may execute, and the record of the last one (SDM vol. 1, 8.1.8-8.1.9; vol. 3, 2.5,
// 6.15 #NM and #MF; APM vol. 1, 6.2.4, vol. 2, 8.2.17). #NM comes before #MF, and both before the memory operand's faults.
//
// A pending unmasked exception is #MF at the next waiting instruction if CR0.NE is set. Otherwise the processor asserts
// FERR# and stands still before that instruction until an interrupt comes, on a PC number 13; while the board answers
// with IGNNE#, it executes all the same (chipset/coprocessor).

import { ACTIVITY, X87_CS, X87_DP, X87_DS, X87_IP, X87_OPCODE } from "../../layout";
import { assertError, errorIgnored } from "../../chipset/coprocessor";
import { uopImm, uopSeg } from "../../decode/uop";
import { effectiveAddress } from "../../vcpu/address";
import { raise, raiseNM } from "../../vcpu/fault";
import { cr0, ripOf, segSelector, setRip } from "../../vcpu/state";
import { Activity, Status } from "../../vcpu/status";
import { CR0_EM, CR0_NE, CR0_TS } from "../../x86/control";
import { CS } from "../../x86/segment";
import { VECTOR_MF } from "../../x86/vectors";
import { isMemory } from "../operand";
import { status, STATUS_ES } from "./registers";

/** The unit is there and belongs to the task; false: #NM is raised. */
export function available(): bool {
  if ((cr0() & (CR0_EM | CR0_TS)) == 0) return true;
  raiseNM();
  return false;
}
/** Status.NEXT when no exception is pending; otherwise how a waiting instruction ends instead. */
@inline export function waited(u: usize): i32 { return (status() & STATUS_ES) == 0 ? Status.NEXT : pendingException(u); }
function pendingException(u: usize): i32 {
  if ((cr0() & CR0_NE) != 0) return raise(VECTOR_MF);
  if (errorIgnored()) return Status.NEXT;
  assertError();
  store<u32>(ACTIVITY, Activity.HALTED);
  setRip(ripOf(u));
  return Status.JUMP_SYNC;
}

/** The same for MMX instructions; false: #MF is raised. With NE clear they signal and go on. */
export function quiet(): bool {
  if ((status() & STATUS_ES) == 0) return true;
  if ((cr0() & CR0_NE) == 0) {
    assertError();
    return true;
  }
  raise(VECTOR_MF);
  return false;
}

/** FIP, FDP and FOP of an instruction that has completed. Control instructions leave no record. */
export function record(u: usize): void {
  store<u64>(X87_IP, ripOf(u));
  store<u16>(X87_CS, segSelector(CS));
  store<u16>(X87_OPCODE, <u32>uopImm(u) & 0x7ff);
  if (!isMemory(u)) return;
  store<u64>(X87_DP, effectiveAddress(u));
  store<u16>(X87_DS, segSelector(uopSeg(u)));
}
