// The arithmetic of one 8254 counter (Intel 8254 data sheet, order number 231164, "Mode definitions"). A
// counter is never stepped: its count and its output follow from the pulse at which it was loaded, for any
// pulse of the 1.193182 MHz input that is asked for.
//
// Pulses are numbered from power-on. A count written at pulse w is loaded with the next pulse, START = w + 1.
//
//   +0 MODE 0-5   +1 ACCESS 1 low, 2 high, 3 both   +2 BCD   +3 GATE   +4 READ_HIGH   +5 WRITE_HIGH
//   +6 LATCHED bytes left of LATCH   +7 STATUS_LATCHED   +8 STATUS   +9 PHASE   +A BEFORE output until START
//   +0C LATCH u32   +10 LOW first byte written   +14 COUNT in force   +18 NEXT count written, 0 none
//   +1C FROZEN counting element while nothing counts   +20 START u64   +28 ELAPSED u64 while the gate is low
//   +30 LOAD_AT u64 pulse at which NEXT comes into force in modes 2 and 3

export const MODE: usize = 0;
export const ACCESS: usize = 1;
export const BCD: usize = 2;
export const GATE: usize = 3;
export const READ_HIGH: usize = 4;
export const WRITE_HIGH: usize = 5;
export const LATCHED: usize = 6;
export const STATUS_LATCHED: usize = 7;
export const STATUS: usize = 8;
export const PHASE: usize = 9;
export const BEFORE: usize = 0xa;
export const LATCH: usize = 0xc;
export const LOW: usize = 0x10;
export const COUNT: usize = 0x14;
export const NEXT: usize = 0x18;
export const FROZEN: usize = 0x1c;
export const START: usize = 0x20;
export const ELAPSED: usize = 0x28;
export const LOAD_AT: usize = 0x30;

export const enum Phase {
  /** The mode is set and no count has been loaded. */
  IDLE = 0,
  COUNTING = 1,
  /** The gate holds the count. */
  PAUSED = 2,
}

/** No pulse: what never comes. */
export const NO_PULSE: u64 = ~(<u64>0);

@inline export function get8(c: usize, field: usize): u32 { return load<u8>(c + field); }
@inline export function put8(c: usize, field: usize, value: u32): void { store<u8>(c + field, value); }

/** Counts that the counting element distinguishes. */
@inline export function modulus(c: usize): u32 { return get8(c, BCD) != 0 ? 10_000 : 0x1_0000; }

/** The count is in the counting element. START may lie before power-on: the difference has a sign. */
@inline export function isLoaded(c: usize, pulse: u64): bool { return <i64>(pulse - load<u64>(c, START)) >= 0; }

/** Pulses since the load; 0 until it has happened. */
@inline function elapsed(c: usize, pulse: u64): u64 {
  if (get8(c, PHASE) == Phase.PAUSED) return load<u64>(c, ELAPSED);
  return isLoaded(c, pulse) ? pulse - load<u64>(c, START) : 0;
}

/** Pulses of the high half of a square wave: the longer half of an odd count. */
@inline function highHalf(count: u64): u64 { return (count + 1) >> 1; }

/** Brings a count that waited for the end of the running cycle into force. */
export function settleCount(c: usize, pulse: u64): void {
  const next = load<u32>(c, NEXT);
  const mode = get8(c, MODE);
  if (next == 0 || (mode & 2) == 0 || get8(c, PHASE) != Phase.COUNTING) return;
  const at = load<u64>(c, LOAD_AT);
  if (pulse < at) return;
  const old = <u64>load<u32>(c, COUNT);
  // Mode 3 takes the new count in either half: at the end of the high one the low one follows.
  const middle = mode == 3 && (at - load<u64>(c, START)) % old != 0;
  store<u64>(c, middle ? at - highHalf(next) : at, START);
  store<u32>(c, next, COUNT);
  store<u32>(c, 0, NEXT);
}

/** End of the running cycle of mode 2, of the running half of mode 3. */
export function cycleEnd(c: usize, pulse: u64): u64 {
  const count = <u64>load<u32>(c, COUNT);
  const phase = elapsed(c, pulse) % count;
  const begin = pulse - phase;
  return get8(c, MODE) == 3 && phase < highHalf(count) ? begin + highHalf(count) : begin + count;
}

/** Level of OUT at a pulse. */
export function outputAt(c: usize, pulse: u64): bool {
  const mode = get8(c, MODE);
  const phase = get8(c, PHASE);
  if (phase == Phase.IDLE) return mode != 0;
  const count = <u64>load<u32>(c, COUNT);
  const k = elapsed(c, pulse);
  if (mode == 0) return k >= count;
  if (phase == Phase.COUNTING && !isLoaded(c, pulse)) return get8(c, BEFORE) != 0;
  switch (mode) {
    case 1: return k >= count;
    case 2: return phase == Phase.PAUSED || count == 1 || k % count != count - 1;
    case 3: return phase == Phase.PAUSED || k % count < highHalf(count);
    default: return k != count;
  }
}

/** The counting element at a pulse, in binary. */
export function countAt(c: usize, pulse: u64): u32 {
  if (get8(c, PHASE) == Phase.IDLE) return load<u32>(c, FROZEN);
  const count = <u64>load<u32>(c, COUNT);
  const k = elapsed(c, pulse);
  const all = <u64>modulus(c);
  switch (get8(c, MODE)) {
    case 2: return <u32>((count - (k % count)) % all);
    case 3: {
      // Both halves start at the count, or the even number below it, and step by two.
      const phase = k % count;
      const half = highHalf(count);
      return <u32>(((count & ~1) - 2 * (phase < half ? phase : phase - half)) % all);
    }
    default: return <u32>((count + all - (k % all)) % all);
  }
}

/** First pulse behind `pulse` at which OUT may change while gate and counts stay as they are. */
export function nextEdge(c: usize, pulse: u64): u64 {
  if (get8(c, PHASE) != Phase.COUNTING) return NO_PULSE;
  const start = load<u64>(c, START);
  const count = <u64>load<u32>(c, COUNT);
  const k = elapsed(c, pulse);
  let edge = NO_PULSE;
  switch (get8(c, MODE)) {
    case 0:
    case 1:
      if (get8(c, MODE) == 1 && !isLoaded(c, pulse)) edge = start;
      else if (k < count) edge = start + count;
      break;
    case 2: {
      if (count == 1) break;
      const begin = start + k - (k % count);
      edge = k % count < count - 1 ? begin + count - 1 : begin + count;
      break;
    }
    case 3: {
      if (count == 1) break;
      const begin = start + k - (k % count);
      edge = k % count < highHalf(count) ? begin + highHalf(count) : begin + count;
      break;
    }
    default:
      if (k < count) edge = start + count;
      else if (k == count) edge = start + count + 1;
  }
  const load_ = load<u32>(c, NEXT) != 0 && (get8(c, MODE) & 2) != 0 ? load<u64>(c, LOAD_AT) : NO_PULSE;
  return min(edge, load_);
}
