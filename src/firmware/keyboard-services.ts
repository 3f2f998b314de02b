// The keyboard of the BIOS: INT 9, which turns scan codes into characters in the data area's ring, and INT 16h, which
// hands them out (IBM PS/2 and PC BIOS interface technical reference, "Interrupt 09h", "Interrupt 16h"). The
// layout is the US one. An entry of the ring is a character in the low byte and a scan code in the high
// one; keys without a character have 0, those that only the 101-key keyboard has E0h.

import { type DataArea, Field } from "./data-area.js";
import type { Frame } from "./frame.js";

/** Characters by scan code, from 0 on. */
const PLAIN = "\0\x1b1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
const SHIFTED = '\0\x1b!@#$%^&*()_+\b\0QWERTYUIOP{}\r\0ASDFGHJKL:"~\0|ZXCVBNM<>?\0*\0 ';
/** Digits of the keypad with Num Lock, from scan code 47h on. */
const KEYPAD = "789-456+1230.";
const KEYPAD_FIRST = 0x47;
/** Scan codes that Ctrl gives to the keys of the keypad; 0: none. */
const KEYPAD_CONTROL = [0x77, 0x8d, 0x84, 0x8e, 0x73, 0x8f, 0x74, 0x90, 0x75, 0x91, 0x76, 0x92, 0x93];
const LETTERS = /^[a-z]$/;

const Scan = {
  BACKSPACE: 0x0e,
  TAB: 0x0f,
  ENTER: 0x1c,
  CONTROL: 0x1d,
  LEFT_SHIFT: 0x2a,
  SLASH: 0x35,
  RIGHT_SHIFT: 0x36,
  PRINT: 0x37,
  ALT: 0x38,
  SPACE: 0x39,
  CAPS_LOCK: 0x3a,
  F1: 0x3b,
  F10: 0x44,
  NUM_LOCK: 0x45,
  SCROLL_LOCK: 0x46,
  INSERT: 0x52,
  DELETE: 0x53,
  F11: 0x57,
  F12: 0x58,
  EXTENDED: 0xe0,
  PAUSE: 0xe1,
} as const;
const RELEASED = 0x80;

/** Shift flags at 40:17h. */
const RIGHT_SHIFT = 0x01;
const LEFT_SHIFT = 0x02;
const CONTROL = 0x04;
const ALT = 0x08;
const SCROLL_LOCK = 0x10;
const NUM_LOCK = 0x20;
const CAPS_LOCK = 0x40;
const INSERT = 0x80;
const SHIFT = RIGHT_SHIFT | LEFT_SHIFT;
/** Flags at 40:96h: what came last, and that the keyboard has 101 keys. */
const LAST_E1 = 0x01;
const LAST_E0 = 0x02;
const KEYS_101 = 0x10;

const MODIFIERS: Readonly<Record<number, number>> = {
  [Scan.LEFT_SHIFT]: LEFT_SHIFT,
  [Scan.RIGHT_SHIFT]: RIGHT_SHIFT,
  [Scan.CONTROL]: CONTROL,
  [Scan.ALT]: ALT,
};
const TOGGLES: Readonly<Record<number, number>> = {
  [Scan.CAPS_LOCK]: CAPS_LOCK,
  [Scan.NUM_LOCK]: NUM_LOCK,
  [Scan.SCROLL_LOCK]: SCROLL_LOCK,
};

/** Character of a key that Ctrl changes, by its plain character. */
function controlCharacter(plain: string): number | undefined {
  if (LETTERS.test(plain)) return plain.charCodeAt(0) - 0x60;
  return {
    "[": 0x1b,
    "\\": 0x1c,
    "]": 0x1d,
    "6": 0x1e,
    "-": 0x1f,
    "2": 0,
    "\b": 0x7f,
    "\r": 0x0a,
    "\x1b": 0x1b,
    " ": 0x20,
  }[plain];
}

const word = (scan: number, character: number): number => (scan << 8) | character;

/** Entry of the ring for a key; undefined where it has none. */
function keyWord(scan: number, extended: boolean, flags: number): number | undefined {
  if (extended) return extendedWord(scan, flags);
  const control = (flags & CONTROL) !== 0;
  const alt = (flags & ALT) !== 0;
  const shift = (flags & SHIFT) !== 0;
  if (scan >= Scan.F1 && scan <= Scan.F10) {
    const first = alt ? 0x68 : control ? 0x5e : shift ? 0x54 : Scan.F1;
    return word(first + scan - Scan.F1, 0);
  }
  if (scan === Scan.F11 || scan === Scan.F12) {
    return word((alt ? 0x8b : control ? 0x89 : shift ? 0x87 : 0x85) + scan - Scan.F11, 0);
  }
  if (scan >= KEYPAD_FIRST && scan <= Scan.DELETE) return keypadWord(scan, flags);
  if (scan >= PLAIN.length) return undefined;
  const plain = PLAIN[scan];
  if (plain === "\0") return undefined;
  if (alt) return altWord(scan, plain);
  if (control) {
    if (scan === Scan.TAB) return word(0x94, 0);
    const character = controlCharacter(plain);
    return character === undefined ? undefined : word(scan, character);
  }
  const upper = LETTERS.test(plain) ? shift !== ((flags & CAPS_LOCK) !== 0) : shift;
  return word(scan, (upper ? SHIFTED : PLAIN).charCodeAt(scan));
}

function altWord(scan: number, plain: string): number | undefined {
  if (/[0-9]/.test(plain) || plain === "-" || plain === "=") return word(scan + 0x76, 0);
  if (scan === Scan.TAB) return word(0xa5, 0);
  if (scan === Scan.SPACE) return word(scan, 0x20);
  return word(scan, 0);
}

function keypadWord(scan: number, flags: number): number | undefined {
  const index = scan - KEYPAD_FIRST;
  if ((flags & ALT) !== 0) return undefined;
  if ((flags & CONTROL) !== 0) return word(KEYPAD_CONTROL[index], 0);
  const character = KEYPAD.charCodeAt(index);
  const isSign = KEYPAD[index] === "-" || KEYPAD[index] === "+";
  const digits = ((flags & NUM_LOCK) !== 0) !== ((flags & SHIFT) !== 0);
  return word(scan, isSign || digits ? character : 0);
}

/** Keys behind E0h: cursor block, second Enter and slash. */
function extendedWord(scan: number, flags: number): number | undefined {
  if (scan === Scan.ENTER) return word(Scan.EXTENDED, (flags & CONTROL) !== 0 ? 0x0a : 0x0d);
  if (scan === Scan.SLASH) return word(Scan.EXTENDED, 0x2f);
  if (scan < KEYPAD_FIRST || scan > Scan.DELETE) return undefined;
  if ((flags & ALT) !== 0) return word(scan + 0x50, 0);
  if ((flags & CONTROL) !== 0) return word(KEYPAD_CONTROL[scan - KEYPAD_FIRST], Scan.EXTENDED);
  return word(scan, Scan.EXTENDED);
}

export class KeyboardServices {
  readonly #area: DataArea;
  readonly #reset: () => void;

  /** `reset` is what Ctrl, Alt and Del ask for. */
  constructor(area: DataArea, reset: () => void) {
    this.#area = area;
    this.#reset = reset;
  }

  initialise(): void {
    this.#area.set(Field.KEYBOARD, KEYS_101);
  }

  /** INT 9: a scan code of set 1 has come. */
  scanned(code: number): void {
    const area = this.#area;
    const state = area.get(Field.KEYBOARD);
    if (code === Scan.EXTENDED || code === Scan.PAUSE) {
      area.set(Field.KEYBOARD, state | (code === Scan.EXTENDED ? LAST_E0 : LAST_E1));
      return;
    }
    const scan = code & ~RELEASED;
    // Pause is E1 1D 45: its Ctrl and Num Lock are not those of the keyboard.
    if ((state & LAST_E1) !== 0) {
      if (scan !== Scan.CONTROL) area.set(Field.KEYBOARD, state & ~LAST_E1);
      return;
    }
    area.set(Field.KEYBOARD, state & ~LAST_E0);
    const extended = (state & LAST_E0) !== 0;
    const isShift = scan === Scan.LEFT_SHIFT || scan === Scan.RIGHT_SHIFT;
    // Print Screen and the cursor block send shifts of their own.
    if (extended && isShift) return;
    if (this.#modify(scan, extended, (code & RELEASED) !== 0) || (code & RELEASED) !== 0) return;
    const flags = area.get(Field.SHIFT_FLAGS);
    if (scan === Scan.DELETE && (flags & (CONTROL | ALT)) === (CONTROL | ALT)) {
      this.#reset();
      return;
    }
    if (scan === Scan.INSERT && (flags & (CONTROL | ALT)) === 0) area.set(Field.SHIFT_FLAGS, flags ^ INSERT);
    const entry = keyWord(scan, extended, flags);
    if (entry !== undefined) this.#push(entry);
  }

  /** Shift keys and locks. True: the key is one of them. */
  #modify(scan: number, extended: boolean, released: boolean): boolean {
    const area = this.#area;
    const flags = area.get(Field.SHIFT_FLAGS);
    const held = MODIFIERS[scan];
    if (held !== undefined) {
      area.set(Field.SHIFT_FLAGS, released ? flags & ~held : flags | held);
      return true;
    }
    const toggle = extended ? undefined : TOGGLES[scan];
    if (toggle === undefined) return false;
    const down = area.get(Field.KEYS_DOWN);
    // Only the first code of a held key counts.
    if (!released && (down & toggle) === 0) area.set(Field.SHIFT_FLAGS, flags ^ toggle);
    area.set(Field.KEYS_DOWN, released ? down & ~toggle : down | toggle);
    return true;
  }

  /** Next position in the ring. */
  #after(position: number): number {
    const next = position + 2;
    return next >= this.#area.get(Field.KEYS_LAST, 2) ? this.#area.get(Field.KEYS_FIRST, 2) : next;
  }

  #push(entry: number): boolean {
    const tail = this.#area.get(Field.KEYS_TAIL, 2);
    const next = this.#after(tail);
    if (next === this.#area.get(Field.KEYS_HEAD, 2)) return false;
    this.#area.set(tail, entry, 2);
    this.#area.set(Field.KEYS_TAIL, next, 2);
    return true;
  }

  /** First entry; for the functions of the 84-key keyboard, the first that such a keyboard could have made. */
  #peek(enhanced: boolean): number | undefined {
    for (let skipped = 0; skipped < 256; skipped++) {
      const head = this.#area.get(Field.KEYS_HEAD, 2);
      if (head === this.#area.get(Field.KEYS_TAIL, 2)) return undefined;
      const entry = this.#area.get(head, 2);
      if (enhanced) return entry;
      const plain = asPlain(entry);
      if (plain !== undefined) return plain;
      this.#area.set(Field.KEYS_HEAD, this.#after(head), 2);
    }
    return undefined;
  }

  /** INT 16h. */
  serve(frame: Frame): void {
    const enhanced = (frame.ah & 0x10) !== 0;
    switch (frame.ah) {
      case 0x00:
      case 0x10: {
        const entry = this.#peek(enhanced);
        if (entry === undefined) frame.wait();
        else {
          this.#area.set(Field.KEYS_HEAD, this.#after(this.#area.get(Field.KEYS_HEAD, 2)), 2);
          frame.ax = entry;
        }
        break;
      }
      case 0x01:
      case 0x11: {
        const entry = this.#peek(enhanced);
        frame.zero = entry === undefined;
        if (entry !== undefined) frame.ax = entry;
        break;
      }
      case 0x02:
        frame.al = this.#area.get(Field.SHIFT_FLAGS);
        break;
      case 0x05:
        frame.al = this.#push(frame.cx) ? 0 : 1;
        break;
      case 0x12:
        frame.al = this.#area.get(Field.SHIFT_FLAGS);
        frame.ah = this.#area.get(Field.KEYS_DOWN);
        break;
      default:
        break;
    }
  }
}

/** What functions 00h and 01h show of an entry; undefined: a key that the 84-key keyboard does not have. */
function asPlain(entry: number): number | undefined {
  const character = entry & 0xff;
  const scan = entry >> 8;
  if (scan === Scan.EXTENDED) return character === 0x2f ? word(Scan.SLASH, character) : word(Scan.ENTER, character);
  if (character === Scan.EXTENDED && scan !== 0) return scan > 0x84 ? undefined : word(scan, 0);
  return scan > 0x84 && character === 0 ? undefined : entry;
}
