// Arithmetic that is rare enough to run out of line: sign extension of the 16-bit accumulator, carry
// chains of ADX, CRC32 (SDM vol. 2, CBW, CWD, ADCX, ADOX, CRC32).

import { uopImm, uopSize, uopSrc } from "../decode/uop";
import { getCF, getOF } from "../vcpu/flags";
import { RAX, RDX, faulted, reg16, reg32, reg8, setReg16, setReg32 } from "../vcpu/state";
import { Status } from "../vcpu/status";
import { setCF, setCFOF } from "./alu";
import { getRegister, readOperand, readRm, setRegister } from "./operand";

/** 16-bit operand size: AL to AX. */
export function cbw(u: usize): i32 {
  setReg16(RAX, <i32><i8>reg8(RAX));
  return Status.NEXT;
}
/** 16-bit operand size: AX to DX:AX. */
export function cwd(u: usize): i32 {
  setReg16(RDX, <i32><i16>reg16(RAX) >> 15);
  return Status.NEXT;
}

/** Adds r/m and a carry to the register; returns the carry out. */
@inline function addWithCarry<T>(u: usize, carry: u32): u32 {
  const b = readOperand<T>(u);
  if (faulted()) return 0;
  const a = getRegister<T>(uopSrc(u));
  const r = <T>(a + b + <T>carry);
  setRegister<T>(uopSrc(u), r);
  return u32(carry ? r <= a : r < a);
}
function addCarry(u: usize, carry: u32): u32 {
  return uopSize(u) == 3 ? addWithCarry<u64>(u, carry) : addWithCarry<u32>(u, carry);
}
/** The carry chain lives in CF and leaves the other flags. */
export function adcx(u: usize): i32 {
  const carry = addCarry(u, getCF());
  if (faulted()) return Status.FAULT;
  setCF(carry);
  return Status.NEXT;
}
/** The same in OF. */
export function adox(u: usize): i32 {
  const carry = addCarry(u, getOF());
  if (faulted()) return Status.FAULT;
  setCFOF(getCF() | (carry << 11));
  return Status.NEXT;
}

/** CRC of each nibble for the reflected Castagnoli polynomial 82F63B78h. */
const NIBBLES: usize = memory.data<u32>([
  0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
  0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
]);

/** Source size in imm; the result always has 32 bits. */
export function crc32(u: usize): i32 {
  const size = <u32>uopImm(u);
  let value = readRm(u, size);
  if (faulted()) return Status.FAULT;
  let crc = reg32(uopSrc(u));
  for (let bytes: u32 = 1 << size; bytes != 0; bytes--) {
    crc ^= <u32>value & 0xff;
    crc = (crc >> 4) ^ load<u32>(NIBBLES + (<usize>(crc & 15) << 2));
    crc = (crc >> 4) ^ load<u32>(NIBBLES + (<usize>(crc & 15) << 2));
    value >>= 8;
  }
  setReg32(uopSrc(u), crc);
  return Status.NEXT;
}
