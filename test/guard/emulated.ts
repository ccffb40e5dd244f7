import { ENV } from "../../sidecar/contract/env.ts";
import { CREDENTIALS_PORT, IMDS_PORT } from "../../sidecar/contract/pod.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { BLOCKED, type Lab } from "./lab.ts";

/** The guard's variables in a pod whose metadata service is emulated. */
export const EMULATE = {
  [ENV.imds]: "emulate",
  [ENV.blockedAddresses]: BLOCKED.join(","),
  [ENV.sidecarUid]: String(SIDECAR_UID),
  [ENV.sidecarPorts]: `${CREDENTIALS_PORT},${IMDS_PORT}`,
};

export const OURS = "the sidecar";

/** In place of the sidecar: answers every request at its port and addresses. */
const STAND_IN = `for (const host of ["127.0.0.1", "::1"]) require("net")
  .createServer((socket) => socket.once("data", () => socket.end("${OURS}")).on("error", () => 0))
  .listen({ port: ${IMDS_PORT}, host, ipv6Only: true }, () => host === "::1" && console.log("up"));`;

/** @returns a function that ends it */
export async function startSidecar(lab: Lab): Promise<() => void> {
  const as = ["setpriv", `--reuid=${SIDECAR_UID}`, `--regid=${SIDECAR_UID}`, "--clear-groups"];
  const child = lab.startInPod([...as, process.execPath, "-e", STAND_IN]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return () => void child.kill("SIGKILL");
}

/** Removes everything of podrole's from the pod. */
export const WITHOUT_GUARD = "delete table inet podrole_guard; delete table netdev podrole_guard";
