// A multiboot kernel file from an assembled image: ELF32 with one PT_LOAD segment per chunk, or the bare
// bytes of a flat image. (System V ABI, chapters 4 and 5; the loader reads nothing but program headers.)

import type { Chunk, Image } from "./assemble.js";

const HEADER = 52;
const PROGRAM_HEADER = 32;
const PAGE = 0x1000;

/** Chunks that continue one another become one. */
function merge(chunks: Chunk[]): Chunk[] {
  const result: Chunk[] = [];
  for (const chunk of [...chunks].sort((a, b) => Number(a.load - b.load))) {
    const last = result.at(-1);
    const end = last ? last.load + BigInt(last.bytes.length) : -1n;
    if (last && chunk.load < end) throw new Error(`chunks overlap at 0x${chunk.load.toString(16)}`);
    if (last && end === chunk.load) last.bytes = Uint8Array.from([...last.bytes, ...chunk.bytes]);
    else result.push({ ...chunk });
  }
  return result;
}

export function elf32(image: Image, entry: bigint): Uint8Array {
  const chunks = merge(image.chunks);
  const offsets: number[] = [];
  let size = HEADER + PROGRAM_HEADER * chunks.length;
  for (const chunk of chunks) {
    // File offset and address agree modulo the page size, as p_align promises.
    size += (Number(chunk.load % BigInt(PAGE)) - (size % PAGE) + PAGE) % PAGE;
    offsets.push(size);
    size += chunk.bytes.length;
  }
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 3, true); // EM_386
  view.setUint32(20, 1, true);
  view.setUint32(24, Number(entry), true);
  view.setUint32(28, HEADER, true);
  view.setUint16(40, HEADER, true);
  view.setUint16(42, PROGRAM_HEADER, true);
  view.setUint16(44, chunks.length, true);
  view.setUint16(46, 40, true);
  chunks.forEach((chunk, i) => {
    const at = HEADER + PROGRAM_HEADER * i;
    view.setUint32(at, 1, true); // PT_LOAD
    view.setUint32(at + 4, offsets[i] as number, true);
    view.setUint32(at + 8, Number(BigInt.asUintN(32, chunk.address)), true);
    view.setUint32(at + 12, Number(chunk.load), true);
    view.setUint32(at + 16, chunk.bytes.length, true);
    view.setUint32(at + 20, chunk.bytes.length, true);
    view.setUint32(at + 24, 7, true); // PF_R | PF_W | PF_X
    view.setUint32(at + 28, PAGE, true);
    file.set(chunk.bytes, offsets[i] as number);
  });
  return file;
}

export function flat(image: Image): Uint8Array {
  const chunks = merge(image.chunks);
  const [first, last] = [chunks[0], chunks.at(-1)];
  if (!first || !last) throw new Error("the image is empty");
  const file = new Uint8Array(Number(last.load - first.load) + last.bytes.length);
  for (const chunk of chunks) file.set(chunk.bytes, Number(chunk.load - first.load));
  return file;
}
