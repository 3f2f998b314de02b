// Pseudo-random numbers of the oracle (xoshiro128**, Blackman and Vigna) and the operand values that find
// mistakes: boundaries of every width, single bits, repeated bytes, small numbers.

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    // splitmix32 spreads the seed over the state.
    const next = (): number => {
      seed = (seed + 0x9e3779b9) | 0;
      let z = seed;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1;
  }

  /** 32 random bits. */
  u32(): number {
    const s = Math.imul(this.b, 5);
    const result = Math.imul((s << 7) | (s >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }
  /** 0 ... n - 1. */
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n);
  }
  /** True once in n. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.u32() >>> 24;
  }

  /** An operand value: 64 bits. */
  operand(): bigint {
    switch (this.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.u64();
      case 4:
        return 1n << BigInt(this.below(64));
      case 5:
        return BigInt.asUintN(64, (1n << BigInt(this.pick([7, 8, 15, 16, 31, 32, 63]))) + BigInt(this.below(5) - 2));
      case 6:
        return BigInt.asUintN(64, BigInt(this.below(5) - 2));
      case 7:
        return BigInt(this.u32() & 0xff) * 0x0101010101010101n;
      case 8:
        return BigInt(this.below(256));
      case 9:
        return BigInt(this.u32());
      case 10:
        return BigInt.asUintN(64, BigInt.asIntN(32, BigInt(this.u32())));
      default:
        return BigInt.asUintN(64, -(1n << BigInt(this.below(64))));
    }
  }
}
