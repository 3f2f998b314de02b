// The micro-op: one decoded guest instruction in 32 bytes, what tier 0 runs and tier 1 will read.
//
//    0  op      u16  Op, specialised by operand form and size, possibly fused with the next one
//    2  plain   u16  Op without fusion: single steps run this
//    4  dst     u8   byte offset of the destination register in the GPR file (AH = 1), or a number
//    5  src     u8   the same for the source
//    6  base    u8   byte offset of the base register; ZERO's offset (0x80) where absent
//    7  index   u8   the same for the index
//    8  scale   u8   shift count 0-3
//    9  seg     u8   segment of the memory operand
//   10  ea      u8   Ea: how the address is formed, or Ea.REGISTER
//   11  length  u8   bytes of the instruction
//   12  offset  u16  offset of its first byte in the page
//   14  remain  u8   instructions from here to the end of the block, this one included
//   15  prefix  u8   Prefix bits
//   16  disp    i32
//   20  link    u32  direct branches: micro-op of the target in the same page; 0 = not linked yet
//   24  imm     i64  immediate, branch displacement, 64-bit moffs address, far pointer

export const UOP: usize = 32;

export const UOP_OP: usize = 0;
export const UOP_PLAIN: usize = 2;
export const UOP_DST: usize = 4;
export const UOP_SRC: usize = 5;
export const UOP_BASE: usize = 6;
export const UOP_INDEX: usize = 7;
export const UOP_SCALE: usize = 8;
export const UOP_SEG: usize = 9;
export const UOP_EA: usize = 10;
export const UOP_LENGTH: usize = 11;
export const UOP_OFFSET: usize = 12;
export const UOP_REMAIN: usize = 14;
export const UOP_PREFIX: usize = 15;
export const UOP_DISP: usize = 16;
export const UOP_LINK: usize = 20;
export const UOP_IMM: usize = 24;

/** Byte offset (in the GPR file) of the cell that is always zero. */
export const ZERO_OFFSET: u32 = 0x80;

/** How the linear address of the memory operand is formed. */
export const enum Ea {
  /** base + index*scale + disp, 64-bit, no segment base. */
  FLAT64 = 0,
  /** The same, truncated to 32 bits, flat segment (or 32-bit addresses in 64-bit mode). */
  FLAT32 = 1,
  /** disp relative to the next instruction, 64-bit. */
  RIP64 = 2,
  /** FLAT64 plus the base of FS or GS. */
  BASE64 = 3,
  // Everything from here on goes through vcpu/address: segment limits, 16-bit wrap, EIP-relative.
  /** 16-bit address, segment checked. */
  SEG16 = 4,
  /** 32-bit address, segment checked. */
  SEG32 = 5,
  /** 32-bit address in 64-bit mode with an FS or GS base, or EIP-relative. */
  SEG32_IN64 = 6,
  /** moffs: the 64-bit address is the immediate (no other immediate exists then). */
  MOFFS64 = 7,
  /** The operand is a register: dst or src names it. */
  REGISTER = 255,
}

/** Prefix bits that handlers need. */
export const enum Prefix {
  /** F3. */
  REP = 1,
  /** F2. */
  REPNE = 2,
  LOCK = 4,
  /** Operand size: bits 3-4 hold log2 of 1, 2, 4, 8. */
  SIZE_SHIFT = 3,
  SIZE = 0x18,
  /** Address size: bits 5-6 hold log2 of 2, 4, 8 (1, 2, 3). */
  ADDRESS_SHIFT = 5,
  ADDRESS = 0x60,
  /** A REX prefix is present. */
  REX = 0x80,
}

/** Zeroes a micro-op, in stores: memory.fill is a call out of the compiled code. */
@inline export function clearUop(u: usize): void {
  store<u64>(u, 0);
  store<u64>(u, 0, 8);
  store<u64>(u, 0, 16);
  store<u64>(u, 0, 24);
}
/** Copies a micro-op. */
@inline export function copyUop(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u64>(to, load<u64>(from, 8), 8);
  store<u64>(to, load<u64>(from, 16), 16);
  store<u64>(to, load<u64>(from, 24), 24);
}

// @inline accessors of the fields
@inline export function uopOp(u: usize): u32 { return load<u16>(u, UOP_OP); }
@inline export function uopDst(u: usize): usize { return load<u8>(u, UOP_DST); }
@inline export function uopSrc(u: usize): usize { return load<u8>(u, UOP_SRC); }
@inline export function uopSeg(u: usize): u32 { return load<u8>(u, UOP_SEG); }
@inline export function uopEa(u: usize): u32 { return load<u8>(u, UOP_EA); }
@inline export function uopLength(u: usize): u32 { return load<u8>(u, UOP_LENGTH); }
@inline export function uopOffset(u: usize): u32 { return load<u16>(u, UOP_OFFSET); }
@inline export function uopRemain(u: usize): i32 { return load<u8>(u, UOP_REMAIN); }
@inline export function uopPrefix(u: usize): u32 { return load<u8>(u, UOP_PREFIX); }
@inline export function uopImm(u: usize): i64 { return load<i64>(u, UOP_IMM); }
/** log2 of the operand size in bytes. */
@inline export function uopSize(u: usize): u32 { return (load<u8>(u, UOP_PREFIX) >> 3) & 3; }
/** log2 of the address size in bytes (1, 2, 3). */
@inline export function uopAddressSize(u: usize): u32 { return (load<u8>(u, UOP_PREFIX) >> 5) & 3; }
