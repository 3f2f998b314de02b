// The machine that `run` and `step` share: options of the image and the partition, and building both.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, Option } from "commander";
import {
  detectFormat,
  Hypervisor,
  HypervisorError,
  type ImageFormat,
  type LoadedImage,
  loadImage,
  type Partition,
  Rtc,
  type StartMode,
} from "../node.js";
import { collect, parseCount, parseInteger, parseSize } from "./arguments.js";

export interface MachineOptions {
  format: ImageFormat | "auto";
  load?: number;
  mode?: StartMode;
  append?: string;
  module?: string[];
  memory: number;
  processors: number;
}

/** Bad input: reported in one line, exit code 2. */
export class UsageError extends Error {}

export function addMachineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--format <format>", "kind of image").choices(["auto", "flat", "multiboot", "elf"]).default("auto"),
    )
    .option(
      "--load <address>",
      "load and entry address of a flat image (default: 0x7c00 in real mode, else 0x100000)",
      parseInteger,
    )
    .addOption(
      new Option("--mode <mode>", "start mode of a flat image (default: real)").choices(["real", "protected", "long"]),
    )
    .option("--append <text>", "command line of a multiboot kernel, behind its name")
    .option("--module <file>", "boot module of a multiboot kernel; may be given several times", collect)
    .option("--memory <size>", "guest memory", parseSize, parseSize("128M"))
    .option("--processors <n>", "number of virtual processors", parseCount, 1);
}

async function readInput(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a directory" : message;
    throw new UsageError(`cannot read ${what} ${path}: ${reason}`);
  }
}

export interface Machine {
  readonly hypervisor: Hypervisor;
  readonly partition: Partition;
  readonly image: LoadedImage;
}

/** Creates the partition and loads the image; every mistake in the input is a UsageError. */
export async function createMachine(path: string, options: MachineOptions): Promise<Machine> {
  const bytes = await readInput(path, "the image");
  const modules = await Promise.all(
    (options.module ?? []).map(async (file) => ({
      data: await readInput(file, "module"),
      commandLine: basename(file),
    })),
  );
  const hypervisor = await Hypervisor.create();
  try {
    const partition = hypervisor.createPartition({
      name: basename(path),
      memory: options.memory,
      processors: options.processors,
    });
    partition.attach(new Rtc({ start: new Date() }));
    const image = loadImage(partition, bytes, {
      format: options.format,
      address: options.load,
      mode: options.mode,
      modules,
      commandLine: commandLine(path, bytes, options),
    });
    return { hypervisor, partition, image };
  } catch (error) {
    hypervisor[Symbol.dispose]();
    if (error instanceof HypervisorError && error.code !== "engine-trap")
      throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

/** A multiboot kernel is told its name first; the loader refuses an --append that nothing would read. */
function commandLine(path: string, bytes: Uint8Array, options: MachineOptions): string | undefined {
  const format = options.format === "auto" ? detectFormat(bytes) : options.format;
  if (format === "multiboot") return options.append === undefined ? path : `${path} ${options.append}`;
  return options.append;
}
