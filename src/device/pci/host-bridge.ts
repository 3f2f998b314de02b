// The host bridge, device 0: an identity for system software to find (Intel 82441FX, which kernels take as the
// root of bus 0 and ask nothing more of), without ranges of its own.

import type { PciFunction } from "./function.js";

const INTEL = 0x8086;
const I82441FX = 0x1237;
const CLASS_HOST_BRIDGE = 0x060000;

export class HostBridge implements PciFunction {
  readonly name = "host-bridge";
  readonly bars = [];
  readonly identity = {
    vendor: INTEL,
    device: I82441FX,
    revision: 2,
    classCode: CLASS_HOST_BRIDGE,
    subsystemVendor: 0,
    subsystem: 0,
  };

  connect(): void {}

  reset(): void {}

  save(): null {
    return null;
  }

  restore(): void {}
}
