import { CodedError } from "../../../sidecar/kit/errors.ts";
import { Refusal, whyOf, type ApiServer } from "../../cluster/api-server.ts";
import { pageOf } from "../../cluster/list-watch.ts";
import { forbiddenIn } from "./forbidden.ts";
import { isRecord, type Fields } from "../../model/read.ts";

/** As many as kubectl asks for at once. */
export const PAGE = 500;
/** For one read, for which a person waits. */
export const READ_MS = 10_000;

/**
 * One GET; undefined where there is no such thing.
 * @throws CodedError `API_UNREACHABLE`, `API_UNAUTHENTICATED`, `API_REFUSED`, or `KUBECONFIG_UNUSABLE` of the kubeconfig
 */
export type Read = (path: string) => Promise<Fields | undefined>;

export const reader =
  (api: ApiServer, server: string): Read =>
  async (path) => {
    try {
      const object = await api.get(path, READ_MS, AbortSignal.timeout(2 * READ_MS));
      if (!isRecord(object)) throw new Error("the answer is no object");
      return object;
    } catch (error) {
      if (error instanceof CodedError) throw error;
      if (error instanceof SyntaxError) throw noApiServer(server, "its answer is not JSON", error);
      if (!(error instanceof Refusal)) throw unreachable(server, error);
      if (error.status === 404) return undefined;
      if (error.status === 401) throw unauthenticated(server, error);
      throw refused(path, error);
    }
  };

export const unreachable = (server: string, error: unknown): CodedError =>
  new CodedError("API_UNREACHABLE", `The API server ${server} cannot be reached: ${whyOf(error)}.`, {
    remedy: "Check that kubectl get namespaces works with the same kubeconfig and context.",
    cause: error,
  });

function refused(path: string, error: Refusal): CodedError {
  const forbidden = error.status === 403 ? forbiddenIn(error.said) : undefined;
  const said = error.said === "" ? "" : `: ${error.said.replace(/\.$/, "")}`;
  const message = forbidden
    ? `The API server does not let ${forbidden.user} ${forbidden.what} (HTTP 403).`
    : `The API server refuses GET ${path} with HTTP ${error.status}${said}.`;
  const remedy = "Use a kubeconfig whose user may read it, or pass manifests with -f.";
  return new CodedError("API_REFUSED", message, { remedy, cause: error });
}

/** Also of an expired client certificate: the API server reports it as it reports an expired token. */
const unauthenticated = (server: string, error: unknown): CodedError =>
  new CodedError(
    "API_UNAUTHENTICATED",
    `The API server ${server} does not accept the kubeconfig's credentials (HTTP 401): they may have expired.`,
    { remedy: "Log in to the cluster again, or choose another --context.", cause: error },
  );

/** Something answers there, such as a proxy's page. */
export const noApiServer = (server: string, why: string, cause?: unknown): CodedError =>
  new CodedError("API_UNREACHABLE", `${server} does not answer as a Kubernetes API server: ${why}.`, {
    remedy: "Correct the kubeconfig's server, or choose another --context.",
    cause,
  });

/**
 * The objects of a list, page by page; undefined where there is no such list.
 * @param most pages, where the rest may be left out
 * @throws as {@link Read}
 */
export async function readAll(
  read: Read,
  path: string,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly Fields[] | undefined> {
  const items: Fields[] = [];
  const isThere = await readPages(read, path, (page) => void items.push(...page), { most });
  return isThere ? items : undefined;
}

/**
 * Hands over the objects of a list one page after the other, so that no more than one has to be held.
 * @param size objects of a page
 * @returns whether there is such a list
 * @throws as {@link Read}
 */
export async function readPages(
  read: Read,
  path: string,
  take: (page: readonly Fields[]) => void,
  { most = Number.POSITIVE_INFINITY, size = PAGE }: { readonly most?: number; readonly size?: number } = {},
): Promise<boolean> {
  let next: string | undefined = "";
  for (let page = 0; next !== undefined && page < most; page += 1) {
    const more: string = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    // oxlint-disable-next-line no-await-in-loop
    const list = await read(`${path}${path.includes("?") ? "&" : "?"}limit=${size}${more}`);
    if (list === undefined) return page > 0;
    const found = pageOf(list);
    take(found.items);
    next = found.next;
  }
  return true;
}
