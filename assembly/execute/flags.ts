// Instructions on the flags themselves (SDM vol. 2, PUSHF, POPF, CLI, STI, CLAC, STAC, LAHF, SAHF ...).
// What POPF may change depends on privilege: IOPL only at CPL 0, IF where CPL <= IOPL; in virtual-8086
// mode PUSHF, POPF, CLI and STI need IOPL 3 (the virtual-interrupt extensions VME and PVI are not offered).

import { SYSTEM_FLAGS } from "../layout";
import { uopSize } from "../decode/uop";
import { raiseGP, raiseUD } from "../vcpu/fault";
import { arithmeticFlags, flagsEager, getCF, rflags } from "../vcpu/flags";
import { AH, cpl, faulted, isV86, markContextStale, reg8, setReg8, systemFlags } from "../vcpu/state";
import { Shadow, Status } from "../vcpu/status";
import { castShadow } from "./shadow";
import {
  AC,
  AF,
  ARITHMETIC,
  CF,
  DF,
  ID,
  IF,
  IOPL,
  IOPL_SHIFT,
  NT,
  OF,
  PF,
  RESERVED_ONE,
  RF,
  SF,
  TF,
  VM,
  ZF,
} from "../x86/flags";
import { setCF } from "./alu";
import { moveStack, peekStack, pushValue } from "./stack";

@inline function iopl(): u32 { return (systemFlags() & IOPL) >> IOPL_SHIFT; }

export function lahf(u: usize): i32 {
  setReg8(AH, (arithmeticFlags() & 0xff) | RESERVED_ONE);
  return Status.NEXT;
}
export function sahf(u: usize): i32 {
  flagsEager((arithmeticFlags() & OF) | (reg8(AH) & (CF | PF | AF | ZF | SF)));
  return Status.NEXT;
}
export function clc(u: usize): i32 {
  setCF(0);
  return Status.NEXT;
}
export function stc(u: usize): i32 {
  setCF(1);
  return Status.NEXT;
}
export function cmc(u: usize): i32 {
  setCF(getCF() ^ 1);
  return Status.NEXT;
}
export function cld(u: usize): i32 {
  store<u32>(SYSTEM_FLAGS, systemFlags() & ~DF);
  return Status.NEXT;
}
export function std(u: usize): i32 {
  store<u32>(SYSTEM_FLAGS, systemFlags() | DF);
  return Status.NEXT;
}

export function pushf(u: usize): i32 {
  if (isV86() && iopl() != 3) return raiseGP(0);
  return pushValue(<u64>(rflags() & ~(VM | RF)), uopSize(u)) ? Status.NEXT : Status.FAULT;
}

export function popf(u: usize): i32 {
  if (isV86() && iopl() != 3) return raiseGP(0);
  const size = uopSize(u);
  const value = <u32>peekStack(0, size);
  if (faulted()) return Status.FAULT;
  let changeable = TF | DF | NT | AC | ID;
  if (cpl() <= iopl()) changeable |= IF;
  if (cpl() == 0) changeable |= IOPL;
  if (size == 1) changeable &= 0xffff;
  moveStack(1 << size);
  flagsEager(value & ARITHMETIC);
  const old = systemFlags();
  const flags = (old & ~changeable) | (value & changeable);
  store<u32>(SYSTEM_FLAGS, flags);
  const changed = old ^ flags;
  if ((changed & (TF | AC)) != 0) markContextStale();
  return (changed & (TF | AC)) != 0 || (changed & flags & IF) != 0 ? Status.SYNC : Status.NEXT;
}

export function cli(u: usize): i32 {
  if (cpl() > iopl()) return raiseGP(0);
  store<u32>(SYSTEM_FLAGS, systemFlags() & ~IF);
  return Status.NEXT;
}
/** Interrupts stay off for one more instruction, so that `sti; hlt` and `sti; ret` are safe. */
export function sti(u: usize): i32 {
  if (cpl() > iopl()) return raiseGP(0);
  if ((systemFlags() & IF) != 0) return Status.NEXT;
  store<u32>(SYSTEM_FLAGS, systemFlags() | IF);
  return castShadow(Shadow.STI);
}

function setAC(value: u32): i32 {
  if (cpl() != 0) return raiseUD();
  if ((systemFlags() & AC) == value) return Status.NEXT;
  store<u32>(SYSTEM_FLAGS, systemFlags() ^ AC);
  markContextStale();
  return Status.SYNC;
}
export function clac(u: usize): i32 { return setAC(0); }
export function stac(u: usize): i32 { return setAC(AC); }
