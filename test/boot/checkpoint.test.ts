// A boot that is saved on the way and goes on in another process comes to the same state, instruction count and
// output as the one that nothing interrupted.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { LinuxGuest } from "../guest/linux/guest.js";
import type { Result } from "./child.js";
import { linuxGuest, whyNotBootable } from "./linux.js";
import { bootProcess, essence, tell } from "./process.js";

const FLAVOUR = "cloud-amd64";
const PROMPT = "/ # ";
const TIMEOUT = 900_000;
/** Where the boot is saved, by what has just appeared. */
const POINTS = [
  ["early in the kernel", "Linux version"],
  ["when the timers are calibrated", "Calibrating delay loop"],
  ["while devices are found", "Serial: 8250"],
  ["at the start of user space", "Run /init as init process"],
] as const;

const reason = whyNotBootable(FLAVOUR);

describe.skipIf(reason !== undefined).each([1, 2])("a saved boot with %i processors", (processors) => {
  let folder: string;
  let guest: LinuxGuest;
  let whole: Result;
  const file = (n: number): string => join(folder, `${n}.saved`);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ringfence-"));
    guest = linuxGuest(FLAVOUR);
    whole = await bootProcess({ guest, processors, until: PROMPT });
    tell("uninterrupted", whole);
  }, TIMEOUT);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(
    "is not disturbed by saving",
    async () => {
      const save = POINTS.map(([, text], n) => ({ text, file: file(n) }));
      const saving = await bootProcess({ guest, processors, save, until: whole.instructions });
      tell("saving", saving);
      expect(saving.saved).toHaveLength(POINTS.length);
      expect(new Set(saving.saved).size).toBe(POINTS.length);
      expect(essence(saving)).toEqual(essence(whole));
    },
    TIMEOUT,
  );

  test.each(POINTS.map(([where], n) => [where, n] as const))(
    "goes on from %s",
    async (where, n) => {
      const rest = await bootProcess({ guest, processors, restore: file(n), until: whole.instructions });
      tell(where, rest);
      expect(rest.work).toBeLessThan(whole.instructions);
      expect(essence(rest)).toEqual(essence(whole));
    },
    TIMEOUT,
  );
});

describe.skipIf(reason !== undefined)("a machine that is saved while it works on its disk", () => {
  const DISK = 16 << 20;
  const WORK = [
    ["while files are written", "[mounted]"],
    ["while they are read again", "[fixed]"],
  ] as const;
  let folder: string;
  let guest: LinuxGuest;
  let whole: Result;
  const file = (n: number): string => join(folder, `${n}.saved`);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "ringfence-"));
    guest = linuxGuest(FLAVOUR);
    whole = await bootProcess({ guest, disk: DISK });
    tell("uninterrupted", whole);
  }, TIMEOUT);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(
    "is not disturbed by it",
    async () => {
      const save = WORK.map(([, text], n) => ({ text, file: file(n) }));
      const saving = await bootProcess({ guest, disk: DISK, save });
      tell("saving", saving);
      expect(saving.output).toContain("[unmounted] yes");
      expect(new Set(saving.saved).size).toBe(WORK.length);
      expect(essence(saving)).toEqual(essence(whole));
    },
    TIMEOUT,
  );

  test.each(WORK.map(([where], n) => [where, n] as const))(
    "goes on %s",
    async (where, n) => {
      const rest = await bootProcess({ guest, disk: DISK, restore: file(n) });
      tell(where, rest);
      expect(essence(rest)).toEqual(essence(whole));
    },
    TIMEOUT,
  );
});
