// Waiting on the event loop, the same way in Node and in browsers.

declare const setImmediate: ((callback: () => void) => unknown) | undefined;

/** Lets timers, input and promises run, then continues. */
export function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        resolve();
      };
      channel.port2.postMessage(0);
    }
  });
}

/** A set of callbacks that may change while it fires. */
export class Listeners<Argument> {
  readonly #callbacks = new Set<(argument: Argument) => void>();

  add(callback: (argument: Argument) => void): Disposable {
    this.#callbacks.add(callback);
    return { [Symbol.dispose]: () => void this.#callbacks.delete(callback) };
  }

  get size(): number {
    return this.#callbacks.size;
  }

  fire(argument: Argument): void {
    for (const callback of [...this.#callbacks]) callback(argument);
  }
}
