// SHA-1 and SHA-256 rounds and message schedule (FIPS 180-4; SDM vol. 2, SHA1RNDS4 to SHA256MSG2). In SHA-1 the first
// word of a group is in the highest doubleword of a register, in SHA-256 messages in the lowest. AMD processors
// take memory operands of any alignment here (measured).

import { uopImm } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { source128u, xmm, xmmDst } from "../sse/operand";

/** Doubleword n of the register or operand at `base`. */
@inline function word(base: usize, n: usize): u32 { return load<u32>(base + (n << 2)); }
function setWords(at: usize, w3: u32, w2: u32, w1: u32, w0: u32): i32 {
  store<u32>(at, w0);
  store<u32>(at, w1, 4);
  store<u32>(at, w2, 8);
  store<u32>(at, w3, 12);
  return Status.NEXT;
}
@inline function choose(x: u32, y: u32, z: u32): u32 { return (x & y) ^ (~x & z); }
@inline function majority(x: u32, y: u32, z: u32): u32 { return (x & y) ^ (x & z) ^ (y & z); }

// ---- SHA-1 ----------------------------------------------------------------------------------------

/** The round constants K of the four groups of 20 rounds. */
const ROUND_CONSTANTS: usize = memory.data<u32>([0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6]);

/** SHA1RNDS4: four rounds; the words in the source have E in the first of them already. */
export function sha1Rounds(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const group = <u32>uopImm(u) & 3;
  const constant = word(ROUND_CONSTANTS, group);
  const at = xmmDst(u);
  let a = word(at, 3);
  let b = word(at, 2);
  let c = word(at, 1);
  let d = word(at, 0);
  let e: u32 = 0;
  for (let round: usize = 0; round < 4; round++) {
    const f = group == 0 ? choose(b, c, d) : group == 2 ? majority(b, c, d) : b ^ c ^ d;
    const next = f + rotl<u32>(a, 5) + word(source, 3 - round) + e + constant;
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  return setWords(at, a, b, c, d);
}
/** SHA1NEXTE: E after four rounds, added to the next words. */
export function sha1NextE(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  return setWords(at, word(source, 3) + rotl<u32>(word(at, 3), 30), word(source, 2), word(source, 1), word(source, 0));
}
/** SHA1MSG1. */
export function sha1Message1(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  const w0 = word(at, 3);
  const w1 = word(at, 2);
  const w2 = word(at, 1);
  const w3 = word(at, 0);
  return setWords(at, w2 ^ w0, w3 ^ w1, word(source, 3) ^ w2, word(source, 2) ^ w3);
}
/** SHA1MSG2. */
export function sha1Message2(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  const w16 = rotl<u32>(word(at, 3) ^ word(source, 2), 1);
  const w17 = rotl<u32>(word(at, 2) ^ word(source, 1), 1);
  const w18 = rotl<u32>(word(at, 1) ^ word(source, 0), 1);
  const w19 = rotl<u32>(word(at, 0) ^ w16, 1);
  return setWords(at, w16, w17, w18, w19);
}

// ---- SHA-256 --------------------------------------------------------------------------------------

@inline function sum0(x: u32): u32 { return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22); }
@inline function sum1(x: u32): u32 { return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25); }
@inline function sigma0(x: u32): u32 { return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3); }
@inline function sigma1(x: u32): u32 { return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ (x >> 10); }

/** SHA256RNDS2: two rounds; source ABEF, destination CDGH, XMM0 the words with their constants. */
export function sha256Rounds(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  let a = word(source, 3);
  let b = word(source, 2);
  let e = word(source, 1);
  let f = word(source, 0);
  let c = word(at, 3);
  let d = word(at, 2);
  let g = word(at, 1);
  let h = word(at, 0);
  for (let round: usize = 0; round < 2; round++) {
    const first = h + sum1(e) + choose(e, f, g) + word(xmm(0), round);
    const second = sum0(a) + majority(a, b, c);
    h = g;
    g = f;
    f = e;
    e = d + first;
    d = c;
    c = b;
    b = a;
    a = first + second;
  }
  return setWords(at, a, b, e, f);
}
/** SHA256MSG1. */
export function sha256Message1(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  const w0 = word(at, 0);
  const w1 = word(at, 1);
  const w2 = word(at, 2);
  const w3 = word(at, 3);
  return setWords(at, w3 + sigma0(word(source, 0)), w2 + sigma0(w3), w1 + sigma0(w2), w0 + sigma0(w1));
}
/** SHA256MSG2. */
export function sha256Message2(u: usize): i32 {
  const source = source128u(u);
  if (source == 0) return Status.FAULT;
  const at = xmmDst(u);
  const w16 = word(at, 0) + sigma1(word(source, 2));
  const w17 = word(at, 1) + sigma1(word(source, 3));
  const w18 = word(at, 2) + sigma1(w16);
  const w19 = word(at, 3) + sigma1(w17);
  return setWords(at, w19, w18, w17, w16);
}
