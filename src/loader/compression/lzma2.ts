// LZMA2 (the filter of the .xz format): chunks of LZMA data, or of bytes as they are, each behind a control
// byte that says which state is thrown away first.
//
//   00 end | 01 raw, new dictionary | 02 raw | 80-FF LZMA: bits 6-5 reset, bits 4-0 and two bytes size - 1,
//   two bytes packed size - 1, a property byte where the reset asks for it
//
// The output array is the dictionary, so that a match copies inside it. All arithmetic of the range decoder
// is on signed 32-bit values and compares them as unsigned: JavaScript engines keep those in registers.

import { invalid } from "../image.js";

const PROBABILITY_BITS = 11;
const PROBABILITY_HALF = 1 << (PROBABILITY_BITS - 1);
const ADAPTATION = 5;
const TOP = 1 << 24;

const STATES = 12;
/** States below this one follow a literal. */
const AFTER_LITERAL = 7;
const POSITION_STATES = 16;
const LENGTH_CONTEXTS = 4;
const MATCH_MIN = 2;
/** Distance slots from this one on have low bits that are coded separately. */
const SLOT_MODELED = 4;
/** Distance slots from this one on have bits of even probability, and four aligned ones. */
const SLOT_DIRECT = 14;
const ALIGN_BITS = 4;

// One array holds every adaptive probability; these are the bases of its parts.
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES * POSITION_STATES;
const IS_REPEAT_0 = IS_REPEAT + STATES;
const IS_REPEAT_1 = IS_REPEAT_0 + STATES;
const IS_REPEAT_2 = IS_REPEAT_1 + STATES;
const IS_REPEAT_0_LONG = IS_REPEAT_2 + STATES;
const SLOTS = IS_REPEAT_0_LONG + STATES * POSITION_STATES;
const DISTANCE_LOW = SLOTS + LENGTH_CONTEXTS * 64;
const DISTANCE_ALIGN = DISTANCE_LOW + 128;
// A length coder: two choices, low and middle trees of 8 by position state, a high tree of 256.
const LENGTH_LOW = 2;
const LENGTH_MIDDLE = LENGTH_LOW + POSITION_STATES * 8;
const LENGTH_HIGH = LENGTH_MIDDLE + POSITION_STATES * 8;
const LENGTH_SIZE = LENGTH_HIGH + 256;
const MATCH_LENGTH = DISTANCE_ALIGN + (1 << ALIGN_BITS);
const REPEAT_LENGTH = MATCH_LENGTH + LENGTH_SIZE;
const LITERALS = REPEAT_LENGTH + LENGTH_SIZE;
const LITERAL_SIZE = 0x300;
const LITERAL_CONTEXTS_MAX = 4;

class LzmaDecoder {
  readonly #input: Uint8Array;
  readonly #output: Uint8Array;
  readonly #probabilities = new Uint16Array(LITERALS + (LITERAL_SIZE << LITERAL_CONTEXTS_MAX));
  #at = 0;
  #range = 0;
  #code = 0;
  #state = 0;
  #distance0 = 0;
  #distance1 = 0;
  #distance2 = 0;
  #distance3 = 0;
  #literalContextBits = 0;
  #literalPositionMask = 0;
  #positionMask = 0;

  constructor(input: Uint8Array, output: Uint8Array) {
    this.#input = input;
    this.#output = output;
  }

  /** lc + 9 * (lp + 5 * pb) */
  setProperties(byte: number): void {
    const literalContextBits = byte % 9;
    const literalPositionBits = Math.floor(byte / 9) % 5;
    const positionBits = Math.floor(byte / 45);
    if (positionBits > 4 || literalContextBits + literalPositionBits > LITERAL_CONTEXTS_MAX) {
      invalid(`LZMA properties ${byte} do not exist`);
    }
    this.#literalContextBits = literalContextBits;
    this.#literalPositionMask = (1 << literalPositionBits) - 1;
    this.#positionMask = (1 << positionBits) - 1;
  }

  resetState(): void {
    this.#probabilities.fill(PROBABILITY_HALF);
    this.#state = 0;
    this.#distance0 = this.#distance1 = this.#distance2 = this.#distance3 = 0;
  }

  /** Decodes one chunk: input [at, inputEnd) becomes output [from, to). Matches reach back to `dictionary`. */
  decode(at: number, inputEnd: number, from: number, to: number, dictionary: number): void {
    const output = this.#output;
    this.#start(at);
    let position = from;
    while (position < to) {
      const positionState = (position - dictionary) & this.#positionMask;
      if (this.#bit(IS_MATCH + (this.#state << 4) + positionState) === 0) {
        output[position] = this.#literal(position, dictionary);
        position++;
        continue;
      }
      const length = this.#match(positionState);
      const distance = this.#distance0 + 1;
      if (distance > position - dictionary) invalid("LZMA data reach back behind their beginning");
      if (length > to - position) invalid("LZMA data are longer than their chunk says");
      for (const end = position + length; position < end; position++) output[position] = output[position - distance];
      if (this.#at > inputEnd) break;
    }
    if (this.#at > inputEnd) invalid("LZMA data end early");
  }

  /** The first byte of the range coder is always 0. */
  #start(at: number): void {
    const input = this.#input;
    if (input[at] !== 0) invalid("an LZMA chunk does not start with 0");
    this.#range = -1;
    this.#code = (input[at + 1] << 24) | (input[at + 2] << 16) | (input[at + 3] << 8) | input[at + 4];
    this.#at = at + 5;
  }

  /** One adaptive bit. */
  #bit(index: number): number {
    let range = this.#range;
    if (range >>> 0 < TOP) {
      range <<= 8;
      this.#code = (this.#code << 8) | this.#input[this.#at++];
    }
    const probability = this.#probabilities[index];
    const bound = Math.imul(range >>> PROBABILITY_BITS, probability);
    if (this.#code >>> 0 < bound >>> 0) {
      this.#range = bound;
      this.#probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> ADAPTATION);
      return 0;
    }
    this.#range = (range - bound) | 0;
    this.#code = (this.#code - bound) | 0;
    this.#probabilities[index] = probability - (probability >> ADAPTATION);
    return 1;
  }

  /** Bits of even probability. */
  #direct(count: number): number {
    let result = 0;
    for (let n = 0; n < count; n++) {
      if (this.#range >>> 0 < TOP) {
        this.#range <<= 8;
        this.#code = (this.#code << 8) | this.#input[this.#at++];
      }
      this.#range >>>= 1;
      const one = this.#code >>> 0 >= this.#range >>> 0;
      if (one) this.#code = (this.#code - this.#range) | 0;
      result = (result << 1) | (one ? 1 : 0);
    }
    return result;
  }

  /** A number of `bits` bits through a binary tree, high bit first. */
  #tree(base: number, bits: number): number {
    let node = 1;
    for (let n = 0; n < bits; n++) node = (node << 1) | this.#bit(base + node);
    return node - (1 << bits);
  }

  /** The same, low bit first. */
  #reverseTree(base: number, bits: number): number {
    let node = 1;
    let result = 0;
    for (let n = 0; n < bits; n++) {
      const bit = this.#bit(base + node);
      node = (node << 1) | bit;
      result |= bit << n;
    }
    return result;
  }

  #literal(position: number, dictionary: number): number {
    const output = this.#output;
    const previous = position > dictionary ? output[position - 1] : 0;
    const low = (position - dictionary) & this.#literalPositionMask;
    const context = (low << this.#literalContextBits) + (previous >> (8 - this.#literalContextBits));
    const base = LITERALS + context * LITERAL_SIZE;
    let symbol = 1;
    if (this.#state >= AFTER_LITERAL) {
      // After a match the byte that it would have gone on with predicts this one.
      if (this.#distance0 >= position - dictionary) invalid("LZMA data reach back behind their beginning");
      let expected = output[position - this.#distance0 - 1];
      do {
        const bit = (expected >> 7) & 1;
        expected <<= 1;
        const actual = this.#bit(base + ((1 + bit) << 8) + symbol);
        symbol = (symbol << 1) | actual;
        if (bit !== actual) break;
      } while (symbol < 0x100);
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
    return symbol & 0xff;
  }

  /** A match of any kind: leaves its distance - 1 in distance0 and returns its length. */
  #match(positionState: number): number {
    const afterLiteral = this.#state < AFTER_LITERAL;
    if (this.#bit(IS_REPEAT + this.#state) === 0) {
      this.#distance3 = this.#distance2;
      this.#distance2 = this.#distance1;
      this.#distance1 = this.#distance0;
      const length = this.#length(MATCH_LENGTH, positionState);
      this.#state = afterLiteral ? 7 : 10;
      this.#distance0 = this.#distance(length);
      return length;
    }
    if (this.#bit(IS_REPEAT_0 + this.#state) === 0) {
      if (this.#bit(IS_REPEAT_0_LONG + (this.#state << 4) + positionState) === 0) {
        this.#state = afterLiteral ? 9 : 11;
        return 1;
      }
    } else {
      let distance = this.#distance1;
      if (this.#bit(IS_REPEAT_1 + this.#state) !== 0) {
        distance = this.#distance2;
        if (this.#bit(IS_REPEAT_2 + this.#state) !== 0) {
          distance = this.#distance3;
          this.#distance3 = this.#distance2;
        }
        this.#distance2 = this.#distance1;
      }
      this.#distance1 = this.#distance0;
      this.#distance0 = distance;
    }
    const length = this.#length(REPEAT_LENGTH, positionState);
    this.#state = afterLiteral ? 8 : 11;
    return length;
  }

  #length(base: number, positionState: number): number {
    if (this.#bit(base) === 0) return MATCH_MIN + this.#tree(base + LENGTH_LOW + (positionState << 3), 3);
    if (this.#bit(base + 1) === 0) return MATCH_MIN + 8 + this.#tree(base + LENGTH_MIDDLE + (positionState << 3), 3);
    return MATCH_MIN + 16 + this.#tree(base + LENGTH_HIGH, 8);
  }

  /** A distance - 1: the slot holds its two high bits and how many follow. */
  #distance(length: number): number {
    const context = Math.min(length - MATCH_MIN, LENGTH_CONTEXTS - 1);
    const slot = this.#tree(SLOTS + (context << 6), 6);
    if (slot < SLOT_MODELED) return slot;
    const bits = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) << bits;
    if (slot < SLOT_DIRECT) return high + this.#reverseTree(DISTANCE_LOW + high - slot, bits);
    const middle = this.#direct(bits - ALIGN_BITS) << ALIGN_BITS;
    // Unsigned: the largest slots reach 4 GiB, which no output here has.
    return (high | (middle + this.#reverseTree(DISTANCE_ALIGN, ALIGN_BITS))) >>> 0;
  }
}

/** What a chunk's control byte throws away. */
const RESET_STATE = 1;
const RESET_PROPERTIES = 2;
const RESET_DICTIONARY = 3;

/** Decodes the LZMA2 stream at input[at] to output[from]. Returns where both ended. */
export function decodeLzma2(
  input: Uint8Array,
  at: number,
  output: Uint8Array,
  from: number,
): { inputEnd: number; outputEnd: number } {
  const decoder = new LzmaDecoder(input, output);
  let position = from;
  let dictionary = from;
  /** The resets that the next chunk must have, at least. */
  let needed = RESET_DICTIONARY;
  const require = (size: number): void => {
    if (at + size > input.length) invalid("LZMA2 data end in the middle of a chunk");
  };
  for (;;) {
    require(1);
    const control = input[at];
    if (control === 0) return { inputEnd: at + 1, outputEnd: position };
    if (control > 2 && control < 0x80) invalid(`LZMA2 control byte ${control} does not exist`);
    require(6);
    const compressed = control >= 0x80;
    const reset = compressed ? (control >> 5) & 3 : control === 1 ? RESET_DICTIONARY : 0;
    const size = (compressed ? (control & 0x1f) << 16 : 0) + (input[at + 1] << 8) + input[at + 2] + 1;
    if (size > output.length - position) invalid("LZMA2 data are longer than announced");
    if (needed === RESET_DICTIONARY && reset !== RESET_DICTIONARY) invalid("LZMA2 data start without a dictionary");
    if (reset === RESET_DICTIONARY) dictionary = position;
    if (!compressed) {
      require(3 + size);
      output.set(input.subarray(at + 3, at + 3 + size), position);
      at += 3 + size;
      if (needed === RESET_DICTIONARY) needed = RESET_PROPERTIES;
    } else {
      if (reset < needed) invalid("an LZMA2 chunk uses a state that was not set");
      const packed = (input[at + 3] << 8) + input[at + 4] + 1;
      const data = at + (reset >= RESET_PROPERTIES ? 6 : 5);
      if (reset >= RESET_PROPERTIES) decoder.setProperties(input[at + 5]);
      if (reset >= RESET_STATE) decoder.resetState();
      at = data + packed;
      require(0);
      if (packed < 5) invalid("an LZMA2 chunk is too short");
      decoder.decode(data, at, position, position + size, dictionary);
      needed = 0;
    }
    position += size;
  }
}
