// Decimal adjustment (SDM vol. 2, DAA, DAS, AAA, AAS, AAM, AAD) and SALC. Not in 64-bit code. Flags that
// the manuals leave undefined are those of the addition or subtraction that AMD processors perform.

import { uopImm } from "../decode/uop";
import { raiseDE } from "../vcpu/fault";
import { flagsEager, flagsLogic, getAF, getCF } from "../vcpu/flags";
import { RAX, reg16, reg8, setReg16, setReg8 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { AF, CF, OF, PF, SF, ZF } from "../x86/flags";
import { add } from "./alu";

/** SF, ZF and PF of a result; `sign` is its topmost bit. */
@inline function signZeroParity(r: u32, sign: u32): u32 {
  return ((r & sign) != 0 ? SF : 0) | (r == 0 ? ZF : 0) | ((popcnt<u32>(r & 0xff) & 1) != 0 ? 0 : PF);
}

/** AL after adjustment; a change of sign in the direction of the operation sets OF. */
function packed(r: u32, overflow: u32, carries: u32): i32 {
  setReg8(RAX, r);
  flagsEager(signZeroParity(r, 0x80) | carries | ((overflow & 0x80) != 0 ? OF : 0));
  return Status.NEXT;
}
export function daa(u: usize): i32 {
  const al = reg8(RAX);
  const low = (al & 15) > 9 || getAF() != 0;
  const high = al > 0x99 || getCF() != 0;
  const r = (al + (low ? 6 : 0) + (high ? 0x60 : 0)) & 0xff;
  return packed(r, r & ~al, (low ? AF : 0) | (high ? CF : 0));
}
export function das(u: usize): i32 {
  const al = reg8(RAX);
  const low = (al & 15) > 9 || getAF() != 0;
  const high = al > 0x99 || getCF() != 0;
  const r = (al - (low ? 6 : 0) - (high ? 0x60 : 0)) & 0xff;
  return packed(r, al & ~r, (low ? AF : 0) | (high || (low && al < 6) ? CF : 0));
}

/** AX after adjustment by 106h or nothing; the upper nibble of AL is cleared. */
function unpacked(r: u32, overflow: u32, adjusted: bool): i32 {
  setReg16(RAX, r & 0xff0f);
  flagsEager(signZeroParity(r, 0x8000) | (adjusted ? AF | CF : 0) | ((overflow & 0x8000) != 0 ? OF : 0));
  return Status.NEXT;
}
export function aaa(u: usize): i32 {
  const ax = reg16(RAX);
  const adjusted = (ax & 15) > 9 || getAF() != 0;
  const r = adjusted ? (ax + 0x106) & 0xffff : ax;
  return unpacked(r, r & ~ax, adjusted);
}
export function aas(u: usize): i32 {
  const ax = reg16(RAX);
  const adjusted = (ax & 15) > 9 || getAF() != 0;
  const r = adjusted ? (ax - 0x106) & 0xffff : ax;
  return unpacked(r, ax & ~r, adjusted);
}

/** AL to AH = AL / imm, AL = AL mod imm. */
export function aam(u: usize): i32 {
  const base = <u32>uopImm(u) & 0xff;
  if (base == 0) return raiseDE();
  const al = reg8(RAX);
  setReg16(RAX, ((al / base) << 8) | (al % base));
  flagsLogic<u8>(<u8>(al % base));
  return Status.NEXT;
}
/** AL = AL + AH * imm, AH = 0: flags of the byte addition. */
export function aad(u: usize): i32 {
  const ax = reg16(RAX);
  setReg16(RAX, <u32>add<u8>(<u8>ax, <u8>((ax >> 8) * <u32>uopImm(u))));
  return Status.NEXT;
}

/** AL = CF ? FFh : 0 (D6h, undocumented). */
export function salc(u: usize): i32 {
  setReg8(RAX, 0 - getCF());
  return Status.NEXT;
}
