// Tier 0: one dense switch over the micro-ops (a true br_table). Hot forms are inline arms, everything
// else is a call to execute/slow.
//
// Fuel is paid per block on entry (`remain` of its first micro-op) and what was not used is given back
// when the block is left early; a block that cannot be paid is not entered, and the run loop steps
// through the rest, so any stop point is exact. An arm ends in one of three ways: `continue` (go on at
// u), `break` with outcome JUMP or TAKEN (a branch), or `break` alone, which means that the instruction
// failed: FAULT says why, nothing is committed and RIP stays at it.
//
// Branches heat the blocks that they lead to; one that has become hot is looked up by `enter`, which reports it. So
// counting takes no call out of this loop, and measures as free: two instructions in the shadow of the dispatch.

import { FETCH_TAG, FUEL, GPR, RIP_MASK, RIP_PAGE } from "../layout";
import { blockFrame2, NO_FRAME, warmBlock } from "../decode/cache";
import { JUMP_TAG, JUMP_UOP, jumpEntry } from "../decode/jump";
import { Op } from "../decode/op";
import { UOP, UOP_LINK, uopDst, uopImm, uopOffset, uopOp, uopRemain, uopSrc } from "../decode/uop";
import { add, and, dec, imul2, inc, setCF, sub } from "../execute/alu";
import { slow } from "../execute/slow";
import { Arithmetic } from "../execute/sse/element";
import { effectiveAddress } from "../vcpu/address";
import { raiseGP, raiseUD } from "../vcpu/fault";
import { condition } from "../vcpu/flags";
import { faulted, nextRip, RAX, RDX, rip, ripOf, setRip } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { begin, callable, enter, plausible } from "./enter";
import {
  compareFloat,
  doubleFromInteger,
  integerFromDouble,
  narrowFloat,
  packedFloat,
  scalarFloat,
  widenFloat,
} from "./float";
import {
  cmpTaken,
  drop,
  extendM,
  extendR,
  imm,
  Kind,
  leave,
  memoryOperand,
  opMI,
  opMR,
  opRI,
  opRM,
  opRR,
  pop,
  push,
  reg,
  returnAddress,
  setReg,
  Shift,
  shiftRC,
  shiftRI,
  takenCompare,
  takenResult,
  testTaken,
  top,
  Unary,
  unaryM,
  unaryR,
} from "./forms";
import { runRegions } from "./region";
import { general, general38, general3a, loadVector, moveVector, packedVector, storeVector } from "./vector";

/** The instruction failed. */
const FAILED: i32 = 0;
/** Go on at `target`. */
const JUMP: i32 = 1;
/** A direct branch at `u` is taken; its target may be linked. */
const TAKEN: i32 = 2;

/**
 * Runs from RIP (u = 0) or from a paid micro-op until the fuel is used up, an instruction fails, or one
 * asks for the run loop. RIP and FUEL are exact on return.
 */
export function interpret(from: usize): void {
  let fuel = load<i32>(FUEL);
  let u = from;
  let target: u64 = 0;
  let outcome = FAILED;
  /** Branch whose link was followed last. */
  let source: usize = 0;
  if (u == 0) {
    u = begin(rip());
    if (u == 0) return;
    fuel -= uopRemain(u);
    if (fuel < 0) return;
  }
  for (;;) {
    if (outcome == FAILED) {
      for (;;) {
        switch (uopOp(u)) {
          case Op.INVALID: raiseUD(); break;
          case Op.STALE:
            // Whoever led here must not do so again: the branch's link, the jump cache.
            if (source != 0 && <usize>load<u32>(source, UOP_LINK) == u) store<u32>(source, 0, UOP_LINK);
            fuel += uopRemain(u);
            target = ripOf(u);
            store<u32>(jumpEntry(target), 0, JUMP_TAG);
            outcome = JUMP;
            break;
          case Op.GOTO:
            // Not an instruction: the branch below gives back one tick too many for it.
            fuel += 1;
            outcome = TAKEN;
            break;
          case Op.STEP_END:
            setRip(ripOf(u));
            store<i32>(FUEL, fuel);
            return;
          case Op.TOO_LONG: raiseGP(0); break;
          case Op.REGION: {
            store<i32>(FUEL, fuel + uopRemain(u));
            u = runRegions(u);
            if (u == 0) return;
            fuel = load<i32>(FUEL) - uopRemain(u);
            if (fuel < 0) {
              setRip(ripOf(u));
              return;
            }
            source = 0;
            continue;
          }

          case Op.ADD_RR8: opRR<u8>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RI8: opRI<u8>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RM8: if (!opRM<u8>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MR8: if (!opMR<u8>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MI8: if (!opMI<u8>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_RR16: opRR<u16>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RI16: opRI<u16>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RM16: if (!opRM<u16>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MR16: if (!opMR<u16>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MI16: if (!opMI<u16>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_RR32: opRR<u32>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RI32: opRI<u32>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RM32: if (!opRM<u32>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MR32: if (!opMR<u32>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MI32: if (!opMI<u32>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_RR64: opRR<u64>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RI64: opRI<u64>(Kind.ADD, u); u += UOP; continue;
          case Op.ADD_RM64: if (!opRM<u64>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MR64: if (!opMR<u64>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.ADD_MI64: if (!opMI<u64>(Kind.ADD, u)) break; u += UOP; continue;
          case Op.OR_RR8: opRR<u8>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RI8: opRI<u8>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RM8: if (!opRM<u8>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MR8: if (!opMR<u8>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MI8: if (!opMI<u8>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_RR16: opRR<u16>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RI16: opRI<u16>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RM16: if (!opRM<u16>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MR16: if (!opMR<u16>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MI16: if (!opMI<u16>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_RR32: opRR<u32>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RI32: opRI<u32>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RM32: if (!opRM<u32>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MR32: if (!opMR<u32>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MI32: if (!opMI<u32>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_RR64: opRR<u64>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RI64: opRI<u64>(Kind.OR, u); u += UOP; continue;
          case Op.OR_RM64: if (!opRM<u64>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MR64: if (!opMR<u64>(Kind.OR, u)) break; u += UOP; continue;
          case Op.OR_MI64: if (!opMI<u64>(Kind.OR, u)) break; u += UOP; continue;
          case Op.ADC_RR8: opRR<u8>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RI8: opRI<u8>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RM8: if (!opRM<u8>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MR8: if (!opMR<u8>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MI8: if (!opMI<u8>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_RR16: opRR<u16>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RI16: opRI<u16>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RM16: if (!opRM<u16>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MR16: if (!opMR<u16>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MI16: if (!opMI<u16>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_RR32: opRR<u32>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RI32: opRI<u32>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RM32: if (!opRM<u32>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MR32: if (!opMR<u32>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MI32: if (!opMI<u32>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_RR64: opRR<u64>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RI64: opRI<u64>(Kind.ADC, u); u += UOP; continue;
          case Op.ADC_RM64: if (!opRM<u64>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MR64: if (!opMR<u64>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.ADC_MI64: if (!opMI<u64>(Kind.ADC, u)) break; u += UOP; continue;
          case Op.SBB_RR8: opRR<u8>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RI8: opRI<u8>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RM8: if (!opRM<u8>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MR8: if (!opMR<u8>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MI8: if (!opMI<u8>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_RR16: opRR<u16>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RI16: opRI<u16>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RM16: if (!opRM<u16>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MR16: if (!opMR<u16>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MI16: if (!opMI<u16>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_RR32: opRR<u32>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RI32: opRI<u32>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RM32: if (!opRM<u32>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MR32: if (!opMR<u32>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MI32: if (!opMI<u32>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_RR64: opRR<u64>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RI64: opRI<u64>(Kind.SBB, u); u += UOP; continue;
          case Op.SBB_RM64: if (!opRM<u64>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MR64: if (!opMR<u64>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.SBB_MI64: if (!opMI<u64>(Kind.SBB, u)) break; u += UOP; continue;
          case Op.AND_RR8: opRR<u8>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RI8: opRI<u8>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RM8: if (!opRM<u8>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MR8: if (!opMR<u8>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MI8: if (!opMI<u8>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_RR16: opRR<u16>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RI16: opRI<u16>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RM16: if (!opRM<u16>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MR16: if (!opMR<u16>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MI16: if (!opMI<u16>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_RR32: opRR<u32>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RI32: opRI<u32>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RM32: if (!opRM<u32>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MR32: if (!opMR<u32>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MI32: if (!opMI<u32>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_RR64: opRR<u64>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RI64: opRI<u64>(Kind.AND, u); u += UOP; continue;
          case Op.AND_RM64: if (!opRM<u64>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MR64: if (!opMR<u64>(Kind.AND, u)) break; u += UOP; continue;
          case Op.AND_MI64: if (!opMI<u64>(Kind.AND, u)) break; u += UOP; continue;
          case Op.SUB_RR8: opRR<u8>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RI8: opRI<u8>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RM8: if (!opRM<u8>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MR8: if (!opMR<u8>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MI8: if (!opMI<u8>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_RR16: opRR<u16>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RI16: opRI<u16>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RM16: if (!opRM<u16>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MR16: if (!opMR<u16>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MI16: if (!opMI<u16>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_RR32: opRR<u32>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RI32: opRI<u32>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RM32: if (!opRM<u32>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MR32: if (!opMR<u32>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MI32: if (!opMI<u32>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_RR64: opRR<u64>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RI64: opRI<u64>(Kind.SUB, u); u += UOP; continue;
          case Op.SUB_RM64: if (!opRM<u64>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MR64: if (!opMR<u64>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.SUB_MI64: if (!opMI<u64>(Kind.SUB, u)) break; u += UOP; continue;
          case Op.XOR_RR8: opRR<u8>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RI8: opRI<u8>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RM8: if (!opRM<u8>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MR8: if (!opMR<u8>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MI8: if (!opMI<u8>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_RR16: opRR<u16>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RI16: opRI<u16>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RM16: if (!opRM<u16>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MR16: if (!opMR<u16>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MI16: if (!opMI<u16>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_RR32: opRR<u32>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RI32: opRI<u32>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RM32: if (!opRM<u32>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MR32: if (!opMR<u32>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MI32: if (!opMI<u32>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_RR64: opRR<u64>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RI64: opRI<u64>(Kind.XOR, u); u += UOP; continue;
          case Op.XOR_RM64: if (!opRM<u64>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MR64: if (!opMR<u64>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.XOR_MI64: if (!opMI<u64>(Kind.XOR, u)) break; u += UOP; continue;
          case Op.CMP_RR8: opRR<u8>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RI8: opRI<u8>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RM8: if (!opRM<u8>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MR8: if (!opMR<u8>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MI8: if (!opMI<u8>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_RR16: opRR<u16>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RI16: opRI<u16>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RM16: if (!opRM<u16>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MR16: if (!opMR<u16>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MI16: if (!opMI<u16>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_RR32: opRR<u32>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RI32: opRI<u32>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RM32: if (!opRM<u32>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MR32: if (!opMR<u32>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MI32: if (!opMI<u32>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_RR64: opRR<u64>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RI64: opRI<u64>(Kind.CMP, u); u += UOP; continue;
          case Op.CMP_RM64: if (!opRM<u64>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MR64: if (!opMR<u64>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.CMP_MI64: if (!opMI<u64>(Kind.CMP, u)) break; u += UOP; continue;
          case Op.TEST_RR8: opRR<u8>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_RI8: opRI<u8>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_MR8: if (!opMR<u8>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_MI8: if (!opMI<u8>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_RR16: opRR<u16>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_RI16: opRI<u16>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_MR16: if (!opMR<u16>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_MI16: if (!opMI<u16>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_RR32: opRR<u32>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_RI32: opRI<u32>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_MR32: if (!opMR<u32>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_MI32: if (!opMI<u32>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_RR64: opRR<u64>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_RI64: opRI<u64>(Kind.TEST, u); u += UOP; continue;
          case Op.TEST_MR64: if (!opMR<u64>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.TEST_MI64: if (!opMI<u64>(Kind.TEST, u)) break; u += UOP; continue;
          case Op.MOV_RR8: opRR<u8>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RI8: opRI<u8>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RM8: if (!opRM<u8>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MR8: if (!opMR<u8>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MI8: if (!opMI<u8>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_RR16: opRR<u16>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RI16: opRI<u16>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RM16: if (!opRM<u16>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MR16: if (!opMR<u16>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MI16: if (!opMI<u16>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_RR32: opRR<u32>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RI32: opRI<u32>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RM32: if (!opRM<u32>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MR32: if (!opMR<u32>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MI32: if (!opMI<u32>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_RR64: opRR<u64>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RI64: opRI<u64>(Kind.MOV, u); u += UOP; continue;
          case Op.MOV_RM64: if (!opRM<u64>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MR64: if (!opMR<u64>(Kind.MOV, u)) break; u += UOP; continue;
          case Op.MOV_MI64: if (!opMI<u64>(Kind.MOV, u)) break; u += UOP; continue;

          case Op.MOVZX_8_16_R: extendR<u8, u16>(u); u += UOP; continue;
          case Op.MOVZX_8_16_M: if (!extendM<u8, u16>(u)) break; u += UOP; continue;
          case Op.MOVZX_8_32_R: extendR<u8, u32>(u); u += UOP; continue;
          case Op.MOVZX_8_32_M: if (!extendM<u8, u32>(u)) break; u += UOP; continue;
          case Op.MOVZX_16_32_R: extendR<u16, u32>(u); u += UOP; continue;
          case Op.MOVZX_16_32_M: if (!extendM<u16, u32>(u)) break; u += UOP; continue;
          case Op.MOVSX_8_16_R: extendR<i8, u16>(u); u += UOP; continue;
          case Op.MOVSX_8_16_M: if (!extendM<i8, u16>(u)) break; u += UOP; continue;
          case Op.MOVSX_8_32_R: extendR<i8, u32>(u); u += UOP; continue;
          case Op.MOVSX_8_32_M: if (!extendM<i8, u32>(u)) break; u += UOP; continue;
          case Op.MOVSX_8_64_R: extendR<i8, u64>(u); u += UOP; continue;
          case Op.MOVSX_8_64_M: if (!extendM<i8, u64>(u)) break; u += UOP; continue;
          case Op.MOVSX_16_32_R: extendR<i16, u32>(u); u += UOP; continue;
          case Op.MOVSX_16_32_M: if (!extendM<i16, u32>(u)) break; u += UOP; continue;
          case Op.MOVSX_16_64_R: extendR<i16, u64>(u); u += UOP; continue;
          case Op.MOVSX_16_64_M: if (!extendM<i16, u64>(u)) break; u += UOP; continue;
          case Op.MOVSX_32_64_R: extendR<i32, u64>(u); u += UOP; continue;
          case Op.MOVSX_32_64_M: if (!extendM<i32, u64>(u)) break; u += UOP; continue;
          case Op.LEA16: setReg<u16>(uopDst(u), <u16>effectiveAddress(u)); u += UOP; continue;
          case Op.LEA32: setReg<u32>(uopDst(u), <u32>effectiveAddress(u)); u += UOP; continue;
          case Op.LEA64: setReg<u64>(uopDst(u), <u64>effectiveAddress(u)); u += UOP; continue;

          case Op.INC_R8: unaryR<u8>(Unary.INC, u); u += UOP; continue;
          case Op.INC_M8: if (!unaryM<u8>(Unary.INC, u)) break; u += UOP; continue;
          case Op.INC_R16: unaryR<u16>(Unary.INC, u); u += UOP; continue;
          case Op.INC_M16: if (!unaryM<u16>(Unary.INC, u)) break; u += UOP; continue;
          case Op.INC_R32: unaryR<u32>(Unary.INC, u); u += UOP; continue;
          case Op.INC_M32: if (!unaryM<u32>(Unary.INC, u)) break; u += UOP; continue;
          case Op.INC_R64: unaryR<u64>(Unary.INC, u); u += UOP; continue;
          case Op.INC_M64: if (!unaryM<u64>(Unary.INC, u)) break; u += UOP; continue;
          case Op.DEC_R8: unaryR<u8>(Unary.DEC, u); u += UOP; continue;
          case Op.DEC_M8: if (!unaryM<u8>(Unary.DEC, u)) break; u += UOP; continue;
          case Op.DEC_R16: unaryR<u16>(Unary.DEC, u); u += UOP; continue;
          case Op.DEC_M16: if (!unaryM<u16>(Unary.DEC, u)) break; u += UOP; continue;
          case Op.DEC_R32: unaryR<u32>(Unary.DEC, u); u += UOP; continue;
          case Op.DEC_M32: if (!unaryM<u32>(Unary.DEC, u)) break; u += UOP; continue;
          case Op.DEC_R64: unaryR<u64>(Unary.DEC, u); u += UOP; continue;
          case Op.DEC_M64: if (!unaryM<u64>(Unary.DEC, u)) break; u += UOP; continue;
          case Op.NOT_R8: unaryR<u8>(Unary.NOT, u); u += UOP; continue;
          case Op.NOT_M8: if (!unaryM<u8>(Unary.NOT, u)) break; u += UOP; continue;
          case Op.NOT_R16: unaryR<u16>(Unary.NOT, u); u += UOP; continue;
          case Op.NOT_M16: if (!unaryM<u16>(Unary.NOT, u)) break; u += UOP; continue;
          case Op.NOT_R32: unaryR<u32>(Unary.NOT, u); u += UOP; continue;
          case Op.NOT_M32: if (!unaryM<u32>(Unary.NOT, u)) break; u += UOP; continue;
          case Op.NOT_R64: unaryR<u64>(Unary.NOT, u); u += UOP; continue;
          case Op.NOT_M64: if (!unaryM<u64>(Unary.NOT, u)) break; u += UOP; continue;
          case Op.NEG_R8: unaryR<u8>(Unary.NEG, u); u += UOP; continue;
          case Op.NEG_M8: if (!unaryM<u8>(Unary.NEG, u)) break; u += UOP; continue;
          case Op.NEG_R16: unaryR<u16>(Unary.NEG, u); u += UOP; continue;
          case Op.NEG_M16: if (!unaryM<u16>(Unary.NEG, u)) break; u += UOP; continue;
          case Op.NEG_R32: unaryR<u32>(Unary.NEG, u); u += UOP; continue;
          case Op.NEG_M32: if (!unaryM<u32>(Unary.NEG, u)) break; u += UOP; continue;
          case Op.NEG_R64: unaryR<u64>(Unary.NEG, u); u += UOP; continue;
          case Op.NEG_M64: if (!unaryM<u64>(Unary.NEG, u)) break; u += UOP; continue;
          case Op.ROL_RI32: shiftRI<u32>(Shift.ROL, u); u += UOP; continue;
          case Op.ROL_RC32: shiftRC<u32>(Shift.ROL, u); u += UOP; continue;
          case Op.ROL_RI64: shiftRI<u64>(Shift.ROL, u); u += UOP; continue;
          case Op.ROL_RC64: shiftRC<u64>(Shift.ROL, u); u += UOP; continue;
          case Op.ROR_RI32: shiftRI<u32>(Shift.ROR, u); u += UOP; continue;
          case Op.ROR_RC32: shiftRC<u32>(Shift.ROR, u); u += UOP; continue;
          case Op.ROR_RI64: shiftRI<u64>(Shift.ROR, u); u += UOP; continue;
          case Op.ROR_RC64: shiftRC<u64>(Shift.ROR, u); u += UOP; continue;
          case Op.SHL_RI32: shiftRI<u32>(Shift.SHL, u); u += UOP; continue;
          case Op.SHL_RC32: shiftRC<u32>(Shift.SHL, u); u += UOP; continue;
          case Op.SHL_RI64: shiftRI<u64>(Shift.SHL, u); u += UOP; continue;
          case Op.SHL_RC64: shiftRC<u64>(Shift.SHL, u); u += UOP; continue;
          case Op.SHR_RI32: shiftRI<u32>(Shift.SHR, u); u += UOP; continue;
          case Op.SHR_RC32: shiftRC<u32>(Shift.SHR, u); u += UOP; continue;
          case Op.SHR_RI64: shiftRI<u64>(Shift.SHR, u); u += UOP; continue;
          case Op.SHR_RC64: shiftRC<u64>(Shift.SHR, u); u += UOP; continue;
          case Op.SAR_RI32: shiftRI<u32>(Shift.SAR, u); u += UOP; continue;
          case Op.SAR_RC32: shiftRC<u32>(Shift.SAR, u); u += UOP; continue;
          case Op.SAR_RI64: shiftRI<u64>(Shift.SAR, u); u += UOP; continue;
          case Op.SAR_RC64: shiftRC<u64>(Shift.SAR, u); u += UOP; continue;
          case Op.IMUL_RR32: setReg<u32>(uopDst(u), imul2<u32>(reg<u32>(uopDst(u)), reg<u32>(uopSrc(u)))); u += UOP; continue;
          case Op.IMUL_RRI32: setReg<u32>(uopDst(u), imul2<u32>(reg<u32>(uopSrc(u)), imm<u32>(u))); u += UOP; continue;
          case Op.IMUL_RM32: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            setReg<u32>(uopDst(u), imul2<u32>(reg<u32>(uopDst(u)), value));
            u += UOP;
            continue;
          }
          case Op.IMUL_RR64: setReg<u64>(uopDst(u), imul2<u64>(reg<u64>(uopDst(u)), reg<u64>(uopSrc(u)))); u += UOP; continue;
          case Op.IMUL_RRI64: setReg<u64>(uopDst(u), imul2<u64>(reg<u64>(uopSrc(u)), imm<u64>(u))); u += UOP; continue;
          case Op.IMUL_RM64: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            setReg<u64>(uopDst(u), imul2<u64>(reg<u64>(uopDst(u)), value));
            u += UOP;
            continue;
          }

          case Op.PUSH_R32: if (!push<u32>(reg<u32>(uopDst(u)))) break; u += UOP; continue;
          case Op.PUSH_I32: if (!push<u32>(imm<u32>(u))) break; u += UOP; continue;
          case Op.POP_R32: if (!pop<u32>(u)) break; u += UOP; continue;
          case Op.LEAVE32: if (!leave<u32>()) break; u += UOP; continue;
          case Op.PUSH_R64: if (!push<u64>(reg<u64>(uopDst(u)))) break; u += UOP; continue;
          case Op.PUSH_I64: if (!push<u64>(imm<u64>(u))) break; u += UOP; continue;
          case Op.POP_R64: if (!pop<u64>(u)) break; u += UOP; continue;
          case Op.LEAVE64: if (!leave<u64>()) break; u += UOP; continue;

          case Op.CALL_REL32: {
            if ((load<u32>(u, UOP_LINK) == 0 && !callable<u32>((nextRip(u) + <u64>uopImm(u)) & load<u64>(RIP_MASK))) || !push<u32>(returnAddress<u32>(u))) break;
            outcome = TAKEN;
            break;
          }
          case Op.RET32: {
            target = <u64>top<u32>();
            if (faulted() || !plausible(target)) break;
            drop<u32>();
            outcome = JUMP;
            break;
          }
          case Op.CALL_R32: {
            target = <u64>reg<u32>(uopDst(u));
            if (!callable<u32>(target) || !push<u32>(returnAddress<u32>(u))) break;
            outcome = JUMP;
            break;
          }
          case Op.CALL_M32: {
            target = <u64>memoryOperand<u32>(u);
            if (faulted() || !callable<u32>(target) || !push<u32>(returnAddress<u32>(u))) break;
            outcome = JUMP;
            break;
          }
          case Op.JMP_R32: {
            target = <u64>reg<u32>(uopDst(u));
            if (!plausible(target)) break;
            outcome = JUMP;
            break;
          }
          case Op.JMP_M32: {
            target = <u64>memoryOperand<u32>(u);
            if (faulted() || !plausible(target)) break;
            outcome = JUMP;
            break;
          }
          case Op.CALL_REL64: {
            if ((load<u32>(u, UOP_LINK) == 0 && !callable<u64>((nextRip(u) + <u64>uopImm(u)) & load<u64>(RIP_MASK))) || !push<u64>(returnAddress<u64>(u))) break;
            outcome = TAKEN;
            break;
          }
          case Op.RET64: {
            target = <u64>top<u64>();
            if (faulted() || !plausible(target)) break;
            drop<u64>();
            outcome = JUMP;
            break;
          }
          case Op.CALL_R64: {
            target = <u64>reg<u64>(uopDst(u));
            if (!callable<u64>(target) || !push<u64>(returnAddress<u64>(u))) break;
            outcome = JUMP;
            break;
          }
          case Op.CALL_M64: {
            target = <u64>memoryOperand<u64>(u);
            if (faulted() || !callable<u64>(target) || !push<u64>(returnAddress<u64>(u))) break;
            outcome = JUMP;
            break;
          }
          case Op.JMP_R64: {
            target = <u64>reg<u64>(uopDst(u));
            if (!plausible(target)) break;
            outcome = JUMP;
            break;
          }
          case Op.JMP_M64: {
            target = <u64>memoryOperand<u64>(u);
            if (faulted() || !plausible(target)) break;
            outcome = JUMP;
            break;
          }
          case Op.JMP_REL: outcome = TAKEN; break;
          case Op.JCC:
            if (condition(<u32>uopDst(u))) {
              outcome = TAKEN;
              break;
            }
            u += UOP;
            continue;

          case Op.SETCC_R: setReg<u8>(uopDst(u), <u8>condition(<u32>uopSrc(u))); u += UOP; continue;
          case Op.CMOV_RR32:
            if (condition(<u32>uopImm(u))) setReg<u32>(uopDst(u), reg<u32>(uopSrc(u)));
            else setReg<u32>(uopDst(u), reg<u32>(uopDst(u)));
            u += UOP;
            continue;
          case Op.CMOV_RM32: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            if (condition(<u32>uopImm(u))) setReg<u32>(uopDst(u), value);
            else setReg<u32>(uopDst(u), reg<u32>(uopDst(u)));
            u += UOP;
            continue;
          }
          case Op.XCHG_RR32: {
            const value = reg<u32>(uopDst(u));
            setReg<u32>(uopDst(u), reg<u32>(uopSrc(u)));
            setReg<u32>(uopSrc(u), value);
            u += UOP;
            continue;
          }
          case Op.CMOV_RR64:
            if (condition(<u32>uopImm(u))) setReg<u64>(uopDst(u), reg<u64>(uopSrc(u)));
            u += UOP;
            continue;
          case Op.CMOV_RM64: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            if (condition(<u32>uopImm(u))) setReg<u64>(uopDst(u), value);
            u += UOP;
            continue;
          }
          case Op.XCHG_RR64: {
            const value = reg<u64>(uopDst(u));
            setReg<u64>(uopDst(u), reg<u64>(uopSrc(u)));
            setReg<u64>(uopSrc(u), value);
            u += UOP;
            continue;
          }
          case Op.CWDE: setReg<u32>(RAX, <u32>load<i16>(GPR)); u += UOP; continue;
          case Op.CDQE: setReg<u64>(RAX, <u64>load<i32>(GPR)); u += UOP; continue;
          case Op.CDQ: setReg<u32>(RDX, <u32>(load<i32>(GPR) >> 31)); u += UOP; continue;
          case Op.CQO: setReg<u64>(RDX, <u64>(load<i64>(GPR) >> 63)); u += UOP; continue;
          case Op.BSWAP32: setReg<u32>(uopDst(u), bswap<u32>(reg<u32>(uopDst(u)))); u += UOP; continue;
          case Op.BSWAP64: setReg<u64>(uopDst(u), bswap<u64>(reg<u64>(uopDst(u)))); u += UOP; continue;
          case Op.NOP: u += UOP; continue;
          case Op.BT_RI32: setCF(<u32>(reg<u32>(uopDst(u)) >> (imm<u32>(u) & 31)) & 1); u += UOP; continue;
          case Op.BT_RR32: setCF(<u32>(reg<u32>(uopDst(u)) >> (reg<u32>(uopSrc(u)) & 31)) & 1); u += UOP; continue;
          case Op.BT_RI64: setCF(<u32>(reg<u64>(uopDst(u)) >> (imm<u64>(u) & 63)) & 1); u += UOP; continue;
          case Op.BT_RR64: setCF(<u32>(reg<u64>(uopDst(u)) >> (reg<u64>(uopSrc(u)) & 63)) & 1); u += UOP; continue;

          // Fused with the branch behind: taken leaves u at the branch, not taken skips both.
          case Op.CMP_RR8_JCC:
            if (cmpTaken<u8>(u, reg<u8>(uopDst(u)), reg<u8>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RI8_JCC:
            if (cmpTaken<u8>(u, reg<u8>(uopDst(u)), imm<u8>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RM8_JCC: {
            const value = memoryOperand<u8>(u);
            if (faulted()) break;
            if (cmpTaken<u8>(u, reg<u8>(uopDst(u)), value)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MR8_JCC: {
            const value = memoryOperand<u8>(u);
            if (faulted()) break;
            if (cmpTaken<u8>(u, value, reg<u8>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MI8_JCC: {
            const value = memoryOperand<u8>(u);
            if (faulted()) break;
            if (cmpTaken<u8>(u, value, imm<u8>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_RR16_JCC:
            if (cmpTaken<u16>(u, reg<u16>(uopDst(u)), reg<u16>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RI16_JCC:
            if (cmpTaken<u16>(u, reg<u16>(uopDst(u)), imm<u16>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RM16_JCC: {
            const value = memoryOperand<u16>(u);
            if (faulted()) break;
            if (cmpTaken<u16>(u, reg<u16>(uopDst(u)), value)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MR16_JCC: {
            const value = memoryOperand<u16>(u);
            if (faulted()) break;
            if (cmpTaken<u16>(u, value, reg<u16>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MI16_JCC: {
            const value = memoryOperand<u16>(u);
            if (faulted()) break;
            if (cmpTaken<u16>(u, value, imm<u16>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_RR32_JCC:
            if (cmpTaken<u32>(u, reg<u32>(uopDst(u)), reg<u32>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RI32_JCC:
            if (cmpTaken<u32>(u, reg<u32>(uopDst(u)), imm<u32>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RM32_JCC: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            if (cmpTaken<u32>(u, reg<u32>(uopDst(u)), value)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MR32_JCC: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            if (cmpTaken<u32>(u, value, reg<u32>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MI32_JCC: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            if (cmpTaken<u32>(u, value, imm<u32>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_RR64_JCC:
            if (cmpTaken<u64>(u, reg<u64>(uopDst(u)), reg<u64>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RI64_JCC:
            if (cmpTaken<u64>(u, reg<u64>(uopDst(u)), imm<u64>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.CMP_RM64_JCC: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            if (cmpTaken<u64>(u, reg<u64>(uopDst(u)), value)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MR64_JCC: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            if (cmpTaken<u64>(u, value, reg<u64>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.CMP_MI64_JCC: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            if (cmpTaken<u64>(u, value, imm<u64>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_RR8_JCC:
            if (testTaken<u8>(u, reg<u8>(uopDst(u)), reg<u8>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_RI8_JCC:
            if (testTaken<u8>(u, reg<u8>(uopDst(u)), imm<u8>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_MR8_JCC: {
            const value = memoryOperand<u8>(u);
            if (faulted()) break;
            if (testTaken<u8>(u, value, reg<u8>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_MI8_JCC: {
            const value = memoryOperand<u8>(u);
            if (faulted()) break;
            if (testTaken<u8>(u, value, imm<u8>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_RR16_JCC:
            if (testTaken<u16>(u, reg<u16>(uopDst(u)), reg<u16>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_RI16_JCC:
            if (testTaken<u16>(u, reg<u16>(uopDst(u)), imm<u16>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_MR16_JCC: {
            const value = memoryOperand<u16>(u);
            if (faulted()) break;
            if (testTaken<u16>(u, value, reg<u16>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_MI16_JCC: {
            const value = memoryOperand<u16>(u);
            if (faulted()) break;
            if (testTaken<u16>(u, value, imm<u16>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_RR32_JCC:
            if (testTaken<u32>(u, reg<u32>(uopDst(u)), reg<u32>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_RI32_JCC:
            if (testTaken<u32>(u, reg<u32>(uopDst(u)), imm<u32>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_MR32_JCC: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            if (testTaken<u32>(u, value, reg<u32>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_MI32_JCC: {
            const value = memoryOperand<u32>(u);
            if (faulted()) break;
            if (testTaken<u32>(u, value, imm<u32>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_RR64_JCC:
            if (testTaken<u64>(u, reg<u64>(uopDst(u)), reg<u64>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_RI64_JCC:
            if (testTaken<u64>(u, reg<u64>(uopDst(u)), imm<u64>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          case Op.TEST_MR64_JCC: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            if (testTaken<u64>(u, value, reg<u64>(uopSrc(u)))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.TEST_MI64_JCC: {
            const value = memoryOperand<u64>(u);
            if (faulted()) break;
            if (testTaken<u64>(u, value, imm<u64>(u))) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.ADD_RR32_JCC: {
            const r = add<u32>(reg<u32>(uopDst(u)), reg<u32>(uopSrc(u)));
            setReg<u32>(uopDst(u), r);
            if (takenResult<u32>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.ADD_RI32_JCC: {
            const r = add<u32>(reg<u32>(uopDst(u)), imm<u32>(u));
            setReg<u32>(uopDst(u), r);
            if (takenResult<u32>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.ADD_RR64_JCC: {
            const r = add<u64>(reg<u64>(uopDst(u)), reg<u64>(uopSrc(u)));
            setReg<u64>(uopDst(u), r);
            if (takenResult<u64>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.ADD_RI64_JCC: {
            const r = add<u64>(reg<u64>(uopDst(u)), imm<u64>(u));
            setReg<u64>(uopDst(u), r);
            if (takenResult<u64>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.SUB_RR32_JCC: {
            const a = reg<u32>(uopDst(u));
            const b = reg<u32>(uopSrc(u));
            const r = sub<u32>(a, b);
            setReg<u32>(uopDst(u), r);
            if (takenCompare<u32>(u, a, b, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.SUB_RI32_JCC: {
            const a = reg<u32>(uopDst(u));
            const b = imm<u32>(u);
            const r = sub<u32>(a, b);
            setReg<u32>(uopDst(u), r);
            if (takenCompare<u32>(u, a, b, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.SUB_RR64_JCC: {
            const a = reg<u64>(uopDst(u));
            const b = reg<u64>(uopSrc(u));
            const r = sub<u64>(a, b);
            setReg<u64>(uopDst(u), r);
            if (takenCompare<u64>(u, a, b, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.SUB_RI64_JCC: {
            const a = reg<u64>(uopDst(u));
            const b = imm<u64>(u);
            const r = sub<u64>(a, b);
            setReg<u64>(uopDst(u), r);
            if (takenCompare<u64>(u, a, b, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.AND_RR32_JCC: {
            const r = and<u32>(reg<u32>(uopDst(u)), reg<u32>(uopSrc(u)));
            setReg<u32>(uopDst(u), r);
            if (takenResult<u32>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.AND_RI32_JCC: {
            const r = and<u32>(reg<u32>(uopDst(u)), imm<u32>(u));
            setReg<u32>(uopDst(u), r);
            if (takenResult<u32>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.AND_RR64_JCC: {
            const r = and<u64>(reg<u64>(uopDst(u)), reg<u64>(uopSrc(u)));
            setReg<u64>(uopDst(u), r);
            if (takenResult<u64>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.AND_RI64_JCC: {
            const r = and<u64>(reg<u64>(uopDst(u)), imm<u64>(u));
            setReg<u64>(uopDst(u), r);
            if (takenResult<u64>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.INC_R32_JCC: {
            const r = inc<u32>(reg<u32>(uopDst(u)));
            setReg<u32>(uopDst(u), r);
            if (takenResult<u32>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.INC_R64_JCC: {
            const r = inc<u64>(reg<u64>(uopDst(u)));
            setReg<u64>(uopDst(u), r);
            if (takenResult<u64>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.DEC_R32_JCC: {
            const r = dec<u32>(reg<u32>(uopDst(u)));
            setReg<u32>(uopDst(u), r);
            if (takenResult<u32>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }
          case Op.DEC_R64_JCC: {
            const r = dec<u64>(reg<u64>(uopDst(u)));
            setReg<u64>(uopDst(u), r);
            if (takenResult<u64>(u, r)) {
              u += UOP;
              outcome = TAKEN;
              break;
            }
            u += 2 * UOP;
            continue;
          }

          case Op.VECTOR_LOAD: if (!loadVector<v128>(u, false)) break; u += UOP; continue;
          case Op.VECTOR_LOAD_A: if (!loadVector<v128>(u, true)) break; u += UOP; continue;
          case Op.VECTOR_STORE: if (!storeVector<v128>(u, false)) break; u += UOP; continue;
          case Op.VECTOR_STORE_A: if (!storeVector<v128>(u, true)) break; u += UOP; continue;
          case Op.VECTOR_MOVE: if (!moveVector(u)) break; u += UOP; continue;
          case Op.VECTOR_LOAD64: if (!loadVector<u64>(u, false)) break; u += UOP; continue;
          case Op.VECTOR_LOAD32: if (!loadVector<u32>(u, false)) break; u += UOP; continue;
          case Op.VECTOR_STORE64: if (!storeVector<u64>(u, false)) break; u += UOP; continue;
          case Op.VECTOR_STORE32: if (!storeVector<u32>(u, false)) break; u += UOP; continue;
          case Op.VECTOR_PACKED: if (!packedVector(u)) break; u += UOP; continue;
          case Op.VECTOR_0F: if (!general(u)) break; u += UOP; continue;
          case Op.VECTOR_38: if (!general38(u)) break; u += UOP; continue;
          case Op.VECTOR_3A: if (!general3a(u)) break; u += UOP; continue;

          case Op.ADDPS: if (!packedFloat<f32, u32>(Arithmetic.ADD, u)) break; u += UOP; continue;
          case Op.ADDPD: if (!packedFloat<f64, u64>(Arithmetic.ADD, u)) break; u += UOP; continue;
          case Op.ADDSS: if (!scalarFloat<f32>(Arithmetic.ADD, u)) break; u += UOP; continue;
          case Op.ADDSD: if (!scalarFloat<f64>(Arithmetic.ADD, u)) break; u += UOP; continue;
          case Op.MULPS: if (!packedFloat<f32, u32>(Arithmetic.MUL, u)) break; u += UOP; continue;
          case Op.MULPD: if (!packedFloat<f64, u64>(Arithmetic.MUL, u)) break; u += UOP; continue;
          case Op.MULSS: if (!scalarFloat<f32>(Arithmetic.MUL, u)) break; u += UOP; continue;
          case Op.MULSD: if (!scalarFloat<f64>(Arithmetic.MUL, u)) break; u += UOP; continue;
          case Op.SUBPS: if (!packedFloat<f32, u32>(Arithmetic.SUB, u)) break; u += UOP; continue;
          case Op.SUBPD: if (!packedFloat<f64, u64>(Arithmetic.SUB, u)) break; u += UOP; continue;
          case Op.SUBSS: if (!scalarFloat<f32>(Arithmetic.SUB, u)) break; u += UOP; continue;
          case Op.SUBSD: if (!scalarFloat<f64>(Arithmetic.SUB, u)) break; u += UOP; continue;
          case Op.DIVPS: if (!packedFloat<f32, u32>(Arithmetic.DIV, u)) break; u += UOP; continue;
          case Op.DIVPD: if (!packedFloat<f64, u64>(Arithmetic.DIV, u)) break; u += UOP; continue;
          case Op.DIVSS: if (!scalarFloat<f32>(Arithmetic.DIV, u)) break; u += UOP; continue;
          case Op.DIVSD: if (!scalarFloat<f64>(Arithmetic.DIV, u)) break; u += UOP; continue;
          case Op.COMISS: if (!compareFloat<f32>(u)) break; u += UOP; continue;
          case Op.COMISD: if (!compareFloat<f64>(u)) break; u += UOP; continue;
          case Op.CVTSI2SD: if (!doubleFromInteger(u)) break; u += UOP; continue;
          case Op.CVTTSD2SI: if (!integerFromDouble(u)) break; u += UOP; continue;
          case Op.CVTSS2SD: if (!widenFloat(u)) break; u += UOP; continue;
          case Op.CVTSD2SS: if (!narrowFloat(u)) break; u += UOP; continue;

          default: {
            // Out of line: FUEL is exact there, with this instruction paid.
            const behind = uopRemain(u) - 1;
            store<i32>(FUEL, fuel + behind);
            const status = slow(uopOp(u), u);
            fuel = load<i32>(FUEL) - behind;
            if (status == Status.NEXT) {
              u += UOP;
              continue;
            }
            fuel += behind;
            if (status == Status.JUMP) {
              target = rip();
              outcome = JUMP;
              break;
            }
            if (status == Status.FAULT) {
              store<i32>(FUEL, fuel + 1);
              setRip(ripOf(u));
              return;
            }
            if (status == Status.SYNC) setRip(nextRip(u));
            return;
          }
        }
        break;
      }
    }

    let link: usize = 0;
    if (outcome == TAKEN) {
      fuel += uopRemain(u) - 1;
      link = <usize>load<u32>(u, UOP_LINK);
      if (link != 0) {
        const cost = uopRemain(link);
        if (fuel < cost) {
          setRip(ripOf(link));
          store<i32>(FUEL, fuel);
          return;
        }
        // A block that has become hot is entered by way of `enter`.
        if (warmBlock(link) > 0) {
          fuel -= cost;
          source = u;
          u = link;
          outcome = FAILED;
          continue;
        }
      }
      target = (nextRip(u) + <u64>uopImm(u)) & load<u64>(RIP_MASK);
      if (!plausible(target)) {
        fuel -= uopRemain(u) - 1;
        outcome = FAILED;
      }
    }
    if (outcome == FAILED) {
      fuel += uopRemain(u);
      setRip(ripOf(u));
      store<i32>(FUEL, fuel);
      return;
    }
    if (fuel <= 0) {
      setRip(target);
      store<i32>(FUEL, fuel);
      return;
    }
    const entry = jumpEntry(target);
    let next: usize;
    next = <usize>load<u32>(entry, JUMP_UOP);
    if (load<u64>(entry) == target && load<u32>(entry, JUMP_TAG) == load<u32>(FETCH_TAG) && warmBlock(next) > 0) {
      const page = target - <u64>uopOffset(next);
      if (outcome == TAKEN && page == load<u64>(RIP_PAGE) && blockFrame2(next) == NO_FRAME) store<u32>(u, next, UOP_LINK);
      store<u64>(RIP_PAGE, page);
    } else {
      store<i32>(FUEL, fuel);
      next = enter(target, entry);
      if (next == 0) return;
    }
    const cost = uopRemain(next);
    if (fuel < cost) {
      setRip(target);
      store<i32>(FUEL, fuel);
      return;
    }
    fuel -= cost;
    source = 0;
    u = next;
    outcome = FAILED;
  }
}
