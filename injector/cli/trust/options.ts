import type { AssumptionOptions } from "../input/files.ts";
import type { ClusterOptions } from "../options.ts";
import type { BrokerIdentityType } from "../../model/broker-identity.ts";
import type { DocumentName } from "./document.ts";

/** What Commander makes of the command's own options; the installation's stand beside them. */
export interface TrustOptions extends AssumptionOptions, ClusterOptions {
  readonly filename?: readonly string[];
  readonly output: "text" | "json";
  readonly namespace?: string;
  readonly serviceAccount?: readonly string[];
  readonly role?: string;
  readonly principal?: string;
  readonly brokerIdentity?: BrokerIdentityType;
  readonly brokerAudience?: string;
  readonly oidcIssuer?: string;
  readonly oidcProvider?: string;
  readonly externalId?: string;
  readonly tags?: string;
  readonly document?: DocumentName;
  readonly allNamespaces?: boolean;
  readonly dir?: string;
  readonly force?: boolean;
  readonly against?: string;
}

export type Options = TrustOptions & Record<string, unknown>;
