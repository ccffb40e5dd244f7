import { generateKeyPairSync } from "node:crypto";
import { BROKER as WIRE } from "../../sidecar/contract/broker.ts";
import { IDENTITY_TOKEN } from "../../sidecar/contract/pod.ts";
import type { BrokerCluster } from "./broker-rig.ts";
import { signedJwt } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { podToken } from "./pod-process.ts";
import { NAMESPACES, podsOf } from "./setting.ts";

/** A token that the broker refuses, though it asks for a role that the pod has. */
export interface RefusedToken {
  /** The end of "the broker refuses". */
  readonly title: string;
  readonly code: string;
  /** Of its sentence. */
  readonly says: RegExp;
  /** @param pod a new one of namespace `shop` */
  readonly make: (cluster: BrokerCluster, pod: KubeObject) => Promise<string | undefined>;
}

const audiences = [WIRE.audience];
const OTHER_AUDIENCES = [
  ["of the API server's audience", {}],
  ["for STS", { audiences: ["sts.amazonaws.com"] }],
  ["of a pod's own identity, which its app holds", { audiences: [IDENTITY_TOKEN.audience("pod")] }],
] as const;

export const REFUSED_TOKENS: readonly RefusedToken[] = [
  {
    title: "a request without a token",
    code: "TOKEN_MISSING",
    says: /token/,
    make: async () => undefined,
  },
  {
    title: "what is no token",
    code: "TOKEN_NOT_ACCEPTED",
    says: /token/,
    make: async () => "header.payload.signature",
  },
  ...OTHER_AUDIENCES.map(([title, spec]) => ({
    title: `a token ${title}`,
    code: "TOKEN_NOT_ACCEPTED",
    says: /audience/,
    make: ({ admin }: BrokerCluster, pod: KubeObject) => podToken(admin, pod, spec),
  })),
  {
    title: "a token that is bound to nothing",
    code: "TOKEN_NOT_BOUND",
    says: /pod/,
    make: ({ admin }, pod) => podToken(admin, pod, { audiences, boundObjectRef: null }),
  },
  {
    title: "a token that is bound to a Secret",
    code: "TOKEN_NOT_BOUND",
    says: /pod/,
    make: ({ admin }, pod) => boundTo(admin, pod, "Secret", `${NAMESPACES}/shop/secrets`),
  },
  {
    title: "a token that is bound to a node",
    code: "TOKEN_NOT_BOUND",
    says: /pod/,
    make: ({ admin }, pod) => boundTo(admin, pod, "Node", "/api/v1/nodes"),
  },
  {
    title: "a token that has expired",
    code: "TOKEN_NOT_ACCEPTED",
    says: /expired|accept/,
    make: (cluster, pod) => resigned(cluster, pod, { iat: hoursAgo(3), nbf: hoursAgo(3), exp: hoursAgo(2) }),
  },
  {
    title: "a token of another cluster with the same issuer",
    code: "TOKEN_NOT_ACCEPTED",
    says: /accept/,
    make: async ({ admin }, pod) =>
      signedJwt(claimsOf(await podToken(admin, pod, { audiences })), OTHER_CLUSTERS_KEY),
  },
  {
    title: "a token of another issuer",
    code: "TOKEN_NOT_ACCEPTED",
    says: /accept/,
    make: (cluster, pod) => resigned(cluster, pod, { iss: "https://oidc.example/other" }),
  },
  {
    title: "a token of a pod that is deleted",
    code: "TOKEN_NOT_ACCEPTED",
    says: /accept/,
    make: async ({ admin }, pod) => {
      const token = await podToken(admin, pod, { audiences });
      await deletePod(admin, pod);
      return token;
    },
  },
  {
    title: "a token of a pod that was deleted and made again under the same name",
    code: "TOKEN_NOT_ACCEPTED",
    says: /accept/,
    make: async (cluster, pod) => {
      const token = await podToken(cluster.admin, pod, { audiences });
      await deletePod(cluster.admin, pod);
      await cluster.pod(pod.metadata.namespace, pod.metadata.name, "reader");
      return token;
    },
  },
];

const { privateKey: OTHER_CLUSTERS_KEY } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const hoursAgo = (hours: number): number => Math.floor(Date.now() / 1000) - hours * 3600;

/** A pod's token with some claims changed, signed as the API server does. */
export async function resigned(
  { admin, installed }: BrokerCluster,
  pod: KubeObject,
  over: object,
): Promise<string> {
  const claims = claimsOf(await podToken(admin, pod, { audiences }));
  return installed.plane.signedByApiServer({ ...claims, ...over });
}

const claimsOf = (token: string): object =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

async function boundTo(
  admin: BrokerCluster["admin"],
  pod: KubeObject,
  kind: string,
  place: string,
): Promise<string> {
  const { metadata } = await admin.create(place, { metadata: { name: `bound-${pod.metadata.name}` } });
  const boundObjectRef = { kind, apiVersion: "v1", name: metadata.name, uid: metadata.uid };
  return podToken(admin, pod, { audiences, boundObjectRef });
}

export const deletePod = (admin: BrokerCluster["admin"], { metadata }: KubeObject): Promise<unknown> =>
  admin.request("DELETE", `${podsOf(metadata.namespace)}/${metadata.name}`, { gracePeriodSeconds: 0 });
