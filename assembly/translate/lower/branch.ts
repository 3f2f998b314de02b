// Near branches outside the fast forms of tier 0 (execute/branch): those of 16-bit code, with stacks that need checks,
// RET with a count, LOOP and JCXZ. They end a node like the fast forms. Operand sizes that are not the code's own cut
// targets in rare ways and are executed out of line.

import { MODE_CODE, MODE_CODE16, MODE_CODE32 } from "../../decode/mode";
import { Op } from "../../decode/op";
import { uopAddressSize, uopDst, uopSize } from "../../decode/uop";
import { code64, mode } from "../form";
import { get, op, tee, Wasm } from "../wasm";
import { Term } from "../work";
import { pushCondition, pushZF } from "./flags";
import { arithmetic, compare, constant, cut, getRegister, setRegister, temporary } from "./locals";
import { canAddress } from "./memory";
import { isMemory } from "./operand";

const RCX: u32 = 1 << 3;

/** How such a branch ends a node; LEAVE: it is none, or not for here. */
export function nearTerm(u: usize, o: u32): u32 {
  const size = uopSize(u);
  const code = mode & MODE_CODE;
  const own = code64 ? size == 3 : code == MODE_CODE32 ? size == 2 : code == MODE_CODE16;
  if (!own) return Term.LEAVE;
  switch (o) {
    case Op.JMP_NEAR: return Term.JUMP;
    case Op.JCC_NEAR:
    case Op.LOOPNE:
    case Op.LOOPE:
    case Op.LOOP:
    case Op.JCXZ:
      return Term.BRANCH;
    case Op.CALL_NEAR: return Term.CALL;
    case Op.RET_NEAR: return Term.RETURN;
    case Op.JMP_IND:
    case Op.CALL_IND:
      if (isMemory(u) && !canAddress(u)) return Term.LEAVE;
      return o == <u32>Op.JMP_IND ? Term.INDIRECT : Term.INDIRECT_CALL;
  }
  return Term.LEAVE;
}

/** Does what a conditional one does to rCX and pushes whether it is taken. Its target has been checked. */
export function pushTaken(u: usize, o: u32): void {
  if (o == <u32>Op.JCC_NEAR) return pushCondition(<u32>uopDst(u));
  const size = uopAddressSize(u);
  if (o == <u32>Op.JCXZ) {
    getRegister(RCX, size);
    op(size == 3 ? Wasm.I64_EQZ : Wasm.I32_EQZ);
    return;
  }
  const count = temporary(0, size);
  getRegister(RCX, size);
  constant(1, size);
  arithmetic(Wasm.I32_SUB, size);
  cut(size);
  tee(count);
  setRegister(RCX, size);
  get(count);
  constant(0, size);
  compare(Wasm.I32_NE, size);
  if (o == <u32>Op.LOOP) return;
  pushZF();
  if (o == <u32>Op.LOOPNE) op(Wasm.I32_EQZ);
  op(Wasm.I32_AND);
}
