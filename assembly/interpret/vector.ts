// Short paths of the vector instructions that programs use most: moves between XMM registers and memory that hits the
// lookup tables. Whatever is not plain (a fault, a device, a page crossing, SSE not available) goes to the
// general form in execute/sse, which does it all again. Each returns false when the instruction failed.

import { isSseReady, xmm, xmmDst } from "../execute/sse/operand";
import { vector0f, vector38, vector3a } from "../execute/sse/dispatch";
import { packed0f } from "../execute/sse/packed";
import { uopImm, uopSrc } from "../decode/uop";
import { hostRead, hostWrite } from "../mmu/tables";
import { operand } from "../vcpu/address";
import { Status } from "../vcpu/status";
import { hits } from "./forms";

/** An instruction of map 0F without a short path. */
@inline export function general(u: usize): bool { return vector0f(u) == Status.NEXT; }
@inline export function general38(u: usize): bool { return vector38(u) == Status.NEXT; }
@inline export function general3a(u: usize): bool { return vector3a(u) == Status.NEXT; }
@inline function fits<T>(host: u64, at: u64, aligned: bool): bool {
  return hits<T>(host, at) && (!aligned || (<u32>at & 15) == 0);
}

/** T bytes of memory, zero-extended. */
@inline export function loadVector<T>(u: usize, aligned: bool): bool {
  if (isSseReady()) {
    const at = operand<T>(u, false);
    const host = hostRead(at);
    if (fits<T>(host, at, aligned)) {
      if (sizeof<T>() == 16) v128.store(xmmDst(u), v128.load(<usize>host));
      else if (sizeof<T>() == 8) v128.store(xmmDst(u), v128.load64_zero(<usize>host));
      else v128.store(xmmDst(u), v128.load32_zero(<usize>host));
      return true;
    }
  }
  return general(u);
}
/** The low T bytes of a register to memory. */
@inline export function storeVector<T>(u: usize, aligned: bool): bool {
  if (isSseReady()) {
    const at = operand<T>(u, true);
    const host = hostWrite(at);
    if (fits<T>(host, at, aligned)) {
      store<T>(<usize>host, load<T>(xmmDst(u)));
      return true;
    }
  }
  return general(u);
}
@inline export function moveVector(u: usize): bool {
  if (!isSseReady()) return general(u);
  v128.store(xmmDst(u), v128.load(xmm(uopSrc(u))));
  return true;
}
@inline export function packedVector(u: usize): bool {
  if (!isSseReady()) return general(u);
  return packed0f(u, (<u32>uopImm(u) >> 8) & 0xff) == Status.NEXT;
}
