import { errorName } from "../kit/errors.ts";
import { PostError } from "../kit/post-error.ts";
import { quoted } from "../kit/quoted.ts";
import type { Secret } from "../kit/secret.ts";
import type { CallFailure } from "./call-error.ts";
import { IssueError, kindOf } from "./issue-error.ts";
import {
  proxyRefusalRemedy,
  proxyUnreachableRemedy,
  routeRemedy,
  unreachableRemedy,
} from "./reach-remedies.ts";
import { presentedBy, presentedText } from "./presented.ts";
import { remedyOf } from "./remedies.ts";
import type { StsAction } from "./role-request.ts";

/** The call that failed. */
export interface StsCall {
  readonly roleArn: string;
  readonly action: StsAction | "GetCallerIdentity";
  readonly region: string;
  readonly endpoint: string;
  /** Origin of the proxy on the way there, if there is one. */
  readonly proxy?: string;
  /** Secrets that were sent. For a bad signature STS quotes the request that it had expected, including the session token. */
  readonly confidential: readonly Secret[];
  /** The token that the call was made with, if it was. It is one of the secrets. */
  readonly token?: Secret;
}

const TEXT_MAX = 400;

/** Refusals that depend on issuer, audience or subject. */
const OF_TOKEN: ReadonlySet<string> = new Set(["AccessDenied", "InvalidIdentityToken", "IDPRejectedClaim"]);

/** Makes an error that can be shown to anybody, with a remedy, of what {@link callSts} threw. */
export function stsFailure(thrown: unknown, call: StsCall): IssueError {
  const failure: CallFailure =
    thrown instanceof PostError ? thrown.failure : { kind: "unreachable", why: errorName(thrown) };
  const what = `${call.action} for ${call.roleArn}`;
  const { endpoint, proxy } = call;
  const where = `STS at ${endpoint}`;
  const through = proxy === undefined ? "" : ` through the proxy ${proxy}`;
  switch (failure.kind) {
    case "refused": {
      const { status, code, text } = failure;
      const presented = OF_TOKEN.has(code) && call.token !== undefined ? presentedBy(call.token) : undefined;
      const remedy = remedyOf(code, text, { ...call, presented });
      const said = quoted(text, call.confidential, TEXT_MAX);
      const held = presented === undefined ? "" : ` ${presentedText(presented)}`;
      return new IssueError(code, `STS refused ${what}: ${said}${held}`, {
        kind: kindOf(code, status, text),
        ...(remedy === undefined ? {} : { remedy }),
      });
    }
    case "invalid-answer": {
      const how = failure.status === undefined ? "not in HTTP" : `with HTTP ${failure.status}`;
      const message = `${where} answered ${what}${through} ${how}, and the answer is not STS's.`;
      const remedy = "See what is between the pod and STS: a proxy, a firewall, a VPC endpoint.";
      return new IssueError("STS_ANSWER_INVALID", message, { kind: "passing", remedy });
    }
    case "late": {
      const within = `within ${failure.afterMs / 1000} s`;
      const message =
        failure.at === "proxy"
          ? `The proxy ${proxy} made no connection to ${where} ${within}, for ${what}.`
          : `${where} did not answer ${what}${through} ${within}.`;
      return new IssueError("STS_TIMEOUT", message, { kind: "passing", remedy: routeRemedy(proxy) });
    }
    case "unreachable": {
      const message = `${where} cannot be reached${through} (${failure.why}) for ${what}.`;
      const remedy = unreachableRemedy(failure.why, call);
      // The kernel's own time-out of a connection.
      const code = failure.why === "ETIMEDOUT" ? "STS_TIMEOUT" : "STS_UNREACHABLE";
      return new IssueError(code, message, { kind: "passing", remedy });
    }
    case "proxy-unreachable": {
      const message = `The proxy ${proxy} on the way to ${where} cannot be reached (${failure.why}) for ${what}.`;
      const remedy = proxyUnreachableRemedy(failure.why);
      return new IssueError("STS_PROXY_UNREACHABLE", message, { kind: "passing", remedy });
    }
    case "proxy-refused": {
      const { status } = failure;
      const how = status === undefined ? "not as an HTTP proxy does" : `HTTP ${status}`;
      const message = `The proxy ${proxy} was asked for a connection to ${where} and answered ${how}, for ${what}.`;
      const remedy = proxyRefusalRemedy(status, endpoint);
      return new IssueError("STS_PROXY_REFUSED", message, { kind: "passing", remedy });
    }
  }
}
