// The single-register ports of the board: system control port A (92h: A20 gate and fast reset, PS/2
// technical reference), the POST code port 80h, and the two ports that emulators added: E9h, a console of
// one instruction, and F4h, which ends the run with a status of (value << 1) | 1.

import {
  A20_MASK,
  DEBUGCON_OUTPUT,
  DEBUGCON_READ,
  DEBUGCON_WRITTEN,
  FAULT,
  POST_CODE,
  POST_COUNT,
  SYSTEM_PORTS,
  UART_RING,
} from "../layout";
import { setA20 } from "../mmu/sets";
import { ExitReason, EXIT_WRITE, fillExit, hostAccess } from "../vcpu/exit";
import { Fault } from "../vcpu/status";

const CONTROL_A_A20: u32 = 2;
const CONTROL_A_RESET: u32 = 1;
/** Bit 20 of an address. */
const A20: u64 = 1 << 20;
/** What a read of E9h gives where the port exists. */
const DEBUGCON_PRESENT: u32 = 0xe9;
/** Selector of an OUTPUT exit that names the debug console; lower numbers are UARTs. */
const OUTPUT_DEBUGCON: u32 = 2;

@inline function isA20Open(): bool { return (load<u64>(A20_MASK) & A20) != 0; }

export function systemReset(): void {
  memory.fill(SYSTEM_PORTS, 0, 0x40);
  setA20(true);
}

export function systemRead(port: u32): u32 {
  switch (port) {
    case 0x80: return load<u32>(POST_CODE);
    case 0x92: return isA20Open() ? CONTROL_A_A20 : 0;
    case 0xe9: return DEBUGCON_PRESENT;
    default: return 0;
  }
}

function writeDebugcon(byte: u32): void {
  const written = load<u32>(DEBUGCON_WRITTEN);
  if (written - load<u32>(DEBUGCON_READ) == UART_RING) {
    fillExit(ExitReason.OUTPUT, OUTPUT_DEBUGCON, 1, 0);
    store<u32>(FAULT, Fault.EXIT);
    return;
  }
  store<u8>(<usize>(written & (UART_RING - 1)), byte, DEBUGCON_OUTPUT);
  store<u32>(DEBUGCON_WRITTEN, written + 1);
}

/** May leave to the host (debug exit, reset, full console): test `faulted`. */
export function systemWrite(port: u32, size: u32, value: u32): void {
  switch (port) {
    case 0x80:
      store<u32>(POST_CODE, value & 0xff);
      store<u32>(POST_COUNT, load<u32>(POST_COUNT) + 1);
      break;
    case 0x92:
      if (value & CONTROL_A_RESET) hostAccess(ExitReason.RESET, port, size, EXIT_WRITE, value);
      else setA20((value & CONTROL_A_A20) != 0);
      break;
    case 0xe9:
      writeDebugcon(value);
      break;
    case 0xf4:
      hostAccess(ExitReason.DEBUG_EXIT, port, size, EXIT_WRITE, ((<u64>value << 1) | 1) & 0xffffffff);
      break;
    default:
      break;
  }
}
