// Two 16550A UARTs (National PC16550D data sheet): COM1 at 3F8h on IRQ 4 and COM2 at 2F8h on IRQ 3.
// Transmission takes no time: a byte written to THR is in the output ring at once and THR is empty again.
// Received bytes wait in the input ring, which stands for the line: the guest sees its head as the
// receive FIFO, so nothing overruns. The interrupt is not gated by MCR.OUT2, because small guests that
// were only ever run on emulators leave it clear.
//
//   +0 IER   +1 FCR   +2 LCR   +3 MCR   +4 SCR   +5 DLL   +6 DLM
//   +7 MSR deltas (bits 3:0)   +8 LSR errors (bits 4:1)   +9 THR-empty interrupt pending
//   +40h ring positions (layout.ts)

import {
  UART,
  UART_INPUT,
  UART_INPUT_READ,
  UART_INPUT_WRITTEN,
  UART_OUTPUT,
  UART_OUTPUT_READ,
  UART_OUTPUT_WRITTEN,
  UART_RING,
  UART_SIZE,
} from "../layout";
import { FAULT } from "../layout";
import { ExitReason, fillExit } from "../vcpu/exit";
import { Fault } from "../vcpu/status";
import { setInterruptLine } from "./lines";

const IER: usize = UART;
const FCR: usize = UART + 1;
const LCR: usize = UART + 2;
const MCR: usize = UART + 3;
const SCR: usize = UART + 4;
const DLL: usize = UART + 5;
const DLM: usize = UART + 6;
const MSR_DELTA: usize = UART + 7;
const LSR_ERRORS: usize = UART + 8;
const THRE_PENDING: usize = UART + 9;

const IER_RECEIVE: u32 = 1;
const IER_TRANSMIT: u32 = 2;
const IER_LINE: u32 = 4;
const IER_MODEM: u32 = 8;
const FCR_ENABLE: u32 = 1;
const FCR_CLEAR_RECEIVE: u32 = 2;
const LCR_DLAB: u32 = 0x80;
const MCR_LOOP: u32 = 0x10;
const LSR_DATA_READY: u32 = 1;
const LSR_OVERRUN: u32 = 2;
const LSR_TRANSMIT_EMPTY: u32 = 0x60; // THRE and TEMT
/** CTS, DSR and DCD: what is plugged in is always ready. */
const MSR_CONNECTED: u32 = 0xb0;

const IIR_NONE: u32 = 1;
const IIR_MODEM: u32 = 0;
const IIR_TRANSMIT: u32 = 2;
const IIR_RECEIVE: u32 = 4;
const IIR_LINE: u32 = 6;
const IIR_TIMEOUT: u32 = 0xc;

/** Byte offset of UART n (0 COM1, 1 COM2) from the first. */
@inline function block(n: u32): usize { return <usize>(n * UART_SIZE); }

export function uartReset(): void {
  memory.fill(UART, 0, 2 * <usize>UART_SIZE);
  for (let n: u32 = 0; n < 2; n++) {
    store<u8>(block(n), 3, LCR);
    store<u8>(block(n), 12, DLL); // 9600 baud
  }
}

@inline function received(u: usize): u32 { return load<u32>(u, UART_INPUT_WRITTEN) - load<u32>(u, UART_INPUT_READ); }

/** Highest-priority interrupt cause, as IIR shows it. */
function cause(u: usize): u32 {
  const enabled: u32 = load<u8>(u, IER);
  if ((enabled & IER_LINE) && load<u8>(u, LSR_ERRORS)) return IIR_LINE;
  if (enabled & IER_RECEIVE) {
    const count = received(u);
    if (count) {
      const fcr: u32 = load<u8>(u, FCR);
      if ((fcr & FCR_ENABLE) == 0) return IIR_RECEIVE;
      const level = fcr >> 6;
      const trigger: u32 = level == 0 ? 1 : level == 1 ? 4 : level == 2 ? 8 : 14;
      // Fewer than the trigger level: the line has been quiet, which is the time-out cause.
      return count >= trigger ? IIR_RECEIVE : IIR_TIMEOUT;
    }
  }
  if ((enabled & IER_TRANSMIT) && load<u8>(u, THRE_PENDING)) return IIR_TRANSMIT;
  if ((enabled & IER_MODEM) && load<u8>(u, MSR_DELTA)) return IIR_MODEM;
  return IIR_NONE;
}

@inline function updateLine(n: u32): void { setInterruptLine(n == 0 ? 4 : 3, cause(block(n)) != IIR_NONE); }

/** Puts a byte on the receive side. Returns false when the ring is full. */
function receive(n: u32, byte: u32): bool {
  const u = block(n);
  if (received(u) == UART_RING) return false;
  const written = load<u32>(u, UART_INPUT_WRITTEN);
  store<u8>(<usize>(n * UART_RING + (written & (UART_RING - 1))), byte, UART_INPUT);
  store<u32>(u, written + 1, UART_INPUT_WRITTEN);
  return true;
}

/** The host sends a byte to the guest. Returns 1, or 0 when the ring is full. */
export function uartInput(n: u32, byte: u32): u32 {
  if (!receive(n, byte)) return 0;
  updateLine(n);
  return 1;
}

/** Modem status levels: in loopback DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. */
function modemLevels(mcr: u32): u32 {
  if ((mcr & MCR_LOOP) == 0) return MSR_CONNECTED;
  return ((mcr & 1) << 5) | ((mcr & 2) << 3) | ((mcr & 4) << 4) | ((mcr & 8) << 4);
}

function writeModemControl(u: usize, value: u32): void {
  const before = modemLevels(load<u8>(u, MCR));
  const after = modemLevels(value & 0x1f);
  // Ring indicator reports only its trailing edge.
  let delta = (before ^ after) >> 4;
  if (after & 0x40) delta &= ~<u32>4;
  store<u8>(u, load<u8>(u, MSR_DELTA) | delta, MSR_DELTA);
  store<u8>(u, value & 0x1f, MCR);
}

function transmit(n: u32, byte: u32): void {
  const u = block(n);
  if (load<u8>(u, MCR) & MCR_LOOP) {
    if (!receive(n, byte)) store<u8>(u, load<u8>(u, LSR_ERRORS) | LSR_OVERRUN, LSR_ERRORS);
  } else {
    const written = load<u32>(u, UART_OUTPUT_WRITTEN);
    if (written - load<u32>(u, UART_OUTPUT_READ) == UART_RING) {
      // Nothing is committed: the instruction executes again when the host has drained the ring.
      fillExit(ExitReason.OUTPUT, n, 1, 0);
      store<u32>(FAULT, Fault.EXIT);
      return;
    }
    store<u8>(<usize>(n * UART_RING + (written & (UART_RING - 1))), byte, UART_OUTPUT);
    store<u32>(u, written + 1, UART_OUTPUT_WRITTEN);
  }
  // An empty transmitter is an event of its own each time: make the edge that an 8259A needs.
  store<u8>(u, 0, THRE_PENDING);
  updateLine(n);
  store<u8>(u, 1, THRE_PENDING);
}

/** Reads register 0-7 of UART n. */
export function uartRead(n: u32, register: u32): u32 {
  const u = block(n);
  let value: u32 = 0;
  switch (register) {
    case 0:
      if (load<u8>(u, LCR) & LCR_DLAB) return load<u8>(u, DLL);
      if (received(u) == 0) return 0;
      const read = load<u32>(u, UART_INPUT_READ);
      value = load<u8>(<usize>(n * UART_RING + (read & (UART_RING - 1))), UART_INPUT);
      store<u32>(u, read + 1, UART_INPUT_READ);
      break;
    case 1:
      return load<u8>(u, LCR) & LCR_DLAB ? <u32>load<u8>(u, DLM) : <u32>load<u8>(u, IER);
    case 2:
      value = cause(u);
      if (value == IIR_TRANSMIT) store<u8>(u, 0, THRE_PENDING);
      if (load<u8>(u, FCR) & FCR_ENABLE) value |= 0xc0;
      break;
    case 3:
      return load<u8>(u, LCR);
    case 4:
      return load<u8>(u, MCR);
    case 5:
      value = LSR_TRANSMIT_EMPTY | <u32>load<u8>(u, LSR_ERRORS) | (received(u) ? LSR_DATA_READY : 0);
      store<u8>(u, 0, LSR_ERRORS);
      break;
    case 6:
      value = modemLevels(load<u8>(u, MCR)) | <u32>load<u8>(u, MSR_DELTA);
      store<u8>(u, 0, MSR_DELTA);
      break;
    default:
      return load<u8>(u, SCR);
  }
  updateLine(n);
  return value;
}

/** Writes register 0-7 of UART n. May leave to the host (OUTPUT) with nothing done: test `faulted`. */
export function uartWrite(n: u32, register: u32, value: u32): void {
  const u = block(n);
  switch (register) {
    case 0:
      if (load<u8>(u, LCR) & LCR_DLAB) store<u8>(u, value, DLL);
      else transmit(n, value);
      break;
    case 1:
      if (load<u8>(u, LCR) & LCR_DLAB) store<u8>(u, value, DLM);
      else {
        // Enabling the transmit interrupt while THR is empty, as it always is, raises it.
        if ((value & IER_TRANSMIT) && (load<u8>(u, IER) & IER_TRANSMIT) == 0) store<u8>(u, 1, THRE_PENDING);
        store<u8>(u, value & 0xf, IER);
      }
      break;
    case 2:
      // Queued host input counts as still on the line: a FIFO reset discards only looped-back bytes.
      if ((value & FCR_CLEAR_RECEIVE) && (load<u8>(u, MCR) & MCR_LOOP)) {
        store<u32>(u, load<u32>(u, UART_INPUT_WRITTEN), UART_INPUT_READ);
      }
      store<u8>(u, value & FCR_ENABLE ? value & 0xc9 : 0, FCR);
      break;
    case 3:
      store<u8>(u, value, LCR);
      break;
    case 4:
      writeModemControl(u, value);
      break;
    case 7:
      store<u8>(u, value, SCR);
      break;
    default: // LSR and MSR are read-only
      break;
  }
  updateLine(n);
}
