import type { Command, Option } from "commander";

/** What a shell has to know to complete a command line. */
export interface Completed {
  readonly program: string;
  readonly commands: readonly CompletedCommand[];
}

export interface CompletedCommand {
  readonly name: string;
  readonly about: string;
  readonly options: readonly CompletedOption[];
  /** What the arguments may be, where that is known. */
  readonly words: readonly string[];
}

export interface CompletedOption {
  /** Such as `-o` and `--output`. */
  readonly flags: readonly string[];
  readonly about: string;
  /** What follows it; undefined where nothing has to. */
  readonly value: Value | undefined;
  /** Whether several values may follow. */
  readonly many: boolean;
}

export type Value =
  | { readonly kind: "file" | "folder" | "text" }
  | { readonly kind: "words"; readonly words: readonly string[] };

/** Every command and option, the settings of the installation too. Pure. */
export function completedFrom(program: Command): Completed {
  const commands = program.createHelp().visibleCommands(program);
  const names = commands.map((command) => command.name());
  return {
    program: program.name(),
    commands: commands.map((command) => ({
      name: command.name(),
      about: sentence(command.summary() || command.description()),
      options: optionsOf(command),
      words: command.name() === "help" ? names : (command.registeredArguments[0]?.argChoices ?? []),
    })),
  };
}

function optionsOf(command: Command): readonly CompletedOption[] {
  // Commander keeps its own -h apart from the others.
  const { options } = command;
  const help = command
    .createHelp()
    .visibleOptions(command)
    .filter((one) => !options.includes(one));
  return [...options, ...help].map((option) => ({
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    about: sentence(option.description),
    value: valueOf(option),
    many: option.variadic,
  }));
}

function valueOf({ required, flags, argChoices }: Option): Value | undefined {
  // A value that may be left out would hide the options that can follow instead.
  if (!required) return undefined;
  if (argChoices !== undefined) return { kind: "words", words: argChoices };
  if (/<file(?:\.\.\.)?>/.test(flags)) return { kind: "file" };
  if (/<folder>/.test(flags)) return { kind: "folder" };
  return { kind: "text" };
}

/** The first clause on one line: shells show it beside the word. */
const sentence = (text: string): string => text.replaceAll(/\s+/g, " ").split(/[.;:] |\.$/)[0] ?? "";
