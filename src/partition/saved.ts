// The saved state of a partition, and whether it fits another one.

import { HypervisorError } from "../support/errors.js";
import type { Device } from "./device.js";
import type { SavedCore } from "./state.js";
import type { SavedTimer } from "./timers.js";

/** What `save` gives: plain values and byte arrays, fit for structured cloning. */
export interface SavedPartition {
  readonly format: "ringfence-partition";
  readonly version: 1;
  /** What a partition must have in common with the saved one. */
  readonly shape: string;
  readonly core: SavedCore;
  readonly timers: readonly SavedTimer[];
  readonly input: readonly (readonly Uint8Array[])[];
  readonly devices: readonly { readonly name: string; readonly state: unknown }[];
}

/** Fails unless the saved partition is of this version and had this shape and these devices. */
export function checkSaved(saved: SavedPartition, shape: string, devices: readonly Device[]): void {
  if (saved.format !== "ringfence-partition" || saved.version !== 1) {
    throw new HypervisorError("incompatible-state", "not a state that this version of the engine has saved");
  }
  if (saved.shape !== shape) {
    throw new HypervisorError(
      "incompatible-state",
      `the saved partition was made with other options: ${saved.shape}, not ${shape}`,
    );
  }
  const names = devices.map((device) => device.name).join(", ");
  const savedNames = saved.devices.map((device) => device.name).join(", ");
  if (names !== savedNames) {
    throw new HypervisorError(
      "incompatible-state",
      `the saved partition has the devices ${savedNames || "none"}, this one ${names || "none"}`,
    );
  }
}
