/**
 * How a sidecar of source `broker` asks the broker for a session: `POST BROKER.path` over TLS, with the pod's projected token as
 * `Authorization: Bearer TOKEN` and a {@link SessionAsked} as JSON. The answer is the body of the credentials endpoint with status
 * 200, or a {@link SessionRefused} with another.
 */
export const BROKER = {
  path: "/v1/session",
  /** Of the pod's token. No other program accepts it, and the broker accepts no other. */
  audience: "podrole-broker",
  /** The kubelet renews the token at 80 % of it. Whoever steals a token can use it for as long, if the pod lives. */
  tokenSeconds: 3600,
  requestBytesMax: 4096,
} as const;

/** A pod may ask for the identities that it was made with, and for no others. */
export interface SessionAsked {
  /** As in the sidecar's list of identities. */
  readonly identity: string;
  /** The role that the sidecar was made for. The broker refuses another. */
  readonly roleArn: string;
}

/** What to expect of the next attempt, as the sidecar's engine has it. */
export const REFUSAL_KINDS = ["definite", "throttled", "passing"] as const;

export interface SessionRefused {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  readonly kind: (typeof REFUSAL_KINDS)[number];
  /** The cluster's rules forbid the session: the sidecar gives the one that it holds to nobody from now on. */
  readonly endsSession?: true;
}
