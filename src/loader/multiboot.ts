// Multiboot 1 (Multiboot Specification 0.6.96): finds and checks the header, loads the image by its address
// fields or as ELF32, places modules and the boot information, and enters the kernel in flat protected
// mode with EAX = magic and EBX = information.

import type { Partition } from "../partition/partition.js";
import { alignUp, ByteReader, hex } from "../support/bytes.js";
import { memoryMap } from "./e820.js";
import { isElf, parseElf } from "./elf.js";
import { invalid, type Placement, type Segment, unsupported } from "./image.js";
import { SELECTORS32, setFlatSegments } from "./start.js";

const HEADER_MAGIC = 0x1badb002;
const BOOT_MAGIC = 0x2badb002;
const SEARCH_END = 8192;
const PAGE = 4096;
/** Header flags: modules on pages, memory information, video mode; bits 3-15 are demands nobody knows. */
const UNKNOWN_DEMANDS = 0xfff8;
const ADDRESS_FIELDS = 1 << 16;

// Information flags.
const INFO_MEMORY = 1 << 0;
const INFO_COMMAND_LINE = 1 << 2;
const INFO_MODULES = 1 << 3;
const INFO_MEMORY_MAP = 1 << 6;
const INFO_LOADER_NAME = 1 << 9;

const INFO_SIZE = 116;
const MODULE_SIZE = 16;
const MAP_ENTRY_SIZE = 24;
const LOADER_NAME = "Ringfence";
const HIGH = 0x100000;

export interface BootModule {
  readonly data: Uint8Array;
  /** The module's string: its name and arguments. */
  readonly commandLine?: string;
}

export interface MultibootHeader {
  /** Offset of the header in the file. */
  readonly offset: number;
  readonly flags: number;
}

/** The first header with a right checksum in the first 8 KiB. */
export function findMultibootHeader(bytes: Uint8Array): MultibootHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + 12 <= Math.min(bytes.length, SEARCH_END); offset += 4) {
    if (view.getUint32(offset, true) !== HEADER_MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    if ((HEADER_MAGIC + flags + view.getUint32(offset + 8, true)) >>> 0 === 0) return { offset, flags };
  }
  return undefined;
}

/** The kernel's segments by the header's own address fields. */
function addressed(file: ByteReader, header: MultibootHeader): { segments: Segment[]; entry: number } {
  const field = (n: number): number => file.u32(header.offset + 12 + n * 4, "the multiboot address fields");
  const [headerAddress, load, loadEnd, bssEnd, entry] = [0, 1, 2, 3, 4].map(field);
  if (load > headerAddress)
    invalid(`multiboot load address ${hex(load)} is behind the header at ${hex(headerAddress)}`);
  const start = header.offset - (headerAddress - load);
  if (start < 0) invalid(`multiboot load address ${hex(load)} would start before the file`);
  if (loadEnd !== 0 && loadEnd < load)
    invalid(`multiboot load end ${hex(loadEnd)} is below the load address ${hex(load)}`);
  const size = loadEnd === 0 ? file.bytes.length - start : loadEnd - load;
  const data = file.slice(start, size, "the multiboot image");
  const end = load + size;
  if (bssEnd !== 0 && bssEnd < end) invalid(`multiboot bss end ${hex(bssEnd)} is below the image's end ${hex(end)}`);
  const memoryEnd = bssEnd === 0 ? end : bssEnd;
  if (entry < load || entry >= memoryEnd) invalid(`multiboot entry ${hex(entry)} is outside the image`);
  return { segments: [{ base: load, size: memoryEnd - load, data, what: "the kernel" }], entry };
}

export interface MultibootOptions {
  readonly commandLine: string;
  readonly modules: readonly BootModule[];
}

/** Loads a multiboot kernel and sets processor 0 to enter it. Returns the entry point. */
export function loadMultiboot(
  partition: Partition,
  bytes: Uint8Array,
  placement: Placement,
  options: MultibootOptions,
): number {
  const header = findMultibootHeader(bytes);
  if (header === undefined) invalid("no multiboot header in the first 8,192 bytes");
  if ((header.flags & UNKNOWN_DEMANDS) !== 0)
    unsupported(`multiboot flags ${hex(header.flags)} ask for something unknown`);
  let kernel: { segments: readonly Segment[]; entry: number };
  if ((header.flags & ADDRESS_FIELDS) !== 0) kernel = addressed(new ByteReader(bytes, invalid), header);
  else if (!isElf(bytes)) invalid("a multiboot image without address fields must be an ELF32 file");
  else {
    const elf = parseElf(bytes);
    if (elf.bits !== 32) unsupported("a multiboot image without address fields must be ELF32, this is ELF64");
    kernel = elf;
  }
  placement.load(kernel.segments);
  const modules = options.modules.map(({ data, commandLine }, n) => {
    const base = placement.findAfter(alignUp(data.length, PAGE), `module ${n}`);
    partition.memory.write(base, data);
    return { start: base, end: base + data.length, commandLine: commandLine ?? "" };
  });
  const info = writeInformation(partition, placement, options.commandLine, modules);
  partition.processors[0].reset();
  const { registers } = partition.processors[0];
  registers.cr0 = 0x31n; // PE, ET, NE
  setFlatSegments(partition, false, SELECTORS32);
  registers.rip = BigInt(kernel.entry);
  registers.rax = BigInt(BOOT_MAGIC);
  registers.rbx = BigInt(info);
  return kernel.entry;
}

interface PlacedModule {
  readonly start: number;
  readonly end: number;
  readonly commandLine: string;
}

/** Writes the information structure, with everything it points at, behind the modules. */
function writeInformation(
  partition: Partition,
  placement: Placement,
  commandLine: string,
  modules: readonly PlacedModule[],
): number {
  const text = new TextEncoder();
  const strings = [commandLine, LOADER_NAME, ...modules.map((module) => module.commandLine)].map((string) =>
    text.encode(`${string}\0`),
  );
  const map = memoryMap(partition.memory);
  const modulesAt = alignUp(INFO_SIZE, 8);
  const mapAt = modulesAt + modules.length * MODULE_SIZE;
  const stringsAt = mapAt + map.length * MAP_ENTRY_SIZE;
  const size = stringsAt + strings.reduce((sum, string) => sum + string.length, 0);
  const base = placement.findAfter(alignUp(size, PAGE), "the multiboot information");

  const block = new Uint8Array(size);
  const view = new DataView(block.buffer);
  const put = (offset: number, value: number): void => view.setUint32(offset, value, true);
  const addresses: number[] = [];
  let at = stringsAt;
  for (const string of strings) {
    addresses.push(base + at);
    block.set(string, at);
    at += string.length;
  }
  const low = map.find((entry) => entry.base === 0)?.size ?? 0;
  const high = map.find((entry) => entry.base === HIGH)?.size ?? 0;
  put(
    0,
    INFO_MEMORY | INFO_COMMAND_LINE | (modules.length > 0 ? INFO_MODULES : 0) | INFO_MEMORY_MAP | INFO_LOADER_NAME,
  );
  put(4, Math.floor(low / 1024));
  put(8, Math.floor(high / 1024));
  put(16, addresses[0]);
  put(20, modules.length);
  put(24, modules.length > 0 ? base + modulesAt : 0);
  put(44, map.length * MAP_ENTRY_SIZE);
  put(48, base + mapAt);
  put(64, addresses[1]);
  modules.forEach((module, n) => {
    put(modulesAt + n * MODULE_SIZE, module.start);
    put(modulesAt + n * MODULE_SIZE + 4, module.end);
    put(modulesAt + n * MODULE_SIZE + 8, addresses[2 + n]);
  });
  map.forEach((entry, n) => {
    const offset = mapAt + n * MAP_ENTRY_SIZE;
    put(offset, MAP_ENTRY_SIZE - 4);
    view.setBigUint64(offset + 4, BigInt(entry.base), true);
    view.setBigUint64(offset + 12, BigInt(entry.size), true);
    put(offset + 20, entry.type);
  });
  partition.memory.write(base, block);
  return base;
}
