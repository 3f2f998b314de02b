// What is known about floating-point elements in XMM registers at a point of the code: that they are *ordinary*, which is
// zero, a normal number or an infinity (execute/sse/element). What an operator has computed and passed its check is, and so
// is an operand that was checked before; only what comes from elsewhere has to be looked at.
//
//   bit n  the low double of register n | 16 + n both doubles | 32 + n the low single | 48 + n all singles

export const enum Fact {
  LOW64 = 0,
  BOTH64 = 16,
  LOW32 = 32,
  ALL32 = 48,
}

/** The facts at this point. */
export let facts: u64 = 0;
export function setFacts(value: u64): void { facts = value; }

/** All facts about a register. */
@inline function allOf(number: u32): u64 { return <u64>0x0001_0001_0001_0001 << <u64>number; }

export function isKnown(fact: u32, number: u32): bool { return ((facts >> <u64>(fact + number)) & 1) != 0; }
/** Whole registers are more than their low elements. */
export function learn(fact: u32, number: u32): void {
  facts |= <u64>1 << <u64>(fact + number);
  if (fact == Fact.BOTH64 || fact == Fact.ALL32) facts |= <u64>1 << <u64>(fact - 16 + number);
}
/** The register is written. */
export function forget(number: u32): void { facts &= ~allOf(number); }
/** A register is copied. */
export function copyFacts(to: u32, from: u32): void {
  const known = (facts & allOf(from)) >> <u64>from;
  facts = (facts & ~allOf(to)) | (known << <u64>to);
}
