// Memtest86+ tests the guest's memory and is read from its screen: it boots by the Linux protocol, takes its
// key, counts its processors, and finds no fault; where the host flips a bit behind its back, it finds just that.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { attachPc, defaultDevices, type Hypervisor, loadImage, type Partition, type Pc } from "../../src/node.js";
import { fetchMemtest, findMemtest, MEMTEST_VARIANTS, type MemtestVariant } from "../guest/linux/memtest.js";
import { whyNoPackages } from "../guest/linux/packages.js";
import { createHypervisor } from "../machine/machine.js";
import { everything } from "./boot.js";

const MIB = 1 << 20;
const SLICE = 4_000_000;
const TIMEOUT = 900_000;

/** Why memtest86+ cannot be run here, after an attempt to fetch it. Where guests are required, that is an error. */
function whySkipMemtest(): string | undefined {
  if (!everything) return "npm run test:boot asks for it";
  if (MEMTEST_VARIANTS.every((variant) => findMemtest(variant) !== undefined)) return undefined;
  try {
    fetchMemtest();
    return undefined;
  } catch (cause) {
    if (process.env.RINGFENCE_REQUIRE_GUESTS === "1") throw cause;
    const reason =
      whyNoPackages() ??
      String((cause as Error).message)
        .trim()
        .split("\n")
        .at(-1);
    process.stderr.write(`memtest86+ is left out: ${reason}\n`);
    return reason;
  }
}

const reason = whySkipMemtest();

interface Status {
  readonly test: number;
  readonly passes: number;
  readonly errors: number;
}

class Memtest {
  readonly partition: Partition;
  readonly #pc: Pc;

  constructor(hypervisor: Hypervisor, variant: MemtestVariant, processors: number) {
    this.partition = hypervisor.createPartition({
      memory: 16 * MIB,
      processors,
      devices: [...defaultDevices, "apic", "ioapic"],
    });
    this.#pc = attachPc(this.partition, { start: new Date(Date.UTC(2024, 1, 29, 12)) });
    loadImage(this.partition, readFileSync(findMemtest(variant)!), { format: "linux" });
    // The key that ends the wait for one.
    this.#pc.i8042.keyboard.type("\n");
  }

  get screen(): string {
    return this.#pc.screen.lines.join("\n");
  }

  /** The numbers on the screen; undefined while it shows none. */
  get status(): Status | undefined {
    const field = (pattern: RegExp): number => Number(pattern.exec(this.screen)?.[1] ?? Number.NaN);
    const status = {
      test: field(/Test #(\d+)/),
      passes: field(/Pass: +(\d+)/),
      errors: field(/Errors: +(\d+)/),
    };
    return Object.values(status).some(Number.isNaN) ? undefined : status;
  }

  /** Runs until the screen shows what is waited for; at most so many instructions. */
  runTo(reached: (status: Status) => boolean, instructions: number): Status {
    for (;;) {
      const { reason } = this.partition.run({ ticks: SLICE });
      if (reason !== "budget") throw new Error(`memtest86+ ended with "${reason}":\n${this.screen}`);
      const { status } = this;
      if (status !== undefined && reached(status)) return status;
      if (this.partition.instructions > instructions) throw new Error(`not reached:\n${this.screen}`);
    }
  }
}

describe.skipIf(reason !== undefined)("memtest86+", () => {
  let hypervisor: Hypervisor;

  beforeAll(async () => {
    hypervisor = await createHypervisor();
  });

  function run(what: string, memtest: Memtest, reached: (status: Status) => boolean, instructions: number): Status {
    const before = performance.now();
    const status = memtest.runTo((now) => now.errors > 0 || reached(now), instructions);
    const seconds = (performance.now() - before) / 1000;
    process.stdout.write(`${what}: ${memtest.partition.instructions} instructions, ${seconds.toFixed(1)} s\n`);
    return status;
  }

  test.each([
    ["x64", 1, 6],
    ["x64", 2, 6],
    ["ia32", 2, 6],
    // The tenth leaves memory alone for minutes, to see whether it fades.
    ["ia32", 1, 10],
  ] as const)(
    "%s with %i processors comes to test %i without an error",
    (variant, processors, last) => {
      const memtest = new Memtest(hypervisor, variant, processors);
      const status = run(`${variant}, ${processors} processors`, memtest, (now) => now.test === last, 30e9);
      expect(status, memtest.screen).toEqual({ test: last, passes: 0, errors: 0 });
      expect(memtest.screen).toMatch(/Memory +: +16MB/);
      expect(memtest.screen).toContain(`${processors} Cores`);
      expect(memtest.screen).toMatch(processors === 1 ? /SMP: Disabled/ : /SMP: 2T \(PAR\)/);
      memtest.partition[Symbol.dispose]();
    },
    TIMEOUT,
  );

  test(
    "x64 finds a bit that the host has flipped",
    () => {
      const memtest = new Memtest(hypervisor, "x64", 1);
      // Test 6 reads every word between writing its patterns, first in the lowest megabytes.
      memtest.runTo((now) => now.test === 6, 20e9);
      const BIT = { address: 0x2a_4320, mask: 0x10 };
      const { memory } = memtest.partition;
      memory.writeUint8(BIT.address, memory.readUint8(BIT.address) ^ BIT.mask);
      const status = run("a flipped bit", memtest, () => false, 5e9);
      expect(status.errors, memtest.screen).toBe(1);
      expect(memtest.screen).toMatch(/0*2a4320/);
      memtest.partition[Symbol.dispose]();
    },
    TIMEOUT,
  );
});
