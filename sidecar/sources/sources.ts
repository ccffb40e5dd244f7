import type { Source } from "../contract/session.ts";
import { ambient } from "./ambient.ts";
import { broker } from "./broker.ts";
import { node } from "./node.ts";
import type { IdentitySource } from "./source.ts";
import { webIdentity } from "./web-identity.ts";

export const IDENTITY_SOURCES: Readonly<Record<Source, IdentitySource>> = {
  "web-identity": webIdentity,
  node,
  ambient,
  broker,
};
