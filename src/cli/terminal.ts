// The terminal as the guest's console: raw, so that every key reaches the guest, with Ctrl-A as the one key
// that is kept. Behind it: x ends the run, h lists the keys, Ctrl-A or a sends a Ctrl-A.

import type { ReadStream } from "node:tty";
import { HypervisorError, type Keyboard, type Partition } from "../node.js";

const CTRL_A = 0x01;
/** What a terminal sends for keys that type something else. */
const KEYS: Readonly<Record<string, string>> = { "\r": "\n", "\x7f": "\b" };
const HELP = "\r\nCtrl-A x  end\r\nCtrl-A a  send Ctrl-A\r\nCtrl-A h  this help\r\n";

const code = (character: string): number => character.charCodeAt(0);

/** Splits what is typed into what the guest gets and what the terminal does. */
export class EscapeFilter {
  readonly #quit: () => void;
  readonly #help: () => void;
  #escaped = false;

  constructor(quit: () => void, help: () => void) {
    this.#quit = quit;
    this.#help = help;
  }

  /** The bytes for the guest. An unknown key behind Ctrl-A is dropped with it. */
  pass(bytes: Uint8Array): Uint8Array {
    const result: number[] = [];
    for (const byte of bytes) {
      if (!this.#escaped) {
        if (byte === CTRL_A) this.#escaped = true;
        else result.push(byte);
        continue;
      }
      this.#escaped = false;
      if (byte === code("x")) this.#quit();
      else if (byte === code("h")) this.#help();
      else if (byte === code("a") || byte === CTRL_A) result.push(CTRL_A);
    }
    return Uint8Array.from(result);
  }
}

async function* filtered(input: ReadStream, filter: EscapeFilter): AsyncGenerator<Uint8Array> {
  for await (const chunk of input) yield filter.pass(chunk as Buffer);
}

/**
 * Types input on the guest's keyboard as it comes; until it ends, a halted guest waits for it. What no key types is
 * left out, and what the keyboard has no room for is lost, as it is on a desk.
 */
export async function typeInput(
  partition: Partition,
  keyboard: Keyboard,
  input: AsyncIterable<Uint8Array>,
): Promise<void> {
  const hold = partition.holdOpen();
  const decoder = new TextDecoder("latin1");
  try {
    for await (const bytes of input) {
      if (partition.disposed) return;
      for (const character of decoder.decode(bytes)) {
        try {
          keyboard.type(KEYS[character] ?? character);
        } catch (error) {
          if (!(error instanceof HypervisorError)) throw error;
        }
      }
    }
  } finally {
    hold[Symbol.dispose]();
  }
}

export interface Console extends Disposable {
  readonly input: AsyncIterable<Uint8Array>;
}

/** Standard input for the guest. A terminal is made raw until the console is disposed of. */
export function openConsole(quit: () => void): Console {
  const { stdin } = process;
  if (!stdin.isTTY) return { input: stdin, [Symbol.dispose]: () => stdin.destroy() };
  stdin.setRawMode(true);
  const filter = new EscapeFilter(quit, () => process.stdout.write(HELP));
  return {
    input: filtered(stdin, filter),
    [Symbol.dispose]: () => {
      stdin.setRawMode(false);
      stdin.destroy();
    },
  };
}
