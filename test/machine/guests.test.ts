// The guest programs as a whole: the demonstration guest's output, and the benchmark guests' checksums
// against the same computations in TypeScript.

import { beforeAll, describe, expect, it } from "vitest";
import { type Hypervisor, loadImage } from "../../src/node.js";
import { BENCHMARKS, type Benchmark, ROUNDS } from "../guest/benchmarks.js";
import { flat } from "../guest/elf.js";
import { assembleBenchmark, assembleDemo } from "../guest/images.js";
import { createHypervisor } from "./machine.js";

let hypervisor: Hypervisor;
beforeAll(async () => {
  hypervisor = await createHypervisor();
});

function run(image: Uint8Array, options: Parameters<typeof loadImage>[2], ticks: number) {
  const partition = hypervisor.createPartition({ memory: 64 << 20 });
  loadImage(partition, image, options);
  let text = "";
  partition.chipset.onOutput("com1", (bytes) => {
    text += Buffer.from(bytes).toString("latin1");
  });
  let exit = partition.run({ ticks: 1_000_000 });
  for (let done = 1_000_000; exit.reason === "budget" && done < ticks; done += 1_000_000)
    exit = partition.run({ ticks: 1_000_000 });
  const { reason } = exit;
  partition[Symbol.dispose]();
  return { text, reason };
}

describe("demonstration guest", () => {
  it("goes from real mode to ring 3 and back, and tells so", () => {
    const { text, reason } = run(flat(assembleDemo()), { format: "flat", address: 0x7c00, mode: "real" }, 200_000_000);
    expect(reason).toBe("halt");
    expect(text.split("\n").map((line) => line.slice(0, 12).trim())).toEqual([
      "Ringfence de",
      "",
      ...["[real]", "[real]", "[real]", "[protected]", "[protected]", "[protected]", "[long]", "[long]", "[long]"],
      ...["[ring 3]", "[ring 3]", "[ring 3]", "[ring 3]", "[ring 3]", "", "All 14 check", ""],
    ]);
    expect(text).toContain("write to 00007FFF00001000 (CR2) raised #PF, error code 0006");
  });
});

// ---- the benchmark guests, computed again
const mul = Math.imul;
const rotate = (value: number): number => (value << 1) | (value >>> 31);

function* integer(count: number): Generator<number> {
  let crc = -1;
  for (;;) {
    for (let n = count; n > 0; n--) {
      crc ^= n & 0xff;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0xedb88320);
    }
    yield crc;
  }
}

const HALF = 0x100000; // dwords

function window(): Int32Array {
  const words = new Int32Array(2 * HALF);
  let value = 12345;
  for (let i = 0; i < words.length; i++) {
    value = (mul(value, 1103515245) + 12345) | 0;
    words[i] = value;
  }
  return words;
}

function* copy(count: number): Generator<number> {
  const words = window();
  for (;;) {
    let sum = 0;
    for (let pass = 0; pass < count; pass++)
      for (let i = 0; i < 0x20000; i++) {
        words[HALF + i] = (words[i] as number) + (words[HALF + i] as number);
        sum = (sum + (words[HALF + i] as number)) | 0;
      }
    yield sum;
  }
}

function* scatter(count: number): Generator<number> {
  const words = window();
  let seed = 1;
  for (;;) {
    let sum = 0;
    for (let n = count; n > 0; n--) {
      seed = (mul(seed, 1664525) + 1013904223) | 0;
      const index = seed >>> 14;
      sum = (sum + (words[index] as number)) | 0;
      words[index ^ 1] = sum;
    }
    yield sum;
  }
}

function* calls(count: number): Generator<number> {
  const fib = (n: number): number => (n < 2 ? n : fib(n - 1) + fib(n - 2));
  for (;;) yield fib(count);
}

function* bytecode(count: number): Generator<number> {
  for (;;) {
    let x = 1;
    let sum = 0;
    for (let n = count; n > 0; n--) {
      x = (mul(x, 75) + 74) | 0;
      sum = (x >>> 7) & 1 ? sum ^ x : (sum + x) | 0;
    }
    yield sum;
  }
}

function* sieve(): Generator<number> {
  const size = 0x80000;
  const composite = new Uint8Array(size);
  let sum = 0;
  for (let n = 2; n < size; n++) {
    if (composite[n]) continue;
    sum = (sum + n + 1) | 0;
    for (let multiple = n * n; multiple < size; multiple += n) composite[multiple] = 1;
  }
  for (;;) yield sum;
}

function* quicksort(count: number): Generator<number> {
  let seed = 42;
  for (;;) {
    const values = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      seed = (mul(seed, 1664525) + 1013904223) | 0;
      values[i] = seed;
    }
    yield values.sort().reduce((sum, value) => (rotate(sum) + value) | 0, 0);
  }
}

const MODELS: [string, number, (count: number) => Generator<number>, (32 | 64)[]][] = [
  ["integer", 5000, integer, [32, 64]],
  ["copy", 2, copy, [32, 64]],
  ["scatter", 50_000, scatter, [32, 64]],
  ["calls", 16, calls, [32, 64]],
  ["bytecode", 5000, bytecode, [32, 64]],
  ["sieve", 1, sieve, [32]],
  ["quicksort", 5000, quicksort, [32, 64]],
];

describe("benchmark guests compute what they should", () => {
  const cases = MODELS.flatMap(([name, count, model, widths]) =>
    widths.map((width) => [name, width, count, model] as const),
  );
  it.each(cases)("%s, %i-bit", (name, width, count, model) => {
    const benchmark = BENCHMARKS.find((entry) => entry.name === name) as Benchmark;
    const { text, reason } = run(
      assembleBenchmark({ ...benchmark, symbols: { ...benchmark.symbols, COUNT: count } }, width),
      { format: "multiboot" },
      100_000_000,
    );
    const rounds = model(count);
    const values = Array.from({ length: ROUNDS }, () => rounds.next().value as number);
    const word = (value: number): string => (value >>> 0).toString(16).toUpperCase().padStart(8, "0");
    const total = values.reduce((sum, value) => (sum + value) | 0, 0);
    expect(text).toBe(`begin\n${values.map((value) => `round ${word(value)}\n`).join("")}end ${word(total)}\n`);
    expect(reason).toBe("debugExit");
  });
  it.each([1, 2, 4, 8, 16, 32, 64])("privileged part %i runs to its end", (part) => {
    const { text, reason } = run(
      assembleBenchmark({ name: "privileged", symbols: { COUNT: 300, PARTS: part } }, 32),
      { format: "multiboot" },
      10_000_000,
    );
    expect(text).toMatch(/^begin\n(round [0-9A-F]{8}\n){4}end [0-9A-F]{8}\n$/);
    expect(reason).toBe("debugExit");
  });
});
