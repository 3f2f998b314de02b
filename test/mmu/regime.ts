// The architectural state that translation depends on (SDM vol. 3, 2.5, 4.1.1-4.1.3), in the model's own
// form: big integers and booleans, nothing cached.

import {
  CR0_AM,
  CR0_PE,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  AC as EFLAGS_AC,
} from "../../src/engine/views.js";

export type Paging = "none" | "32-bit" | "PAE" | "4-level";
export const PAGINGS: readonly Paging[] = ["none", "32-bit", "PAE", "4-level"];

export class Regime {
  paging: Paging = "none";
  cr3 = 0n;
  /** PAE page-directory-pointer registers. */
  pointers: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n];
  writeProtect = false;
  alignmentMask = false;
  pageSizeExtensions = false;
  smep = false;
  smap = false;
  noExecuteEnable = false;
  /** The code segment is 64-bit; otherwise, with 4-level paging, this is compatibility mode. */
  code64 = false;
  /** Data and stack segments have base 0, as they always have in 64-bit code. */
  flat = true;
  cpl: 0 | 3 = 0;
  /** EFLAGS.AC. */
  ac = false;
  breakpoints: [bigint, bigint, bigint, bigint] = [0n, 0n, 0n, 0n];
  dr7 = 0;

  constructor(readonly physicalBits: number) {}

  get longMode(): boolean {
    return this.paging === "4-level";
  }
  get cr0(): bigint {
    return bits(
      [CR0_PE, true],
      [CR0_PG, this.paging !== "none"],
      [CR0_WP, this.writeProtect],
      [CR0_AM, this.alignmentMask],
    );
  }
  get cr4(): bigint {
    const pae = this.paging === "PAE" || this.longMode;
    return bits([CR4_PAE, pae], [CR4_PSE, this.pageSizeExtensions], [CR4_SMEP, this.smep], [CR4_SMAP, this.smap]);
  }
  get efer(): bigint {
    return bits([EFER_LME | EFER_LMA, this.longMode], [EFER_NXE, this.noExecuteEnable]);
  }
  get rflags(): number {
    return this.ac ? EFLAGS_AC : 0;
  }
}

function bits(...fields: readonly (readonly [number, boolean])[]): bigint {
  return fields.reduce((word, [mask, set]) => (set ? word | BigInt(mask) : word), 0n);
}
