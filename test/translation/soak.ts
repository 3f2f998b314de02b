// `node --import tsx test/translation/soak.ts [--minutes 30] [--modules 400] [--threshold 500] [--kernel 686]`: two
// machines in one process start programs for as long as asked, under a limit of modules that makes their code come and
// go all the time. Prints a line per interval; fails when the limit is broken, a machine stops, or memory grows.

import { parseArgs } from "node:util";
import { Hypervisor, type Partition } from "../../src/node.js";
import { createLinux, linuxGuest } from "../boot/linux.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    modules: { type: "string", default: "400" },
    threshold: { type: "string", default: "500" },
    kernel: { type: "string", default: "686" },
  },
});
const LIMIT = Number(values.modules);
const END = performance.now() + Number(values.minutes) * 60_000;
const INTERVAL_MS = 15_000;
/** Share of the time that warms the process up, and how much memory may grow after it. */
const WARM = 0.3;
const GROWTH = 1.1;
/** Every program is started from its file, whose pages are other ones every time. */
const CHURN =
  "n=0; while :; do n=$((n+1)); b=/tmp/busybox$((n%4)); cp /bin/busybox $b; $b true; " +
  "echo $n | $b sha256sum >/dev/null; [ $((n%10)) = 0 ] && echo round $n; done\n";

const MIB = 1 << 20;
const hypervisor = await Hypervisor.create();
const abort = new AbortController();
const options = { translation: { threshold: Number(values.threshold), maxModules: LIMIT } };
const machines = [0, 1].map(() =>
  createLinux(hypervisor, linuxGuest(values.kernel), { memory: 128 * MIB, ...options }),
);
const runs = machines.map(({ partition }) => {
  partition.holdOpen();
  return partition.start({ signal: abort.signal });
});

const roundsOf = (output: string): string => [...output.slice(-400).matchAll(/round (\d+)/g)].at(-1)?.[1] ?? "-";
const prompts = machines.map(() => false);
const peaks: number[] = [];
let failure = "";
const describe = ({ translation: t }: Partition): string =>
  `live ${t.liveModules} recycled ${t.recycled} regions ${t.regions} share ${(t.share * 100).toFixed(0)} %`;

while (performance.now() < END && failure === "") {
  await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  machines.forEach((machine, n) => {
    if (!prompts[n] && machine.output.includes("/ # ")) {
      prompts[n] = true;
      machine.partition.send("com1", CHURN);
    }
  });
  const rss = process.memoryUsage().rss / MIB;
  peaks.push(rss);
  const live = machines[0].partition.translation.processModules;
  const lines = machines.map((m) => `[rounds ${roundsOf(m.output)} ${describe(m.partition)}]`);
  console.log(
    `${((END - performance.now()) / 1000).toFixed(0)} s left: rss ${rss.toFixed(0)} modules ${live} ${lines.join(" ")}`,
  );
  if (live > LIMIT) failure = `${live} modules are alive, the limit is ${LIMIT}`;
}
abort.abort();
const outcomes = await Promise.all(runs);
const warm = Math.max(1, Math.floor(peaks.length * WARM));
const [before, after] = [Math.max(...peaks.slice(0, warm)), Math.max(...peaks.slice(warm))];
if (outcomes.some(({ reason }) => reason !== "canceled")) failure = `a machine stopped: ${JSON.stringify(outcomes)}`;
if (after > before * GROWTH) failure ||= `memory grew from ${before.toFixed(0)} to ${after.toFixed(0)} MiB`;
hypervisor[Symbol.dispose]();
console.log(failure === "" ? `passed: rss ${before.toFixed(0)}, later ${after.toFixed(0)} MiB` : `failed: ${failure}`);
process.exitCode = failure === "" ? 0 : 1;
