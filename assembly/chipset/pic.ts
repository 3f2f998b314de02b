// The pair of 8259A interrupt controllers of a PC/AT (Intel 8259A data sheet, order number 231468): the
// master at 20h/21h, the slave at A0h/A1h cascaded into the master's input 2, and the ELCR at 4D0h/4D1h
// that makes single inputs level-triggered. It is here and not on the host because it sits on the
// interrupt path: its output is part of what the run loop looks at before every block (chipset/pending).
//
// Each controller keeps one byte per register, bit n = input n:
//
//   +0 IRR requests   +1 IMR masks    +2 ISR in service   +3 LINES levels of the inputs
//   +4 BASE vector of input 0         +5 STEP of the initialisation (0 none, 2 3 4: ICW expected)
//   +6 MODE  0 read ISR | 1 poll | 2 special mask | 3 auto EOI | 4 rotate in auto EOI
//            5 ICW4 expected | 6 fully nested (special) | 7 single
//   +7 ELCR level-triggered inputs    +8 LOWEST input with the lowest priority

import { PIC, PIC_SIZE } from "../layout";
import { setPairOutput } from "./wire";

const IRR: usize = 0;
const IMR: usize = 1;
const ISR: usize = 2;
const LINES: usize = 3;
const BASE: usize = 4;
const STEP: usize = 5;
const MODE: usize = 6;
const ELCR: usize = 7;
const LOWEST: usize = 8;

const READ_ISR: u32 = 1 << 0;
const POLL: u32 = 1 << 1;
const SPECIAL_MASK: u32 = 1 << 2;
const AUTO_EOI: u32 = 1 << 3;
const ROTATE_AUTO: u32 = 1 << 4;
const WANT_ICW4: u32 = 1 << 5;
const SPECIAL_NESTED: u32 = 1 << 6;
const SINGLE: u32 = 1 << 7;

const MASTER: usize = PIC;
const SLAVE: usize = PIC + <usize>PIC_SIZE;
const CASCADE: u32 = 2;
/** ELCR bits that are fixed to edge: timer, keyboard, cascade; real-time clock, coprocessor. */
const ELCR_MASTER: u32 = 0xf8;
const ELCR_SLAVE: u32 = 0xde;

@inline function get(pic: usize, field: usize): u32 { return load<u8>(pic + field); }
@inline function set(pic: usize, field: usize, value: u32): void { store<u8>(pic + field, value); }

/** State after power-on: everything masked, nothing requested, no base. */
export function picReset(): void {
  memory.fill(PIC, 0, 2 * <usize>PIC_SIZE);
  setPairOutput(false);
  set(MASTER, IMR, 0xff);
  set(SLAVE, IMR, 0xff);
  set(MASTER, LOWEST, 7);
  set(SLAVE, LOWEST, 7);
}

/** Distance of the highest-priority set bit from the highest-priority input; 8 when none is set. */
function priority(pic: usize, bits: u32): u32 {
  if (bits == 0) return 8;
  const first = (get(pic, LOWEST) + 1) & 7;
  return ctz(((bits >> first) | (bits << (8 - first))) & 0xff);
}

/** Input that the controller asks its INT output for, or -1. */
function request(pic: usize): i32 {
  const requests = priority(pic, get(pic, IRR) & ~get(pic, IMR) & 0xff);
  if (requests == 8) return -1;
  const mode = get(pic, MODE);
  let service = get(pic, ISR);
  if (mode & SPECIAL_MASK) service &= ~get(pic, IMR);
  // In the special fully nested mode the slave may interrupt its own service.
  if ((mode & SPECIAL_NESTED) && pic == MASTER) service &= ~(1 << CASCADE);
  if (priority(pic, service) <= requests) return -1;
  return (requests + get(pic, LOWEST) + 1) & 7;
}

/** Recomputes the cascade and INTR after any change. */
function update(): void {
  drive(MASTER, CASCADE, request(SLAVE) >= 0);
  setPairOutput(request(MASTER) >= 0);
}

/** Level of one input; requests on a rising edge, or as long as it is high where the ELCR says so. */
function drive(pic: usize, input: u32, high: bool): void {
  const bit: u32 = 1 << input;
  const lines = get(pic, LINES);
  if (high) {
    if ((get(pic, ELCR) & bit) != 0 || (lines & bit) == 0) set(pic, IRR, get(pic, IRR) | bit);
    set(pic, LINES, lines | bit);
  } else {
    // A request that goes away before its acknowledge is lost and answered as spurious.
    set(pic, IRR, get(pic, IRR) & ~bit);
    set(pic, LINES, lines & ~bit);
  }
}

/** A device drives input 0-7 of the master, 8-15 of the slave. */
export function picInput(input: u32, high: bool): void {
  if (input < 8) drive(MASTER, input, high);
  else drive(SLAVE, input - 8, high);
  update();
}

/** An interrupt of input 0 would reach the processor. */
export function isTimerOpen(): bool { return (get(MASTER, IMR) & 1) == 0; }

/** One controller's part of the acknowledge cycle: moves the request into service. */
function acknowledgeInput(pic: usize): u32 {
  const input = request(pic);
  if (input < 0) return 7; // spurious: input 7, nothing in service
  const bit: u32 = 1 << <u32>input;
  if (get(pic, MODE) & AUTO_EOI) {
    if (get(pic, MODE) & ROTATE_AUTO) set(pic, LOWEST, input);
  } else set(pic, ISR, get(pic, ISR) | bit);
  if ((get(pic, ELCR) & bit) == 0) set(pic, IRR, get(pic, IRR) & ~bit);
  return input;
}

/** The processor's INTA cycle. Returns the vector. */
export function picAcknowledge(): u32 {
  let input = acknowledgeInput(MASTER);
  let vector = get(MASTER, BASE) + input;
  if (input == CASCADE && request(SLAVE) >= 0) {
    input = acknowledgeInput(SLAVE);
    vector = get(SLAVE, BASE) + input;
    // The cascade follows the slave's output; drop it so that its next request makes an edge.
    set(MASTER, LINES, get(MASTER, LINES) & ~(1 << CASCADE));
  }
  update();
  return vector;
}

/** End of interrupt of one input (or of the highest in service when input is negative). */
function endOfInterrupt(pic: usize, input: i32, rotate: bool): void {
  if (input < 0) {
    const highest = priority(pic, get(pic, ISR));
    if (highest == 8) return;
    input = (highest + get(pic, LOWEST) + 1) & 7;
  }
  set(pic, ISR, get(pic, ISR) & ~(1 << <u32>input));
  if (rotate) set(pic, LOWEST, input);
}

/** ICW1, OCW2 or OCW3, told apart by bits 4 and 3. */
function writeCommand(pic: usize, value: u32): void {
  if (value & 0x10) {
    set(pic, IRR, 0);
    set(pic, IMR, 0);
    set(pic, ISR, 0);
    set(pic, LINES, 0);
    set(pic, LOWEST, 7);
    set(pic, STEP, 2);
    set(pic, MODE, (value & 1 ? WANT_ICW4 : 0) | (value & 2 ? SINGLE : 0));
  } else if (value & 0x08) {
    let mode = get(pic, MODE);
    if (value & 0x02) mode = value & 1 ? mode | READ_ISR : mode & ~READ_ISR;
    if (value & 0x04) mode |= POLL;
    if (value & 0x40) mode = value & 0x20 ? mode | SPECIAL_MASK : mode & ~SPECIAL_MASK;
    set(pic, MODE, mode);
  } else {
    const level: i32 = value & 7;
    switch (value >> 5) {
      case 0: set(pic, MODE, get(pic, MODE) & ~ROTATE_AUTO); break;
      case 1: endOfInterrupt(pic, -1, false); break;
      case 2: break;
      case 3: endOfInterrupt(pic, level, false); break;
      case 4: set(pic, MODE, get(pic, MODE) | ROTATE_AUTO); break;
      case 5: endOfInterrupt(pic, -1, true); break;
      case 6: set(pic, LOWEST, level); break;
      default: endOfInterrupt(pic, level, true); break;
    }
  }
}

/** ICW2-ICW4 while an initialisation runs, the mask (OCW1) otherwise. */
function writeData(pic: usize, value: u32): void {
  const mode = get(pic, MODE);
  switch (get(pic, STEP)) {
    case 2:
      set(pic, BASE, value & 0xf8);
      set(pic, STEP, mode & SINGLE ? (mode & WANT_ICW4 ? 4 : 0) : 3);
      break;
    case 3: // which input is the cascade: wired on a PC
      set(pic, STEP, mode & WANT_ICW4 ? 4 : 0);
      break;
    case 4:
      set(pic, MODE, (value & 0x02 ? mode | AUTO_EOI : mode) | (value & 0x10 ? SPECIAL_NESTED : 0));
      set(pic, STEP, 0);
      break;
    default:
      set(pic, IMR, value);
      break;
  }
}

function readCommand(pic: usize): u32 {
  const mode = get(pic, MODE);
  if (mode & POLL) {
    set(pic, MODE, mode & ~POLL);
    if (request(pic) < 0) return 0;
    return 0x80 | acknowledgeInput(pic);
  }
  return mode & READ_ISR ? get(pic, ISR) : get(pic, IRR);
}

/** One byte from 20h, 21h, A0h, A1h, 4D0h or 4D1h. */
export function picRead(port: u32): u32 {
  let value: u32;
  switch (port) {
    case 0x20: value = readCommand(MASTER); break;
    case 0x21: value = get(MASTER, IMR); break;
    case 0xa0: value = readCommand(SLAVE); break;
    case 0xa1: value = get(SLAVE, IMR); break;
    case 0x4d0: value = get(MASTER, ELCR); break;
    default: value = get(SLAVE, ELCR); break;
  }
  update(); // a poll is an acknowledge
  return value;
}

export function picWrite(port: u32, value: u32): void {
  switch (port) {
    case 0x20: writeCommand(MASTER, value); break;
    case 0x21: writeData(MASTER, value); break;
    case 0xa0: writeCommand(SLAVE, value); break;
    case 0xa1: writeData(SLAVE, value); break;
    case 0x4d0: set(MASTER, ELCR, value & ELCR_MASTER); break;
    default: set(SLAVE, ELCR, value & ELCR_SLAVE); break;
  }
  update();
}
