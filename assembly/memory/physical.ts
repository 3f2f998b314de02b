// Guest-physical reads of the processor itself (page-directory pointers). Addresses have the A20 gate
// applied and never cross a page. What nothing backs reads as all ones; devices are never touched.

import { frameHost } from "./frames";
import { frameOf } from "./ranges";

/** T is an unsigned type. */
export function readPhysical<T>(gpa: u64): T {
  const frame = frameOf(gpa);
  if (frame < 0) return <T>(~(<u64>0));
  return load<T>(frameHost(frame) + (<usize>gpa & 0xfff));
}
