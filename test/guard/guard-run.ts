import { ENV, METADATA_ADDRESSES } from "../../sidecar/contract.ts";
import type { Ended } from "./command.ts";
import { file, type Lab } from "./lab.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** The real program, as its own process. */
export const GUARD = [process.execPath, file("../../sidecar/main.ts"), "guard"];

/** As the guard's container is: uid 0, NET_ADMIN and nothing else, no new privileges. */
export const AS_GUARD = ["setpriv", "--inh-caps=-all", "--bounding-set=-all,+net_admin", "--no-new-privs"];

/** What the injector tells the guard. */
export function guardEnv(lab: Lab): Env {
  return {
    PATH: process.env["PATH"],
    [ENV.blockedAddresses]: METADATA_ADDRESSES.join(","),
    [ENV.podIp]: lab.interfaces.eth0.podIp,
    [ENV.hostIp]: "10.0.0.1",
  };
}

export function runGuard(lab: Lab, env: Env = {}, as: readonly string[] = AS_GUARD): Promise<Ended> {
  // Set by env(1), since the programs before it have to be found whatever PATH the guard is given.
  const settings = Object.entries({ ...guardEnv(lab), ...env }).map(
    ([name, value]) => `${name}=${value ?? ""}`,
  );
  return lab.inPod([...as, "/usr/bin/env", "-i", ...settings, ...GUARD]);
}
