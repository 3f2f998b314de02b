// From the translator's bytes to functions. V8 compiles the functions of a small module when they are first called,
// with its baseline compiler (2-5 us per guest instruction), and optimises what runs long by itself in the background;
// creating the module costs 0.1-0.2 ms, wherever that happens.

/** A region: takes the number of an entry and gives the number of the exit it left by. */
export type RegionFunctions = Readonly<Record<string, (entry: number) => number>>;

/** A generated module imports the guest's memory and nothing else. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): RegionFunctions {
  return new WebAssembly.Instance(module, { e: { m: memory } }).exports as RegionFunctions;
}

type SetFlags = (flags: string) => void;

/** Makes V8 compile everything at once and with the optimising compiler only, and back to its defaults. */
const EAGER = ["--no-liftoff", "--no-wasm-lazy-compilation"];
/** Switching the baseline compiler off implies the other two. */
const DEFAULT = ["--liftoff", "--wasm-lazy-compilation", "--wasm-tier-up", "--wasm-dynamic-tiering"];
/** The flags are put back after so long, whatever has become of the compile. */
const LONGEST_MS = 500;
/** An empty custom section: V8 gives identical bytes the module that it has compiled before. */
const MARK = Uint8Array.of(0, 2, 1, 0x6f);

let setFlags: SetFlags | undefined;

/** Tells how V8's flags are set, where the platform allows it (called by the platform entries). */
export function provideFlags(set: SetFlags): void {
  setFlags = set;
}

/**
 * Compiles modules with V8's optimising compiler alone, on its background threads, so that hot code need not wait for V8
 * to find out. The flags are the process's: one module at a time, and what is compiled meanwhile is optimised too.
 */
class Optimizer {
  #busy = false;

  get busy(): boolean {
    return this.#busy;
  }

  /** It can compile a module now. */
  get free(): boolean {
    return setFlags !== undefined && !this.#busy;
  }

  async compile(bytes: Uint8Array): Promise<WebAssembly.Module> {
    const marked = new Uint8Array(bytes.length + MARK.length);
    marked.set(bytes);
    marked.set(MARK, bytes.length);
    this.#busy = true;
    for (const flag of EAGER) setFlags?.(flag);
    const timer = setTimeout(() => this.#restore(), LONGEST_MS);
    try {
      return await WebAssembly.compile(marked);
    } finally {
      clearTimeout(timer);
      this.#restore();
    }
  }

  #restore(): void {
    if (!this.#busy) return;
    for (const flag of DEFAULT) setFlags?.(flag);
    this.#busy = false;
  }
}

/** The one of this process. */
export const optimizer = new Optimizer();
