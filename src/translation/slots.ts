// Slots of the core's function table for translated regions: the host grows the table in steps behind the core's own
// functions, and gives a slot out again once its region is dead.

/** Slots added at once. */
const STEP = 256;

export class Slots {
  readonly #table: WebAssembly.Table;
  readonly #free: number[] = [];

  constructor(table: WebAssembly.Table) {
    this.#table = table;
  }

  /** A slot with a function in it. */
  take(code: WebAssembly.ExportValue): number {
    if (this.#free.length === 0) {
      const first = this.#table.grow(STEP);
      for (let slot = first + STEP - 1; slot >= first; slot--) this.#free.push(slot);
    }
    const slot = this.#free.pop() as number;
    this.#table.set(slot, code);
    return slot;
  }

  /** Puts other code for the same region into its slot. */
  replace(slot: number, code: WebAssembly.ExportValue): void {
    this.#table.set(slot, code);
  }

  /** Takes a slot back; a module lives as long as one of its functions is in the table. */
  release(slot: number): void {
    this.#table.set(slot, null);
    this.#free.push(slot);
  }
}
