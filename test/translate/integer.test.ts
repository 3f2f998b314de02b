// Every integer instruction form does in translated code what the interpreter does, in every mode: registers, flags
// (those that the manuals leave undefined too), memory, faults. And what is meant to be translated is: it leaves the
// region neither for a step nor, where its operands are harmless, for tier 0.

import { describe, expect, test } from "vitest";
import type { Form } from "../oracle/form.js";
import { ARITHMETIC } from "../oracle/forms-arithmetic.js";
import { DATA_FORMS } from "../oracle/forms-data.js";
import { PLACES, type Place, Single, type Tally } from "./single.js";

/**
 * Left out: what is undefined, what loads segments, POPF (its TF ends the piece), absolute addresses, repeated strings,
 * which run over the code.
 */
const OUT = /_ud|_82_|moffs|popf|mov_.s_rm|^l[defgs]s_|pop_[wd]_[defgs]s|^(lar|lsl|verr|verw|rd|wr|repn?e?_)/;
/** Executed out of line. */
const STEPPED = /^(pusha|popa|enter|pdep|pext|crc32|da[as]|aa[asmd]|salc)/;
const BMI = /^(andn|bls|bextr|bzhi|mulx|rorx|sarx|shlx|shrx)/;
/** The HLT behind the piece is one step in each run. */
const PIECES = 3;
const TURNS = 14;

const FAMILIES: readonly (readonly [string, RegExp])[] = [
  ["logic and addition", /^(add|or|adc|sbb|and|sub|xor|cmp|test|inc|dec|neg|not|adcx|adox)_/],
  ["shifts", /^(rol|ror|rcl|rcr|shl|shr|sal|sar|shld|shrd|rorx|sarx|shlx|shrx)_/],
  ["products and quotients", /^(i?mul[23x]?|i?div)_/],
  ["bits", /^(bt[src]?|bs[fr]|[tl]zcnt|popcnt|andn|bls|bextr|bzhi|pdep|pext|movbe|bswap)/],
  ["moves and exchanges", /^(mov|lea|cbw|cwd|x|cmpxchg|movs|cmps|stos|lods|scas)/],
  ["conditions", /^(set|cmov)/],
  ["stack, flags, hints and the rest", /./],
];

function familyOf(form: Form): string {
  return FAMILIES.find(([, pattern]) => pattern.test(form.name))![0];
}

const single = new Single();

describe.each(["long", "flat", "segmented", "real"] as const)("%s", (place: Place) => {
  const forms = [...ARITHMETIC, ...DATA_FORMS].filter(
    (form) => form.modes.includes(PLACES[place]) && !form.step && !form.sequence && !OUT.test(form.name),
  );
  test.each(FAMILIES.map(([name]) => name))("%s", { timeout: 120_000 }, (family) => {
    const left: string[] = [];
    for (const [n, form] of forms.entries()) {
      if (familyOf(form) !== family) continue;
      const tally: Tally = { runs: 0, ticks: 0, misses: 0, steps: 0 };
      expect(single.check(form, place, n + 1, PIECES, TURNS, tally)).toBeUndefined();
      expect(tally.ticks, form.name).toBeGreaterThan(0);
      if (tally.steps > tally.runs * 1.3) left.push(form.name);
    }
    expect(left.filter((name) => !STEPPED.test(name) && (place === "long" || !BMI.test(name)))).toEqual([]);
  });
});
