// Instruction fetch: mmu/fetch finds the frame of a code page; what stands in its way is raised here.

import { WALK_ERROR, WALK_GPA } from "../mmu/walk";
import { FetchKind, fetchFrame, fetchKind } from "../mmu/fetch";
import { kindOf, RangeKind } from "../memory/ranges";
import { EXIT_FETCH, EXIT_UNMAPPED, ExitReason, hostAccess } from "./exit";
import { raiseGP, raisePF } from "./fault";

/** Frame of the code page at a linear address; -1 with the fault or the exit recorded. */
export function fetchCode(linear: u64): i32 {
  const frame = fetchFrame(linear);
  if (frame >= 0) return frame;
  switch (fetchKind()) {
    case FetchKind.FAULT: raisePF(linear, load<u32>(WALK_ERROR)); break;
    case FetchKind.HOST: {
      const gpa = load<u64>(WALK_GPA);
      const unmapped = kindOf(gpa) == RangeKind.UNMAPPED ? EXIT_UNMAPPED : 0;
      hostAccess(ExitReason.MEMORY, 0, 1, EXIT_FETCH | unmapped, 0, gpa, linear);
      break;
    }
    default: raiseGP(0);
  }
  return -1;
}
