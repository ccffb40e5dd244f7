import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import {
  accessDenied,
  stsStandIn,
  type StsCall,
  type StsRefusal,
  type StsStandIn,
  type StsStandInOptions,
} from "../../../injector/cli/demo/sts.ts";
import { imdsStandIn } from "../../../injector/cli/demo/imds.ts";
import type { ConfiguredIdentity, SidecarConfig } from "../../../sidecar/config/config.ts";
import type { Credentials } from "../../../sidecar/sts/credentials.ts";
import { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { oneLine, type CodedError } from "../../../sidecar/kit/errors.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import { identitySource, issuerOver } from "../../../sidecar/sts/sources.ts";
import { stsOver } from "../../../sidecar/sts/assume-role.ts";
import { stsFailure } from "../../../sidecar/sts/refusals.ts";
import { ROLE } from "../../support/credentials.ts";
import { freePort } from "../../support/free-port.ts";
import { setEnv } from "../../support/set-env.ts";
import { thrown } from "../../support/thrown.ts";

const WEB_TOKEN = "header.payload-that-nobody-may-see.signature";
const HUB = "arn:aws:iam::123456789012:role/path/hub";
const AMBIENT = { id: "AKIAAMBIENT", secret: "ambient-secret-key" };

type Config = Pick<SidecarConfig, "source" | "sessionName" | "webIdentityTokenFile" | "region"> &
  Pick<ConfiguredIdentity, "steps">;

const outcomes: string[] = [];
const notices: CodedError[] = [];
afterEach(() => {
  outcomes.splice(0);
  notices.splice(0);
});

async function standIn(options: StsStandInOptions = {}): Promise<StsStandIn> {
  const sts = await stsStandIn({
    tokens: {
      [WEB_TOKEN]: { subject: "system:serviceaccount:billing:reader", audience: "sts.amazonaws.com" },
    },
    keys: { [AMBIENT.id]: "arn:aws:iam::123456789012:user/podrole" },
    ...options,
  });
  onTestFinished(() => sts.close());
  return sts;
}

async function tokenFile(content: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "token");
  await writeFile(file, content);
  return file;
}

const issue = (endpoint: string, over: Partial<Config>): Promise<Credentials> => issuer(endpoint, over)();

/** What is asked again and again, as by the engine: one process. */
function issuer(endpoint: string, over: Partial<Config>): () => Promise<Credentials> {
  const config: Config = {
    source: "web-identity",
    steps: [{ roleArn: ROLE, durationSeconds: 3600 }],
    sessionName: "billing.api-0",
    webIdentityTokenFile: undefined,
    region: "eu-west-1",
    ...over,
  };
  const assumeRole = stsOver({
    region: config.region,
    endpoint,
    fips: false,
    dualStack: false,
    ca: undefined,
    now: Date.now,
    onCall: (code) => outcomes.push(code),
    onShortened: (notice) => notices.push(notice),
  });
  return issuerOver(config, identitySource(config), assumeRole);
}

async function failure(endpoint: string, over: Partial<Config>): Promise<IssueError> {
  const error = await thrown(() => issue(endpoint, over));
  expect(error).toBeInstanceOf(IssueError);
  if (!(error instanceof IssueError)) throw error;
  expect(oneLine(error)).not.toContain(WEB_TOKEN);
  expect(oneLine(error)).not.toContain(AMBIENT.secret);
  expect(error.cause).toBeUndefined();
  return error;
}

test("web-identity: one unsigned call, its session as granted", async () => {
  const sts = await standIn();
  const granted = await issue(sts.url, { webIdentityTokenFile: await tokenFile(`${WEB_TOKEN}\n`) });
  const [issued] = sts.issued;
  expect(granted).toMatchObject({
    accessKeyId: issued?.accessKeyId,
    expiresAt: issued?.expiresAt,
    roleArn: ROLE,
    accountId: "123456789012",
  });
  expect(granted.secretAccessKey.reveal()).toBe(issued?.secretAccessKey);
  expect(granted.sessionToken.reveal()).toBe(issued?.sessionToken);
  expect(sts.calls).toMatchObject([
    {
      action: "AssumeRoleWithWebIdentity",
      roleArn: ROLE,
      sessionName: "billing.api-0",
      durationSeconds: 3600,
    },
  ]);
  expect(outcomes).toEqual(["Success"]);
});

test("web-identity: reads the token afresh for every attempt", async () => {
  const sts = await standIn();
  const file = await tokenFile("header.of-yesterday.signature");
  expect(await failure(sts.url, { webIdentityTokenFile: file })).toMatchObject({
    code: "InvalidIdentityToken",
  });
  await writeFile(file, WEB_TOKEN);
  expect(await issue(sts.url, { webIdentityTokenFile: file })).toMatchObject({ roleArn: ROLE });
});

test("web-identity: follows the kubelet, which swaps a link to the folder of the day", async () => {
  const sts = await standIn();
  const volume = await mkdtemp(join(tmpdir(), "podrole-"));
  onTestFinished(() => rm(volume, { recursive: true }));
  // As the kubelet's atomic writer lays a projected volume out: token -> ..data/token, ..data -> ..<time>.
  const renew = async (folder: string, token: string): Promise<void> => {
    await mkdir(join(volume, folder));
    await writeFile(join(volume, folder, "token"), token);
    await symlink(folder, join(volume, "..data_tmp"));
    await rename(join(volume, "..data_tmp"), join(volume, "..data"));
  };
  const webIdentityTokenFile = join(volume, "token");
  await renew("..day_1", "header.of-yesterday.signature");
  await symlink("..data/token", webIdentityTokenFile);
  expect(await failure(sts.url, { webIdentityTokenFile })).toMatchObject({ code: "InvalidIdentityToken" });
  await renew("..day_2", WEB_TOKEN);
  await rm(join(volume, "..day_1"), { recursive: true });
  expect(await issue(sts.url, { webIdentityTokenFile })).toMatchObject({ roleArn: ROLE });
  await rm(join(volume, "..day_2"), { recursive: true });
  expect(await failure(sts.url, { webIdentityTokenFile })).toMatchObject({ code: "TOKEN_FILE_UNREADABLE" });
});

test.each([
  ["missing", async () => "/nowhere/token"],
  ["empty", () => tokenFile("\n")],
])("web-identity: a token file that is %s is a passing failure, and STS is not asked", async (_, file) => {
  const sts = await standIn();
  expect(await failure(sts.url, { webIdentityTokenFile: await file() })).toMatchObject({
    code: "TOKEN_FILE_UNREADABLE",
    kind: "passing",
  });
  expect(sts.calls).toEqual([]);
});

test("chains from the token over a hub to a role with external id, tags and policy", async () => {
  const sts = await standIn();
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
  const granted = await issue(sts.url, {
    webIdentityTokenFile: await tokenFile(WEB_TOKEN),
    steps: [{ roleArn: HUB, durationSeconds: 900, policyArns: ["arn:aws:iam::aws:policy/Hub"] }, last],
  });
  expect(granted.roleArn).toBe(ROLE);
  expect(sts.calls).toMatchObject([
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

test("ambient: calls with the keys of the environment", async () => {
  const sts = await standIn();
  setEnv({ AWS_ACCESS_KEY_ID: AMBIENT.id, AWS_SECRET_ACCESS_KEY: AMBIENT.secret });
  expect(await issue(sts.url, { source: "ambient" })).toMatchObject({ roleArn: ROLE });
  expect(sts.calls).toMatchObject([
    { action: "AssumeRole", caller: "arn:aws:iam::123456789012:user/podrole" },
  ]);
});

test("ambient: calls with the keys of the profile, and with those that replace them", async () => {
  const sts = await standIn();
  const profile = (id: string): string =>
    `[default]\naws_access_key_id = ${id}\naws_secret_access_key = ${AMBIENT.secret}\n`;
  const file = await tokenFile(profile("AKIAOLD"));
  setEnv({ AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: "/nowhere" });
  expect(await failure(sts.url, { source: "ambient" })).toMatchObject({
    code: "InvalidClientTokenId",
    kind: "definite",
    remedy: expect.stringContaining("Secret"),
  });
  await writeFile(file, profile(AMBIENT.id));
  expect(await issue(sts.url, { source: "ambient" })).toMatchObject({ roleArn: ROLE });
});

test("ambient: never falls through to the node's or a container's credentials", async () => {
  const sts = await standIn();
  const imds = await imdsStandIn({
    role: "node",
    keys: () => sts.issue("arn:aws:sts::1:assumed-role/node/i", 900),
  });
  onTestFinished(() => imds.close());
  setEnv({
    AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
    AWS_CONFIG_FILE: "/nowhere",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${imds.url}/latest`,
  });
  expect(await failure(sts.url, { source: "ambient" })).toMatchObject({
    code: "AMBIENT_KEYS_MISSING",
    message: expect.stringContaining("(CredentialsProviderError)") as string,
  });
  expect(imds.requests).toEqual([]);
});

test("node: asks the metadata service, version 2, for the node's keys and calls with them", async () => {
  const sts = await standIn();
  const node = "arn:aws:sts::123456789012:assumed-role/node/i-0abc";
  const imds = await imdsStandIn({ role: "node", keys: () => sts.issue(node, 6 * 3600) });
  onTestFinished(() => imds.close());
  setEnv({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url });
  const tags = { "kubernetes-namespace": "billing" };
  await issue(sts.url, { source: "node", steps: [{ roleArn: ROLE, durationSeconds: 3600, tags }] });
  expect(imds.requests).toEqual([
    "PUT /latest/api/token",
    "GET /latest/meta-data/iam/security-credentials/",
    "GET /latest/meta-data/iam/security-credentials/node",
  ]);
  expect(sts.calls).toMatchObject([{ action: "AssumeRole", caller: node, tags }]);
});

test("node: a metadata service that is out of reach is a passing failure", async () => {
  const sts = await standIn();
  setEnv({ AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
  expect(await failure(sts.url, { source: "node" })).toMatchObject({
    code: "NODE_IDENTITY_UNAVAILABLE",
    kind: "passing",
    message: expect.stringContaining("(InstanceMetadataV1FallbackError)") as string,
  });
});

test.each([
  [403, "AccessDenied", "definite", /trust policy/],
  [403, "IDPRejectedClaim", "definite", /audience/],
  [400, "InvalidIdentityToken", "definite", /Register the cluster's OIDC issuer/],
  [400, "ExpiredTokenException", "passing", /kubelet/],
  [400, "IDPCommunicationError", "passing", /OIDC issuer/],
  [400, "MalformedPolicyDocument", "definite", /session policy/],
  [400, "PackedPolicyTooLarge", "definite", /Shorten/],
  [400, "ValidationError", "definite", /session-duration/],
  [403, "RegionDisabledException", "definite", /eu-west-1/],
  [403, "InvalidClientTokenId", "definite", /Renew the keys/],
  [403, "ExpiredToken", "passing", /Renew the keys/],
  [403, "SignatureDoesNotMatch", "definite", /Renew the keys/],
  [400, "RequestExpired", "passing", /clock/],
  [403, "RequestTimeTooSkewed", "passing", /clock/],
  [403, "UnrecognizedClientException", "definite", /Renew the keys/],
  [400, "RequestLimitExceeded", "throttled", /^$/],
  [429, "TooManyRequestsException", "throttled", /^$/],
  [429, "Whatever", "throttled", /^$/],
  [400, "RequestTimeout", "passing", /^$/],
  [502, "BadGateway", "passing", /^$/],
  [504, "GatewayTimeout", "passing", /^$/],
  [400, "Throttling", "throttled", /^$/],
  [400, "ThrottlingException", "throttled", /^$/],
  [503, "RequestLimitExceeded", "throttled", /^$/],
  [500, "InternalFailure", "passing", /^$/],
  [503, "ServiceUnavailable", "passing", /^$/],
  [418, "SomethingNew", "definite", /^$/],
] as const)("a %i %s keeps its code and is %s", async (status, code, kind, remedy) => {
  const sts = await standIn({ refuse: () => ({ status, code, message: "Because." }) });
  const error = await failure(sts.url, { webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(error).toMatchObject({
    code,
    kind,
    message: `STS refused AssumeRoleWithWebIdentity for ${ROLE}: Because.`,
  });
  expect(error.remedy ?? "").toMatch(remedy);
  expect(outcomes).toEqual([code]);
});

const NOT_AUTHORIZED = "User: arn:aws:sts::123456789012:assumed-role/hub/x is not authorized to perform:";

test.each([
  [
    "the trust policy does not trust the pod, or there is no such role: STS does not tell which",
    [403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"],
    ["definite", /^Check that the role exists and that its trust policy allows/],
  ],
  [
    "the trust policy lets nobody tag the session",
    [403, "AccessDenied", `${NOT_AUTHORIZED} sts:TagSession on resource: ${ROLE}`],
    ["definite", /^Allow sts:TagSession .*sessionTags to false/],
  ],
  [
    "the token's audience is not registered",
    [400, "InvalidIdentityToken", "Incorrect token audience"],
    ["definite", /^Add the audience sts\.amazonaws\.com to the identity provider/],
  ],
  [
    "the issuer is not registered",
    [
      400,
      "InvalidIdentityToken",
      "No OpenIDConnect provider found in your account for https://oidc.example/id/ABC",
    ],
    ["definite", /^Register the cluster's OIDC issuer .* to the letter\.$/],
  ],
  [
    "the issuer's keys could not be fetched",
    [400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"],
    ["passing", /keys to the internet; it is tried again/],
  ],
  [
    "the region is off",
    [403, "RegionDisabledException", "STS is not activated in this region for account:123456789012."],
    ["definite", /^Activate STS in eu-west-1/],
  ],
  [
    "this node's clock is behind",
    [
      403,
      "SignatureDoesNotMatch",
      "Signature expired: 20261121T120000Z is now earlier than 20261121T121500Z",
    ],
    ["passing", /^Set the node's clock/],
  ],
  [
    "this node's clock is ahead",
    [403, "SignatureDoesNotMatch", "Signature not yet current: 20261121T130000Z is still later than x"],
    ["passing", /^Set the node's clock/],
  ],
  [
    "the token has expired",
    [
      400,
      "ExpiredTokenException",
      "Token expired: current date/time must be before the expiration date/time",
    ],
    ["passing", /kubelet still renews/],
  ],
  [
    "policy and tags are too large together",
    [400, "PackedPolicyTooLarge", "Packed size of session tags consumes 120% of allotted space."],
    ["definite", /^Shorten the session policy or the session tags/],
  ],
] as const)("%s", async (_, [status, code, message], [kind, remedy]) => {
  const sts = await standIn({ refuse: () => ({ status, code, message }) });
  const error = await failure(sts.url, { webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(error).toMatchObject({ code, kind, remedy: expect.stringMatching(remedy) });
  expect(error.message).toContain(message);
});

describe("on a node whose clock is", () => {
  /** How to ask an STS whose clock is that much ahead of this node's. */
  async function ahead(offsetMs: number) {
    const sts = await standIn({ now: () => Date.now() + offsetMs });
    const where = { region: "eu-west-1", endpoint: sts.url, fips: false, dualStack: false, ca: undefined };
    const assumeRole = stsOver({ ...where, now: Date.now });
    const keys = { accessKeyId: AMBIENT.id, secretAccessKey: new Secret(AMBIENT.secret) };
    const step = { roleArn: ROLE, durationSeconds: 3600 };
    return { sts, ask: () => assumeRole({ caller: { kind: "keys", keys }, step, sessionName: "a.b" }) };
  }

  test.each([
    ["a day behind", 86_400_000],
    ["a day ahead", -86_400_000],
    ["ten minutes behind", 600_000],
    ["ten minutes ahead", -600_000],
  ])("%s the first signed call is refused, and the next is signed by STS's", async (_, offsetMs) => {
    const { ask } = await ahead(offsetMs);
    expect(await thrown(ask)).toMatchObject({ code: "SignatureDoesNotMatch", kind: "passing" });
    expect(await ask()).toMatchObject({ roleArn: ROLE });
    expect(await ask()).toMatchObject({ roleArn: ROLE });
  });

  test("behind, credentials end by it when they end at STS, and not later", async () => {
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

test("an external id that STS quotes back is not repeated", async () => {
  const sts = await standIn({
    refuse: ({ externalId }) => ({
      status: 400,
      code: "ValidationError",
      message: `Value '${externalId ?? ""}' at 'externalId' failed to satisfy a constraint`,
    }),
  });
  setEnv({ AWS_ACCESS_KEY_ID: AMBIENT.id, AWS_SECRET_ACCESS_KEY: AMBIENT.secret });
  const steps = [{ roleArn: ROLE, durationSeconds: 3600, externalId: "a-shared-secret" }];
  const error = await failure(sts.url, { source: "ambient", steps });
  expect(error.message).toContain("Value '[secret]' at 'externalId'");
});

test("what keeps the SDK from asking is told by its kind, and never by its text", () => {
  const call = {
    roleArn: ROLE,
    byWebIdentity: true,
    region: "eu-west-1",
    endpoint: undefined,
    special: false,
  };
  const told = (error: unknown): string =>
    stsFailure(error, { ...call, timeoutMs: 1, confidential: [] }).message;
  expect(told(new TypeError("the text"))).toContain("cannot be reached (TypeError) for");
  expect(told("the text")).toContain("cannot be reached (unknown error) for");
});

test("asks once: the engine is who tries again", async () => {
  const sts = await standIn({ refuse: () => ({ status: 503, code: "ServiceUnavailable", message: "x" }) });
  await failure(sts.url, { webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(sts.calls).toHaveLength(1);
});

test("a refused AssumeRole names the role's trust policy and the caller's own permission", async () => {
  const sts = await standIn({ refuse: accessDenied });
  setEnv({ AWS_ACCESS_KEY_ID: AMBIENT.id, AWS_SECRET_ACCESS_KEY: AMBIENT.secret });
  const error = await failure(sts.url, { source: "ambient" });
  expect(error.message).toContain("user/podrole is not authorized to perform: sts:AssumeRole");
  expect(error.remedy).toContain("sts:TagSession");
});

test("what was sent in confidence is taken out of STS's own text", async () => {
  const sts = await standIn({
    refuse: () => ({ status: 403, code: "AccessDenied", message: `No, ${WEB_TOKEN}\nis no good` }),
  });
  const error = await failure(sts.url, { webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(error.message).toContain("No, [secret] is no good.");
});

test("an answer that is no STS's is not quoted", async () => {
  const body = `<html>502 ${WEB_TOKEN}`;
  const sts = await standIn({ fault: () => ({ status: 502, body }) });
  const error = await failure(sts.url, { webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(error).toMatchObject({ code: "STS_ANSWER_INVALID", kind: "passing" });
  expect(error.message).toContain("HTTP 502");
});

test.each(["", "<AssumeRoleWithWebIdentityResponse/>", "no XML <"])(
  "an answer of %j is a passing failure",
  async (body) => {
    const sts = await standIn({ fault: () => ({ body }) });
    expect(await failure(sts.url, { webIdentityTokenFile: await tokenFile(WEB_TOKEN) })).toMatchObject({
      code: "STS_ANSWER_INVALID",
      kind: "passing",
    });
  },
);

test("a refused connection and a dropped one are STS_UNREACHABLE, with the remedy", async () => {
  const webIdentityTokenFile = await tokenFile(WEB_TOKEN);
  const closed = await failure(`http://127.0.0.1:${await freePort()}`, { webIdentityTokenFile });
  expect(closed).toMatchObject({ code: "STS_UNREACHABLE", kind: "passing" });
  expect(closed.message).toContain("ECONNREFUSED");
  const sts = await standIn({ fault: () => ({ drop: true }) });
  expect(await failure(sts.url, { webIdentityTokenFile })).toMatchObject({ code: "STS_UNREACHABLE" });
});

const TOO_LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
const validationError = (message: string): StsRefusal => ({ status: 400, code: "ValidationError", message });
const durations = (sts: StsStandIn): readonly number[] => sts.calls.map((call) => call.durationSeconds);
const hoursOf = (hours: number): Config["steps"] => [{ roleArn: ROLE, durationSeconds: hours * 3600 }];
const hourAtMost = ({ durationSeconds }: StsCall): StsRefusal | undefined =>
  durationSeconds > 3600 ? validationError(TOO_LONG) : undefined;

test("a session longer than the role allows is asked for once, then one hour, which is remembered and said once", async () => {
  const sts = await standIn({ refuse: hourAtMost });
  const ask = issuer(sts.url, { steps: hoursOf(4), webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  for (let renewal = 0; renewal < 3; renewal += 1) {
    const { expiresAt, issuedAt } = await ask();
    expect((expiresAt - issuedAt) / 1000).toBeGreaterThan(3590);
  }
  expect(durations(sts)).toEqual([14_400, 3600, 3600, 3600]);
  expect(notices).toMatchObject([
    {
      code: "SESSION_SHORTENED_BY_STS",
      message: expect.stringContaining(ROLE),
      remedy: expect.stringMatching(
        /aws iam update-role --role-name \S+ --max-session-duration 14400.*podrole\.dev\/session-duration to 1h/,
      ),
    },
  ]);
});

test("a chained session that is too long is shortened alone, and no role's MaxSessionDuration is blamed", async () => {
  const sts = await standIn();
  const steps = [
    { roleArn: HUB, durationSeconds: 7200 },
    { roleArn: ROLE, durationSeconds: 7200 },
  ];
  const ask = issuer(sts.url, { steps, webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(await ask()).toMatchObject({ roleArn: ROLE });
  await ask();
  expect(durations(sts)).toEqual([7200, 7200, 3600, 7200, 3600]);
  expect(notices).toHaveLength(1);
  expect(notices[0]?.remedy).not.toContain("update-role");
});

test("a role that refuses the hour too is a failure, and no third call is made", async () => {
  const sts = await standIn({ refuse: () => validationError(TOO_LONG) });
  const ask = issuer(sts.url, { steps: hoursOf(2), webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(await thrown(ask)).toMatchObject({ code: "ValidationError", kind: "definite" });
  expect(await thrown(ask)).toMatchObject({ code: "ValidationError", kind: "definite" });
  expect(durations(sts)).toEqual([7200, 3600, 3600]);
  expect(notices).toHaveLength(1);
});

test("the hour's own failure is the one that is reported", async () => {
  const sts = await standIn({ refuse: (call) => hourAtMost(call) ?? accessDenied(call) });
  const ask = issuer(sts.url, { steps: hoursOf(2), webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(await thrown(ask)).toMatchObject({ code: "AccessDenied" });
  expect(outcomes).toEqual(["ValidationError", "AccessDenied"]);
});

test.each([
  ["an hour was asked for", 1, validationError(TOO_LONG)],
  [
    "another parameter is wrong",
    2,
    validationError("Value at 'roleSessionName' failed to satisfy constraint"),
  ],
  ["the code is another", 2, { status: 403, code: "AccessDenied", message: TOO_LONG }],
] as const)("nothing shorter is asked for where %s", async (_, hours, refusal) => {
  const sts = await standIn({ refuse: () => refusal });
  const webIdentityTokenFile = await tokenFile(WEB_TOKEN);
  expect(await failure(sts.url, { steps: hoursOf(hours), webIdentityTokenFile })).toMatchObject({
    code: refusal.code,
  });
  expect(durations(sts)).toEqual([hours * 3600]);
  expect(notices).toEqual([]);
});

test("a new process asks for the whole session again", async () => {
  const sts = await standIn({ refuse: hourAtMost });
  const webIdentityTokenFile = await tokenFile(WEB_TOKEN);
  for (let start = 0; start < 2; start += 1)
    await issue(sts.url, { steps: hoursOf(2), webIdentityTokenFile });
  expect(durations(sts)).toEqual([7200, 3600, 7200, 3600]);
});

/** An answer of STS with good credentials of the session that `arn` names. */
const answerFor = (arn: string | undefined): string =>
  `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>
  <Credentials><AccessKeyId>ASIAOTHER</AccessKeyId><SecretAccessKey>not-ours</SecretAccessKey>
  <SessionToken>not-ours-either</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
  ${arn === undefined ? "" : `<AssumedRoleUser><Arn>${arn}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>`}
  </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;

const answered = async (roleArn: string, arn: string | undefined): Promise<Credentials> => {
  const sts = await standIn({ fault: () => ({ body: answerFor(arn) }) });
  const webIdentityTokenFile = await tokenFile(WEB_TOKEN);
  return issue(sts.url, { steps: [{ roleArn, durationSeconds: 3600 }], webIdentityTokenFile });
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
  ["no one's", undefined],
])("an answer that is %s is refused, and its credentials are not used", async (_, arn) => {
  const error = await thrown(() => answered(READER, arn));
  expect(error).toBeInstanceOf(IssueError);
  expect(error).toMatchObject({
    code: "STS_ANSWER_WRONG_ROLE",
    kind: "passing",
    message: expect.stringContaining(READER),
    remedy: expect.stringContaining("proxy"),
  });
  expect(String(error)).not.toContain("not-ours");
  expect(outcomes).toEqual(["STS_ANSWER_WRONG_ROLE"]);
});

test("what an answer says in place of an ARN is not repeated", async () => {
  const error = await thrown(() => answered(READER, "http://user:password@proxy/ arn:aws:sts::1:x"));
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
])("an answer for the role %s is its", async (_, roleArn, arn) => {
  expect(await answered(roleArn, arn)).toMatchObject({ roleArn, accessKeyId: "ASIAOTHER" });
});

test("a hub's answer is held against the hub before its credentials sign anything", async () => {
  const hubAsAdmin = answerFor("arn:aws:sts::123456789012:assumed-role/admin/billing.api-0");
  const sts = await standIn({
    fault: ({ roleArn }) => (roleArn === HUB ? { body: hubAsAdmin } : undefined),
  });
  const steps = [
    { roleArn: HUB, durationSeconds: 900 },
    { roleArn: ROLE, durationSeconds: 3600 },
  ];
  const error = await failure(sts.url, { steps, webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(error).toMatchObject({ code: "STS_ANSWER_WRONG_ROLE" });
  expect(sts.calls).toHaveLength(1);
});

test("the stand-in answers in the role's own partition", async () => {
  const sts = await standIn();
  const steps = [{ roleArn: "arn:aws-cn:iam::123456789012:role/path/reader", durationSeconds: 3600 }];
  await issue(sts.url, { steps, webIdentityTokenFile: await tokenFile(WEB_TOKEN) });
  expect(sts.issued[0]?.arn).toBe("arn:aws-cn:sts::123456789012:assumed-role/reader/billing.api-0");
});
