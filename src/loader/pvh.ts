// PVH (Xen's "PVH direct boot" ABI): a vmlinux names a 32-bit entry point in an ELF note, and is handed one
// structure, hvm_start_info, with the command line, modules and memory map:
//
//   u32 magic, version 1, flags, modules | u64 module list, command line, RSDP, memory map | u32 entries, 0
//   module: u64 address, size, command line, 0       map entry: u64 address, size; u32 type, 0

import { alignUp, ByteReader } from "../support/bytes.js";
import type { MemoryRegion } from "./e820.js";
import type { ElfImage } from "./elf.js";
import { invalid } from "./image.js";

const PT_NOTE = 4;
const NOTE_NAME = "Xen\0";
/** XEN_ELFNOTE_PHYS32_ENTRY */
const PHYS32_ENTRY = 18;
const START_MAGIC = 0x336e_c578;
const START_SIZE = 56;
const MODULE_SIZE = 32;
const MAP_ENTRY_SIZE = 24;

/** Physical entry point by the ELF notes of a file; undefined where none names one. */
export function findPvhEntry(bytes: Uint8Array, { headers }: ElfImage): number | undefined {
  const file = new ByteReader(bytes, invalid);
  for (const { type, offset, fileSize } of headers) {
    if (type !== PT_NOTE) continue;
    const found = searchNotes(new ByteReader(file.slice(offset, fileSize, "an ELF note"), invalid));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Notes are {u32 name size, u32 size, u32 type, name, data}, name and data padded to four bytes. */
function searchNotes(notes: ByteReader): number | undefined {
  const what = "an ELF note";
  for (let at = 0; at + 12 <= notes.bytes.length; ) {
    const nameSize = notes.u32(at, what);
    const size = notes.u32(at + 4, what);
    const data = at + 12 + alignUp(nameSize, 4);
    const name = new TextDecoder("latin1").decode(notes.slice(at + 12, nameSize, what));
    if (name === NOTE_NAME && notes.u32(at + 8, what) === PHYS32_ENTRY && size >= 4) return notes.u32(data, what);
    at = data + alignUp(size, 4);
  }
  return undefined;
}

export interface PvhParameters {
  readonly commandLine: number;
  readonly initrd: { readonly base: number; readonly size: number };
  readonly memory: readonly MemoryRegion[];
  readonly acpiRsdp: number;
}

/** hvm_start_info and what it points at, for the address `base`. */
export function pvhStartInfo(base: number, parameters: PvhParameters): Uint8Array {
  const { initrd, memory } = parameters;
  const modules = initrd.size > 0 ? 1 : 0;
  const modulesAt = alignUp(START_SIZE, 8);
  const mapAt = modulesAt + modules * MODULE_SIZE;
  const block = new Uint8Array(mapAt + memory.length * MAP_ENTRY_SIZE);
  const view = new DataView(block.buffer);
  const put64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  view.setUint32(0, START_MAGIC, true);
  view.setUint32(4, 1, true);
  view.setUint32(12, modules, true);
  put64(16, modules > 0 ? base + modulesAt : 0);
  put64(24, parameters.commandLine);
  put64(32, parameters.acpiRsdp);
  put64(40, base + mapAt);
  view.setUint32(48, memory.length, true);
  if (modules > 0) {
    put64(modulesAt, initrd.base);
    put64(modulesAt + 8, initrd.size);
  }
  for (const [n, region] of memory.entries()) {
    const at = mapAt + n * MAP_ENTRY_SIZE;
    put64(at, region.base);
    put64(at + 8, region.size);
    view.setUint32(at + 16, region.type, true);
  }
  return block;
}
