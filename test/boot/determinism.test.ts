// A boot on the virtual clock is the same every time, to the last bit: in another process, in slices of other
// sizes, and in those of the event loop, which follow the host's speed.

import { beforeAll, describe, expect, test } from "vitest";
import type { LinuxGuest } from "../guest/linux/guest.js";
import type { Result } from "./child.js";
import { linuxGuest, whyNotBootable } from "./linux.js";
import { bootProcess, essence, tell } from "./process.js";
import { readTranscript } from "./transcript.js";

const FLAVOUR = "cloud-amd64";
const PROMPT = "/ # ";
const TIMEOUT = 900_000;

const reason = whyNotBootable(FLAVOUR);

describe.skipIf(reason !== undefined).each([1, 2, 4])("a boot to the prompt with %i processors", (processors) => {
  let guest: LinuxGuest;
  let first: Result;

  beforeAll(async () => {
    guest = linuxGuest(FLAVOUR);
    first = await bootProcess({ guest, processors, until: PROMPT });
    tell(`${processors} processors to the prompt`, first);
  }, TIMEOUT);

  test("comes to the prompt", () => {
    const { lines, trouble } = readTranscript(first.output);
    expect(trouble).toEqual([]);
    expect(lines.some((line) => line.startsWith(PROMPT))).toBe(true);
  });

  test.each(["irregular", "start", 50_000] as const)(
    "is the same with slices: %s",
    async (slice) => {
      const again = await bootProcess({ guest, processors, slice, until: first.instructions });
      tell(`slices ${slice}`, again);
      expect(essence(again)).toEqual(essence(first));
    },
    TIMEOUT,
  );
});
