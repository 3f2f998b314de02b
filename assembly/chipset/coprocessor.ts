// How a PC reports x87 exceptions while CR0.NE is clear (IBM PC/AT technical reference, "coprocessor"; SDM vol. 1,
// D.2.1): the processor's FERR# output sets a latch that drives IRQ 13; a write to port F0h clears the latch and asserts
// IGNNE# until FERR# goes away, so that the handler can use the coprocessor. Port F1h, its reset, is not wired any more.

import { COPROCESSOR_ERROR, COPROCESSOR_IGNORED } from "../layout";
import { setInterruptLine } from "./lines";

const COPROCESSOR_LINE: u32 = 13;
const CLEAR_LATCH: u32 = 0xf0;

export function isCoprocessorPort(port: u32): bool { return (port & 0xfffe) == CLEAR_LATCH; }

/** FERR#: an instruction waits with an unmasked exception pending. */
export function assertError(): void {
  if (load<u32>(COPROCESSOR_ERROR) != 0) return;
  store<u32>(COPROCESSOR_ERROR, 1);
  setInterruptLine(COPROCESSOR_LINE, true);
}
/** The exceptions are gone. The latch stays until it is cleared. */
@inline export function releaseError(): void {
  if (load<u32>(COPROCESSOR_ERROR) == 0) return;
  store<u32>(COPROCESSOR_ERROR, 0);
  store<u32>(COPROCESSOR_IGNORED, 0);
}
/** IGNNE# is asserted: instructions execute in spite of pending exceptions. */
@inline export function errorIgnored(): bool { return load<u32>(COPROCESSOR_IGNORED) != 0; }

export function coprocessorWrite(port: u32): void {
  if (port != CLEAR_LATCH) return;
  setInterruptLine(COPROCESSOR_LINE, false);
  store<u32>(COPROCESSOR_IGNORED, load<u32>(COPROCESSOR_ERROR));
}
