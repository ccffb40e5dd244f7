import { CodedError } from "../../../sidecar/kit/errors.ts";

/** An OIDC provider of IAM's: who it stands for, and what its ARN and its condition keys are made of. */
export interface Provider {
  /** The issuer without its `https://`: IAM's name for it in ARNs and condition keys. */
  readonly hostPath: string;
  /** Undefined: of the role's own account. */
  readonly account: string | undefined;
  readonly partition: string | undefined;
  /** How it became known. */
  readonly from: string;
}

/** Characters that are safe in an ARN and in a condition's key. */
const HOST_PATH = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})(?:\/[\w.~/-]{0,200})?$/;
const PROVIDER_ARN =
  /^arn:(?<partition>aws(?:-[a-z]{1,12}){0,3}):iam::(?<account>\d{12}):oidc-provider\/(?<hostPath>.+)$/;

/**
 * The issuer, unchanged (a slash at the end included): IAM compares it with the token's `iss`.
 * @throws CodedError `ISSUER_INVALID`
 */
export function parseIssuer(raw: string, from: string): Provider {
  const url = URL.parse(raw);
  const why =
    url === null
      ? "is no URL"
      : url.protocol !== "https:"
        ? "does not begin with https://, which is all that IAM takes"
        : url.username !== "" || url.password !== ""
          ? "has a user in it"
          : url.port !== "" || /^https:\/\/[^/]*:\d/i.test(raw)
            ? "has a port in it, which IAM does not take"
            : /[?#]/.test(raw)
              ? "has a query or a fragment, which an issuer cannot have"
              : undefined;
  const hostPath = raw.replace(/^https:\/\//i, "");
  if (why === undefined && HOST_PATH.test(hostPath) && !hostPath.includes("..")) {
    return { hostPath, account: undefined, partition: undefined, from };
  }
  throw new CodedError(
    "ISSUER_INVALID",
    `The issuer ${JSON.stringify(raw.slice(0, 200))} ${why ?? "has characters that IAM does not allow"}.`,
    { remedy: "Give it as kubectl get --raw /.well-known/openid-configuration shows it." },
  );
}

/** @throws CodedError `ISSUER_INVALID` */
export function parseProviderArn(raw: string): Provider {
  const { partition, account, hostPath = "" } = PROVIDER_ARN.exec(raw)?.groups ?? {};
  if (account === undefined || !HOST_PATH.test(hostPath) || hostPath.includes("..")) {
    throw new CodedError(
      "ISSUER_INVALID",
      `${JSON.stringify(raw.slice(0, 200))} is not the ARN of an OIDC provider.`,
      {
        remedy:
          "Write it as aws iam list-open-id-connect-providers prints it: arn:aws:iam::111122223333:oidc-provider/HOST/PATH.",
      },
    );
  }
  return { hostPath, account, partition, from: "--oidc-provider" };
}

/** Why AWS, which fetches an issuer's keys over the internet, cannot reach this one; undefined if it may. */
export function whyPrivate({ hostPath }: Provider): string | undefined {
  const [host = ""] = hostPath.split("/");
  if (/(?:^|\.)(?:localhost|local|internal|svc)$/i.test(host))
    return "its host is a name of a private network";
  if (/^[\d.]+$/.test(host)) return "its host is an address";
  return host.includes(".") ? undefined : "its host has no domain";
}
