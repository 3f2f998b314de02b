// The x87 environment and state in memory: FLDENV FNSTENV FNSAVE FRSTOR (SDM vol. 1, 8.1.10, figures 8-9 to 8-12;
// APM vol. 1, 6.2.6). Four formats, by operand size and by real or protected mode:
//
//   32-bit  0 FCW 4 FSW 8 FTW, upper halves ones | 12 FIP 16 FOP:FCS 20 FDP 24 ones:FDS        (protected)
//                                                | 12 FIP[15:0] 16 FIP[31:16] << 12 | FOP
//                                                | 20 FDP[15:0] 24 FDP[31:16] << 12            (real, virtual 8086)
//   16-bit  0 FCW 2 FSW 4 FTW                    | 6 FIP 8 FCS 10 FDP 12 FDS                   (protected)
//                                                | 6 FIP[15:0] 8 FIP[19:16] << 12 | FOP
//                                                | 10 FDP[15:0] 12 FDP[19:16] << 12            (real, virtual 8086)
//   then, for FNSAVE and FRSTOR, ST(0) to ST(7), ten bytes each
//
// The tag word has two bits per physical register: 0 valid, 1 zero, 2 special, 3 empty. Only empty counts when it
// is loaded.

import { X87, X87_CONTROL, X87_CS, X87_DP, X87_DS, X87_IP, X87_OPCODE, X87_TAGS } from "../../layout";
import { EXCEPTIONS } from "../../float/control";
import { uopSize } from "../../decode/uop";
import { isRealOrV86 } from "../../vcpu/state";
import { Status } from "../../vcpu/status";
import {
  CONTROL_INITIAL,
  controlWord,
  setControlWord,
  setStatus,
  signExponent,
  significand,
  st,
  status,
  updateSummary,
} from "./registers";
import { readUnits, SPAN, writeUnits } from "./span";

// ---- words ----------------------------------------------------------------------------------------

export function setControl(value: u32): void {
  setControlWord(value);
  updateSummary();
}
/** Status word as it is loaded: ES and B follow from exceptions and masks. */
export function loadStatus(value: u32): void {
  setStatus(value);
  updateSummary();
}
/** FNINIT. Registers keep their contents. */
export function initialize(): void {
  store<u16>(X87_CONTROL, CONTROL_INITIAL);
  loadStatus(0);
  store<u8>(X87_TAGS, 0);
  store<u16>(X87_OPCODE, 0);
  store<u64>(X87_IP, 0);
  store<u64>(X87_DP, 0);
  store<u16>(X87_CS, 0);
  store<u16>(X87_DS, 0);
}
/** The tag word with two bits per register. */
function fullTags(): u32 {
  const used = <u32>load<u8>(X87_TAGS);
  let word: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) word |= (((used >> n) & 1) == 0 ? 3 : tagOf(X87 + (<usize>n << 4))) << (n * 2);
  return word;
}
function tagOf(at: usize): u32 {
  const exponent = <u32>load<u16>(at, 8) & 0x7fff;
  const s = load<u64>(at);
  if (exponent == 0) return s == 0 ? 1 : 2;
  return exponent == 0x7fff || s >> 63 == 0 ? 2 : 0;
}
function setFullTags(word: u32): void {
  let used: u32 = 0;
  for (let n: u32 = 0; n < 8; n++) used |= u32(((word >> (n * 2)) & 3) != 3) << n;
  store<u8>(X87_TAGS, used);
}

// ---- the environment in SPAN ----------------------------------------------------------------------

const ONES: u32 = 0xffff_0000;
@inline function wide(u: usize): bool { return uopSize(u) != 1; }
@inline function unitOf(u: usize): u32 { return wide(u) ? 4 : 2; }
@inline function environmentSize(u: usize): u32 { return wide(u) ? 28 : 14; }

/** Linear addresses of 8086 code and data: the form that real mode keeps. */
@inline function linearIp(): u32 { return <u32>load<u64>(X87_IP) + (<u32>load<u16>(X87_CS) << 4); }
@inline function linearDp(): u32 { return <u32>load<u64>(X87_DP) + (<u32>load<u16>(X87_DS) << 4); }

function putEnvironment(u: usize): void {
  const real = isRealOrV86();
  const opcode = <u32>load<u16>(X87_OPCODE);
  if (wide(u)) {
    store<u32>(SPAN, ONES | controlWord());
    store<u32>(SPAN, ONES | status(), 4);
    store<u32>(SPAN, ONES | fullTags(), 8);
    if (real) {
      store<u32>(SPAN, ONES | (linearIp() & 0xffff), 12);
      store<u32>(SPAN, ((linearIp() >> 16) << 12) | opcode, 16);
      store<u32>(SPAN, ONES | (linearDp() & 0xffff), 20);
      store<u32>(SPAN, (linearDp() >> 16) << 12, 24);
    } else {
      store<u32>(SPAN, <u32>load<u64>(X87_IP), 12);
      store<u32>(SPAN, (opcode << 16) | <u32>load<u16>(X87_CS), 16);
      store<u32>(SPAN, <u32>load<u64>(X87_DP), 20);
      store<u32>(SPAN, ONES | <u32>load<u16>(X87_DS), 24);
    }
    return;
  }
  store<u16>(SPAN, controlWord());
  store<u16>(SPAN, status(), 2);
  store<u16>(SPAN, fullTags(), 4);
  if (real) {
    store<u16>(SPAN, linearIp(), 6);
    store<u16>(SPAN, ((linearIp() >> 16) << 12) | opcode, 8);
    store<u16>(SPAN, linearDp(), 10);
    store<u16>(SPAN, (linearDp() >> 16) << 12, 12);
  } else {
    store<u16>(SPAN, <u32>load<u64>(X87_IP), 6);
    store<u16>(SPAN, load<u16>(X87_CS), 8);
    store<u16>(SPAN, <u32>load<u64>(X87_DP), 10);
    store<u16>(SPAN, load<u16>(X87_DS), 12);
  }
}

function takeEnvironment(u: usize): void {
  const large = wide(u);
  const control = <u32>load<u16>(SPAN);
  const newStatus = large ? <u32>load<u16>(SPAN, 4) : <u32>load<u16>(SPAN, 2);
  setFullTags(large ? <u32>load<u16>(SPAN, 8) : <u32>load<u16>(SPAN, 4));
  takePointers(large);
  setControlWord(control);
  loadStatus(newStatus);
}
function takePointers(large: bool): void {
  if (isRealOrV86()) {
    const ipLow = large ? <u32>load<u16>(SPAN, 12) : <u32>load<u16>(SPAN, 6);
    const ipHigh = large ? load<u32>(SPAN, 16) : <u32>load<u16>(SPAN, 8);
    const dpLow = large ? <u32>load<u16>(SPAN, 20) : <u32>load<u16>(SPAN, 10);
    const dpHigh = large ? load<u32>(SPAN, 24) : <u32>load<u16>(SPAN, 12);
    store<u64>(X87_IP, <u64>(ipLow | ((ipHigh >> 12) << 16)));
    store<u64>(X87_DP, <u64>(dpLow | ((dpHigh >> 12) << 16)));
    store<u16>(X87_OPCODE, ipHigh & 0x7ff);
    store<u16>(X87_CS, 0);
    store<u16>(X87_DS, 0);
    return;
  }
  if (large) {
    store<u64>(X87_IP, <u64>load<u32>(SPAN, 12));
    store<u16>(X87_CS, load<u16>(SPAN, 16));
    store<u16>(X87_OPCODE, <u32>load<u16>(SPAN, 18) & 0x7ff);
    store<u64>(X87_DP, <u64>load<u32>(SPAN, 20));
    store<u16>(X87_DS, load<u16>(SPAN, 24));
    return;
  }
  // This format has no opcode.
  store<u16>(X87_OPCODE, 0);
  store<u64>(X87_IP, <u64>load<u16>(SPAN, 6));
  store<u16>(X87_CS, load<u16>(SPAN, 8));
  store<u64>(X87_DP, <u64>load<u16>(SPAN, 10));
  store<u16>(X87_DS, load<u16>(SPAN, 12));
}

// ---- instructions ---------------------------------------------------------------------------------

/** FNSTENV: masks all exceptions afterwards. */
export function storeEnvironment(u: usize): i32 {
  putEnvironment(u);
  if (!writeUnits(u, environmentSize(u), unitOf(u))) return Status.FAULT;
  store<u16>(X87_CONTROL, controlWord() | EXCEPTIONS);
  updateSummary();
  return Status.NEXT;
}
export function loadEnvironment(u: usize): i32 {
  if (!readUnits(u, environmentSize(u), unitOf(u))) return Status.FAULT;
  takeEnvironment(u);
  return Status.NEXT;
}
/** FNSAVE: initializes afterwards. */
export function saveState(u: usize): i32 {
  const size = environmentSize(u);
  putEnvironment(u);
  for (let i: u32 = 0; i < 8; i++) {
    const at = SPAN + size + i * 10;
    store<u64>(at, significand(i));
    store<u16>(at, signExponent(i), 8);
  }
  if (!writeUnits(u, size + 80, unitOf(u))) return Status.FAULT;
  initialize();
  return Status.NEXT;
}
export function restoreState(u: usize): i32 {
  const size = environmentSize(u);
  if (!readUnits(u, size + 80, unitOf(u))) return Status.FAULT;
  takeEnvironment(u);
  for (let i: u32 = 0; i < 8; i++) {
    const at = SPAN + size + i * 10;
    store<u64>(st(i), load<u64>(at));
    store<u16>(st(i), load<u16>(at, 8), 8);
  }
  return Status.NEXT;
}
