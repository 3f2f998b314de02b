// MMX instructions that are not packed arithmetic: moves, elements, EMMS (SDM vol. 2; vol. 1, 9.4; vol. 3, 12.2). The
// x87 state changes (enterMmx) when nothing can fault any more, also where only memory is written.

import { X87_TAGS } from "../../layout";
import { uopDst, uopSize, uopSrc } from "../../decode/uop";
import { Status } from "../../vcpu/status";
import { isMemory } from "../operand";
import { toGeneral } from "./move";
import {
  enterMmx,
  general,
  immediate,
  mmx,
  mmxDst,
  setMmx,
  sourceGeneral,
  sourceMmx,
  store64,
  xmm,
  xmmDst,
} from "./operand";
import { bytesRight } from "./shift";
import { fourWords } from "./shuffle";

/** EMMS: all registers empty, TOP 0. */
export function emms(): i32 {
  enterMmx();
  store<u8>(X87_TAGS, 0);
  return Status.NEXT;
}

/** MOVQ mm, mm/m64. */
export function loadMmx(u: usize): i32 {
  const source = sourceMmx(u);
  if (source == 0) return Status.FAULT;
  setMmx(uopDst(u), load<u64>(source));
  return Status.NEXT;
}
/** MOVQ mm/m64, mm; MOVNTQ. */
export function storeMmx(u: usize): i32 {
  const value = load<u64>(mmxDst(u));
  if (!isMemory(u)) setMmx(uopSrc(u), value);
  else if (store64(u, value)) enterMmx();
  else return Status.FAULT;
  return Status.NEXT;
}
/** MOVD, MOVQ mm, r/m. */
export function mmxFromGeneral(u: usize): i32 {
  const wide = uopSize(u) == 3;
  const source = wide ? sourceGeneral<u64>(u) : sourceGeneral<u32>(u);
  if (source == 0) return Status.FAULT;
  setMmx(uopDst(u), wide ? load<u64>(source) : <u64>load<u32>(source));
  return Status.NEXT;
}
/** MOVD, MOVQ r/m, mm. */
export function mmxToGeneral(u: usize): i32 {
  const status = toGeneral(u, mmxDst(u));
  if (status == Status.NEXT) enterMmx();
  return status;
}

/** MOVQ2DQ. */
export function mmxToXmm(u: usize): i32 {
  v128.store(xmmDst(u), v128.load64_zero(mmx(uopSrc(u))));
  enterMmx();
  return Status.NEXT;
}
/** MOVDQ2Q. */
export function xmmToMmx(u: usize): i32 {
  setMmx(uopDst(u), load<u64>(xmm(uopSrc(u))));
  return Status.NEXT;
}

/** PINSRW. */
export function insertWordMmx(u: usize): i32 {
  const source = sourceGeneral<u16>(u);
  if (source == 0) return Status.FAULT;
  const place = (immediate(u) & 3) << 4;
  const value = load<u64>(mmxDst(u)) & ~(<u64>0xffff << place);
  setMmx(uopDst(u), value | (<u64>load<u16>(source) << place));
  return Status.NEXT;
}
/** PEXTRW. */
export function extractWordMmx(u: usize): i32 {
  const lane = immediate(u) & 3;
  store<u64>(general(uopDst(u)), <u64>load<u16>(mmx(uopSrc(u)) + (lane << 1)));
  enterMmx();
  return Status.NEXT;
}
/** PMOVMSKB. */
export function moveMaskMmx(u: usize): i32 {
  store<u64>(general(uopDst(u)), <u64>(<u32>i8x16.bitmask(v128.load64_zero(mmx(uopSrc(u))))));
  enterMmx();
  return Status.NEXT;
}

/** PSHUFW. */
export function shuffleWordsMmx(u: usize): i32 {
  const source = sourceMmx(u);
  if (source == 0) return Status.FAULT;
  setMmx(uopDst(u), fourWords(source, immediate(u)));
  return Status.NEXT;
}
/** PALIGNR. */
export function alignRightMmx(u: usize): i32 {
  const source = sourceMmx(u);
  if (source == 0) return Status.FAULT;
  const both = v128.shuffle<i64>(v128.load64_zero(source), v128.load64_zero(mmxDst(u)), 0, 2);
  setMmx(uopDst(u), i64x2.extract_lane(bytesRight(both, i64x2.splat(0), immediate(u)), 0));
  return Status.NEXT;
}
