import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";

export const ACCOUNT = "arn:aws:iam::123456789012:role/";
export const OTHER = "arn:aws:iam::999999999999:role/";

/** Where theirs is a refusal when the app asks for credentials, ours is one when the pod is created. */
export const REFUSED = "refused";
export const NONE = "no credentials";

type Annotations = Readonly<Record<string, string>>;

/** One example of a peer's documentation or tests. */
export interface Row {
  readonly example: string;
  readonly pod: Annotations;
  readonly namespace?: Annotations;
  readonly settings?: Partial<InjectorConfig>;
  /** A role, a session name or an external id, whichever `asking` is for. */
  readonly asking?: "session" | "externalId";
  readonly theirs: string;
  /** What comes out here instead, and why. */
  readonly ours?: readonly [outcome: string, because: string];
  readonly hostNetwork?: true;
}

export const RESTRICTED: Partial<InjectorConfig> = { policy: "enforce" };

/** Whoever relies on a match in the middle of a name finds that there is none here. */
export const UNANCHORED: Row["ours"] = [REFUSED, "patterns are anchored here"];

export const asks = (name: string): Annotations => ({ [ANNOTATION.role]: name });
