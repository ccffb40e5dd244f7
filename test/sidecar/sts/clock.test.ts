import { describe, expect, test } from "vitest";
import { stsOver } from "../../../sidecar/sts/assume-role.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { ROLE } from "../../support/credentials.ts";
import { AMBIENT, stsRig } from "../../support/sts-rig.ts";
import { thrown } from "../../support/thrown.ts";

describe("when the node's clock is", () => {
  /** How to ask an STS whose clock is that much ahead of this node's. */
  async function ahead(offsetMs: number) {
    const rig = await stsRig({ now: () => Date.now() + offsetMs });
    const where = {
      region: "eu-west-1",
      endpoint: rig.sts.url,
      ca: undefined,
      proxy: undefined,
    };
    const assumeRole = stsOver({ ...where, now: Date.now });
    const keys = { accessKeyId: AMBIENT.id, secretAccessKey: new Secret(AMBIENT.secret) };
    const step = { roleArn: ROLE, durationSeconds: 3600 };
    return {
      sts: rig.sts,
      ask: () => assumeRole({ caller: { kind: "keys", keys }, step, sessionName: "a.b" }),
    };
  }

  test.each([
    ["a day behind", 86_400_000],
    ["a day ahead", -86_400_000],
    ["ten minutes behind", 600_000],
    ["ten minutes ahead", -600_000],
  ])("%s, the first signed call is refused, and the next is signed by STS's time", async (_, offsetMs) => {
    const { ask } = await ahead(offsetMs);
    expect(await thrown(ask)).toMatchObject({ code: "SignatureDoesNotMatch", kind: "passing" });
    expect(await ask()).toMatchObject({ roleArn: ROLE });
    expect(await ask()).toMatchObject({ roleArn: ROLE });
  });

  test("behind, credentials end by it no later than at STS", async () => {
    const { ask, sts } = await ahead(240_000);
    const { expiresAt } = await ask();
    const trueEnd = (sts.issued[0]?.expiresAt ?? 0) - 240_000;
    expect(expiresAt).toBeLessThanOrEqual(trueEnd + 1000);
    expect(expiresAt).toBeGreaterThan(trueEnd - 2000);
  });

  test("ahead, credentials end when STS says", async () => {
    const { ask, sts } = await ahead(-240_000);
    expect((await ask()).expiresAt).toBe(sts.issued[0]?.expiresAt);
  });
});
