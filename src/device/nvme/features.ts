// Features (NVM Express 1.4, 5.21.1): values that the guest sets and reads. Two change what the controller does:
// the volatile write cache (off: every write is durable before it completes) and the asynchronous event mask.

import { ALL_NAMESPACES, type Command } from "./command.js";
import { TEMPERATURE_WARNING } from "./identify.js";
import { TEMPERATURE, WARNING_TEMPERATURE } from "./log.js";
import { IO_QUEUES } from "./registers.js";
import { Refusal, Status } from "./status.js";

const FeatureId = {
  ARBITRATION: 0x01,
  POWER_MANAGEMENT: 0x02,
  TEMPERATURE_THRESHOLD: 0x04,
  ERROR_RECOVERY: 0x05,
  VOLATILE_WRITE_CACHE: 0x06,
  NUMBER_OF_QUEUES: 0x07,
  INTERRUPT_COALESCING: 0x08,
  INTERRUPT_VECTOR: 0x09,
  WRITE_ATOMICITY: 0x0a,
  ASYNC_EVENTS: 0x0b,
} as const;

/** Bits that a feature keeps, for those that are a plain value. */
const KEPT: Record<number, number> = {
  [FeatureId.ARBITRATION]: 0xffff_ff07,
  [FeatureId.ERROR_RECOVERY]: 0x0000_ffff,
  [FeatureId.VOLATILE_WRITE_CACHE]: 1,
  [FeatureId.INTERRUPT_COALESCING]: 0x0000_ffff,
  [FeatureId.WRITE_ATOMICITY]: 1,
  [FeatureId.ASYNC_EVENTS]: 0x0000_00ff,
};

const SAVE = 0x8000_0000;
const SELECT = 7 << 8;
/** DULBE: errors for deallocated blocks, which this namespace cannot give. */
const DEALLOCATED_ERROR = 1 << 16;
const COALESCING_DISABLE = 1 << 16;
const ALL_SENSORS = 15;
const QUEUES_GRANTED = ((IO_QUEUES - 1) << 16) | (IO_QUEUES - 1);

interface FeatureState {
  values: [number, number][];
  over: number;
  under: number;
  vectors: number[];
}

export class Features {
  readonly #values = new Map<number, number>();
  readonly #vectors: Uint8Array;
  #over = 0;
  #under = 0;

  constructor(vectors: number) {
    this.#vectors = new Uint8Array(vectors);
    this.reset();
  }

  reset(): void {
    for (const id of Object.keys(KEPT)) this.#values.set(Number(id), 0);
    this.#values.set(FeatureId.VOLATILE_WRITE_CACHE, 1);
    this.#vectors.fill(0);
    this.#over = TEMPERATURE_WARNING;
    this.#under = 0;
  }

  get writeCache(): boolean {
    return this.#values.get(FeatureId.VOLATILE_WRITE_CACHE) === 1;
  }

  /** Critical warnings of the health log, and those of them that the guest wants to be told. */
  get warnings(): number {
    return TEMPERATURE >= this.#over || TEMPERATURE <= this.#under ? WARNING_TEMPERATURE : 0;
  }

  get reportedWarnings(): number {
    return this.warnings & (this.#values.get(FeatureId.ASYNC_EVENTS) as number);
  }

  /** Get Features: the value for the completion. */
  get({ words }: Command): number {
    const id = words[10] & 0xff;
    // Only the current value; saved and default ones are an option that is not offered.
    if ((words[10] & SELECT) !== 0) throw new Refusal(Status.INVALID_FIELD);
    const value = this.#values.get(id);
    if (value !== undefined) return value;
    switch (id) {
      case FeatureId.POWER_MANAGEMENT:
        return 0;
      case FeatureId.TEMPERATURE_THRESHOLD:
        return this.#isUnder(words[11], false) ? this.#under : this.#over;
      case FeatureId.NUMBER_OF_QUEUES:
        return QUEUES_GRANTED;
      case FeatureId.INTERRUPT_VECTOR: {
        const vector = this.#vector(words[11]);
        return vector | (this.#vectors[vector] === 0 ? 0 : COALESCING_DISABLE);
      }
      default:
        throw new Refusal(Status.INVALID_FIELD);
    }
  }

  /** Set Features: the value for the completion. `started` tells that queues for the disk exist. */
  set({ words, namespace }: Command, started: boolean): number {
    const id = words[10] & 0xff;
    const value = words[11];
    if ((words[10] & SAVE) !== 0) throw new Refusal(Status.FEATURE_NOT_SAVEABLE);
    const general = id !== FeatureId.ERROR_RECOVERY;
    if (general && namespace !== 0 && namespace !== ALL_NAMESPACES) {
      throw new Refusal(Status.FEATURE_NOT_NAMESPACE_SPECIFIC);
    }
    if (!general && namespace !== 1 && namespace !== ALL_NAMESPACES) throw new Refusal(Status.INVALID_NAMESPACE);
    if (id === FeatureId.ERROR_RECOVERY && (value & DEALLOCATED_ERROR) !== 0) throw new Refusal(Status.INVALID_FIELD);
    const kept = KEPT[id];
    if (kept !== undefined) {
      this.#values.set(id, (value & kept) >>> 0);
      return 0;
    }
    switch (id) {
      case FeatureId.POWER_MANAGEMENT:
        if ((value & 0x1f) !== 0) throw new Refusal(Status.INVALID_FIELD);
        return 0;
      case FeatureId.TEMPERATURE_THRESHOLD:
        if (this.#isUnder(value, true)) this.#under = value & 0xffff;
        else this.#over = value & 0xffff;
        return 0;
      case FeatureId.NUMBER_OF_QUEUES:
        if (started) throw new Refusal(Status.COMMAND_SEQUENCE_ERROR);
        if ((value & 0xffff) === 0xffff || value >>> 16 === 0xffff) throw new Refusal(Status.INVALID_FIELD);
        return QUEUES_GRANTED;
      case FeatureId.INTERRUPT_VECTOR:
        this.#vectors[this.#vector(value)] = (value & COALESCING_DISABLE) === 0 ? 0 : 1;
        return 0;
      default:
        throw new Refusal(Status.INVALID_FIELD);
    }
  }

  #vector(word: number): number {
    const vector = word & 0xffff;
    if (vector >= this.#vectors.length) throw new Refusal(Status.INVALID_FIELD);
    return vector;
  }

  /** Which threshold is meant; the composite temperature is the only sensor. */
  #isUnder(word: number, all: boolean): boolean {
    const sensor = (word >>> 16) & 15;
    const kind = (word >>> 20) & 3;
    if (kind > 1 || (sensor !== 0 && !(all && sensor === ALL_SENSORS))) throw new Refusal(Status.INVALID_FIELD);
    return kind === 1;
  }

  save(): FeatureState {
    return { values: [...this.#values], over: this.#over, under: this.#under, vectors: [...this.#vectors] };
  }

  restore(state: FeatureState): void {
    this.reset();
    for (const [id, value] of state.values) if (id in KEPT) this.#values.set(id, value);
    this.#over = state.over;
    this.#under = state.under;
    this.#vectors.set(state.vectors.slice(0, this.#vectors.length));
  }
}
