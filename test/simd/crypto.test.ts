// AES, PCLMULQDQ and SHA instructions against published examples: FIPS 197 (appendices A.1, B), FIPS 180-4's "abc",
// and the GHASH multiplication of the GCM specification (test case 2).

import { beforeAll, describe, expect, it } from "vitest";
import { DATA, hex, Processor } from "./processor.js";

let p: Processor;
beforeAll(() => {
  p = new Processor();
});

/** Bytes in memory order as a register value. */
const register = (digits: string): bigint => BigInt(`0x${(digits.match(/../g) ?? []).reverse().join("")}`);
const digits = (value: bigint): string => (hex(value).match(/../g) ?? []).reverse().join("");

describe("AES-128 (FIPS 197)", () => {
  const KEY = "2b7e151628aed2a6abf7158809cf4f3c";
  const LAST_KEY = "d014f9a8c9ee2589e13f0cc8b6630ca6";
  const PLAIN = "3243f6a8885a308d313198a2e0370734";
  const CIPHER = "3925841d02dc09fbdc118597196a0b32";
  const CONSTANTS = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];

  /** Round keys, by AESKEYGENASSIST and three shifted additions. */
  function schedule(): bigint[] {
    const keys = [register(KEY)];
    for (const constant of CONSTANTS) {
      p.setXmm(1, keys.at(-1)!);
      const step = "movdqa xmm3, xmm1\npslldq xmm3, 4\npxor xmm1, xmm3";
      p.run(
        `aeskeygenassist xmm2, xmm1, ${constant}\npshufd xmm2, xmm2, 0xff\n${step}\npslldq xmm3, 4\npxor xmm1, xmm3
pslldq xmm3, 4\npxor xmm1, xmm3\npxor xmm1, xmm2`,
      );
      keys.push(p.xmm(1));
    }
    return keys;
  }
  /** Runs an instruction on the state (XMM0) with a key in memory. */
  function round(source: string, key: bigint): void {
    p.poke(DATA, Buffer.from(digits(key), "hex"));
    p.machine.setGpr(6, BigInt(DATA));
    expect(p.run(`${source} xmm0, [rsi]`).kind).toBe("done");
  }

  it("expands a key", () => {
    const keys = schedule();
    expect(keys).toHaveLength(11);
    expect(digits(keys[10]!)).toBe(LAST_KEY);
  });
  it("encrypts", () => {
    const keys = schedule();
    p.setXmm(0, register(PLAIN));
    round("pxor", keys[0]!);
    for (let i = 1; i < 10; i++) round("aesenc", keys[i]!);
    round("aesenclast", keys[10]!);
    expect(digits(p.xmm(0))).toBe(CIPHER);
  });
  it("decrypts with the equivalent inverse cipher", () => {
    const keys = schedule();
    p.setXmm(0, register(CIPHER));
    round("pxor", keys[10]!);
    for (let i = 9; i > 0; i--) {
      p.setXmm(1, keys[i]!);
      p.run("aesimc xmm1, xmm1");
      round("aesdec", p.xmm(1));
    }
    round("aesdeclast", keys[0]!);
    expect(digits(p.xmm(0))).toBe(PLAIN);
  });
});

describe("PCLMULQDQ", () => {
  it("multiplies in GCM's field", () => {
    // H and the ciphertext block of test case 2; GHASH after one block.
    const reflect = (value: bigint): bigint =>
      BigInt(`0b${[...value.toString(2).padStart(128, "0")].reverse().join("")}`);
    const h = reflect(BigInt("0x66e94bd4ef8a2c3b884cfa59ca342b2e"));
    const block = reflect(BigInt("0x0388dace60b6a392f328c2b971b2fe78"));
    p.setXmm(1, h);
    p.setXmm(2, block);
    p.run(
      `movdqa xmm3, xmm1\npclmulqdq xmm3, xmm2, 0x00\nmovdqa xmm4, xmm1\npclmulqdq xmm4, xmm2, 0x11
movdqa xmm5, xmm1\npclmulqdq xmm5, xmm2, 0x01\npclmulqdq xmm1, xmm2, 0x10`,
    );
    let product = p.xmm(3) ^ (p.xmm(4) << 128n) ^ ((p.xmm(5) ^ p.xmm(1)) << 64n);
    // Modulo x^128 + x^7 + x^2 + x + 1.
    for (let bit = 255n; bit >= 128n; bit--)
      if ((product >> bit) & 1n) product ^= 0x1_0000_0000_0000_0000_0000_0000_0000_0087n << (bit - 128n);
    expect(hex(reflect(product))).toBe("5e2ec746917062882c85b0685353deb7");
  });
});

describe('SHA of "abc" (FIPS 180-4)', () => {
  const MESSAGE = [0x61626380, ...Array<number>(14).fill(0), 24];
  /** Four words, the first in the highest or the lowest doubleword. */
  const high = (words: number[]): bigint => words.reduce((value, word) => (value << 32n) | BigInt(word >>> 0), 0n);
  const low = (words: number[]): bigint => high([...words].reverse());
  const words = (value: bigint): number[] =>
    [96n, 64n, 32n, 0n].map((shift) => Number((value >> shift) & 0xffff_ffffn));
  const sum = (a: number, b: number): number => (a + b) >>> 0;
  const text = (state: number[]): string => state.map((word) => word.toString(16).padStart(8, "0")).join("");

  it("SHA-1", () => {
    const start = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
    const schedule = [0, 4, 8, 12].map((i) => high(MESSAGE.slice(i, i + 4)));
    for (let group = 4; group < 20; group++) {
      p.setXmm(1, schedule[group - 4]!);
      p.setXmm(2, schedule[group - 3]!);
      p.setXmm(3, schedule[group - 2]!);
      p.setXmm(4, schedule[group - 1]!);
      p.run("sha1msg1 xmm1, xmm2\npxor xmm1, xmm3\nsha1msg2 xmm1, xmm4");
      schedule.push(p.xmm(1));
    }
    p.setXmm(0, high(start.slice(0, 4)));
    // E enters by the first words; afterwards SHA1NEXTE derives it from the state four rounds before.
    p.setXmm(1, high(words(schedule[0]!).map((word, i) => (i === 0 ? sum(word, start[4]!) : word))));
    for (let group = 0; group < 20; group++) {
      p.run(`movdqa xmm2, xmm0\nsha1rnds4 xmm0, xmm1, ${Math.floor(group / 5)}`);
      p.setXmm(1, p.xmm(2));
      p.setXmm(3, group < 19 ? schedule[group + 1]! : 0n);
      p.run("sha1nexte xmm1, xmm3");
    }
    const end = [...words(p.xmm(0)), words(p.xmm(1))[0]!];
    expect(text(end.map((word, i) => sum(word, start[i]!)))).toBe("a9993e364706816aba3e25717850c26c9cd0d89d");
  });

  it("SHA-256", () => {
    const start = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
    const schedule = [0, 4, 8, 12].map((i) => low(MESSAGE.slice(i, i + 4)));
    for (let group = 4; group < 16; group++) {
      p.setXmm(1, schedule[group - 4]!);
      p.setXmm(2, schedule[group - 3]!);
      p.setXmm(3, schedule[group - 2]!);
      p.setXmm(4, schedule[group - 1]!);
      p.run("sha256msg1 xmm1, xmm2\nmovdqa xmm5, xmm4\npalignr xmm5, xmm3, 4\npaddd xmm1, xmm5\nsha256msg2 xmm1, xmm4");
      schedule.push(p.xmm(1));
    }
    const [a, b, c, d, e, f, g, h] = start as [number, number, number, number, number, number, number, number];
    p.setXmm(1, high([a, b, e, f]));
    p.setXmm(2, high([c, d, g, h]));
    for (let group = 0; group < 16; group++) {
      p.setXmm(3, schedule[group]!);
      p.setXmm(4, low(CONSTANTS_256.slice(group * 4, group * 4 + 4)));
      p.run(
        "paddd xmm3, xmm4\nmovdqa xmm0, xmm3\nsha256rnds2 xmm2, xmm1\npshufd xmm0, xmm3, 0x0e\nsha256rnds2 xmm1, xmm2",
      );
    }
    const [a2, b2, e2, f2] = words(p.xmm(1)) as [number, number, number, number];
    const [c2, d2, g2, h2] = words(p.xmm(2)) as [number, number, number, number];
    expect(text([a2, b2, c2, d2, e2, f2, g2, h2].map((word, i) => sum(word, start[i]!)))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});

/** FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const CONSTANTS_256 = Array.from({ length: 400 }, (_, n) => n)
  .filter((n) => n > 1 && ![2, 3, 5, 7, 11, 13, 17, 19].some((q) => q < n && n % q === 0))
  .slice(0, 64)
  .map((prime) => Number(cubeRoot(BigInt(prime) << 96n) & 0xffff_ffffn));

function cubeRoot(value: bigint): bigint {
  let root = 0n;
  for (let bit = 1n << 40n; bit > 0n; bit >>= 1n) if ((root + bit) ** 3n <= value) root += bit;
  return root;
}
