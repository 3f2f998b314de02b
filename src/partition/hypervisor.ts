// The hypervisor: the compiled core and the partitions made from it.

import { type CoreSource, loadCore } from "../engine/module.js";
import { HypervisorError } from "../support/errors.js";
import type { PartitionOptions } from "./options.js";
import { Partition } from "./partition.js";

export interface HypervisorOptions {
  /** The core's module, where the platform's own is not wanted. */
  wasm?: CoreSource;
}

export class Hypervisor {
  readonly #module: WebAssembly.Module;
  readonly #partitions = new Set<Partition>();
  #disposed = false;

  private constructor(module: WebAssembly.Module) {
    this.#module = module;
  }

  static async create(options: HypervisorOptions = {}): Promise<Hypervisor> {
    return new Hypervisor(await loadCore(options.wasm));
  }

  get partitions(): readonly Partition[] {
    return [...this.#partitions];
  }

  /** Creates a partition with its processors in power-on state. */
  createPartition(options: PartitionOptions): Partition {
    if (this.#disposed) throw new HypervisorError("disposed", "the hypervisor was disposed");
    const partition = new Partition(this.#module, options, (gone) => this.#partitions.delete(gone));
    this.#partitions.add(partition);
    return partition;
  }

  /** Disposes every partition. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const partition of this.partitions) partition[Symbol.dispose]();
  }
}
