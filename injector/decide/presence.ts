import type { InjectorConfig } from "../config/installation.ts";
import type { Intent } from "./intent.ts";
import type { Source } from "../../sidecar/contract/session.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";

/** Which parts of podrole are in the pod. */
export interface Presence {
  readonly guard: boolean;
  readonly sidecar: boolean;
  readonly source: Source;
}

/** Whether the guard lets the sidecar's uid through. Then no other container may run as that uid. */
export const hasOpenUid = ({ guard, sidecar, source }: Presence): boolean =>
  guard && sidecar && SOURCE_KINDS[source].opensGuard;

export const presenceOf = (
  { guard, sidecar }: Intent,
  { source }: Pick<InjectorConfig, "source">,
): Presence => ({
  guard,
  sidecar: sidecar !== undefined,
  source: sidecar?.source ?? source,
});
