// Raw images: what a disk is, what is refused and with which advice, and that every store keeps what was
// written, over a flat model.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import type { Disk } from "../../src/storage/disk.js";
import { AsyncFileDisk, FileDisk } from "../../src/storage/file.js";
import { MemoryDisk } from "../../src/storage/memory.js";
import { OverlayDisk } from "../../src/storage/overlay.js";

const folder = mkdtempSync(join(tmpdir(), "ringfence-disk-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function image(contents: Uint8Array): string {
  const path = join(folder, `image-${files++}`);
  writeFileSync(path, contents);
  return path;
}

/** Code and message of the error that `action` throws or rejects with. */
async function failure(action: () => unknown): Promise<{ code?: string; message?: string }> {
  try {
    await action();
  } catch (error) {
    return { code: (error as { code?: string }).code, message: (error as Error).message };
  }
  return {};
}

describe("images that cannot be disks", () => {
  test.each([
    ["memory", (bytes: Uint8Array) => new MemoryDisk(bytes)],
    ["file", (bytes: Uint8Array) => FileDisk.open(image(bytes))],
    ["asynchronous file", (bytes: Uint8Array) => AsyncFileDisk.open(image(bytes))],
  ])("a length that is no multiple of the sector size says what to do (%s)", async (_name, open) => {
    const { code, message } = await failure(() => open(new Uint8Array(1000)));
    expect(code).toBe("invalid-image");
    expect(message).toContain("1000 bytes");
    expect(message).toContain("truncate -s 1024");
  });

  test("512-byte sectors are suggested where they fit", async () => {
    const { message } = await failure(() => new MemoryDisk(512 * 9, { sectorSize: 4096 }));
    expect(message).toContain("sector size of 512");
  });

  test("an empty image is refused", async () => {
    expect((await failure(() => new MemoryDisk(0))).code).toBe("invalid-image");
    expect((await failure(() => FileDisk.open(image(new Uint8Array(0))))).code).toBe("invalid-image");
  });

  test("a sector size that does not exist is refused", async () => {
    expect((await failure(() => new MemoryDisk(4096, { sectorSize: 520 as 512 }))).code).toBe("invalid-argument");
  });

  test("a missing file is a typed error with its path", async () => {
    for (const open of [FileDisk.open, AsyncFileDisk.open]) {
      const { code, message } = await failure(() => open(join(folder, "missing")));
      expect(code).toBe("invalid-argument");
      expect(message).toContain("missing");
    }
  });

  test("a folder is refused", async () => {
    expect((await failure(() => FileDisk.open(folder, { readOnly: true }))).code).toBe("unsupported-image");
  });

  test.each([
    ["QCOW", [0x51, 0x46, 0x49, 0xfb]],
    ["VHDX", [...Buffer.from("vhdxfile")]],
    ["gzip", [0x1f, 0x8b, 0x08]],
    ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ])("%s is not raw", async (format, magic) => {
    const bytes = new Uint8Array(1024);
    bytes.set(magic);
    const { code, message } = await failure(() => FileDisk.open(image(bytes)));
    expect(code).toBe("unsupported-image");
    expect(message).toContain(format);
  });

  test("create does not overwrite", async () => {
    expect((await failure(() => FileDisk.create(image(new Uint8Array(512)), 4096))).code).toBe("invalid-argument");
  });
});

describe("access", () => {
  test("outside of the disk is refused", async () => {
    const disk = new MemoryDisk(4096);
    for (const offset of [-512, 4096, 3585, Number.NaN, 2 ** 60]) {
      expect((await failure(() => disk.read(offset, new Uint8Array(512)))).code).toBe("invalid-range");
      expect((await failure(() => disk.write(offset, new Uint8Array(512)))).code).toBe("invalid-range");
    }
  });

  test("a read-only disk is not written", async () => {
    const path = image(new Uint8Array(1024).fill(7));
    using disk = FileDisk.open(path, { readOnly: true });
    expect((await failure(() => disk.write(0, new Uint8Array(512)))).code).toBe("invalid-argument");
    disk.flush();
    expect(readFileSync(path).every((byte) => byte === 7)).toBe(true);
  });

  test("a file that shrinks under the disk is an error, not zeros", async () => {
    const path = image(new Uint8Array(4096));
    using disk = FileDisk.open(path);
    writeFileSync(path, new Uint8Array(512));
    expect((await failure(() => disk.read(2048, new Uint8Array(512)))).code).toBe("invalid-image");
  });

  test("a write is in the file", () => {
    const path = join(folder, "created");
    using disk = FileDisk.create(path, 8192);
    disk.write(512, new Uint8Array(512).fill(0xa5));
    disk.flush();
    const bytes = readFileSync(path);
    expect(bytes.length).toBe(8192);
    expect([bytes[511], bytes[512], bytes[1023], bytes[1024]]).toEqual([0, 0xa5, 0xa5, 0]);
  });

  test("asynchronous operations keep their order", async () => {
    const path = image(new Uint8Array(4096));
    await using disk = await AsyncFileDisk.open(path);
    const into = new Uint8Array(512);
    const all = [
      disk.write(0, new Uint8Array(512).fill(1)),
      disk.write(0, new Uint8Array(512).fill(2)),
      disk.read(0, into),
      disk.write(0, new Uint8Array(512).fill(3)),
      disk.flush(),
    ];
    await Promise.all(all);
    expect(into[0]).toBe(2);
    expect(readFileSync(path)[0]).toBe(3);
  });
});

test("the saved contents of another disk are refused", async () => {
  const saved = new MemoryDisk(1024).save();
  for (const disk of [new MemoryDisk(512), new OverlayDisk(512)]) {
    expect((await failure(() => disk.restore(saved))).code).toBe("incompatible-state");
  }
});

describe("overlay", () => {
  test("leaves its base alone and survives a round trip of its state", () => {
    const bytes = new Uint8Array(0x40000).fill(9);
    const base = new MemoryDisk(bytes, { readOnly: true });
    const disk = new OverlayDisk(base);
    disk.write(0xfe00, new Uint8Array(1024).fill(1));
    expect(bytes.every((byte) => byte === 9)).toBe(true);
    expect(disk.allocated).toBe(0x20000);
    const copy = new OverlayDisk(base);
    copy.restore(structuredClone(disk.save()));
    const into = new Uint8Array(2048);
    copy.read(0xfc00, into);
    expect([into[511], into[512], into[1535], into[1536]]).toEqual([9, 1, 1, 9]);
  });

  test("reads through an asynchronous base", async () => {
    await using base = await AsyncFileDisk.open(image(new Uint8Array(2048).fill(5)));
    const disk = new OverlayDisk(base);
    disk.write(512, new Uint8Array(512).fill(6));
    const into = new Uint8Array(1536);
    await disk.read(0, into);
    expect([into[0], into[512], into[1024]]).toEqual([5, 6, 5]);
  });

  test("whole sectors only", async () => {
    const disk = new OverlayDisk(8192);
    expect((await failure(() => disk.write(100, new Uint8Array(512)))).code).toBe("invalid-range");
  });
});

test("every store agrees with a flat model", async () => {
  const SECTORS = 300;
  const operation = fc.record({
    write: fc.boolean(),
    sector: fc.integer({ min: 0, max: SECTORS - 1 }),
    count: fc.integer({ min: 1, max: 140 }),
    fill: fc.integer({ min: 0, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
      const contents = new Uint8Array(SECTORS * 512).map((_, at) => (at >> 9) & 0xff);
      const model = contents.slice();
      const path = image(contents);
      using file = FileDisk.open(path);
      const disks: Disk[] = [
        new MemoryDisk(contents.slice()),
        new OverlayDisk(new MemoryDisk(contents.slice())),
        file,
        await AsyncFileDisk.open(image(contents)),
      ];
      for (const { write, sector, count, fill } of operations) {
        const length = Math.min(count, SECTORS - sector) * 512;
        if (write) model.fill(fill, sector * 512, sector * 512 + length);
        for (const disk of disks) {
          const buffer = new Uint8Array(length).fill(fill);
          await (write ? disk.write(sector * 512, buffer) : disk.read(sector * 512, buffer));
          if (!write) expect(Buffer.compare(buffer, model.subarray(sector * 512, sector * 512 + length))).toBe(0);
        }
      }
      await (disks[3] as AsyncFileDisk)[Symbol.asyncDispose]();
    }),
    { numRuns: 25 },
  );
});
