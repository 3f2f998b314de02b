// The jump cache: from an instruction pointer to the first micro-op of its block, for jumps that no link serves. An
// entry counts only while its tag equals FETCH_TAG, which stands for everything that the address's meaning depends on.
//
//   entry, 16 bytes:  0 RIP u64 | 8 tag u32 | 12 micro-op u32

import { JUMP_CACHE, JUMP_CACHE_ENTRIES } from "../layout";

export const JUMP_TAG: usize = 8;
export const JUMP_UOP: usize = 12;

/** Entry that an instruction pointer uses. */
@inline export function jumpEntry(target: u64): usize {
  const low = <u32>target;
  return JUMP_CACHE + (<usize>((low ^ (low >> 12)) & (JUMP_CACHE_ENTRIES - 1)) << 4);
}
