// The r/m operand of an instruction that tier 0 executes out of line (execute/operand): a register, or memory whose
// checks all come before the value is there. What openOperand opened can be written without another check.

import { Ea, uopDst, uopEa } from "../../decode/uop";
import { get } from "../wasm";
import { getRegister, setRegister } from "./locals";
import { loadHost, openMemory, storeHost } from "./memory";

@inline export function isMemory(u: usize): bool { return uopEa(u) != Ea.REGISTER; }

/** Pushes r/m. */
export function pushOperand(u: usize, size: u32): void {
  if (isMemory(u)) {
    openMemory(u, size, false);
    loadHost(size);
  } else getRegister(<u32>uopDst(u), size);
}
/** Pushes r/m that will be written. */
export function openOperand(u: usize, size: u32): void {
  if (isMemory(u)) {
    openMemory(u, size, true);
    loadHost(size);
  } else getRegister(<u32>uopDst(u), size);
}
/** Writes a temporary to r/m that was opened. */
export function writeOperand(u: usize, size: u32, local: u32): void {
  if (isMemory(u)) storeHost(local, size);
  else {
    get(local);
    setRegister(<u32>uopDst(u), size);
  }
}
