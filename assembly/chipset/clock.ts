// The partition's clock and what happens when it reaches the deadlines of schedule.ts. While every processor is
// halted and a device may still wake one, a virtual clock jumps to the next deadline.

import { CLOCK, HOST_DEADLINE, LAPIC_SIZE, LAPICS, NEXT_EVENT, PROCESSOR_COUNT } from "../layout";
import { ENTRY_MASKED, entryOf } from "./ioapic-block";
import { timerExpire } from "./lapic-timer";
import { isTimerOpen } from "./pic";
import { pitExpire } from "./pit";
import { hasApic, hasIoApic } from "../vcpu/presence";
import { LAPIC_DEADLINE, lapicDeadline, NEVER, PIT_DEADLINE, schedule } from "./schedule";

/** Power-on: no time has passed and nothing is due. */
export function clockReset(): void {
  store<u64>(CLOCK, 0);
  store<u64>(HOST_DEADLINE, NEVER);
  store<u64>(PIT_DEADLINE, NEVER);
  store<u64>(NEXT_EVENT, NEVER);
}

/** Fires the timers of the core that are due. */
export function expireTimers(): void {
  const now = load<u64>(CLOCK);
  if (load<u64>(PIT_DEADLINE) <= now) pitExpire();
  if (hasApic()) {
    const end = LAPICS + <usize>load<u32>(PROCESSOR_COUNT) * LAPIC_SIZE;
    for (let apic = LAPICS; apic < end; apic += LAPIC_SIZE) {
      if (load<u64>(apic, LAPIC_DEADLINE) <= now) timerExpire(apic);
    }
  }
  schedule();
}

/** The host's devices are due. */
@inline export function isHostDue(): bool { return load<u64>(HOST_DEADLINE) <= load<u64>(CLOCK); }

/** Time alone can bring an interrupt: a timer runs whose interrupt is not masked. */
export function canWake(): bool {
  if (load<u64>(HOST_DEADLINE) != NEVER || lapicDeadline() != NEVER) return true;
  if (load<u64>(PIT_DEADLINE) == NEVER) return false;
  return isTimerOpen() || (hasIoApic() && (load<u32>(entryOf(2)) & ENTRY_MASKED) == 0);
}
