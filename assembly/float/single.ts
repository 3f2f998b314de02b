// Single precision (binary32) as bit patterns: the instances of ieee.ts. Protocol in control.ts.

import { Relation } from "./control";
import { add, compare, divide, maximum, minimum, multiply, signBit, squareRoot, toIntegral } from "./ieee";

export function f32Add(a: u32, b: u32): u32 { return add<u32>(a, b, 0); }
export function f32Sub(a: u32, b: u32): u32 { return add<u32>(a, b, signBit<u32>()); }
export function f32Mul(a: u32, b: u32): u32 { return multiply<u32>(a, b); }
export function f32Div(a: u32, b: u32): u32 { return divide<u32>(a, b); }
export function f32Sqrt(a: u32): u32 { return squareRoot<u32>(a); }
export function f32Min(a: u32, b: u32): u32 { return minimum<u32>(a, b); }
export function f32Max(a: u32, b: u32): u32 { return maximum<u32>(a, b); }
export function f32Compare(a: u32, b: u32, signalling: bool): Relation { return compare<u32>(a, b, signalling); }
export function f32Round(a: u32, mode: u32): u32 { return toIntegral<u32>(a, mode); }
