import type { Completed, CompletedCommand, CompletedOption, Value } from "./words.ts";

/** A script for zsh: to be sourced after compinit, or as a file `_podrole` in a folder of `fpath`. */
export const zshScript = ({ program, commands }: Completed): string => `#compdef ${program}
# zsh completion of ${program}
_${program}() {
  local curcontext="$curcontext" state line
  local -a commands
  commands=(
${commands.map(({ name, about }) => `    ${quoted(`${name}:${about}`)}`).join("\n")}
  )
  _arguments -C '(-h --help)'{-h,--help}'[display help]' '(-V --version)'{-V,--version}'[print the version]' '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $words[1] in
${commands.map(branch).join("\n")}
      esac ;;
  esac
}
if [ "$funcstack[1]" = "_${program}" ]; then _${program} "$@"; else compdef _${program} ${program}; fi
`;

function branch({ name, options, words }: CompletedCommand): string {
  const rest = words.length === 0 ? [] : [quoted(`1:${name}:(${words.join(" ")})`)];
  const specs = [...options.map(spec), ...rest];
  return `        ${name}) _arguments -S \\\n${specs.map((one) => `          ${one}`).join(" \\\n")} ;;`;
}

/** Such as `{-o,--output}'[output format]:value:(text json)'`. */
function spec({ flags, about, value, many }: CompletedOption): string {
  const text = quoted(
    `[${about.replaceAll(/[[\]]/g, String.raw`\$&`)}]${value ? `:value:${answer(value)}` : ""}`,
  );
  const [first = ""] = flags;
  const star = many ? "'*'" : flags.length > 1 ? `'(${flags.join(" ")})'` : "";
  return star + (flags.length > 1 ? `{${flags.join(",")}}` : first) + text;
}

function answer(value: Value): string {
  switch (value.kind) {
    case "file":
      return "_files -f";
    case "folder":
      return "_files -/";
    case "text":
      return " ";
    case "words":
      return `(${value.words.join(" ")})`;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
