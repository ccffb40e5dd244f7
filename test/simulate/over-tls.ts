import { request } from "node:https";
import type { SecureContext } from "node:tls";
import { BROKER } from "../../sidecar/contract/broker.ts";
import type { SimulatedPod } from "./cluster.ts";

/** Asks for the session of a pod's own identity, on a connection of its own from the pod's address, as a sidecar does. */
export function askOverTls(
  { address, role }: SimulatedPod,
  token: string,
  { port, trust }: { readonly port: number; readonly trust: SecureContext },
): Promise<number> {
  const body = JSON.stringify({ identity: "pod", roleArn: role });
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
  };
  // Its type knows the options of neither socket.
  const socket: object = { localAddress: address, secureContext: trust };
  const to = { host: "127.0.0.1", port, path: BROKER.path, method: "POST", headers, agent: false };
  return new Promise((resolve, reject) => {
    request({ ...to, ...socket }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    })
      .once("error", reject)
      .end(body);
  });
}
