// A 64-bit digest of linear memory, for comparing states: multiply and rotate over eight bytes at a time, with
// four sums side by side where there is enough. It guards against accidents, not against adversaries.

const SEED: u64 = 0x243f_6a88_85a3_08d3;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const FINAL: u64 = 0xbf58_476d_1ce4_e5b9;
/** Bytes per round. */
const STRIDE: usize = 32;

@inline function mix(sum: u64, word: u64): u64 { return rotl<u64>(sum ^ (word * MULTIPLIER), 29) * FINAL + word; }

/** Digest of `length` bytes, a multiple of 4, going on from an earlier one. */
export function digest(sum: u64, address: usize, length: u32): u64 {
  sum = mix(sum ^ SEED, <u64>length);
  let a = sum;
  let b = sum + 1;
  let c = sum + 2;
  let d = sum + 3;
  const end = address + length;
  for (; address + STRIDE <= end; address += STRIDE) {
    a = mix(a, load<u64>(address));
    b = mix(b, load<u64>(address, 8));
    c = mix(c, load<u64>(address, 16));
    d = mix(d, load<u64>(address, 24));
  }
  for (; address < end; address += 4) a = mix(a, <u64>load<u32>(address));
  sum = mix(mix(mix(a, b), c), d);
  return sum ^ (sum >> 31);
}
