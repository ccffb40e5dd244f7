import type { Headers } from "../wire/authorize.ts";
import type { ImdsV1 } from "../contract/metadata.ts";
import { IssueError } from "../sts/issue-error.ts";
import { coded, oneLine, type CodedError } from "../kit/errors.ts";
import type { WireAnswer, WireRequest } from "../wire/answers.ts";
import { leavesOf, ROLES, type Leaf, type LeafDeps } from "./leaves.ts";
import { isVersion, listing, VERSION_LIST } from "./listing.ts";
import { errorPage, found, issued, notAllowed, type Content } from "./pages.ts";
import { parseTtl, type Tokens } from "./token.ts";

export interface ImdsDeps extends LeafDeps {
  readonly tokens: Tokens;
  /** Whether a GET without a token, IMDSv1, gets what one with a token does. */
  readonly v1: ImdsV1;
  /** Leaves of the node's own service, by path. They go before what is known here. */
  readonly nodeLeaves: ReadonlyMap<string, Leaf>;
}

/** What is asked for, once the target is taken apart: nothing in it is decoded, and nothing collapsed. */
type Target =
  | { readonly kind: "versions" | "token" | "nothing" }
  | { readonly kind: "path"; readonly path: string };

/**
 * EC2's instance metadata service for one pod, as a function, without a socket. The function it returns never rejects.
 *
 * A token is asked for wherever EC2 would ask with `HttpTokens=required`, but for the name of the role: it is in the
 * pod's annotations for anyone to read, and what kube2iam's guides have people check with a bare curl. Credentials,
 * facts and everything else are behind the token.
 */
export function imdsEndpoint(deps: ImdsDeps): (request: WireRequest) => Promise<WireAnswer> {
  const leaves = new Map([...leavesOf(deps), ...deps.nodeLeaves]);
  return async (request) => {
    const answered = await answer(request, leaves, deps);
    return request.method === "HEAD" ? { ...answered, body: "" } : answered;
  };
}

async function answer(
  { method, path, headers }: WireRequest,
  leaves: ReadonlyMap<string, Leaf>,
  deps: ImdsDeps,
): Promise<WireAnswer> {
  if (!isOurHost(headers)) return errorPage(400);
  // EC2 refuses only the PUT. But no program of the pod comes through a proxy, and who does is asking for a stranger.
  if (headers["x-forwarded-for"] !== undefined) return errorPage(403);
  const target = targetOf(path);
  if (target.kind === "token") return method === "PUT" ? newToken(headers, deps.tokens) : notAllowed("PUT");
  if (method !== "GET" && method !== "HEAD") return notAllowed("GET, HEAD");
  const known = (body: string): WireAnswer => found({ body, modifiedAt: deps.knownSince });
  if (!mayRead(headers, target, deps)) return errorPage(401);
  if (target.kind === "versions") return known(VERSION_LIST);
  if (target.kind !== "path") return errorPage(404);

  const leaf = leafAt(leaves, target.path);
  if (leaf !== undefined) return contentOf(leaf);
  const list = listing(leaves.keys(), target.path);
  return list === undefined ? errorPage(404) : known(list);
}

/**
 * The names that EC2's service goes by, and the loopback's. A name that was rebound to 127.0.0.1 stays in `Host`: a
 * browser or an app that was talked into a request cannot send one of these for it.
 */
function isOurHost(headers: Headers): boolean {
  const host = headers["host"];
  return (
    typeof host === "string" &&
    /^(?:169\.254\.169\.254|\[fd00:ec2::254\]|instance-data(?:\.ec2\.internal)?|127\.0\.0\.1|\[::1\]|localhost)(?::\d{1,5})?$/i.test(
      host,
    )
  );
}

/** One slash at the end makes no difference: EC2 takes directories with and without, and so do its clients. */
function targetOf(target: string): Target {
  const [path = ""] = target.split("?", 1);
  if (path === "/") return { kind: "versions" };
  const [root, version = "", ...rest] = (path.endsWith("/") ? path.slice(0, -1) : path).split("/");
  if (root !== "" || !isVersion(version)) return { kind: "nothing" };
  const below = rest.join("/");
  return below === "api/token" ? { kind: "token" } : { kind: "path", path: below };
}

function newToken(headers: Headers, tokens: Tokens): WireAnswer {
  const ttl = parseTtl(headers["x-aws-ec2-metadata-token-ttl-seconds"]);
  return ttl === undefined ? errorPage(400) : issued(tokens.issue(ttl), ttl);
}

/** A token that is wrong or has ended is refused everywhere, or its holder would not learn to ask for another. */
function mayRead(headers: Headers, target: Target, { tokens, v1 }: ImdsDeps): boolean {
  const token = headers["x-aws-ec2-metadata-token"];
  if (token !== undefined) return typeof token === "string" && tokens.isValid(token);
  return v1 === "allowed" || (target.kind === "path" && target.path === ROLES);
}

/** Some clients escape the `+=,@` that a role's name may have; nothing else is ever decoded. */
function leafAt(leaves: ReadonlyMap<string, Leaf>, path: string): Leaf | undefined {
  const leaf = leaves.get(path);
  if (leaf !== undefined || !path.startsWith(`${ROLES}/`)) return leaf;
  const name = unescaped(path.slice(ROLES.length + 1));
  return name === undefined || name.includes("/") ? undefined : leaves.get(`${ROLES}/${name}`);
}

function unescaped(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

async function contentOf(leaf: Leaf): Promise<WireAnswer> {
  try {
    const content: Content | undefined = await leaf();
    return content === undefined ? errorPage(404) : found(content);
  } catch (error) {
    return refused(coded(error));
  }
}

/**
 * A refusal by STS is a 403: no client tries that again. EC2 itself answers 200 here, with a document whose `Code` is not
 * `Success`, and it would be wrong to follow it: at that the AWS SDK for JavaScript v2 never calls back, with no error
 * either, and s3cmd ends with a stack trace. Anything else may pass, and after a 503 SDKs try again. Both say why, since
 * whoever looks into it does so with curl.
 */
function refused(error: CodedError): WireAnswer {
  const isDefinite = error instanceof IssueError && error.kind === "definite";
  return errorPage(isDefinite ? 403 : 503, oneLine(error));
}
