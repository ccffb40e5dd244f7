import { expect, test } from "vitest";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { ROLE } from "../../support/credentials.ts";
import { HUB, stsRig } from "../../support/sts-rig.ts";
import { thrown } from "../../support/thrown.ts";

/** An answer of STS with good credentials of the session that `arn` names. */
const answerFor = (arn: string | undefined): string =>
  `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>
  <Credentials><AccessKeyId>ASIAOTHER</AccessKeyId><SecretAccessKey>not-ours</SecretAccessKey>
  <SessionToken>not-ours-either</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
  ${arn === undefined ? "" : `<AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>`}
  </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;

/** What comes of asking for the role and being answered for the session. */
const answered = async (roleArn: string, arn: string | undefined) => {
  const rig = await stsRig({ fault: () => ({ body: answerFor(arn) }) });
  return { rig, issue: rig.issuer({ steps: [{ roleArn, durationSeconds: 3600 }] }) };
};

const READER = "arn:aws:iam::123456789012:role/team/a/reader";

test.each([
  ["another role's", "arn:aws:sts::123456789012:assumed-role/admin/billing.api-0"],
  ["another account's", "arn:aws:sts::999999999999:assumed-role/reader/billing.api-0"],
  ["another partition's", "arn:aws-cn:sts::123456789012:assumed-role/reader/billing.api-0"],
  ["another session's", "arn:aws:sts::123456789012:assumed-role/reader/payments.api-0"],
  ["a session's whose name only begins so", "arn:aws:sts::123456789012:assumed-role/reader/billing.api-01"],
  ["a federated user's", "arn:aws:sts::123456789012:federated-user/reader"],
  ["the role's own ARN and no session's", READER],
  ["empty", ""],
  ["of nobody", undefined],
])("an answer that is %s is refused, and its credentials are not used", async (_, arn) => {
  const { rig, issue } = await answered(READER, arn);
  const error = await thrown(issue);
  expect(error).toBeInstanceOf(IssueError);
  expect(error).toMatchObject({
    code: "STS_ANSWER_WRONG_ROLE",
    kind: "passing",
    message: expect.stringContaining(READER),
    remedy: expect.stringContaining("proxy"),
  });
  expect(String(error)).not.toContain("not-ours");
  expect(rig.outcomes).toEqual(["STS_ANSWER_WRONG_ROLE"]);
});

test("a text that an answer has in place of an ARN is not repeated", async () => {
  const { issue } = await answered(READER, "http://user:password@proxy/ arn:aws:sts::1:x");
  const error = await thrown(issue);
  expect(error).toMatchObject({ message: expect.stringContaining("names no role") });
  expect(String(error)).not.toContain("password");
});

test.each([
  ["without its path", READER, "arn:aws:sts::123456789012:assumed-role/reader/billing.api-0"],
  [
    "in the partition of China",
    "arn:aws-cn:iam::123456789012:role/reader",
    "arn:aws-cn:sts::123456789012:assumed-role/reader/billing.api-0",
  ],
  [
    "of GovCloud",
    "arn:aws-us-gov:iam::123456789012:role/reader",
    "arn:aws-us-gov:sts::123456789012:assumed-role/reader/billing.api-0",
  ],
  [
    "in the case it was made with",
    "arn:aws:iam::123456789012:role/reader",
    "arn:aws:sts::123456789012:assumed-role/Reader/billing.api-0",
  ],
  [
    "with every sign a name may hold",
    "arn:aws:iam::123456789012:role/a+b=c,d.e@f-g_h",
    "arn:aws:sts::123456789012:assumed-role/a+b=c,d.e@f-g_h/billing.api-0",
  ],
])("an answer for the role %s is accepted", async (_, roleArn, arn) => {
  const { issue } = await answered(roleArn, arn);
  expect(await issue()).toMatchObject({ roleArn, accessKeyId: "ASIAOTHER" });
});

test("a hub's answer is compared with the hub before its credentials sign anything", async () => {
  const hubAsAdmin = answerFor("arn:aws:sts::123456789012:assumed-role/admin/billing.api-0");
  const rig = await stsRig({
    fault: ({ roleArn }) => (roleArn === HUB ? { body: hubAsAdmin } : undefined),
  });
  const steps = [
    { roleArn: HUB, durationSeconds: 900 },
    { roleArn: ROLE, durationSeconds: 3600 },
  ];
  const error = await rig.failure({ steps });
  expect(error).toMatchObject({ code: "STS_ANSWER_WRONG_ROLE" });
  expect(rig.sts.calls).toHaveLength(1);
});
