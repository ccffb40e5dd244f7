import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import type { Ended } from "./command.ts";
import { file, METADATA_V4, METADATA_V6, openLab, SECRET, type Lab } from "./lab.ts";
import { MESHES, restoring } from "./mesh-rules.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot() ?? whyNoIptables();

/** As the container of a guard in mode `verify` runs it, in this group. */
const verify = (lab: Lab, gid: number): Promise<Ended> =>
  lab.inPod([
    "setpriv",
    `--reuid=${SIDECAR_UID}`,
    `--regid=${gid}`,
    "--clear-groups",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--no-new-privs",
    process.execPath,
    file("../../sidecar/main.ts"),
    "verify",
  ]);

/** The node takes no more connections for the metadata service. */
const closeService = (lab: Lab, how: string): Promise<Ended> =>
  lab.inNode([
    "nft",
    [
      "add table inet closed",
      "add chain inet closed in { type filter hook input priority 0; }",
      `add rule inet closed in ip daddr ${METADATA_V4} ${how}`,
      `add rule inet closed in ip6 daddr ${METADATA_V6} ${how}`,
    ].join("; "),
  ]);

/** A pod with one interface: of several, nothing is proven. */
async function openSimpleLab(): Promise<Lab> {
  const lab = await openLab();
  for (const name of ["net1", "nested"]) await lab.inPod(["ip", "link", "del", name]);
  return lab;
}

describe.skipIf(reason)(
  `a guard that verifies, in a service mesh${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    let lab: Lab;

    describe.for(MESHES)("of $name", ({ apply, proxyId, lacks }) => {
      beforeEach(async ({ skip }) => {
        if (lacks !== undefined) skip(lacks);
        lab = await openSimpleLab();
        await apply(lab);
      });
      afterEach(() => lab?.close());

      test("sees what nodes and network answer, before the proxy runs, in the proxy's group", async () => {
        const open = await verify(lab, proxyId);
        expect(open).toMatchObject({
          code: 17,
          stderr: expect.stringContaining("METADATA_REACHABLE") as string,
        });
        expect(open.stdout + open.stderr).not.toContain(SECRET);
        expect(await closeService(lab, "counter reject with tcp reset")).toMatchObject({ code: 0 });
        expect(await verify(lab, proxyId)).toMatchObject({ code: 0 });
      });

      test("takes no redirect to a proxy that does not run for a wall, in a group of its own", async () => {
        expect(await verify(lab, SIDECAR_UID)).toMatchObject({
          code: 18,
          stderr: expect.stringContaining(
            "inside the pod, where something such as a service mesh leads back",
          ) as string,
        });
      });
    });

    test("sees through Istio's ambient mode what nodes and network answer", async () => {
      lab = await openSimpleLab();
      try {
        await restoring("istio-ambient", "nft")(lab);
        expect(await verify(lab, SIDECAR_UID), "without ztunnel").toMatchObject({ code: 18 });
        const ztunnel = lab.startInPod(["python3", file("ztunnel.py")]);
        await new Promise((resolve) => ztunnel.stdout.once("data", resolve));
        expect(await verify(lab, SIDECAR_UID)).toMatchObject({ code: 17 });
        expect(await closeService(lab, "counter reject with tcp reset")).toMatchObject({ code: 0 });
        expect(await verify(lab, SIDECAR_UID), "ztunnel closes at once").toMatchObject({ code: 0 });
      } finally {
        await lab.close();
      }
    });
  },
);
