// The interrupt shadow of STI, MOV SS and POP SS (SDM vol. 3, 6.8.3; APM vol. 2, 8.1.4): one instruction long.

import { INJECT, INTERRUPT_REQUEST, NMI_PENDING, SHADOW, SHADOW_AT, TRAP_PENDING, WANT_WINDOW } from "../layout";
import { interruptPending } from "../chipset/interrupts";
import { isSettled } from "../vcpu/state";
import { Shadow, Status } from "../vcpu/status";
import { ticks } from "../vcpu/ticks";

/**
 * Begins the shadow behind the current instruction. The run loop needs to see it only if something is there to
 * be held back; otherwise it runs out by itself, since it is dated.
 */
export function castShadow(kind: Shadow): i32 {
  store<u32>(SHADOW, kind);
  store<u64>(SHADOW_AT, ticks());
  return eventsWait() || !isSettled() ? Status.SYNC : Status.NEXT;
}

/** An event waits for its turn between two instructions. */
@inline export function eventsWait(): bool {
  const events =
    load<u32>(INJECT) |
    load<u32>(TRAP_PENDING) |
    load<u32>(NMI_PENDING) |
    load<u32>(INTERRUPT_REQUEST) |
    load<u32>(WANT_WINDOW);
  return events != 0 || interruptPending();
}
