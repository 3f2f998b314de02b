// npm run decoder -- [--strings N] [--seed S]: the decoder against iced-x86 on N strings (default 10 million),
// each in 16-, 32- and 64-bit mode.

import { parseArgs } from "node:util";
import { Machine } from "../engine/harness.js";
import { Random } from "../oracle/random.js";
import { BITS, DecoderComparison, fillStrings, STRIDE } from "./decoder.js";

const CHUNK = 65536;

const { values } = parseArgs({
  options: { strings: { type: "string", default: "10000000" }, seed: { type: "string" } },
});
const seed = values.seed === undefined ? Date.now() & 0x7fffffff : Number(values.seed);
const wanted = Number(values.strings);
console.log(`seed ${seed}`);
const comparison = new DecoderComparison(new Machine({ pages: 256, sets: 2 }));
const random = new Random(seed);
const data = new Uint8Array(CHUNK * STRIDE);
const started = Date.now();
for (let done = 0; done < wanted; done += CHUNK) {
  fillStrings(data, random);
  for (const bits of BITS) {
    comparison.compare(data, bits);
    comparison.truncated(data.subarray(0, 1024 * STRIDE), bits);
  }
}
for (const line of comparison.summary()) console.log(line);
const seconds = (Date.now() - started) / 1000;
console.log(
  `${comparison.compared} comparisons, ${comparison.valid} instructions, ${comparison.failures} differences, ${seconds.toFixed(0)} s`,
);
if (comparison.failures > 0) process.exitCode = 1;
