import type { Clock } from "../kit/clock.ts";
import { CodedError } from "../kit/errors.ts";
import { getWithToken, newToken, type AskNode } from "../kit/imds-v2.ts";
import type { PlainAnswer } from "../kit/plain-request.ts";
import type { Leaf } from "./leaves.ts";
import type { Content } from "./pages.ts";

/** Long enough that a flood of readers makes one request, short enough for notices that the node will go away. */
const FRESH_MS = 30_000;
/** Asked for again well before its end, see `TOKEN_TTL_SECONDS`. */
const TOKEN_FRESH_MS = 240_000;

/**
 * What the node's own service answers for the paths of the allow-list. The path that is sent comes from the list, never
 * from the client. Asked by IMDSv2, cached for half a minute, one request at a time for each path.
 */
export function nodeLeaves(
  paths: readonly string[],
  askNode: AskNode,
  clock: Pick<Clock, "now">,
): ReadonlyMap<string, Leaf> {
  const token = cached(() => tokenOf(askNode), TOKEN_FRESH_MS, clock);
  const get = async (path: string): Promise<PlainAnswer> => getWithToken(askNode, path, await token.get());

  const read = async (path: string): Promise<Content | undefined> => {
    let answered = await get(path);
    if (answered.status === 401) {
      token.forget();
      answered = await get(path);
    }
    if (answered.status === 404) return undefined;
    if (answered.status !== 200) throw unavailable(`the status ${answered.status}`);
    return { body: answered.body, modifiedAt: clock.now() };
  };
  const readable = (path: string): Promise<Content | undefined> =>
    read(path).catch((error: unknown) => {
      throw error instanceof CodedError ? error : unavailable("no answer");
    });
  return new Map(paths.map((path) => [path, cached(() => readable(path), FRESH_MS, clock).get]));
}

async function tokenOf(askNode: AskNode): Promise<string> {
  const token = await newToken(askNode);
  if (typeof token !== "string") throw unavailable(`no token, but the status ${token.status}`);
  return token;
}

const unavailable = (why: string): CodedError =>
  new CodedError("NODE_METADATA_UNAVAILABLE", `The node's metadata service gave ${why}.`);

interface Cached<T> {
  readonly get: () => Promise<T>;
  readonly forget: () => void;
}

/** Caches the last answer while it is fresh, and no failure. Requests that come meanwhile wait for the same answer. */
function cached<T>(fetch: () => Promise<T>, freshMs: number, clock: Pick<Clock, "now">): Cached<T> {
  let held: { readonly value: Promise<T>; readonly since: number } | undefined;
  const get = (): Promise<T> => {
    const now = clock.now();
    if (held !== undefined && now >= held.since && now - held.since < freshMs) return held.value;
    const current = { value: fetch(), since: now };
    held = current;
    current.value.catch(() => {
      if (held === current) held = undefined;
    });
    return current.value;
  };
  return { get, forget: () => void (held = undefined) };
}
