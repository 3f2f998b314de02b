// ESC instructions, opcodes D8-DF (SDM vol. 2, appendix A.5; APM vol. 3, A.1, tables A-15). Which of the encodings
// that no manual lists execute was read off an AMD processor: aliases of FCOM, FXCH and FSTP, FFREEP, and the
// 8087's FENI, FDISI and 80287's FSETPM, which do nothing.
//
//   dst   low three bits of the opcode; 8 for FXSAVE and FXRSTOR (0F AE /0 /1)
//   src   ModRM.reg
//   imm   what FOP would hold: dst << 8 | ModRM; its low three bits name ST(i) where ea is Ea.REGISTER

import { invalid, operandSize } from "./cursor";
import { emit, setDst, setImm, setSrc } from "./emit";
import { extension, isRegister, mod, modrm, rm } from "./modrm";
import { Op } from "./op";

/** Encodings C0-FF of each opcode that are #UD, bit per ModRM - C0h. */
const INVALID_REGISTER: usize = memory.data<u64>([
  0,
  0x0000_80cc_00fe_0000, // D9: D1-D7 E2 E3 E6 E7 EF
  0xffff_fdff_0000_0000, // DA: E0-FF but E9
  0xff00_00e0_0000_0000, // DB: E5-E7 F8-FF
  0,
  0xffff_0000_0000_0000, // DD: F0-FF
  0x0000_0000_fd00_0000, // DE: D8-DF but D9
  0xff00_00fe_0000_0000, // DF: E1-E7 F8-FF
]);
/** ModRM.reg of each opcode that is #UD with a memory operand: D9 /1, DB /4 /6, DD /5. */
const INVALID_MEMORY: usize = memory.data<u8>([0, 0x02, 0, 0x50, 0, 0x20, 0, 0]);

export function x87(u: usize, opcode: u32): void {
  modrm(u);
  const number = opcode & 7;
  const bad = isRegister()
    ? (load<u64>(INVALID_REGISTER + (number << 3)) >> <u64>((extension << 3) | (rm & 7))) & 1
    : <u64>((<u32>load<u8>(INVALID_MEMORY + number) >> extension) & 1);
  if (bad != 0) invalid();
  operation(u, number);
}
/** FXSAVE, FXRSTOR. ModRM has been read. */
export function x87State(u: usize): void { operation(u, 8); }

function operation(u: usize, number: u32): void {
  emit(u, Op.X87, operandSize);
  setDst(u, number);
  setSrc(u, extension);
  setImm(u, (number << 8) | (mod << 6) | (extension << 3) | (rm & 7));
}
