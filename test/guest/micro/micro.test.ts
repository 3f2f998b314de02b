// The micro kernels on this machine monitor compute what the same machine code computes natively, with and without
// the translator.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { type Hypervisor, loadImage, type PartitionOptions } from "../../../src/node.js";
import { createHypervisor } from "../../machine/machine.js";
import { buildMicro, whyNoKernels } from "./build.js";
import { type Bits, KERNELS, type Kernel } from "./kernels.js";

const ROUNDS = 3;
/** Of a kernel's usual work in a round. */
const PART = 1 / 2000;
const SLICE = 2_000_000;

const reason = whyNoKernels();
if (reason !== undefined) process.stderr.write(`micro kernels are left out: ${reason}\n`);

describe.skipIf(reason !== undefined)("micro kernels", () => {
  let hypervisor: Hypervisor;
  beforeAll(async () => {
    hypervisor = await createHypervisor();
  });

  function run(image: string, translation: PartitionOptions["translation"]): string {
    const partition = hypervisor.createPartition({ memory: 64 << 20, translation });
    loadImage(partition, readFileSync(image), { format: "multiboot" });
    let text = "";
    partition.chipset.onOutput("com1", (bytes) => {
      text += Buffer.from(bytes).toString("latin1");
    });
    let exit = partition.run({ ticks: SLICE });
    while (exit.reason === "budget") exit = partition.run({ ticks: SLICE });
    expect(exit.reason).toBe("debugExit");
    partition[Symbol.dispose]();
    return text;
  }

  const cases = KERNELS.flatMap((kernel) =>
    kernel.bits.map((bits): [string, Bits, Kernel] => [kernel.name, bits, kernel]),
  );
  test.each(cases)("%s, %i-bit", (name, bits, kernel) => {
    const work = name === "fib" ? 15 : Math.ceil(kernel.work * PART);
    const { image, native } = buildMicro(kernel, bits, { rounds: ROUNDS, work });
    // The native program's lines go on with times.
    const words = execFileSync(native, { encoding: "latin1" }).replaceAll(/ -? ?\d{19} \d{19}$/gm, "");
    expect(words.split("\n")).toHaveLength(ROUNDS + 3);
    expect(run(image, false)).toBe(words);
    expect(run(image, { threshold: 100 })).toBe(words);
  });
});
