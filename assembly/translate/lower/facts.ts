// What is known about the floating-point elements in XMM registers at a point of the code. A value that has passed a
// check, or was computed from such values, is zero or keeps within bounds that follow from the operation:
//
//   |value| >= 2^-low    |value| <= 2^high    value is a multiple of 2^-grain    (or it is zero)
//
// As long as the bounds of a result stay inside the normal numbers the operation can neither overflow nor underflow, and
// nothing has to be looked at. Where bounds are not known the operand is checked: to be *common*, which leaves room
// for several operations, or only to be *ordinary*: zero, normal or infinite (execute/sse/element).
//
// What is added up in a loop would grow beyond all bounds, but not in as many steps as a region can take: a *sum* is made of
// addends that each keep within bounds of their own, and its upper bound allows for 2^40 of them.
//
//   register, 8 bytes:  0 kind u8 | 1 not 0: a sum | 2 low u16 | 4 high u16 | 6 grain u16
//
// Registers with the same number hold the same value: what is learned about one is known about all.

import { CURRENT_FACTS, FACTS_SIZE } from "../work";

/** Which elements are bounded. */
export const enum Kind {
  NONE = 0,
  /** The low double; both. */
  LOW64 = 1,
  BOTH64 = 2,
  /** The low single; all. */
  LOW32 = 3,
  ALL32 = 4,
  /** All bits are zero. */
  ZERO = 5,
}

const SUM: usize = 1;
const LOW: usize = 2;
const HIGH: usize = 4;
const GRAIN: usize = 6;
/** Value numbers, u16 each, behind the registers. */
const NUMBERS: usize = CURRENT_FACTS + 0x100;
let lastNumber: u32 = 0;
/** Stands for the memory operand of the instruction at hand. */
export const MEMORY: u32 = 16;

/** Common numbers lie between 2^-bound and 2^bound: a quarter of all exponents, so that two bits tell. */
@inline export function commonBound(wide: bool): u32 { return wide ? 256 : 32; }
/** Bounds of results up to which all is well. */
@inline export function safeBound(wide: bool): u32 { return wide ? 1021 : 125; }
/** Bits of a significand behind its first one. */
@inline export function fractionBits(wide: bool): u32 { return wide ? 52 : 23; }

@inline export function lowKind(wide: bool): u32 { return wide ? Kind.LOW64 : Kind.LOW32; }
@inline export function wholeKind(wide: bool): u32 { return wide ? Kind.BOTH64 : Kind.ALL32; }
@inline function isWideKind(kind: u32): bool { return kind == <u32>Kind.LOW64 || kind == <u32>Kind.BOTH64; }

/** Bounds of addends; the upper one of their sums. */
@inline function addendHigh(wide: bool): u32 { return wide ? 520 : 68; }
@inline function addendGrain(wide: bool): u32 { return wide ? 600 : 95; }
@inline function sumHigh(wide: bool): u32 { return addendHigh(wide) + 40; }

@inline function at(number: u32): usize { return CURRENT_FACTS + (<usize>number << 3); }
@inline function kindOf(number: u32): u32 { return load<u8>(at(number)); }
@inline export function isSum(number: u32): bool { return load<u8>(at(number), SUM) != 0; }
/** The elements of a register may be added to a sum. */
export function isAddend(number: u32, wide: bool): bool {
  return !isSum(number) && highOf(number) <= addendHigh(wide) && grainOf(number) <= addendGrain(wide);
}
@inline export function lowOf(number: u32): u32 { return load<u16>(at(number), LOW); }
@inline export function highOf(number: u32): u32 { return load<u16>(at(number), HIGH); }
@inline export function grainOf(number: u32): u32 { return load<u16>(at(number), GRAIN); }

/** The elements of a kind are bounded. */
export function isKnown(number: u32, kind: u32): bool {
  const known = kindOf(number);
  if (known == kind || known == <u32>Kind.ZERO) return true;
  return known == kind + 1 && (kind == <u32>Kind.LOW64 || kind == <u32>Kind.LOW32);
}
/** They are known to be common. */
export function isCommon(number: u32, kind: u32): bool { return isKnown(number, kind) && levelAt(at(number)) == Level.COMMON; }

function put(a: usize, kind: u32, low: u32, high: u32, grain: u32): void {
  store<u16>(a, kind);
  store<u16>(a, low, LOW);
  store<u16>(a, high, HIGH);
  store<u16>(a, grain, GRAIN);
}
function putOrdinary(a: usize, kind: u32): void {
  const wide = isWideKind(kind);
  if (wide) put(a, kind, 1022, 1024, 1074);
  else put(a, kind, 126, 128, 149);
}
function putCommon(a: usize, kind: u32): void {
  const wide = isWideKind(kind);
  const bound = commonBound(wide);
  put(a, kind, bound, bound, bound + fractionBits(wide));
}
function putSum(a: usize, kind: u32): void {
  const wide = isWideKind(kind);
  put(a, kind, addendGrain(wide), sumHigh(wide), addendGrain(wide));
  store<u8>(a, 1, SUM);
}

// ---- changes --------------------------------------------------------------------------------------

function renumber(number: u32): void { store<u16>(NUMBERS + (<usize>number << 1), ++lastNumber); }
@inline export function numberOf(number: u32): u32 { return load<u16>(NUMBERS + (<usize>number << 1)); }

/** The register is written: nothing is known. */
export function forget(number: u32): void { setBounds(number, Kind.NONE, 0, 0, 0); }
/** The register is written with elements within bounds. */
export function setBounds(number: u32, kind: u32, low: u32, high: u32, grain: u32): void {
  put(at(number), kind, low, high, grain);
  renumber(number);
}
/** The register is written with a sum. */
export function setSum(number: u32, kind: u32): void {
  putSum(at(number), kind);
  renumber(number);
}
/** One register becomes a copy of another. */
export function copyFacts(to: u32, from: u32): void {
  store<u64>(at(to), load<u64>(at(from)));
  store<u16>(NUMBERS + (<usize>to << 1), numberOf(from));
}
/** A check has shown what a register holds; all copies of it hold the same. */
export function learn(number: u32, kind: u32, low: u32, high: u32, grain: u32): void {
  const same = numberOf(number);
  for (let n: u32 = 0; n <= MEMORY; n++) if (numberOf(n) == same) put(at(n), kind, low, high, grain);
}
export function learnCommon(number: u32, kind: u32): void {
  const wide = isWideKind(kind);
  const bound = commonBound(wide);
  learn(number, kind, bound, bound, bound + fractionBits(wide));
}
export function learnOrdinary(number: u32, kind: u32): void {
  if (isWideKind(kind)) learn(number, kind, 1022, 1024, 1074);
  else learn(number, kind, 126, 128, 149);
}

// ---- at the borders of nodes ----------------------------------------------------------------------

/** Takes over what is known at the start of a node. */
export function loadFacts(from: usize): void {
  memory.copy(CURRENT_FACTS, from, FACTS_SIZE);
  for (let n: u32 = 0; n < 16; n++) store<u16>(NUMBERS + (<usize>n << 1), n + 1);
  lastNumber = 16;
}
export function storeFacts(to: usize): void { memory.copy(to, CURRENT_FACTS, FACTS_SIZE); }
/** Nothing is known. */
export function clearFacts(to: usize): void { memory.fill(to, 0, FACTS_SIZE); }

// How much is known of a value at a border, in steps that keep the data flow finite.
const enum Level { COMMON = 0, SUM = 1, ORDINARY = 2 }
function levelAt(a: usize): u32 {
  const wide = isWideKind(load<u8>(a));
  const bound = commonBound(wide);
  const high = <u32>load<u16>(a, HIGH);
  const grain = <u32>load<u16>(a, GRAIN);
  if (<u32>load<u16>(a, LOW) <= bound && high <= bound && grain <= bound + fractionBits(wide)) return Level.COMMON;
  return load<u8>(a, SUM) != 0 || (high <= addendHigh(wide) && grain <= addendGrain(wide)) ? Level.SUM : Level.ORDINARY;
}
function putLevel(a: usize, kind: u32, level: u32): void {
  if (level == Level.COMMON) putCommon(a, kind);
  else if (level == Level.SUM) putSum(a, kind);
  else putOrdinary(a, kind);
}
/** What both registers' facts allow. */
function meetRegister(into: usize, with_: usize): bool {
  const before = load<u64>(into);
  let a = <u32>load<u8>(into);
  const b = <u32>load<u8>(with_);
  if (b == <u32>Kind.ZERO) return false;
  let level = levelAt(with_);
  if (a == <u32>Kind.ZERO) a = b;
  else level = max(level, levelAt(into));
  let kind = a;
  if (a != b) kind = a == 0 || b == 0 || isWideKind(a) != isWideKind(b) ? <u32>Kind.NONE : lowKind(isWideKind(a));
  if (kind == 0) put(into, 0, 0, 0, 0);
  else putLevel(into, kind, level);
  return load<u64>(into) != before;
}
/** The facts at `into` become those that hold there and at `with_`. True: they changed. */
export function meetFacts(into: usize, with_: usize): bool {
  let changed = false;
  for (let n: usize = 0; n < FACTS_SIZE; n += 8) if (meetRegister(into + n, with_ + n)) changed = true;
  return changed;
}
/** The facts at an address, reduced to the same steps. */
export function coarsen(a: usize): void {
  for (let n: usize = 0; n < FACTS_SIZE; n += 8) {
    const kind = <u32>load<u8>(a + n);
    if (kind != <u32>Kind.NONE && kind != <u32>Kind.ZERO) putLevel(a + n, kind, levelAt(a + n));
  }
}
