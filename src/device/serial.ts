// The host's end of a serial line: what the guest sent as text or bytes, and bytes for it to receive. The
// UART itself lives in the core; this is the cable.

import type { InputChannel } from "../partition/chipset.js";
import type { Partition } from "../partition/partition.js";

export class SerialLine {
  readonly #partition: Partition;
  readonly #channel: InputChannel;
  readonly #decoder = new TextDecoder();
  readonly #listening: Disposable;
  #text = "";

  constructor(partition: Partition, channel: InputChannel = "com1") {
    this.#partition = partition;
    this.#channel = channel;
    this.#listening = partition.chipset.onOutput(channel, (bytes) => {
      this.#text += this.#decoder.decode(bytes, { stream: true });
    });
  }

  /** Everything the guest has sent since this line was made, as UTF-8. */
  get text(): string {
    return this.#text;
  }

  send(bytes: Uint8Array | string): void {
    this.#partition.send(this.#channel, bytes);
  }

  /** Feeds input as it comes; until it ends, a halted guest waits for it. */
  async pump(input: AsyncIterable<Uint8Array | string>): Promise<void> {
    const hold = this.#partition.holdOpen();
    try {
      for await (const bytes of input) {
        if (this.#partition.disposed) return;
        this.send(bytes);
      }
    } finally {
      hold[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}
