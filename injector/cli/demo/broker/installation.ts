import { NAMESPACES } from "../../../cluster/fact-kinds.ts";
import { CONFIG_MAP } from "../../../config/config-map.ts";
import type { Written } from "../../../config/read-config.ts";
import type { Fields } from "../../../model/read.ts";
import { BROKER_SERVICE, serviceNames } from "../../../tls/options.ts";
import type { News } from "../aws/standins.ts";

/** What the broker finds of its installation. Pure. */

const NAMESPACE = "podrole-system";

/** The broker serves no certificate that is not for its Service. */
export const SERVICE_NAMES = serviceNames(BROKER_SERVICE.service, NAMESPACE);

export const settingsWritten = (settings: Written): News =>
  ownObject("configmaps", CONFIG_MAP, { data: settings });

/** As the controller writes it. @param pem by the Secret's keys */
export const certificateWritten = (pem: Readonly<Record<string, string>>): News =>
  ownObject("secrets", BROKER_SERVICE.secret, { type: "kubernetes.io/tls", data: base64(pem) });

/** Settings that were just written take effect after some seconds. */
const LONG_AGO = "2026-01-01T00:00:00Z";

const ownObject = (resource: "configmaps" | "secrets", name: string, fields: Fields): News => ({
  put: {
    path: `${NAMESPACES.path}/${NAMESPACE}/${resource}`,
    object: { metadata: { name, namespace: NAMESPACE, creationTimestamp: LONG_AGO }, ...fields },
  },
});

const base64 = (data: Readonly<Record<string, string>>): Fields =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));

/** A kubeconfig for a server that asks nobody who they are. client-node takes HTTP only from who wants no TLS. */
export const kubeconfigFor = (server: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "demo", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "demo", user: {} }],
    contexts: [{ name: "demo", context: { cluster: "demo", user: "demo", namespace: NAMESPACE } }],
    "current-context": "demo",
  });
