// Packed integer arithmetic that WebAssembly has no single instruction for (SDM vol. 2, PMADD, PMUL, PSAD, PSIGN,
// PHADD, PHMINPOSUW, MPSADBW). Values only: operands are the business of packed.ts. Where a WebAssembly
// operator means exactly the same, packed.ts uses it directly.

// ---- multiplication -------------------------------------------------------------------------------

/** High halves of eight 32-bit products, four in each operand. */
@inline function highHalves(low: v128, high: v128): v128 {
  return v128.shuffle<i16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
}
@inline export function multiplyHigh(a: v128, b: v128): v128 {
  return highHalves(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b));
}
@inline export function multiplyHighUnsigned(a: v128, b: v128): v128 {
  return highHalves(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b));
}
/** PMULHRSW: (a * b + 4000h) >> 15 without saturation: only -8000h squared leaves the range. */
@inline export function multiplyRound(a: v128, b: v128): v128 {
  const least = i16x8.splat(-0x8000);
  const overflow = v128.and(i16x8.eq(a, least), i16x8.eq(b, least));
  return v128.xor(i16x8.q15mulr_sat_s(a, b), overflow);
}
/** Doublewords 0 and 2 of each operand to two quadwords. */
@inline export function multiplyEvenUnsigned(a: v128, b: v128): v128 {
  return i64x2.extmul_low_i32x4_u(v128.shuffle<i32>(a, a, 0, 2, 0, 2), v128.shuffle<i32>(b, b, 0, 2, 0, 2));
}
@inline export function multiplyEven(a: v128, b: v128): v128 {
  return i64x2.extmul_low_i32x4_s(v128.shuffle<i32>(a, a, 0, 2, 0, 2), v128.shuffle<i32>(b, b, 0, 2, 0, 2));
}
/** PMADDUBSW: unsigned bytes of a times signed bytes of b, neighbours added with saturation. */
@inline export function multiplyAddBytes(a: v128, b: v128): v128 {
  const even = i16x8.mul(v128.and(a, i16x8.splat(0xff)), i16x8.shr_s(i16x8.shl(b, 8), 8));
  const odd = i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8));
  return i16x8.add_sat_s(even, odd);
}

// ---- sums -----------------------------------------------------------------------------------------

@inline function distance(a: v128, b: v128): v128 {
  return v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
}
/** PSADBW: sum of the distances of eight bytes, in each quadword. */
@inline export function sumOfDistances(a: v128, b: v128): v128 {
  const fours = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(distance(a, b)));
  return i64x2.add(i64x2.shr_u(fours, 32), v128.and(fours, i64x2.splat(0xffff_ffff)));
}
/** MPSADBW: distances of four bytes of b to eight overlapping groups of a. */
@inline export function slidingDistances(a: v128, b: v128, control: u32): v128 {
  // Bytes 4 to 14 of a move down where bit 2 says so.
  if ((control & 4) != 0) a = v128.shuffle<i8>(a, a, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 15, 15, 15);
  const block = i8x16.swizzle(
    b,
    i8x16.add(i32x4.splat(0x0302_0100), i8x16.splat(<i8>((control & 3) << 2))),
  );
  // Groups 0 to 3, then 4 to 7, a doubleword each.
  const first = groupDistances(v128.shuffle<i8>(a, a, 0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6), block);
  const last = groupDistances(v128.shuffle<i8>(a, a, 4, 5, 6, 7, 5, 6, 7, 8, 6, 7, 8, 9, 7, 8, 9, 10), block);
  return i16x8.narrow_i32x4_u(first, last);
}
@inline function groupDistances(groups: v128, block: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(distance(groups, block)));
}

// PHADD, PHSUB: neighbours in the concatenation b:a.
@inline function evenWords(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14); }
@inline function oddWords(a: v128, b: v128): v128 { return v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15); }
@inline function evenDoublewords(a: v128, b: v128): v128 { return v128.shuffle<i32>(a, b, 0, 2, 4, 6); }
@inline function oddDoublewords(a: v128, b: v128): v128 { return v128.shuffle<i32>(a, b, 1, 3, 5, 7); }
@inline export function addWords(a: v128, b: v128): v128 { return i16x8.add(evenWords(a, b), oddWords(a, b)); }
@inline export function addWordsSaturated(a: v128, b: v128): v128 {
  return i16x8.add_sat_s(evenWords(a, b), oddWords(a, b));
}
@inline export function addDoublewords(a: v128, b: v128): v128 {
  return i32x4.add(evenDoublewords(a, b), oddDoublewords(a, b));
}
@inline export function subtractWords(a: v128, b: v128): v128 { return i16x8.sub(evenWords(a, b), oddWords(a, b)); }
@inline export function subtractWordsSaturated(a: v128, b: v128): v128 {
  return i16x8.sub_sat_s(evenWords(a, b), oddWords(a, b));
}
@inline export function subtractDoublewords(a: v128, b: v128): v128 {
  return i32x4.sub(evenDoublewords(a, b), oddDoublewords(a, b));
}

// ---- sign, minimum --------------------------------------------------------------------------------

// PSIGN: a, -a or 0 as b is positive, negative or 0.
@inline export function signBytes(a: v128, b: v128): v128 {
  const negative = i8x16.shr_s(b, 7);
  return v128.andnot(i8x16.sub(v128.xor(a, negative), negative), i8x16.eq(b, i8x16.splat(0)));
}
@inline export function signWords(a: v128, b: v128): v128 {
  const negative = i16x8.shr_s(b, 15);
  return v128.andnot(i16x8.sub(v128.xor(a, negative), negative), i16x8.eq(b, i16x8.splat(0)));
}
@inline export function signDoublewords(a: v128, b: v128): v128 {
  const negative = i32x4.shr_s(b, 31);
  return v128.andnot(i32x4.sub(v128.xor(a, negative), negative), i32x4.eq(b, i32x4.splat(0)));
}

/** PHMINPOSUW: the least unsigned word and, above it, its index. */
@inline export function leastWord(a: v128): v128 {
  let least = i16x8.min_u(a, v128.shuffle<i64>(a, a, 1, 0));
  least = i16x8.min_u(least, v128.shuffle<i32>(least, least, 1, 0, 1, 0));
  least = i16x8.min_u(least, v128.shuffle<i16>(least, least, 1, 0, 1, 0, 1, 0, 1, 0));
  const index = ctz<i32>(i16x8.bitmask(i16x8.eq(a, least)));
  return i64x2.replace_lane(i64x2.splat(0), 0, <i64>i16x8.extract_lane_u(least, 0) | (<i64>index << 16));
}
