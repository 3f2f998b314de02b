// Guest-physical accesses of the processor itself (page walks). Addresses have the A20 gate applied and
// never cross a page. What nothing backs reads as all ones and ignores writes; MMIO is never touched.

import { frameHost, frameReasons, READONLY } from "./frames";
import { frameOf } from "./ranges";
import { storeTracked } from "./track";

/** T is an unsigned type. */
export function readPhysical<T>(gpa: u64): T {
  const frame = frameOf(gpa);
  if (frame < 0) return <T>(~(<u64>0));
  return load<T>(frameHost(frame) + (<usize>gpa & 0xfff));
}

export function writePhysical<T>(gpa: u64, value: T): void {
  const frame = frameOf(gpa);
  if (frame < 0 || (frameReasons(frame) & READONLY) != 0) return;
  storeTracked(frame, <u32>gpa & 0xfff, sizeof<T>(), <u64>value);
}
