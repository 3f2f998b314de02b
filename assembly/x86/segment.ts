// Segment registers, selectors and the access-rights word (SDM vol. 3, 3.4 and 24.4.1).
//
//   attributes: 16 unusable | 15 G | 14 D/B | 13 L | 12 AVL | 7 P | 6:5 DPL | 4 S | 3:0 type
//   selector:   15:3 index | 2 TI | 1:0 RPL

export const ES: u32 = 0;
export const CS: u32 = 1;
export const SS: u32 = 2;
export const DS: u32 = 3;
export const FS: u32 = 4;
export const GS: u32 = 5;
export const LDTR: u32 = 6;
export const TR: u32 = 7;

export const ATTR_TYPE: u32 = 0xf;
export const ATTR_S: u32 = 1 << 4;
export const ATTR_DPL: u32 = 3 << 5;
export const ATTR_DPL_SHIFT: u32 = 5;
export const ATTR_P: u32 = 1 << 7;
export const ATTR_AVL: u32 = 1 << 12;
export const ATTR_L: u32 = 1 << 13;
export const ATTR_DB: u32 = 1 << 14;
export const ATTR_G: u32 = 1 << 15;
export const ATTR_UNUSABLE: u32 = 1 << 16;

// Type bits of code and data segments (S = 1).
export const TYPE_ACCESSED: u32 = 1;
/** Data: writable. Code: readable. */
export const TYPE_RW: u32 = 2;
/** Data: expand down. Code: conforming. */
export const TYPE_DC: u32 = 4;
export const TYPE_CODE: u32 = 8;

/** System descriptor types (S = 0). */
export const enum SystemType {
  TSS16_AVAILABLE = 1,
  LDT = 2,
  TSS16_BUSY = 3,
  CALL_GATE16 = 4,
  TASK_GATE = 5,
  INTERRUPT_GATE16 = 6,
  TRAP_GATE16 = 7,
  TSS32_AVAILABLE = 9,
  TSS32_BUSY = 11,
  CALL_GATE32 = 12,
  INTERRUPT_GATE32 = 14,
  TRAP_GATE32 = 15,
}

export const SELECTOR_RPL: u32 = 3;
export const SELECTOR_TI: u32 = 4;
/** Selector error-code bits: EXT (external event), IDT. */
export const ERROR_EXT: u32 = 1;
export const ERROR_IDT: u32 = 2;
