import { httpsServer } from "./https-server.ts";
import type { StsStandIn } from "../../injector/cli/demo/aws/sts.ts";
import type { SessionAsked, SessionRefused } from "../../sidecar/contract/broker.ts";
import { coded } from "../../sidecar/kit/errors.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { stsOver } from "../../sidecar/sts/assume-role.ts";
import { toWire } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";

/** The keys that the broker calls STS with, which the stand-in has to know. */
export const BROKER_KEYS = { id: "AKIABROKER", owner: "arn:aws:iam::123456789012:user/podrole-broker" };

const STATUS = { definite: 403, throttled: 429, passing: 503 } as const;

/**
 * A broker in front of a stand-in for STS, over TLS until the test ends. It decides nothing: it makes one call for each request with
 * this token, and passes on what STS says.
 */
export async function brokerFront(
  sts: StsStandIn,
  token: string,
): Promise<{ readonly url: string; readonly ca: string }> {
  const assumeRole = stsOver({
    region: "eu-west-1",
    endpoint: sts.url,
    ca: undefined,
    proxy: undefined,
    now: Date.now,
    timeoutMs: 60_000,
  });
  const keys = { accessKeyId: BROKER_KEYS.id, secretAccessKey: new Secret("the broker's own key") };
  const session = async (authorization: string | undefined, { roleArn }: SessionAsked) => {
    if (authorization !== `Bearer ${token}`)
      throw new IssueError("TOKEN_NOT_ACCEPTED", "The token is not accepted.", { kind: "passing" });
    const step = { roleArn, durationSeconds: 3600 };
    return toWire(await assumeRole({ caller: { kind: "keys", keys }, step, sessionName: "billing.api-0" }));
  };
  return httpsServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    request.once("end", () => {
      void session(request.headers.authorization, JSON.parse(body) as SessionAsked)
        .catch((error: unknown) => {
          const refused = refusalOf(error);
          response.statusCode = STATUS[refused.kind];
          return refused;
        })
        .then((answer) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(answer)));
    });
  });
}

function refusalOf(error: unknown): SessionRefused {
  const { code, message, remedy } = coded(error);
  const kind = error instanceof IssueError ? error.kind : "passing";
  return { code, message, kind, ...(remedy === undefined ? {} : { remedy }) };
}
