#!/usr/bin/env node
// The command line. It uses the public API only, through the platform entry.

import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { HypervisorError } from "../node.js";
import { addRunCommand } from "./commands/run.js";
import { addStepCommand } from "./commands/step.js";
import { addTranslateDumpCommand } from "./commands/translate-dump.js";
import { UsageError } from "./machine.js";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from "./report.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

function fail(message: string, code: number): void {
  process.stderr.write(`ringfence: ${message}\n`);
  process.exitCode = code;
}

const finish = (code: number): void => {
  process.exitCode = code;
};

const program = new Command("ringfence")
  .description("An x86 and x86-64 virtual machine monitor in WebAssembly")
  .version(version)
  .showHelpAfterError("(ringfence --help tells more)")
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });
addRunCommand(program, finish);
addStepCommand(program, finish);
addTranslateDumpCommand(program, finish);
for (const command of program.commands) command.exitOverride().showHelpAfterError("(--help tells more)");

// A closed pipe (ringfence run ... | head) ends the program quietly.
process.stdout.on("error", () => process.exit(EXIT_OK));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  else if (error instanceof UsageError) fail(error.message, EXIT_USAGE);
  else if (error instanceof HypervisorError)
    fail(error.message, error.code === "engine-trap" ? EXIT_FAILURE : EXIT_USAGE);
  else throw error;
}
