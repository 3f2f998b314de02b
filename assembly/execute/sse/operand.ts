// Operands of MMX and SSE instructions, and whether such instructions are available (SDM vol. 3, 13.1.3,
// 12.1; vol. 2, 2.4 exception classes; APM vol. 2, 11.3). dst and src of the micro-op are register numbers.
//
// A source is the address of readable bytes: a register, guest memory itself, or VECTOR_SCRATCH behind an access
// that took the slow path; 0 when it faulted. It is valid until the next access and until a register is written.
// Legacy SSE instructions want 16-byte memory operands aligned (#GP(0) in every segment, before a page fault);
// those with their own leave (MOVUPS ...) take source128u.
//
//   MMn is the significand of the x87 register Rn, whatever TOP says. Every MMX instruction but EMMS sets
//   TOP to 0 and marks all registers in use; what it writes gets an exponent and sign of all ones.

import {
  CR0,
  CR4,
  DATA_LIMIT,
  GPR,
  VECTOR_SCRATCH,
  X87,
  X87_TAGS,
  YMM,
} from "../../layout";
import { uopDst, uopImm, uopSeg, uopSrc } from "../../decode/uop";
import { hostRead, hostWrite } from "../../mmu/tables";
import { readSlow, writeData } from "../../vcpu/access";
import { effectiveAddress, operand } from "../../vcpu/address";
import { clearFault, raiseGP, raiseNM, raiseUD } from "../../vcpu/fault";
import { faulted, segEffective } from "../../vcpu/state";
import { readWide, writeWide } from "../../vcpu/wide";
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../../x86/control";
import { isMemory } from "../operand";
import { quiet } from "../x87/ready";
import { setTop } from "../x87/registers";

// ---- availability ---------------------------------------------------------------------------------

/** What keeps SSE instructions from executing: CR0.EM, CR0.TS, and CR4.OSFXSR where it is not set. */
@inline function sseObstacles(): u64 {
  return (load<u64>(CR0) & (CR0_EM | CR0_TS)) | (~load<u64>(CR4) & CR4_OSFXSR);
}
/** SSE instructions may execute; raises nothing. */
@inline export function isSseReady(): bool { return sseObstacles() == 0; }
/** SSE instructions may execute; false: #UD or #NM is raised. */
export function sseReady(): bool {
  const obstacles = sseObstacles();
  if (obstacles == 0) return true;
  if ((obstacles & (CR0_EM | CR4_OSFXSR)) != 0) raiseUD();
  else raiseNM();
  return false;
}
/** MMX instructions may execute; false: #UD, #NM or #MF is raised. What uses XMM registers too asks sseReady and quiet. */
export function mmxReady(): bool {
  const blocked = load<u64>(CR0) & (CR0_EM | CR0_TS);
  if (blocked == 0) return quiet();
  if ((blocked & CR0_EM) != 0) raiseUD();
  else raiseNM();
  return false;
}

// ---- registers ------------------------------------------------------------------------------------

/** Address of XMMn. */
@inline export function xmm(n: usize): usize { return YMM + (n << 5); }
/** Address of MMn: REX bits do not count. */
@inline export function mmx(n: usize): usize { return X87 + ((n & 7) << 4); }
/** Address of the destination, ModRM.reg. */
@inline export function xmmDst(u: usize): usize { return xmm(uopDst(u)); }
@inline export function mmxDst(u: usize): usize { return mmx(uopDst(u)); }
/** Address of a general register by number. */
@inline export function general(n: usize): usize { return GPR + (n << 3); }

/** The immediate byte. */
@inline export function immediate(u: usize): u32 { return <u32>uopImm(u) & 0xff; }

/** What every MMX instruction but EMMS does to the x87 state, once nothing can fault any more. */
export function enterMmx(): void {
  setTop(0);
  store<u8>(X87_TAGS, 0xff);
}
/** Writes MMn. */
export function setMmx(n: usize, value: u64): void {
  enterMmx();
  store<u64>(mmx(n), value);
  store<u16>(mmx(n), 0xffff, 8);
}

// ---- sources --------------------------------------------------------------------------------------

/** Address of sizeof<T>() bytes of the memory operand; 0 when it faulted. */
@inline export function memorySource<T>(u: usize): usize {
  const at = operand<T>(u, false);
  const host = hostRead(at);
  if (host < load<u64>(DATA_LIMIT) && (<u32>at & 0xfff) <= 4096 - <u32>sizeof<T>()) return <usize>host;
  store<u64>(VECTOR_SCRATCH, readSlow(at, sizeof<T>(), uopSeg(u), 0));
  return faulted() ? 0 : VECTOR_SCRATCH;
}
function memorySource128u(u: usize): usize {
  const at = operand<v128>(u, false);
  const host = hostRead(at);
  if (host < load<u64>(DATA_LIMIT) && (<u32>at & 0xfff) <= 4096 - 16) return <usize>host;
  return readWide(at, uopSeg(u), VECTOR_SCRATCH) ? VECTOR_SCRATCH : 0;
}
/** #GP(0) for an operand that is not aligned: no fault of its address comes before it (measured). */
function misaligned(): void {
  clearFault();
  raiseGP();
}
/** The segment does not allow the access, which is raised; but alignment has the precedence. */
function refused(u: usize): void {
  if (((<u32>effectiveAddress(u) + <u32>segEffective(uopSeg(u))) & 15) != 0) misaligned();
}

/** XMM register or 16 aligned bytes. */
@inline export function source128(u: usize): usize { return isMemory(u) ? memorySource128(u) : xmm(uopSrc(u)); }
function memorySource128(u: usize): usize {
  const at = operand<v128>(u, false);
  if ((<u32>at & 15) != 0) {
    misaligned();
    return 0;
  }
  const host = hostRead(at);
  if (host < load<u64>(DATA_LIMIT)) return <usize>host;
  if (!faulted()) return readWide(at, uopSeg(u), VECTOR_SCRATCH) ? VECTOR_SCRATCH : 0;
  refused(u);
  return 0;
}
/** XMM register or 16 bytes anywhere. */
@inline export function source128u(u: usize): usize { return isMemory(u) ? memorySource128u(u) : xmm(uopSrc(u)); }
/** XMM register (its low part counts) or 8 bytes. */
export function source64(u: usize): usize { return isMemory(u) ? memorySource<u64>(u) : xmm(uopSrc(u)); }
export function source32(u: usize): usize { return isMemory(u) ? memorySource<u32>(u) : xmm(uopSrc(u)); }
export function source16(u: usize): usize { return isMemory(u) ? memorySource<u16>(u) : xmm(uopSrc(u)); }
/** MMX register or 8 bytes. */
export function sourceMmx(u: usize): usize { return isMemory(u) ? memorySource<u64>(u) : mmx(uopSrc(u)); }
/** General register or memory of type T. */
@inline export function sourceGeneral<T>(u: usize): usize {
  return isMemory(u) ? memorySource<T>(u) : general(uopSrc(u));
}

// ---- stores ---------------------------------------------------------------------------------------

/** Writes 16 bytes from the address `from` to the r/m operand; false when it faulted. */
export function store128(u: usize, from: usize, aligned: bool): bool {
  if (!isMemory(u)) {
    v128.store(xmm(uopSrc(u)), v128.load(from));
    return true;
  }
  const at = operand<v128>(u, true);
  const offset = <u32>at & 0xfff;
  if (aligned && (offset & 15) != 0) {
    misaligned();
    return false;
  }
  const host = hostWrite(at);
  if (host < load<u64>(DATA_LIMIT) && offset <= 4096 - 16) {
    v128.store(<usize>host, v128.load(from));
    return true;
  }
  if (aligned && faulted()) refused(u);
  return writeWide(at, uopSeg(u), from);
}
/** Writes a value to the memory operand; false when it faulted. */
export function store64(u: usize, value: u64): bool { return writeData<u64>(operand<u64>(u, true), uopSeg(u), value); }
export function store32(u: usize, value: u32): bool { return writeData<u32>(operand<u32>(u, true), uopSeg(u), value); }
export function store16(u: usize, value: u16): bool { return writeData<u16>(operand<u16>(u, true), uopSeg(u), value); }
export function store8(u: usize, value: u8): bool { return writeData<u8>(operand<u8>(u, true), uopSeg(u), value); }
