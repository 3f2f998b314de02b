// Accessors of the running processor's hot state (layout.ts, STATE). Everything outside this file that
// is not on the interpreter's hottest path reads and writes state through these functions, so that a
// build with one worker per processor can give each its own base.

import {
  CONTEXT_STALE,
  CPL,
  CR0,
  CR4,
  EFER,
  FAULT,
  GPR,
  MODE,
  RIP,
  RIP_MASK,
  RIP_PAGE,
  SEG_ATTRIBUTES,
  SEG_BASE,
  SEG_EFFECTIVE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SINGLE_STEP,
  SYSTEM_FLAGS,
} from "../layout";
import { MODE_CODE, MODE_CODE64, MODE_STACK, MODE_STACK_SHIFT } from "../decode/mode";
import { uopLength, uopOffset } from "../decode/uop";
import { CR0_PE, EFER_LMA } from "../x86/control";
import { VM } from "../x86/flags";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_S,
  ATTR_UNUSABLE,
  CS,
  FS,
  LDTR,
  SS,
  TYPE_CODE,
  TYPE_DC,
  TYPE_RW,
} from "../x86/segment";
import { Stale } from "./status";

// General registers, by byte offset into the file (the form micro-ops hold).
@inline export function reg8(offset: usize): u32 { return load<u8>(offset, GPR); }
@inline export function reg16(offset: usize): u32 { return load<u16>(offset, GPR); }
@inline export function reg32(offset: usize): u32 { return load<u32>(offset, GPR); }
@inline export function reg64(offset: usize): u64 { return load<u64>(offset, GPR); }
@inline export function setReg8(offset: usize, value: u32): void { store<u8>(offset, value, GPR); }
@inline export function setReg16(offset: usize, value: u32): void { store<u16>(offset, value, GPR); }
/** A 32-bit write clears the upper half, as in 64-bit mode; the upper halves are 0 in the other modes. */
@inline export function setReg32(offset: usize, value: u32): void { store<u64>(offset, <u64>value, GPR); }
@inline export function setReg64(offset: usize, value: u64): void { store<u64>(offset, value, GPR); }

/** General register by byte offset at an operand size of 1 << size bytes, zero-extended. */
export function regRead(offset: usize, size: u32): u64 {
  if (size == 2) return <u64>reg32(offset);
  if (size == 3) return reg64(offset);
  if (size == 1) return <u64>reg16(offset);
  return <u64>reg8(offset);
}
export function regWrite(offset: usize, size: u32, value: u64): void {
  if (size == 2) setReg32(offset, <u32>value);
  else if (size == 3) setReg64(offset, value);
  else if (size == 1) setReg16(offset, <u32>value);
  else setReg8(offset, <u32>value);
}

// Byte offsets of the registers that instructions name implicitly.
export const RAX: usize = 0;
export const RCX: usize = 8;
export const RDX: usize = 16;
export const RBX: usize = 24;
export const RSP: usize = 32;
export const RBP: usize = 40;
export const RSI: usize = 48;
export const RDI: usize = 56;
export const AH: usize = 1;

@inline export function rip(): u64 { return load<u64>(RIP); }
@inline export function setRip(value: u64): void { store<u64>(RIP, value); }
/** RIP of a micro-op of the current code page. */
@inline export function ripOf(u: usize): u64 {
  return (load<u64>(RIP_PAGE) + <u64>uopOffset(u)) & load<u64>(RIP_MASK);
}
/** RIP of the instruction behind a micro-op. */
@inline export function nextRip(u: usize): u64 {
  return (load<u64>(RIP_PAGE) + <u64>(uopOffset(u) + uopLength(u))) & load<u64>(RIP_MASK);
}

@inline export function segSelector(s: u32): u32 { return load<u32>(<usize>s << 2, SEG_SELECTOR); }
@inline export function segAttributes(s: u32): u32 { return load<u32>(<usize>s << 2, SEG_ATTRIBUTES); }
@inline export function segLimit(s: u32): u32 { return load<u32>(<usize>s << 2, SEG_LIMIT); }
@inline export function segBase(s: u32): u64 { return load<u64>(<usize>s << 3, SEG_BASE); }
/** The base that accesses add: 0 for ES CS SS DS in 64-bit mode. */
@inline export function segEffective(s: u32): u64 { return load<u64>(<usize>s << 3, SEG_EFFECTIVE); }
/** A data segment that covers all 4 GiB from 0 and may be written: its operands need no check. */
@inline export function isFlat(base: u64, limit: u32, attributes: u32): bool {
  return (
    (attributes & (ATTR_UNUSABLE | ATTR_S | TYPE_CODE | TYPE_DC | TYPE_RW)) == (ATTR_S | TYPE_RW) &&
    limit == 0xffff_ffff &&
    base == 0
  );
}
/**
 * Writes a segment register's hidden part and selector. Derived state becomes stale only where it depends on
 * what changed: CS as a whole, of the other segments flatness and the stack's width. Bases are kept up here.
 */
export function setSegment(s: u32, selector: u32, base: u64, limit: u32, attributes: u32): void {
  const oldBase = segBase(s);
  const oldLimit = segLimit(s);
  const oldAttributes = segAttributes(s);
  store<u32>(<usize>s << 2, selector, SEG_SELECTOR);
  store<u64>(<usize>s << 3, base, SEG_BASE);
  store<u32>(<usize>s << 2, limit, SEG_LIMIT);
  store<u32>(<usize>s << 2, attributes, SEG_ATTRIBUTES);
  if (s >= LDTR) return;
  if (s == CS) {
    if (base != oldBase || limit != oldLimit || attributes != oldAttributes) markContextStale();
    return;
  }
  if (s >= FS || (load<u32>(MODE) & MODE_CODE) != MODE_CODE64) store<u64>(<usize>s << 3, base, SEG_EFFECTIVE);
  if (s >= FS) return;
  const flatness = isFlat(base, limit, attributes) != isFlat(oldBase, oldLimit, oldAttributes);
  if (flatness || (s == SS && ((attributes ^ oldAttributes) & ATTR_DB) != 0)) markContextStale();
}

@inline export function cr0(): u64 { return load<u64>(CR0); }
@inline export function cr4(): u64 { return load<u64>(CR4); }
@inline export function efer(): u64 { return load<u64>(EFER); }
@inline export function cpl(): u32 { return load<u32>(CPL); }
@inline export function setCpl(value: u32): void {
  store<u32>(CPL, value);
  markContextStale();
}
/** Flags other than the six arithmetic ones. */
@inline export function systemFlags(): u32 { return load<u32>(SYSTEM_FLAGS); }

@inline export function isProtected(): bool { return (cr0() & CR0_PE) != 0; }
@inline export function isV86(): bool { return (systemFlags() & VM) != 0; }
/** Real-address or virtual-8086 mode: selectors are paragraph numbers. */
@inline export function isRealOrV86(): bool { return !isProtected() || isV86(); }
/** Long mode is active (64-bit or compatibility). */
@inline export function isLongMode(): bool { return (efer() & EFER_LMA) != 0; }
/** 64-bit code (CS.L in long mode); read from the architectural state, not from MODE. */
@inline export function isCode64(): bool { return isLongMode() && (segAttributes(CS) & ATTR_L) != 0; }

/** log2 of the stack's width in bytes, from the mode word: 1, 2 or 3. */
@inline export function stackWidth(): u32 { return ((load<u32>(MODE) & MODE_STACK) >> MODE_STACK_SHIFT) + 1; }

/** The current instruction has failed: an exception or an exit is pending. */
@inline export function faulted(): bool { return load<u32>(FAULT) != 0; }
/** Derived state must be recomputed before the next instruction (vcpu/mode.refresh). */
@inline export function markContextStale(): void { store<u32>(CONTEXT_STALE, load<u32>(CONTEXT_STALE) | Stale.MODE); }
/** Derived state is valid and instructions need not be run one by one: execution may go on without the run loop. */
@inline export function isSettled(): bool { return (load<u32>(CONTEXT_STALE) | load<u32>(SINGLE_STEP)) == 0; }
/** The same as markContextStale, and control registers may have chosen another address space. */
@inline export function markAddressSpaceStale(): void {
  store<u32>(CONTEXT_STALE, load<u32>(CONTEXT_STALE) | Stale.ADDRESS_SPACE);
}
