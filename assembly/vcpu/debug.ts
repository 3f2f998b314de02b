// Debug registers: breakpoint matching and the traps of a single step (SDM vol. 3, 17.2-17.3; APM vol. 2,
// 13.1). Data breakpoints are matched in vcpu/data-check. While a breakpoint or TF is armed the run loop
// executes one instruction at a time:
//
//   beginStep(); hits = instructionBreakpoint(linear)  -> raiseDB as a fault
//   ... the instruction ...
//   traps = endStep(tfBefore)                          -> deliverTrapDB
//
//   DR7  31:30 LEN3 29:28 R/W3 ... 19:18 LEN0 17:16 R/W0 | 13 GD | 9 GE 8 LE | 7 G3 6 L3 ... 1 G0 0 L0
//   R/W  0 execution, 1 data write, 2 I/O (CR4.DE), 3 data read or write;  LEN 0 1, 1 2, 2 8, 3 4 bytes

import { DEBUG_HITS, DR, SHADOW, SYSTEM_FLAGS, TRAP_PENDING } from "../layout";
import { CR4_DE, DR6_BS, DR7_ENABLED } from "../x86/control";
import { RF } from "../x86/flags";
import { cr4, markContextStale, systemFlags } from "./state";
import { Shadow } from "./status";

const DR7: usize = DR + 56;
/** RW3, RW2, RW1, RW0: bit 0 set means a data breakpoint (1 or 3). */
const RW_LOW: u32 = 0x1111_0000;

@inline function isEnabled(dr7: u32, n: u32): bool { return ((dr7 >> (n << 1)) & 3) != 0; }
@inline function rwOf(dr7: u32, n: u32): u32 { return (dr7 >> (16 + (n << 2))) & 3; }
@inline function bytesOf(dr7: u32, n: u32): u32 {
  const length = (dr7 >> (18 + (n << 2))) & 3;
  return length == 2 ? 8 : length + 1;
}

/** Some enabled breakpoint watches data. */
export function dataBreakpointsEnabled(dr7: u32): bool {
  if ((dr7 & DR7_ENABLED) == 0 || (dr7 & RW_LOW) == 0) return false;
  for (let n: u32 = 0; n < 4; n++) {
    if (isEnabled(dr7, n) && (rwOf(dr7, n) & 1) != 0) return true;
  }
  return false;
}

/** DR6 bits of the enabled execution breakpoints at an address; none while RF is set. */
export function instructionBreakpoint(linear: u64): u32 {
  const dr7 = load<u32>(DR7);
  if ((dr7 & DR7_ENABLED) == 0 || (systemFlags() & RF) != 0) return 0;
  let hits: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    if (isEnabled(dr7, n) && rwOf(dr7, n) == 0 && load<u64>(<usize>n << 3, DR) == linear) hits |= 1 << n;
  }
  return hits;
}

/** Breakpoint n covers a byte of [address, address + size): its range is aligned to its length. */
@inline function overlaps(dr7: u32, n: u32, address: u64, size: u32): bool {
  const bytes = <u64>bytesOf(dr7, n);
  const first = load<u64>(<usize>n << 3, DR) & ~(bytes - 1);
  return address < first + bytes && first < address + <u64>size;
}

/** Collects the breakpoints that an access to I/O ports meets: they trap when the instruction has completed. */
export function notePortAccess(port: u32, size: u32): void {
  const dr7 = load<u32>(DR7);
  if ((dr7 & DR7_ENABLED) == 0 || (cr4() & CR4_DE) == 0) return;
  let hits: u32 = 0;
  for (let n: u32 = 0; n < 4; n++) {
    if (isEnabled(dr7, n) && rwOf(dr7, n) == 2 && overlaps(dr7, n, <u64>port, size)) hits |= 1 << n;
  }
  if (hits) store<u32>(DEBUG_HITS, load<u32>(DEBUG_HITS) | hits);
}

/** The instruction of this step loaded RF itself (IRET, task switch): it applies to the next one. */
let resumeLoaded: bool = false;
/** The instruction of this step took the single-step trap upon itself (software interrupt, SYSCALL). */
let singleStepDropped: bool = false;

export function noteResumeFlag(): void { resumeLoaded = true; }
export function dropSingleStep(): void { singleStepDropped = true; }

/** Before each instruction in single-step mode. */
export function beginStep(): void {
  resumeLoaded = false;
  singleStepDropped = false;
  store<u32>(DEBUG_HITS, 0);
}

/**
 * After each instruction that completed in single-step mode. `tfBefore` is EFLAGS.TF when it began. Clears RF
 * and returns the DR6 bits of the #DB trap to deliver now, or 0. Behind MOV SS and POP SS the traps wait for
 * one more instruction, and the single step of the MOV SS itself is lost.
 */
export function endStep(tfBefore: bool): u32 {
  if (!resumeLoaded && (systemFlags() & RF) != 0) {
    store<u32>(SYSTEM_FLAGS, load<u32>(SYSTEM_FLAGS) & ~RF);
    markContextStale();
  }
  const hits = load<u32>(DEBUG_HITS) | load<u32>(TRAP_PENDING);
  store<u32>(DEBUG_HITS, 0);
  if ((load<u32>(SHADOW) & Shadow.MOV_SS) != 0) {
    store<u32>(TRAP_PENDING, hits);
    return 0;
  }
  store<u32>(TRAP_PENDING, 0);
  return tfBefore && !singleStepDropped ? hits | DR6_BS : hits;
}
