// EFLAGS that an instruction leaves undefined, written from the instruction pages of the SDM (vol. 2) and
// checked against the APM (vol. 3, "rFLAGS affected"); never from what an implementation does.

export const Flag = { CF: 1, PF: 4, AF: 0x10, ZF: 0x40, SF: 0x80, TF: 0x100, IF: 0x200, DF: 0x400, OF: 0x800 } as const;
const { CF, PF, AF, ZF, SF, OF } = Flag;

export const Undefined = {
  /** AND OR XOR TEST. */
  LOGIC: AF,
  /** MUL and all forms of IMUL. */
  MULTIPLY: SF | ZF | AF | PF,
  /** DIV, IDIV. */
  DIVIDE: CF | PF | AF | ZF | SF | OF,
  /** BT BTS BTR BTC. */
  BIT_TEST: OF | SF | AF | PF,
  /** BSF, BSR (and the result is undefined for a zero source on Intel; AMD keeps the destination). */
  BIT_SCAN: CF | OF | SF | AF | PF,
  /** LZCNT, TZCNT. */
  COUNT_ZEROS: OF | SF | PF | AF,
  /** AAA, AAS. */
  ASCII_ADJUST: OF | SF | ZF | PF,
  /** AAM, AAD. */
  ASCII_SCALE: OF | AF | CF,
  /** DAA, DAS. */
  DECIMAL_ADJUST: OF,
  /** ANDN BLSI BLSMSK BLSR BZHI. */
  BMI: AF | PF,
  BEXTR: AF | SF | PF,
} as const;

/** ROL ROR RCL RCR by `count` (already masked to 5 or 6 bits). */
export function rotateUndefined(count: number): number {
  return count <= 1 ? 0 : OF;
}

/** SHL SHR SAL (arithmetic false) and SAR (true) of `bits` by a masked `count`. */
export function shiftUndefined(count: number, bits: number, arithmetic: boolean): number {
  if (count === 0) return 0;
  let mask: number = AF;
  if (count > 1) mask |= OF;
  if (!arithmetic && count >= bits) mask |= CF;
  return mask;
}

/** SHLD, SHRD by a masked count; results by more than the operand's width are undefined altogether. */
export function doubleShiftUndefined(count: number): number {
  if (count === 0) return 0;
  return count === 1 ? AF : AF | OF;
}
