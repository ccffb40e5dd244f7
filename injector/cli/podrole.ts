import { Command, type OutputConfiguration } from "commander";
import { VERSION } from "../model/version.ts";
import { checkCommand } from "./check/command.ts";
import { completionCommand } from "./completion/command.ts";
import { demoCommand } from "./demo/command.ts";
import { withExamples } from "./examples.ts";
import { explainCommand } from "./explain/command.ts";
import { injectCommand } from "./inject/command.ts";
import type { Bind } from "./io.ts";
import { migrateCommand } from "./migrate/command.ts";
import { rolesCommand } from "./roles/command.ts";
import { trustPolicyCommand } from "./trust/command.ts";
import { versionCommand } from "./version/command.ts";

/**
 * Below the headings of the help, each in a folder of its own. Another one is its folder, a place here and its test.
 */
const COMMANDS: Readonly<Record<string, readonly ((bind: Bind) => Command)[]>> = {
  "Pods and their roles:": [explainCommand, injectCommand, rolesCommand],
  "AWS:": [trustPolicyCommand],
  "A cluster:": [checkCommand, migrateCommand],
  "Try it:": [demoCommand],
  "This program:": [versionCommand, completionCommand],
};

const EXIT_CODES = `
Exit codes:
  0  fine
  1  something was found, such as a denied pod
  2  the command line or its input is wrong`;

const DESCRIBE_ONLY: Bind = () => () => Promise.resolve();

/** The command line `podrole`. Without `bind` it does nothing but describe itself: tests hold the docs against it. */
export function podroleCommand(bind: Bind = DESCRIBE_ONLY, output: OutputConfiguration = {}): Command {
  const program = new Command("podrole")
    .description("Every Kubernetes pod its own AWS role, with nothing changed on the node.")
    .version(VERSION)
    .exitOverride()
    .configureOutput(output)
    .configureHelp({ subcommandTerm: (command) => command.name() });
  for (const [heading, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading);
    for (const make of commands) program.addCommand(withExamples(make(bind)).copyInheritedSettings(program));
  }
  program.helpCommand("help [command]", "display help for command");
  return withExamples(program).addHelpText("after", EXIT_CODES);
}
