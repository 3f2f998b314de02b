// Truth tables of the fused comparisons' conditions: over all pairs of bytes, each condition by the meaning
// of its name (SDM vol. 2, Jcc) against the bit of the mask that the comparison's outcome selects.

import { conditionMask } from "../../assembly/decode/branch";

/** Jcc after CMP a, b. */
function taken(cc: u32, a: u8, b: u8): bool {
  const signed: i8 = <i8>a;
  const other: i8 = <i8>b;
  if (cc == 2) return a < b; // below
  if (cc == 3) return a >= b;
  if (cc == 4) return a == b;
  if (cc == 5) return a != b;
  if (cc == 6) return a <= b;
  if (cc == 7) return a > b;
  if (cc == 8) return <i8>(a - b) < 0; // sign
  if (cc == 9) return <i8>(a - b) >= 0;
  if (cc == 12) return signed < other; // less
  if (cc == 13) return signed >= other;
  if (cc == 14) return signed <= other;
  return signed > other;
}

function wrongOutcomes(cc: u32): u32 {
  const mask = conditionMask(cc);
  let wrong: u32 = 0;
  for (let i: u32 = 0; i < 65536; i++) {
    const a = <u8>(i >> 8);
    const b = <u8>i;
    const outcome = u32(a < b) | (u32(<i8>a < <i8>b) << 1) | (u32(a == b) << 2) | (u32(<i8>(a - b) < 0) << 3);
    if (((mask >> outcome) & 1) != u32(taken(cc, a, b))) wrong++;
  }
  return wrong;
}

describe("conditionMask", () => {
  it("is the condition's truth table for every outcome of a comparison", () => {
    for (let cc: u32 = 2; cc < 10; cc++) expect(wrongOutcomes(cc)).toBe(0);
    for (let cc: u32 = 12; cc < 16; cc++) expect(wrongOutcomes(cc)).toBe(0);
  });
  it("does not exist for overflow and parity", () => {
    expect(conditionMask(0)).toBe(0);
    expect(conditionMask(1)).toBe(0);
    expect(conditionMask(10)).toBe(0);
    expect(conditionMask(11)).toBe(0);
  });
  it("has 16 bits", () => {
    for (let cc: u32 = 0; cc < 16; cc++) expect(conditionMask(cc) >> 16).toBe(0);
  });
});
