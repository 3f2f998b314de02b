// npm run mmu -- [--seed S] [--count N] [--operations N] [--paging P] [--profile hostile|calm] [--sets N]
//
// Random sessions of the memory rooms against the model, seed after seed, over all paging modes and both
// profiles unless one is named. Prints what happened how often; ends at the first difference.

import { parseArgs } from "node:util";
import { compileDriver } from "./compile.js";
import { PAGINGS } from "./regime.js";
import { type Profile, Session, type SessionOptions } from "./session.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    count: { type: "string", default: "100" },
    operations: { type: "string", default: "20000" },
    paging: { type: "string" },
    profile: { type: "string" },
    sets: { type: "string", default: "3" },
  },
});
const modes = [...PAGINGS, "mixed"] as const;
const profiles: readonly Profile[] = ["hostile", "calm"];
const paging = modes.find((mode) => mode === values.paging);
const profile = profiles.find((name) => name === values.profile);
const first = values.seed === undefined ? Date.now() & 0x3fff_ffff : Number(values.seed);
const count = values.seed !== undefined && values.paging !== undefined ? 1 : Number(values.count);

const driver = await compileDriver(true);
const totals = new Map<string, number>();
for (let seed = first; seed < first + count; seed++) {
  for (const options of combinations(seed)) {
    const session = new Session(driver, options);
    session.run();
    for (const [what, n] of session.counts) {
      totals.set(what, what.startsWith("most") ? Math.max(totals.get(what) ?? 0, n) : (totals.get(what) ?? 0) + n);
    }
  }
  console.log(`seed ${seed} agrees`);
}
for (const [what, n] of [...totals].sort(([a], [b]) => a.localeCompare(b))) console.log(`${what.padEnd(22)} ${n}`);

function combinations(seed: number): SessionOptions[] {
  const common = { seed, operations: Number(values.operations), sets: Number(values.sets) };
  const pagings = paging === undefined ? modes : [paging];
  const names = profile === undefined ? profiles : [profile];
  return pagings.flatMap((mode) => names.map((name) => ({ ...common, paging: mode, profile: name })));
}
