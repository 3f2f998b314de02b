// One form for every architectural state of a processor, for saving, comparing and hashing. Between two
// instructions the hot state may say the same thing in several ways: flags that have not been computed yet, the
// particulars of a fault that was delivered, a shadow that has run out. Here each gets its one representation.

import {
  FAULT,
  FAULT_ADDRESS,
  FAULT_DR6,
  FAULT_ERROR,
  FAULT_TYPE,
  FAULT_VECTOR,
  INJECT,
  INJECT_ERROR,
  INJECT_LENGTH,
  SHADOW,
  SHADOW_AT,
} from "../layout";
import { rflags, setRflags } from "./flags";
import { ticks } from "./ticks";

/** Rewrites the state of the processor in STATE; nothing that a guest could tell changes. */
export function canonicalize(): void {
  setRflags(rflags());
  if (load<u32>(FAULT) == 0) {
    store<u32>(FAULT_VECTOR, 0);
    store<u32>(FAULT_ERROR, 0);
    store<u32>(FAULT_TYPE, 0);
    store<u64>(FAULT_ADDRESS, 0);
    store<u32>(FAULT_DR6, 0);
  }
  if (load<u32>(SHADOW) != 0 && load<u64>(SHADOW_AT) != ticks()) store<u32>(SHADOW, 0);
  if (load<u32>(SHADOW) == 0) store<u64>(SHADOW_AT, 0);
  if (load<u32>(INJECT) == 0) {
    store<u32>(INJECT_ERROR, 0);
    store<u32>(INJECT_LENGTH, 0);
  }
}
