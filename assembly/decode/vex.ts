// VEX-encoded integer instructions: BMI1 and BMI2 (SDM vol. 2, 2.3.5).
//
//   C5: 7 ~R | 6:3 ~vvvv | 2 L | 1:0 pp
//   C4: 7 ~R | 6 ~X | 5 ~B | 4:0 map      then     7 W | 6:3 ~vvvv | 2 L | 1:0 pp

import { byte, code64, invalid, lock, prefix66, repeat, rex, setRex } from "./cursor";
import { emit, rmReg, setDst, setImm, setSrc } from "./emit";
import { extension, isRegister, modrm, reg, rm } from "./modrm";
import { Op } from "./op";

let vvvv: u32 = 0;
let wide: bool = false;

/** The two-byte form reaches map 0F only, where no integer instruction lives. */
export function vex2(u: usize): void {
  invalid();
}

export function vex3(u: usize): void {
  if (!prefixesAreLegal()) {
    invalid();
    return;
  }
  const b1 = byte();
  const b2 = byte();
  const map = b1 & 31;
  wide = (b2 & 0x80) != 0 && code64;
  const unusedVvvv = (b2 & 0x78) == 0x78;
  vvvv = (~b2 >> 3) & (code64 ? 15 : 7);
  const pp = b2 & 3;
  setRex(code64 ? 0x40 | ((~b1 >> 5) & 7) | (wide ? 8 : 0) : 0);
  if ((b2 & 4) != 0) {
    invalid();
    return;
  }
  const opcode = byte();
  if (map == 2) map38(u, opcode, pp);
  else if (map == 3 && opcode == 0xf0 && pp == 3) {
    if (!unusedVvvv) invalid();
    operands(u, Op.RORX);
    setImm(u, <i64>byte());
  } else invalid();
}

/** 66h, F2h, F3h, LOCK and REX must not stand before VEX. */
function prefixesAreLegal(): bool {
  return !prefix66 && repeat == 0 && !lock && rex == 0;
}

function operands(u: usize, op: u32): void {
  rmReg(u, op, wide ? 3 : 2);
  setImm(u, vvvv << 3);
}

function map38(u: usize, opcode: u32, pp: u32): void {
  switch ((opcode << 2) | pp) {
    case (0xf2 << 2) | 0: operands(u, Op.ANDN); break;
    case (0xf3 << 2) | 0: {
      modrm(u);
      const size: u32 = wide ? 3 : 2;
      if (extension < 1 || extension > 3) invalid();
      emit(u, extension == 1 ? Op.BLSR : extension == 2 ? Op.BLSMSK : Op.BLSI, size);
      if (isRegister()) setDst(u, rm << 3);
      setSrc(u, reg << 3);
      setImm(u, vvvv << 3);
      break;
    }
    case (0xf5 << 2) | 0: operands(u, Op.BZHI); break;
    case (0xf5 << 2) | 2: operands(u, Op.PEXT); break;
    case (0xf5 << 2) | 3: operands(u, Op.PDEP); break;
    case (0xf6 << 2) | 3: operands(u, Op.MULX); break;
    case (0xf7 << 2) | 0: operands(u, Op.BEXTR); break;
    case (0xf7 << 2) | 1: operands(u, Op.SHLX); break;
    case (0xf7 << 2) | 2: operands(u, Op.SARX); break;
    case (0xf7 << 2) | 3: operands(u, Op.SHRX); break;
    default: invalid();
  }
}
