import type { Source } from "../../sidecar/contract/session.ts";
import { ambient } from "./ambient.ts";
import { broker } from "./broker.ts";
import { node } from "./node.ts";
import type { SourceKind } from "./source-kind.ts";
import { webIdentity } from "./web-identity.ts";

export const SOURCE_KINDS: Readonly<Record<Source, SourceKind>> = {
  "web-identity": webIdentity,
  node,
  ambient,
  broker,
};

/** Names of the volumes that some source writes into a pod. */
export const SOURCE_VOLUMES: ReadonlySet<string> = new Set(
  Object.values(SOURCE_KINDS).flatMap(({ volume }) => (volume === undefined ? [] : [volume.mount.name])),
);
