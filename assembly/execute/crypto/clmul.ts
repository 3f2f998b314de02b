// PCLMULQDQ (SDM vol. 2): the product of two 64-bit polynomials over GF(2).
//
// WebAssembly has no carry-less multiplication, but an integer one with room for its carries does: with only every
// fourth bit of both factors in place, at most eight ones meet in a position of a 32-bit product, and their
// sum stays below the next position in use.

import { uopImm } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { source128, xmmDst } from "../sse/operand";

/** Every fourth bit. */
const HOLES: u64 = 0x1111_1111_1111_1111;

/** Product of two polynomials of degree below 32. */
function multiply32(a: u64, b: u64): u64 {
  const a0 = a & HOLES;
  const a1 = a & (HOLES << 1);
  const a2 = a & (HOLES << 2);
  const a3 = a & (HOLES << 3);
  const b0 = b & HOLES;
  const b1 = b & (HOLES << 1);
  const b2 = b & (HOLES << 2);
  const b3 = b & (HOLES << 3);
  return (
    (((a0 * b0) ^ (a1 * b3) ^ (a2 * b2) ^ (a3 * b1)) & HOLES) |
    (((a0 * b1) ^ (a1 * b0) ^ (a2 * b3) ^ (a3 * b2)) & (HOLES << 1)) |
    (((a0 * b2) ^ (a1 * b1) ^ (a2 * b0) ^ (a3 * b3)) & (HOLES << 2)) |
    (((a0 * b3) ^ (a1 * b2) ^ (a2 * b1) ^ (a3 * b0)) & (HOLES << 3))
  );
}

/** Immediate: bit 0 and bit 4 choose the quadwords of destination and source. Three products, as Karatsuba has it. */
export function pclmulqdq(u: usize): i32 {
  const source = source128(u);
  if (source == 0) return Status.FAULT;
  const control = <usize>uopImm(u);
  const at = xmmDst(u);
  const a = load<u64>(at + ((control & 1) << 3));
  const b = load<u64>(source + (((control >> 4) & 1) << 3));
  const aHigh = a >> 32;
  const bHigh = b >> 32;
  const low = multiply32(a & 0xffff_ffff, b & 0xffff_ffff);
  const high = multiply32(aHigh, bHigh);
  const middle = multiply32((a ^ aHigh) & 0xffff_ffff, (b ^ bHigh) & 0xffff_ffff) ^ low ^ high;
  store<u64>(at, low ^ (middle << 32));
  store<u64>(at, high ^ (middle >> 32), 8);
  return Status.NEXT;
}
