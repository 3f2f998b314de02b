// Adds up the runners' own results: as-pect's summary in the log, vitest's JSON report. A runner that left
// no result although the command failed counts as one failure.
import { existsSync, readFileSync } from "node:fs";

const status = Number(process.argv[2] ?? 0);
let passed = 0;
let failed = 0;

const introducer = String.fromCharCode(27);
const log = readFileSync("build/test-results/log.txt", "utf8").replaceAll(
  new RegExp(`${introducer}\\[[0-9;]*m`, "g"),
  "",
);
for (const [, ok, all] of log.matchAll(/\[Tests\]:\s*(\d+)\s*\/\s*(\d+)/g)) {
  passed += Number(ok);
  failed += Number(all) - Number(ok);
}

const report = "build/test-results/vitest.json";
if (existsSync(report)) {
  const result = JSON.parse(readFileSync(report, "utf8"));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  // A file that fails before its tests are known has no failed test of its own.
  failed += result.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
} else failed += 1;
if (status !== 0 && failed === 0) failed = 1;

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
