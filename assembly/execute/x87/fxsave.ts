// FXSAVE and FXRSTOR (SDM vol. 1, 10.5; vol. 2; APM vol. 2, 11.4.4, vol. 5). The area, 512 bytes on a 16-byte boundary:
//
//     0 FCW 2 FSW 4 abridged FTW 6 FOP | 8 FIP 12 FCS 16 FDP 20 FDS, with REX.W 8 FIP 16 FDP of 64 bits
//    24 MXCSR 28 MXCSR_MASK | 32 ST(0) ... ST(7), 16 bytes each | 160 XMM0 ... XMM7, in 64-bit mode XMM15 | 416 unused
//
// As on AMD processors, FOP, FIP and FDP are saved only while an exception is pending, and zeros otherwise (Zen: they
// are restored in any case, which the CPUID bit XSaveErPtr announces). Without CR4.OSFXSR the XMM registers take no part.

import {
  CR4,
  MXCSR,
  X87_CS,
  X87_DP,
  X87_DS,
  X87_IP,
  X87_OPCODE,
  X87_TAGS,
  YMM,
} from "../../layout";
import { uopSize } from "../../decode/uop";
import { WRITE } from "../../mmu/walk";
import { aligned, dataAccess } from "../../vcpu/access";
import { linear, linearForWrite } from "../../vcpu/address";
import { raiseGP } from "../../vcpu/fault";
import { faulted, isCode64 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import { CR4_OSFXSR } from "../../x86/control";
import { loadStatus } from "./environment";
import { controlWord, setControlWord, signExponent, significand, st, status, STATUS_ES } from "./registers";
import { readSpan, SPAN, writeSpan } from "./span";

/** Bits of MXCSR that exist: what FXSAVE reports and everything that loads MXCSR checks. */
export const MXCSR_MASK: u32 = 0xffff;

const AREA: u32 = 512;
/** Where the XMM registers begin, and where those of this mode end. */
export const XMM_AT: u32 = 160;
@inline export function xmmEnd(): u32 { return XMM_AT + (isCode64() ? 16 * 16 : 8 * 16); }

/** Bytes of the area that are used. */
@inline function used(): u32 { return (load<u64>(CR4) & CR4_OSFXSR) == 0 ? XMM_AT : xmmEnd(); }

/** Writes the x87 part, MXCSR and its mask to SPAN: what comes before the XMM registers. */
export function putLegacy(wide: bool): void {
  memory.fill(SPAN, 0, XMM_AT);
  store<u16>(SPAN, controlWord());
  store<u16>(SPAN, status(), 2);
  store<u8>(SPAN, load<u8>(X87_TAGS), 4);
  if ((status() & STATUS_ES) != 0) {
    store<u16>(SPAN, load<u16>(X87_OPCODE), 6);
    store<u64>(SPAN, load<u64>(X87_IP), 8);
    store<u64>(SPAN, load<u64>(X87_DP), 16);
    if (!wide) {
      store<u32>(SPAN, load<u16>(X87_CS), 12);
      store<u32>(SPAN, load<u16>(X87_DS), 20);
    }
  }
  store<u32>(SPAN, load<u32>(MXCSR), 24);
  store<u32>(SPAN, MXCSR_MASK, 28);
  for (let i: u32 = 0; i < 8; i++) {
    const at = SPAN + 32 + (i << 4);
    store<u64>(at, significand(i));
    store<u16>(at, signExponent(i), 8);
  }
}
/** Takes the x87 part from SPAN. */
export function takeLegacy(wide: bool): void {
  store<u8>(X87_TAGS, load<u8>(SPAN, 4));
  setControlWord(load<u16>(SPAN));
  loadStatus(load<u16>(SPAN, 2));
  store<u16>(X87_OPCODE, <u32>load<u16>(SPAN, 6) & 0x7ff);
  store<u64>(X87_IP, wide ? load<u64>(SPAN, 8) : <u64>load<u32>(SPAN, 8));
  store<u64>(X87_DP, wide ? load<u64>(SPAN, 16) : <u64>load<u32>(SPAN, 16));
  store<u16>(X87_CS, wide ? 0 : load<u16>(SPAN, 12));
  store<u16>(X87_DS, wide ? 0 : load<u16>(SPAN, 20));
  for (let i: u32 = 0; i < 8; i++) {
    const at = SPAN + 32 + (i << 4);
    store<u64>(st(i), load<u64>(at));
    store<u16>(st(i), load<u16>(at, 8), 8);
  }
}

/** Writes the XMM registers up to byte `end` of the area to SPAN. */
export function putXmm(end: u32): void {
  for (let at = XMM_AT; at < end; at += 16) v128.store(SPAN + at, v128.load(YMM + ((at - XMM_AT) << 1)));
}
/** Takes them from SPAN. */
export function takeXmm(end: u32): void {
  for (let at = XMM_AT; at < end; at += 16) v128.store(YMM + ((at - XMM_AT) << 1), v128.load(SPAN + at));
}

/** #GP(0) for an area off its boundary, after the faults of its address; #AC where that is checked, in units of 4. */
function misplaced(at: u64, access: u32): bool {
  if (faulted() || !aligned(at, 4, access)) return true;
  if ((<u32>at & 15) == 0) return false;
  raiseGP(0);
  return true;
}

export function fxsave(u: usize): i32 {
  if (misplaced(linearForWrite(u, 1), dataAccess() | WRITE)) return Status.FAULT;
  const size = used();
  putLegacy(uopSize(u) == 3);
  putXmm(size);
  return writeSpan(u, size, true, AREA) ? Status.NEXT : Status.FAULT;
}
export function fxrstor(u: usize): i32 {
  if (misplaced(linear(u, 1), dataAccess())) return Status.FAULT;
  const size = used();
  if (!readSpan(u, size, AREA)) return Status.FAULT;
  const control = load<u32>(SPAN, 24);
  if ((control & ~MXCSR_MASK) != 0) return raiseGP(0);
  takeLegacy(uopSize(u) == 3);
  if (size == XMM_AT) return Status.NEXT;
  store<u32>(MXCSR, control);
  takeXmm(size);
  return Status.NEXT;
}
