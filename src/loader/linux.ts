// Linux/x86 kernels (Documentation/arch/x86/boot.rst). A bzImage is unpacked here, hundreds of times faster
// than its own decompressor would do it in the guest, and entered where that would have jumped to; on
// request, and where there is nothing to unpack, the bzImage's code is entered instead.
//
//   entry      mode                                 register          told by
//   protected  flat 32-bit, paging off              ESI = boot_params boot protocol, 32-bit
//   long       64-bit, first 4 GiB identity-mapped  RSI = boot_params boot protocol, 64-bit
//   pvh        flat 32-bit, paging off              EBX = start_info  Xen note of the vmlinux
//
// In both boot protocols CS is 10h and the data segments are 18h, of a descriptor table in memory.

import type { Partition } from "../partition/partition.js";
import { alignUp, hex } from "../support/bytes.js";
import { HypervisorError } from "../support/errors.js";
import { BOOT_PARAMS_SIZE, bootParameters } from "./bootparams.js";
import { type BzImage, extractKernel, parseBzImage } from "./bzimage.js";
import { memoryMap } from "./e820.js";
import { isElf, parseElf } from "./elf.js";
import { type Placement, type Segment, type StartMode, unsupported } from "./image.js";
import { findPvhEntry, pvhStartInfo } from "./pvh.js";
import { startLong, startProtected } from "./start.js";

export type LinuxEntry = "protected" | "long" | "pvh";

export interface LinuxOptions {
  commandLine?: string;
  /** Initial RAM disk: one or more cpio archives, packed or not. */
  initrd?: Uint8Array;
  /** Unpack the kernel on the host; default true. */
  extract?: boolean;
  /** How the kernel is entered; default: as its own decompressor or boot protocol would. */
  entry?: LinuxEntry;
  /** Guest-physical address of the ACPI root pointer (RSDP); absent: the kernel searches for it. */
  acpiRsdp?: number;
}

const PAGE = 4096;
const SELECTORS = { code: 0x10, data: 0x18 };
const ENTRY_64 = 0x200;
const FOUR_GIB = 0x1_0000_0000;
/** Limits of a bare vmlinux, which has no header to state them. */
const COMMAND_LINE_MAX = 2047;
const INITRD_MAX = 0x7fff_ffff;

interface Kernel {
  readonly entry: number;
  readonly kind: LinuxEntry;
  readonly segments: readonly Segment[];
  /** Memory behind the segments that the kernel takes before it reads the memory map. */
  readonly end: number;
}

/** A vmlinux, loaded where it is linked. */
function fromElf(bytes: Uint8Array, kind: LinuxEntry | undefined): Kernel {
  const elf = parseElf(bytes);
  const natural = elf.bits === 64 ? "long" : "protected";
  const end = elf.segments.reduce((top, { base, size }) => Math.max(top, base + size), 0);
  if (kind === "pvh") {
    const entry = findPvhEntry(bytes, elf);
    if (entry === undefined) unsupported("the kernel has no PVH entry point");
    return { entry, kind, segments: elf.segments, end };
  }
  if (kind !== undefined && kind !== natural) {
    unsupported(`a ${elf.bits}-bit vmlinux cannot be entered in ${kind} mode`);
  }
  return { entry: elf.entry, kind: natural, segments: elf.segments, end };
}

/** The bzImage's own code. */
function fromCode(image: BzImage, wanted: LinuxEntry | undefined): Kernel {
  const kind = wanted ?? (image.entry64 ? "long" : "protected");
  if (kind === "pvh") unsupported("the PVH entry belongs to the vmlinux inside the bzImage, which is not extracted");
  if (kind === "long" && !image.entry64) unsupported("the kernel has no 64-bit entry point");
  const { loadAddress: base, code: data } = image;
  return {
    entry: kind === "long" ? base + ENTRY_64 : base,
    kind,
    segments: [{ base, size: data.length, data, what: "the kernel" }],
    end: base + image.initSize,
  };
}

function checkMemory(partition: Partition, { segments, end }: Kernel): void {
  const start = segments.reduce((low, { base }) => Math.min(low, base), end);
  if (partition.memory.isMapped(start, end - start, true)) return;
  throw new HypervisorError(
    "image-outside-memory",
    `the kernel needs RAM from ${hex(start)} to ${hex(end)} (${Math.ceil(end / 2 ** 20)} MiB); the partition has ${partition.memory.size / 2 ** 20} MiB`,
  );
}

/** The command line as the kernel reads it: bytes up to a NUL. */
function encodeCommandLine(text: string, max: number): Uint8Array {
  const bytes = new TextEncoder().encode(`${text}\0`);
  if (bytes.indexOf(0) !== bytes.length - 1) {
    throw new HypervisorError("invalid-argument", "the kernel's command line contains a NUL");
  }
  if (bytes.length - 1 > max) {
    throw new HypervisorError(
      "invalid-argument",
      `the command line has ${bytes.length - 1} bytes; the kernel takes at most ${max}`,
    );
  }
  return bytes;
}

/** Loads the kernel with all that it is told, and sets processor 0 to enter it. */
export function loadLinux(
  partition: Partition,
  bytes: Uint8Array,
  placement: Placement,
  options: LinuxOptions,
): { mode: StartMode; entry: number } {
  const { memory } = partition;
  const image = isElf(bytes) ? undefined : parseBzImage(bytes);
  const extract = options.extract ?? true;
  let kernel: Kernel;
  if (image === undefined) kernel = fromElf(bytes, options.entry);
  else if (extract && image.payload !== undefined) kernel = fromElf(extractKernel(image.payload), options.entry);
  else kernel = fromCode(image, options.entry);
  const commandLine = encodeCommandLine(options.commandLine ?? "", image?.commandLineMax ?? COMMAND_LINE_MAX);

  // Everything finds its place before anything is written.
  checkMemory(partition, kernel);
  for (const { base, size, what } of kernel.segments) placement.claim(base, size, what);
  placement.reserve(kernel.end);
  const initrd = placeInitrd(placement, options.initrd, Math.min(image?.initrdMax ?? INITRD_MAX, FOUR_GIB - 1));
  const commandLineAt = placement.findLow(alignUp(commandLine.length, PAGE), "the command line");
  const parametersAt = placement.findLow(BOOT_PARAMS_SIZE, "the boot parameters");

  placement.copy(kernel.segments);
  if (options.initrd !== undefined) memory.write(initrd.base, options.initrd);
  memory.write(commandLineAt, commandLine);
  const told = {
    commandLine: commandLineAt,
    initrd,
    memory: memoryMap(memory),
    acpiRsdp: options.acpiRsdp ?? 0,
  };
  const parameters =
    kernel.kind === "pvh"
      ? pvhStartInfo(parametersAt, told)
      : bootParameters({ ...told, setupHeader: image?.setupHeader });
  memory.write(parametersAt, parameters);

  partition.processors[0].reset();
  const { registers } = partition.processors[0];
  if (kernel.kind === "long") startLong(partition, kernel.entry, placement, SELECTORS);
  else startProtected(partition, kernel.entry, placement, SELECTORS);
  if (kernel.kind === "pvh") registers.rbx = BigInt(parametersAt);
  else registers.rsi = BigInt(parametersAt);
  return { mode: kernel.kind === "long" ? "long" : "protected", entry: kernel.entry };
}

/** As high as possible, so that the kernel's own early allocations stay clear of it. */
function placeInitrd(
  placement: Placement,
  initrd: Uint8Array | undefined,
  max: number,
): { base: number; size: number } {
  if (initrd === undefined || initrd.length === 0) return { base: 0, size: 0 };
  const base = placement.findHigh(alignUp(initrd.length, PAGE), max + 1, "the initial RAM disk");
  return { base, size: initrd.length };
}
