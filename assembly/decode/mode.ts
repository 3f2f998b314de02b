// The mode word: what the meaning of code bytes and the choice of micro-ops depend on.
//
//   1:0 code size (0 16-bit, 1 32-bit, 2 64-bit)   3:2 stack size (0 16, 1 32, 2 64)   4 flat   6 checked
//
// Flat: in 16/32-bit code, DS, ES and SS are usable, writable, based at 0 with a 4 GiB limit, so that
// operands in them need no check. In 64-bit mode it is always set. Checked: every data access is looked at
// (#AC, data breakpoints); the micro-ops are the same, but such code is never translated.

export const MODE_CODE: u32 = 3;
export const MODE_CODE16: u32 = 0;
export const MODE_CODE32: u32 = 1;
export const MODE_CODE64: u32 = 2;
export const MODE_STACK_SHIFT: u32 = 2;
export const MODE_STACK: u32 = 3 << 2;
export const MODE_FLAT: u32 = 1 << 4;
export const MODE_CHECKED: u32 = 1 << 6;
