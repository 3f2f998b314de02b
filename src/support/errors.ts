// Typed errors of the public API. Misuse and bad input are told apart by `code`, never by message text.

export type HypervisorErrorCode =
  /** An option or argument is of the wrong type or out of range. */
  | "invalid-argument"
  /** Memory size 0, above 3.5 GiB, or not a multiple of 4 KiB. */
  | "invalid-memory-size"
  | "invalid-processor-count"
  /** A range is empty, unaligned, or leaves its address space. */
  | "invalid-range"
  /** A range overlaps one that is registered already. */
  | "range-overlap"
  /** The core's range table is full. */
  | "range-limit"
  /** The partition or hypervisor was disposed. */
  | "disposed"
  /** The operation needs a partition that is not running. */
  | "running"
  /** An exit waits for its complete(). */
  | "exit-pending"
  /** complete() of an exit that is not pending any more. */
  | "exit-not-pending"
  | "unknown-register"
  /** A value that the register cannot hold. */
  | "invalid-register-value"
  /** A guest-physical address without RAM or ROM behind it. */
  | "memory-not-mapped"
  /** A linear address that the guest's paging does not map for this access. */
  | "page-fault"
  /** An image that is not what it claims to be, or is truncated. */
  | "invalid-image"
  /** A well-formed image of a kind that cannot run here. */
  | "unsupported-image"
  /** A part of an image lies outside the partition's RAM, or parts overlap. */
  | "image-outside-memory"
  /** A saved state of a partition of another kind, or of another version. */
  | "incompatible-state"
  /** The partition interprets everything. */
  | "translation-off"
  /** The core's WebAssembly module cannot be loaded. */
  | "core-unavailable"
  /** The core itself failed: a bug of the engine. The partition stays inspectable but cannot run. */
  | "engine-trap";

export class HypervisorError extends Error {
  readonly code: HypervisorErrorCode;

  constructor(code: HypervisorErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "HypervisorError";
    this.code = code;
  }
}

/** A WebAssembly trap inside the core, with the guest instruction that was being executed. */
export class EngineError extends HypervisorError {
  /** Index of the processor that was running. */
  readonly processor: number;
  /** Address of the instruction, relative to CS, as far as the core had recorded it. */
  readonly rip: bigint;

  constructor(message: string, processor: number, rip: bigint, cause: unknown) {
    super("engine-trap", message, { cause });
    this.name = "EngineError";
    this.processor = processor;
    this.rip = rip;
  }
}
