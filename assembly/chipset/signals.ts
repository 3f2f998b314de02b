// INIT and start-up of the selected processor (SDM vol. 3, 9.4; APM vol. 2, 14.1.3 and 16.5): INIT resets what
// RESET does except what describes the machine, and leaves an application processor waiting; the start-up
// message that follows begins it in real mode at vector * 1000h. A start-up that nobody waits for is lost.

import { ACTIVITY, REPLAY_COUNT, REPLAY_PROCESSOR } from "../layout";
import { ResetKind, resetProcessor } from "../vcpu/reset";
import { segAttributes, setRip, setSegment } from "../vcpu/state";
import { Activity } from "../vcpu/status";
import { CS } from "../x86/segment";
import { initLapic, update } from "./lapic";
import { lapic, Signal, SIGNAL, STARTUP } from "./lapic-block";
import { schedule } from "./schedule";

@inline export function hasSignal(n: u32): bool { return load<u32>(lapic(n), SIGNAL) != 0; }

/** Takes what processor n, which is selected, has been sent. */
export function takeSignal(n: u32): void {
  const apic = lapic(n);
  const signal = load<u32>(apic, SIGNAL);
  store<u32>(apic, 0, SIGNAL);
  if ((signal & Signal.INIT) != 0) {
    resetProcessor(ResetKind.INIT);
    initLapic(apic);
    update(apic);
    schedule();
    // Answers to an instruction that will not be executed again.
    if (load<u32>(REPLAY_PROCESSOR) == n) store<u32>(REPLAY_COUNT, 0);
  }
  if ((signal & Signal.STARTUP) != 0 && load<u32>(ACTIVITY) == Activity.WAIT_FOR_SIPI) {
    const vector = load<u32>(apic, STARTUP);
    setSegment(CS, vector << 8, <u64>vector << 12, 0xffff, segAttributes(CS));
    setRip(0);
    store<u32>(ACTIVITY, Activity.ACTIVE);
  }
}
