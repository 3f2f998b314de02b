// What the arithmetic and logic instructions compute and which flags they leave (SDM vol. 2, the
// instruction pages; SDM vol. 1, appendix A for the flags). Each meaning exists once: the interpreter's
// inline forms and the out-of-line handlers both use these functions, on plain values.
//
// T is the unsigned type of the operand size. Flags are set lazily (vcpu/flags); where the manuals leave
// a flag undefined, it gets the value that AMD processors produce.

import {
  LazyKind,
  flagsAdc,
  flagsAdd,
  flagsDec,
  flagsInc,
  flagsLogic,
  flagsResult,
  flagsSbb,
  flagsSub,
  getAF,
  getCF,
  getOF,
} from "../vcpu/flags";
import { LAZY_CARRY, LAZY_KIND } from "../layout";
import { AF, CF, OF } from "../x86/flags";

@inline export function add<T>(a: T, b: T): T {
  const r = <T>(a + b);
  flagsAdd<T>(a, r);
  return r;
}
@inline export function adc<T>(a: T, b: T): T {
  const carry = getCF();
  const r = <T>(a + b + <T>carry);
  flagsAdc<T>(a, r, carry);
  return r;
}
@inline export function sub<T>(a: T, b: T): T {
  const r = <T>(a - b);
  flagsSub<T>(a, r);
  return r;
}
@inline export function sbb<T>(a: T, b: T): T {
  const borrow = getCF();
  const r = <T>(a - b - <T>borrow);
  flagsSbb<T>(a, r, borrow);
  return r;
}
@inline export function cmp<T>(a: T, b: T): void { flagsSub<T>(a, <T>(a - b)); }
@inline export function and<T>(a: T, b: T): T {
  const r = <T>(a & b);
  flagsLogic<T>(r);
  return r;
}
@inline export function or<T>(a: T, b: T): T {
  const r = <T>(a | b);
  flagsLogic<T>(r);
  return r;
}
@inline export function xor<T>(a: T, b: T): T {
  const r = <T>(a ^ b);
  flagsLogic<T>(r);
  return r;
}
@inline export function test<T>(a: T, b: T): void { flagsLogic<T>(<T>(a & b)); }
@inline export function inc<T>(a: T): T {
  const r = <T>(a + <T>1);
  flagsInc<T>(r, getCF());
  return r;
}
@inline export function dec<T>(a: T): T {
  const r = <T>(a - <T>1);
  flagsDec<T>(r, getCF());
  return r;
}
@inline export function neg<T>(a: T): T {
  const r = <T>(<T>0 - a);
  flagsSub<T>(<T>0, r);
  return r;
}
@inline export function not<T>(a: T): T { return <T>~a; }

// ---- flags that change alone ----------------------------------------------------------------------

/** Replaces CF (0 or 1) and keeps the other five: BT, CLC, STC, CMC. */
export function setCF(cf: u32): void {
  const word = load<u32>(LAZY_KIND);
  const kind = word >> 2;
  if (kind >= <u32>LazyKind.ADD && kind <= <u32>LazyKind.LOGIC) {
    const rest = (getAF() << 4) | (getOF() << 11);
    store<u32>(LAZY_CARRY, rest | cf);
    store<u32>(LAZY_KIND, (LazyKind.RESULT << 2) | (word & 3));
  } else {
    store<u32>(LAZY_CARRY, (load<u32>(LAZY_CARRY) & ~CF) | cf);
  }
}
/** Replaces CF and OF (as RFLAGS bits) and keeps the other four: rotates, multiplications. */
export function setCFOF(bits: u32): void {
  const word = load<u32>(LAZY_KIND);
  const kind = word >> 2;
  if (kind == LazyKind.EAGER || kind == LazyKind.RESULT) {
    store<u32>(LAZY_CARRY, (load<u32>(LAZY_CARRY) & ~(CF | OF)) | bits);
  } else {
    store<u32>(LAZY_CARRY, (getAF() << 4) | bits);
    store<u32>(LAZY_KIND, (LazyKind.RESULT << 2) | (word & 3));
  }
}

// ---- shifts and rotates; count is masked to 5 (6) bits and not zero -------------------------------
//
// Shifts set AF; OF is what a last single shift would set, whatever the count; rotates keep SF ZF AF PF.

/** The last bit that left at the left end of the operand. */
@inline function carryOfShl<T>(a: T, count: u32): u32 {
  if (sizeof<T>() == 8) return <u32>(<u64>a >> (64 - count)) & 1;
  return <u32>((<u64>a << count) >> (sizeof<T>() * 8)) & 1;
}
@inline function msb<T>(a: T): u32 { return <u32>(<u64>a >> (sizeof<T>() * 8 - 1)) & 1; }

@inline export function shl<T>(a: T, count: u32): T {
  const r = <T>(<u64>a << count);
  const cf = carryOfShl<T>(a, count);
  flagsResult<T>(r, AF | cf | ((msb<T>(r) ^ cf) << 11));
  return r;
}
@inline export function shr<T>(a: T, count: u32): T {
  const r = <T>(<u64>a >> count);
  flagsResult<T>(r, AF | (<u32>(<u64>a >> (count - 1)) & 1) | (msb<T>(<T>(r << <T>1)) << 11));
  return r;
}
@inline function signed<T>(a: T): i64 {
  if (sizeof<T>() == 1) return <i64><i8>a;
  if (sizeof<T>() == 2) return <i64><i16>a;
  if (sizeof<T>() == 4) return <i64><i32>a;
  return <i64>a;
}
@inline export function sar<T>(a: T, count: u32): T {
  const wide = signed<T>(a);
  const r = <T>(wide >> count);
  flagsResult<T>(r, AF | (<u32>(wide >> (count - 1)) & 1));
  return r;
}
@inline export function rol<T>(a: T, count: u32): T {
  const r = rotl<T>(a, <T>count);
  const cf = <u32>r & 1;
  setCFOF(cf | ((msb<T>(r) ^ cf) << 11));
  return r;
}
@inline export function ror<T>(a: T, count: u32): T {
  const r = rotr<T>(a, <T>count);
  const cf = msb<T>(r);
  setCFOF(cf | ((cf ^ msb<T>(<T>(r << <T>1))) << 11));
  return r;
}
/** Rotates the operand with CF as its topmost bit; 8 and 16 bits: count modulo 9 and 17. */
@inline export function rcl<T>(a: T, count: u32): T {
  const bits: u32 = sizeof<T>() * 8;
  const carry = <u64>getCF();
  let r: T;
  let cf: u32;
  if (sizeof<T>() == 8) {
    r = <T>((<u64>a << count) | (carry << (count - 1)) | (<u64>a >> 1 >> (64 - count)));
    cf = <u32>(<u64>a >> (64 - count)) & 1;
  } else {
    const n: u32 = sizeof<T>() < 4 ? count % (bits + 1) : count;
    const wide = <u64>a | (carry << bits);
    const turned = (wide << n) | (wide >> (bits + 1 - n));
    r = <T>turned;
    cf = <u32>(turned >> bits) & 1;
  }
  setCFOF(cf | ((msb<T>(r) ^ cf) << 11));
  return r;
}
@inline export function rcr<T>(a: T, count: u32): T {
  const bits: u32 = sizeof<T>() * 8;
  const carry = <u64>getCF();
  let r: T;
  let cf: u32;
  if (sizeof<T>() == 8) {
    r = <T>((<u64>a >> count) | (carry << (64 - count)) | (<u64>a << 1 << (64 - count)));
    cf = <u32>(<u64>a >> (count - 1)) & 1;
  } else {
    const n: u32 = sizeof<T>() < 4 ? count % (bits + 1) : count;
    const wide = <u64>a | (carry << bits);
    const turned = (wide >> n) | (wide << (bits + 1 - n));
    r = <T>turned;
    cf = <u32>(turned >> bits) & 1;
  }
  setCFOF(cf | ((msb<T>(r) ^ msb<T>(<T>(r << <T>1))) << 11));
  return r;
}

// ---- products -------------------------------------------------------------------------------------

/** Upper half of the 128-bit product: four 32 x 32 products, as WebAssembly has no wider one. */
export function mulHighUnsigned(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const cross = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (cross >> 32);
}
export function mulHighSigned(a: u64, b: u64): u64 {
  return mulHighUnsigned(a, b) - (<u64>(<i64>a >> 63) & b) - (<u64>(<i64>b >> 63) & a);
}
/** IMUL with two or three operands (16, 32, 64 bits): CF = OF = the product does not fit; the rest stays. */
@inline export function imul2<T>(a: T, b: T): T {
  let r: T;
  let overflow: bool;
  if (sizeof<T>() == 8) {
    r = <T>(a * b);
    const fits = <i64>a == <i64><i32>a && <i64>b == <i64><i32>b;
    overflow = !fits && mulHighSigned(<u64>a, <u64>b) != <u64>(<i64>r >> 63);
  } else {
    const product = signed<T>(a) * signed<T>(b);
    r = <T>product;
    overflow = signed<T>(r) != product;
  }
  setCFOF(overflow ? CF | OF : 0);
  return r;
}
