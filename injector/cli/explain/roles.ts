import { containerIdentity, POD_IDENTITY } from "../../../sidecar/contract/session.ts";

const OF_CONTAINER = containerIdentity("");

/** Each identity of a pod with its role, such as `as ROLE, container archive as ROLE`. */
export const identitiesText = (roles: Iterable<readonly [identity: string, role: string]>): string =>
  [...roles]
    .map(([name, role]) =>
      name === POD_IDENTITY ? `as ${role}` : `container ${name.replace(OF_CONTAINER, "")} as ${role}`,
    )
    .join(", ");
