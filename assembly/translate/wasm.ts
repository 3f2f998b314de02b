// Writing WebAssembly: opcodes (WebAssembly Core Specification 2.0, 5.4), LEB128 numbers and the sections of a
// module of region functions. Code goes to `cursor`, which the callers place; nothing is checked here.

export const enum Wasm {
  UNREACHABLE = 0x00,
  BLOCK = 0x02,
  LOOP = 0x03,
  IF = 0x04,
  ELSE = 0x05,
  END = 0x0b,
  BR = 0x0c,
  BR_IF = 0x0d,
  BR_TABLE = 0x0e,
  SELECT = 0x1b,
  LOCAL_GET = 0x20,
  LOCAL_SET = 0x21,
  LOCAL_TEE = 0x22,
  I32_LOAD = 0x28,
  I64_LOAD = 0x29,
  I32_LOAD8_S = 0x2c,
  I32_LOAD8_U = 0x2d,
  I32_LOAD16_S = 0x2e,
  I32_LOAD16_U = 0x2f,
  I32_STORE = 0x36,
  I64_STORE = 0x37,
  I32_STORE8 = 0x3a,
  I32_STORE16 = 0x3b,
  I32_CONST = 0x41,
  I64_CONST = 0x42,
  I32_EQZ = 0x45,
  I32_EQ = 0x46,
  I32_NE = 0x47,
  I32_LT_S = 0x48,
  I32_LT_U = 0x49,
  I32_GT_S = 0x4a,
  I32_GT_U = 0x4b,
  I32_LE_S = 0x4c,
  I32_LE_U = 0x4d,
  I32_GE_S = 0x4e,
  I32_GE_U = 0x4f,
  I64_EQZ = 0x50,
  I64_EQ = 0x51,
  I64_NE = 0x52,
  I64_LT_S = 0x53,
  I64_LT_U = 0x54,
  I64_GT_S = 0x55,
  I64_GT_U = 0x56,
  I64_GE_S = 0x59,
  I64_GE_U = 0x5a,
  I32_CLZ = 0x67,
  I32_CTZ = 0x68,
  I32_POPCNT = 0x69,
  I32_ADD = 0x6a,
  I32_SUB = 0x6b,
  I32_MUL = 0x6c,
  I32_DIV_S = 0x6d,
  I32_DIV_U = 0x6e,
  I32_REM_S = 0x6f,
  I32_REM_U = 0x70,
  I32_AND = 0x71,
  I32_OR = 0x72,
  I32_XOR = 0x73,
  I32_SHL = 0x74,
  I32_SHR_S = 0x75,
  I32_SHR_U = 0x76,
  I32_ROTL = 0x77,
  I32_ROTR = 0x78,
  I64_CLZ = 0x79,
  I64_CTZ = 0x7a,
  I64_POPCNT = 0x7b,
  I64_ADD = 0x7c,
  I64_SUB = 0x7d,
  I64_MUL = 0x7e,
  I64_DIV_S = 0x7f,
  I64_DIV_U = 0x80,
  I64_REM_S = 0x81,
  I64_REM_U = 0x82,
  I64_AND = 0x83,
  I64_OR = 0x84,
  I64_XOR = 0x85,
  I64_SHL = 0x86,
  I64_SHR_S = 0x87,
  I64_SHR_U = 0x88,
  I64_ROTL = 0x89,
  I64_ROTR = 0x8a,
  I32_WRAP_I64 = 0xa7,
  I64_EXTEND_I32_S = 0xac,
  I64_EXTEND_I32_U = 0xad,
  I32_EXTEND8_S = 0xc0,
  I32_EXTEND16_S = 0xc1,
  I64_EXTEND8_S = 0xc2,
  I64_EXTEND16_S = 0xc3,
  I64_EXTEND32_S = 0xc4,
  VECTOR = 0xfd,
}

export const TYPE_I32: u32 = 0x7f;
export const TYPE_I64: u32 = 0x7e;
export const TYPE_F32: u32 = 0x7d;
export const TYPE_F64: u32 = 0x7c;
export const TYPE_V128: u32 = 0x7b;
const TYPE_VOID: u32 = 0x40;

/** Where the next byte goes. */
export let cursor: usize = 0;
export function moveCursor(to: usize): void { cursor = to; }

@inline export function byte(value: u32): void {
  store<u8>(cursor, value);
  cursor += 1;
}
export function unsigned(value: u32): void {
  while (value >= 0x80) {
    byte((value & 0x7f) | 0x80);
    value >>= 7;
  }
  byte(value);
}
export function signed(value: i64): void {
  for (;;) {
    const low = <u32>value & 0x7f;
    value >>= 7;
    if ((value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0)) {
      byte(low);
      return;
    }
    byte(low | 0x80);
  }
}
/** A number in exactly five bytes, to be filled in later. */
export function patch(at: usize, value: u32): void {
  for (let i: u32 = 0; i < 4; i++) store<u8>(at + i, ((value >> (7 * i)) & 0x7f) | 0x80);
  store<u8>(at + 4, value >> 28);
}

@inline export function op(code: u32): void { byte(code); }
export function get(local: u32): void {
  byte(Wasm.LOCAL_GET);
  unsigned(local);
}
export function set(local: u32): void {
  byte(Wasm.LOCAL_SET);
  unsigned(local);
}
export function tee(local: u32): void {
  byte(Wasm.LOCAL_TEE);
  unsigned(local);
}
export function i32c(value: i32): void {
  byte(Wasm.I32_CONST);
  signed(value);
}
export function i64c(value: i64): void {
  byte(Wasm.I64_CONST);
  signed(value);
}
/** A load or store; the address is on the stack. */
export function memory(code: u32, offset: u32): void {
  byte(code);
  byte(0);
  unsigned(offset);
}
/** A SIMD instruction (prefix FDh). */
export function vector(code: u32): void {
  byte(Wasm.VECTOR);
  unsigned(code);
}
export function vectorMemory(code: u32, offset: u32): void {
  vector(code);
  byte(0);
  unsigned(offset);
}
/** Load from a constant address. */
export function loadCell(code: u32, address: usize): void {
  i32c(0);
  memory(code, <u32>address);
}
export function blockVoid(code: u32): void {
  byte(code);
  byte(TYPE_VOID);
}

/** Copies bytes to the cursor. */
export function append(from: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) store<u8>(cursor + i, load<u8>(from + i));
  cursor += length;
}
