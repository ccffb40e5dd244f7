import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { sidecarEnv } from "../support/sidecar-env.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { until } from "../support/until.ts";
import { file, METADATA_V4, METADATA_V6, SECRET } from "./lab.ts";
import { whyNot } from "./requirements.ts";
import { both, ec2, openRoutedLab, TOKEN, type RoutedLab } from "./routed-lab.ts";

const reason = whyNot();

const WITHHELD = "metadata service reachable, credentials withheld";
const UNPROVEN = "metadata service not proven out of reach, credentials withheld";
const HELD = "metadata service out of reach";

describe.skipIf(reason)(`the sidecar in mode verify${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: RoutedLab;

  beforeEach(async () => {
    lab = await openRoutedLab();
  });
  afterEach(() => lab?.close());

  /** Starts the real program, as in its container: an ordinary user without a capability. There is no STS. */
  function startSidecar() {
    const env = {
      ...sidecarEnv(),
      [ENV.guard]: "verify",
      [ENV.blockedAddresses]: `${METADATA_V4},${METADATA_V6}`,
      [ENV.stsEndpoint]: "http://127.0.0.1:9",
      [ENV.terminationLog]: "",
      [ENV.start]: "now",
    };
    const as = [`--reuid=${SIDECAR_UID}`, `--regid=${SIDECAR_UID}`, "--clear-groups", "--no-new-privs"];
    const rights = ["--inh-caps=-all", "--bounding-set=-all"];
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const program = [process.execPath, file("../../sidecar/main.ts"), "serve"];
    const child = lab.startInPod([
      "setpriv",
      ...as,
      ...rights,
      "/usr/bin/env",
      "-i",
      ...variables,
      ...program,
    ]);
    let log = "";
    child.stderr.on("data", (part: Buffer) => (log += part.toString()));
    return {
      log: () => log,
      /** Waits until the log has this message. */
      says: (msg: string) => until(msg, () => (log.includes(`"msg":"${msg}"`) ? true : undefined)),
    };
  }

  test("withholds credentials at a hop limit of 2, and no longer once it is 1", async () => {
    await lab.serve(both(ec2(2)));
    const { says, log } = startSidecar();
    await says(WITHHELD);
    expect(log()).toMatch(
      new RegExp(`"address":"(?:${METADATA_V4}|${METADATA_V6})".*answered PUT /latest/api/token with 200`),
    );
    expect(log()).not.toContain(HELD);
    await lab.serve(both(ec2(1)));
    await says(HELD);
    for (const secret of [SECRET, TOKEN]) expect(log()).not.toContain(secret);
  });

  test("withholds credentials while the pod has no default route, and no longer once it has one that leads to a closed address", async () => {
    await lab.serve(both(ec2(1)));
    await lab.setUp("pod", "ip route del default");
    const { says, log } = startSidecar();
    await says(UNPROVEN);
    expect(log()).toContain("out of reach (ENETUNREACH) by the pod's own routes alone");
    await lab.setUp("pod", `ip route add default via ${lab.interfaces.eth0.gateway.v4}`);
    await says(HELD);
  });
});
