import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { config } from "../support/config.ts";
import { pod } from "../support/pods.ts";
import { outcomeOf, socketClient, type Outcome } from "./attempts.ts";
import { EMULATE, OURS, startSidecar } from "./emulated.ts";
import { runGuard } from "./guard-run.ts";
import { file, METADATA_V4, METADATA_V6, openLab, SECRET, type Lab } from "./lab.ts";
import { restoring } from "./mesh-rules.ts";
import { startOurs, startSts } from "./mesh-sidecar.ts";
import { whyNoIptables, whyNot } from "./requirements.ts";

const reason = whyNot() ?? whyNoIptables();
const APP_UID = 1000;
const REACHED = { outcome: "reached", body: expect.stringContaining(SECRET) as string };
const REFUSED = { outcome: "refused", code: "ECONNREFUSED" };

/** As ztunnel's own sockets in the pod's network: Istio's rules leave those with this mark alone. */
const ZTUNNEL_MARK = "1337";

describe.skipIf(reason)(`a pod in Istio's ambient mode${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  const connect = async (address: string): Promise<Outcome> =>
    outcomeOf(await lab.inPod(socketClient(APP_UID, address)));
  const connectAsZtunnel = async (address: string): Promise<Outcome> =>
    outcomeOf(await lab.inPod(socketClient(0, address, "--mark", ZTUNNEL_MARK)));

  beforeEach(async () => {
    lab = await openLab();
    await restoring("istio-ambient", "nft")(lab);
    // Istio's plugin lets a pod start only when ztunnel listens in its network.
    const ztunnel = lab.startInPod(["python3", file("ztunnel.py")]);
    await new Promise((resolve) => ztunnel.stdout.once("data", resolve));
  });
  afterEach(() => lab?.close());

  test("reaches others through ztunnel", async () => {
    const { v4, v6 } = lab.interfaces.eth0.gateway;
    for (const address of [v4, v6, METADATA_V4, METADATA_V6]) {
      expect(await connect(address)).toMatchObject(REACHED);
      expect(await connectAsZtunnel(address)).toMatchObject(REACHED);
    }
  });

  test.for([
    ["two containers", "v4", config({ token: "env" })],
    ["one container", "v6", config({ token: "env", guardContainer: "sidecar" })],
  ] as const)("holds credentials: guard and sidecar as %s, STS by %s", async ([, version, settings]) => {
    await startSts(lab);
    const ours = await startOurs(lab, pod(), settings, lab.interfaces.eth0.gateway[version]);
    expect(await ours.holds).toBe(true);
  });

  test("is kept from the metadata service by the guard, and so is ztunnel in the pod's network", async () => {
    expect(await runGuard(lab)).toMatchObject({ code: 0 });
    for (const address of [METADATA_V4, METADATA_V6]) {
      expect(await connect(address)).toMatchObject(REFUSED);
      expect(await connectAsZtunnel(address)).toMatchObject(REFUSED);
    }
    expect(await connect(lab.interfaces.eth0.gateway.v4)).toMatchObject(REACHED);
  });

  test("reaches the sidecar in the place of the metadata service where that is emulated", async () => {
    expect(await runGuard(lab, EMULATE)).toMatchObject({ code: 0 });
    await startSidecar(lab);
    for (const address of [METADATA_V4, METADATA_V6]) {
      expect(await connect(address)).toMatchObject({ body: OURS });
    }
  });
});
