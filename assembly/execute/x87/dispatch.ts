// Dispatch of ESC instructions, FWAIT, FXSAVE and FXRSTOR: two switches over opcode and ModRM.reg, one for memory
// operands, one for registers (decode/x87; SDM vol. 2, appendix A.5). Invalid encodings never arrive here.
//
// Order of an instruction: #NM, pending exception (not for the FN... forms), faults of the memory operand, then the
// operation, which cannot fault any more.

import { isMemory } from "../operand";
import { uopDst, uopImm, uopSeg, uopSrc } from "../../decode/uop";
import { extFromInteger, extWidenF32, extWidenF64 } from "../../float/extended-convert";
import { EXCEPTIONS, resultExponent } from "../../float/control";
import { readData, writeData } from "../../vcpu/access";
import { linear, linearForWrite } from "../../vcpu/address";
import { raiseNM } from "../../vcpu/fault";
import { cr0, faulted, RAX, setReg16 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { CR0_MP, CR0_TS } from "../../x86/control";
import { arithmetic, arithmeticMemory } from "./arithmetic";
import { compare, compareFlags, conditionalMove, examine, test } from "./compare";
import {
  initialize,
  loadEnvironment,
  loadStatus,
  restoreState,
  saveState,
  setControl,
  storeEnvironment,
} from "./environment";
import { fxrstor, fxsave } from "./fxsave";
import {
  changeSign,
  extract,
  loadIrrational,
  partialRemainder,
  roundToInteger,
  scale,
  squareRoot,
} from "./functions";
import { available, record, waited } from "./ready";
import { beginFloat, clearC1, controlWord, setTop, status, STATUS_SF, top } from "./registers";
import { Binary, binary, exponential, Trigonometric, trigonometric } from "./transcendental";
import {
  exchange,
  free,
  loadConstant,
  loadDecimal,
  loadExtended,
  loadF32,
  loadF64,
  loadInteger,
  loadRegister,
  storeDecimal,
  storeExtended,
  storeF32,
  storeF64,
  storeInteger,
  storeRegister,
  storeRegisterQuietly,
} from "./transfer";

/** #NM of FWAIT asks for MP as well: an emulator takes ESC, not WAIT. */
export function fwait(u: usize): i32 {
  if ((cr0() & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS)) return raiseNM();
  return waited(u);
}

export function x87(u: usize): i32 {
  if (!available()) return Status.FAULT;
  const selector = (<u32>uopDst(u) << 3) | <u32>uopSrc(u);
  return isMemory(u) ? memoryForm(u, selector) : registerForm(u, selector);
}

// ---- memory operands ------------------------------------------------------------------------------

function memoryForm(u: usize, selector: u32): i32 {
  // The FN... forms do not wait for a pending exception.
  switch (selector) {
    case 0o16: return storeEnvironment(u);
    case 0o17: return storeWord(u, controlWord());
    case 0o56: return saveState(u);
    case 0o57: return storeWord(u, status());
    case 0o100: return fxsave(u);
    case 0o101: return fxrstor(u);
  }
  const wait = waited(u);
  if (wait != Status.NEXT) return wait;
  switch (selector) {
    case 0o00: case 0o01: case 0o02: case 0o03: case 0o04: case 0o05: case 0o06: case 0o07: {
      const value = readData<u32>(linear(u, 4), uopSeg(u));
      if (faulted()) return Status.FAULT;
      return withOperand(u, selector & 7, extWidenF32(value));
    }
    case 0o10: return loadF32(u);
    case 0o12: return storeF32(u, false);
    case 0o13: return storeF32(u, true);
    case 0o14: return loadEnvironment(u);
    case 0o15: return loadControl(u);
    case 0o20: case 0o21: case 0o22: case 0o23: case 0o24: case 0o25: case 0o26: case 0o27: {
      const value = <i32>readData<u32>(linear(u, 4), uopSeg(u));
      if (faulted()) return Status.FAULT;
      return withOperand(u, selector & 7, extFromInteger(value));
    }
    case 0o30: return loadInteger(u, 2);
    case 0o31: return storeInteger(u, 2, true, true);
    case 0o32: return storeInteger(u, 2, false, false);
    case 0o33: return storeInteger(u, 2, false, true);
    case 0o35: return loadExtended(u);
    case 0o37: return storeExtended(u);
    case 0o40: case 0o41: case 0o42: case 0o43: case 0o44: case 0o45: case 0o46: case 0o47: {
      const value = readData<u64>(linear(u, 8), uopSeg(u));
      if (faulted()) return Status.FAULT;
      return withOperand(u, selector & 7, extWidenF64(value));
    }
    case 0o50: return loadF64(u);
    case 0o51: return storeInteger(u, 3, true, true);
    case 0o52: return storeF64(u, false);
    case 0o53: return storeF64(u, true);
    case 0o54: return restoreState(u);
    case 0o60: case 0o61: case 0o62: case 0o63: case 0o64: case 0o65: case 0o66: case 0o67: {
      const value = <i16>readData<u16>(linear(u, 2), uopSeg(u));
      if (faulted()) return Status.FAULT;
      return withOperand(u, selector & 7, extFromInteger(value));
    }
    case 0o70: return loadInteger(u, 1);
    case 0o71: return storeInteger(u, 1, true, true);
    case 0o72: return storeInteger(u, 1, false, false);
    case 0o73: return storeInteger(u, 1, false, true);
    case 0o74: return loadDecimal(u);
    case 0o75: return loadInteger(u, 3);
    case 0o76: return storeDecimal(u);
    default: return storeInteger(u, 3, false, true);
  }
}

/** Arithmetic with a memory operand that has been read and widened. */
@inline function withOperand(u: usize, kind: u32, value: u64): i32 {
  const exponent = resultExponent();
  record(u);
  beginFloat();
  arithmeticMemory(kind, exponent, value);
  return Status.NEXT;
}
function storeWord(u: usize, value: u32): i32 {
  return writeData<u16>(linearForWrite(u, 2), uopSeg(u), <u16>value) ? Status.NEXT : Status.FAULT;
}
function loadControl(u: usize): i32 {
  const value = readData<u16>(linear(u, 2), uopSeg(u));
  if (faulted()) return Status.FAULT;
  setControl(value);
  return Status.NEXT;
}

// ---- registers ------------------------------------------------------------------------------------

function registerForm(u: usize, selector: u32): i32 {
  const i = <u32>uopImm(u) & 7;
  // The FN... forms do not wait for a pending exception.
  if (selector == 0o34) return control34(i);
  if (selector == 0o74) {
    setReg16(RAX, status());
    return Status.NEXT;
  }
  const wait = waited(u);
  if (wait != Status.NEXT) return wait;
  record(u);
  switch (selector) {
    // D8, DC: with DC the register is the destination, and the reverse forms change places.
    case 0o00: case 0o01: case 0o04: case 0o05: case 0o06: case 0o07: arithmetic(selector, 0, i, false); break;
    case 0o40: case 0o41: arithmetic(selector & 7, i, 0, false); break;
    case 0o44: case 0o45: case 0o46: case 0o47: arithmetic((selector & 7) ^ 1, i, 0, false); break;
    case 0o60: case 0o61: arithmetic(selector & 7, i, 0, true); break;
    case 0o64: case 0o65: case 0o66: case 0o67: arithmetic((selector & 7) ^ 1, i, 0, true); break;
    case 0o02: case 0o42: compare(i, true, 0); break;
    case 0o03: case 0o43: case 0o62: compare(i, true, 1); break;
    case 0o63: compare(1, true, 2); break;
    case 0o10: loadRegister(i); break;
    case 0o11: case 0o51: case 0o71: exchange(i); break;
    case 0o12: break; // FNOP
    case 0o13: storeRegisterQuietly(i); break;
    case 0o53: case 0o72: case 0o73: storeRegister(i, true); break;
    case 0o52: storeRegister(i, false); break;
    case 0o14: unary14(i); break;
    case 0o15: constant(i); break;
    case 0o16: unary16(i); break;
    case 0o17: unary17(i); break;
    // FCMOV: B, E, BE, U and negations.
    case 0o20: conditionalMove(i, 2); break;
    case 0o21: conditionalMove(i, 4); break;
    case 0o22: conditionalMove(i, 6); break;
    case 0o23: conditionalMove(i, 10); break;
    case 0o30: conditionalMove(i, 3); break;
    case 0o31: conditionalMove(i, 5); break;
    case 0o32: conditionalMove(i, 7); break;
    case 0o33: conditionalMove(i, 11); break;
    case 0o25: compare(1, false, 2); break;
    case 0o35: compareFlags(i, false, 0); break;
    case 0o36: compareFlags(i, true, 0); break;
    case 0o75: compareFlags(i, false, 1); break;
    case 0o76: compareFlags(i, true, 1); break;
    case 0o54: compare(i, false, 0); break;
    case 0o55: compare(i, false, 1); break;
    case 0o50: free(i, false); break;
    default: free(i, true); break; // DF C0: FFREEP
  }
  return Status.NEXT;
}

/** DB E0-E4: FENI, FDISI and FSETPM do nothing. */
function control34(i: u32): i32 {
  if (i == 2) {
    // FNCLEX
    loadStatus(status() & ~(EXCEPTIONS | STATUS_SF));
  } else if (i == 3) initialize();
  return Status.NEXT;
}
/** D9 E0-E5 */
function unary14(i: u32): void {
  switch (i) {
    case 0: changeSign(0x8000, 0xffff); break;
    case 1: changeSign(0, 0x7fff); break;
    case 4: test(); break;
    default: examine(); break;
  }
}
/** D9 E8-EE: FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ, irrational ones to 128 bits. */
function constant(i: u32): void {
  switch (i) {
    case 0: loadConstant(0x3fff, 0x8000_0000_0000_0000); break;
    case 1: loadIrrational(0x4000, 0xd49a_784b_cd1b_8afe, 0x492b_f6ff_4daf_db4c); break;
    case 2: loadIrrational(0x3fff, 0xb8aa_3b29_5c17_f0bb, 0xbe87_fed0_691d_3e88); break;
    case 3: loadIrrational(0x4000, 0xc90f_daa2_2168_c234, 0xc4c6_628b_80dc_1cd1); break;
    case 4: loadIrrational(0x3ffd, 0x9a20_9a84_fbcf_f798, 0x8f89_59ac_0b7c_9178); break;
    case 5: loadIrrational(0x3ffe, 0xb172_17f7_d1cf_79ab, 0xc9e3_b398_03f2_f6af); break;
    default: loadConstant(0, 0); break;
  }
}
/** D9 F0-F7 */
function unary16(i: u32): void {
  switch (i) {
    case 0: exponential(); break;
    case 1: binary(Binary.LOGARITHM); break;
    case 2: trigonometric(Trigonometric.TANGENT); break;
    case 3: binary(Binary.ARCTANGENT); break;
    case 4: extract(); break;
    case 5: partialRemainder(true); break;
    case 6: setTop(top() - 1); clearC1(); break;
    default: setTop(top() + 1); clearC1(); break;
  }
}
/** D9 F8-FF */
function unary17(i: u32): void {
  switch (i) {
    case 0: partialRemainder(false); break;
    case 1: binary(Binary.LOGARITHM_PLUS_1); break;
    case 2: squareRoot(); break;
    case 3: trigonometric(Trigonometric.BOTH); break;
    case 4: roundToInteger(); break;
    case 5: scale(); break;
    case 6: trigonometric(Trigonometric.SINE); break;
    default: trigonometric(Trigonometric.COSINE); break;
  }
}
