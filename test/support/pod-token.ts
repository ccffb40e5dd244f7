import { BROKER } from "../../sidecar/contract/broker.ts";

export const POD_UID = "5d1c0c2e-8d3f-4b0e-9a53-0f6f6b1f0001";
export const CALLER = {
  namespace: "shop",
  serviceAccount: "default",
  pod: "web-0",
  podUid: POD_UID,
} as const;

export interface TokenWish {
  readonly aud?: unknown;
  /** Seconds since the epoch. */
  readonly exp?: unknown;
  readonly pod?: unknown;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  /** Tells two tokens of one pod apart. */
  readonly jti?: string;
}

/** A token as an API server writes it for a pod, with a signature that only looks like one. */
export function podToken({
  aud = [BROKER.audience],
  exp = Math.floor(Date.now() / 1000) + BROKER.tokenSeconds,
  pod = { name: CALLER.pod, uid: CALLER.podUid },
  namespace = CALLER.namespace,
  serviceAccount = CALLER.serviceAccount,
  jti = "1",
}: TokenWish = {}): string {
  const claims = {
    iss: "https://kubernetes.default.svc",
    aud,
    exp,
    jti,
    "kubernetes.io": {
      namespace,
      serviceaccount: { name: serviceAccount, uid: "a" },
      ...(pod ? { pod } : {}),
    },
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
  };
  return tokenOf(claims);
}

export const tokenOf = (claims: unknown): string =>
  [part({ alg: "RS256" }), part(claims), "c2lnbmVk"].join(".");

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The answer of an API server that accepts the token of {@link CALLER}. */
export const accepted = (over: object = {}, caller: typeof CALLER | PodOf = CALLER) => ({
  kind: "TokenReview",
  status: {
    authenticated: true,
    audiences: [BROKER.audience],
    user: {
      username: `system:serviceaccount:${caller.namespace}:${caller.serviceAccount}`,
      extra: {
        "authentication.kubernetes.io/pod-name": [caller.pod],
        "authentication.kubernetes.io/pod-uid": [caller.podUid],
      },
    },
    ...over,
  },
});

interface PodOf {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: string;
  readonly podUid: string;
}
