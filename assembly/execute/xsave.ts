// XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV, XSETBV (SDM vol. 1, chapter 13; APM vol. 2, 11.5). Two components are
// offered, x87 (bit 0) and SSE (bit 1), both of which live in the area of FXSAVE (x87/fxsave); a header follows:
//
//   0 legacy area | 512 XSTATE_BV | 520 XCOMP_BV: 63 compacted, 62:0 components that have a place | 528 zero, to 576
//
// A component is "in use" unless it has its initial value; XSAVE tells so in XSTATE_BV and writes it all the
// same, the others leave it out, and XRSTOR initializes what the area says is not in use. MXCSR goes
// its own way: in the standard form it is saved and restored with bit 1 alone, in the compacted form as part of SSE.

import { MXCSR, X87, X87_CONTROL, X87_STATUS, X87_TAGS, XCR0, YMM } from "../layout";
import { uopSeg, uopSize } from "../decode/uop";
import { advance, dataAccess, probeRead, probeWrite, readData, writeData } from "../vcpu/access";
import { effectiveAddress, linear, linearForWrite } from "../vcpu/address";
import { clearFault, raiseGP, raiseNM, raiseUD } from "../vcpu/fault";
import { cpl, cr0, cr4, faulted, RAX, RCX, RDX, reg32, segEffective, setReg32 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { CR0_TS, CR4_OSXSAVE } from "../x86/control";
import { MXCSR_DEFAULT, XCR0_IMPLEMENTED, XCR0_SSE, XCR0_X87, XSAVE_HEADER, XSAVE_SIZE } from "../x86/xsave";
import { initialize } from "./x87/environment";
import { MXCSR_MASK, putLegacy, putXmm, takeLegacy, takeXmm, XMM_AT, xmmEnd } from "./x87/fxsave";
import { CONTROL_INITIAL } from "./x87/registers";
import { readSpanAt, SPAN, writeSpanAt } from "./x87/span";

const COMPACTED: u64 = 1 << 63;
const ALIGNMENT: u32 = 64;
// Places in the legacy area.
const MXCSR_AT: u32 = 24;
const REGISTERS_AT: u32 = 32;

/** How a component that is not in use is treated, and what the header says. */
const enum Saving {
  XSAVE = 0,
  XSAVEOPT = 1,
  XSAVEC = 2,
}

// ---- what is in use -------------------------------------------------------------------------------

@inline function isClear(from: usize, bytes: usize): bool {
  for (let at: usize = 0; at < bytes; at += 8) if (load<u64>(from + at) != 0) return false;
  return true;
}
/** Components without their initial value. */
function inUse(): u64 {
  const control = load<u16>(X87_CONTROL) != CONTROL_INITIAL || load<u16>(X87_STATUS) != 0 || load<u8>(X87_TAGS) != 0;
  const x87 = control || !isClear(X87, 8 * 16);
  let sse = false;
  for (let n: usize = 0; n < 16; n++) if (!isClear(YMM + (n << 5), 16)) sse = true;
  return (x87 ? XCR0_X87 : 0) | (sse ? XCR0_SSE : 0);
}

// ---- operands -------------------------------------------------------------------------------------

/** CR4.OSXSAVE and CR0.TS allow it. */
function available(): bool {
  if ((cr4() & CR4_OSXSAVE) == 0) raiseUD();
  else if ((cr0() & CR0_TS) != 0) raiseNM();
  else return true;
  return false;
}
@inline function edxEax(): u64 { return (<u64>reg32(RDX) << 32) | <u64>reg32(RAX); }
/** Components that the instruction is about. */
@inline function requested(): u64 { return load<u64>(XCR0) & edxEax(); }
/** #GP(0) for an area off its boundary: no fault of its address comes before it (measured). */
function misplaced(u: usize): bool {
  if (((<u32>effectiveAddress(u) + <u32>segEffective(uopSeg(u))) & (ALIGNMENT - 1)) == 0) return faulted();
  clearFault();
  raiseGP(0);
  return true;
}
/** All of the area can be written. Its first byte is touched first, then its last one (measured). */
function isWritable(at: u64, seg: u32): bool {
  const last = advance(at, XSAVE_SIZE - 1, dataAccess());
  return probeWrite(at, 1, seg) && probeWrite(last, 1, seg) && writeSpanAt(at, seg, XSAVE_SIZE, false);
}
/** Writes a part of SPAN to its place. The area has been checked: only a device can refuse. */
function put(at: u64, seg: u32, from: u32, to: u32): bool {
  for (let offset = from; offset < to; offset += 8) {
    if (!writeData<u64>(advance(at, offset, dataAccess()), seg, load<u64>(SPAN + offset))) return false;
  }
  return true;
}

// ---- saving ---------------------------------------------------------------------------------------

function save(u: usize, saving: Saving): i32 {
  if (!available()) return Status.FAULT;
  const at = linearForWrite(u, XSAVE_SIZE);
  const seg = uopSeg(u);
  if (misplaced(u) || !isWritable(at, seg)) return Status.FAULT;
  const components = requested();
  let used = inUse();
  // Without MXCSR's place of its own it counts as part of SSE.
  if (saving == Saving.XSAVEC && load<u32>(MXCSR) != MXCSR_DEFAULT) used |= XCR0_SSE;
  const written = saving == Saving.XSAVE ? components : components & used;

  const header = advance(at, XSAVE_HEADER, dataAccess());
  let bits = components & used;
  if (saving != Saving.XSAVEC) {
    bits |= readData<u64>(header, seg) & ~components;
    if (faulted()) return Status.FAULT;
  }
  const end = xmmEnd();
  putLegacy(uopSize(u) == 3);
  putXmm(end);
  if ((written & XCR0_X87) != 0) {
    if (!put(at, seg, 0, MXCSR_AT) || !put(at, seg, REGISTERS_AT, XMM_AT)) return Status.FAULT;
  }
  const control = saving == Saving.XSAVEC ? written : components;
  if ((control & XCR0_SSE) != 0 && !put(at, seg, MXCSR_AT, REGISTERS_AT)) return Status.FAULT;
  if ((written & XCR0_SSE) != 0 && !put(at, seg, XMM_AT, end)) return Status.FAULT;
  if (!writeData<u64>(header, seg, bits)) return Status.FAULT;
  if (saving == Saving.XSAVEC) {
    if (!writeData<u64>(advance(header, 8, dataAccess()), seg, COMPACTED | components)) return Status.FAULT;
  }
  return Status.NEXT;
}
export function xsave(u: usize): i32 { return save(u, Saving.XSAVE); }
export function xsaveopt(u: usize): i32 { return save(u, Saving.XSAVEOPT); }
export function xsavec(u: usize): i32 { return save(u, Saving.XSAVEC); }

// ---- restoring ------------------------------------------------------------------------------------

function initializeX87(): void {
  memory.fill(X87, 0, 8 * 16);
  initialize();
}

/** The header lets the area be restored; it has been read to SPAN. */
function isValidHeader(): bool {
  const bits = load<u64>(SPAN);
  const places = load<u64>(SPAN, 8);
  if ((bits & ~load<u64>(XCR0)) != 0) return false;
  if ((places & COMPACTED) == 0) return places == 0 && load<u64>(SPAN, 16) == 0;
  const components = places & ~COMPACTED;
  return (components & ~load<u64>(XCR0)) == 0 && (bits & ~components) == 0 && isClear(SPAN + 16, 48);
}

export function xrstor(u: usize): i32 {
  if (!available()) return Status.FAULT;
  const at = linear(u, XSAVE_SIZE);
  const seg = uopSeg(u);
  // The first byte is touched first, then the header (measured).
  if (misplaced(u) || !probeRead(at, 1, seg)) return Status.FAULT;
  if (!readSpanAt(advance(at, XSAVE_HEADER, dataAccess()), seg, XSAVE_SIZE - XSAVE_HEADER)) return Status.FAULT;
  if (!isValidHeader()) return raiseGP(0);
  const components = requested();
  const present = components & load<u64>(SPAN);
  const compacted = (load<u64>(SPAN, 8) & COMPACTED) != 0;
  if (!readSpanAt(at, seg, XSAVE_HEADER)) return Status.FAULT;

  const takesControl = ((compacted ? present : components) & XCR0_SSE) != 0;
  const control = load<u32>(SPAN, MXCSR_AT);
  if (takesControl && (control & ~MXCSR_MASK) != 0) return raiseGP(0);
  if ((present & XCR0_X87) != 0) takeLegacy(uopSize(u) == 3);
  else if ((components & XCR0_X87) != 0) initializeX87();
  if ((components & XCR0_SSE) == 0) return Status.NEXT;
  store<u32>(MXCSR, takesControl ? control : MXCSR_DEFAULT);
  const end = xmmEnd();
  if ((present & XCR0_SSE) == 0) memory.fill(SPAN + XMM_AT, 0, end - XMM_AT);
  takeXmm(end);
  return Status.NEXT;
}

// ---- XCR0 -----------------------------------------------------------------------------------------

/** ECX 0: XCR0; 1: those of its components that are in use. */
export function xgetbv(u: usize): i32 {
  if ((cr4() & CR4_OSXSAVE) == 0) return raiseUD();
  const index = reg32(RCX);
  if (index > 1) return raiseGP();
  let value = load<u64>(XCR0);
  if (index == 1) {
    value &= inUse() | (load<u32>(MXCSR) != MXCSR_DEFAULT ? XCR0_SSE : 0);
  }
  setReg32(RAX, <u32>value);
  setReg32(RDX, <u32>(value >> 32));
  return Status.NEXT;
}
export function xsetbv(u: usize): i32 {
  if ((cr4() & CR4_OSXSAVE) == 0) return raiseUD();
  if (cpl() != 0 || reg32(RCX) != 0) return raiseGP();
  const value = edxEax();
  if ((value & XCR0_X87) == 0 || (value & ~XCR0_IMPLEMENTED) != 0) return raiseGP();
  store<u64>(XCR0, value);
  return Status.NEXT;
}
