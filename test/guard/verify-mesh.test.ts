import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { config } from "../support/config.ts";
import { facts } from "../support/facts.ts";
import { containerNamed, injected, pod } from "../support/pods.ts";
import { outcomeOf } from "./attempts.ts";
import type { Ended } from "./command.ts";
import { file, METADATA_V4, METADATA_V6, SECRET } from "./lab.ts";
import { MESHES, restoring } from "./mesh-rules.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";
import { both, ec2, openRoutedLab, type RoutedLab } from "./routed-lab.ts";
import { runVerify, VERDICTS } from "./verify-run.ts";

const reason = whyNot() ?? whyNoIptables();
const APP_UID = 1000;
const OPEN = both(ec2(2));
const REACHABLE = {
  code: VERDICTS.reachable.code,
  stderr: expect.stringContaining(VERDICTS.reachable.says) as string,
};
const HELD = { code: VERDICTS.held.code };
/** A redirect to a proxy that does not run refuses as a wall does. */
const LED_BACK = {
  code: VERDICTS.unproven.code,
  stderr: expect.stringContaining("refused the connection inside the pod") as string,
};

/** The ids of the guard that podrole writes into such a pod. */
function idsOfGuard(before: Pod): { readonly uid: number; readonly gid: number } {
  const guard = containerNamed(injected(before, facts(), config({ guard: "verify" })), CONTAINER.guard);
  const { runAsUser: uid = 0, runAsGroup: gid = 0 } = guard.securityContext ?? {};
  return { uid, gid };
}

describe.skipIf(reason)(
  `the guard that verifies, in a service mesh${reason ? ` (skipped: ${reason})` : ""}`,
  () => {
    let lab: RoutedLab;

    beforeEach(async () => {
      lab = await openRoutedLab();
    });
    afterEach(() => lab?.close());

    const asApp = async (address: string, gid = APP_UID): Promise<unknown> => {
      const as = ["--uid", String(APP_UID), "--gid", String(gid)];
      return outcomeOf(
        await lab.inPod(["python3", file("attacker/socket_client.py"), "--sdk", ...as, address]),
      );
    };
    const reads = { outcome: "reached", body: expect.stringContaining(SECRET) as string };

    describe.for(MESHES)("of $name, before the proxy runs", ({ apply, pod: before, proxyId, lacks }) => {
      const ids = idsOfGuard(before);

      beforeEach(async ({ skip }) => {
        if (lacks !== undefined) skip(lacks);
        await apply(lab);
      });

      test("has the proxy's group, and sees that the metadata service answers", async () => {
        await lab.serve(OPEN);
        expect(ids.gid).toBe(proxyId);
        expect(await runVerify(lab, ids)).toMatchObject(REACHABLE);
      });

      test("lets the pod start at hop limit 1", async () => {
        await lab.serve(both(ec2(1)));
        expect(await runVerify(lab, ids)).toMatchObject(HELD);
      });

      // This is why the group matters: the app is refused as well, but it will not be once the proxy runs.
      test("proves nothing in a group of its own, which the redirect leads back into the pod", async () => {
        await lab.serve(OPEN);
        expect(await runVerify(lab, { ...ids, gid: ids.uid })).toMatchObject(LED_BACK);
        for (const address of [METADATA_V4, METADATA_V6]) {
          expect(await asApp(address)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
          expect(await asApp(address, proxyId)).toMatchObject(reads);
        }
      });
    });

    describe("in Istio's ambient mode", () => {
      const ids = idsOfGuard(pod());
      const verify = (): Promise<Ended> => runVerify(lab, ids);

      const startZtunnel = async (): Promise<void> => {
        const ztunnel = lab.startInPod(["python3", file("ztunnel.py")]);
        await new Promise((resolve) => ztunnel.stdout.once("data", resolve));
      };
      const firewall = (verdict: string): Promise<void> =>
        lab.setUp(
          "node",
          `nft 'table inet firewall { chain forward { type filter hook forward priority 0; ip daddr ${METADATA_V4} ${verdict}; ip6 daddr ${METADATA_V6} ${verdict}; }; }'`,
        );

      beforeEach(async () => {
        await restoring("istio-ambient", "nft")(lab);
        await lab.serve(OPEN);
      });

      test("it sees through ztunnel that the metadata service answers", async () => {
        await startZtunnel();
        expect(await verify()).toMatchObject(REACHABLE);
        for (const address of [METADATA_V4, METADATA_V6]) expect(await asApp(address)).toMatchObject(reads);
      });

      test("it lets the pod start at hop limit 1", async () => {
        await startZtunnel();
        await lab.serve(both(ec2(1)));
        expect(await verify()).toMatchObject(HELD);
      });

      test("it lets the pod start where a firewall rejects, since ztunnel closes the connections", async () => {
        await startZtunnel();
        await firewall("meta l4proto tcp reject with tcp reset");
        expect(await verify()).toMatchObject(HELD);
      });

      // ztunnel accepts every connection at once, and gives up its own much later than the guard.
      test("it proves nothing where a network policy drops", async () => {
        await startZtunnel();
        await firewall("drop");
        expect(await verify()).toMatchObject({
          code: VERDICTS.unproven.code,
          stderr: expect.stringContaining("did not answer GET"),
        });
      });

      test("it proves nothing while ztunnel does not run", async () => {
        expect(await verify()).toMatchObject(LED_BACK);
      });
    });
  },
);
