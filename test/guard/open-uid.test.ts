import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ENV } from "../../sidecar/contract/env.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { insistent, outcomeOf, socketClient, WAYS } from "./attempts.ts";
import { runGuard } from "./guard-run.ts";
import { BLOCKED, METADATA_V4, METADATA_V6, openLab, type Lab } from "./lab.ts";
import { whyNot } from "./requirements.ts";

const reason = whyNot();

describe.skipIf(reason)(`the guard open for one uid${reason ? ` (skipped: ${reason})` : ""}`, () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await openLab();
    const { code, stderr } = await runGuard(lab, {
      [ENV.blockedAddresses]: BLOCKED.join(","),
      [ENV.openUid]: String(SIDECAR_UID),
    });
    if (code !== 0) throw new Error(stderr);
  });
  afterAll(() => lab?.close());

  test.each([0, 1000, SIDECAR_UID - 1, SIDECAR_UID + 1, SIDECAR_UID + 65_536])(
    "uid %i does not",
    async (uid) => {
      for (const address of [METADATA_V4, METADATA_V6]) {
        const ended = await lab.inPod(socketClient(uid, address));
        expect(outcomeOf(ended)).toMatchObject({ outcome: "refused", code: "ECONNREFUSED" });
      }
    },
  );

  test.each(WAYS.filter((way) => !way.passesGuard && !way.passesExemption))(
    "$name gets nothing",
    async ({ attempt }) => {
      const outcome = await attempt(lab);
      expect(["refused", "silent"]).toContain(outcome.outcome);
    },
  );

  // Admission takes SETUID and SETGID away in source `node`, and this is why.
  test.each(WAYS.filter((way) => way.passesExemption))("$name reads the secret", async ({ attempt }) => {
    expect((await insistent(attempt)(lab)).outcome).toBe("reached");
  });

  // Last, since it is also the control: the service was there all along.
  test.each([
    ["TCP", METADATA_V4, []],
    ["TCP", METADATA_V6, []],
    ["UDP", METADATA_V4, ["--udp"]],
    ["UDP", METADATA_V6, ["--udp"]],
  ])("the sidecar's uid gets through: %s to %s", async (_, address, args) => {
    const ended = await lab.inPod(socketClient(SIDECAR_UID, address, ...args));
    expect(outcomeOf(ended)).toMatchObject({ outcome: "reached" });
  });
});
