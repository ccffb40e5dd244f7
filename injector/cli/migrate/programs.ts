import type { ClusterOptions } from "../options.ts";
import { shellWord } from "../print/shell-word.ts";
import { PODROLE_NAMESPACE } from "../live/installed.ts";

/** The programs of the commands, for a shell. They act on the cluster that the command line names, and not on the one of kubectl's current context. */
export interface Programs {
  readonly kubectl: string;
  readonly helm: string;
  /** `podrole COMMAND`, with the options behind the command's own. */
  readonly podrole: (command: string) => string;
}

export function programsFor({ kubeconfig, context, podroleNamespace }: ClusterOptions): Programs {
  const withOptions = (
    program: string,
    options: readonly (readonly [string, string | undefined])[],
  ): string =>
    [
      program,
      ...options.flatMap(([name, value]) => (value === undefined ? [] : [shellWord(`--${name}=${value}`)])),
    ].join(" ");
  const file = ["kubeconfig", kubeconfig] as const;
  const installedIn = podroleNamespace === PODROLE_NAMESPACE ? undefined : podroleNamespace;
  return {
    kubectl: withOptions("kubectl", [file, ["context", context]]),
    helm: withOptions("helm", [file, ["kube-context", context]]),
    podrole: (command) =>
      withOptions(`podrole ${command}`, [file, ["context", context], ["podrole-namespace", installedIn]]),
  };
}
