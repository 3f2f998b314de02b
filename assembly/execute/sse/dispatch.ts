// Dispatch of MMX, SSE, AES, PCLMULQDQ and SHA instructions: one switch per opcode map and mandatory prefix. The
// selector stands in the immediate (decode/vector). Availability has been checked when a family function
// runs: it takes the micro-op, returns a Status and commits nothing if that is FAULT.

import { uopImm } from "../../decode/uop";
import { raiseUD } from "../../vcpu/fault";
import { Status } from "../../vcpu/status";
import { mmxReady, sseReady, x87Quiet } from "./operand";

/** Opcode byte of the selector. */
@inline function opcodeOf(u: usize): u32 { return (<u32>uopImm(u) >> 8) & 0xff; }
/** Mandatory prefix: 0 none, 1 66, 2 F3, 3 F2. */
@inline function prefixOf(u: usize): u32 { return <u32>uopImm(u) >> 16; }

// ---- map 0F ---------------------------------------------------------------------------------------

export function vector0f(u: usize): i32 {
  const opcode = opcodeOf(u);
  switch (prefixOf(u)) {
    case 0: return plain0f(u, opcode);
    case 1: return sseReady() ? operand0f(u, opcode) : Status.FAULT;
    case 2: return sseReady() ? scalarSingle0f(u, opcode) : Status.FAULT;
    default: return sseReady() ? scalarDouble0f(u, opcode) : Status.FAULT;
  }
}

/** Opcodes without a prefix that work on MMX registers alone. */
@inline function isMmx(opcode: u32): bool {
  return (opcode & 0xe0) == 0x60 || opcode >= 0xd0 || opcode == 0xc4 || opcode == 0xc5;
}

function plain0f(u: usize, opcode: u32): i32 {
  if (isMmx(opcode)) return mmxReady() ? mmx0f(u, opcode) : Status.FAULT;
  // MOVNTI needs neither unit.
  if (opcode == 0xc3) return raiseUD();
  if (!sseReady()) return Status.FAULT;
  switch (opcode) {
    default: return raiseUD();
  }
}

function mmx0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    default: return raiseUD();
  }
}

/** Prefix 66. */
function operand0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    default: return raiseUD();
  }
}

/** Prefix F3. */
function scalarSingle0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    // MOVQ2DQ
    case 0xd6: return x87Quiet() ? raiseUD() : Status.FAULT;
    default: return raiseUD();
  }
}

/** Prefix F2. */
function scalarDouble0f(u: usize, opcode: u32): i32 {
  switch (opcode) {
    // MOVDQ2Q
    case 0xd6: return x87Quiet() ? raiseUD() : Status.FAULT;
    default: return raiseUD();
  }
}

// ---- map 0F 38 ------------------------------------------------------------------------------------

export function vector38(u: usize): i32 {
  const opcode = opcodeOf(u);
  if (prefixOf(u) != 0) return sseReady() ? operand38(u, opcode) : Status.FAULT;
  // Without a prefix: SSSE3 on MMX registers, and SHA.
  if (opcode < 0xc0) return mmxReady() ? mmx38(u, opcode) : Status.FAULT;
  return sseReady() ? sha38(u, opcode) : Status.FAULT;
}

function mmx38(u: usize, opcode: u32): i32 {
  switch (opcode) {
    default: return raiseUD();
  }
}

function sha38(u: usize, opcode: u32): i32 {
  switch (opcode) {
    default: return raiseUD();
  }
}

/** Prefix 66. */
function operand38(u: usize, opcode: u32): i32 {
  switch (opcode) {
    default: return raiseUD();
  }
}

// ---- map 0F 3A ------------------------------------------------------------------------------------

export function vector3a(u: usize): i32 {
  const opcode = opcodeOf(u);
  if (prefixOf(u) != 0) return sseReady() ? operand3a(u, opcode) : Status.FAULT;
  // Without a prefix: PALIGNR on MMX registers, and SHA1RNDS4.
  if (opcode == 0x0f) return mmxReady() ? raiseUD() : Status.FAULT;
  return sseReady() ? raiseUD() : Status.FAULT;
}

/** Prefix 66. */
function operand3a(u: usize, opcode: u32): i32 {
  switch (opcode) {
    default: return raiseUD();
  }
}
