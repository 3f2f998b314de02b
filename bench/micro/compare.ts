// The micro kernels on all engines, in multiples of the time that the same machine code takes natively: steady, and
// as whole runs with everything that warming up costs.

import { buildMicro, whyNoKernels } from "../../test/guest/micro/build.js";
import { type Bits, KERNELS, type Kernel } from "../../test/guest/micro/kernels.js";
import type { Engine, Guest } from "../engine/engines.js";
import { type Measured, measure } from "../engine/measure.js";
import type { Time } from "../engine/protocol.js";

export interface MicroGuest extends Guest {
  readonly kind: Kernel["kind"];
}

export interface MicroOptions {
  /** Kernels whose names begin with one of these; all when empty. */
  readonly names: readonly string[];
  readonly bits: readonly Bits[];
  readonly engines: readonly Engine[];
  readonly runs: number;
  readonly rounds?: number;
  /** Which clock the table shows. */
  readonly clock: keyof Time;
  readonly print: (line: string) => void;
}

/** A name in full, or the beginning of several. */
function chosen(kernel: Kernel, names: readonly string[]): boolean {
  if (names.length === 0) return true;
  return names.some((name) =>
    KERNELS.some((other) => other.name === name) ? kernel.name === name : kernel.name.startsWith(name),
  );
}

const cell = (value: number | undefined, width: number, digits = 2): string =>
  (value === undefined || Number.isNaN(value) ? "-" : value.toFixed(value >= 100 ? 0 : digits)).padStart(width);

const WIDTH = 7;
const NAME = 18;

/** The columns of a table: engines, then what the others take in multiples of ours. */
class Columns {
  readonly #engines: readonly string[];
  readonly #clock: keyof Time;

  constructor(engines: readonly Engine[], clock: keyof Time) {
    this.#engines = engines.map((engine) => engine.name).filter((name) => name !== "native");
    this.#clock = clock;
  }

  heading(bits: Bits): string[] {
    const short = this.#engines.map((name) =>
      name
        .replace("interpreter", "int")
        .replace("ours-", "o-")
        .slice(0, WIDTH - 1),
    );
    const over = this.#others.map((name) => `${name.slice(0, 4)}/o`);
    const group = [...short, ...over].map((name) => name.padStart(WIDTH)).join("");
    const title = (text: string): string => text.padEnd(group.length);
    return [
      `${`${bits}-bit`.padEnd(NAME)}${"native".padStart(WIDTH)}  ${title("steady: times native")}  ${title("whole run: times native")}  warm-up, ms`,
      `${"kernel".padEnd(NAME)}${"ms".padStart(WIDTH)}  ${group}  ${group}  ${short.map((name) => name.padStart(WIDTH)).join("")}`,
    ];
  }

  get #others(): string[] {
    return this.#engines.filter((name) => !name.startsWith("ours"));
  }

  row({ guest, figures }: Measured): string {
    const at = (engine: string, figure: "steady" | "whole" | "warmUp"): number | undefined =>
      figures.get(engine)?.[figure][this.#clock];
    const over = (engine: string, base: string, figure: "steady" | "whole"): number | undefined => {
      const [value, unit] = [at(engine, figure), at(base, figure)];
      return value === undefined || unit === undefined ? undefined : value / unit;
    };
    const group = (figure: "steady" | "whole"): string =>
      [
        ...this.#engines.map((name) => over(name, "native", figure)),
        ...this.#others.map((name) => over(name, "ours", figure)),
      ]
        .map((value) => cell(value, WIDTH))
        .join("");
    const warmUp = this.#engines.map((name) => cell(at(name, "warmUp"), WIDTH, 0)).join("");
    return `${guest.name.padEnd(NAME)}${cell(at("native", "steady"), WIDTH, 1)}  ${group("steady")}  ${group("whole")}  ${warmUp}`;
  }
}

export async function compareMicro(options: MicroOptions): Promise<Measured<MicroGuest>[]> {
  const { engines, print, runs, rounds } = options;
  const reason = whyNoKernels();
  if (reason !== undefined) {
    print(`left out: micro kernels: ${reason}`);
    return [];
  }
  const results: Measured<MicroGuest>[] = [];
  for (const bits of options.bits) {
    const able = bits === 64 ? engines.filter((engine) => !engine.name.startsWith("v86")) : engines;
    const columns = new Columns(able, options.clock);
    print("");
    for (const line of columns.heading(bits)) print(line);
    for (const kernel of KERNELS) {
      if (!chosen(kernel, options.names) || !kernel.bits.includes(bits)) continue;
      const { image, native } = buildMicro(kernel, bits, { rounds });
      const guest: MicroGuest = { name: kernel.name, kind: kernel.kind, bits, image, native };
      const result = await measure(guest, able, runs, print);
      results.push(result);
      print(columns.row(result));
    }
  }
  return results;
}
