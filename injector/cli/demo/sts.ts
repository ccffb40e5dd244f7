import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";

/** Whom a web identity token was minted for, as a registered OIDC provider would find it. */
export interface WebIdentity {
  readonly subject: string;
  readonly audience: string;
}

/** What a call asked for. It holds no secret, so it can be shown. */
export interface StsCall {
  readonly action: string;
  /** The ARN of the key's owner, the subject of the token, or undefined where neither is known here. */
  readonly caller: string | undefined;
  readonly roleArn: string | undefined;
  readonly sessionName: string | undefined;
  readonly durationSeconds: number;
  readonly externalId: string | undefined;
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly userAgent: string;
}

/** One of STS's error answers. */
export interface StsRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What happens instead of an answer, for tests. `status` and `body` replace the answer, `drop` cuts the connection. */
interface StsFault {
  readonly delayMs?: number;
  readonly status?: number;
  readonly body?: string;
  readonly drop?: boolean;
}

interface IssuedKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** `arn:<partition>:sts::<account>:assumed-role/<role>/<session>` */
  readonly arn: string;
}

export interface StsStandInOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Long-lived access key ids that are known from the start, with their owners' ARNs. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Web identity tokens that are known from the start. */
  readonly tokens?: Readonly<Record<string, WebIdentity>>;
  /** Default: the DurationSeconds of the call. */
  readonly lifetimeSeconds?: number;
  /** Milliseconds since the epoch. Default: Date.now. */
  readonly now?: () => number;
  /** The trust policies: a refusal, or undefined to grant. Default: every role trusts every known caller. */
  readonly refuse?: (call: StsCall) => StsRefusal | undefined;
  readonly fault?: (call: StsCall) => StsFault | undefined;
  readonly onCall?: (call: StsCall, outcome: string) => void;
}

export interface StsStandIn {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** In the order of arrival. */
  readonly calls: readonly StsCall[];
  /** Every session that was granted, oldest first. */
  readonly issued: readonly IssuedKeys[];
  /** Makes a long-lived access key id known. */
  readonly addKey: (accessKeyId: string, ownerArn: string) => void;
  /** Makes keys of a session of its own, such as a node's instance role. */
  readonly issue: (ownerArn: string, lifetimeSeconds: number) => IssuedKeys;
  readonly addToken: (token: string, identity: WebIdentity) => void;
  readonly close: () => Promise<void>;
}

/** A refusal as `refuse` would return it. */
export const accessDenied = (call: StsCall): StsRefusal => ({
  status: 403,
  code: "AccessDenied",
  message: `User: ${call.caller ?? "anonymous"} is not authorized to perform: sts:${call.action} on resource: ${call.roleArn ?? "*"}`,
});

/**
 * A stand-in for AWS STS: the query protocol over plain HTTP, enough of it for AssumeRole, AssumeRoleWithWebIdentity and
 * GetCallerIdentity by any AWS SDK. Signatures are not computed: a caller is known by its access key id and session
 * token. Nothing here is a security boundary.
 */
export async function stsStandIn(options: StsStandInOptions = {}): Promise<StsStandIn> {
  const state: State = {
    options,
    now: options.now ?? Date.now,
    calls: [],
    issued: [],
    keys: new Map(Object.entries(options.keys ?? {}).map(([id, arn]) => [id, { arn }])),
    tokens: new Map(Object.entries(options.tokens ?? {})),
  };
  const server = createServer((request, response) => {
    void answer(state, request)
      .then(async ({ call, outcome }) => {
        const fault = options.fault?.(call);
        if (fault?.delayMs !== undefined) await new Promise((done) => setTimeout(done, fault.delayMs));
        if (fault?.drop === true) return response.destroy();
        const refusal = "code" in outcome ? outcome : undefined;
        options.onCall?.(call, refusal?.code ?? "Success");
        return response
          .writeHead(fault?.status ?? refusal?.status ?? 200, {
            "Content-Type": "text/xml",
            Date: new Date(state.now()).toUTCString(),
          })
          .end(fault?.body ?? ("code" in outcome ? errorXml(outcome) : outcome.xml));
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  const url = await listen(server, options.host ?? "127.0.0.1", options.port ?? 0);
  return {
    url,
    calls: state.calls,
    issued: state.issued,
    addKey: (accessKeyId, arn) => void state.keys.set(accessKeyId, { arn }),
    issue: (arn, lifetimeSeconds) => grant(state, arn, lifetimeSeconds),
    addToken: (token, identity) => void state.tokens.set(token, identity),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Owner {
  readonly arn: string;
  /** Session keys only. */
  readonly keys?: IssuedKeys;
}

interface State {
  readonly options: StsStandInOptions;
  readonly now: () => number;
  readonly calls: StsCall[];
  readonly issued: IssuedKeys[];
  readonly keys: Map<string, Owner>;
  readonly tokens: Map<string, WebIdentity>;
}

type Outcome = StsRefusal | { readonly xml: string };

async function answer(state: State, request: IncomingMessage): Promise<{ call: StsCall; outcome: Outcome }> {
  const form = await parameters(request);
  const token = form.get("WebIdentityToken");
  const identity = token === null ? undefined : state.tokens.get(token);
  const owner = ownerOf(state, request);
  const byToken = form.get("Action") === "AssumeRoleWithWebIdentity";
  const known = owner !== undefined && !("code" in owner) ? owner : undefined;
  const call = callOf(form, request, byToken ? identity?.subject : known?.arn);
  state.calls.push(call);
  if (!byToken && (owner === undefined || "code" in owner)) {
    return {
      call,
      outcome: owner ?? refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token"),
    };
  }
  if (call.action === "GetCallerIdentity" && known !== undefined)
    return { call, outcome: { xml: identityXml(known.arn) } };
  return { call, outcome: assumed(state, call, byToken ? identity : undefined, known) };
}

function assumed(
  state: State,
  call: StsCall,
  identity: WebIdentity | undefined,
  caller: Owner | undefined,
): Outcome {
  if (call.action !== "AssumeRole" && call.action !== "AssumeRoleWithWebIdentity") {
    return refusal(400, "InvalidAction", `Could not find operation ${call.action} for version 2011-06-15`);
  }
  const wrong = invalid(call, caller);
  if (wrong !== undefined) return wrong;
  if (call.action === "AssumeRoleWithWebIdentity" && identity?.audience !== "sts.amazonaws.com") {
    const why =
      identity === undefined
        ? "Couldn't retrieve verification key from your identity provider"
        : "Incorrect token audience";
    return refusal(400, "InvalidIdentityToken", why);
  }
  const refused = state.options.refuse?.(call);
  if (refused !== undefined) return refused;
  const [partition = "", account = "", role = ""] =
    /^arn:([\w-]+):iam::(\d{12}):role\/(.+)$/.exec(call.roleArn ?? "")?.slice(1) ?? [];
  const arn = `arn:${partition}:sts::${account}:assumed-role/${role.split("/").at(-1) ?? ""}/${call.sessionName ?? ""}`;
  const keys = grant(state, arn, state.options.lifetimeSeconds ?? call.durationSeconds);
  return { xml: assumedXml(call.action, keys, identity) };
}

const wrong = (message: string): StsRefusal => refusal(400, "ValidationError", message);

/** STS's own limits. */
function invalid(call: StsCall, caller: Owner | undefined): StsRefusal | undefined {
  if (!/^arn:[\w-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(call.roleArn ?? ""))
    return wrong(`${call.roleArn ?? "null"} is invalid`);
  if (!/^[\w+=,.@-]{2,64}$/.test(call.sessionName ?? "")) {
    return wrong("Value at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]{2,64}");
  }
  if (call.durationSeconds < 900 || call.durationSeconds > 43_200) {
    return wrong("Value at 'durationSeconds' failed to satisfy constraint: between 900 and 43200");
  }
  if (caller?.arn.includes(":assumed-role/") === true && call.durationSeconds > 3600) {
    return wrong(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  }
  return undefined;
}

/** Undefined: unsigned. */
function ownerOf(state: State, request: IncomingMessage): Owner | StsRefusal | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const id = /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\//.exec(header)?.[1];
  const owner = id === undefined ? undefined : state.keys.get(id);
  const invalidToken = refusal(
    403,
    "InvalidClientTokenId",
    "The security token included in the request is invalid.",
  );
  if (owner === undefined || owner.keys?.sessionToken !== request.headers["x-amz-security-token"])
    return invalidToken;
  const skewed = notOfNow(String(request.headers["x-amz-date"] ?? ""), state.now());
  if (skewed !== undefined) return skewed;
  if (owner.keys !== undefined && owner.keys.expiresAt <= state.now()) {
    return refusal(403, "ExpiredToken", "The security token included in the request is expired");
  }
  return owner;
}

/** STS takes a signature of up to five minutes ago or ahead. */
function notOfNow(amzDate: string, now: number): StsRefusal | undefined {
  const iso = amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const lateMs = now - Date.parse(iso);
  if (!(Math.abs(lateMs) > 5 * 60_000)) return undefined;
  const what = lateMs > 0 ? "expired" : "not yet current";
  return refusal(
    403,
    "SignatureDoesNotMatch",
    `Signature ${what}: ${amzDate} is too far from STS's clock (5 min.)`,
  );
}

function grant(state: State, arn: string, lifetimeSeconds: number): IssuedKeys {
  const keys: IssuedKeys = {
    accessKeyId: `ASIA${randomBytes(8).toString("hex").toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: randomBytes(240).toString("base64"),
    expiresAt: Math.floor(state.now() / 1000 + lifetimeSeconds) * 1000,
    arn,
  };
  state.keys.set(keys.accessKeyId, { arn, keys });
  state.issued.push(keys);
  return keys;
}

async function parameters(request: IncomingMessage): Promise<URLSearchParams> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += String(piece);
  return new URLSearchParams(request.method === "POST" ? body : (request.url ?? "").split("?")[1]);
}

function callOf(form: URLSearchParams, request: IncomingMessage, caller: string | undefined): StsCall {
  const text = (name: string): string | undefined => form.get(name) ?? undefined;
  const tags: Record<string, string> = {};
  for (let n = 1; form.has(`Tags.member.${n}.Key`); n += 1) {
    tags[form.get(`Tags.member.${n}.Key`) ?? ""] = form.get(`Tags.member.${n}.Value`) ?? "";
  }
  return {
    action: text("Action") ?? "",
    caller,
    roleArn: text("RoleArn"),
    sessionName: text("RoleSessionName"),
    durationSeconds: Number(text("DurationSeconds") ?? 3600),
    externalId: text("ExternalId"),
    policy: text("Policy"),
    policyArns: members(form, (n) => `PolicyArns.member.${n}.arn`),
    tags,
    transitiveTagKeys: members(form, (n) => `TransitiveTagKeys.member.${n}`),
    userAgent: request.headers["user-agent"] ?? "",
  };
}

/** A list in the query protocol: numbered from 1. */
function members(form: URLSearchParams, name: (n: number) => string): readonly string[] {
  const found: string[] = [];
  for (let n = 1; form.has(name(n)); n += 1) found.push(form.get(name(n)) ?? "");
  return found;
}

const refusal = (status: number, code: string, message: string): StsRefusal => ({ status, code, message });

const NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
const REQUEST_ID = "<RequestId>00000000-0000-4000-8000-000000000000</RequestId>";

const result = (action: string, inner: string): string =>
  `<${action}Response ${NAMESPACE}><${action}Result>${inner}</${action}Result>` +
  `<ResponseMetadata>${REQUEST_ID}</ResponseMetadata></${action}Response>`;

function assumedXml(action: string, keys: IssuedKeys, identity: WebIdentity | undefined): string {
  const credentials =
    `<Credentials><AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${xml(keys.secretAccessKey)}</SecretAccessKey>` +
    `<SessionToken>${xml(keys.sessionToken)}</SessionToken><Expiration>${new Date(keys.expiresAt).toISOString()}</Expiration></Credentials>`;
  const user = `<AssumedRoleUser><Arn>${xml(keys.arn)}</Arn><AssumedRoleId>AROASTANDIN:session</AssumedRoleId></AssumedRoleUser>`;
  const web =
    identity === undefined
      ? ""
      : `<SubjectFromWebIdentityToken>${xml(identity.subject)}</SubjectFromWebIdentityToken><Audience>${xml(identity.audience)}</Audience>`;
  return result(action, credentials + user + web);
}

const identityXml = (arn: string): string =>
  result(
    "GetCallerIdentity",
    `<Arn>${xml(arn)}</Arn><UserId>AROASTANDIN:${xml(arn.split("/").at(-1) ?? "")}</UserId><Account>${arn.split(":")[4] ?? ""}</Account>`,
  );

const errorXml = ({ status, code, message }: StsRefusal): string =>
  `<ErrorResponse ${NAMESPACE}><Error><Type>${status < 500 ? "Sender" : "Receiver"}</Type>` +
  `<Code>${code}</Code><Message>${xml(message)}</Message></Error>${REQUEST_ID}</ErrorResponse>`;

const xml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      const address = server.address();
      const actual = typeof address === "object" && address !== null ? address.port : port;
      resolve(`http://${host.includes(":") ? `[${host}]` : host}:${actual}`);
    });
  });
}
