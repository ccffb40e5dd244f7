import type { Bound, Bounds } from "./bounds.ts";

/** Request and limit of one resource, in units. */
export interface Pair {
  readonly request: number;
  readonly limit: number;
}

export interface Fitted extends Pair {
  /** What leaves less than the least, and of which of the two; undefined if nothing does. */
  readonly short: { readonly kind: "request" | "limit"; readonly bound: Bound } | undefined;
}

/**
 * The pair that is nearest to the wanted one within the bounds. A limit gives way before a request grows: the request is reserved
 * for the whole life of the pod.
 * @param floor the least of each
 * @param frugal a limit that is small and still serves; a ratio lowers the limit no further
 */
export function fit(wanted: Pair, floor: Pair, frugal: number, bounds: Bounds): Fitted {
  const { min, minLimit, maxLimit, maxRequest, ratio } = bounds;
  let request = Math.max(wanted.request, min.value);
  let limit = Math.min(Math.max(wanted.limit, request, minLimit.value), maxLimit.value);
  request = Math.min(request, limit);
  if (!withinRatio(request, limit, ratio.value)) {
    const smallest = Math.max(Math.min(limit, frugal), min.value, Math.min(minLimit.value, limit));
    limit = Math.max(smallest, Math.floor(ratio.value * request));
    request = Math.max(request, Math.min(limit, Math.ceil(limit / ratio.value)));
  }
  request = Math.min(request, maxRequest.value);
  return { request, limit, short: shortOf({ request, limit }, floor, bounds) };
}

/** In thousandths, as the API server compares. */
const withinRatio = (request: number, limit: number, ratio: number): boolean =>
  ratio === Infinity || limit * 1000 <= Math.round(ratio * 1000) * request;

function shortOf({ request, limit }: Pair, floor: Pair, bounds: Bounds): Fitted["short"] {
  const { min, minLimit, maxLimit, maxRequest, ratio } = bounds;
  if (limit < Math.max(floor.limit, min.value, minLimit.value)) return { kind: "limit", bound: maxLimit };
  // The pod's own resources may leave nothing: then the pod as a whole requests enough.
  const least = maxRequest.from === undefined ? 0 : floor.request;
  const isTooSmall = request < Math.max(least, min.value) || !withinRatio(request, limit, ratio.value);
  return isTooSmall
    ? { kind: "request", bound: maxRequest.value <= limit ? maxRequest : maxLimit }
    : undefined;
}
