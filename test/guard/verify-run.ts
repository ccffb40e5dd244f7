import { ENV } from "../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import type { Ended } from "./command.ts";
import { file, type Lab } from "./lab.ts";

/** The real program, as its own process. */
const VERIFY = [process.execPath, file("../../sidecar/main.ts"), "verify"];

/** Like the container of a guard in mode `verify`: an ordinary user without a capability, and no new privileges. */
const as = (uid: number, gid: number): readonly string[] => [
  "setpriv",
  `--reuid=${uid}`,
  `--regid=${gid}`,
  "--clear-groups",
  "--inh-caps=-all",
  "--bounding-set=-all",
  "--no-new-privs",
];

export function runVerify(
  lab: Pick<Lab, "inPod">,
  { uid, gid }: { readonly uid: number; readonly gid: number } = { uid: SIDECAR_UID, gid: SIDECAR_UID },
): Promise<Ended> {
  const env = [`${ENV.blockedAddresses}=${METADATA_ADDRESSES.join(",")}`];
  return lab.inPod([...as(uid, gid), "/usr/bin/env", "-i", ...env, ...VERIFY]);
}

/** How it ends, by what it finds. */
export const VERDICTS = {
  held: { code: 0, says: "" },
  reachable: { code: 17, says: "METADATA_REACHABLE: " },
  unproven: { code: 18, says: "METADATA_UNPROVEN: " },
} as const;
