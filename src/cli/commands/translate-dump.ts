// `ringfence translate-dump`: runs an image until the block at an address has become hot, and prints the guest code of
// the region that the translator makes of it above the region's WebAssembly text.

import type { Command } from "commander";
import { type Disassembler, type InspectedRegion, loadDisassembler, type Partition } from "../../node.js";
import { parseAddress, parseCount } from "../arguments.js";
import { addMachineOptions, createMachine, type MachineOptions, UsageError } from "../machine.js";
import { EXIT_OK } from "../report.js";
import { textOf } from "../wat.js";

interface DumpOptions extends MachineOptions {
  at: bigint;
  ticks: number;
  threshold?: number;
}

/** Hot blocks named when the one asked for is not among them: the latest. */
const HOT_SHOWN = 32;

const digits = (address: bigint, bits: number): string => address.toString(16).padStart(bits === 64 ? 16 : 8, "0");

/** Runs until the block at the address has become hot, the guest ends, or the ticks are used up. */
function findRegion(partition: Partition, options: DumpOptions): InspectedRegion {
  const inspection = partition.inspectTranslation(options.at, () => partition.requestStop());
  let ended = "";
  while (inspection.region === undefined) {
    const left = BigInt(options.ticks) - partition.clock;
    if (left <= 0n) break;
    const exit = partition.run({ ticks: Number(left) });
    if (exit.reason === "canceled" || exit.reason === "budget") continue;
    // Executing where no memory is: the processor sees an open bus.
    if (exit.reason === "memoryAccess") exit.complete();
    else {
      ended = ` (the guest left with ${exit.reason})`;
      break;
    }
  }
  const region = inspection.region ?? inspection.translateNow();
  if (region !== undefined) return region;
  const hot = inspection.hot.slice(-HOT_SHOWN).map((address) => digits(address, 64).replace(/^0{8}/, ""));
  throw new UsageError(
    `no block at ${digits(options.at, 64)} has become hot within ${partition.clock} ticks${ended}, and ` +
      (inspection.declined ? "the translator leaves what is there to the interpreter" : "the address is not mapped") +
      `; hot blocks: ${hot.join(" ") || "none"}` +
      (options.threshold !== 1 ? "; --threshold 1 finds what is entered once" : ""),
  );
}

function* listGuest(region: InspectedRegion, disassembler: Disassembler): Iterable<string> {
  const { bits } = region;
  const entries = new Map(region.entries.map((address, n) => [address, n]));
  for (const { address, bytes } of [...region.code].sort((a, b) => (a.address < b.address ? -1 : 1))) {
    const entry = entries.get(address);
    yield `${digits(address, bits)}:${entry === undefined ? "" : `  entry ${entry}`}`;
    for (let at = 0; at < bytes.length; ) {
      const rip = address + BigInt(at);
      const { length, text } = disassembler.decode(bytes.subarray(at), bits, rip);
      const dump = [...bytes.subarray(at, at + length)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
      yield `  ${digits(rip, bits)}  ${dump.padEnd(30)} ${text}`;
      at += length;
    }
  }
}

function* listExits(region: InspectedRegion): Iterable<string> {
  for (const [n, { kind, address }] of region.exits.entries()) {
    yield `  ${String(n).padStart(4)}  ${kind.padEnd(8)}${address === undefined ? "" : digits(address, region.bits)}`;
  }
}

async function dump(path: string | undefined, options: DumpOptions): Promise<number> {
  const disassembler = await loadDisassembler();
  const { hypervisor, partition } = await createMachine(path, { ...options, clock: "virtual" });
  try {
    const region = findRegion(partition, options);
    const lines = [
      `region at ${digits(options.at, region.bits)}: ${region.instructions} instructions of ${region.bits}-bit code, ` +
        `${region.entries.length} entries, ${region.exits.length} exits, ${region.wasm.length} bytes`,
      "",
      ...listGuest(region, disassembler),
      "",
      "exits",
      ...listExits(region),
      "",
      await textOf(region.wasm),
    ];
    process.stdout.write(`${lines.join("\n").trimEnd()}\n`);
    return EXIT_OK;
  } finally {
    hypervisor[Symbol.dispose]();
  }
}

export function addTranslateDumpCommand(program: Command, finish: (code: number) => void): void {
  addMachineOptions(
    program.command("translate-dump").description("print what the translator makes of the code at an address"),
  )
    .argument("[image]", "as for run")
    .requiredOption("--at <address>", "linear address of a block, in hexadecimal", parseAddress)
    .option("--ticks <n>", "run so long at most", parseCount, 1_000_000_000)
    .option("--threshold <n>", "entries by a branch until a block is hot (default: as for run)", parseCount)
    .action(async (image: string | undefined, options: DumpOptions) => finish(await dump(image, options)));
}
