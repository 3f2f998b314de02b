// Floating point and vectors: the availability checks that come before any such instruction (SDM vol. 3,
// 2.5; vol. 2, 2.4 exception classes). The units themselves are not there: ESC instructions that pass the
// checks do what they do on a machine without a coprocessor, which is to access their memory operand;
// vector instructions are #UD.

import { raiseNM, raiseUD } from "../vcpu/fault";
import { Ea, uopEa, uopImm } from "../decode/uop";
import { cr0, cr4, faulted } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { readRm } from "./operand";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../x86/control";

/** imm: low three bits of the opcode D8-DF, which tell the size of the memory operand. */
export function x87(u: usize): i32 {
  if ((cr0() & (CR0_EM | CR0_TS)) != 0) return raiseNM();
  if (uopEa(u) == Ea.REGISTER) return Status.NEXT;
  const opcode = <u32>uopImm(u);
  readRm(u, opcode < 4 ? 2 : opcode < 6 ? 3 : 1);
  return faulted() ? Status.FAULT : Status.NEXT;
}
export function vector(u: usize): i32 {
  if ((cr0() & CR0_EM) != 0 || (cr4() & CR4_OSFXSR) == 0) return raiseUD();
  return (cr0() & CR0_TS) != 0 ? raiseNM() : raiseUD();
}
