import { createServer, type IncomingMessage } from "node:http";
import { closed, listen, type Place } from "./listen.ts";
import { assume, type WebIdentity } from "./sts-assume.ts";
import { callOf, parametersOf, type StsCall } from "./sts-call.ts";
import { keyRing, type IssuedKeys, type KeyRing } from "./sts-keys.ts";
import { refusal, type StsRefusal } from "./sts-refusal.ts";
import { assumedXml, errorXml, identityXml } from "./sts-xml.ts";

/** What happens instead of an answer, for tests. `status` and `body` replace the answer, `drop` cuts the connection. */
interface StsFault {
  readonly delayMs?: number;
  readonly status?: number;
  readonly body?: string;
  readonly drop?: boolean;
}

export interface StsStandInOptions extends Place {
  /** Long-lived access key ids that are known from the start, with their owners' ARNs. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Web identity tokens that are known from the start. */
  readonly tokens?: Readonly<Record<string, WebIdentity>>;
  /** Read at every call. Default: the DurationSeconds of the call. */
  readonly lifetimeSeconds?: number | undefined;
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
  readonly addKey: KeyRing["add"];
  /** Makes keys of a session of its own, such as a node's instance role. */
  readonly issue: KeyRing["issue"];
  readonly addToken: (token: string, identity: WebIdentity) => void;
  readonly close: () => Promise<void>;
}

/**
 * A stand-in for AWS STS: the query protocol over plain HTTP, enough of it for AssumeRole, AssumeRoleWithWebIdentity and
 * GetCallerIdentity by any AWS SDK. Signatures are not computed: a caller is known by its access key id and session
 * token. Nothing here is a security boundary.
 */
export async function stsStandIn(options: StsStandInOptions = {}): Promise<StsStandIn> {
  const { now = Date.now } = options;
  const keys = keyRing(now);
  for (const [id, arn] of Object.entries(options.keys ?? {})) keys.add(id, arn);
  const tokens = new Map(Object.entries(options.tokens ?? {}));
  const calls: StsCall[] = [];
  const server = createServer((request, response) => {
    void answer(request, options, keys, tokens, calls)
      .then(async ({ call, outcome }) => {
        const fault = options.fault?.(call);
        if (fault?.delayMs !== undefined) await new Promise((done) => setTimeout(done, fault.delayMs));
        if (fault?.drop === true) return response.destroy();
        const refused = "code" in outcome ? outcome : undefined;
        options.onCall?.(call, refused?.code ?? "Success");
        return response
          .writeHead(fault?.status ?? refused?.status ?? 200, {
            "Content-Type": "text/xml",
            Date: new Date(now()).toUTCString(),
          })
          .end(fault?.body ?? ("code" in outcome ? errorXml(outcome) : outcome.xml));
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  const url = await listen(server, options);
  return {
    url,
    calls,
    issued: keys.issued,
    addKey: keys.add,
    issue: keys.issue,
    addToken: (token, identity) => void tokens.set(token, identity),
    close: () => closed(server),
  };
}

interface Answer {
  readonly call: StsCall;
  readonly outcome: StsRefusal | { readonly xml: string };
}

async function answer(
  request: IncomingMessage,
  { refuse, lifetimeSeconds }: StsStandInOptions,
  keys: KeyRing,
  tokens: ReadonlyMap<string, WebIdentity>,
  calls: StsCall[],
): Promise<Answer> {
  const parameters = await parametersOf(request);
  const byToken = parameters.get("Action") === "AssumeRoleWithWebIdentity";
  const identity = byToken ? tokens.get(parameters.get("WebIdentityToken") ?? "") : undefined;
  const signer = keys.signerOf(request.headers) ?? UNSIGNED;
  const caller = byToken || "code" in signer ? undefined : signer;
  const call = callOf(parameters, request, identity?.subject ?? caller?.arn);
  calls.push(call);
  if (!byToken && "code" in signer) return { call, outcome: signer };
  if (call.action === "GetCallerIdentity" && caller !== undefined)
    return { call, outcome: { xml: identityXml(caller.arn) } };
  const session = assume(call, identity, caller);
  if ("code" in session) return { call, outcome: session };
  const refused = refuse?.(call);
  if (refused !== undefined) return { call, outcome: refused };
  const issued = keys.issue(session.arn, lifetimeSeconds ?? call.durationSeconds);
  return { call, outcome: { xml: assumedXml(call.action, issued, identity) } };
}

const UNSIGNED = refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
