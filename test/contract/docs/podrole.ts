import type { Command, Option } from "commander";
import { podroleCommand } from "../../../injector/cli/podrole.ts";
import { missing, type Around } from "./arguments.ts";

/** By Commander's own definitions. */
export function podrole(args: readonly string[], around: Around): readonly string[] {
  const program = podroleCommand();
  const [name = "", ...rest] = args;
  const command = program.commands.find((one) => one.name() === name);
  if (command === undefined)
    return name === "" && around.inPassing ? [] : [`podrole has no command \`${name}\``];
  const files = rest.flatMap((word, index) => {
    if (word !== "-f" && word !== "--filename") return [];
    const behind = rest.slice(index + 1);
    const end = behind.findIndex((one) => one.startsWith("-") && one !== "-");
    return end === -1 ? behind : behind.slice(0, end);
  });
  return [
    ...(around.inPassing ? flagComplaints(command, rest) : parseComplaints(command, rest)),
    ...files.flatMap((file) => missing(file, around)),
  ];
}

/** As the shell would hand them over. */
function parseComplaints(command: Command, args: readonly string[]): readonly string[] {
  const said: string[] = [];
  command
    .action(() => undefined)
    .exitOverride()
    .configureOutput({ writeErr: (text) => said.push(text.trim()), writeOut: () => undefined });
  try {
    command.parse([...args], { from: "user" });
    return [];
  } catch (error) {
    return [`podrole ${command.name()}: ${said.join(" ") || String(error)}`];
  }
}

export const isCalled = ({ short, long }: Option, flag: string): boolean => flag === short || flag === long;

/** Each option that is named is one of the command's, with a value that it takes. */
export function flagComplaints(command: Command, args: readonly string[]): readonly string[] {
  return args.flatMap((word, index) => {
    if (!/^--?[a-z]/.test(word)) return [];
    const [flag = "", value = args[index + 1]] = word.split(/=(.*)/s);
    const option = command.options.find((one) => isCalled(one, flag));
    if (option === undefined) return [`${command.name()} has no option \`${flag}\``];
    if (!option.required || value === undefined || /^(?:[A-Z]+$|[-<])/.test(value)) return [];
    try {
      option.parseArg?.(value, option.defaultValue);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return [`\`${flag}=${value}\`: ${why.replace(/\.$/, "")}`];
    }
    return [];
  });
}
