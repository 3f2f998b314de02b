// How much translated code is alive in the process. V8 pays about 20 KB for every module and fails hard near 65,000, so
// all partitions together keep under a limit: when a partition adds a module beyond it, the sixteenth of all modules
// that was entered least recently goes, wherever it belongs. Guest clocks of different partitions cannot be compared;
// recency is measured in epochs, which end whenever a sixteenth of the limit has been added.

/** Share of the limit that goes at once, and that makes an epoch. */
const SHARE = 16;

/** The module of one batch of regions. */
export interface TranslatedModule {
  /** Last epoch in which one of its regions was seen to have been entered. */
  used: number;
  /** Order of creation in the process. */
  readonly serial: number;
}

/** A partition's translated code. */
export interface ModuleOwner<M extends TranslatedModule = TranslatedModule> {
  readonly modules: ReadonlySet<M>;
  /** Modules that are being compiled. */
  readonly pending: number;
  /** Sets `used` of the modules entered since the last call. */
  observe(epoch: number): void;
  /** Kills the module's regions and lets go of it. */
  retire(module: M): void;
}

export class Generations {
  /** Weak, so that a partition that nobody disposes of can still be collected. */
  readonly #owners = new Set<WeakRef<ModuleOwner>>();
  #epoch = 0;
  #added = 0;
  #serial = 0;

  join(owner: ModuleOwner): void {
    this.#owners.add(new WeakRef(owner));
  }

  leave(owner: ModuleOwner): void {
    for (const reference of this.#owners) if (reference.deref() === owner) this.#owners.delete(reference);
  }

  /** Modules alive or being compiled, all partitions together. */
  get live(): number {
    let sum = 0;
    for (const owner of this.#alive()) sum += owner.modules.size + owner.pending;
    return sum;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Makes room for one more module below the limit, and gives its serial number. */
  admit(limit: number): number {
    if (++this.#added >= limit / SHARE) this.endEpoch();
    if (this.live >= limit) this.#recycle(limit);
    return this.#serial++;
  }

  *#alive(): Iterable<ModuleOwner> {
    for (const reference of this.#owners) {
      const owner = reference.deref();
      if (owner === undefined) this.#owners.delete(reference);
      else yield owner;
    }
  }

  /** Afterwards modules that were entered in the epoch that ends are ahead of all others. */
  endEpoch(): void {
    this.#added = 0;
    this.#epoch++;
    for (const owner of this.#alive()) owner.observe(this.#epoch);
  }

  #recycle(limit: number): void {
    this.endEpoch();
    const all: { owner: ModuleOwner; module: TranslatedModule }[] = [];
    for (const owner of this.#alive()) for (const module of owner.modules) all.push({ owner, module });
    all.sort((a, b) => a.module.used - b.module.used || a.module.serial - b.module.serial);
    const excess = this.live - limit + Math.max(1, Math.floor(limit / SHARE));
    for (const { owner, module } of all.slice(0, excess)) owner.retire(module);
  }
}

/** The one of this process. */
export const generations = new Generations();
