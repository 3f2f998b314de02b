// The interrupt lines of the board: where each of the 24 ends. The ISA lines 0-15 go to the 8259A pair and to
// the I/O APIC, line 0 to its input 2 (input 0 is the pair's output, line 2 the cascade between the two);
// 16-23 are for PCI and go to the I/O APIC only.

import { ioapicInput } from "./ioapic";
import { picInput } from "./pic";
import { hasIoApic } from "../vcpu/presence";

const TIMER_INPUT: u32 = 2;
const CASCADE: u32 = 2;
const LINES: u32 = 24;

/** A device drives a line. */
export function setInterruptLine(line: u32, high: bool): void {
  if (line >= LINES || line == CASCADE) return;
  if (line < 16) picInput(line, high);
  if (hasIoApic()) ioapicInput(line == 0 ? TIMER_INPUT : line, high);
}
