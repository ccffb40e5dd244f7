import { describe, expect, onTestFinished, test } from "vitest";
import type { StsCall } from "../../../injector/cli/demo/aws/sts-call.ts";
import { imdsStandIn } from "../../../injector/cli/demo/aws/imds.ts";
import { accessDenied, refusal, type StsRefusal } from "../../../injector/cli/demo/aws/sts-refusal.ts";
import { BROKER_ROLE, BROKER_USER, brokerRig, type BrokerRig } from "../../support/broker-rig.ts";
import { ROLE } from "../../support/credentials.ts";
import { HOUR, MINUTE } from "../../support/engine-rig.ts";
import { role } from "../../support/facts.ts";
import { sessionPlan } from "../../support/session-plan.ts";
import { AMBIENT, HUB, WEB_TOKEN } from "../../support/sts-rig.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";

const planAt = ({ sts }: BrokerRig, over: Parameters<typeof sessionPlan>[0] = {}) =>
  sessionPlan({ role: role(ROLE), endpoint: sts.url, ...over });
const arnOf = ({ sessions }: BrokerRig) => until("the broker's ARN", () => sessions.identity.arn());
const callsFor = ({ sts }: BrokerRig, arn: string) => sts.calls.filter(({ roleArn }) => roleArn === arn);

describe("the broker makes a session", () => {
  test("with its own keys, under the pod's name, tags and source identity", async () => {
    const rig = await brokerRig();
    const tags = { "kubernetes-namespace": "billing", team: "a" };
    const step = { roleArn: ROLE, durationSeconds: 1800, externalId: "xyz", tags, policy: "{}" };
    const { credentials, requestId } = await rig.sessions.issue(planAt(rig, { steps: [step] }));
    expect(credentials).toMatchObject({ roleArn: ROLE, accountId: "123456789012" });
    expect(requestId).toBe("00000000-0000-4000-8000-000000000000");
    expect(rig.sts.calls).toMatchObject([
      {
        action: "AssumeRole",
        caller: BROKER_USER,
        roleArn: ROLE,
        sessionName: "billing.api-0",
        sourceIdentity: "billing.reader",
        durationSeconds: 1800,
        externalId: "xyz",
        policy: "{}",
        tags,
        userAgent: "podrole-broker",
      },
    ]);
    expect(rig.outcomes).toEqual(["Success"]);
    expect(rig.sessions.held()).toBe(1);
  });

  test("through a hub role, whose session gets no source identity", async () => {
    const rig = await brokerRig();
    const steps = [HUB, ROLE].map((roleArn) => ({ roleArn, durationSeconds: 900 }));
    await rig.sessions.issue(planAt(rig, { steps }));
    expect(rig.sts.calls).toMatchObject([
      { roleArn: HUB, caller: BROKER_USER, sourceIdentity: undefined },
      {
        roleArn: ROLE,
        caller: expect.stringMatching(/assumed-role\/hub\//),
        sourceIdentity: "billing.reader",
      },
    ]);
  });
});

describe("where a role does not allow source identities", () => {
  const withoutOnly = (call: StsCall): StsRefusal | undefined =>
    call.sourceIdentity === undefined ? undefined : accessDenied({ ...call, action: "SetSourceIdentity" });

  test("the session is made without one, and for an hour the role is not asked with one", async () => {
    const rig = await brokerRig({ refuse: withoutOnly });
    const other = { namespace: "billing", serviceAccount: "reader", pod: "api-1", podUid: "uid-2" };
    await rig.sessions.issue(planAt(rig));
    await rig.sessions.issue(planAt(rig, { pod: other }));
    const identities = () => callsFor(rig, ROLE).map(({ sourceIdentity }) => sourceIdentity);
    expect(identities()).toEqual(["billing.reader", undefined, undefined]);
    await rig.clock.advance(HOUR);
    await rig.sessions.issue(planAt(rig));
    expect(identities().slice(3)).toEqual(["billing.reader", undefined]);
  });

  test("for one service account, others keep theirs", async () => {
    const rig = await brokerRig({
      refuse: (call) => (call.sourceIdentity === "billing.reader" ? withoutOnly(call) : undefined),
    });
    await rig.sessions.issue(planAt(rig));
    await rig.sessions.issue(planAt(rig, { sourceIdentity: "billing.writer", sessionName: "billing.w" }));
    expect(callsFor(rig, ROLE).map(({ sourceIdentity }) => sourceIdentity)).toEqual([
      "billing.reader",
      undefined,
      "billing.writer",
    ]);
  });

  test("that is said once for the role, with what to do", async () => {
    const rig = await brokerRig({ refuse: withoutOnly });
    await rig.sessions.issue(planAt(rig));
    await rig.sessions.issue(planAt(rig, { sessionName: "billing.other" }));
    expect(rig.lines).toMatchObject([
      {
        level: 40,
        code: "SOURCE_IDENTITY_NOT_ALLOWED",
        roleArn: ROLE,
        remedy: expect.stringContaining("sts:SetSourceIdentity"),
      },
    ]);
  });

  test("a role that refuses the broker without one, too, is a refusal like any other", async () => {
    const rig = await brokerRig({ refuse: (call) => withoutOnly(call) ?? accessDenied(call) });
    const error = await thrown(() => rig.sessions.issue(planAt(rig)));
    expect(error).toMatchObject({ code: "AccessDenied", kind: "definite" });
    expect(error.message).toContain("sts:AssumeRole");
    expect(rig.lines).toEqual([]);
  });
});

test("STS's refusal is passed on with its code and a remedy", async () => {
  const rig = await brokerRig({ refuse: accessDenied });
  expect(await thrown(() => rig.sessions.issue(planAt(rig, { sourceIdentity: undefined })))).toMatchObject({
    code: "AccessDenied",
    kind: "definite",
    message: expect.stringContaining(`STS refused AssumeRole for ${ROLE}`),
    remedy: expect.stringContaining("trust policy names the calling role"),
  });
  expect(rig.outcomes).toEqual(["AccessDenied"]);
});

test("a throttled call slows the next ones down", async () => {
  let isThrottling = true;
  const throttling = (): StsRefusal | undefined =>
    isThrottling ? refusal(400, "Throttling", "Rate exceeded") : undefined;
  const rig = await brokerRig({ refuse: throttling });
  expect(await thrown(() => rig.sessions.issue(planAt(rig)))).toMatchObject({ kind: "throttled" });
  isThrottling = false;
  let isDone = false;
  const issued = rig.sessions.issue(planAt(rig)).then(() => (isDone = true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isDone).toBe(false);
  await rig.clock.advance(10);
  await issued;
});

describe("keys of the broker's that STS does not accept", () => {
  test.each(["InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch"])(
    "are no refusal of the pod: %s",
    async (code) => {
      const rig = await brokerRig({ refuse: () => refusal(403, code, "no") });
      expect(await thrown(() => rig.sessions.issue(planAt(rig)))).toMatchObject({
        code: "BROKER_IDENTITY_UNAVAILABLE",
        message: expect.stringContaining(`(${code})`),
        kind: "passing",
      });
    },
  );

  /** In another region than the broker's own. What `refuse` says holds there alone. */
  const elsewhere = async (options: Parameters<typeof brokerRig>[0]) => {
    const rig = await brokerRig(options);
    return thrown(() => rig.sessions.issue(planAt(rig, { region: "me-central-1" })));
  };
  const refusing = (code: string) => () => refusal(403, code, "no");

  test.each(["InvalidClientTokenId", "SignatureDoesNotMatch"])(
    "in a pod's region, and accepts in the broker's own, are a refusal that names the region: %s",
    async (code) => {
      expect(await elsewhere({ refuse: refusing(code) })).toMatchObject({
        code,
        kind: "definite",
        remedy: expect.stringMatching(/region me-central-1 is enabled.*podrole\.dev\/region/) as string,
      });
    },
  );

  test("since they have expired are no refusal of the pod, in whichever region", async () => {
    const refuse = refusing("ExpiredToken");
    expect(await elsewhere({ refuse })).toMatchObject({ code: "BROKER_IDENTITY_UNAVAILABLE" });
  });

  const drop = ({ action }: StsCall) => (action === "GetCallerIdentity" ? { drop: true } : undefined);
  test.each([
    ["refuses them too, as it does deactivated ones", { keys: {} }],
    ["does not answer", { refuse: refusing("InvalidClientTokenId"), fault: drop }],
  ])("in a pod's region are no refusal of the pod if the broker's own %s", async (_, options) => {
    expect(await elsewhere(options)).toMatchObject({
      code: "BROKER_IDENTITY_UNAVAILABLE",
      message: expect.stringContaining("(InvalidClientTokenId)"),
      kind: "passing",
    });
  });
});

describe("the broker's own identity", () => {
  test("by web identity is fetched at the start, named by GetCallerIdentity, and signs for the pods", async () => {
    const rig = await brokerRig({ identity: "web-identity" });
    rig.sessions.start();
    expect(await arnOf(rig)).toBe("arn:aws:sts::123456789012:assumed-role/podrole-broker/podrole-broker");
    expect(rig.sessions.cannotIssue()).toBeUndefined();
    expect(rig.sessions.identity.problem()).toBeUndefined();
    expect(rig.sessions.identity.expiresAt()).toBe(rig.clock.now() + HOUR);
    await rig.sessions.issue(planAt(rig));
    expect(rig.sts.calls).toMatchObject([
      { action: "AssumeRoleWithWebIdentity", roleArn: BROKER_ROLE },
      { action: "GetCallerIdentity" },
      { action: "AssumeRole", caller: expect.stringContaining("assumed-role/podrole-broker/") },
    ]);
    expect(JSON.stringify(rig.lines)).not.toContain(WEB_TOKEN);
  });

  test("is renewed before it ends, and outlives an outage of STS that is shorter", async () => {
    let isOut = false;
    const rig = await brokerRig({
      identity: "web-identity",
      fault: () => (isOut ? { drop: true } : undefined),
    });
    rig.sessions.start();
    await arnOf(rig);
    isOut = true;
    await rig.clock.advance(38 * MINUTE);
    await until("an attempt that fails", () => rig.outcomes.includes("STS_UNREACHABLE") || undefined);
    expect(rig.sessions.identity.problem()).toBeUndefined();
    isOut = false;
    const renewed = () => (rig.sessions.identity.expiresAt() ?? 0) > rig.clock.now() + 50 * MINUTE;
    await until("the renewal", async () => (await rig.clock.advance(1000), renewed() || undefined));
  });

  test("that cannot be had is no refusal of the pods", async () => {
    const rig = await brokerRig({ identity: "web-identity", refuse: accessDenied });
    rig.sessions.start();
    await until("the refusal", () => (rig.lines.length > 0 ? true : undefined));
    expect(await thrown(() => rig.sessions.issue(planAt(rig)))).toMatchObject({
      code: "BROKER_IDENTITY_UNAVAILABLE",
      kind: "passing",
      message: expect.stringContaining("(AccessDenied)"),
    });
    expect(rig.sessions.identity.problem()).toMatchObject({ code: "AccessDenied" });
    expect(rig.sessions.cannotIssue()).toMatchObject({ code: "BROKER_IDENTITY_UNAVAILABLE" });
    expect(callsFor(rig, ROLE)).toEqual([]);
  });

  test("is not needed for what is held, and without it no pod can get anything else", async () => {
    let isOut = false;
    const rig = await brokerRig({
      identity: "web-identity",
      fault: () => (isOut ? { drop: true } : undefined),
    });
    rig.sessions.start();
    await arnOf(rig);
    await rig.clock.advance(10 * MINUTE);
    const session = await rig.sessions.issue(planAt(rig));
    isOut = true;
    await rig.clock.advance(55 * MINUTE);
    expect(rig.sessions.identity.expiresAt()).toBe(rig.clock.now() - 5 * MINUTE);
    expect(rig.sessions.cannotIssue()).toBeUndefined();
    expect(await rig.sessions.issue(planAt(rig))).toEqual(session);
    await rig.clock.advance(10 * MINUTE);
    expect(rig.sessions.cannotIssue()).toMatchObject({ code: "BROKER_IDENTITY_UNAVAILABLE" });
  });

  test("by the node's role is asked for by IMDSv2", async () => {
    const node = "arn:aws:sts::123456789012:assumed-role/node/i-0abc";
    const later: BrokerRig["sts"][] = [];
    const keys = () => {
      const [sts] = later;
      if (sts === undefined) throw new Error("asked before the start");
      return sts.issue(node, 6 * 3600);
    };
    const imds = await imdsStandIn({ role: "node", keys });
    onTestFinished(() => imds.close());
    const rig = await brokerRig({
      identity: "node",
      env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url },
    });
    later.push(rig.sts);
    rig.sessions.start();
    expect(await arnOf(rig)).toBe(node);
    await rig.sessions.issue(planAt(rig));
    expect(rig.sts.calls.at(-1)).toMatchObject({ action: "AssumeRole", caller: node });
    expect(rig.sessions.identity.expiresAt()).toBe(rig.clock.now() + 6 * HOUR);
  });

  test("by keys has no end that anybody knows of", async () => {
    const rig = await brokerRig();
    rig.sessions.start();
    expect(await arnOf(rig)).toBe(BROKER_USER);
    expect(rig.sessions.identity.expiresAt()).toBeUndefined();
    expect(JSON.stringify(rig.lines)).not.toContain(AMBIENT.secret);
  });

  test("makes sessions even if STS does not say whose it is", async () => {
    const rig = await brokerRig({
      fault: ({ action }) => (action === "GetCallerIdentity" ? { status: 500, body: "<html>" } : undefined),
    });
    rig.sessions.start();
    await until("the warning", () => (rig.lines.length > 0 ? true : undefined));
    expect(rig.lines).toMatchObject([{ code: "STS_ANSWER_INVALID", msg: "own identity not known" }]);
    await rig.sessions.issue(planAt(rig));
    expect(rig.sessions.identity.arn()).toBeUndefined();
  });
});

test.each([
  ["web-identity", {}, "AWS_ROLE_ARN"],
  ["web-identity", { AWS_ROLE_ARN: BROKER_ROLE }, "AWS_WEB_IDENTITY_TOKEN_FILE"],
  ["secret", { AWS_ROLE_ARN: BROKER_ROLE }, "AWS_ACCESS_KEY_ID"],
  ["secret", { AWS_ACCESS_KEY_ID: "AKIA" }, "AWS_SECRET_ACCESS_KEY"],
] as const)(
  "a broker of identity %s with %o does not start, and names the variable %s",
  async (identity, env, name) => {
    expect(await thrown(() => brokerRig({ identity, env }))).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(`${name} is not set`),
    });
  },
);
