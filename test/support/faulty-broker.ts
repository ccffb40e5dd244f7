import { randomBytes } from "node:crypto";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import type { SessionAsked, SessionRefused } from "../../sidecar/contract/broker.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { askBroker } from "../../sidecar/sources/broker/ask.ts";
import { toWire } from "../../sidecar/sts/credentials.ts";
import { credentials, ROLE } from "./credentials.ts";
import { FAULTS, faultyServer, type FaultyPlace, type Wire } from "./faulty-server.ts";
import { tempFile } from "./temp-files.ts";

/** The broker, over real TLS. */
export const FAULTY_BROKER: FaultyPlace = {
  name: "the broker",
  // It answers whoever has a pod's token, and its answer names no pod.
  faults: FAULTS.filter((fault) => fault !== "another pod's credentials"),
  sequences: 4,
  open: async (now) => {
    const validity = validFor(1, Date.now());
    const authority = await certificateAuthority("broker", validity);
    const certificate = await servingCertificate(authority, ["127.0.0.1"], validity);
    const tokenFile = tempFile("header.payload-of-the-pod's-token.signature");
    return faultyServer({ ...WIRE, certificate }, now, (url, ours, limits) =>
      askBroker(
        { url, ca: authority.cert, tokenFile },
        { identity: POD_IDENTITY, roleArn: ROLE, now: ours },
        limits.timeoutMs,
      ),
    );
  },
};

const refused = (code: string, kind: SessionRefused["kind"], more: Partial<SessionRefused> = {}): string =>
  JSON.stringify({
    code,
    message: "No session for you.",
    remedy: "Ask somebody.",
    kind,
    ...more,
  } satisfies SessionRefused);

const without = (json: string, ...keys: readonly string[]): string =>
  JSON.stringify(
    Object.fromEntries(Object.entries(JSON.parse(json) as object).filter(([key]) => !keys.includes(key))),
  );

const WIRE: Wire = {
  contentType: "application/json",
  asked: (body) => ({
    roleArn: (JSON.parse(body) as SessionAsked).roleArn,
    sessionName: "",
    lifetimeSeconds: 3600,
  }),
  document: (_, { roleArn }, accessKeyId, expiresAt) =>
    JSON.stringify(
      toWire(
        credentials({
          accessKeyId,
          expiresAt,
          roleArn,
          secretAccessKey: new Secret(randomBytes(30).toString("hex")),
          sessionToken: new Secret(randomBytes(200).toString("hex")),
        }),
      ),
    ),
  refusals: {
    refused: [403, refused("ROLE_NOT_ALLOWED", "definite")],
    denied: [403, refused("AccessDenied", "definite")],
    withdrawn: [403, refused("ROLE_NOT_ALLOWED", "definite", { endsSession: true })],
    throttled: [429, refused("BROKER_BUSY", "throttled")],
    "internal failure": [503, refused("FACTS_UNAVAILABLE", "passing")],
  },
  spoil: {
    "no credentials": (json) => without(json, "AccessKeyId", "SecretAccessKey", "Token"),
    "empty credentials": (json) => json.replace(/"SecretAccessKey":"[^"]*"/, '"SecretAccessKey":""'),
    "a date that is none": (json) => json.replace(/"Expiration":"[^"]*"/, '"Expiration":"tomorrow"'),
    "no name": (json) => without(json, "RoleArn"),
  },
};
