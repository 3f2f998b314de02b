// The x86 branch filter of the .xz format. Compressors turn the relative displacement of CALL (E8) and JMP
// (E9) into an absolute address, so that calls of one function look alike; this turns it back. Only
// displacements whose top byte is 00 or FF were turned, with the absolute address kept in 25 bits.
//
// The filter guesses where instructions are. An opcode byte that was left alone makes the guess for those
// within three bytes behind it doubtful: two such neighbours, or one whose own top byte looks turned, and the
// filter leaves the displacement; one neighbour otherwise restricts what the result may be.

const CALL = 0xe8;
/** CALL and JMP differ in this bit. */
const JUMP_BIT = 1;
const INSTRUCTION = 5;

function looksTurned(byte: number): boolean {
  return byte === 0x00 || byte === 0xff;
}

/** Distance in bytes, 1 to 3, of the single neighbour in the mask; 0 for none, -1 for several. */
const NEIGHBOUR = [0, 1, 2, -1, 3, -1, -1, -1] as const;

/** The displacement that `absolute`, in the instruction that ends at `end`, stands for. */
function relative(absolute: number, end: number, neighbour: number): number {
  let displacement = (absolute - end) | 0;
  if (neighbour === 0) return displacement;
  const shift = 24 - neighbour * 8;
  while (looksTurned((displacement >>> shift) & 0xff)) {
    displacement = ((displacement ^ ((1 << (shift + 8)) - 1)) - end) | 0;
  }
  return displacement;
}

/** Undoes the filter in place, over a whole block. */
export function unfilterX86(bytes: Uint8Array): void {
  /** Bit n: the byte n + 1 before this one is an opcode that was left alone. */
  let neighbours = 0;
  for (let at = 0; at + INSTRUCTION <= bytes.length; at++) {
    if ((bytes[at] & ~JUMP_BIT) !== CALL) {
      neighbours = (neighbours << 1) & 7;
      continue;
    }
    const neighbour = NEIGHBOUR[neighbours];
    const doubtful = neighbour < 0 || (neighbour > 0 && looksTurned(bytes[at + 4 - neighbour]));
    if (doubtful || !looksTurned(bytes[at + 4])) {
      neighbours = ((neighbours << 1) | 1) & 7;
      continue;
    }
    const absolute = bytes[at + 1] | (bytes[at + 2] << 8) | (bytes[at + 3] << 16) | (bytes[at + 4] << 24);
    const displacement = relative(absolute, at + INSTRUCTION, neighbour);
    bytes[at + 1] = displacement;
    bytes[at + 2] = displacement >> 8;
    bytes[at + 3] = displacement >> 16;
    bytes[at + 4] = (displacement & (1 << 24)) !== 0 ? 0xff : 0x00;
    at += 4;
    neighbours = 0;
  }
}
