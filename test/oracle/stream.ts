// Streams of little-endian fields, the files of the seed set.

import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";

export class Writer {
  private readonly bytes: number[] = [];
  u8(value: number): void {
    this.bytes.push(value & 0xff);
  }
  u16(value: number): void {
    this.u8(value);
    this.u8(value >> 8);
  }
  u32(value: number): void {
    this.u16(value);
    this.u16(value >>> 16);
  }
  wide(value: bigint, size: number): void {
    for (let i = 0; i < size; i++) this.u8(Number((value >> BigInt(i * 8)) & 0xffn));
  }
  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.u8(byte);
  }
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u8(bytes.length);
    this.raw(bytes);
  }
  finish(): Uint8Array {
    return Uint8Array.from(this.bytes);
  }
  /** Compressed as well as brotli can. */
  pack(): Uint8Array {
    return brotliCompressSync(this.finish(), {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
    });
  }
}

export class Reader {
  private at = 0;
  private readonly view: DataView;
  private constructor(private readonly data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }
  static unpack(data: Uint8Array): Reader {
    return new Reader(brotliDecompressSync(data));
  }
  u8(): number {
    return this.data[this.at++]!;
  }
  u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }
  u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }
  wide(size: number): bigint {
    this.at += size;
    return size === 8 ? this.view.getBigUint64(this.at - 8, true) : BigInt(this.view.getUint32(this.at - 4, true));
  }
  raw(length: number): Uint8Array {
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }
  text(): string {
    return new TextDecoder().decode(this.raw(this.u8()));
  }
  get done(): boolean {
    return this.at >= this.data.length;
  }
}
