// Which code is to be translated cautiously: its numbers were often beyond what fast floating-point code is made for
// (translate/lower/plan). Remembered by the place of a region's head, in a table of bits that may confuse places: being
// cautious without need is only slower.

import { CAUTIOUS, CAUTIOUS_BITS } from "../layout";

@inline function slot(frame: u32, offset: u32): u32 {
  return (((frame << 12) | offset) * 0x9e37_79b1) >> (32 - CAUTIOUS_BITS);
}
export function isCautious(frame: u32, offset: u32): bool {
  const n = slot(frame, offset);
  return ((<u32>load<u8>(CAUTIOUS + (n >> 3)) >> (n & 7)) & 1) != 0;
}
export function setCautious(frame: u32, offset: u32): void {
  const n = slot(frame, offset);
  const at = CAUTIOUS + (n >> 3);
  store<u8>(at, <u32>load<u8>(at) | ((<u32>1) << (n & 7)));
}
