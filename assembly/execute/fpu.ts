// Floating point and vectors: the availability checks that come before any such instruction (SDM vol. 3,
// 2.5; vol. 2, 2.4 exception classes). The units themselves are not there: what passes the checks is #UD.

import { raiseNM, raiseUD } from "../vcpu/fault";
import { cr0, cr4 } from "../vcpu/state";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../x86/control";

export function x87(u: usize): i32 {
  return (cr0() & (CR0_EM | CR0_TS)) != 0 ? raiseNM() : raiseUD();
}
export function vector(u: usize): i32 {
  if ((cr0() & CR0_EM) != 0 || (cr4() & CR4_OSFXSR) == 0) return raiseUD();
  return (cr0() & CR0_TS) != 0 ? raiseNM() : raiseUD();
}
