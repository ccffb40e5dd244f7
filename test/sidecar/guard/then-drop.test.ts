import { describe, expect, test } from "vitest";
import { ENV } from "../../../sidecar/contract/env.ts";
import { parseGuardConfig } from "../../../sidecar/guard/config.ts";
import type { GuardDeps } from "../../../sidecar/guard/guard.ts";
import { guardThenDrop } from "../../../sidecar/guard/then-drop.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { createLog } from "../../../sidecar/kit/log.ts";
import type { Nft } from "../../../sidecar/guard/nft/nft.ts";
import { tablesFor } from "../../../sidecar/guard/nft/tables.ts";
import { thrown } from "../../support/thrown.ts";
import { guardEnv, listingFrom, pod } from "./guard-rig.ts";
import { PODS } from "./nft/listings.ts";

const UID = 51_234;
const SIDECAR = { [ENV.sidecarUid]: String(UID), [ENV.sidecarPorts]: "16925,16926,16927" };
const EMULATE = { ...SIDECAR, [ENV.imds]: "emulate" };

/** A pod whose kernel refuses the rules to the process once it is the sidecar's uid. */
function rig(env: Readonly<Record<string, string>>, refuses = true) {
  let [dropped, calls] = [false, 0];
  const kernel: Partial<Nft> = {
    list: async (families) => {
      steps.push(`list ${families.join("+")}`);
      if (dropped && refuses) throw new CodedError("GUARD_NO_CAPABILITY", "no");
      calls += 1;
      return listingFrom(tablesFor(PODS.emulate), calls);
    },
  };
  const { around, steps } = pod({}, kernel);
  const config = parseGuardConfig({ ...guardEnv().env, ...env });
  const deps: GuardDeps = { ...around, config, log: createLog("silent", "guard") };
  const become = (uid: number, gid?: number): void => {
    steps.push(`become ${uid}${gid === undefined ? "" : ` in group ${gid}`}`);
    dropped = true;
  };
  return { deps, become, steps };
}

describe("the guard in the sidecar's container", () => {
  test("is proven with all rules at once, then becomes the sidecar's uid, finds the rules out of reach, and only then listens", async () => {
    const { deps, become, steps } = rig(EMULATE);
    await guardThenDrop(deps, become);
    const [proof, afterwards] = [
      steps.slice(0, steps.indexOf(`become ${UID}`)),
      steps.slice(steps.indexOf(`become ${UID}`)),
    ];
    expect(proof.filter((step) => step === "apply")).toHaveLength(1);
    expect(proof).toContain("connect");
    expect(afterwards).toEqual([
      `become ${UID}`,
      "list inet",
      "listen 16927",
      "greeting 169.254.169.254",
      "greeting fd00:ec2::254",
      "close",
    ]);
  });

  test("joins the group that is named for the sidecar", async () => {
    const { deps, become, steps } = rig({ ...EMULATE, [ENV.sidecarGid]: "1337" });
    await guardThenDrop(deps, become);
    expect(steps).toContain(`become ${UID} in group 1337`);
  });

  test("fails when the process can still ask the kernel for the rules", async () => {
    const { deps, become } = rig(EMULATE, false);
    expect(await thrown(() => guardThenDrop(deps, become))).toMatchObject({ code: "PRIVILEGES_KEPT" });
  });

  test("fails when the redirect leads elsewhere", async () => {
    const { deps, become } = rig(EMULATE);
    const elsewhere = { ...deps, readGreeting: async () => ({ kind: "connected", said: "HTTP" }) as const };
    expect(await thrown(() => guardThenDrop(elsewhere, become))).toMatchObject({ code: "GUARD_NOT_HOLDING" });
  });

  test("keeps its rights for nothing when the proof fails: it does not go on", async () => {
    const { deps, become, steps } = rig(EMULATE);
    const open = { ...deps, reach: async () => ({ kind: "connected" }) as const };
    expect(await thrown(() => guardThenDrop(open, become))).toMatchObject({ code: "GUARD_NOT_HOLDING" });
    expect(steps).not.toContain(`become ${UID}`);
  });

  test("is refused without the sidecar's uid", async () => {
    const { deps, become, steps } = rig({});
    expect(await thrown(() => guardThenDrop(deps, become))).toMatchObject({ code: "CONFIG_INVALID" });
    expect(steps).toEqual([]);
  });
});
