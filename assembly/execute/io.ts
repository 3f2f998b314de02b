// Port I/O and waiting (SDM vol. 2, IN, OUT, HLT, PAUSE, MONITOR, MWAIT; vol. 1, 18.5 for the right
// to use a port). Ports of the core's own devices are served here, the others by the host: the instruction
// leaves with nothing committed and is executed again with the host's answer (vcpu/exit).

import { ACTIVITY, CONTEXT_STALE, INTERCEPTS, PROCESSOR_COUNT, RECLIP, TURN_LEFT } from "../layout";
import { uopImm, uopSize } from "../decode/uop";
import { portIsCore, portRead, portWrite } from "../chipset/ports";
import { notePortAccess } from "../vcpu/debug";
import { EXIT_WRITE, ExitReason, hostAccess } from "../vcpu/exit";
import { raiseGP, raiseUD } from "../vcpu/fault";
import { INTERCEPT_HLT } from "../vcpu/intercept";
import { ioAllowed } from "../vcpu/ioperm";
import { RAX, RCX, RDX, cpl, faulted, reg16, reg32, regRead, regWrite } from "../vcpu/state";
import { Activity, Status } from "../vcpu/status";
import { eventsWait } from "./shadow";

/** Reads `bytes` from a port with permission granted; test faulted(). `flags`: ExitFlag bits. */
export function portInput(port: u32, bytes: u32, flags: u32): u32 {
  const value = portIsCore(port) ? portRead(port, bytes) : <u32>hostAccess(ExitReason.IO_PORT, port, bytes, flags);
  if (!faulted()) notePortAccess(port, bytes);
  return value;
}
/** Writes to a port with permission granted; false when it left to the host. */
export function portOutput(port: u32, bytes: u32, value: u32, flags: u32): bool {
  if (portIsCore(port)) portWrite(port, bytes, value);
  else hostAccess(ExitReason.IO_PORT, port, bytes, flags | EXIT_WRITE, <u64>value);
  if (faulted()) return false;
  notePortAccess(port, bytes);
  return true;
}
/** A write to a device of the core may have raised an interrupt or NMI, set a timer or moved A20: then the run loop must look. */
@inline export function afterOutput(port: u32): i32 {
  return portIsCore(port) && (eventsWait() || (load<u32>(CONTEXT_STALE) | load<u32>(RECLIP)) != 0) ? Status.SYNC : Status.NEXT;
}

function input(u: usize, port: u32): i32 {
  const size = uopSize(u);
  if (!ioAllowed(port, 1 << size)) return Status.FAULT;
  const value = portInput(port, 1 << size, 0);
  if (faulted()) return Status.FAULT;
  regWrite(RAX, size, <u64>value);
  return Status.NEXT;
}
function output(u: usize, port: u32): i32 {
  const size = uopSize(u);
  if (!ioAllowed(port, 1 << size)) return Status.FAULT;
  if (!portOutput(port, 1 << size, <u32>regRead(RAX, size), 0)) return Status.FAULT;
  return afterOutput(port);
}
export function inImm(u: usize): i32 { return input(u, <u32>uopImm(u)); }
export function inDx(u: usize): i32 { return input(u, reg16(RDX)); }
export function outImm(u: usize): i32 { return output(u, <u32>uopImm(u)); }
export function outDx(u: usize): i32 { return output(u, reg16(RDX)); }

// ---- waiting --------------------------------------------------------------------------------------

/** Waits for an interrupt. An intercepted HLT leaves to the host; once answered, execution goes on behind it. */
export function hlt(u: usize): i32 {
  if (cpl() != 0) return raiseGP(0);
  if ((load<u32>(INTERCEPTS) & INTERCEPT_HLT) != 0) {
    hostAccess(ExitReason.HALT, 0, 0, 0);
    return faulted() ? Status.FAULT : Status.NEXT;
  }
  store<u32>(ACTIVITY, Activity.HALTED);
  return Status.SYNC;
}
/** A spinning processor gives the rest of its turn to the others, at once: where a slice ends otherwise is the host's choice. */
export function pause(u: usize): i32 {
  if (load<u32>(PROCESSOR_COUNT) <= 1) return Status.NEXT;
  store<u32>(TURN_LEFT, 0);
  store<u32>(RECLIP, 1);
  return Status.SYNC;
}
/** MONITOR arms nothing: the MWAIT that follows may always end at once. */
export function monitor(u: usize): i32 {
  if (cpl() != 0) return raiseUD();
  return reg32(RCX) != 0 ? raiseGP(0) : Status.NEXT;
}
export function mwait(u: usize): i32 {
  if (cpl() != 0) return raiseUD();
  return reg32(RCX) > 1 ? raiseGP(0) : Status.NEXT;
}
