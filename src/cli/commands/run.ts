// `ringfence run`: boots an image, connects the serial line, runs until the guest ends or is interrupted,
// and reports.

import { closeSync, openSync, writeSync } from "node:fs";
import type { Command } from "commander";
import { SerialLine } from "../../node.js";
import { parseCount, parseDuration, parseSerial, type SerialTarget } from "../arguments.js";
import { addMachineOptions, createMachine, type MachineOptions, UsageError } from "../machine.js";
import { conclude, createReport, describe, describeTranslation, EXIT_CANCELED, type Interruption } from "../report.js";
import { openConsole, typeInput } from "../terminal.js";

interface RunOptions extends MachineOptions {
  serial: SerialTarget;
  maxInstructions?: number;
  timeout?: number;
  json?: boolean;
  stats?: boolean;
}

const NEWLINE = 10;

/** Where the guest's serial output goes; remembers whether a line is open. */
class SerialOutput {
  readonly #descriptor: number | undefined;
  readonly #target: SerialTarget;
  #lineOpen = false;

  constructor(target: SerialTarget) {
    this.#target = target;
    try {
      if (target.kind === "file") this.#descriptor = openSync(target.path, "w");
    } catch (cause) {
      throw new UsageError(`cannot write the serial output: ${(cause as Error).message}`);
    }
  }

  write(bytes: Uint8Array): void {
    if (this.#descriptor !== undefined) writeSync(this.#descriptor, bytes);
    else if (this.#target.kind === "stdio") {
      process.stdout.write(bytes);
      this.#lineOpen = bytes[bytes.length - 1] !== NEWLINE;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    if (this.#lineOpen) process.stdout.write("\n");
    this.#lineOpen = false;
  }
}

async function run(path: string | undefined, options: RunOptions): Promise<number> {
  const interactive = options.serial.kind === "stdio" && process.stdin.isTTY;
  const clock = options.clock ?? (interactive ? "host" : "virtual");
  const { hypervisor, partition, console: pc } = await createMachine(path, { ...options, clock });
  const output = new SerialOutput(options.serial);
  partition.chipset.onOutput("com1", (bytes) => output.write(bytes));
  partition.chipset.onOutput("debugcon", (bytes) => process.stderr.write(bytes));

  const abort = new AbortController();
  let interruption: Interruption;
  const interrupt = (why: Interruption): void => {
    // A second Ctrl-C does not wait for the slice to end.
    if (interruption !== undefined && why === "signal") process.exit(EXIT_CANCELED);
    interruption ??= why;
    abort.abort();
  };
  const onSignal = (): void => interrupt("signal");
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => interrupt("timeout"), options.timeout * 1000);
  const terminal = options.serial.kind === "stdio" ? openConsole(() => interrupt("quit")) : undefined;
  // A closed input only means that nothing more comes.
  if (terminal !== undefined) {
    const pumped =
      pc === undefined
        ? new SerialLine(partition).pump(terminal.input)
        : typeInput(partition, pc.i8042.keyboard, terminal.input);
    pumped.catch(() => {});
  }

  const started = performance.now();
  try {
    const result = await partition.start({
      signal: abort.signal,
      instructions: options.maxInstructions,
      // Executing where no memory is: the processor sees an open bus.
      onExit: (exit) => {
        if (exit.reason !== "memoryAccess") return false;
        exit.complete();
        return true;
      },
    });
    const wallSeconds = (performance.now() - started) / 1000;
    const { outcome, code } = conclude(result, interruption);
    output.close();
    const report = createReport(partition, outcome, result.status ?? code, wallSeconds);
    if (pc !== undefined) report.screen = pc.screen.lines.join("\n").trimEnd().split("\n");
    if (options.stats) report.translation = partition.translation;
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else {
      if (report.screen !== undefined) process.stdout.write(`${report.screen.join("\n")}\n`);
      process.stderr.write(`${describe(report)}\n`);
      if (report.translation !== undefined) {
        process.stderr.write(`${describeTranslation(report.translation, report.instructions)}\n`);
      }
    }
    return code;
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    output.close();
    terminal?.[Symbol.dispose]();
    hypervisor[Symbol.dispose]();
  }
}

export function addRunCommand(program: Command, finish: (code: number) => void): void {
  addMachineOptions(program.command("run").description("run an image until the guest halts, exits or is stopped"))
    .argument("[image]", "boot disk, flat binary, multiboot kernel, ELF executable or Linux kernel")
    .option("--serial <target>", "where COM1 goes: stdio, none or file:PATH", parseSerial, {
      kind: "stdio",
    } as SerialTarget)
    .option("--max-instructions <n>", "stop after exactly this many instructions", parseCount)
    .option("--timeout <duration>", "stop after this much wall-clock time, such as 30s", parseDuration)
    .option("--stats", "report what the translation of hot code has come to")
    .option("--json", "print one JSON object as the last line of standard output")
    .action(async (image: string | undefined, options: RunOptions) => finish(await run(image, options)));
}
