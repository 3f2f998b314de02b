// The keyboard at the other end of the 8042's first port (IBM PS/2 Hardware Interface Technical Reference,
// "Keyboards": commands and replies, 16-byte buffer). It speaks scan code sets 1 and 2. What the host
// presses waits here until the guest has taken what came before, and while scanning is off; there is
// no typematic repeat, a host that wants one presses again.

import { HypervisorError } from "../../support/errors.js";
import { type KeyName, keyBytes, strokeOf, Translator } from "./keys.js";

const ACK = 0xfa;
const RESEND = 0xfe;
const BAT_OK = 0xaa;
const ECHO = 0xee;
const IDENTITY = [0xab, 0x83];
/** Bytes that the keyboard stores for the system. */
const BUFFER = 16;
/** Key transitions that the host may be ahead of the guest. */
const WAITING_MAX = 8192;

const Command = {
  SET_LEDS: 0xed,
  ECHO: 0xee,
  SCAN_CODE_SET: 0xf0,
  IDENTIFY: 0xf2,
  TYPEMATIC: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;

interface KeyboardState {
  buffer: number[];
  waiting: number[][];
  scanning: boolean;
  set: number;
  leds: number;
  typematic: number;
  parameterOf: number;
  last: number;
}

export class Keyboard {
  #buffer: number[] = [];
  /** Codes in set 2 of keys that the host has moved and the buffer has no room for yet. */
  #waiting: number[][] = [];
  #scanning = true;
  #set = 2;
  #leds = 0;
  #typematic = 0x2b;
  /** Command whose parameter comes next; 0: none. */
  #parameterOf = 0;
  #last = 0;
  readonly #changed: () => void;

  /** `changed` is called when there may be a byte to send. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Lights: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  get leds(): number {
    return this.#leds;
  }

  press(key: KeyName): void {
    this.#move(key, true);
  }

  release(key: KeyName): void {
    this.#move(key, false);
  }

  /** Types text on a US layout: every character's key, with Shift where it needs it. */
  type(text: string): void {
    const strokes = [...text].map((character) => {
      const stroke = strokeOf(character);
      if (stroke === undefined) {
        throw new HypervisorError("invalid-argument", `no key of a US keyboard types ${JSON.stringify(character)}`);
      }
      return stroke;
    });
    this.#checkRoom(strokes.length * 4);
    for (const { key, shift } of strokes) {
      if (shift) this.press("ShiftLeft");
      this.press(key);
      this.release(key);
      if (shift) this.release("ShiftLeft");
    }
  }

  #checkRoom(transitions: number): void {
    if (this.#waiting.length + transitions > WAITING_MAX) {
      throw new HypervisorError(
        "invalid-argument",
        `the guest has not taken ${this.#waiting.length} key transitions yet; at most ${WAITING_MAX} may wait`,
      );
    }
  }

  #move(key: KeyName, down: boolean): void {
    const bytes = keyBytes(key, down);
    if (bytes === undefined) throw new HypervisorError("invalid-argument", `there is no key "${key}"`);
    this.#checkRoom(1);
    if (bytes.length > 0) this.#waiting.push([...bytes]);
    this.#fill();
    this.#changed();
  }

  /** Takes waiting keys into the buffer, one transition at a time so that none is torn. */
  #fill(): void {
    while (this.#scanning && this.#waiting.length > 0 && this.#buffer.length + this.#waiting[0].length <= BUFFER) {
      const translator = new Translator();
      for (const byte of this.#waiting.shift()!) {
        const sent = this.#set === 1 ? translator.translate(byte) : byte;
        if (sent !== undefined) this.#buffer.push(sent);
      }
    }
  }

  get hasByte(): boolean {
    return this.#buffer.length > 0;
  }

  /** Sends the next byte. */
  take(): number {
    const byte = this.#buffer.shift() ?? 0;
    this.#last = byte;
    this.#fill();
    return byte;
  }

  /** A byte from the system: a command, or the parameter of one. */
  receive(byte: number): void {
    const command = this.#parameterOf;
    this.#parameterOf = 0;
    // A command in the place of a parameter ends the unfinished one.
    if (command !== 0 && byte < Command.SET_LEDS) this.#parameter(command, byte);
    else this.#command(byte);
    this.#changed();
  }

  #reply(...bytes: number[]): void {
    this.#buffer = [...bytes, ...this.#buffer].slice(0, BUFFER);
  }

  #command(command: number): void {
    switch (command) {
      case Command.SET_LEDS:
      case Command.SCAN_CODE_SET:
      case Command.TYPEMATIC:
        this.#parameterOf = command;
        this.#reply(ACK);
        break;
      case Command.ECHO:
        this.#reply(ECHO);
        break;
      case Command.IDENTIFY:
        this.#reply(ACK, ...IDENTITY);
        break;
      case Command.ENABLE:
        this.#buffer = [];
        this.#scanning = true;
        this.#reply(ACK);
        this.#fill();
        break;
      case Command.DISABLE:
      case Command.DEFAULTS:
        this.#defaults();
        this.#scanning = command === Command.DEFAULTS;
        this.#reply(ACK);
        this.#fill();
        break;
      case Command.RESEND:
        this.#reply(this.#last);
        break;
      case Command.RESET:
        this.#defaults();
        this.#leds = 0;
        this.#scanning = true;
        this.#reply(ACK, BAT_OK);
        this.#fill();
        break;
      default:
        this.#reply(RESEND);
        break;
    }
  }

  #parameter(command: number, value: number): void {
    if (command === Command.SET_LEDS) this.#leds = value & 7;
    else if (command === Command.TYPEMATIC) this.#typematic = value & 0x7f;
    else if (value === 0) {
      this.#reply(ACK, this.#set);
      return;
    } else if (value <= 2) {
      this.#buffer = [];
      this.#set = value;
    } else {
      this.#reply(RESEND);
      return;
    }
    this.#reply(ACK);
  }

  #defaults(): void {
    this.#buffer = [];
    this.#set = 2;
    this.#typematic = 0x2b;
  }

  /** As a BIOS leaves it: tested, scanning, nothing pressed. */
  reset(): void {
    this.#defaults();
    this.#waiting = [];
    this.#scanning = true;
    this.#leds = 0;
    this.#parameterOf = 0;
    this.#last = 0;
  }

  save(): KeyboardState {
    return {
      buffer: [...this.#buffer],
      waiting: this.#waiting.map((bytes) => [...bytes]),
      scanning: this.#scanning,
      set: this.#set,
      leds: this.#leds,
      typematic: this.#typematic,
      parameterOf: this.#parameterOf,
      last: this.#last,
    };
  }

  restore(state: unknown): void {
    const saved = state as KeyboardState;
    this.#buffer = saved.buffer.slice(0, BUFFER);
    this.#waiting = saved.waiting.slice(0, WAITING_MAX).map((bytes) => [...bytes]);
    this.#scanning = saved.scanning;
    this.#set = saved.set === 1 ? 1 : 2;
    this.#leds = saved.leds;
    this.#typematic = saved.typematic;
    this.#parameterOf = saved.parameterOf;
    this.#last = saved.last;
  }
}
