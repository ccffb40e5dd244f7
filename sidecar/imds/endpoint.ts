import type { Headers, WireAnswer, WireRequest } from "../kit/http-message.ts";
import type { ImdsV1 } from "../contract/metadata.ts";
import { IssueError } from "../sts/issue-error.ts";
import { coded, oneLine, type CodedError } from "../kit/errors.ts";
import { leavesOf, ROLES, type Leaf, type LeafDeps } from "./leaves.ts";
import { isVersion, listing, VERSION_LIST } from "./listing.ts";
import { errorPage, found, issued, notAllowed, type Content } from "./pages.ts";
import { parseTtl, type Tokens } from "./token.ts";

export interface ImdsDeps extends LeafDeps {
  readonly tokens: Tokens;
  /** Whether a GET without a token (IMDSv1) is answered like one with a token. */
  readonly v1: ImdsV1;
  /** Leaves of the node's own service, by path. They take precedence over those made here. */
  readonly nodeLeaves: ReadonlyMap<string, Leaf>;
}

/** What a request target asks for. Nothing in the target is decoded or collapsed. */
type Target =
  | { readonly kind: "versions" | "token" | "nothing" }
  | { readonly kind: "path"; readonly path: string };

/**
 * EC2's instance metadata service for one pod, as a function, without a socket. The function it returns never rejects.
 *
 * A token is required wherever EC2 requires one with `HttpTokens=required`, except for the role's name: anyone can read it
 * in the pod's annotations, and kube2iam's guides check it with a bare curl. Credentials, facts and everything else need
 * the token.
 */
export function imdsEndpoint(deps: ImdsDeps): (request: WireRequest) => Promise<WireAnswer> {
  const leaves = new Map([...leavesOf(deps), ...deps.nodeLeaves]);
  return (request) => answer(request, leaves, deps);
}

async function answer(
  { method, path, headers }: WireRequest,
  leaves: ReadonlyMap<string, Leaf>,
  deps: ImdsDeps,
): Promise<WireAnswer> {
  if (!isOurHost(headers)) return errorPage(400);
  // EC2 refuses only the PUT. But no program of the pod comes through a proxy: such a request is another's.
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
 * The names of EC2's service and of loopback. A name that was rebound to 127.0.0.1 stays in `Host`, so a browser or an app
 * that was made to send a request cannot send one of these.
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

/** One slash at the end makes no difference: EC2 and its clients accept directories with and without it. */
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

/** A wrong or expired token is refused everywhere: otherwise its holder would not learn to ask for another. */
function mayRead(headers: Headers, target: Target, { tokens, v1 }: ImdsDeps): boolean {
  const token = headers["x-aws-ec2-metadata-token"];
  if (token !== undefined) return typeof token === "string" && tokens.isValid(token);
  return v1 === "allowed" || (target.kind === "path" && target.path === ROLES);
}

/** Some clients escape the `+=,@` that a role's name may have. Nothing else is ever decoded. */
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
 * A refusal by STS is a 403, which no client tries again. EC2 itself answers 200 with a document whose `Code` is not
 * `Success`, but then the AWS SDK for JavaScript v2 never calls back, not even with an error, and s3cmd ends with a stack
 * trace. Any other failure may pass, so it is a 503, which SDKs try again. Both give the reason, for a person with curl.
 */
function refused(error: CodedError): WireAnswer {
  const isDefinite = error instanceof IssueError && error.kind === "definite";
  return errorPage(isDefinite ? 403 : 503, oneLine(error));
}
