import { timingSafeEqual } from "node:crypto";
import {
  createServer,
  request as send,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { close, listen } from "../../sidecar/wire/server.ts";
import { signatureOf, signedBy } from "./signature.ts";

/** A session that moto's STS granted, as the sidecar received it. */
export interface Granted {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** `unknown`: signed with a key that was never granted here, or with another session's token. */
type SignatureCheck = "accepted" | "expired" | "unknown" | "wrong signature" | "unsigned";

/** One request of an app, with the key that signed it. */
export interface Use {
  readonly accessKeyId: string | undefined;
  readonly check: SignatureCheck;
}

/**
 * The proxy between one pod and moto. moto grants every request and checks no signature, so this proxy checks as AWS
 * does: each request must be signed with a granted key, its secret and its token, before its end.
 */
export interface Front {
  readonly url: string;
  readonly granted: readonly Granted[];
  readonly uses: readonly Use[];
  /** During an outage of STS nobody gets a session; signed requests are still answered. */
  readonly outage: (isOn: boolean) => void;
  readonly close: () => Promise<void>;
}

/** What becomes of a call for a session that moto would grant. */
export interface Judgement {
  readonly refusal?: { readonly code: string; readonly message: string };
  readonly lifetimeSeconds?: number;
}

/**
 * @param lifetimeSeconds how long sessions last, if not as long as moto says
 * @param judge sees the parameters of each call for a session
 */
export async function frontOf(
  moto: string,
  lifetimeSeconds: number | undefined,
  judge: (call: URLSearchParams) => Judgement | Promise<Judgement> = () => ({}),
): Promise<Front> {
  const granted: Granted[] = [];
  const uses: Use[] = [];
  let isOut = false;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    if (!body.includes("Action=AssumeRole")) {
      const { use, refusal } = checked(request, body, granted);
      uses.push(use);
      return respond(response, refusal ?? (await forwarded(moto, request, body)));
    }
    if (isOut) return respond(response, refused(503, "ServiceUnavailable", "STS is not to be reached."));
    const { refusal, ...judged } = await judge(new URLSearchParams(body.toString()));
    if (refusal !== undefined) return respond(response, refused(403, refusal.code, refusal.message));
    const lasting = judged.lifetimeSeconds ?? lifetimeSeconds;
    const answer = withLifetime(await forwarded(moto, request, body), lasting);
    if (answer.status === 200) granted.push(grantedIn(answer.body));
    return respond(response, answer);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}`,
    granted,
    uses,
    outage: (isOn) => (isOut = isOn),
    close: () => close(server),
  };
}

async function bodyOf(request: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A changed body has another length; to HEAD there is a length without a body. */
function respond(response: ServerResponse, { status, headers, body }: Answer): void {
  const length = body === "" ? (headers["content-length"] ?? 0) : Buffer.byteLength(body);
  const { connection: _connection, "transfer-encoding": _encoding, ...rest } = headers;
  response.writeHead(status, { ...rest, "content-length": length }).end(body);
}

function checked(
  request: IncomingMessage,
  body: Buffer,
  granted: readonly Granted[],
): { readonly use: Use; readonly refusal?: Answer } {
  const signed = signedBy(request);
  if (signed === undefined) {
    const use = { accessKeyId: undefined, check: "unsigned" } as const;
    return { use, refusal: refused(403, "MissingAuthenticationToken", "The request is not signed.") };
  }
  const { accessKeyId, signature } = signed;
  const refusing = (check: SignatureCheck, code: string) => ({
    use: { accessKeyId, check },
    refusal: refused(403, code, `The request's key is ${check}.`),
  });
  const session = granted.find((one) => one.accessKeyId === accessKeyId);
  if (session === undefined || session.sessionToken !== request.headers["x-amz-security-token"])
    return refusing("unknown", "InvalidClientTokenId");
  if (session.expiresAt <= Date.now()) return refusing("expired", "ExpiredToken");
  const right = signatureOf(request, body, signed, session.secretAccessKey);
  if (!timingSafeEqual(Buffer.from(signature), Buffer.from(right)))
    return refusing("wrong signature", "SignatureDoesNotMatch");
  return { use: { accessKeyId, check: "accepted" } };
}

/** STS wraps its errors and S3 does not; SDKs find the code in both. */
const refused = (status: number, code: string, message: string): Answer => ({
  status,
  headers: { "content-type": "text/xml" },
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
});

function forwarded(moto: string, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const { method, url = "/", headers } = request;
  const { host: _host, "transfer-encoding": _encoding, ...rest } = headers;
  return new Promise((resolve, reject) => {
    const sent = send(
      new URL(url, moto),
      { method: method ?? "GET", headers: rest, agent: false },
      (from) => {
        let text = "";
        from.setEncoding("utf8").on("data", (piece: string) => (text += piece));
        from.on("end", () => resolve({ status: from.statusCode ?? 502, headers: from.headers, body: text }));
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

const EXPIRATION = /<Expiration>([^<]+)<\/Expiration>/;

/** STS grants at least 15 minutes, which is too long for a test to wait. */
function withLifetime(answer: Answer, lifetimeSeconds: number | undefined): Answer {
  if (lifetimeSeconds === undefined) return answer;
  const end = new Date(Math.floor(Date.now() / 1000 + lifetimeSeconds) * 1000);
  const text = `<Expiration>${end.toISOString().replace(".000", "")}</Expiration>`;
  return { ...answer, body: answer.body.replace(EXPIRATION, text) };
}

function grantedIn(xml: string): Granted {
  const text = (name: string): string => new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1] ?? "";
  return {
    accessKeyId: text("AccessKeyId"),
    secretAccessKey: text("SecretAccessKey"),
    sessionToken: text("SessionToken"),
    expiresAt: Date.parse(text("Expiration")),
  };
}
