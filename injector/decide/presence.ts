import type { InjectorConfig } from "../config/installation.ts";
import type { Intent } from "./intent.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { Source } from "../../sidecar/contract/session.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";

/** Which parts of podrole are in the pod. */
export interface Presence {
  /** Undefined: there is no guard. */
  readonly guard: GuardMode | undefined;
  readonly sidecar: boolean;
  readonly source: Source;
}

/** Whether the guard lets the sidecar's uid through. Then no other container may run as that uid. */
export const hasOpenUid = ({ guard, sidecar, source }: Presence): boolean =>
  guard === "block" && sidecar && SOURCE_KINDS[source].opensGuard;

export const presenceOf = (
  { guard, sidecar }: Intent,
  { source }: Pick<InjectorConfig, "source">,
): Presence => ({
  guard,
  sidecar: sidecar !== undefined,
  source: sidecar?.source ?? source,
});
