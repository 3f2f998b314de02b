// The hypervisor: the compiled core and translator, and the partitions made from them.

import { type CoreSource, loadCore, loadTranslator } from "../engine/module.js";
import { HypervisorError } from "../support/errors.js";
import type { PartitionOptions } from "./options.js";
import { Partition } from "./partition.js";

export interface HypervisorOptions {
  /** The core's module, where the platform's own is not wanted. */
  wasm?: CoreSource;
  /** The translator's module that belongs to `wasm`. A core of its own without one interprets everything. */
  translator?: CoreSource;
}

export class Hypervisor {
  readonly #module: WebAssembly.Module;
  readonly #translator: WebAssembly.Module | undefined;
  readonly #partitions = new Set<Partition>();
  #disposed = false;

  private constructor(module: WebAssembly.Module, translator: WebAssembly.Module | undefined) {
    this.#module = module;
    this.#translator = translator;
  }

  static async create(options: HypervisorOptions = {}): Promise<Hypervisor> {
    const { wasm, translator } = options;
    const [core, translating] = await Promise.all([
      loadCore(wasm),
      wasm !== undefined && translator === undefined ? undefined : loadTranslator(translator),
    ]);
    return new Hypervisor(core, translating);
  }

  get partitions(): readonly Partition[] {
    return [...this.#partitions];
  }

  /** Creates a partition with its processors in power-on state. */
  createPartition(options: PartitionOptions): Partition {
    if (this.#disposed) throw new HypervisorError("disposed", "the hypervisor was disposed");
    const partition = new Partition({ core: this.#module, translator: this.#translator }, options, (gone) =>
      this.#partitions.delete(gone),
    );
    this.#partitions.add(partition);
    return partition;
  }

  /** Disposes every partition. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const partition of this.partitions) partition[Symbol.dispose]();
  }
}
