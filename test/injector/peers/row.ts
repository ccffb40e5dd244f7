import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";

export const ACCOUNT = "arn:aws:iam::123456789012:role/";
export const OTHER = "arn:aws:iam::999999999999:role/";

/** The peer refuses when the app asks for credentials; podrole refuses when the pod is created. */
export const REFUSED = "refused";
export const NONE = "no credentials";

type Annotations = Readonly<Record<string, string>>;

/** One example from a peer's documentation or tests. */
export interface Row {
  readonly example: string;
  readonly pod: Annotations;
  readonly namespace?: Annotations;
  readonly settings?: Partial<InjectorConfig>;
  /** A role, session name or external id, depending on `asking`. */
  readonly asking?: "session" | "externalId";
  readonly theirs: string;
  /** podrole's different result, and why. */
  readonly ours?: readonly [outcome: string, because: string];
  readonly hostNetwork?: true;
}

export const RESTRICTED: Partial<InjectorConfig> = { policy: "enforce" };

/** podrole never matches in the middle of a name. */
export const UNANCHORED: Row["ours"] = [REFUSED, "podrole anchors patterns at both ends"];

export const asks = (name: string): Annotations => ({ [ANNOTATION.role]: name });
