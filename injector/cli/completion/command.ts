import { Argument, Command } from "commander";
import type { Bind } from "../io.ts";
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import { completedFrom, type Completed } from "./words.ts";
import { zshScript } from "./zsh.ts";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Record<
  string,
  (completed: Completed) => string
>;
const SHELLS = Object.keys(SCRIPTS);

const HOW = `
Load it in each shell:
  bash  source <(podrole completion bash)        in ~/.bashrc
  zsh   source <(podrole completion zsh)         in ~/.zshrc, after compinit
  fish  podrole completion fish | source         in ~/.config/fish/config.fish`;

/** `podrole completion`: a script by which a shell completes the command line, made of Commander's own tree. */
export function completionCommand(bind: Bind): Command {
  const command: Command = new Command("completion")
    .summary("print a script for completion in bash, zsh or fish")
    .description("Print a script by which a shell completes commands, options and their values.")
    .addArgument(new Argument("<shell>").choices(SHELLS))
    .addHelpText("after", HOW);
  return command.action(
    bind(async (io, shell: keyof typeof SCRIPTS) => {
      io.stdout.write(SCRIPTS[shell](completedFrom(command.parent ?? command)));
      return 0;
    }),
  );
}
