// Keys of a 102-key PC keyboard by their position (the names of KeyboardEvent.code in UI Events), their codes
// in scan code set 2, the controller's translation into set 1, and the US layout for typing text
// (IBM PS/2 Hardware Interface Technical Reference, "Keyboards"; Microsoft Keyboard Scan Code Specification).

export const RELEASE = 0xf0;
export const EXTENDED = 0xe0;

/** Set 2 make codes; E0xxh is the extended code xx. */
const MAKE_CODES = {
  Escape: 0x76, F1: 0x05, F2: 0x06, F3: 0x04, F4: 0x0c, F5: 0x03, F6: 0x0b, F7: 0x83, F8: 0x0a, F9: 0x01, F10: 0x09,
  F11: 0x78, F12: 0x07, ScrollLock: 0x7e,
  Backquote: 0x0e, Digit1: 0x16, Digit2: 0x1e, Digit3: 0x26, Digit4: 0x25, Digit5: 0x2e, Digit6: 0x36, Digit7: 0x3d,
  Digit8: 0x3e, Digit9: 0x46, Digit0: 0x45, Minus: 0x4e, Equal: 0x55, Backspace: 0x66,
  Tab: 0x0d, KeyQ: 0x15, KeyW: 0x1d, KeyE: 0x24, KeyR: 0x2d, KeyT: 0x2c, KeyY: 0x35, KeyU: 0x3c, KeyI: 0x43, KeyO: 0x44,
  KeyP: 0x4d, BracketLeft: 0x54, BracketRight: 0x5b, Backslash: 0x5d,
  CapsLock: 0x58, KeyA: 0x1c, KeyS: 0x1b, KeyD: 0x23, KeyF: 0x2b, KeyG: 0x34, KeyH: 0x33, KeyJ: 0x3b, KeyK: 0x42,
  KeyL: 0x4b, Semicolon: 0x4c, Quote: 0x52, Enter: 0x5a,
  ShiftLeft: 0x12, IntlBackslash: 0x61, KeyZ: 0x1a, KeyX: 0x22, KeyC: 0x21, KeyV: 0x2a, KeyB: 0x32, KeyN: 0x31,
  KeyM: 0x3a, Comma: 0x41, Period: 0x49, Slash: 0x4a, ShiftRight: 0x59,
  ControlLeft: 0x14, MetaLeft: 0xe01f, AltLeft: 0x11, Space: 0x29, AltRight: 0xe011, MetaRight: 0xe027,
  ContextMenu: 0xe02f, ControlRight: 0xe014,
  Insert: 0xe070, Home: 0xe06c, PageUp: 0xe07d, Delete: 0xe071, End: 0xe069, PageDown: 0xe07a,
  ArrowUp: 0xe075, ArrowLeft: 0xe06b, ArrowDown: 0xe072, ArrowRight: 0xe074,
  NumLock: 0x77, NumpadDivide: 0xe04a, NumpadMultiply: 0x7c, NumpadSubtract: 0x7b, NumpadAdd: 0x79,
  NumpadEnter: 0xe05a, NumpadDecimal: 0x71, Numpad0: 0x70, Numpad1: 0x69, Numpad2: 0x72, Numpad3: 0x7a, Numpad4: 0x6b,
  Numpad5: 0x73, Numpad6: 0x74, Numpad7: 0x6c, Numpad8: 0x75, Numpad9: 0x7d,
}; // biome-ignore format: a table in rows of the keyboard

/** Keys whose codes follow no rule: what pressing and releasing them sends in set 2. */
const IRREGULAR = {
  PrintScreen: [
    [0xe0, 0x12, 0xe0, 0x7c],
    [0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12],
  ],
  Pause: [[0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77], []],
} as const;

export type KeyName = keyof typeof MAKE_CODES | keyof typeof IRREGULAR;
export const keyNames = [...Object.keys(MAKE_CODES), ...Object.keys(IRREGULAR)] as readonly KeyName[];

/** Bytes in set 2 of a key going down or up. */
export function keyBytes(key: KeyName, down: boolean): readonly number[] | undefined {
  if (Object.hasOwn(IRREGULAR, key)) return IRREGULAR[key as keyof typeof IRREGULAR][down ? 0 : 1];
  if (!Object.hasOwn(MAKE_CODES, key)) return undefined;
  const code = MAKE_CODES[key as keyof typeof MAKE_CODES];
  const bytes = code > 0xff ? [EXTENDED] : [];
  if (!down) bytes.push(RELEASE);
  bytes.push(code & 0xff);
  return bytes;
}

/** Set 1 code of each set 2 code, as the 8042's firmware translates; from 85h on nothing changes. */
const TRANSLATION = Uint8Array.of(
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
  0x80, 0x81, 0x82, 0x41, 0x54,
); // biome-ignore format: 16 codes in a row

/** The translation of a stream from set 2 to set 1: F0h becomes bit 7 of the code behind it. */
export class Translator {
  #release = false;

  /** The byte in set 1, or undefined where it only announces a release. */
  translate(byte: number): number | undefined {
    if (byte === RELEASE) {
      this.#release = true;
      return undefined;
    }
    const code = byte < TRANSLATION.length ? TRANSLATION[byte] : byte;
    const translated = this.#release ? code | 0x80 : code;
    this.#release = false;
    return translated;
  }

  get released(): boolean {
    return this.#release;
  }
  set released(value: boolean) {
    this.#release = value;
  }
}

/** Characters of the US layout by key: plain and with Shift. */
const LAYOUT: Partial<Record<KeyName, string>> = {
  Backquote: "`~", Digit1: "1!", Digit2: "2@", Digit3: "3#", Digit4: "4$", Digit5: "5%", Digit6: "6^", Digit7: "7&",
  Digit8: "8*", Digit9: "9(", Digit0: "0)", Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}",
  Backslash: "\\|", Semicolon: ";:", Quote: "'\"", Comma: ",<", Period: ".>", Slash: "/?", Space: " ", Enter: "\n",
  Tab: "\t", Backspace: "\b", Escape: "\x1b",
}; // biome-ignore format: a table
for (const letter of "abcdefghijklmnopqrstuvwxyz") {
  LAYOUT[`Key${letter.toUpperCase()}` as KeyName] = letter + letter.toUpperCase();
}

const STROKES = new Map<string, { key: KeyName; shift: boolean }>();
for (const [key, characters] of Object.entries(LAYOUT)) {
  for (const [n, character] of [...characters].entries())
    STROKES.set(character, { key: key as KeyName, shift: n === 1 });
}
STROKES.set("\r", { key: "Enter", shift: false });

/** The key that types a character on a US keyboard. */
export function strokeOf(character: string): { key: KeyName; shift: boolean } | undefined {
  return STROKES.get(character);
}
