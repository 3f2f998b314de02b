// Vector instructions that no unit executes: the availability checks that come before #UD (SDM vol. 2, 2.4
// exception classes).

import { raiseNM, raiseUD } from "../vcpu/fault";
import { cr0, cr4 } from "../vcpu/state";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../x86/control";

export function vector(_u: usize): i32 {
  if ((cr0() & CR0_EM) != 0 || (cr4() & CR4_OSFXSR) == 0) return raiseUD();
  return (cr0() & CR0_TS) != 0 ? raiseNM() : raiseUD();
}
