// Bytes that look like code to a branch filter: CALL and JMP with targets that repeat, stray opcode bytes,
// and the 00 and FF that make the filter doubt. What packed/ holds was made from them by the reference tools:
//
//   code.xz    xz --check=crc32 --x86 --lzma2=preset=9e
//   blocks.xz  xz --check=crc32 --x86 --lzma2=preset=9e,lc=1,lp=2,pb=1 --block-size=2500
//   noise.xz   xz --check=none (of the noise: stored, not packed)
//   arm.xz     xz --check=crc32 --arm --lzma2        sha.xz  xz --check=sha256
//   code.lz4   lz4 -l -9     code.zst  zstd -19      code.gz  gzip -9n

/** Lehmer's generator: the same numbers on every machine. */
function generator(): (below: number) => number {
  let state = 7;
  return (below) => {
    state = (state * 48271) % 0x7fff_ffff;
    return state % below;
  };
}

export function codeLike(): Uint8Array {
  const next = generator();
  const bytes = new Uint8Array(6000);
  for (let at = 0; at < bytes.length; ) {
    const kind = next(8);
    if (kind < 2 && at + 5 <= bytes.length) {
      const displacement = (0x1000 + next(64) * 256 - (at + 5)) | 0;
      bytes[at] = kind === 0 ? 0xe9 : 0xe8;
      new DataView(bytes.buffer).setInt32(at + 1, displacement, true);
      at += 5;
    } else if (kind === 2) bytes[at++] = 0xe8 + next(2);
    else if (kind === 3) bytes[at++] = next(2) === 0 ? 0 : 0xff;
    else bytes[at++] = 0x80 + next(16);
  }
  return bytes;
}

export function noise(): Uint8Array {
  const next = generator();
  return Uint8Array.from({ length: 3000 }, () => next(256));
}
