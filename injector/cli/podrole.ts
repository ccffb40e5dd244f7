import { Command } from "commander";
import { VERSION } from "../model/version.ts";
import { checkCommand } from "./check/command.ts";
import { demoCommand } from "./demo/command.ts";
import { explainCommand } from "./explain/command.ts";
import { injectCommand } from "./inject/command.ts";
import { trustPolicyCommand } from "./trust/command.ts";

/** The command line `podrole`, apart from the process it runs in, so that a test can hold the docs against it. */
export function podroleCommand(): Command {
  const program = new Command("podrole")
    .description("Every Kubernetes pod its own AWS role, with nothing changed on the node.")
    .version(VERSION)
    .exitOverride()
    .addHelpText("after", "\nExit codes: 0 fine, 1 findings, 2 usage.");
  for (const command of [
    injectCommand(),
    explainCommand(),
    trustPolicyCommand(),
    checkCommand(),
    demoCommand(),
  ])
    program.addCommand(command.exitOverride());
  return program;
}
