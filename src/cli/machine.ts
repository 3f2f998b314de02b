// The machine that `run` and `step` share: options of the image and the partition, and building both.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, Option } from "commander";
import {
  attachBios,
  attachPc,
  type ClockKind,
  defaultDevices,
  detectFormat,
  FileDisk,
  Hypervisor,
  HypervisorError,
  type ImageFormat,
  isDisketteSize,
  type LinuxEntry,
  type LoadedImage,
  loadImage,
  MemoryDisk,
  NvmeController,
  type Partition,
  type Pc,
  PciBus,
  type StartMode,
  startBios,
} from "../node.js";
import { collect, parseCount, parseDate, parseInteger, parseSize } from "./arguments.js";

export interface MachineOptions {
  format: ImageFormat | "auto";
  load?: number;
  mode?: StartMode;
  kernel?: string;
  initrd?: string;
  extract: boolean;
  entry?: LinuxEntry;
  append?: string;
  module?: string[];
  disk?: string[];
  clock?: ClockKind;
  date?: Date;
  memory: number;
  processors: number;
  translation: boolean;
  threshold?: number;
}

/** Bad input: reported in one line, exit code 2. */
export class UsageError extends Error {}

export function addMachineOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--format <format>", "kind of image")
        .choices(["auto", "flat", "multiboot", "elf", "linux"])
        .default("auto"),
    )
    .option(
      "--load <address>",
      "load and entry address of a flat image (default: 0x7c00 in real mode, else 0x100000)",
      parseInteger,
    )
    .addOption(
      new Option("--mode <mode>", "start mode of a flat image (default: real)").choices(["real", "protected", "long"]),
    )
    .option("--kernel <file>", "a Linux kernel (bzImage or vmlinux) instead of an image")
    .option("--initrd <file>", "initial RAM disk of a Linux kernel")
    .option("--no-extract", "let a Linux kernel unpack itself in the guest")
    .addOption(
      new Option("--entry <entry>", "how a Linux kernel is entered (default: by its kind)").choices([
        "protected",
        "long",
        "pvh",
      ]),
    )
    .option("--append <text>", "command line of a Linux kernel, or of a multiboot kernel behind its name")
    .option("--module <file>", "boot module of a multiboot kernel; may be given several times", collect)
    .option("--disk <file>", "raw disk image behind an NVMe controller; may be given several times", collect)
    .addOption(
      new Option(
        "--clock <clock>",
        "guest time: the instructions executed, or the host's (default: host where a terminal is the console)",
      ).choices(["virtual", "host"]),
    )
    .option("--date <time>", "what the real-time clock shows at power-on, in UTC (default: now)", parseDate)
    .option("--memory <size>", "guest memory", parseSize, parseSize("128M"))
    .option("--processors <n>", "number of virtual processors", parseCount, 1)
    .option("--no-translation", "interpret everything");
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
  /** Whose screen and keyboard are the guest's console: the PC of an image that the BIOS boots. */
  readonly console?: Pc;
}

const SECTOR = 512;
const SIGNATURE_AT = 510;

/** A flat image that is a disk with a boot sector, and that no option makes something else: the BIOS boots it. */
function isBootDisk(bytes: Uint8Array, format: ImageFormat, options: MachineOptions): boolean {
  const { load, mode = "real", append, initrd, module, extract, entry } = options;
  if (format !== "flat" || load !== undefined || mode !== "real") return false;
  if ([append, initrd, module, entry].some((option) => option !== undefined) || !extract) return false;
  return bytes.length % SECTOR === 0 && bytes[SIGNATURE_AT] === 0x55 && bytes[SIGNATURE_AT + 1] === 0xaa;
}

/** Puts the image into a drive and enters the BIOS. What the guest writes to the disk stays in memory. */
function bootByBios(partition: Partition, pc: Pc, name: string, bytes: Uint8Array): LoadedImage {
  const disk = new MemoryDisk(bytes, { name });
  const kind = isDisketteSize(bytes.length) ? "diskettes" : "disks";
  attachBios(partition, pc, { [kind]: [disk] });
  startBios(partition);
  const { registers } = partition.processors[0];
  return { format: "flat", mode: "real", entry: Number(registers.cs.base + registers.rip), segments: [] };
}

/** The file to boot and the format that its option asks for. */
function chooseImage(
  image: string | undefined,
  options: MachineOptions,
): { path: string; format: ImageFormat | "auto" } {
  if (options.kernel === undefined) {
    if (image === undefined) throw new UsageError("missing required argument 'image' (or --kernel FILE)");
    return { path: image, format: options.format };
  }
  if (image !== undefined) throw new UsageError(`an image (${image}) and --kernel: there can be only one`);
  if (options.format !== "auto" && options.format !== "linux") {
    throw new UsageError(`--kernel is a Linux kernel: --format ${options.format} has no meaning`);
  }
  return { path: options.kernel, format: "linux" };
}

/** Creates the partition and loads the image; every mistake in the input is a UsageError. */
export async function createMachine(image: string | undefined, options: MachineOptions): Promise<Machine> {
  const { path, format: chosen } = chooseImage(image, options);
  const bytes = await readInput(path, "the image");
  const format = chosen === "auto" ? detectFormat(bytes) : chosen;
  const initrd = options.initrd === undefined ? undefined : await readInput(options.initrd, "the initial RAM disk");
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
      devices: [...defaultDevices, "apic", "ioapic"],
      clock: options.clock,
      translation: options.translation ? { threshold: options.threshold } : false,
    });
    const disks = (options.disk ?? []).map((file) => new NvmeController(FileDisk.open(file)));
    const pc = attachPc(partition, { start: options.date ?? new Date(), pci: new PciBus(disks) });
    if (isBootDisk(bytes, format, options)) {
      return { hypervisor, partition, image: bootByBios(partition, pc, path, bytes), console: pc };
    }
    const loaded = loadImage(partition, bytes, {
      format,
      address: options.load,
      mode: options.mode,
      modules,
      commandLine: commandLine(path, format, options.append),
      initrd,
      // Extraction is the default; only its opposite is a wish.
      extract: options.extract ? undefined : false,
      entry: options.entry,
    });
    return { hypervisor, partition, image: loaded };
  } catch (error) {
    hypervisor[Symbol.dispose]();
    if (error instanceof HypervisorError && error.code !== "engine-trap")
      throw new UsageError(`${path}: ${error.message}`);
    throw error;
  }
}

/** A multiboot kernel is told its name first; the loader refuses an --append that nothing would read. */
function commandLine(path: string, format: ImageFormat, append: string | undefined): string | undefined {
  if (format === "multiboot") return append === undefined ? path : `${path} ${append}`;
  return append;
}
