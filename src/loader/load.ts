// Loading an image into a partition: picks the loader, puts the image into RAM and processor 0 into the
// state the image expects.

import type { Partition } from "../partition/partition.js";
import { HypervisorError } from "../support/errors.js";
import { isBzImage } from "./bzimage.js";
import { isElf, parseElf } from "./elf.js";
import { type ImageFormat, invalid, type LoadedImage, Placement, type StartMode } from "./image.js";
import { type LinuxEntry, type LinuxOptions, loadLinux } from "./linux.js";
import { type BootModule, findMultibootHeader, loadMultiboot } from "./multiboot.js";
import { startLong, startProtected, startReal } from "./start.js";

export interface LoadOptions {
  format?: ImageFormat | "auto";
  /** Load and entry address of a flat image; default 0x7C00 in real mode, 1 MiB otherwise. */
  address?: number;
  /** Start mode of a flat image; default real. */
  mode?: StartMode;
  /** Command line of a Linux kernel, or of a multiboot kernel with its name first. */
  commandLine?: string;
  modules?: readonly BootModule[];
  /** Initial RAM disk of a Linux kernel. */
  initrd?: Uint8Array;
  /** Unpack a Linux kernel on the host instead of letting it unpack itself; default true. */
  extract?: boolean;
  /** How a Linux kernel is entered; default: as its boot protocol or its own decompressor would. */
  entry?: LinuxEntry;
  /** Guest-physical address of the ACPI root pointer, for a Linux kernel. */
  acpiRsdp?: number;
}

const BOOT_SECTOR = 0x7c00;
const ONE_MIB = 0x100000;

/** What an image says it is. Anything without a known signature is flat. */
export function detectFormat(bytes: Uint8Array): ImageFormat {
  const header = findMultibootHeader(bytes);
  const addressFields = header !== undefined && (header.flags & (1 << 16)) !== 0;
  if (isBzImage(bytes)) return "linux";
  if (isElf(bytes)) return header !== undefined && (addressFields || bytes[4] === 1) ? "multiboot" : "elf";
  return addressFields ? "multiboot" : "flat";
}

export function loadImage(partition: Partition, bytes: Uint8Array, options: LoadOptions = {}): LoadedImage {
  if (bytes.length === 0) invalid("the image is empty");
  const format = options.format === undefined || options.format === "auto" ? detectFormat(bytes) : options.format;
  refuseUnused(format, options);
  const placement = new Placement(partition.memory);
  let mode: StartMode = "protected";
  let entry: number;
  switch (format) {
    case "flat":
      mode = options.mode ?? "real";
      entry = options.address ?? (mode === "real" ? BOOT_SECTOR : ONE_MIB);
      placement.load([{ base: entry, size: bytes.length, data: bytes, what: "the image" }]);
      break;
    case "elf": {
      const elf = parseElf(bytes);
      mode = elf.bits === 64 ? "long" : "protected";
      entry = elf.entry;
      placement.load(elf.segments);
      break;
    }
    case "multiboot":
      entry = loadMultiboot(partition, bytes, placement, {
        commandLine: options.commandLine ?? "",
        modules: options.modules ?? [],
      });
      return { format, mode, entry, segments: placement.used };
    case "linux": {
      const started = loadLinux(partition, bytes, placement, options satisfies LinuxOptions);
      return { format, ...started, segments: placement.used };
    }
    default:
      throw new HypervisorError("invalid-argument", `there is no image format "${String(format)}"`);
  }
  partition.processors[0].reset();
  if (mode === "real") startReal(partition, entry);
  else if (mode === "protected") startProtected(partition, entry, placement);
  else if (mode === "long") startLong(partition, entry, placement);
  else throw new HypervisorError("invalid-argument", `there is no start mode "${String(mode)}"`);
  return { format, mode, entry, segments: placement.used };
}

/** Options that the format has no use for are mistakes, not wishes. */
function refuseUnused(format: ImageFormat, options: LoadOptions): void {
  const refuse = (option: string): never => {
    throw new HypervisorError("invalid-argument", `${option} has no meaning for a ${format} image`);
  };
  if (format !== "flat") {
    if (options.address !== undefined) refuse("a load address");
    if (options.mode !== undefined) refuse("a start mode");
  }
  if (format !== "multiboot" && format !== "linux" && options.commandLine) refuse("a command line");
  if (format !== "linux") {
    if (options.initrd !== undefined) refuse("an initial RAM disk");
    if (options.extract !== undefined) refuse("extraction");
    if (options.entry !== undefined) refuse("an entry");
    if (options.acpiRsdp !== undefined) refuse("an ACPI root pointer");
  }
  if (format !== "multiboot") {
    if (options.modules !== undefined && options.modules.length > 0) refuse("a module");
  }
}
