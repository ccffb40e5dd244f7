import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { CREDENTIALS_PORT, HEALTH_PORT, LOOPBACK, PATH } from "../../sidecar/contract/pod.ts";
import { config } from "../support/config.ts";
import { TOKEN } from "../support/pods.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { outcomeOf, type Outcome } from "./attempts.ts";
import { EMULATE, OURS, startSidecar } from "./emulated.ts";
import { runGuard } from "./guard-run.ts";
import { file, METADATA_V4, METADATA_V6, openLab, SECRET, type Lab } from "./lab.ts";
import { MESHES } from "./mesh-rules.ts";
import { startOurs, startSts } from "./mesh-sidecar.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot() ?? whyNoIptables();
const APP_UID = 1000;
const REFUSED = { outcome: "refused", code: "ECONNREFUSED" };
const REACHED = { outcome: "reached", body: expect.stringContaining(SECRET) as string };

/** The two forms of guard and sidecar. */
const TWO = config({ token: "env" });
const FORMS = [
  ["two containers", "v4", TWO],
  ["one container", "v6", config({ token: "env", guardContainer: "sidecar" })],
] as const;

/** Answers every connection as a proxy would that has taken it. */
const proxyAt = (port: number, uid: number): string =>
  `process.setgid(${uid}); process.setuid(${uid});
   require("net").createServer((socket) => socket.on("error", () => 0).once("data", () => socket.end("the proxy")))
     .listen(${port}, () => console.log("up"))`;

async function startListener(lab: Lab, script: string): Promise<void> {
  const child = lab.startInPod([process.execPath, "-e", script]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
}

const ASK = `fetch("http://${LOOPBACK}:${CREDENTIALS_PORT}${PATH.credentials}", { headers: { Authorization: "${TOKEN}" } })
  .then(async (answer) => console.log(answer.status, Object.keys(await answer.json()).join()))`;

describe.skipIf(reason)(`a pod in a service mesh${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  const connect = async (uid: number, gid: number, ...args: readonly string[]): Promise<Outcome> => {
    const client = ["python3", file("attacker/socket_client.py"), "--uid", String(uid), "--gid", String(gid)];
    return outcomeOf(await lab.inPod([...client, ...args]));
  };

  describe.for(MESHES)("of $name", ({ apply, pod, proxyId, outbound, lacks }) => {
    beforeEach(async ({ skip }) => {
      if (lacks !== undefined) skip(lacks);
      lab = await openLab();
      await apply(lab);
    });
    afterEach(() => lab?.close());

    test("cannot send anything before the proxy runs, but for the proxy's group", async () => {
      const { v4, v6 } = lab.interfaces.eth0.gateway;
      for (const address of [v4, v6]) {
        expect(await connect(APP_UID, APP_UID, address)).toMatchObject(REFUSED);
        expect(await connect(SIDECAR_UID, SIDECAR_UID, address)).toMatchObject(REFUSED);
        expect(await connect(SIDECAR_UID, proxyId, address)).toMatchObject(REACHED);
      }
    });

    test.for(FORMS)(
      "holds credentials before the proxy runs, and serves them to the app on loopback: guard and sidecar as %s, STS by %s",
      async ([, version, settings]) => {
        await startSts(lab);
        const ours = await startOurs(lab, pod, settings, lab.interfaces.eth0.gateway[version]);
        expect(await ours.holds).toBe(true);

        const app = ["setpriv", `--reuid=${APP_UID}`, `--regid=${APP_UID}`, "--clear-groups"];
        const { stdout } = await lab.inPod([...app, process.execPath, "-e", ASK]);
        expect(stdout).toMatch(/^200 .*SecretAccessKey/);
      },
    );

    test("a control: in a group of its own the sidecar gives up", async () => {
      await startSts(lab);
      const { v4 } = lab.interfaces.eth0.gateway;
      const over = { gid: SIDECAR_UID, env: { [ENV.startTimeoutSeconds]: "1" } };
      const ours = await startOurs(lab, pod, TWO, v4, over);
      expect(await ours.holds).toBe(false);
      expect(await ours.ended).toMatchObject({ stderr: expect.stringContaining("STS_UNREACHABLE") });
    });

    test("is kept from the metadata service by the guard, whatever uid or group it has, and with a proxy that takes everything", async () => {
      const { v4 } = lab.interfaces.eth0.gateway;
      expect(await connect(APP_UID, proxyId, METADATA_V4)).toMatchObject(REACHED);
      expect(await runGuard(lab)).toMatchObject({ code: 0 });
      await startListener(lab, proxyAt(outbound, proxyId));
      expect(await connect(APP_UID, APP_UID, v4)).toMatchObject({ body: "the proxy" });
      for (const [uid, gid] of [
        [APP_UID, APP_UID],
        [APP_UID, proxyId],
        [proxyId, proxyId],
      ] as const) {
        for (const address of [METADATA_V4, METADATA_V6]) {
          expect({ uid, gid, ...(await connect(uid, gid, address)) }).toMatchObject({ uid, gid, ...REFUSED });
        }
        expect(await connect(uid, gid, METADATA_V4, "--udp")).toMatchObject({ code: "EPERM" });
      }
    });

    test("reaches the metadata service in source node as the sidecar alone", async () => {
      expect(await runGuard(lab, { [ENV.openUid]: String(SIDECAR_UID) })).toMatchObject({ code: 0 });
      for (const address of [METADATA_V4, METADATA_V6]) {
        expect(await connect(SIDECAR_UID, proxyId, address)).toMatchObject(REACHED);
        expect(await connect(APP_UID, proxyId, address)).toMatchObject(REFUSED);
        expect(await connect(proxyId, proxyId, address)).toMatchObject(REFUSED);
      }
    });

    test("reaches the sidecar in the place of the metadata service where that is emulated", async () => {
      expect(await runGuard(lab, EMULATE)).toMatchObject({ code: 0 });
      await startSidecar(lab);
      await startListener(lab, proxyAt(outbound, proxyId));
      for (const address of [METADATA_V4, METADATA_V6]) {
        expect(await connect(APP_UID, APP_UID, address)).toMatchObject({ body: OURS });
      }
    });

    test("shows the sidecar's metrics to other pods only through its proxy", async () => {
      await startSts(lab);
      const { gateway, podIp } = lab.interfaces.eth0;
      expect(await (await startOurs(lab, pod, TWO, gateway.v4)).holds).toBe(true);
      const metrics = ["python3", file("attacker/socket_client.py"), "--port", String(HEALTH_PORT)];
      expect(outcomeOf(await lab.inPod([...metrics, LOOPBACK]))).toMatchObject({ outcome: "reached" });
      expect(outcomeOf(await lab.inNode([...metrics, podIp]))).toMatchObject(REFUSED);
    });
  });
});
