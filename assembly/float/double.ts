// Double precision (binary64) as bit patterns: the instances of ieee.ts. Protocol in control.ts.

import { Relation } from "./control";
import { add, compare, divide, maximum, minimum, multiply, signBit, squareRoot, toIntegral } from "./ieee";

export function f64Add(a: u64, b: u64): u64 { return add<u64>(a, b, 0); }
export function f64Sub(a: u64, b: u64): u64 { return add<u64>(a, b, signBit<u64>()); }
export function f64Mul(a: u64, b: u64): u64 { return multiply<u64>(a, b); }
export function f64Div(a: u64, b: u64): u64 { return divide<u64>(a, b); }
export function f64Sqrt(a: u64): u64 { return squareRoot<u64>(a); }
export function f64Min(a: u64, b: u64): u64 { return minimum<u64>(a, b); }
export function f64Max(a: u64, b: u64): u64 { return maximum<u64>(a, b); }
export function f64Compare(a: u64, b: u64, signalling: bool): Relation { return compare<u64>(a, b, signalling); }
export function f64Round(a: u64, mode: u32): u64 { return toIntegral<u64>(a, mode); }
