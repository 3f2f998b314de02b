// ELF executables for the 386 and x86-64 (System V ABI, gABI chapters 4 and 5): every header field that
// the loader relies on is checked, then the PT_LOAD segments are taken by physical address.

import { ByteReader, hex } from "../support/bytes.js";
import { invalid, type Segment, unsupported } from "./image.js";

const EM_386 = 3;
const EM_X86_64 = 62;
const ET_EXEC = 2;
const PT_LOAD = 1;
/** More program headers than any image has; PN_XNUM would need section headers. */
const PHNUM_MAX = 0xfffe;

export interface ElfImage {
  readonly bits: 32 | 64;
  /** Guest-physical address of the entry point. */
  readonly entry: number;
  readonly segments: readonly Segment[];
  /** Every program header of the file; only those of the segments have been checked. */
  readonly headers: readonly ProgramHeader[];
}

export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

export interface ProgramHeader {
  readonly type: number;
  readonly offset: number;
  readonly virtual: number;
  readonly physical: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

/** A 64-bit field as a number; what does not fit is outside any RAM or file anyway. */
function number64(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}

function readHeader(file: ByteReader, at: number, bits: 32 | 64): ProgramHeader {
  const what = "a program header";
  if (bits === 32) {
    return {
      type: file.u32(at, what),
      offset: file.u32(at + 4, what),
      virtual: file.u32(at + 8, what),
      physical: file.u32(at + 12, what),
      fileSize: file.u32(at + 16, what),
      memorySize: file.u32(at + 20, what),
      align: file.u32(at + 28, what),
    };
  }
  return {
    type: file.u32(at, what),
    offset: number64(file.u64(at + 8, what)),
    virtual: Number(file.u64(at + 16, what)),
    physical: number64(file.u64(at + 24, what)),
    fileSize: number64(file.u64(at + 32, what)),
    memorySize: number64(file.u64(at + 40, what)),
    align: number64(file.u64(at + 48, what)),
  };
}

function toSegment(file: ByteReader, header: ProgramHeader, n: number): Segment {
  const what = `ELF segment ${n}`;
  if (header.fileSize > header.memorySize)
    invalid(`${what}: more bytes in the file (${header.fileSize}) than in memory (${header.memorySize})`);
  if (header.align > 1 && (!Number.isSafeInteger(header.align) || Math.log2(header.align) % 1 !== 0)) {
    invalid(`${what}: alignment ${header.align} is not a power of two`);
  }
  if (!Number.isSafeInteger(header.physical) || !Number.isSafeInteger(header.physical + header.memorySize)) {
    invalid(`${what}: physical address or size does not exist`);
  }
  return {
    base: header.physical,
    size: header.memorySize,
    data: file.slice(header.offset, header.fileSize, what),
    what,
  };
}

/** Parses and checks an ELF executable. */
export function parseElf(bytes: Uint8Array): ElfImage {
  if (!isElf(bytes)) invalid("not an ELF file: the magic number is missing");
  const file = new ByteReader(bytes, invalid);
  const elfClass = file.u8(4, "the ELF class");
  if (elfClass !== 1 && elfClass !== 2) invalid(`ELF class ${elfClass} is neither 32-bit nor 64-bit`);
  const bits = elfClass === 1 ? 32 : 64;
  const data = file.u8(5, "the ELF data encoding");
  if (data === 2) unsupported("the ELF file is big-endian, for another machine");
  if (data !== 1) invalid(`ELF data encoding ${data} does not exist`);
  const identVersion = file.u8(6, "the ELF version");
  if (identVersion !== 1) invalid(`ELF version ${identVersion} does not exist`);
  file.require(0, bits === 32 ? 52 : 64, "the ELF header");
  const type = file.u16(16, "the ELF type");
  const machine = file.u16(18, "the ELF machine");
  if (machine !== EM_386 && machine !== EM_X86_64) unsupported(`the ELF file is for machine ${machine}, not for x86`);
  if ((machine === EM_386) !== (bits === 32))
    unsupported(`an ELF${bits} file for machine ${machine} is of no ABI that runs here`);
  if (type !== ET_EXEC)
    unsupported(`ELF type ${type} is not an executable (ET_EXEC); relocatable and shared files are not loaded`);
  const version = file.u32(20, "the ELF version");
  if (version !== 1) invalid(`ELF version ${version} does not exist`);
  const virtualEntry = bits === 32 ? file.u32(24, "the entry point") : Number(file.u64(24, "the entry point"));
  const tableAt = bits === 32 ? file.u32(28, "e_phoff") : number64(file.u64(32, "e_phoff"));
  const [headerSize, entrySize, count] = [0, 2, 4].map((offset) =>
    file.u16((bits === 32 ? 40 : 52) + offset, "the ELF header"),
  );
  if (headerSize !== (bits === 32 ? 52 : 64)) invalid(`ELF header size ${headerSize} is not that of ELF${bits}`);
  if (count === 0) invalid("the ELF file has no program headers: nothing to load");
  if (count > PHNUM_MAX) unsupported("the ELF file has more than 65,534 program headers");
  if (entrySize !== (bits === 32 ? 32 : 56)) invalid(`program header size ${entrySize} is not that of ELF${bits}`);
  file.require(tableAt, count * entrySize, "the program header table");

  const headers: ProgramHeader[] = [];
  for (let n = 0; n < count; n++) {
    headers.push(readHeader(file, tableAt + n * entrySize, bits));
  }
  const loaded = headers.filter(({ type, memorySize }) => type === PT_LOAD && memorySize > 0);
  if (loaded.length === 0) invalid("the ELF file has no segment to load");
  const segments = loaded.map((header, n) => toSegment(file, header, n));
  return { bits, entry: physicalEntry(virtualEntry, loaded), segments, headers };
}

/** The entry point is a virtual address in most images and a physical one in kernels linked high. */
function physicalEntry(entry: number, headers: readonly ProgramHeader[]): number {
  const inside = (start: number, header: ProgramHeader): boolean => entry >= start && entry < start + header.memorySize;
  const byVirtual = headers.find((header) => inside(header.virtual, header));
  if (byVirtual !== undefined) return entry - byVirtual.virtual + byVirtual.physical;
  if (headers.some((header) => inside(header.physical, header))) return entry;
  return invalid(`the entry point ${hex(BigInt(entry))} lies in no segment`);
}
