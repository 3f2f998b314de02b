// The 8042 keyboard controller with its auxiliary port, at 60h and 64h (IBM PS/2 Hardware Interface Technical
// Reference, "Keyboard and auxiliary device controller"). Answers of the controller itself are there at
// once; bytes of the two devices follow one another with a gap, so that an interrupt handler never finds the
// next byte where it expects the end. The gap is far below the millisecond of the serial line: guest
// time counts instructions, and drivers that bound their polling by a loop count would give up.
//
//   status   PERR | TIME | AUX OBF | NOT LOCKED | COMMAND | SYSTEM | IBF | OBF
//   command  0 | XLATE | AUX OFF | KBD OFF | 0 | SYSTEM | AUX IRQ | KBD IRQ
//   output port  KBD DATA | KBD CLOCK | AUX FULL | KBD FULL | .. | A20 | NOT RESET

import type { Device, DeviceBus, DeviceTimer } from "../../partition/device.js";
import { bytewise } from "../bytewise.js";
import { Keyboard } from "./keyboard.js";
import { Translator } from "./keys.js";
import { Mouse } from "./mouse.js";

const KEYBOARD_LINE = 1;
const MOUSE_LINE = 12;
const DATA_PORT = 0x60;
const COMMAND_PORT = 0x64;

const STATUS_OBF = 0x01;
const STATUS_SYSTEM = 0x04;
const STATUS_COMMAND = 0x08;
const STATUS_NOT_LOCKED = 0x10;
const STATUS_AUX = 0x20;

const KEYBOARD_IRQ = 0x01;
const AUX_IRQ = 0x02;
const SYSTEM = 0x04;
const KEYBOARD_OFF = 0x10;
const AUX_OFF = 0x20;
const TRANSLATE = 0x40;
/** As a BIOS leaves the controller: keyboard on with interrupt and translation, mouse off. */
const COMMAND_DEFAULT = TRANSLATE | AUX_OFF | SYSTEM | KEYBOARD_IRQ;

const OUTPUT_NOT_RESET = 0x01;
const OUTPUT_A20 = 0x02;
const OUTPUT_KEYBOARD_FULL = 0x10;
const OUTPUT_AUX_FULL = 0x20;
const OUTPUT_LINES = 0xc0;
/** The manufacturing jumper is not set and the keyboard is not locked. */
const INPUT_PORT = 0xa0;
const SELF_TEST_OK = 0x55;
const PORT_TEST_OK = 0x00;

const Command = {
  READ_RAM: 0x20,
  WRITE_RAM: 0x60,
  AUX_OFF: 0xa7,
  AUX_ON: 0xa8,
  TEST_AUX: 0xa9,
  SELF_TEST: 0xaa,
  TEST_KEYBOARD: 0xab,
  KEYBOARD_OFF: 0xad,
  KEYBOARD_ON: 0xae,
  READ_INPUT: 0xc0,
  READ_OUTPUT: 0xd0,
  WRITE_OUTPUT: 0xd1,
  KEYBOARD_BUFFER: 0xd2,
  AUX_BUFFER: 0xd3,
  WRITE_AUX: 0xd4,
  A20_OFF: 0xdd,
  A20_ON: 0xdf,
  READ_TEST: 0xe0,
  PULSE: 0xf0,
} as const;

/** Nanoseconds between a byte taken and the next one of a device. */
const GAP = 50_000;
const RAM_SIZE = 32;
const ANSWERS_MAX = 16;

interface Answer {
  byte: number;
  aux: boolean;
}

interface I8042State {
  ram: number[];
  /** Command whose parameter comes next at the data port; 0: the byte is for the keyboard. */
  parameterOf: number;
  lastWasCommand: boolean;
  full: boolean;
  data: number;
  aux: boolean;
  answers: Answer[];
  a20: boolean;
  ready: number;
  deadline: number | null;
  released: boolean;
  keyboard: unknown;
  mouse: unknown;
}

export class I8042 implements Device {
  readonly name = "i8042";
  readonly keyboard = new Keyboard(() => this.#deviceSpoke());
  readonly mouse = new Mouse(() => this.#deviceSpoke());
  #bus: DeviceBus | undefined;
  #timer: DeviceTimer | undefined;
  /** Byte 0 is the command byte. */
  readonly #ram = new Uint8Array(RAM_SIZE);
  #parameterOf = 0;
  #lastWasCommand = false;
  #full = false;
  #data = 0;
  #aux = false;
  /** Bytes of the controller's own that wait for the output buffer. */
  #answers: Answer[] = [];
  #a20 = true;
  /** Guest time from which a device's next byte may come. */
  #ready = 0;
  readonly #translator = new Translator();

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    this.#timer = bus.timer(() => this.#refill());
    bus.ports(
      DATA_PORT,
      1,
      bytewise(DATA_PORT, 1, { read: () => this.#readData(), write: (_port, value) => this.#writeData(value) }),
    );
    bus.ports(
      COMMAND_PORT,
      1,
      bytewise(COMMAND_PORT, 1, { read: () => this.#status, write: (_port, value) => this.#writeCommand(value) }),
    );
  }

  reset(): void {
    this.#ram.fill(0);
    this.#ram[0] = COMMAND_DEFAULT;
    this.#parameterOf = 0;
    this.#lastWasCommand = false;
    this.#full = false;
    this.#data = 0;
    this.#aux = false;
    this.#answers = [];
    this.#a20 = true;
    this.#ready = 0;
    this.#translator.released = false;
    this.keyboard.reset();
    this.mouse.reset();
    this.#timer?.cancel();
    this.#drive();
  }

  save(): I8042State {
    return {
      ram: [...this.#ram],
      parameterOf: this.#parameterOf,
      lastWasCommand: this.#lastWasCommand,
      full: this.#full,
      data: this.#data,
      aux: this.#aux,
      answers: this.#answers.map((answer) => ({ ...answer })),
      a20: this.#a20,
      ready: this.#ready,
      deadline: this.#timer?.deadline ?? null,
      released: this.#translator.released,
      keyboard: this.keyboard.save(),
      mouse: this.mouse.save(),
    };
  }

  restore(state: unknown): void {
    const saved = state as I8042State;
    this.#ram.set(saved.ram.slice(0, RAM_SIZE));
    this.#parameterOf = saved.parameterOf;
    this.#lastWasCommand = saved.lastWasCommand;
    this.#full = saved.full;
    this.#data = saved.data;
    this.#aux = saved.aux;
    this.#answers = saved.answers.slice(0, ANSWERS_MAX);
    this.#a20 = saved.a20;
    this.#ready = saved.ready;
    this.#translator.released = saved.released;
    this.keyboard.restore(saved.keyboard);
    this.mouse.restore(saved.mouse);
    // Nothing moves: a byte that is due comes when the timer says so.
    if (saved.deadline === null) this.#timer?.cancel();
    else this.#timer?.set(saved.deadline);
    this.#drive();
  }

  get #status(): number {
    return (
      (this.#full ? STATUS_OBF | (this.#aux ? STATUS_AUX : 0) : 0) |
      (this.#ram[0] & SYSTEM ? STATUS_SYSTEM : 0) |
      (this.#lastWasCommand ? STATUS_COMMAND : 0) |
      STATUS_NOT_LOCKED
    );
  }

  #readData(): number {
    if (this.#full) {
      this.#full = false;
      this.#ready = (this.#bus?.nanoseconds ?? 0) + GAP;
      this.#drive();
      this.#refill();
    }
    return this.#data;
  }

  /** Interrupt lines follow the output buffer. */
  #drive(): void {
    this.#bus?.interrupt(KEYBOARD_LINE, this.#full && !this.#aux && (this.#ram[0] & KEYBOARD_IRQ) !== 0);
    this.#bus?.interrupt(MOUSE_LINE, this.#full && this.#aux && (this.#ram[0] & AUX_IRQ) !== 0);
  }

  #load(byte: number, aux: boolean): void {
    this.#full = true;
    this.#data = byte;
    this.#aux = aux;
    this.#drive();
  }

  /** Moves the next byte into the output buffer, or waits for the moment when it may come. */
  #refill(): void {
    if (this.#full) return;
    const answer = this.#answers.shift();
    if (answer !== undefined) {
      this.#load(answer.byte, answer.aux);
      return;
    }
    const keyboard = this.keyboard.hasByte && (this.#ram[0] & KEYBOARD_OFF) === 0;
    const mouse = this.mouse.hasByte && (this.#ram[0] & AUX_OFF) === 0;
    if (!keyboard && !mouse) return;
    if (this.#bus !== undefined && this.#bus.nanoseconds < this.#ready) {
      this.#timer?.set(this.#ready);
      return;
    }
    if (!keyboard) {
      this.#load(this.mouse.take(), true);
      return;
    }
    const byte = this.keyboard.take();
    const code = (this.#ram[0] & TRANSLATE) !== 0 ? this.#translator.translate(byte) : byte;
    if (code === undefined) this.#refill();
    else this.#load(code, false);
  }

  /** Bytes of a device take their time on the line. */
  #deviceSpoke(): void {
    if (this.#timer?.deadline === undefined) this.#ready = (this.#bus?.nanoseconds ?? 0) + GAP;
    this.#refill();
  }

  #answer(byte: number, aux = false): void {
    if (this.#answers.length < ANSWERS_MAX) this.#answers.push({ byte, aux });
    this.#refill();
  }

  #writeCommand(command: number): void {
    this.#lastWasCommand = true;
    this.#parameterOf = 0;
    if (command >= Command.PULSE) {
      if ((command & OUTPUT_NOT_RESET) === 0) this.#bus?.reset();
    } else if (command >= Command.READ_RAM && command < Command.READ_RAM + RAM_SIZE) {
      this.#answer(this.#ram[command - Command.READ_RAM]);
    } else if (command >= Command.WRITE_RAM && command < Command.WRITE_RAM + RAM_SIZE) this.#parameterOf = command;
    else this.#execute(command);
  }

  #execute(command: number): void {
    switch (command) {
      case Command.AUX_OFF:
        this.#configure(this.#ram[0] | AUX_OFF);
        break;
      case Command.AUX_ON:
        this.#configure(this.#ram[0] & ~AUX_OFF);
        break;
      case Command.KEYBOARD_OFF:
        this.#configure(this.#ram[0] | KEYBOARD_OFF);
        break;
      case Command.KEYBOARD_ON:
        this.#configure(this.#ram[0] & ~KEYBOARD_OFF);
        break;
      case Command.TEST_AUX:
      case Command.TEST_KEYBOARD:
        this.#answer(PORT_TEST_OK);
        break;
      case Command.SELF_TEST:
        this.#configure(this.#ram[0] | SYSTEM);
        this.#answer(SELF_TEST_OK);
        break;
      case Command.READ_INPUT:
        this.#answer(INPUT_PORT);
        break;
      case Command.READ_OUTPUT:
        this.#answer(this.#outputPort);
        break;
      case Command.WRITE_OUTPUT:
      case Command.KEYBOARD_BUFFER:
      case Command.AUX_BUFFER:
      case Command.WRITE_AUX:
        this.#parameterOf = command;
        break;
      case Command.A20_OFF:
        this.a20 = false;
        break;
      case Command.A20_ON:
        this.a20 = true;
        break;
      case Command.READ_TEST:
        this.#answer(0);
        break;
      default:
        break;
    }
  }

  #configure(command: number): void {
    this.#ram[0] = command;
    this.#drive();
    this.#refill();
  }

  get #outputPort(): number {
    const full = this.#full ? (this.#aux ? OUTPUT_AUX_FULL : OUTPUT_KEYBOARD_FULL) : 0;
    return OUTPUT_LINES | full | (this.#a20 ? OUTPUT_A20 : 0) | OUTPUT_NOT_RESET;
  }

  /** The gate on address line 20, as this controller drives it. */
  get a20(): boolean {
    return this.#a20;
  }
  set a20(open: boolean) {
    this.#a20 = open;
    this.#bus?.setA20(open);
  }

  #writeData(value: number): void {
    const command = this.#parameterOf;
    this.#lastWasCommand = false;
    this.#parameterOf = 0;
    switch (command) {
      case 0:
        // Sending to the keyboard needs its clock: the controller turns it on.
        this.#configure(this.#ram[0] & ~KEYBOARD_OFF);
        this.keyboard.receive(value);
        break;
      case Command.WRITE_OUTPUT:
        this.a20 = (value & OUTPUT_A20) !== 0;
        if ((value & OUTPUT_NOT_RESET) === 0) this.#bus?.reset();
        break;
      case Command.KEYBOARD_BUFFER:
        this.#answer(value);
        break;
      case Command.AUX_BUFFER:
        this.#answer(value, true);
        break;
      case Command.WRITE_AUX:
        this.#configure(this.#ram[0] & ~AUX_OFF);
        this.mouse.receive(value);
        break;
      case Command.WRITE_RAM:
        this.#configure(value);
        break;
      default:
        this.#ram[command - Command.WRITE_RAM] = value;
        break;
    }
  }
}
