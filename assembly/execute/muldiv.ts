// Multiplication and division (SDM vol. 2, MUL, IMUL, DIV, IDIV; APM vol. 3). The double-width operand is
// AX for bytes, otherwise rDX:rAX. WebAssembly has neither 128-bit products nor 128 / 64 division: both
// are made here and in execute/alu from 32-bit digits.
//
// Undefined flags as on AMD: multiplications keep SF ZF AF PF; divisions set AF, clear SF ZF PF, keep CF OF.

import { uopImm, uopSize, uopSrc } from "../decode/uop";
import { raiseDE } from "../vcpu/fault";
import { flagsEager, getCF, getOF } from "../vcpu/flags";
import {
  RAX,
  RDX,
  faulted,
  reg16,
  reg32,
  reg64,
  reg8,
  setReg16,
  setReg32,
  setReg64,
} from "../vcpu/state";
import { Status } from "../vcpu/status";
import { AF, CF, OF } from "../x86/flags";
import { imul2 as product, mulHighSigned, mulHighUnsigned, setCFOF } from "./alu";
import { getRegister, readOperand, setRegister } from "./operand";

@inline function overflowed(overflow: bool): i32 {
  setCFOF(overflow ? CF | OF : 0);
  return Status.NEXT;
}

export function mul(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: {
      const b = <u32>readOperand<u8>(u);
      if (faulted()) return Status.FAULT;
      const r = reg8(RAX) * b;
      setReg16(RAX, r);
      return overflowed(r >> 8 != 0);
    }
    case 1: {
      const b = <u32>readOperand<u16>(u);
      if (faulted()) return Status.FAULT;
      const r = reg16(RAX) * b;
      setReg16(RAX, r);
      setReg16(RDX, r >> 16);
      return overflowed(r >> 16 != 0);
    }
    case 2: {
      const b = <u64>readOperand<u32>(u);
      if (faulted()) return Status.FAULT;
      const r = <u64>reg32(RAX) * b;
      setReg32(RAX, <u32>r);
      setReg32(RDX, <u32>(r >> 32));
      return overflowed(r >> 32 != 0);
    }
    default: {
      const b = readOperand<u64>(u);
      if (faulted()) return Status.FAULT;
      const a = reg64(RAX);
      const high = mulHighUnsigned(a, b);
      setReg64(RAX, a * b);
      setReg64(RDX, high);
      return overflowed(high != 0);
    }
  }
}

/** IMUL with one operand. */
export function imul1(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: {
      const b = <i32><i8>readOperand<u8>(u);
      if (faulted()) return Status.FAULT;
      const r = <i32><i8>reg8(RAX) * b;
      setReg16(RAX, r);
      return overflowed(r != <i32><i8>r);
    }
    case 1: {
      const b = <i32><i16>readOperand<u16>(u);
      if (faulted()) return Status.FAULT;
      const r = <i32><i16>reg16(RAX) * b;
      setReg16(RAX, r);
      setReg16(RDX, r >> 16);
      return overflowed(r != <i32><i16>r);
    }
    case 2: {
      const b = <i64><i32>readOperand<u32>(u);
      if (faulted()) return Status.FAULT;
      const r = <i64><i32>reg32(RAX) * b;
      setReg32(RAX, <u32>r);
      setReg32(RDX, <u32>(r >> 32));
      return overflowed(r != <i64><i32>r);
    }
    default: {
      const b = readOperand<u64>(u);
      if (faulted()) return Status.FAULT;
      const a = reg64(RAX);
      const low = a * b;
      const high = mulHighSigned(a, b);
      setReg64(RAX, low);
      setReg64(RDX, high);
      return overflowed(<i64>high != <i64>low >> 63);
    }
  }
}

function imul2Of<T>(u: usize): i32 {
  const b = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  setRegister<T>(uopSrc(u), product<T>(getRegister<T>(uopSrc(u)), b));
  return Status.NEXT;
}
/** IMUL reg, r/m. */
export function imul2(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return imul2Of<u16>(u);
    case 2: return imul2Of<u32>(u);
    default: return imul2Of<u64>(u);
  }
}

function imul3Of<T>(u: usize): i32 {
  const a = readOperand<T>(u);
  if (faulted()) return Status.FAULT;
  setRegister<T>(uopSrc(u), product<T>(a, <T>uopImm(u)));
  return Status.NEXT;
}
/** IMUL reg, r/m, imm. */
export function imul3(u: usize): i32 {
  switch (uopSize(u)) {
    case 1: return imul3Of<u16>(u);
    case 2: return imul3Of<u32>(u);
    default: return imul3Of<u64>(u);
  }
}

// ---- division -------------------------------------------------------------------------------------

function divided(): i32 {
  flagsEager(getCF() | (getOF() << 11) | AF);
  return Status.NEXT;
}

export function div(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: {
      const b = <u32>readOperand<u8>(u);
      if (faulted()) return Status.FAULT;
      const a = reg16(RAX);
      // The quotient fits if and only if the upper half is below the divisor.
      if (a >> 8 >= b) return raiseDE();
      setReg16(RAX, a / b | ((a % b) << 8));
      return divided();
    }
    case 1: {
      const b = <u32>readOperand<u16>(u);
      if (faulted()) return Status.FAULT;
      if (reg16(RDX) >= b) return raiseDE();
      const a = (reg16(RDX) << 16) | reg16(RAX);
      setReg16(RAX, a / b);
      setReg16(RDX, a % b);
      return divided();
    }
    case 2: {
      const b = readOperand<u32>(u);
      if (faulted()) return Status.FAULT;
      const high = reg32(RDX);
      const low = reg32(RAX);
      if (high >= b) return raiseDE();
      if (high == 0) {
        setReg32(RAX, low / b);
        setReg32(RDX, low % b);
      } else {
        const a = (<u64>high << 32) | <u64>low;
        setReg32(RAX, <u32>(a / <u64>b));
        setReg32(RDX, <u32>(a % <u64>b));
      }
      return divided();
    }
    default: {
      const b = readOperand<u64>(u);
      if (faulted()) return Status.FAULT;
      const high = reg64(RDX);
      const low = reg64(RAX);
      if (high >= b) return raiseDE();
      if (high == 0) {
        setReg64(RAX, low / b);
        setReg64(RDX, low % b);
      } else {
        setReg64(RAX, divideWide(high, low, b));
        setReg64(RDX, remainder);
      }
      return divided();
    }
  }
}

export function idiv(u: usize): i32 {
  switch (uopSize(u)) {
    case 0: {
      const b = <i32><i8>readOperand<u8>(u);
      if (faulted()) return Status.FAULT;
      if (b == 0) return raiseDE();
      const a = <i32><i16>reg16(RAX);
      const q = a / b;
      if (q != <i32><i8>q) return raiseDE();
      setReg16(RAX, (q & 0xff) | ((a % b) << 8));
      return divided();
    }
    case 1: {
      const b = <i64><i16>readOperand<u16>(u);
      if (faulted()) return Status.FAULT;
      if (b == 0) return raiseDE();
      const a = <i64><i32>((reg16(RDX) << 16) | reg16(RAX));
      const q = a / b;
      if (q != <i64><i16>q) return raiseDE();
      setReg16(RAX, <u32>q);
      setReg16(RDX, <u32>(a % b));
      return divided();
    }
    case 2: {
      const b = <i64><i32>readOperand<u32>(u);
      if (faulted()) return Status.FAULT;
      const a = <i64>((<u64>reg32(RDX) << 32) | <u64>reg32(RAX));
      // -2^63 / -1 would trap in WebAssembly; it does not fit either.
      if (b == 0 || (a == i64.MIN_VALUE && b == -1)) return raiseDE();
      const q = a / b;
      if (q != <i64><i32>q) return raiseDE();
      setReg32(RAX, <u32>q);
      setReg32(RDX, <u32>(a % b));
      return divided();
    }
    default: {
      const b = <i64>readOperand<u64>(u);
      if (faulted()) return Status.FAULT;
      const high = <i64>reg64(RDX);
      const low = <i64>reg64(RAX);
      if (b == 0) return raiseDE();
      if (high == low >> 63 && b != -1) {
        setReg64(RAX, <u64>(low / b));
        setReg64(RDX, <u64>(low % b));
        return divided();
      }
      return idivWide(<u64>high, <u64>low, b);
    }
  }
}

/** Signed 128 / 64 through magnitudes: the remainder takes the dividend's sign. */
function idivWide(high: u64, low: u64, b: i64): i32 {
  const negative = <i64>high < 0;
  if (negative) {
    low = 0 - low;
    high = ~high + u64(low == 0);
  }
  const divisor = b < 0 ? 0 - <u64>b : <u64>b;
  if (high >= divisor) return raiseDE();
  const magnitude = divideWide(high, low, divisor);
  const minus = negative != b < 0;
  if (magnitude > <u64>i64.MAX_VALUE + u64(minus)) return raiseDE();
  setReg64(RAX, minus ? 0 - magnitude : magnitude);
  setReg64(RDX, negative ? 0 - remainder : remainder);
  return divided();
}

/** Remainder of the last divideWide. */
let remainder: u64 = 0;

/**
 * high:low / divisor where high < divisor: two quotient digits of 32 bits (Knuth, TAOCP vol. 2, 4.3.1,
 * algorithm D). Normalising makes the estimate of a digit at most two too large.
 */
function divideWide(high: u64, low: u64, divisor: u64): u64 {
  const shift = clz<u64>(divisor);
  divisor <<= shift;
  if (shift != 0) {
    high = (high << shift) | (low >> (64 - shift));
    low <<= shift;
  }
  const quotientHigh = quotientDigit(high, low >> 32, divisor);
  const rest = ((high << 32) | (low >> 32)) - quotientHigh * divisor;
  const quotientLow = quotientDigit(rest, low & 0xffff_ffff, divisor);
  remainder = (((rest << 32) | (low & 0xffff_ffff)) - quotientLow * divisor) >> shift;
  return (quotientHigh << 32) | quotientLow;
}
/** One digit of (rest * 2^32 + next) / divisor. */
function quotientDigit(rest: u64, next: u64, divisor: u64): u64 {
  const divisorHigh = divisor >> 32;
  const divisorLow = divisor & 0xffff_ffff;
  let digit = rest / divisorHigh;
  let left = rest % divisorHigh;
  while (digit >> 32 != 0 || digit * divisorLow > ((left << 32) | next)) {
    digit--;
    left += divisorHigh;
    if (left >> 32 != 0) break;
  }
  return digit;
}
