import type { SessionRefused } from "../../sidecar/contract/broker.ts";
import { wireAnswer, type WireAnswer } from "../../sidecar/kit/http-message.ts";
import { toWire, type Credentials } from "../../sidecar/sts/credentials.ts";
import type { IssueError, FailureKind } from "../../sidecar/sts/issue-error.ts";
import { BusyError } from "./busy.ts";

/** By what is to be expected of the next attempt. */
const OF_KIND: Readonly<Record<FailureKind, number>> = { definite: 403, throttled: 429, passing: 503 };

/** What is wrong with the request itself, or with who sends it. */
const OF_CODE: Readonly<Record<string, number>> = {
  REQUEST_INVALID: 400,
  TOKEN_MISSING: 401,
  TOKEN_NOT_ACCEPTED: 401,
  TOKEN_NOT_BOUND: 401,
};

/** For STS's own throttling, which names no time. */
const RETRY_SECONDS = 5;

export const given = (credentials: Credentials): WireAnswer => json(200, toWire(credentials));

export function refused(error: IssueError): WireAnswer {
  const { code, message, remedy, kind, endsSession } = error;
  const own = Object.hasOwn(OF_CODE, code) ? OF_CODE[code] : undefined;
  const status = own ?? OF_KIND[kind];
  const body: SessionRefused = {
    code,
    message,
    kind,
    ...(remedy === undefined ? {} : { remedy }),
    ...(endsSession ? { endsSession } : {}),
  };
  const seconds = error instanceof BusyError ? error.retryAfterSeconds : RETRY_SECONDS;
  return json(status, body, status === OF_KIND.throttled ? { "Retry-After": String(seconds) } : {});
}

/** A request of another form than the contract's. */
export const malformed = (status: number, code: string, message: string, headers = {}): WireAnswer =>
  json(status, { code, message, kind: "definite" } satisfies SessionRefused, headers);

const json = (status: number, body: object, headers: Readonly<Record<string, string>> = {}): WireAnswer =>
  wireAnswer(status, "application/json", JSON.stringify(body), headers);
