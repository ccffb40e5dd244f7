import type { PodOutcome } from "../../review/admit-pod.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Facts } from "../../model/facts.ts";
import type { GrantReading } from "../../cluster/grant-index.ts";
import type { BrokerRight } from "./broker/access.ts";
import type { Readyz } from "./broker/readyz.ts";
import type { Fields } from "../../model/read.ts";

/** What has become of one read. */
export type Reading<T = Fields> =
  | { readonly kind: "found"; readonly value: T }
  | { readonly kind: "absent" }
  | Unread;

export interface Unread {
  readonly kind: "unread";
  /** A clause: the API server refuses GET … with HTTP 403. */
  readonly why: string;
  /** The API server answered, and does not let this user read it. */
  readonly refused?: true;
}

/** Everything that the checks judge, taken once. No secret is in it: of the TLS Secret, the certificates alone. */
export interface CheckFacts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Of this program. */
  readonly version: string;
  readonly server: string;
  /** Of the installation. */
  readonly podroleNamespace: string;
  /** The installation's settings, as far as they could be read. */
  readonly config: InjectorConfig;
  /** Why they are not those of the ConfigMap. */
  readonly configProblem: string | undefined;
  readonly serverVersion: Reading;
  readonly crd: Reading;
  readonly configMap: Reading;
  readonly deployment: Reading;
  /** The controller's Deployment. */
  readonly controller: Reading;
  readonly service: Reading;
  readonly endpointSlices: Reading<readonly Fields[]>;
  readonly disruptionBudget: Reading;
  /** The broker's. Those below are absent, unless the settings use source broker. */
  readonly brokerDeployment: Reading;
  readonly brokerService: Reading;
  readonly brokerEndpointSlices: Reading<readonly Fields[]>;
  /** The chain that the broker serves, PEM. */
  readonly brokerCertificate: Reading<string>;
  readonly brokerReadyz: Reading<readonly Readyz[]>;
  /** Those that its service account lacks. */
  readonly brokerRights: Reading<readonly BrokerRight[]>;
  /** The chain that the injector serves, PEM. */
  readonly certificate: Reading<string>;
  readonly webhooks: Reading<readonly Fields[]>;
  readonly policies: Reading<readonly Fields[]>;
  readonly bindings: Reading<readonly Fields[]>;
  readonly grants: Reading<readonly GrantReading[]>;
  /** Those that carry podrole's label, with whatever value. */
  readonly namespaces: Reading<readonly Facts[]>;
  /** Of namespaces under podrole. */
  readonly pods: Reading<readonly PodsIn[]>;
  /** The namespace that pods are to be tried in, where somebody has named one. */
  readonly tryIn: string | undefined;
  /** One for each mode of the guard, or the one in `tryIn`. */
  readonly dryRuns: Reading<readonly DryRun[]>;
}

/** More pods than this are not read of one namespace: a check is to end. */
export const PODS_MAX = 5000;

export interface PodsIn {
  readonly namespace: string;
  readonly pods: Reading<readonly Fields[]>;
}

/** Two pods that were made for nothing: one that has to come back injected, and one that must not be. */
export interface DryRun {
  readonly namespace: string;
  /** What this version decides about the first one. */
  readonly expected: PodOutcome;
  /** Whether the first one asks for a role: not where no role would be allowed it. */
  readonly withRole: boolean;
  readonly good: Attempt;
  readonly bad: Attempt;
}

export type Attempt =
  | { readonly kind: "made"; readonly object: Fields }
  | { readonly kind: "refused"; readonly status: number; readonly said: string }
  | { readonly kind: "unanswered"; readonly why: string };
