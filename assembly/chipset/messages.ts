// Interrupt messages: from one local APIC to others, from the I/O APIC, and from devices (MSI). A message names
// its processors (destination), what they shall do (delivery mode) and a vector (SDM vol. 3, 11.6 and 11.11).
//
//   MSI address   31:20 FEEh | 19:12 destination | 3 redirection hint | 2 logical
//   MSI data      7:0 vector | 10:8 delivery mode | 14 assert | 15 level
//
// Everything takes effect at once in the receiver's state; INIT and start-up wait for the run loop, which alone
// can reset a processor.

import { NMI_PENDING, PROCESSOR_COUNT, RECLIP, SIGNALS } from "../layout";
import { isFor } from "./destination";
import { accept, processorPriority } from "./lapic";
import { Delivery, isEnabled, isSoftwareEnabled, lapic, Signal, SIGNAL, STARTUP } from "./lapic-block";
import { hasApic } from "../vcpu/presence";
import { cellOf } from "./processors";

const MSI_ADDRESS: u32 = 0xfee;
const MSI_REDIRECTION_HINT: u32 = 1 << 3;
const MSI_LOGICAL: u32 = 1 << 2;
const MSI_LEVEL: u32 = 1 << 15;

function signal(n: u32, what: Signal): void {
  const cell = lapic(n) + SIGNAL;
  // INIT takes back a start-up that has not begun.
  store<u32>(cell, what == Signal.INIT ? <u32>Signal.INIT : load<u32>(cell) | what);
  store<u32>(SIGNALS, 1);
  store<u32>(RECLIP, 1);
}

/** A message reaches one processor. False: it takes no fixed interrupts now. */
export function deliverTo(n: u32, mode: u32, vector: u32, level: bool): bool {
  if (!isEnabled(n)) return false;
  switch (mode) {
    case Delivery.FIXED:
    case Delivery.LOWEST_PRIORITY: return accept(lapic(n), vector, level);
    case Delivery.NMI:
      store<u32>(cellOf(n, NMI_PENDING), 1);
      return true;
    case Delivery.INIT:
      signal(n, Signal.INIT);
      return true;
    case Delivery.STARTUP:
      store<u32>(lapic(n), vector, STARTUP);
      signal(n, Signal.STARTUP);
      return true;
    default: return true; // no system management mode; ExtINT is not a message (chipset/external)
  }
}

/** Of the processors that a message may go to, the one with the lowest priority; -1 if none takes it. */
function lowestPriority(destination: u32, logical: bool, wide: bool): i32 {
  let best: i32 = -1;
  let priority: u32 = 0;
  for (let n: u32 = 0; n < load<u32>(PROCESSOR_COUNT); n++) {
    if (!isFor(n, destination, logical, wide) || !isEnabled(n) || !isSoftwareEnabled(lapic(n))) continue;
    const own = processorPriority(lapic(n));
    if (best >= 0 && own >= priority) continue;
    best = n;
    priority = own;
  }
  return best;
}

/** Sends a message. False: nobody took it. */
export function send(destination: u32, logical: bool, wide: bool, mode: u32, vector: u32, level: bool): bool {
  if (mode == Delivery.LOWEST_PRIORITY) {
    const n = lowestPriority(destination, logical, wide);
    return n >= 0 && deliverTo(n, mode, vector, level);
  }
  let taken = false;
  for (let n: u32 = 0; n < load<u32>(PROCESSOR_COUNT); n++) {
    if (isFor(n, destination, logical, wide) && deliverTo(n, mode, vector, level)) taken = true;
  }
  return taken;
}

/** A device writes to FEExxxxxh. */
export function message(address: u32, data: u32): void {
  if (!hasApic() || address >> 20 != MSI_ADDRESS) return;
  let mode = (data >> 8) & 7;
  if (mode == Delivery.FIXED && (address & MSI_REDIRECTION_HINT) != 0) mode = Delivery.LOWEST_PRIORITY;
  send((address >> 12) & 0xff, (address & MSI_LOGICAL) != 0, false, mode, data & 0xff, (data & MSI_LEVEL) != 0);
}
