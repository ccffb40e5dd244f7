import { normalAddress } from "../../sidecar/kit/address.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import type { PodRecord } from "./pod-record.ts";
import type { PodCaller } from "./token-review.ts";

/**
 * For the setting `brokerClients: pod`.
 * @throws IssueError `CLIENT_NOT_POD` unless the client has an address of the pod's
 */
export function requireOwnAddress(
  { podIps }: PodRecord,
  { namespace, pod }: PodCaller,
  address: string,
): void {
  const own = normalAddress(address);
  if (own !== undefined && podIps.some((ip) => normalAddress(ip) === own)) return;
  if (podIps.length === 0)
    // The kubelet reports it a moment after the sidecar has started.
    throw new IssueError(
      "CLIENT_NOT_POD",
      `Pod ${namespace}/${pod} has no address yet, as the API server says.`,
      {
        kind: "passing",
        remedy: "Nothing to do: the sidecar tries again.",
      },
    );
  throw new IssueError(
    "CLIENT_NOT_POD",
    `The token of pod ${namespace}/${pod} came from ${own ?? "an unknown address"}, which is no address of that pod.`,
    {
      kind: "definite",
      remedy:
        "See who has the pod's token. If the network changes the addresses of all pods, ask a cluster admin to set brokerClients to any.",
    },
  );
}
