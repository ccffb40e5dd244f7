import type { AssumptionOptions } from "../input/files.ts";
import type { Environment } from "../io.ts";
import type { ClusterOptions } from "../options.ts";

interface RolesOptions extends AssumptionOptions, ClusterOptions {
  readonly filename?: readonly string[];
  readonly allNamespaces?: boolean;
  readonly namespace?: string;
  readonly role?: readonly string[];
  readonly serviceAccount?: readonly string[];
  readonly reach?: boolean;
  /** False with `--no-sessions`. */
  readonly sessions: boolean;
  readonly html?: string;
  readonly force?: boolean;
  readonly output: "table" | "wide" | "json" | "csv";
}

export type Options = RolesOptions & Record<string, unknown> & { readonly env: Environment };

/** The page shows what could be taken, too. */
export const wantsReach = ({ reach, html }: Pick<Options, "reach" | "html">): boolean =>
  reach === true || html !== undefined;
