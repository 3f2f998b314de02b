// Vectors that the checks of floating-point elements use (element.ts). They lie in memory, and a region loads those it needs when
// it is entered: what V8 knows to be constant it makes anew at every use, in three instructions.
//
// A number is common if its exponent is one of the middle quarter. Twice the upper 16 bits of an element, less those of
// the least such exponent, are then below 4000h, and so their sum with 4000h, saturated, has its sign clear. The sign of the number
// drops out; a zero is not common by this.

export const enum Constant {
  /** To be added: less the least common exponent of doubles, of singles; a quarter of all. */
  LESS64 = 0,
  LESS32 = 1,
  QUARTER = 2,
}
/** The same for scalars: twice the upper half of a double, or a single, less this has two zeros on top. */
export const LEAST_COMMON64: i32 = 0x5fe0_0000;
export const LEAST_COMMON32: i32 = 0x5f00_0000;
export const UNCOMMON_BITS: i32 = <i32>0xc000_0000;

export const CONSTANTS: usize = memory.data<u64>([
  0xa020_a020_a020_a020, 0xa020_a020_a020_a020,
  0xa100_a100_a100_a100, 0xa100_a100_a100_a100,
  0x4000_4000_4000_4000, 0x4000_4000_4000_4000,
], 16);
