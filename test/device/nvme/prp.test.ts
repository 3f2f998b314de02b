// PRP walking against a flat model: the model says, page by page and straight from the definition (NVM Express 1.4,
// 4.3), where the bytes of a transfer lie, or which status the entries deserve.

import fc from "fast-check";
import { expect, test } from "vitest";
import { checkSegments, gather, scatter, walkPrp } from "../../../src/device/nvme/prp.js";
import { Refusal, Status } from "../../../src/device/nvme/status.js";
import type { PciHost } from "../../../src/device/pci/function.js";

const RAM = 0x4_0000;

function hostOf(ram: Buffer): PciHost {
  const isRam = (at: number, size: number) => Number.isSafeInteger(at) && at >= 0 && at + size <= ram.length;
  return {
    isRam,
    read: (at: number, into: Uint8Array) =>
      isRam(at, into.length) && into.set(ram.subarray(at, at + into.length)) === undefined,
    write: (at: number, from: Uint8Array) => isRam(at, from.length) && ram.set(from, at) === undefined,
  } as unknown as PciHost;
}

/** The bytes, or the status of the first fault: lists in order, then data. */
function model(ram: Buffer, pageSize: number, prp1: bigint, prp2: bigint, length: number): Buffer | Status {
  const size = BigInt(pageSize);
  const pieces: [bigint, bigint][] = [];
  let count = 0n;
  const left = () => length - Number(count);
  const page = (from: bigint): void => {
    const rest = size - (from % size);
    const piece = rest < BigInt(left()) ? rest : BigInt(left());
    pieces.push([from, from + piece]);
    count += piece;
  };
  if (prp1 % 4n !== 0n) return Status.PRP_OFFSET_INVALID;
  page(prp1);
  if (left() > 0 && left() <= pageSize) {
    if (prp2 % size !== 0n) return Status.PRP_OFFSET_INVALID;
    page(prp2);
  } else if (left() > 0) {
    if (prp2 % 8n !== 0n) return Status.PRP_OFFSET_INVALID;
    let cursor = prp2;
    // Entries of the page being read that are needed all have to be there.
    const need = (at: bigint): boolean => {
      const slots = Number((size - (at % size)) / 8n);
      const wanted = Math.min(slots, Math.ceil(left() / pageSize));
      return at + BigInt(wanted * 8) <= BigInt(ram.length);
    };
    if (!need(cursor)) return Status.DATA_TRANSFER_ERROR;
    while (left() > 0) {
      const entry = ram.readBigUInt64LE(Number(cursor));
      if (entry % size !== 0n) return Status.PRP_OFFSET_INVALID;
      const lastInPage = (cursor + 8n) % size === 0n;
      if (lastInPage && left() > pageSize) {
        cursor = entry;
        if (!need(cursor)) return Status.DATA_TRANSFER_ERROR;
        continue;
      }
      page(entry);
      cursor += 8n;
    }
  }
  if (pieces.some(([, end]) => end > BigInt(ram.length))) return Status.DATA_TRANSFER_ERROR;
  return Buffer.concat(pieces.map(([from, end]) => ram.subarray(Number(from), Number(end))));
}

function subject(ram: Buffer, pageSize: number, prp1: bigint, prp2: bigint, length: number): Buffer | Status {
  const host = hostOf(ram);
  try {
    const segments = walkPrp(host, pageSize, Number(prp1), Number(prp2), length);
    checkSegments(host, segments, true);
    const bytes = Buffer.alloc(length);
    gather(host, segments, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof Refusal) return error.status;
    throw error;
  }
}

const pageSizes = fc.constantFrom(0x1000, 0x2000, 0x4000);
/** Mostly sound addresses, with faults mixed in; few pages, so that lists and data overlap. */
function pointer(alignment: number): fc.Arbitrary<bigint> {
  return fc.oneof(
    { weight: 40, arbitrary: fc.integer({ min: 0, max: RAM / alignment - 1 }).map((n) => BigInt(n * alignment)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * RAM }).map(BigInt) },
    { weight: 1, arbitrary: fc.constantFrom(BigInt(RAM), 0xc000_0000n, 2n ** 52n, 2n ** 64n - 0x4000n) },
  );
}

test("the bytes of a transfer are where the flat model has them, and faults have its status", () => {
  const outcomes = new Set<unknown>();
  fc.assert(
    fc.property(
      pageSizes.chain((pageSize) =>
        fc.record({
          pageSize: fc.constant(pageSize),
          prp1: pointer(4),
          prp2: fc.oneof(
            pointer(8),
            pointer(pageSize),
            fc.constant(BigInt(pageSize - 8)),
            fc.constant(BigInt(2 * pageSize - 16)),
          ),
          length: fc.oneof(
            fc.integer({ min: 1, max: 64 }).map((n) => n * 512),
            fc.integer({ min: 1, max: 256 }).map((n) => n * 4096),
          ),
          seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
          faults: fc.array(fc.tuple(fc.integer({ min: 0, max: RAM / 8 - 1 }), pointer(pageSize)), { maxLength: 40 }),
        }),
      ),
      ({ pageSize, prp1, prp2, length, seed, faults }) => {
        const ram = Buffer.alloc(RAM);
        // Memory full of page addresses: whatever is taken for a list is one.
        let state = seed;
        for (let at = 0; at < RAM; at += 8) {
          state = (Math.imul(state, 1103515245) + 12345) >>> 0;
          ram.writeBigUInt64LE(BigInt(((state >>> 8) % (RAM / pageSize)) * pageSize), at);
        }
        for (const [n, value] of faults) ram.writeBigUInt64LE(value, n * 8);
        const expected = model(ram, pageSize, prp1, prp2, length);
        const actual = subject(ram, pageSize, prp1, prp2, length);
        outcomes.add(typeof expected === "number" ? expected : "data");
        if (typeof expected === "number") expect(actual).toBe(expected);
        else expect(Buffer.compare(actual as Buffer, expected)).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
  expect(outcomes).toEqual(new Set(["data", Status.PRP_OFFSET_INVALID, Status.DATA_TRANSFER_ERROR]));
});

test("a list that is overwritten by its own data is walked as it was", () => {
  const ram = Buffer.alloc(RAM);
  // The list at 8000h names itself as the second page of data.
  [0x8000n, 0x9000n, 0xa000n].forEach((page, n) => {
    ram.writeBigUInt64LE(page, 0x8000 + n * 8);
  });
  const host = hostOf(ram);
  const segments = walkPrp(host, 0x1000, 0x4000, 0x8000, 0x4000);
  scatter(host, segments, new Uint8Array(0x4000).fill(0xff));
  expect(segments.map(({ address, length }) => [address, length])).toEqual([
    [0x4000, 0x1000],
    [0x8000, 0x3000],
  ]);
  expect(ram[0xafff]).toBe(0xff);
});

test("a chain of lists that leads to itself ends with the data", () => {
  const ram = Buffer.alloc(RAM);
  for (let at = 0x1000; at < 0x2000; at += 8) ram.writeBigUInt64LE(0x1000n, at);
  const segments = walkPrp(hostOf(ram), 0x1000, 0, 0x1ff8, 0x10_0000);
  expect(segments.reduce((sum, { length }) => sum + length, 0)).toBe(0x10_0000);
});
