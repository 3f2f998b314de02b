// The keyboard controller, the keyboard and the mouse, driven through their ports as the PS/2 technical
// reference and Linux's probing do.

import { beforeEach, describe, expect, test } from "vitest";
import { I8042 } from "../../src/device/i8042/controller.js";
import { keyNames } from "../../src/device/i8042/keys.js";
import { FakeBus } from "./bus.js";

const GAP = 100_000;
let bus: FakeBus;
let device: I8042;

const command = (byte: number): void => bus.out(0x64, byte);
const data = (byte: number): void => bus.out(0x60, byte);
const status = (): number => bus.in(0x64);
/** Everything that the controller hands out, waiting between the bytes. */
function drain(limit = 200): number[] {
  const bytes: number[] = [];
  for (let n = 0; n < limit; n++) {
    bus.advance(GAP);
    if ((status() & 1) === 0) break;
    bytes.push(bus.in(0x60));
  }
  return bytes;
}
function ask(byte: number): number[] {
  command(byte);
  return drain();
}
function configure(byte: number): void {
  command(0x60);
  data(byte);
}
function toMouse(byte: number): number[] {
  command(0xd4);
  data(byte);
  return drain();
}
function toKeyboard(...bytes: number[]): number[] {
  return bytes.flatMap((byte) => {
    data(byte);
    return drain();
  });
}

beforeEach(() => {
  bus = new FakeBus();
  device = bus.attach(new I8042());
});

describe("controller", () => {
  test("self test, port tests, status", () => {
    expect(ask(0xaa)).toEqual([0x55]);
    expect(ask(0xab)).toEqual([0x00]);
    expect(ask(0xa9)).toEqual([0x00]);
    expect(status()).toBe(0x1c); // not locked, last write was a command, system flag
    data(0xee);
    expect(status() & 0x08).toBe(0);
  });

  test("the command byte and the other RAM bytes are read and written", () => {
    configure(0x47);
    expect(ask(0x20)).toEqual([0x47]);
    command(0x7f);
    data(0x12);
    expect(ask(0x3f)).toEqual([0x12]);
    expect(ask(0x20)).toEqual([0x47]);
  });

  test("A7h, A8h, ADh and AEh change the disable bits", () => {
    configure(0x00);
    for (const [byte, expected] of [
      [0xa7, 0x20],
      [0xad, 0x30],
      [0xa8, 0x10],
      [0xae, 0x00],
    ]) {
      command(byte);
      expect(ask(0x20)).toEqual([expected]);
    }
  });

  test("D2h and D3h put a byte into the output buffer as if a device had sent it", () => {
    configure(0x47);
    command(0xd3);
    data(0x5a);
    expect(status() & 0x21).toBe(0x21);
    expect([bus.lines[1], bus.lines[12]]).toEqual([false, true]);
    expect(bus.in(0x60)).toBe(0x5a);
    expect(bus.lines[12]).toBe(false);
    command(0xd2);
    data(0xa5);
    expect(status() & 0x21).toBe(0x01);
    expect([bus.lines[1], bus.lines[12]]).toEqual([true, false]);
    expect(bus.in(0x60)).toBe(0xa5);
  });

  test("the A20 gate through the output port and the direct commands", () => {
    command(0xd1);
    data(0xdd);
    expect(bus.a20).toBe(false);
    expect(ask(0xd0)[0] & 0x03).toBe(0x01);
    command(0xd1);
    data(0xdf);
    expect(bus.a20).toBe(true);
    expect(ask(0xd0)[0] & 0x03).toBe(0x03);
    command(0xdd);
    expect(bus.a20).toBe(false);
    command(0xdf);
    expect(bus.a20).toBe(true);
    expect(bus.resets).toBe(0);
  });

  test("FEh and bit 0 of the output port reset the machine; other pulses do not", () => {
    command(0xff);
    expect(bus.resets).toBe(0);
    command(0xfe);
    expect(bus.resets).toBe(1);
    command(0xd1);
    data(0xde);
    expect(bus.resets).toBe(2);
  });

  test("a byte stays readable and an empty buffer answers the last one", () => {
    device.keyboard.press("KeyA");
    bus.advance(GAP);
    expect(bus.in(0x60)).toBe(0x1e);
    expect(status() & 1).toBe(0);
    expect(bus.in(0x60)).toBe(0x1e);
  });

  test("interrupts follow the output buffer and their enables", () => {
    device.keyboard.press("KeyA");
    device.keyboard.release("KeyA");
    bus.advance(GAP);
    expect(bus.lines[1]).toBe(true);
    configure(0x64);
    expect(bus.lines[1]).toBe(false);
    configure(0x65);
    expect(bus.lines[1]).toBe(true);
    bus.in(0x60);
    expect(bus.lines[1]).toBe(false);
    bus.advance(GAP);
    expect(bus.lines[1]).toBe(true);
    expect(bus.edges.filter((edge) => edge === "1+")).toHaveLength(3);
  });
});

describe("keyboard", () => {
  test("reset, identification with and without translation, echo", () => {
    expect(toKeyboard(0xff)).toEqual([0xfa, 0xaa]);
    expect(toKeyboard(0xf2)).toEqual([0xfa, 0xab, 0x41]);
    configure(0x24);
    expect(toKeyboard(0xf2)).toEqual([0xfa, 0xab, 0x83]);
    expect(toKeyboard(0xee)).toEqual([0xee]);
    expect(toKeyboard(0x05)).toEqual([0xfe]);
  });

  test("LEDs, typematic rate and an interrupted command", () => {
    expect(toKeyboard(0xed, 0x06)).toEqual([0xfa, 0xfa]);
    expect(device.keyboard.leds).toBe(6);
    expect(toKeyboard(0xf3, 0x00)).toEqual([0xfa, 0xfa]);
    expect(toKeyboard(0xed, 0xf4)).toEqual([0xfa, 0xfa]);
    expect(device.keyboard.leds).toBe(6);
    expect(toKeyboard(0xfe)).toEqual([0xfa]);
  });

  test("scan codes in set 2, translated to set 1, and natively in set 1", () => {
    const strokes = (): number[] => {
      for (const key of ["KeyQ", "ArrowUp", "F7"] as const) {
        device.keyboard.press(key);
        device.keyboard.release(key);
      }
      return drain();
    };
    const set1 = [0x10, 0x90, 0xe0, 0x48, 0xe0, 0xc8, 0x41, 0xc1];
    expect(strokes()).toEqual(set1);
    configure(0x24);
    expect(strokes()).toEqual([0x15, 0xf0, 0x15, 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0x83, 0xf0, 0x83]);
    expect(toKeyboard(0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x02]);
    expect(toKeyboard(0xf0, 0x01)).toEqual([0xfa, 0xfa]);
    expect(strokes()).toEqual(set1);
    expect(toKeyboard(0xf0, 0x03)).toEqual([0xfa, 0xfe]);
  });

  test("the irregular keys in set 1", () => {
    device.keyboard.press("PrintScreen");
    device.keyboard.release("PrintScreen");
    device.keyboard.press("Pause");
    device.keyboard.release("Pause");
    expect(drain()).toEqual([
      ...[0xe0, 0x2a, 0xe0, 0x37, 0xe0, 0xb7, 0xe0, 0xaa],
      ...[0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5],
    ]);
  });

  test("set 1 make codes of the typewriter rows follow their places", () => {
    const rows: [number, string][] = [
      [0x02, "Digit1 Digit2 Digit3 Digit4 Digit5 Digit6 Digit7 Digit8 Digit9 Digit0 Minus Equal Backspace Tab"],
      [0x10, "KeyQ KeyW KeyE KeyR KeyT KeyY KeyU KeyI KeyO KeyP BracketLeft BracketRight Enter ControlLeft"],
      [0x1e, "KeyA KeyS KeyD KeyF KeyG KeyH KeyJ KeyK KeyL Semicolon Quote Backquote ShiftLeft Backslash"],
      [0x2c, "KeyZ KeyX KeyC KeyV KeyB KeyN KeyM Comma Period Slash ShiftRight NumpadMultiply AltLeft Space CapsLock"],
      [0x3b, "F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NumLock ScrollLock Numpad7 Numpad8 Numpad9 NumpadSubtract Numpad4"],
      [0x4c, "Numpad5 Numpad6 NumpadAdd Numpad1 Numpad2 Numpad3 Numpad0 NumpadDecimal"],
      [0x56, "IntlBackslash F11 F12"],
    ];
    for (const [first, names] of rows) {
      for (const [n, name] of names.split(" ").entries()) {
        device.keyboard.press(name as (typeof keyNames)[number]);
        expect(drain(), name).toEqual([first + n]);
      }
    }
  });

  test("every key releases what it presses", () => {
    for (const key of keyNames.filter((name) => name !== "Pause")) {
      device.keyboard.press(key);
      const down = drain();
      device.keyboard.release(key);
      const up = drain();
      const codes = (bytes: number[]): number[] => bytes.filter((byte) => byte !== 0xe0).sort((a, b) => a - b);
      expect(codes(up), key).toEqual(codes(down).map((byte) => byte | 0x80));
    }
  });

  test("typed text arrives whole, however slow the guest is", () => {
    device.keyboard.type("Hi!\n");
    expect(drain()).toEqual([0x2a, 0x23, 0xa3, 0xaa, 0x17, 0x97, 0x2a, 0x02, 0x82, 0xaa, 0x1c, 0x9c]);
    const text = "the quick brown fox ".repeat(10);
    device.keyboard.type(text);
    expect(drain(1000)).toHaveLength(text.length * 2);
    expect(() => device.keyboard.type("ä")).toThrow(/US keyboard/);
    expect(() => device.keyboard.type("x".repeat(5000))).toThrow(/may wait/);
  });

  test("keys wait while scanning is disabled or the controller holds the clock", () => {
    expect(toKeyboard(0xf5)).toEqual([0xfa]);
    device.keyboard.press("KeyA");
    expect(drain()).toEqual([]);
    expect(toKeyboard(0xf4)).toEqual([0xfa, 0x1e]);
    command(0xad);
    device.keyboard.press("KeyB");
    expect(drain()).toEqual([]);
    command(0xae);
    expect(drain()).toEqual([0x30]);
  });

  test("a host is told about keys that do not exist", () => {
    expect(() => device.keyboard.press("Any" as never)).toThrow(/no key/);
    expect(() => device.keyboard.press("toString" as never)).toThrow(/no key/);
  });
});

describe("mouse", () => {
  beforeEach(() => configure(0x47));

  test("reset, identification, status", () => {
    expect(toMouse(0xff)).toEqual([0xfa, 0xaa, 0x00]);
    expect(toMouse(0xf2)).toEqual([0xfa, 0x00]);
    expect(toMouse(0xe9)).toEqual([0xfa, 0x00, 0x02, 100]);
    expect(toMouse(0xe8)).toEqual([0xfa]);
    expect(toMouse(0x03)).toEqual([0xfa]);
    expect(toMouse(0xf3)).toEqual([0xfa]);
    expect(toMouse(40)).toEqual([0xfa]);
    expect(toMouse(0xf4)).toEqual([0xfa]);
    expect(toMouse(0xe9)).toEqual([0xfa, 0x20, 0x03, 40]);
    expect(toMouse(0x12)).toEqual([0xfe]);
  });

  test("stream mode: packets on line 12, movement signed with up positive", () => {
    toMouse(0xf4);
    device.mouse.move(5, 3);
    bus.advance(GAP);
    expect(bus.lines[12]).toBe(true);
    expect(status() & 0x21).toBe(0x21);
    expect(drain()).toEqual([0x28, 5, 0xfd]);
    device.mouse.setButtons(5);
    expect(drain()).toEqual([0x0d, 0, 0]);
  });

  test("movement is not lost while the guest is slow", () => {
    toMouse(0xf4);
    for (let n = 0; n < 100; n++) device.mouse.move(-10, 0);
    const bytes = drain();
    let total = 0;
    for (let at = 0; at < bytes.length; at += 3)
      total += (bytes[at] & 0x10) !== 0 ? bytes[at + 1] - 256 : bytes[at + 1];
    expect(total).toBe(-1000);
  });

  test("remote mode sends when asked, wrap mode echoes", () => {
    toMouse(0xf4);
    expect(toMouse(0xf0)).toEqual([0xfa]);
    device.mouse.move(1, 0);
    expect(drain()).toEqual([]);
    expect(toMouse(0xeb)).toEqual([0xfa, 0x08, 1, 0]);
    expect(toMouse(0xee)).toEqual([0xfa]);
    expect(toMouse(0xf2)).toEqual([0xf2]);
    expect(toMouse(0xec)).toEqual([0xfa]);
    expect(toMouse(0xf2)).toEqual([0xfa, 0x00]);
  });
});

test("no sequence of guest accesses throws", () => {
  let seed = 1;
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (seed >>> 8) % limit;
  };
  for (let n = 0; n < 20_000; n++) {
    const port = random(2) === 0 ? 0x60 : 0x64;
    if (random(3) === 0) bus.in(port, [1, 2, 4][random(3)]);
    else bus.out(port, random(256), [1, 2, 4][random(3)]);
    if (random(8) === 0) bus.advance(GAP);
  }
});

test("saved state continues", () => {
  configure(0x47);
  device.keyboard.type("ab");
  toMouse(0xf4);
  device.mouse.move(1, 1);
  const state = JSON.parse(JSON.stringify(device.save()));
  const rest = drain();
  const { nanoseconds } = bus;
  bus = new FakeBus();
  bus.nanoseconds = nanoseconds;
  device = bus.attach(new I8042());
  device.restore(state);
  expect(drain()).toEqual(rest);
  expect(ask(0x20)).toEqual([0x47]);
});
