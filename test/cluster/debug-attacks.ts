import type { FindingCode } from "../../injector/model/findings.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";

const DROPPED = { capabilities: { drop: ["ALL"] } };

/** Ephemeral containers: a description, its fields, and the code of its denial. */
export const DEBUG_ATTACKS: readonly (readonly [string, object, FindingCode])[] = [
  ["that drops nothing", {}, "CAPABILITY_FORBIDDEN"],
  [
    "that drops CAP_NET_RAW",
    { securityContext: { capabilities: { drop: ["CAP_NET_RAW"] } } },
    "CAPABILITY_FORBIDDEN",
  ],
  [
    "aimed at the sidecar",
    { securityContext: DROPPED, targetContainerName: "podrole-sidecar" },
    "EPHEMERAL_TARGET",
  ],
  [
    "that mounts the token",
    { securityContext: DROPPED, volumeMounts: [{ name: "podrole-token", mountPath: "/t" }] },
    "RESERVED_NAME",
  ],
  [
    "that mounts the volume that is to be empty",
    { securityContext: DROPPED, volumeMounts: [{ name: "podrole-no-api-token", mountPath: "/t" }] },
    "RESERVED_NAME",
  ],
  ["with a name of podrole's", { name: "podrole-debug", securityContext: DROPPED }, "RESERVED_NAME"],
  [
    "that mounts the pod's token elsewhere",
    {
      securityContext: DROPPED,
      volumeMounts: [{ name: "podrole-identity-0", mountPath: "/t", readOnly: true }],
    },
    "RESERVED_NAME",
  ],
  ["with the sidecar's uid", { securityContext: { ...DROPPED, runAsUser: SIDECAR_UID } }, "SIDECAR_UID"],
];
