import { PATH } from "../contract.ts";
import type { Reach } from "../reach.ts";
import { ask } from "./ask.ts";

type ReachFunction = (address: string, port: number, timeoutMs: number) => Promise<Reach>;

/**
 * In a pod with an emulated service something does answer at EC2's address, and it has to be this very process. What
 * does not know this process's id is the node's own service, or a way to it.
 * @param reach how a connection is tried
 * @returns the same, with a connection that ends at this process told as refused under the code `OWN`
 */
export function reachBeyond(reach: ReachFunction, id: string): ReachFunction {
  return async (address, port, timeoutMs) => {
    const reached = await reach(address, port, timeoutMs);
    if (reached.kind !== "connected") return reached;
    const asked = await ask({ address, port, path: PATH.whoami, timeoutMs }).catch(() => undefined);
    return asked?.status === 200 && asked.body === id ? { kind: "refused", code: "OWN" } : reached;
  };
}
