// Dispatch of the out-of-line handlers: the second, equally dense switch behind the interpreter's.

import { Op } from "../decode/op";
import { raiseUD } from "../vcpu/fault";
import { isRealOrV86 } from "../vcpu/state";
import { adcx, adox, cbw, crc32, cwd } from "./arith";
import { cmpxchg, cmpxchg16b, cmpxchg8b, xadd, xchg } from "./atomic";
import {
  bsf,
  bsr,
  bswap16,
  btI,
  btR,
  btcI,
  btcR,
  btrI,
  btrR,
  btsI,
  btsR,
  lzcnt,
  movbeLoad,
  movbeStore,
  popcnt,
  tzcnt,
} from "./bits";
import { andn, bextr, blsi, blsmsk, blsr, bzhi, mulx, pdep, pext, rorx, sarx, shlx, shrx } from "./bmi";
import { callInd, callNear, jccNear, jcxz, jmpInd, jmpNear, loop_, loope, loopne, retNear } from "./branch";
import { aaa, aad, aam, aas, daa, das, salc } from "./decimal";
import { bound, callFar, callFarM, int1, int3, int_, into, iret, jmpFar, jmpFarM, retFar, ud } from "./far";
import { clac, clc, cld, cli, cmc, lahf, popf, pushf, sahf, stac, stc, std, sti } from "./flags";
import { hlt, inDx, inImm, monitor, mwait, outDx, outImm, pause } from "./io";
import { cmov, loadFar, movFromSeg, movToSeg, nopRm, setccM, xlat } from "./move";
import { div, idiv, imul1, imul2, imul3, mul } from "./muldiv";
import {
  arpl,
  clts,
  lar,
  lgdt,
  lidt,
  lldt,
  lmsw,
  lsl,
  ltr,
  rdfsbase,
  rdgsbase,
  sgdt,
  sidt,
  sldt,
  smsw,
  str,
  swapgs,
  verr,
  verw,
  wrfsbase,
  wrgsbase,
} from "./segment";
import {
  shiftRcl,
  shiftRcr,
  shiftRol,
  shiftRor,
  shiftSal,
  shiftSar,
  shiftShl,
  shiftShr,
  shldCl,
  shldI,
  shrdCl,
  shrdI,
} from "./shift";
import { ldmxcsr, stmxcsr } from "./sse/mxcsr";
import { fwait, x87 } from "./x87/dispatch";
import { enter, leave, pop, popSeg, popa, push, pushImm, pushSeg, pusha } from "./stack";
import { cmps, ins, lods, movs, outs, scas, stos } from "./string";
import {
  clflush,
  cpuid,
  fence,
  invd,
  invlpg,
  invpcid,
  movFromCr,
  movFromDr,
  movToCr,
  movToDr,
  rdmsr,
  rdpmc,
  rdtsc,
  rdtscp,
  syscall,
  sysenter,
  sysexit,
  sysret,
  vmcall,
  vmmcall,
  wbinvd,
  wrmsr,
} from "./system";
import { xgetbv, xrstor, xsave, xsavec, xsaveopt, xsetbv } from "./xsave";

/** Executes the instruction of micro-op `u` and returns a Status. */
export function slow(op: u32, u: usize): i32 {
  // VEX encodings exist in protected mode only.
  if (op - Op.ANDN <= <u32>(Op.SHRX - Op.ANDN) && isRealOrV86()) return raiseUD();
  switch (op) {
    // arithmetic (execute/arith, muldiv, atomic, decimal)
    case Op.XADD: return xadd(u);
    case Op.CMPXCHG: return cmpxchg(u);
    case Op.CMPXCHG8B: return cmpxchg8b(u);
    case Op.CMPXCHG16B: return cmpxchg16b(u);
    case Op.XCHG: return xchg(u);
    case Op.MUL: return mul(u);
    case Op.IMUL1: return imul1(u);
    case Op.DIV: return div(u);
    case Op.IDIV: return idiv(u);
    case Op.IMUL2: return imul2(u);
    case Op.IMUL3: return imul3(u);
    case Op.DAA: return daa(u);
    case Op.DAS: return das(u);
    case Op.AAA: return aaa(u);
    case Op.AAS: return aas(u);
    case Op.AAM: return aam(u);
    case Op.AAD: return aad(u);
    case Op.SALC: return salc(u);
    case Op.CBW: return cbw(u);
    case Op.CWD: return cwd(u);
    case Op.ADCX: return adcx(u);
    case Op.ADOX: return adox(u);
    case Op.CRC32: return crc32(u);
    // shifts (execute/shift); src 0: count in imm, 1: count in CL
    case Op.SHIFT_ROL: return shiftRol(u);
    case Op.SHIFT_ROR: return shiftRor(u);
    case Op.SHIFT_RCL: return shiftRcl(u);
    case Op.SHIFT_RCR: return shiftRcr(u);
    case Op.SHIFT_SHL: return shiftShl(u);
    case Op.SHIFT_SHR: return shiftShr(u);
    case Op.SHIFT_SAL: return shiftSal(u);
    case Op.SHIFT_SAR: return shiftSar(u);
    case Op.SHLD_I: return shldI(u);
    case Op.SHLD_CL: return shldCl(u);
    case Op.SHRD_I: return shrdI(u);
    case Op.SHRD_CL: return shrdCl(u);
    // bits (execute/bits)
    case Op.BT_R: return btR(u);
    case Op.BTS_R: return btsR(u);
    case Op.BTR_R: return btrR(u);
    case Op.BTC_R: return btcR(u);
    case Op.BT_I: return btI(u);
    case Op.BTS_I: return btsI(u);
    case Op.BTR_I: return btrI(u);
    case Op.BTC_I: return btcI(u);
    case Op.BSF: return bsf(u);
    case Op.BSR: return bsr(u);
    case Op.TZCNT: return tzcnt(u);
    case Op.LZCNT: return lzcnt(u);
    case Op.POPCNT: return popcnt(u);
    case Op.MOVBE_LOAD: return movbeLoad(u);
    case Op.MOVBE_STORE: return movbeStore(u);
    case Op.BSWAP16: return bswap16(u);
    // BMI1, BMI2; index field: byte offset of the VEX.vvvv register in imm
    case Op.ANDN: return andn(u);
    case Op.BEXTR: return bextr(u);
    case Op.BLSI: return blsi(u);
    case Op.BLSMSK: return blsmsk(u);
    case Op.BLSR: return blsr(u);
    case Op.BZHI: return bzhi(u);
    case Op.MULX: return mulx(u);
    case Op.PDEP: return pdep(u);
    case Op.PEXT: return pext(u);
    case Op.RORX: return rorx(u);
    case Op.SARX: return sarx(u);
    case Op.SHLX: return shlx(u);
    case Op.SHRX: return shrx(u);
    // moves and conversions (execute/move)
    case Op.CMOV: return cmov(u);
    case Op.SETCC_M: return setccM(u);
    case Op.XLAT: return xlat(u);
    case Op.MOV_FROM_SEG: return movFromSeg(u);
    case Op.MOV_TO_SEG: return movToSeg(u);
    case Op.LOAD_FAR: return loadFar(u);
    case Op.NOP_RM: return nopRm(u);
    // flags (execute/flags)
    case Op.LAHF: return lahf(u);
    case Op.SAHF: return sahf(u);
    case Op.CLC: return clc(u);
    case Op.STC: return stc(u);
    case Op.CMC: return cmc(u);
    case Op.CLD: return cld(u);
    case Op.STD: return std(u);
    case Op.PUSHF: return pushf(u);
    case Op.POPF: return popf(u);
    case Op.CLI: return cli(u);
    case Op.STI: return sti(u);
    case Op.CLAC: return clac(u);
    case Op.STAC: return stac(u);
    // strings (execute/string)
    case Op.MOVS: return movs(u);
    case Op.STOS: return stos(u);
    case Op.LODS: return lods(u);
    case Op.SCAS: return scas(u);
    case Op.CMPS: return cmps(u);
    case Op.INS: return ins(u);
    case Op.OUTS: return outs(u);
    // stack (execute/stack)
    case Op.PUSH: return push(u);
    case Op.POP: return pop(u);
    case Op.PUSH_IMM: return pushImm(u);
    case Op.PUSH_SEG: return pushSeg(u);
    case Op.POP_SEG: return popSeg(u);
    case Op.PUSHA: return pusha(u);
    case Op.POPA: return popa(u);
    case Op.ENTER: return enter(u);
    case Op.LEAVE: return leave(u);
    // near branches (execute/branch)
    case Op.JMP_NEAR: return jmpNear(u);
    case Op.JCC_NEAR: return jccNear(u);
    case Op.CALL_NEAR: return callNear(u);
    case Op.RET_NEAR: return retNear(u);
    case Op.CALL_IND: return callInd(u);
    case Op.JMP_IND: return jmpInd(u);
    case Op.LOOPNE: return loopne(u);
    case Op.LOOPE: return loope(u);
    case Op.LOOP: return loop_(u);
    case Op.JCXZ: return jcxz(u);
    // far transfers and software interrupts (execute/far)
    case Op.CALL_FAR: return callFar(u);
    case Op.JMP_FAR: return jmpFar(u);
    case Op.CALL_FAR_M: return callFarM(u);
    case Op.JMP_FAR_M: return jmpFarM(u);
    case Op.RET_FAR: return retFar(u);
    case Op.IRET: return iret(u);
    case Op.INT3: return int3(u);
    case Op.INT: return int_(u);
    case Op.INTO: return into(u);
    case Op.INT1: return int1(u);
    case Op.BOUND: return bound(u);
    case Op.UD: return ud(u);
    // port I/O and waiting (execute/io)
    case Op.IN_IMM: return inImm(u);
    case Op.IN_DX: return inDx(u);
    case Op.OUT_IMM: return outImm(u);
    case Op.OUT_DX: return outDx(u);
    case Op.HLT: return hlt(u);
    case Op.PAUSE: return pause(u);
    case Op.FWAIT: return fwait(u);
    case Op.MONITOR: return monitor(u);
    case Op.MWAIT: return mwait(u);
    // descriptor tables and segments (execute/segment)
    case Op.LGDT: return lgdt(u);
    case Op.LIDT: return lidt(u);
    case Op.SGDT: return sgdt(u);
    case Op.SIDT: return sidt(u);
    case Op.LLDT: return lldt(u);
    case Op.LTR: return ltr(u);
    case Op.SLDT: return sldt(u);
    case Op.STR: return str(u);
    case Op.LMSW: return lmsw(u);
    case Op.SMSW: return smsw(u);
    case Op.CLTS: return clts(u);
    case Op.VERR: return verr(u);
    case Op.VERW: return verw(u);
    case Op.LAR: return lar(u);
    case Op.LSL: return lsl(u);
    case Op.ARPL: return arpl(u);
    case Op.SWAPGS: return swapgs(u);
    case Op.RDFSBASE: return rdfsbase(u);
    case Op.RDGSBASE: return rdgsbase(u);
    case Op.WRFSBASE: return wrfsbase(u);
    case Op.WRGSBASE: return wrgsbase(u);
    // system (execute/system)
    case Op.MOV_FROM_CR: return movFromCr(u);
    case Op.MOV_TO_CR: return movToCr(u);
    case Op.MOV_FROM_DR: return movFromDr(u);
    case Op.MOV_TO_DR: return movToDr(u);
    case Op.INVLPG: return invlpg(u);
    case Op.INVPCID: return invpcid(u);
    case Op.INVD: return invd(u);
    case Op.WBINVD: return wbinvd(u);
    case Op.CPUID: return cpuid(u);
    case Op.RDTSC: return rdtsc(u);
    case Op.RDTSCP: return rdtscp(u);
    case Op.RDPMC: return rdpmc(u);
    case Op.RDMSR: return rdmsr(u);
    case Op.WRMSR: return wrmsr(u);
    case Op.SYSCALL: return syscall(u);
    case Op.SYSRET: return sysret(u);
    case Op.SYSENTER: return sysenter(u);
    case Op.SYSEXIT: return sysexit(u);
    case Op.VMCALL: return vmcall(u);
    case Op.VMMCALL: return vmmcall(u);
    case Op.CLFLUSH: return clflush(u);
    case Op.FENCE: return fence(u);
    // floating point and vectors
    case Op.X87: return x87(u);
    // MXCSR and extended state (execute/sse/mxcsr, xsave)
    case Op.LDMXCSR: return ldmxcsr(u);
    case Op.STMXCSR: return stmxcsr(u);
    case Op.XSAVE: return xsave(u);
    case Op.XRSTOR: return xrstor(u);
    case Op.XSAVEOPT: return xsaveopt(u);
    case Op.XSAVEC: return xsavec(u);
    case Op.XGETBV: return xgetbv(u);
    case Op.XSETBV: return xsetbv(u);
    // One past the last.
    default: return raiseUD();
  }
}
