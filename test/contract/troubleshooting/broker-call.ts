import { PostError, type PostFailure } from "../../../sidecar/kit/post-error.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import {
  brokerFailure,
  refusalOf,
  wrongRole,
  type Failed,
} from "../../../sidecar/sources/broker/failures.ts";
import type { Row } from "./row.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const CALL: Failed = {
  url: "https://podrole-broker.podrole-system.svc",
  roleArn: ROLE,
  token: new Secret("header.payload.signature"),
};

const FAILURES: readonly PostFailure[] = [
  { kind: "unreachable", why: "ENOTFOUND" },
  { kind: "unreachable", why: "ECONNREFUSED" },
  { kind: "unreachable", why: "EPROTO" },
  { kind: "late", afterMs: 10_000, at: "origin" },
  { kind: "unreachable", why: "SELF_SIGNED_CERT_IN_CHAIN" },
  { kind: "unreachable", why: "ERR_TLS_CERT_ALTNAME_INVALID" },
  { kind: "unreachable", why: "CERT_HAS_EXPIRED" },
  { kind: "invalid-answer", status: 502 },
];

/** Why a sidecar of source broker got no session, beside what the broker says. */
export function brokerCallRows(): readonly Row[] {
  const refused = refusalOf({ code: "CODE", message: "…", remedy: "…", kind: "definite" }, CALL);
  return [
    ...FAILURES.map((failure) => brokerFailure(new PostError(failure), CALL)),
    wrongRole("arn:aws:iam::111122223333:role/other", CALL),
    Object.assign(refused, {
      remedy: "The broker's reason, or STS's: what to do stands behind it.",
    }),
  ].map(({ code, message, remedy = "" }) => ({
    says: `${code}: ${message.replaceAll(ROLE, "ROLE").replace("….", "…")}`,
    todo: remedy.replaceAll(ROLE, "the role"),
  }));
}
