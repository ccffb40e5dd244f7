import { beforeAll, expect, test } from "vitest";
import { stsCalls, type StsPlace } from "../../../injector/broker/sts-calls.ts";
import { certificateAuthority, validFor, type KeyPair } from "../../../injector/tls/certificates.ts";
import { Secret } from "../../../sidecar/kit/secret.ts";
import type { IssueError } from "../../../sidecar/sts/issue-error.ts";
import { BROKER_USER } from "../../support/broker-rig.ts";
import { connectProxy } from "../../support/connect-proxy.ts";
import { ROLE } from "../../support/credentials.ts";
import { handClock } from "../../support/hand-clock.ts";
import { AMBIENT, stsRig } from "../../support/sts-rig.ts";
import { thrown } from "../../support/thrown.ts";
import { tlsFront } from "../../support/tls-front.ts";

const KEYS = { accessKeyId: AMBIENT.id, secretAccessKey: new Secret(AMBIENT.secret) };
const REQUEST = {
  caller: { kind: "keys", keys: KEYS },
  step: { roleArn: ROLE, durationSeconds: 3600 },
  sessionName: "billing.api-0",
} as const;

let company: KeyPair;
beforeAll(async () => {
  company = await certificateAuthority("company", validFor(1, Date.now()));
});

/** @param stsAheadMs by how much STS's clock is ahead of the broker's */
async function rig({
  stsAheadMs = 0,
  proxyCredentials,
}: { stsAheadMs?: number; proxyCredentials?: string } = {}) {
  const clock = handClock();
  const { sts } = await stsRig({
    keys: { [AMBIENT.id]: BROKER_USER },
    now: () => clock.now() + stsAheadMs,
  });
  const outcomes: string[] = [];
  const calls = stsCalls({
    clock,
    proxyCredentials: proxyCredentials === undefined ? undefined : new Secret(proxyCredentials),
    onCall: (code) => outcomes.push(code),
  });
  const place = { region: "eu-west-1", endpoint: sts.url, proxy: undefined, ca: undefined };
  const assume = async (where: Partial<StsPlace> = {}) => (await calls.at({ ...place, ...where }))(REQUEST);
  return { sts, calls, place, outcomes, assume };
}

test("the broker trusts the CA of the settings for STS, and from a change on the new one", async () => {
  const { sts, assume } = await rig();
  const endpoint = await tlsFront(sts.url, company, ["127.0.0.1"]);
  const other = await certificateAuthority("other", validFor(1, Date.now()));
  await assume({ endpoint, ca: company.cert });
  await assume({ endpoint, ca: company.cert });
  expect(await thrown(() => assume({ endpoint, ca: other.cert }))).toMatchObject({ code: "STS_UNREACHABLE" });
  await assume({ endpoint, ca: company.cert });
  expect(sts.calls).toHaveLength(3);
});

test("the broker calls STS through the proxy of the settings, with its own credentials for it", async () => {
  const { sts, assume } = await rig({ proxyCredentials: "broker:secret" });
  const front = await tlsFront(sts.url, company, ["sts.eu-west-1.amazonaws.com"]);
  const proxy = await connectProxy({
    authority: company,
    credentials: "broker:secret",
    instead: new URL(front).host,
  });
  await assume({
    endpoint: "https://sts.eu-west-1.amazonaws.com",
    proxy: proxy.origin,
    ca: company.cert,
  });
  expect(proxy.asked).toMatchObject([{ to: "sts.eu-west-1.amazonaws.com:443" }]);
  expect(sts.calls).toHaveLength(1);
});

test("the broker signs by STS's time from the first answer on, whichever call that was of", async () => {
  const { calls, place, assume, outcomes } = await rig({ stsAheadMs: 86_400_000 });
  await thrown(() => calls.arnOf(KEYS, place));
  expect(await assume()).toMatchObject({ roleArn: ROLE });
  expect(outcomes).toEqual(["SignatureDoesNotMatch", "Success"]);
});

test("GetCallerIdentity gives the ARN of the owner of keys", async () => {
  const { calls, place, sts } = await rig();
  expect(await calls.arnOf(KEYS, place)).toBe(BROKER_USER);
  expect(sts.calls).toMatchObject([{ action: "GetCallerIdentity", userAgent: "podrole-broker" }]);
});

test("a refusal of GetCallerIdentity has STS's code, and no secret", async () => {
  const { calls, place } = await rig();
  const unknown = { ...KEYS, accessKeyId: "AKIAUNKNOWN" };
  const error = (await thrown(() => calls.arnOf(unknown, place))) as IssueError;
  expect(error).toMatchObject({ code: "InvalidClientTokenId", kind: "definite" });
  expect(error.message).toContain("GetCallerIdentity for the broker's own keys");
  expect(JSON.stringify(error) + String(error)).not.toContain(AMBIENT.secret);
});
