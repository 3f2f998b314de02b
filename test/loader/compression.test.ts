// Unpackers against what the reference tools packed, and against damage: a damaged file is refused with a
// typed error or, where its format has no checksum, unpacked to something of the right size. Never more.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { unpack } from "../../src/loader/compression/unpack.js";
import { HypervisorError } from "../../src/node.js";
import { crc32 } from "../../src/support/checksum.js";
import { codeLike, noise } from "./content.js";

function packed(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(new URL(`packed/${name}`, import.meta.url)));
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof HypervisorError) return error.code;
    throw error;
  }
  return undefined;
}

// ISO 3309's check value, and the value of nothing.
test("CRC-32 of 123456789 is CBF43926h", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
  expect(crc32(new Uint8Array())).toBe(0);
});

test.each([
  ["code.xz", codeLike],
  ["blocks.xz", codeLike],
  ["noise.xz", noise],
  ["code.lz4", codeLike],
  ["code.zst", codeLike],
  ["code.gz", codeLike],
])("%s unpacks to what was packed", (name, content) => {
  const expected = content();
  expect(Buffer.compare(unpack(packed(name), expected.length), expected)).toBe(0);
});

// Zstandard's library cannot tell less than was announced.
test.each(["code.xz", "code.lz4", "code.gz"])("%s: a wrong size is refused", (name) => {
  for (const size of [1, codeLike().length - 1, codeLike().length + 1]) {
    expect(codeOf(() => unpack(packed(name), size))).toBe("invalid-image");
  }
});

test.each([
  ["a filter for another processor", "arm.xz", /filters 7, 33/],
  ["a check that is not known", "sha.xz", /check 10/],
])("XZ with %s is unsupported", (_name, file, message) => {
  expect(codeOf(() => unpack(packed(file), codeLike().length))).toBe("unsupported-image");
  expect(() => unpack(packed(file), codeLike().length)).toThrow(message);
});

test("formats without an unpacker are named", () => {
  expect(() => unpack(new TextEncoder().encode("BZh91AY"), 10)).toThrow(/bzip2/);
  expect(() => unpack(Uint8Array.of(1, 2, 3, 4), 10)).toThrow(/unknown way.*0x01 0x02 0x03 0x04/);
});

test.each(["code.xz", "blocks.xz", "noise.xz", "code.lz4", "code.zst", "code.gz"])("%s: damage is harmless", (name) => {
  const bytes = packed(name);
  const expected = name === "noise.xz" ? noise() : codeLike();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
      fc.nat(bytes.length),
      fc.boolean(),
      (changes, length, cut) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, mask] of changes) damaged[at] ^= mask;
        const input = cut ? damaged.subarray(0, length) : damaged;
        let result: Uint8Array | undefined;
        const code = codeOf(() => {
          result = unpack(input, expected.length);
        });
        expect([undefined, "invalid-image", "unsupported-image"]).toContain(code);
        if (code === undefined) expect(result).toHaveLength(expected.length);
      },
    ),
    { numRuns: 500 },
  );
});
