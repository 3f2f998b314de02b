// 128-bit helpers against their defining equations: q d + r = n with r < d, r^2 <= n < (r + 1)^2, and products
// and shifts one bit at a time.

import {
  add,
  divide,
  low,
  multiply,
  multiplyHigh,
  remainder,
  remainderHigh,
  shiftLeft,
  shiftRightJam,
  squareRoot,
  subtract,
} from "../../assembly/float/wide";

let seed: u64 = 0x9e3779b97f4a7c15;
function random(): u64 {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}
/** Values with long runs of equal bits as often as any. */
function operand(): u64 {
  const a = random();
  switch (<u32>(random() >> 60)) {
    case 0: return a >> (random() & 63);
    case 1: return ~<u64>0 << (random() & 63);
    case 2: return ~<u64>0 - (a >> 60);
    case 3: return (<u64>1 << 63) | (a >> 58);
    case 4: return <u64>1 << (random() & 63);
    default: return a;
  }
}

/** a * b by shifts and additions; upper half, lower half in schoolLow. */
let schoolLow: u64 = 0;
function school(a: u64, b: u64): u64 {
  let high: u64 = 0;
  schoolLow = 0;
  for (let bit: i32 = 63; bit >= 0; bit--) {
    high = (high << 1) | (schoolLow >> 63);
    schoolLow <<= 1;
    if (((b >> bit) & 1) == 0) continue;
    const sum = schoolLow + a;
    high += u64(sum < a);
    schoolLow = sum;
  }
  return high;
}

function badProducts(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const a = operand();
    const b = operand();
    const high = school(a, b);
    if (multiply(a, b) != high || low != schoolLow || multiplyHigh(a, b) != high) bad++;
  }
  return bad;
}

function badQuotients(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const d = operand() | (<u64>1 << 63);
    const h = operand() % d;
    const l = operand();
    const q = divide(h, l, d);
    const r = remainder;
    const high = multiply(q, d);
    const sum = add(high, low, 0, r);
    if (r >= d || sum != h || low != l) bad++;
  }
  return bad;
}

function badRoots(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const h = operand() | (<u64>1 << (62 + (random() & 1)));
    const l = operand();
    const r = squareRoot(h, l);
    const restHigh = remainderHigh;
    const rest = remainder;
    const square = multiply(r, r);
    const sum = add(square, low, restHigh, rest);
    // The remainder of the greatest root is at most 2 r.
    if (sum != h || low != l || restHigh > 1 || (restHigh == r >> 63 && rest > r << 1) || restHigh > r >> 63) bad++;
  }
  return bad;
}

function badShifts(count: u32): u32 {
  let bad: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const h = operand();
    const l = operand();
    const by = <u32>(random() % 140);
    let eh = h;
    let el = l;
    let lost = false;
    for (let n: u32 = 0; n < by; n++) {
      lost = lost || (el & 1) != 0;
      el = (el >> 1) | (eh << 63);
      eh >>= 1;
    }
    if (shiftRightJam(h, l, by) != eh || low != (el | u64(lost))) bad++;
    const left = by & 127;
    eh = h;
    el = l;
    for (let n: u32 = 0; n < left; n++) {
      eh = (eh << 1) | (el >> 63);
      el <<= 1;
    }
    if (shiftLeft(h, l, left) != eh || low != el) bad++;
  }
  return bad;
}

describe("128-bit integers", () => {
  it("multiplies", () => { expect(badProducts(20000)).toBe(0); });
  it("divides", () => { expect(badQuotients(20000)).toBe(0); });
  it("takes square roots", () => { expect(badRoots(20000)).toBe(0); });
  it("shifts", () => { expect(badShifts(20000)).toBe(0); });
  it("carries and borrows", () => {
    expect(add(1, ~<u64>0, 0, 1)).toBe(2);
    expect(low).toBe(0);
    expect(subtract(2, 0, 0, 1)).toBe(1);
    expect(low).toBe(~<u64>0);
  });
});
