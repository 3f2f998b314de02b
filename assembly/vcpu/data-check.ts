// Checks that data accesses need only while DATA_CHECKED is set: alignment (#AC, SDM vol. 3, 6.15) and
// data breakpoints (DR7, SDM vol. 3, 18.2.4). DATA_LIMIT is 0 then, so every access comes by the slow
// path and through here.
//
//   DR7   2n L(n) | 2n+1 G(n) | 16+4n R/W(n): 1 write, 3 read or write | 18+4n LEN(n): 0 1, 1 2, 2 8, 3 4

import { CR0, DEBUG_HITS, DR, SYSTEM_FLAGS } from "../layout";
import { CR0_AM, DR7_ENABLED } from "../x86/control";
import { AC } from "../x86/flags";
import { VECTOR_AC } from "../x86/vectors";
import { raise } from "./fault";

const DR7: usize = DR + 7 * 8;

/** False, with #AC raised, when alignment checking is active and a user access is misaligned. */
export function checkAlignment(linear: u64, size: u32, user: bool): bool {
  if ((<u32>linear & (size - 1)) == 0) return true;
  if (!user || (load<u64>(CR0) & CR0_AM) == 0 || (load<u32>(SYSTEM_FLAGS) & AC) == 0) return true;
  raise(VECTOR_AC, 0);
  return false;
}

/** Collects data breakpoints that the access meets. They trap after the instruction. */
export function noteBreakpoints(linear: u64, size: u32, write: bool): void {
  const control = load<u32>(DR7);
  if ((control & DR7_ENABLED) == 0) return;
  let hits: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    if (((control >> (2 * n)) & 3) == 0) continue;
    const kind = (control >> (16 + 4 * n)) & 3;
    if (kind != 3 && !(kind == 1 && write)) continue;
    const code = (control >> (18 + 4 * n)) & 3;
    const length: u64 = code == 2 ? 8 : code + 1;
    const start = load<u64>(<usize>n << 3, DR) & ~(length - 1);
    // Overlap of two runs, exact also where one wraps around.
    if (linear - start < length || start - linear < <u64>size) hits |= 1 << n;
  }
  if (hits != 0) store<u32>(DEBUG_HITS, load<u32>(DEBUG_HITS) | hits);
}
