import type { AssumptionOptions } from "../input/files.ts";
import type { ClusterOptions } from "../options.ts";
import type { BrokerIdentityType } from "../../model/broker-identity.ts";
import type { DocumentName } from "./document.ts";

/** Of whom roles trust, and which policies that is asked for. */
export interface PartyOptions extends ClusterOptions {
  readonly principal?: string;
  readonly brokerIdentity?: BrokerIdentityType;
  readonly brokerAudience?: string;
  readonly oidcIssuer?: string;
  readonly oidcProvider?: string;
  readonly document?: DocumentName;
}

/** What Commander makes of the command's own options; the installation's stand beside them. */
export interface TrustOptions extends AssumptionOptions, PartyOptions {
  readonly filename?: readonly string[];
  readonly output: "text" | "json";
  readonly namespace?: string;
  readonly serviceAccount?: readonly string[];
  readonly role?: string;
  readonly externalId?: string;
  readonly tags?: string;
  readonly allNamespaces?: boolean;
  readonly dir?: string;
  readonly force?: boolean;
  readonly against?: string;
}

export type Options = TrustOptions & Record<string, unknown>;
