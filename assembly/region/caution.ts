// What translation has to know about code from how it ran before. Both are tables of bits by place that may confuse places:
// being cautious without need is only slower.
//
//   cautious  a region's head: its numbers were often beyond what fast floating-point code is made for (translate/lower/plan)
//   split     an instruction: what it and others access together often lay in two pages (translate/lower/groups)

import { CAUTIOUS, CAUTIOUS_BITS, SPLITS } from "../layout";

@inline function slot(frame: u32, offset: u32): u32 {
  return (((frame << 12) | offset) * 0x9e37_79b1) >> (32 - CAUTIOUS_BITS);
}
@inline function has(table: usize, frame: u32, offset: u32): bool {
  const n = slot(frame, offset);
  return ((<u32>load<u8>(table + (n >> 3)) >> (n & 7)) & 1) != 0;
}
@inline function add(table: usize, frame: u32, offset: u32): void {
  const n = slot(frame, offset);
  const at = table + (n >> 3);
  store<u8>(at, <u32>load<u8>(at) | ((<u32>1) << (n & 7)));
}
export function isCautious(frame: u32, offset: u32): bool { return has(CAUTIOUS, frame, offset); }
export function setCautious(frame: u32, offset: u32): void { add(CAUTIOUS, frame, offset); }
export function isSplit(frame: u32, offset: u32): bool { return has(SPLITS, frame, offset); }
export function setSplit(frame: u32, offset: u32): void { add(SPLITS, frame, offset); }
