import { expect, test } from "vitest";
import { ROLE } from "../../support/credentials.ts";
import { HUB, stsRig } from "../../support/sts-rig.ts";

test("a chain goes from the token through a hub to a role with external id, tags and policy", async () => {
  const rig = await stsRig();
  const policy = '{"Version":"2012-10-17","Statement":[]}';
  const last = {
    roleArn: ROLE,
    durationSeconds: 3600,
    externalId: "xyz",
    tags: { team: "billing", cost: "7" },
    transitiveTagKeys: ["cost"],
    policy,
    policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/a/b"],
  };
  const granted = await rig.issue({
    steps: [{ roleArn: HUB, durationSeconds: 900, policyArns: ["arn:aws:iam::aws:policy/Hub"] }, last],
  });
  expect(granted.roleArn).toBe(ROLE);
  expect(rig.sts.calls).toMatchObject([
    {
      action: "AssumeRoleWithWebIdentity",
      roleArn: HUB,
      durationSeconds: 900,
      policyArns: ["arn:aws:iam::aws:policy/Hub"],
      tags: {},
      transitiveTagKeys: [],
    },
    {
      action: "AssumeRole",
      caller: "arn:aws:sts::123456789012:assumed-role/hub/billing.api-0",
      roleArn: ROLE,
      externalId: "xyz",
      tags: { team: "billing", cost: "7" },
      transitiveTagKeys: ["cost"],
      policy,
      policyArns: last.policyArns,
    },
  ]);
});

test("the stand-in answers in the role's own partition", async () => {
  const rig = await stsRig();
  const steps = [{ roleArn: "arn:aws-cn:iam::123456789012:role/path/reader", durationSeconds: 3600 }];
  await rig.issue({ steps });
  expect(rig.sts.issued[0]?.arn).toBe("arn:aws-cn:sts::123456789012:assumed-role/reader/billing.api-0");
});
