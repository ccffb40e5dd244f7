import type { PartyOptions } from "../trust/options.ts";

/** What Commander makes of the command's own options; the installation's stand beside them. */
export interface MigrateOptions extends PartyOptions {
  readonly filename?: readonly string[];
  readonly live?: boolean;
  readonly namespace?: string;
  readonly allow: "used" | "permitted";
  readonly toolArgs?: string;
  readonly roles?: readonly string[];
  readonly associations?: string;
  readonly dir?: string;
  readonly output: "text" | "yaml" | "json";
}

export type Options = MigrateOptions & Record<string, unknown>;
