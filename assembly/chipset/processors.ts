// Cells of a processor's state wherever it is: in STATE while it runs, in its saved block otherwise. The
// interrupt path raises events of processors whose turn it is not.

import { CURRENT_PROCESSOR, PROCESSORS, STATE, STATE_SIZE } from "../layout";

/** Address of processor n's copy of a cell of STATE. */
@inline export function cellOf(n: u32, cell: usize): usize {
  return n == load<u32>(CURRENT_PROCESSOR) ? cell : cell - STATE + PROCESSORS + <usize>n * STATE_SIZE;
}
