import { CLOSE_COMMAND } from "./contract/metadata.ts";
import { CodedError, isShortage } from "./kit/errors.ts";
import type { Reach } from "./kit/reach.ts";
import type { Verdict } from "./proof/verdict.ts";

/** What one look at the blocked addresses found. Each problem is the error to answer while credentials are withheld for it. */
export type Finding =
  | { readonly kind: "held" }
  | { readonly kind: "unproven"; readonly problem: CodedError }
  | { readonly kind: "reachable"; readonly address: string; readonly problem: CodedError };

/**
 * Looks once whether the metadata service is out of reach. Never rejects.
 * @param isFirst whether the pod's start may wait for it
 * @returns undefined if nothing was learnt, so that what was known before still holds
 */
export type Look = (isFirst: boolean) => Promise<Finding | undefined>;

const HTTP_PORT = 80;
const CONNECT_MS = 1000;

/**
 * Mode `block`: connects to each address without sending a byte.
 * @param onTimeout a guard refuses; silence comes from something else, such as a network policy, and may end
 */
export function lookByConnecting(
  addresses: readonly string[],
  reach: (address: string, port: number, timeoutMs: number) => Promise<Reach>,
  onTimeout: (address: string) => void = () => undefined,
): Look {
  return async () => {
    const attempts = await Promise.all(
      addresses.map(async (address) => ({ address, outcome: await reach(address, HTTP_PORT, CONNECT_MS) })),
    );
    for (const { address, outcome } of attempts) if (outcome.kind === "timeout") onTimeout(address);
    const accepted = attempts.find(({ outcome }) => outcome.kind === "connected");
    if (accepted !== undefined) return connected(accepted.address);
    return attempts.some(({ outcome }) => hadNoSocket(outcome)) ? undefined : { kind: "held" };
  };
}

function connected(address: string): Finding {
  const message = `The pod can connect to the metadata service at ${address}, so credentials are withheld.`;
  const remedy =
    "See whether the guard ran in this pod, and whether a container may change the network (NET_ADMIN).";
  return { kind: "reachable", address, problem: new CodedError("METADATA_REACHABLE", message, { remedy }) };
}

/** The sidecar could not open a socket, which says nothing about the guard. */
const hadNoSocket = (outcome: Reach): boolean => outcome.kind === "refused" && isShortage(outcome.code);

/** As long as the guard's own proof. The pod's start waits for it where a silent address holds. */
const FIRST_WAIT_MS = 2000;
/** Nobody waits for the later ones, so they also find a service that is slow to answer. */
const WAIT_MS = 5000;

export type Prove = (
  addresses: readonly string[],
  options: { readonly waitMs: number },
) => Promise<readonly Verdict[]>;

/** Mode `verify`: the guard's proof, again. */
export function lookByProof(addresses: readonly string[], prove: Prove): Look {
  return async (isFirst) => {
    const verdicts = await prove(addresses, { waitMs: isFirst ? FIRST_WAIT_MS : WAIT_MS });
    const reached = verdicts.find(({ kind }) => kind === "reachable");
    if (reached !== undefined) return answered(reached);
    const unproven = verdicts.find(({ kind }) => kind !== "held");
    return unproven === undefined ? { kind: "held" } : notProven(unproven);
  };
}

/** In short. Where a pod does not start for it, the guard's message gives commands and YAML to copy. */
const CLOSE =
  `require tokens with a hop limit of 1 on the nodes (${CLOSE_COMMAND}), deny the pod egress to the address by a NetworkPolicy, or set ` +
  "the namespace to Pod Security level privileged, so that the guard blocks the address itself.";

function answered({ address, said }: Verdict): Finding {
  const message = `The pod can reach the metadata service, so credentials are withheld: ${said}.`;
  return {
    kind: "reachable",
    address,
    problem: new CodedError("METADATA_REACHABLE", message, { remedy: `Close the address: ${CLOSE}` }),
  };
}

/** Also logged while credentials are still served, so only the remedy speaks of those. */
function notProven({ said }: Verdict): Finding {
  const message = `It is not proven that the metadata service is out of the pod's reach: ${said}.`;
  const remedy = `Credentials are withheld until it is. The sidecar tries again every 10 seconds. If this lasts, close the address: ${CLOSE}`;
  return { kind: "unproven", problem: new CodedError("METADATA_UNPROVEN", message, { remedy }) };
}
