import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer as createHealthServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { answer } from "../../../sidecar/wire/answers.ts";
import type { WireRequest } from "../../../sidecar/kit/http-message.ts";
import { parseConfig } from "../../../sidecar/config/config.ts";
import { APP_ENV, IDENTITY_TOKEN, PATH } from "../../../sidecar/contract/pod.ts";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import { createEngine } from "../../../sidecar/engine/engine.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { parseEnv } from "../../../sidecar/kit/env.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { oneHourFallback } from "../../../sidecar/sts/one-hour.ts";
import { credentialServer, listen } from "../../../sidecar/wire/server.ts";
import type { Issue } from "../../../sidecar/sts/chain.ts";
import type { Source } from "../../../sidecar/contract/session.ts";
import { instanceRole } from "../../../sidecar/sources/node.ts";
import { IDENTITY_SOURCES } from "../../../sidecar/sources/sources.ts";
import { watchTokenFile } from "../../../sidecar/wire/token-file.ts";
import { createGuardCheck } from "../../../sidecar/guard-check.ts";
import { lookByConnecting, lookByProof, type Look } from "../../../sidecar/guard-looks.ts";
import type { Outcome } from "../../../sidecar/proof/ask.ts";
import { CREDENTIALS, TOKEN, type Question } from "../../../sidecar/proof/questions.ts";
import { verdictOf } from "../../../sidecar/proof/verdict.ts";
import { waitMain } from "../../../sidecar/wait.ts";
import { credentials } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import { handClock } from "../../support/hand-clock.ts";
import { thrown } from "../../support/thrown.ts";
import type { Row } from "./row.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

const EC2 = "169.254.169.254";

/** What to do, where the sidecar itself leaves it open. */
const TODO: Readonly<Record<string, string>> = {
  CONFIG_INVALID: "Let the injector write the sidecar. Correct the setting that the variable comes from.",
  LISTEN_FAILED: "The kernel's error code gives the reason. A policy may forbid the pod to listen.",
  ATTEMPT_TIMED_OUT: "See whether the pod's token volume hangs. The sidecar tries again.",
  GUARD_NOT_VERIFIED: "Wait two seconds. The sidecar is trying the addresses.",
};

const row = (error: CodedError): Row => ({
  says: `${error.code}: ${error.message}`,
  todo: error.remedy ?? TODO[error.code] ?? "",
});

/** What stands in the way of a first call to STS. */
function issuerOf(source: Source): Issue {
  const own = IDENTITY_SOURCES[source];
  if (!own.callsSts) throw new Error(`source ${source} calls no STS`);
  return own.issuer(parseEnv({ [ENV.webIdentityTokenFile]: "/run/podrole/sts/token" }, own.settings), {
    steps: [],
    sessionName: "billing.api-0",
    assumeRole: () => Promise.reject(new Error("asked")),
  });
}

/** Why a sidecar has nothing to serve, beside what STS says. */
export async function sidecarRows(): Promise<readonly Row[]> {
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const server = (): ReturnType<typeof credentialServer> => credentialServer({ identities: [] });
  const errors = [
    await thrown(() => issuerOf("web-identity")()),
    await thrown(() => instanceRole(() => Promise.reject(refused))),
    await thrown(() => issuerOf("ambient")()),
    await engineFailure(() => Promise.resolve(credentials({ expiresAt: 0 }))),
    await engineFailure(() => new Promise(() => undefined), 30_000),
    await guardProblem(lookByConnecting([EC2], async () => ({ kind: "connected" }))),
    await guardProblem(proven(TOKEN, { kind: "answered", line: { kind: "whole", status: 200 } })),
    await guardProblem(proven(CREDENTIALS, { kind: "unanswered", ms: 5000 })),
    await guardProblem(() => new Promise(() => undefined)),
    await shortened(),
    unreadToken(),
    await thrown(() => parseConfig({})),
    await thrown(() => listen(server(), port)),
    await thrown(() => listen(server(), 16_925, "192.0.2.1")),
    await waitedInVain(),
    await sidecarEnded(),
  ];
  taken.close();
  return errors.map((error) => {
    const { says, todo } = row(error);
    const usual = (text: string): string => text.replaceAll(String(port), "16925");
    return { says: usual(says), todo: usual(todo) };
  });
}

async function engineFailure(issue: () => Promise<Credentials>, afterMs = 0): Promise<CodedError> {
  const clock = handClock();
  const engine = createEngine({ issue, clock, random: () => 0.5 });
  engine.start();
  await clock.advance(afterMs);
  engine.stop();
  const error = engine.problem();
  if (error === undefined) throw new Error("credentials are held");
  return error;
}

/** A look of mode `verify` that ends like this, in the proof's own words. */
const proven = (question: Question, outcome: Outcome): Look =>
  lookByProof([EC2], async ([address = ""], { waitMs }) => [
    verdictOf({ address, port: 80, waitMs }, [{ question, outcome }], { kind: "only" }),
  ]);

async function guardProblem(look: Look): Promise<CodedError> {
  const clock = handClock();
  const guardCheck = createGuardCheck({ look, clock });
  guardCheck.start();
  await clock.advance(0);
  guardCheck.stop();
  const error = guardCheck.problem();
  if (error === undefined) throw new Error("nothing is in the way");
  return error;
}

/** Also the answer to an unknown token. */
function unreadToken(): CodedError {
  const path = `${IDENTITY_TOKEN.sidecarMountPath(0)}/${IDENTITY_TOKEN.file}`;
  const read = (): Promise<Buffer> => Promise.reject(new Error("not read"));
  const error = watchTokenFile({ path, clock: handClock(), read }).problem();
  if (error === undefined) throw new Error("the file was read");
  const message = error.message.replace("has not been read", "cannot be read (ENOENT)");
  return new CodedError(error.code, message, { remedy: error.remedy ?? "" });
}

async function shortened(): Promise<CodedError> {
  const notices: CodedError[] = [];
  const grant = oneHourFallback((notice) => notices.push(notice));
  await grant({ roleArn: ROLE, durationSeconds: 7200 }, async ({ durationSeconds }) => {
    if (durationSeconds <= 3600) return;
    throw new IssueError("ValidationError", "DurationSeconds exceeds the MaxSessionDuration", {
      kind: "definite",
    });
  });
  const [notice] = notices;
  if (notice === undefined) throw new Error("nothing was said");
  return notice;
}

async function waitedInVain(): Promise<CodedError> {
  const clock = handClock();
  const impatient = { ...clock, sleep: () => clock.advance(200_000) };
  const error = await thrown(async () =>
    waitMain({ PODROLE_LISTEN_HEALTH: String(await freePort()) }, impatient),
  );
  return new CodedError(error.code, error.message.replace(/port \d+/, "port 16926"), {
    remedy: error.remedy ?? "",
  });
}

/** Its health port answers once, and then is gone. */
async function sidecarEnded(): Promise<CodedError> {
  const server = createHealthServer((_, response) => void response.writeHead(503).end());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const clock = handClock();
  const sleep = (): Promise<void> => new Promise((resolve) => void server.close(() => resolve()));
  return thrown(() => waitMain({ PODROLE_LISTEN_HEALTH: String(port) }, { ...clock, sleep }));
}

/** What the credentials endpoint answers instead of credentials: `status CODE: sentence`. */
export async function answerRows(): Promise<readonly Row[]> {
  const asked = (
    over: Partial<WireRequest> & { readonly headers?: WireRequest["headers"] },
  ): WireRequest => ({
    method: "GET",
    path: PATH.credentials,
    headers: { host: "127.0.0.1:16925", authorization: "x" },
    ...over,
  });
  const requests: readonly (readonly [WireRequest, string])[] = [
    [asked({ headers: { host: "127.0.0.1:16925" } }), ""],
    [
      asked({}),
      `Leave \`${APP_ENV.tokenFile}\` and \`${APP_ENV.token}\` as podrole sets them. A container with its own role has its own token.`,
    ],
    [asked({ headers: { host: "127.0.0.1", authorization: "same" } }), ""],
    [
      asked({ headers: { host: "metadata.example", authorization: "x" } }),
      `Call the address in \`${APP_ENV.fullUri}\` unchanged, without a proxy.`,
    ],
    [asked({ headers: { host: "127.0.0.1", "x-forwarded-for": "10.0.0.1" } }), ""],
    [asked({ path: "/" }), `Use the whole URL in \`${APP_ENV.fullUri}\`.`],
    [asked({ method: "POST" }), "Use an AWS SDK, or GET."],
  ];
  const same = createHash("sha256").update("same").digest();
  const identities = [same, same].map((tokenSha256) => ({
    tokenSha256,
    credentials: () => Promise.reject(new Error("not reached")),
  }));
  const tokenFile = { digests: () => [], problem: () => undefined, reread: async () => false };
  const waiting = [{ tokenFile, credentials: () => Promise.reject(new Error("not reached")) }];
  const refusals = await Promise.all(
    [...requests.map((one) => [...one, identities] as const), [asked({}), "", waiting] as const].map(
      async ([request, todo, of]) => {
        const { status, body } = await answer(request, { identities: of });
        const { Code, Message } = JSON.parse(body) as Readonly<Record<"Code" | "Message", string>>;
        return { says: `${status} ${Code}: ${Message}`, todo };
      },
    ),
  );
  const notReady = await engineFailure(() =>
    Promise.reject(
      new IssueError("STS_TIMEOUT", "STS in eu-west-1 did not answer.", { kind: "passing", remedy: "" }),
    ),
  );
  return [
    ...refusals.map(({ says, todo }) => ({ says, todo: todo === "" ? "Do as the message says." : todo })),
    {
      says: `503 CREDENTIALS_NOT_READY: No credentials yet: ${notReady.code}: …`,
      todo: "The reason follows the second colon: see the tables above. The sidecar tries again by itself.",
    },
    { says: "403 AccessDenied: …", todo: "STS refuses the role: see the table above." },
  ];
}
