import type { AssumptionOptions } from "../input/files.ts";
import type { KubeOptions } from "../live/kubeconfig.ts";
import type { DocumentName } from "./document.ts";

/** What Commander makes of the command's own options; the installation's stand beside them. */
export interface TrustOptions extends AssumptionOptions, KubeOptions {
  readonly filename?: readonly string[];
  readonly output: "text" | "json";
  readonly namespace?: string;
  readonly serviceAccount?: readonly string[];
  readonly role?: string;
  readonly principal?: string;
  readonly oidcIssuer?: string;
  readonly oidcProvider?: string;
  readonly externalId?: string;
  readonly tags?: string;
  readonly document?: DocumentName;
  readonly podroleNamespace: string;
}

export type Options = TrustOptions & Record<string, unknown>;
