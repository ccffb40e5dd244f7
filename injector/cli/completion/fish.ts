import type { Completed, CompletedCommand, CompletedOption, Value } from "./words.ts";

/** A script for fish. */
export const fishScript = ({ program, commands }: Completed): string =>
  [
    `# fish completion of ${program}`,
    `complete -c ${program} -f`,
    `complete -c ${program} -n __fish_use_subcommand -s h -l help -d 'display help'`,
    `complete -c ${program} -n __fish_use_subcommand -s V -l version -d 'print the version'`,
    ...commands.flatMap((command) => linesOf(program, command)),
    "",
  ].join("\n");

function linesOf(program: string, { name, about, options, words }: CompletedCommand): readonly string[] {
  const within = `complete -c ${program} -n '__fish_seen_subcommand_from ${name}'`;
  return [
    `complete -c ${program} -n __fish_use_subcommand -a ${name} -d ${quoted(about)}`,
    ...(words.length === 0 ? [] : [`${within} -a '${words.join(" ")}'`]),
    ...options.map((option) => `${within} ${optionOf(option)}`),
  ];
}

function optionOf({ flags, about, value }: CompletedOption): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return [...names, ...(value === undefined ? [] : [answer(value)]), `-d ${quoted(about)}`].join(" ");
}

function answer(value: Value): string {
  switch (value.kind) {
    case "file":
      return "-r -F";
    case "folder":
      return "-x -a '(__fish_complete_directories)'";
    case "text":
      return "-x";
    case "words":
      return `-x -a '${value.words.join(" ")}'`;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", String.raw`\'`)}'`;
