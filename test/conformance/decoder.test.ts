// The decoder against iced-x86 on some 300,000 byte strings; decoder.hunt.ts goes on from there.

import { expect, test } from "vitest";
import { Machine } from "../engine/harness.js";
import { Random } from "../oracle/random.js";
import { BITS, DecoderComparison, fillStrings, STRIDE } from "./decoder.js";

/** First two bytes in every combination, then a ModRM and more from a generator: every opcode of two maps. */
function everyPair(random: Random): Uint8Array {
  const data = new Uint8Array(65536 * STRIDE);
  fillStrings(data, random);
  for (let pair = 0; pair < 65536; pair++) {
    data[pair * STRIDE] = pair >> 8;
    data[pair * STRIDE + 1] = pair;
  }
  return data;
}

test("lengths and validity agree with iced-x86", () => {
  const comparison = new DecoderComparison(new Machine({ pages: 256, sets: 2 }));
  const random = new Random(0xdec0de);
  const strings = new Uint8Array(50_000 * STRIDE);
  for (const bits of BITS) {
    comparison.compare(everyPair(random), bits);
    fillStrings(strings, random);
    comparison.compare(strings, bits);
    comparison.truncated(strings.subarray(0, 5_000 * STRIDE), bits);
  }
  console.log(
    `decoder: ${comparison.compared} strings, ${comparison.valid} of them instructions, ${comparison.failures} differences`,
  );
  expect(comparison.summary().slice(0, 40)).toEqual([]);
});
