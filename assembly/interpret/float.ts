// Short paths of floating-point instructions: an operator of WebAssembly on operands at hand, where that is all there
// is to it (execute/sse/element says when, with PE set already). Everything else goes to the general form in
// execute/sse, which starts over. Each returns false when the instruction failed.

import { Ea, uopDst, uopEa, uopSize, uopSrc } from "../decode/uop";
import {
  allSettled,
  Arithmetic,
  isAboveTiny,
  isOrdinary,
  isPlain,
  operator,
  operators,
  relationOf,
} from "../execute/sse/element";
import { inexactHidden, leavesNoTrace } from "../execute/sse/mxcsr";
import { general as generalRegister, isSseReady, xmm, xmmDst } from "../execute/sse/operand";
import { hostRead } from "../mmu/tables";
import { operand } from "../vcpu/address";
import { flagsEager } from "../vcpu/flags";
import { setReg32, setReg64 } from "../vcpu/state";
import { hits } from "./forms";
import { general } from "./vector";

/** Address of the source, a register or memory that hits the lookup tables; 0 otherwise. */
@inline function source<T>(u: usize, register: usize): usize {
  if (uopEa(u) == Ea.REGISTER) return register;
  const at = operand<T>(u, false);
  const host = hostRead(at);
  if (!hits<T>(host, at) || (sizeof<T>() == 16 && (<u32>at & 15) != 0)) return 0;
  return <usize>host;
}
@inline function xmmSource<T>(u: usize): usize { return source<T>(u, xmm(uopSrc(u))); }

@inline export function scalarFloat<F>(operation: Arithmetic, u: usize): bool {
  if (isSseReady() && leavesNoTrace()) {
    const from = xmmSource<F>(u);
    if (from != 0) {
      const to = xmmDst(u);
      const x = load<F>(to);
      const y = load<F>(from);
      const r = operator<F>(operation, x, y);
      if (isPlain<F>(operation, x, y, r)) {
        store<F>(to, r);
        return true;
      }
    }
  }
  return general(u);
}
@inline export function packedFloat<F, B>(operation: Arithmetic, u: usize): bool {
  if (isSseReady()) {
    const from = xmmSource<v128>(u);
    if (from != 0) {
      const to = xmmDst(u);
      const x = v128.load(to);
      const y = v128.load(from);
      const r = operators<F>(operation, x, y);
      if (allSettled<F, B>(operation, x, y, r)) {
        v128.store(to, r);
        return true;
      }
    }
  }
  return general(u);
}

/** COMIS and UCOMIS differ only for NaN operands. */
@inline export function compareFloat<F>(u: usize): bool {
  if (isSseReady()) {
    const from = xmmSource<F>(u);
    if (from != 0) {
      const x = load<F>(xmmDst(u));
      const y = load<F>(from);
      if (isOrdinary<F>(x) && isOrdinary<F>(y)) {
        flagsEager(relationOf<F>(x, y));
        return true;
      }
    }
  }
  return general(u);
}

/** CVTSI2SD of a doubleword, which is always exact. */
@inline export function doubleFromInteger(u: usize): bool {
  if (isSseReady() && uopSize(u) != 3) {
    const from = source<u32>(u, generalRegister(uopSrc(u)));
    if (from != 0) {
      store<f64>(xmmDst(u), <f64>load<i32>(from));
      return true;
    }
  }
  return general(u);
}
/** CVTTSD2SI. */
@inline export function integerFromDouble(u: usize): bool {
  if (isSseReady()) {
    const from = xmmSource<f64>(u);
    if (from != 0) {
      const x = load<f64>(from);
      const whole = trunc(x);
      if (whole == x || inexactHidden()) {
        if (uopSize(u) != 3 && whole >= -2147483648 && whole <= 2147483647) {
          setReg32(uopDst(u) << 3, <u32>(<i32>whole));
          return true;
        }
        if (uopSize(u) == 3 && abs(whole) < 9223372036854775808.0) {
          setReg64(uopDst(u) << 3, <u64>(<i64>whole));
          return true;
        }
      }
    }
  }
  return general(u);
}

/** CVTSS2SD. */
@inline export function widenFloat(u: usize): bool {
  if (isSseReady()) {
    const from = xmmSource<f32>(u);
    if (from != 0) {
      const x = load<f32>(from);
      if (isOrdinary<f32>(x)) {
        store<f64>(xmmDst(u), <f64>x);
        return true;
      }
    }
  }
  return general(u);
}
/** CVTSD2SS. */
@inline export function narrowFloat(u: usize): bool {
  if (isSseReady() && leavesNoTrace()) {
    const from = xmmSource<f64>(u);
    if (from != 0) {
      const r = <f32>load<f64>(from);
      if (isAboveTiny<f32>(r) && abs<f32>(r) < <f32>Infinity) {
        store<f32>(xmmDst(u), r);
        return true;
      }
    }
  }
  return general(u);
}
