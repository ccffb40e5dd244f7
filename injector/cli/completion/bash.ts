import type { Completed, CompletedCommand, CompletedOption, Value } from "./words.ts";

/**
 * A script for bash, from 3.2 on as macOS has it, without the package bash-completion. Bash breaks `--output=json` into
 * three words, so the word before an equals sign counts as the one before.
 */
export const bashScript = ({ program, commands }: Completed): string => `# bash completion of ${program}
_${program}_words() {
  local IFS=$' \\t\\n'
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
}
_${program}_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$cur"))
}
_${program}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" before=$((COMP_CWORD - 1)) command="" flag="" at
  COMPREPLY=()
  if [ "$cur" = "=" ]; then cur=""; elif [ "\${COMP_WORDS[before]}" = "=" ]; then before=$((before - 1)); fi
  for ((at = 1; at <= before; at++)); do
    case "\${COMP_WORDS[at]}" in
      -*) flag="\${COMP_WORDS[at]}" ;;
      =) ;;
      *) if [ -z "$command" ]; then command="\${COMP_WORDS[at]}"; fi ;;
    esac
  done
  case "$cur" in -*) flag="" ;; esac
  # Of a flag further back only one that takes many values counts.
  if [ "$flag" != "\${COMP_WORDS[before]}" ]; then flag="$flag..."; fi
  case "$command" in
    "") _${program}_words "${commands.map(({ name }) => name).join(" ")} --help --version" ;;
${commands.map((command) => branch(program, command)).join("\n")}
  esac
}
complete -F _${program} ${program}
`;

function branch(program: string, { name, options, words }: CompletedCommand): string {
  const byAnswer = Map.groupBy(options, ({ value }) => value && answer(program, value));
  const values = [...byAnswer].flatMap(([after, some]) =>
    after === undefined ? [] : [`        ${some.flatMap(patterns).join(" | ")}) ${after} ;;`],
  );
  const flags = options.flatMap((option) => option.flags).join(" ");
  return `    ${name})
      case "$flag" in
${values.join("\n")}
        *)
          case "$cur" in
            -*) _${program}_words "${flags}" ;;
            *) _${program}_words "${words.join(" ")}" ;;
          esac ;;
      esac ;;`;
}

const patterns = ({ flags, many }: CompletedOption): readonly string[] =>
  many ? flags.flatMap((flag) => [flag, `${flag}...`]) : flags;

function answer(program: string, value: Value): string {
  switch (value.kind) {
    case "file":
      return `_${program}_paths -f`;
    case "folder":
      return `_${program}_paths -d`;
    case "text":
      return ":";
    case "words":
      return `_${program}_words "${value.words.join(" ")}"`;
  }
}
