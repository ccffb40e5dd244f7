import type { SecureContext } from "node:tls";
import type { Clock } from "../../sidecar/kit/clock.ts";
import type { Secret } from "../../sidecar/kit/secret.ts";
import { stsOver } from "../../sidecar/sts/assume-role.ts";
import {
  askCallerArn,
  CALL_TIMEOUT_MS,
  trustWith,
  type ClockOffset,
  type Keys,
  type StsEndpoint,
} from "../../sidecar/sts/client.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { stsFailure } from "../../sidecar/sts/refusals.ts";
import type { AssumeRole } from "../../sidecar/sts/role-request.ts";

/** Where STS is called, as the settings have it. */
export interface StsPlace {
  readonly region: string;
  readonly endpoint: string;
  /** An origin. */
  readonly proxy: string | undefined;
  /** PEM, trusted beside the public roots. */
  readonly ca: string | undefined;
}

export interface StsCallsDeps {
  readonly clock: Pick<Clock, "now" | "elapsed">;
  /** `user:password`, for a proxy that asks for them. */
  readonly proxyCredentials: Secret | undefined;
  /** Called for every call with `Success` or the code of its failure, and how long it took in milliseconds. */
  readonly onCall: (code: string, ms: number) => void;
}

export interface StsCalls {
  /** @param onRequestId called with STS's id of each call that succeeds */
  readonly at: (place: StsPlace, onRequestId?: (id: string | undefined) => void) => Promise<AssumeRole>;
  /** The ARN of the owner of keys, by GetCallerIdentity. @throws IssueError */
  readonly arnOf: (keys: Keys, place: StsPlace) => Promise<string>;
}

const USER_AGENT = "podrole-broker";

/** The sidecar's client of STS, for many calls. */
export function stsCalls({ clock, proxyCredentials, onCall }: StsCallsDeps): StsCalls {
  // One for all regions: it is this node's clock that is wrong.
  const offset: ClockOffset = { ms: 0 };
  const now = (): number => clock.now();
  let trusted: { readonly ca: string; readonly trust: Promise<SecureContext> } | undefined;

  const endpointOf = async ({ region, endpoint, proxy, ca }: StsPlace): Promise<StsEndpoint> => {
    const through = proxy === undefined ? undefined : { origin: proxy, credentials: proxyCredentials };
    if (ca !== undefined && trusted?.ca !== ca) trusted = { ca, trust: trustWith(ca) };
    return { region, endpoint, ca: ca && (await trusted?.trust), proxy: through };
  };
  const timed = async <T>(call: () => Promise<T>): Promise<T> => {
    const start = clock.elapsed();
    const ended = (code: string): void => onCall(code, clock.elapsed() - start);
    try {
      const result = await call();
      ended("Success");
      return result;
    } catch (error) {
      ended(error instanceof IssueError ? error.code : "INTERNAL");
      throw error;
    }
  };

  return {
    at: async (place, onRequestId) => {
      const where = await endpointOf(place);
      const assumeRole = stsOver({
        ...where,
        now,
        offset,
        userAgent: USER_AGENT,
        onCall: (_, requestId) => onRequestId?.(requestId),
      });
      return (request) => timed(() => assumeRole(request));
    },
    arnOf: async (keys, place) => {
      const call = {
        ...(await endpointOf(place)),
        timeoutMs: CALL_TIMEOUT_MS,
        offset,
        now,
        userAgent: USER_AGENT,
      };
      return timed(() =>
        askCallerArn(keys, call).catch((error: unknown) => {
          throw stsFailure(error, callerIdentity(keys, place));
        }),
      );
    },
  };
}

const callerIdentity = ({ secretAccessKey, sessionToken }: Keys, { region, endpoint, proxy }: StsPlace) => ({
  roleArn: "the broker's own keys",
  action: "GetCallerIdentity" as const,
  region,
  endpoint,
  ...(proxy === undefined ? {} : { proxy }),
  confidential: [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])],
});
