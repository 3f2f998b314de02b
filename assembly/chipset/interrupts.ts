// The processor's side of the interrupt controllers: which vector it takes when it takes an interrupt. A vector
// of its local APIC goes before one of the 8259A pair.

import { CURRENT_PROCESSOR } from "../layout";
import { takeInterrupt } from "./lapic";
import { lapic } from "./lapic-block";
import { offeredVector } from "./pending";
import { picAcknowledge } from "./pic";

export { hasInterrupt, interruptPending, updatePending } from "./pending";

/** The running processor's interrupt-acknowledge cycle. Returns the vector. */
export function acknowledge(): u32 {
  const n = load<u32>(CURRENT_PROCESSOR);
  return offeredVector(n) != 0 ? takeInterrupt(lapic(n)) : picAcknowledge();
}
