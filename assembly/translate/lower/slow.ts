// Instructions that tier 0 executes out of line (execute/slow) and a region translates all the same: which, what they
// do to the flags, who writes them. The others leave the region for one step.

import { PROCESSOR_COUNT } from "../../layout";
import { Op } from "../../decode/op";
import { uopSize } from "../../decode/uop";
import { FLAGS_DYNAMIC } from "../../region/record";
import { LazyKind } from "../../vcpu/flags";
import { code64 } from "../form";
import { clearWord, countOnes, countZeros, loadReversed, scan, storeReversed, testBit } from "./bits";
import { addCarry, andNot, extractField, lowestBit, multiplyPlain, shiftPlain, zeroHigh } from "./bmi";
import { compareExchange, compareExchange16, compareExchange8, exchange, exchangeAdd } from "./exchange";
import { compareState, staticState, UNKNOWN } from "./flags";
import { canAddress, operandHost } from "./memory";
import { divide, divideSigned, multiply, multiplyTo } from "./muldiv";
import { isMemory } from "./operand";
import {
  changeCarry,
  changeDirection,
  conditionalMove,
  disableInterrupts,
  extendByte,
  extendWord,
  flagsFromAH,
  flagsToAH,
  pushAllFlags,
  readSelector,
  readTimeStamp,
  setCondition,
  translateByte,
} from "./plain";
import { keepsFlags, leavesResult, shiftOperand } from "./shift";
import { canPop, leaveFrame, pop, push } from "./stack";
import { compareString, isRepeated, loadString, moveString, scanString, storeString } from "./string";

/** The r/m operand is in a register or can be addressed. */
function canReach(u: usize): bool { return !isMemory(u) || canAddress(u); }

export function canLowerSlow(u: usize, o: u32): bool {
  if (o >= <u32>Op.SHIFT_ROL && o <= <u32>Op.MOVBE_STORE) return canReach(u);
  if (o >= <u32>Op.ANDN && o <= <u32>Op.SHRX) return code64 && o != <u32>Op.PDEP && o != <u32>Op.PEXT && canReach(u);
  if (o >= <u32>Op.MOVS && o <= <u32>Op.CMPS) return !isRepeated(u);
  switch (o) {
    case Op.NOP_RM:
    case Op.FENCE:
    case Op.BSWAP16:
    case Op.CBW:
    case Op.CWD:
    case Op.XLAT:
    case Op.LAHF:
    case Op.SAHF:
    case Op.CLC:
    case Op.STC:
    case Op.CMC:
    case Op.CLD:
    case Op.STD:
    case Op.CLI:
    case Op.PUSHF:
    case Op.PUSH_IMM:
    case Op.PUSH_SEG:
    case Op.LEAVE:
    case Op.RDTSC:
    case Op.RDTSCP:
      return true;
    // Nobody else waits for the turn.
    case Op.PAUSE: return load<u32>(PROCESSOR_COUNT) <= 1;
    case Op.POP: return canPop(u) && canReach(u);
    case Op.XADD:
    case Op.CMPXCHG:
    case Op.CMPXCHG8B:
    case Op.CMPXCHG16B:
    case Op.XCHG:
    case Op.MUL:
    case Op.IMUL1:
    case Op.DIV:
    case Op.IDIV:
    case Op.IMUL2:
    case Op.IMUL3:
    case Op.ADCX:
    case Op.ADOX:
    case Op.CMOV:
    case Op.SETCC_M:
    case Op.MOV_FROM_SEG:
    case Op.CLFLUSH:
    case Op.PUSH:
      return canReach(u);
  }
  return false;
}

const EAGER: u32 = LazyKind.EAGER << 2;

/** Flag state behind an instruction, UNKNOWN when it leaves the flags alone. */
export function effectOfSlow(u: usize, o: u32): u32 {
  const size = uopSize(u);
  if (o >= <u32>Op.SHIFT_ROL && o <= <u32>Op.SHRD_CL) {
    if (keepsFlags(u, o)) return UNKNOWN;
    return leavesResult(u, o) ? staticState(LazyKind.RESULT, size) : FLAGS_DYNAMIC;
  }
  if (o >= <u32>Op.BT_R && o <= <u32>Op.BTC_I) return FLAGS_DYNAMIC;
  switch (o) {
    case Op.XADD: return staticState(LazyKind.ADD, size);
    case Op.CMPXCHG:
    case Op.SCAS:
    case Op.CMPS:
      return compareState(size);
    case Op.BSF:
    case Op.BSR:
      return staticState(LazyKind.LOGIC, 2);
    case Op.ANDN: return staticState(LazyKind.LOGIC, size);
    case Op.BLSI:
    case Op.BLSMSK:
    case Op.BLSR:
    case Op.BZHI:
      return staticState(LazyKind.RESULT, size);
    case Op.CMPXCHG8B:
    case Op.CMPXCHG16B:
    case Op.TZCNT:
    case Op.LZCNT:
    case Op.POPCNT:
    case Op.BEXTR:
    case Op.DIV:
    case Op.IDIV:
    case Op.SAHF:
      return EAGER;
    case Op.MUL:
    case Op.IMUL1:
    case Op.IMUL2:
    case Op.IMUL3:
    case Op.ADCX:
    case Op.ADOX:
    case Op.CLC:
    case Op.STC:
    case Op.CMC:
      return FLAGS_DYNAMIC;
  }
  return UNKNOWN;
}

/** Writes the translation of an instruction that canLowerSlow accepts. */
export function lowerSlow(u: usize, o: u32): bool {
  if (o >= <u32>Op.SHIFT_ROL && o <= <u32>Op.SHRD_CL) {
    shiftOperand(u, o);
    return true;
  }
  if (o >= <u32>Op.BT_R && o <= <u32>Op.BTC_I) {
    testBit(u, o);
    return true;
  }
  switch (o) {
    case Op.NOP_RM:
    case Op.FENCE:
    case Op.PAUSE:
      return true;
    // arithmetic
    case Op.XADD: exchangeAdd(u); return true;
    case Op.CMPXCHG: compareExchange(u); return true;
    case Op.CMPXCHG8B: compareExchange8(u); return true;
    case Op.CMPXCHG16B: compareExchange16(u); return true;
    case Op.XCHG: exchange(u); return true;
    case Op.MUL: multiply(u, false); return true;
    case Op.IMUL1: multiply(u, true); return true;
    case Op.IMUL2:
    case Op.IMUL3:
      multiplyTo(u, o);
      return true;
    case Op.DIV: divide(u); return true;
    case Op.IDIV: divideSigned(u); return true;
    case Op.CBW: extendByte(); return true;
    case Op.CWD: extendWord(); return true;
    case Op.ADCX:
    case Op.ADOX:
      addCarry(u, o);
      return true;
    // bits
    case Op.BSF: scan(u, true); return true;
    case Op.BSR: scan(u, false); return true;
    case Op.TZCNT: countZeros(u, true); return true;
    case Op.LZCNT: countZeros(u, false); return true;
    case Op.POPCNT: countOnes(u); return true;
    case Op.MOVBE_LOAD: loadReversed(u); return true;
    case Op.MOVBE_STORE: storeReversed(u); return true;
    case Op.BSWAP16: clearWord(u); return true;
    case Op.ANDN: andNot(u); return true;
    case Op.BEXTR: extractField(u); return true;
    case Op.BLSI:
    case Op.BLSMSK:
    case Op.BLSR:
      lowestBit(u, o);
      return true;
    case Op.BZHI: zeroHigh(u); return true;
    case Op.MULX: multiplyPlain(u); return true;
    case Op.RORX:
    case Op.SARX:
    case Op.SHLX:
    case Op.SHRX:
      shiftPlain(u, o);
      return true;
    // moves and flags
    case Op.CMOV: conditionalMove(u); return true;
    case Op.SETCC_M: setCondition(u); return true;
    case Op.XLAT: translateByte(u); return true;
    case Op.MOV_FROM_SEG: readSelector(u); return true;
    case Op.LAHF: flagsToAH(); return true;
    case Op.SAHF: flagsFromAH(); return true;
    case Op.CLC:
    case Op.STC:
    case Op.CMC:
      changeCarry(o);
      return true;
    case Op.CLD: changeDirection(false); return true;
    case Op.STD: changeDirection(true); return true;
    case Op.CLI: disableInterrupts(); return true;
    case Op.PUSHF: pushAllFlags(u); return true;
    case Op.RDTSC: readTimeStamp(false); return true;
    case Op.RDTSCP: readTimeStamp(true); return true;
    // It faults like a load of a byte.
    case Op.CLFLUSH: operandHost(u, 0, false); return true;
    // strings
    case Op.MOVS: moveString(u); return true;
    case Op.STOS: storeString(u); return true;
    case Op.LODS: loadString(u); return true;
    case Op.SCAS: scanString(u); return true;
    case Op.CMPS: compareString(u); return true;
    // stack
    case Op.PUSH:
    case Op.PUSH_IMM:
    case Op.PUSH_SEG:
      push(u, o);
      return true;
    case Op.POP: pop(u); return true;
    case Op.LEAVE: leaveFrame(uopSize(u)); return true;
  }
  return false;
}
