// A look at what the translator makes of one place: requests are not served but compared with a linear address, and
// when the block there has become hot its region is written, described and given up again.

import * as v from "../engine/views.js";
import type { RegionRecords, TranslatedCore } from "./records.js";
import type { TranslatorExports } from "./translation.js";

const PAGE = 4096n;
const STRETCH = 8;

/** Guest code without a jump into its middle. */
export interface GuestCode {
  /** Linear address of its first byte. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

export interface InspectedExit {
  readonly kind: "static" | "dynamic" | "miss" | "step" | "fuel";
  /** Linear address at which the guest goes on; undefined where the code computes it. */
  readonly address: bigint | undefined;
}

/** A region as it was written: nobody enters it. */
export interface InspectedRegion {
  /** Size of its code: 16, 32 or 64. */
  readonly bits: 16 | 32 | 64;
  readonly instructions: number;
  readonly code: readonly GuestCode[];
  /** Linear addresses at which it can be entered; the first is the block asked for. */
  readonly entries: readonly bigint[];
  /** By the numbers that its function returns. */
  readonly exits: readonly InspectedExit[];
  /** A module with one function, "0". */
  readonly wasm: Uint8Array<ArrayBuffer>;
}

const KINDS = ["static", "dynamic", "miss", "step", "fuel"] as const;
const BITS = [16, 32, 64] as const;

export interface InspectionTarget {
  readonly address: bigint;
  /** Called when the block has become hot. */
  readonly onFound?: () => void;
  /** Where the address leads in the current processor's address space; undefined if it is not mapped. */
  readonly locate: (address: bigint) => number | undefined;
}

export class TranslationInspection {
  readonly #core: TranslatedCore;
  readonly #records: RegionRecords;
  readonly #translator: TranslatorExports;
  readonly #target: InspectionTarget;
  readonly #hot = new Set<bigint>();
  #region: InspectedRegion | undefined;
  #declined = false;

  constructor(core: TranslatedCore, records: RegionRecords, translator: TranslatorExports, target: InspectionTarget) {
    this.#core = core;
    this.#records = records;
    this.#translator = translator;
    this.#target = target;
  }

  /** Set once the block has become hot. */
  get region(): InspectedRegion | undefined {
    return this.#region;
  }

  /** The translator has left the block to the interpreter: nothing would be gained, or it was not executed. */
  get declined(): boolean {
    return this.#declined;
  }

  /** Linear addresses of the blocks that have become hot. */
  get hot(): readonly bigint[] {
    return [...this.#hot];
  }

  /** Takes all requests that wait. */
  serve(): void {
    for (; this.#records.waiting > 0; this.#records.advance()) {
      const request = this.#records.oldest;
      const address = this.#linearOf(request);
      this.#hot.add(address);
      if (this.#region !== undefined || address !== this.#target.address) continue;
      this.#region = this.#inspect(request);
      if (this.#region !== undefined) this.#target.onFound?.();
    }
  }

  /** Translates the block now, for the mode that the current processor is in; undefined if it cannot be. */
  translateNow(): InspectedRegion | undefined {
    this.serve();
    const records = this.#records;
    const { address } = this.#target;
    const gpa = this.#target.locate(address);
    if (gpa === undefined) return undefined;
    const frame = this.#core.exports.frameOf(Math.floor(gpa / Number(PAGE)));
    if (frame < 0) return undefined;
    const request = records.cell(v.REQUESTS_WRITTEN) % v.REQUESTS_MAX;
    const at = v.REQUESTS + request * v.REQUEST_SIZE;
    const base = records.quad(v.SEG_EFFECTIVE + v.CS * 8);
    records.setCell(at + v.REQUEST_FRAME, frame);
    records.setCell(at + v.REQUEST_OFFSET, gpa % Number(PAGE));
    records.setCell(at + v.REQUEST_MODE, records.cell(v.MODE));
    records.setCell(at + v.REQUEST_TAG, records.cell(v.FETCH_TAG));
    records.setQuad(at + v.REQUEST_RIP, BigInt.asUintN(64, address - base));
    records.setQuad(at + v.REQUEST_BASE, base);
    return this.#inspect(request);
  }

  #requestField(request: number, offset: number): number {
    return v.REQUESTS + request * v.REQUEST_SIZE + offset;
  }

  #modeOf(request: number): number {
    return this.#records.cell(this.#requestField(request, v.REQUEST_MODE)) & v.MODE_CODE;
  }

  #linearOf(request: number): bigint {
    const rip = this.#records.quad(this.#requestField(request, v.REQUEST_RIP));
    const base = this.#records.quad(this.#requestField(request, v.REQUEST_BASE));
    return BigInt.asUintN(this.#modeOf(request) === v.MODE_CODE64 ? 64 : 32, rip + base);
  }

  #inspect(request: number): InspectedRegion | undefined {
    const records = this.#records;
    const mode = this.#modeOf(request);
    const head = this.#linearOf(request);
    this.#translator.begin();
    const region = this.#translator.translate(request);
    this.#declined = region < 0;
    if (this.#declined) return undefined;
    // Both lists lie where the next translation works: they are read at once.
    const stretches = this.#translator.listing();
    const list = records.cell(v.VALUE);
    const code = Array.from({ length: stretches }, (_, n) => ({
      place: records.cell(list + n * STRETCH),
      length: records.cell(list + n * STRETCH + 4),
    }));
    const length = this.#translator.finish();
    const wasm = this.#core.bytes.slice(records.cell(v.VALUE), records.cell(v.VALUE) + length);
    const pages = records.field(region, v.REGION_PAGES);
    const pageOf = (place: number): number => pages + (place >>> 12) * v.REGION_PAGE_SIZE;
    const linear = (place: number): bigint => {
      const relative = BigInt(records.cell(pageOf(place) + v.PAGE_RELATIVE) | 0);
      const address = (head & ~(PAGE - 1n)) + relative * PAGE + BigInt(place & 0xfff);
      return BigInt.asUintN(mode === v.MODE_CODE64 ? 64 : 32, address);
    };
    const bytesAt = (place: number, size: number): Uint8Array => {
      const frame = records.cell(pageOf(place) + v.PAGE_FRAME);
      const host = records.cell(v.RAM_BASE) + frame * Number(PAGE) + (place & 0xfff);
      return this.#core.bytes.slice(host, host + size);
    };
    const inspected: InspectedRegion = {
      bits: BITS[mode],
      instructions: records.instructions(region),
      code: code.map(({ place, length: size }) => ({ address: linear(place), bytes: bytesAt(place, size) })),
      entries: records.places(region).map(linear),
      exits: records.exits(region).map(({ type, place }) => ({
        kind: KINDS[type],
        address: type === v.ExitType.DYNAMIC ? undefined : linear(place),
      })),
      wasm,
    };
    this.#core.exports.regionKill(region);
    records.setState(region, v.RegionState.FREE);
    return inspected;
  }
}
