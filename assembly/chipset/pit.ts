// The 8254 programmable interval timer at 40h-43h (Intel 8254 data sheet) and system control port B at 61h
// (IBM PC/AT technical reference), through which software gates counter 2 and reads its output.
//
//   control word (43h)   7:6 counter, 3 = read-back | 5:4 access, 0 = latch | 3:1 mode | 0 BCD
//   read-back            5 leave counts | 4 leave status | 3:1 counters
//   status               7 OUT | 6 null count | 5:4 access | 3:1 mode | 0 BCD
//   port 61h             0 gate 2 | 1 speaker | 2 3 check enables | 4 refresh, toggles every 15 us | 5 OUT 2
//
// The input runs at 1.193182 MHz of guest time. Pulses and ticks convert exactly in both directions, so that
// counter 0 raises interrupt line 0 at the one tick where its output rises.

import { PIT, TSC_FREQUENCY } from "../layout";
import { clock } from "../vcpu/ticks";
import { setInterruptLine } from "./lines";
import {
  ACCESS,
  BCD,
  BEFORE,
  COUNT,
  countAt,
  cycleEnd,
  ELAPSED,
  FROZEN,
  GATE,
  get8,
  isLoaded,
  LATCH,
  LATCHED,
  LOAD_AT,
  LOW,
  MODE,
  modulus,
  NEXT,
  nextEdge,
  NO_PULSE,
  outputAt,
  Phase,
  PHASE,
  put8,
  READ_HIGH,
  settleCount,
  START,
  STATUS,
  STATUS_LATCHED,
  WRITE_HIGH,
} from "./pit-count";
import { NEVER, PIT_DEADLINE, schedule } from "./schedule";

const COUNTER_SIZE: usize = 0x40;
/** The last pulse up to which interrupt line 0 knows counter 0's output, and that output (u64, u32). */
const SEEN: usize = PIT + 0xc8;
const LEVEL: usize = PIT + 0xd0;
/** Bits 3:0 of port 61h. */
const CONTROL_B: usize = PIT + 0xd4;

/** Pulses per second. */
const INPUT_HZ: u64 = 1_193_182;
const ACCESS_LATCH: u32 = 0;
const ACCESS_LOW: u32 = 1;
const ACCESS_BOTH: u32 = 3;
const SQUARE_WAVE: u32 = 3;
const GATE_2: u32 = 1;
const CONTROL_B_MASK: u32 = 0xf;
/** Pulses between two refresh requests, as counter 1 of a PC is programmed. */
const REFRESH_PULSES: u64 = 18;
/** Output changes of counter 0 that are told one by one when many lie behind. */
const EDGES_MAX: u32 = 4;

@inline function counter(n: u32): usize { return PIT + <usize>n * COUNTER_SIZE; }

/** Pulses up to a clock; split so that no product leaves 64 bits. */
function pulsesAt(ticks: u64): u64 {
  const frequency = load<u64>(TSC_FREQUENCY);
  return (ticks / frequency) * INPUT_HZ + ((ticks % frequency) * INPUT_HZ) / frequency;
}
/** The first clock at which a pulse has come. */
function clockOf(pulse: u64): u64 {
  const frequency = load<u64>(TSC_FREQUENCY);
  return (pulse / INPUT_HZ) * frequency + ((pulse % INPUT_HZ) * frequency + INPUT_HZ - 1) / INPUT_HZ;
}

/** Counter 0's output at a pulse that has come. */
function drive(pulse: u64): void {
  const high = u32(outputAt(counter(0), pulse));
  store<u64>(SEEN, pulse);
  if (high == load<u32>(LEVEL)) return;
  store<u32>(LEVEL, high);
  setInterruptLine(0, high != 0);
}

/** Tells interrupt line 0 what happened up to a pulse, and when it must look again. */
function track(pulse: u64): void {
  const c = counter(0);
  for (let i: u32 = 0; i < EDGES_MAX; i++) {
    const edge = nextEdge(c, load<u64>(SEEN));
    if (edge > pulse) break;
    settleCount(c, edge);
    drive(edge);
  }
  settleCount(c, pulse);
  drive(pulse);
  const next = nextEdge(c, pulse);
  store<u64>(PIT_DEADLINE, next == NO_PULSE ? NEVER : clockOf(next));
  schedule();
}

/** Counter 0's output changes now. */
export function pitExpire(): void { track(pulsesAt(clock())); }

/** The pulse of this moment, with all counters brought up to it. */
function now(): u64 {
  const time = clock();
  const pulse = pulsesAt(time);
  if (load<u64>(PIT_DEADLINE) <= time) track(pulse);
  settleCount(counter(1), pulse);
  settleCount(counter(2), pulse);
  return pulse;
}

/**
 * State after power-on. The data sheet leaves it open; here counter 0 counts, as behind a firmware that has timed
 * something once, because system software reads it before it programs it, and all outputs are high.
 */
export function pitReset(): void {
  memory.fill(PIT, 0, 3 * COUNTER_SIZE + 0x20);
  for (let n: u32 = 0; n < 3; n++) {
    put8(counter(n), MODE, SQUARE_WAVE);
    put8(counter(n), ACCESS, ACCESS_BOTH);
    put8(counter(n), GATE, u32(n != 2));
  }
  const c = counter(0);
  const pulse = pulsesAt(clock());
  put8(c, MODE, 0);
  put8(c, PHASE, Phase.COUNTING);
  store<u32>(c, modulus(c), COUNT);
  store<u64>(c, pulse - modulus(c), START);
  store<u64>(SEEN, pulse);
  store<u32>(LEVEL, 1);
  store<u64>(PIT_DEADLINE, NEVER);
}

/** After an access that may have moved counter 0's output. */
function changed(n: u32, pulse: u64): void {
  if (n != 0) return;
  store<u64>(SEEN, pulse);
  track(pulse);
}

// ---- programming ----------------------------------------------------------------------------------

function latchCount(c: usize, pulse: u64): void {
  if (get8(c, LATCHED) != 0) return;
  store<u32>(c, countAt(c, pulse), LATCH);
  put8(c, LATCHED, get8(c, ACCESS) == ACCESS_BOTH ? 2 : 1);
}

/** The count written last is not in the counting element yet. */
function isNull(c: usize, pulse: u64): bool {
  const phase = get8(c, PHASE);
  if (phase == Phase.IDLE || load<u32>(c, NEXT) != 0) return true;
  return phase == Phase.COUNTING && !isLoaded(c, pulse);
}

function latchStatus(c: usize, pulse: u64): void {
  if (get8(c, STATUS_LATCHED) != 0) return;
  const state = (u32(outputAt(c, pulse)) << 7) | (u32(isNull(c, pulse)) << 6);
  put8(c, STATUS, state | (get8(c, ACCESS) << 4) | (get8(c, MODE) << 1) | get8(c, BCD));
  put8(c, STATUS_LATCHED, 1);
}

function writeControl(value: u32, pulse: u64): void {
  const select = value >> 6;
  if (select == 3) {
    for (let n: u32 = 0; n < 3; n++) {
      if (((value >> (n + 1)) & 1) == 0) continue;
      if ((value & 0x20) == 0) latchCount(counter(n), pulse);
      if ((value & 0x10) == 0) latchStatus(counter(n), pulse);
    }
    return;
  }
  const c = counter(select);
  const access = (value >> 4) & 3;
  if (access == ACCESS_LATCH) {
    latchCount(c, pulse);
    return;
  }
  const mode = (value >> 1) & 7;
  store<u32>(c, countAt(c, pulse), FROZEN);
  put8(c, MODE, mode > 5 ? mode - 4 : mode);
  put8(c, ACCESS, access);
  put8(c, BCD, value & 1);
  put8(c, PHASE, Phase.IDLE);
  put8(c, READ_HIGH, 0);
  put8(c, WRITE_HIGH, 0);
  put8(c, LATCHED, 0);
  put8(c, STATUS_LATCHED, 0);
  store<u32>(c, 0, NEXT);
  changed(select, pulse);
}

/** Loads a count with the pulse behind this one. */
function begin(c: usize, count: u32, pulse: u64): void {
  put8(c, BEFORE, u32(outputAt(c, pulse)));
  store<u32>(c, count, COUNT);
  store<u32>(c, 0, NEXT);
  store<u64>(c, pulse + 1, START);
  put8(c, PHASE, Phase.COUNTING);
}

/** A whole count has been written. */
function writeCount(n: u32, written: u32, pulse: u64): void {
  const c = counter(n);
  let count = written;
  if (get8(c, BCD) != 0) {
    count = (written & 0xf) + ((written >> 4) & 0xf) * 10 + ((written >> 8) & 0xf) * 100 + (written >> 12) * 1000;
  }
  if (count == 0) count = modulus(c);
  const mode = get8(c, MODE);
  const counting = get8(c, PHASE) == Phase.COUNTING;
  const open = get8(c, GATE) != 0;
  switch (mode) {
    case 1:
    case 5: // waits for the next trigger
      store<u32>(c, count, NEXT);
      break;
    case 2:
    case 3:
      if (counting && isLoaded(c, pulse)) {
        // The running cycle is finished first.
        store<u32>(c, count, NEXT);
        store<u64>(c, cycleEnd(c, pulse), LOAD_AT);
      } else if (open) begin(c, count, pulse);
      else store<u32>(c, count, NEXT);
      break;
    default:
      begin(c, count, pulse);
      if (!open) {
        put8(c, PHASE, Phase.PAUSED);
        store<u64>(c, 0, ELAPSED);
      }
      break;
  }
  changed(n, pulse);
}

function writeByte(n: u32, value: u32, pulse: u64): void {
  const c = counter(n);
  const access = get8(c, ACCESS);
  if (access != ACCESS_BOTH) writeCount(n, access == ACCESS_LOW ? value : value << 8, pulse);
  else if (get8(c, WRITE_HIGH) == 0) {
    store<u32>(c, value, LOW);
    put8(c, WRITE_HIGH, 1);
    // In mode 0 the first byte stops the counter and puts its output low.
    if (get8(c, MODE) == 0) {
      store<u32>(c, countAt(c, pulse), FROZEN);
      put8(c, PHASE, Phase.IDLE);
      changed(n, pulse);
    }
  } else {
    put8(c, WRITE_HIGH, 0);
    writeCount(n, load<u32>(c, LOW) | (value << 8), pulse);
  }
}

/** A count as the bus shows it. */
function encoded(c: usize, count: u32): u32 {
  if (get8(c, BCD) == 0) return count;
  return (count % 10) | (((count / 10) % 10) << 4) | (((count / 100) % 10) << 8) | ((count / 1000) << 12);
}

function readByte(n: u32, pulse: u64): u32 {
  const c = counter(n);
  if (get8(c, STATUS_LATCHED) != 0) {
    put8(c, STATUS_LATCHED, 0);
    return get8(c, STATUS);
  }
  const latched = get8(c, LATCHED);
  const value = encoded(c, latched != 0 ? load<u32>(c, LATCH) : countAt(c, pulse));
  if (latched != 0) put8(c, LATCHED, latched - 1);
  const access = get8(c, ACCESS);
  if (access != ACCESS_BOTH) return access == ACCESS_LOW ? value & 0xff : value >> 8;
  const high = get8(c, READ_HIGH);
  put8(c, READ_HIGH, high ^ 1);
  return high != 0 ? value >> 8 : value & 0xff;
}

/** The gate of a counter changes. */
function setGate(n: u32, open: bool, pulse: u64): void {
  const c = counter(n);
  if ((get8(c, GATE) != 0) == open) return;
  put8(c, GATE, u32(open));
  const mode = get8(c, MODE);
  const phase = get8(c, PHASE);
  const next = load<u32>(c, NEXT);
  if (mode == 1 || mode == 5) {
    // A rising edge triggers what has been written.
    if (open && (next != 0 || phase == Phase.COUNTING)) begin(c, next != 0 ? next : load<u32>(c, COUNT), pulse);
  } else if (!open) {
    if (phase != Phase.COUNTING) return;
    store<u64>(c, isLoaded(c, pulse) ? pulse - load<u64>(c, START) : 0, ELAPSED);
    put8(c, PHASE, Phase.PAUSED);
  } else if (mode == 0 || mode == 4) {
    if (phase != Phase.PAUSED) return;
    const done = load<u64>(c, ELAPSED);
    // A count that was never loaded is loaded with the next pulse.
    store<u64>(c, done == 0 ? pulse + 1 : pulse - done, START);
    put8(c, PHASE, Phase.COUNTING);
  } else if (next != 0 || phase == Phase.PAUSED) begin(c, next != 0 ? next : load<u32>(c, COUNT), pulse);
}

// ---- ports ----------------------------------------------------------------------------------------

/** One byte from 40h-43h or 61h. */
export function pitRead(port: u32): u32 {
  const pulse = now();
  if (port == 0x61) {
    const refresh = <u32>(pulse / REFRESH_PULSES) & 1;
    return load<u32>(CONTROL_B) | (refresh << 4) | (u32(outputAt(counter(2), pulse)) << 5);
  }
  return port == 0x43 ? 0xff : readByte(port & 3, pulse);
}

export function pitWrite(port: u32, value: u32): void {
  const pulse = now();
  if (port == 0x61) {
    store<u32>(CONTROL_B, value & CONTROL_B_MASK);
    setGate(2, (value & GATE_2) != 0, pulse);
  } else if (port == 0x43) writeControl(value & 0xff, pulse);
  else writeByte(port & 3, value & 0xff, pulse);
}
