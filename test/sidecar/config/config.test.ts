import { describe, expect, test } from "vitest";
import { parseConfig } from "../../../sidecar/config/config.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import {
  CREDENTIALS_PORT,
  HEALTH_PORT,
  IDENTITY_AUDIENCE_PREFIX,
  IDENTITY_TOKEN,
} from "../../../sidecar/contract/pod.ts";
import type { Env } from "../../../sidecar/kit/env.ts";
import { ROLE } from "../../support/credentials.ts";
import { brokerEnv, podIdentity, sidecarEnv } from "../../support/sidecar-env.ts";
import { thrown } from "../../support/thrown.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n";

const problems = async (over: Env): Promise<string> => {
  const error = await thrown(() => parseConfig({ ...sidecarEnv(), ...over }));
  expect(error.code).toBe("CONFIG_INVALID");
  return error.message;
};

/** Identities that are fine but for what is said of each. */
const one = (...over: readonly object[]): string =>
  JSON.stringify(
    over.map((each) => ({ name: "pod", tokenSha256: "ab".repeat(32), steps: [{ roleArn: ROLE }], ...each })),
  );
const steps = (...list: readonly unknown[]): Env => podIdentity(list);

test("the sidecar reads what the injector writes", () => {
  expect(parseConfig(sidecarEnv())).toEqual({
    source: "web-identity",
    identities: [
      {
        name: "pod",
        tokenSha256: Buffer.alloc(32, 0xab),
        steps: [{ roleArn: ROLE, durationSeconds: 3600 }],
      },
    ],
    sourceSettings: { tokenFile: "/run/podrole/sts/token" },
    sts: {
      region: "eu-west-1",
      endpoint: "https://sts.eu-west-1.amazonaws.com",
      ca: undefined,
      sessionName: "billing.api-0",
    },
    start: "wait",
    startTimeoutSeconds: 30,
    port: CREDENTIALS_PORT,
    healthPort: HEALTH_PORT,
    blockedAddresses: [],
    logLevel: "info",
  });
});

test("the sidecar reads the file of each identity, beside the hash or in its place", () => {
  const tokenFile = (index: number) => `${IDENTITY_TOKEN.sidecarMountPath(index)}/${IDENTITY_TOKEN.file}`;
  const both = { tokenFile: tokenFile(0) };
  const file = { name: "container/app", tokenFile: tokenFile(1), tokenSha256: undefined };
  const { identities } = parseConfig({ ...sidecarEnv(), [ENV.identities]: one(both, file) });
  expect(identities).toEqual([
    expect.objectContaining({ name: "pod", tokenFile: tokenFile(0), tokenSha256: Buffer.alloc(32, 0xab) }),
    { name: "container/app", tokenFile: tokenFile(1), steps: [{ roleArn: ROLE, durationSeconds: 3600 }] },
  ]);
});

test("no two identities of a pod have the volume, the file or the audience of a token in common", () => {
  expect(IDENTITY_TOKEN.audience("container/app")).toBe(`${IDENTITY_AUDIENCE_PREFIX}container/app`);
  for (const of of [IDENTITY_TOKEN.volume, IDENTITY_TOKEN.sidecarMountPath]) expect(of(0)).not.toBe(of(1));
});

test("the sidecar's configuration cannot be changed afterwards", () => {
  expect(Object.isFrozen(parseConfig(sidecarEnv()))).toBe(true);
});

test("the sidecar reports every problem of its configuration at once", async () => {
  const message = await problems({
    [ENV.source]: "web-identity",
    [ENV.identities]: "[]",
    [ENV.webIdentityTokenFile]: "",
    [ENV.port]: "0",
    [ENV.blockedAddresses]: "169.254.169.254,metadata",
    [ENV.podUid]: undefined,
  });
  for (const name of [ENV.identities, ENV.port, ENV.blockedAddresses, ENV.podUid]) {
    expect(message).toContain(name);
  }
});

test("the sidecar repeats no value in a problem, since it may be a secret", async () => {
  const message = await problems({
    ...podIdentity([{ roleArn: "hunter2", externalId: "hunter2 hunter2", policy: 7 }], "hunter2"),
    [ENV.stsEndpoint]: "https://user:hunter2@sts.example",
  });
  expect(message).not.toContain("hunter2");
});

test.each([
  ["no JSON", "{", "is not JSON"],
  ["no array", "{}", "[0].steps must be an array of steps"],
  ["a step that is no object", "[1]", "[0].steps[0] must be an object"],
  [
    "a key that this version does not know",
    `[{"roleArn":"${ROLE}","sourceIdentity":"x"}]`,
    "[0].sourceIdentity is not known",
  ],
  ["a key of the prototype", `[{"roleArn":"${ROLE}","__proto__":"x"}]`, "[0].__proto__ is not known"],
  ["no role", "[{}]", "[0].roleArn must be"],
  ["a user's ARN", '[{"roleArn":"arn:aws:iam::123456789012:user/x"}]', "[0].roleArn must be"],
  ["14 minutes", `[{"roleArn":"${ROLE}","durationSeconds":840}]`, "[0].durationSeconds must be"],
  ["half a second", `[{"roleArn":"${ROLE}","durationSeconds":900.5}]`, "[0].durationSeconds must be"],
  [
    "a policy ARN that is malformed",
    `[{"roleArn":"${ROLE}","policyArns":["x"]}]`,
    "[0].policyArns must be 1 to 10",
  ],
  ["no policy ARN", `[{"roleArn":"${ROLE}","policyArns":[]}]`, "[0].policyArns must be 1 to 10"],
  [
    "eleven policy ARNs",
    `[{"roleArn":"${ROLE}","policyArns":${JSON.stringify(Array.from({ length: 11 }, (_, n) => `arn:aws:iam::aws:policy/p${n}`))}}]`,
    "[0].policyArns must be 1 to 10",
  ],
  [
    "a policy ARN twice",
    `[{"roleArn":"${ROLE}","policyArns":["arn:aws:iam::aws:policy/a","arn:aws:iam::aws:policy/a"]}]`,
    "[0].policyArns names a policy twice",
  ],
  [
    "a transitive key without its tag",
    `[{"roleArn":"${ROLE}"},{"roleArn":"${ROLE}","tags":{"a":"1"},"transitiveTagKeys":["toString"]}]`,
    "[1].transitiveTagKeys must be keys of tags",
  ],
  [
    "transitive keys and no tags",
    `[{"roleArn":"${ROLE}"},{"roleArn":"${ROLE}","transitiveTagKeys":["a"]}]`,
    "[1].transitiveTagKeys must be keys of tags",
  ],
  [
    "a transitive key twice",
    `[{"roleArn":"${ROLE}"},{"roleArn":"${ROLE}","tags":{"a":"1"},"transitiveTagKeys":["a","a"]}]`,
    "[1].transitiveTagKeys names a key twice",
  ],
  ["an empty policy", `[{"roleArn":"${ROLE}","policy":""}]`, "[0].policy must be"],
  [
    "a tag that is a number",
    `[{"roleArn":"${ROLE}"},{"roleArn":"${ROLE}","tags":{"a":1}}]`,
    "[1].tags must be",
  ],
])("the sidecar refuses steps with %s", async (_, raw, problem) => {
  const identities = `[{"name":"pod","tokenSha256":"${"ab".repeat(32)}","steps":${raw}}]`;
  expect(await problems({ [ENV.identities]: identities })).toContain(problem);
});

test.each([
  ["no JSON", "{", "is not JSON"],
  ["no array", "{}", "a JSON array of 1 to 10 identities"],
  ["none", "[]", "a JSON array of 1 to 10 identities"],
  ["too many", JSON.stringify(Array.from({ length: 11 }, () => ({}))), "a JSON array of 1 to 10 identities"],
  ["one that is none", "[1]", "[0] must be an object"],
  ["another name", one({ name: "app" }), "[0].name must be pod or container/NAME"],
  ["a name of a path", one({ name: "container/../x" }), "[0].name must be"],
  ["a hash that is none", one({ tokenSha256: "abc" }), "[0].tokenSha256 must be a SHA-256"],
  ["no token", one({ tokenSha256: undefined }), "[0] needs tokenFile or tokenSha256"],
  ["a file that is no path", one({ tokenFile: 7 }), "[0].tokenFile must be an absolute path"],
  ["a relative file", one({ tokenFile: "token" }), "[0].tokenFile must be an absolute path"],
  ["a file spelled otherwise", one({ tokenFile: "/a//token" }), "[0].tokenFile must be an absolute path"],
  ["a file above a folder", one({ tokenFile: "/a/../token" }), "[0].tokenFile must be an absolute path"],
  ["a folder for a file", one({ tokenFile: "/a/" }), "[0].tokenFile must be an absolute path"],
  ["a file with a NUL", one({ tokenFile: "/a\0b" }), "[0].tokenFile must be an absolute path"],
  [
    "one file twice",
    one({ tokenFile: "/a" }, { tokenFile: "/a", name: "container/app", tokenSha256: undefined }),
    "two identities have the same tokenFile",
  ],
  ["a key that is not known", one({ token: "x" }), "[0].token is not known"],
  ["one name twice", one({}, { tokenSha256: "cd".repeat(32) }), "two identities have the same name"],
  ["one token twice", one({}, { name: "container/app" }), "two identities have the same tokenSha256"],
])("the sidecar refuses identities with %s", async (_, raw, problem) => {
  expect(await problems({ [ENV.identities]: raw })).toContain(problem);
});

test.each([{ externalId: "xyz" }, { tags: { a: "b" } }, { transitiveTagKeys: ["a"] }])(
  "the sidecar refuses %j in a step for AssumeRoleWithWebIdentity, which has no such parameter",
  async (extra) => {
    expect(await problems(steps({ roleArn: ROLE, ...extra }))).toContain(
      "AssumeRoleWithWebIdentity takes none",
    );
  },
);

test.each(["node", "ambient"])(
  "the sidecar takes an external id and tags in the first step of source %s",
  (source) => {
    const env = { ...sidecarEnv(), [ENV.source]: source, ...steps({ roleArn: ROLE, externalId: "xyz" }) };
    expect(parseConfig(env).identities[0]?.steps).toEqual([
      { roleArn: ROLE, externalId: "xyz", durationSeconds: 3600 },
    ]);
  },
);

test("the sidecar fills in the placeholders of tags, and asks for STS's shortest session at a hub", () => {
  const hub = { roleArn: "arn:aws:iam::123456789012:role/hub" };
  const last = { roleArn: ROLE, tags: { "kubernetes-pod-name": "{pod}" } };
  expect(parseConfig({ ...sidecarEnv(), ...steps(hub, last) }).identities[0]?.steps).toEqual([
    { ...hub, durationSeconds: 900 },
    { roleArn: ROLE, tags: { "kubernetes-pod-name": "api-0" }, durationSeconds: 3600 },
  ]);
});

test.each([ENV.region, ENV.stsEndpoint])("the sidecar needs %s, which the injector writes", async (name) => {
  expect(await problems({ [name]: undefined })).toContain(name);
  expect(await problems({ [name]: "" })).toContain(name);
});

test.each(["eu-west-1.evil.example/", "EU-WEST-1", "eu", "x@y", "aws-global", "aws-cn-global"])(
  "the sidecar refuses the region %j",
  async (region) => {
    expect(await problems({ [ENV.region]: region })).toContain(ENV.region);
  },
);

test.each([
  "ftp://x",
  "sts.example",
  "https://u@sts.example",
  "https://sts.example/",
  "https://sts.example/path",
  "https://sts.example?a",
  "https://STS.example",
  "https://sts.example:443",
])("the sidecar refuses the endpoint %j", async (endpoint) => {
  expect(await problems({ [ENV.stsEndpoint]: endpoint })).toContain(ENV.stsEndpoint);
});

test.each(["x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", `${CERTIFICATE}x`])(
  "the sidecar refuses to trust %j",
  async (ca) => {
    expect(await problems({ [ENV.stsCa]: ca })).toContain(`${ENV.stsCa} must be PEM certificates`);
  },
);

test("the sidecar takes one certificate or several", () => {
  const two = `${CERTIFICATE}\n${CERTIFICATE}`;
  expect(parseConfig({ ...sidecarEnv(), [ENV.stsCa]: two }).sts?.ca).toBe(two);
});

test("the sidecar reads proxy, user and password, without the line's end of a file", () => {
  const { sts } = parseConfig({
    ...sidecarEnv(),
    [ENV.stsProxy]: "https://proxy.example",
    [ENV.stsProxyUsername]: "svc\n",
    [ENV.stsProxyPassword]: "p:w \r\n",
  });
  const proxy = sts?.proxy;
  expect(proxy?.origin).toBe("https://proxy.example");
  expect(proxy?.credentials?.reveal()).toBe("svc:p:w ");
  expect(JSON.stringify(proxy)).not.toContain("p:w");
});

test("the sidecar has no proxy without a URL, and refuses one that is wrong instead of going without it", async () => {
  expect(parseConfig({ ...sidecarEnv(), [ENV.stsProxyUsername]: "svc" }).sts?.proxy).toBeUndefined();
  expect(await problems({ [ENV.stsProxy]: "http://svc:hunter2@proxy" })).toMatch(/^PODROLE_STS_PROXY must/);
  expect(await problems({ [ENV.stsProxy]: "proxy:3128" })).not.toContain("proxy:3128");
  expect(await problems({ [ENV.stsProxyUsername]: "svc:hunter2" })).toBe(
    "PODROLE_STS_PROXY_USERNAME must not contain a colon.",
  );
});

test("the sidecar refuses one port for both servers", async () => {
  expect(await problems({ [ENV.port]: "7000", [ENV.healthPort]: "7000" })).toContain(ENV.healthPort);
  expect(await problems({ [ENV.healthPort]: String(CREDENTIALS_PORT) })).toContain(ENV.healthPort);
});

test("the sidecar knows the mode of the guard, which is block unless it is told, and none without a guard", () => {
  const guard = (env: Env) => parseConfig({ ...sidecarEnv(), [ENV.blockedAddresses]: "", ...env }).guard;
  expect(guard({})).toBe("block");
  expect(guard({ [ENV.guard]: "" })).toBe("block");
  expect(guard({ [ENV.guard]: "verify" })).toBe("verify");
  expect(guard({ [ENV.blockedAddresses]: "none" })).toBeUndefined();
  expect(() => guard({ [ENV.guard]: "Verify" })).toThrow(`${ENV.guard} must be one of block, verify`);
});

test.each([{ [ENV.blockedAddresses]: "none" }, { [ENV.imds]: "emulate" }, { [ENV.source]: "node" }])(
  "the sidecar refuses guard mode verify together with %o, which has no such proof",
  (given) => {
    const env = { ...sidecarEnv(), [ENV.blockedAddresses]: "", [ENV.guard]: "verify", ...given };
    const [pair] = Object.entries(given).map(([name, value]) => `${name}=${value}`);
    expect(() => parseConfig(env)).toThrow(`${ENV.guard}=verify cannot be together with ${pair}.`);
    expect(() => parseConfig({ ...env, [ENV.guard]: "block" })).not.toThrow();
  },
);

describe("in source broker, the sidecar", () => {
  const url = "https://podrole-broker.podrole-system.svc";
  const broker = brokerEnv({ url, ca: CERTIFICATE });

  test("needs the broker's address and its CA, and no variable about STS", async () => {
    expect(parseConfig(broker)).toMatchObject({
      source: "broker",
      sourceSettings: { url, ca: CERTIFICATE, tokenFile: "/run/podrole/sts/token" },
      sts: undefined,
      identities: [{ name: "pod", steps: [{ roleArn: ROLE }] }],
    });
    expect(
      await thrown(() => parseConfig({ ...broker, [ENV.brokerUrl]: "", [ENV.brokerCa]: "" })),
    ).toMatchObject({
      message: `${ENV.brokerUrl} is not set; ${ENV.brokerCa} is not set.`,
    });
  });

  test("reads nothing about STS, whatever is there", () => {
    const about = {
      [ENV.region]: "x",
      [ENV.stsEndpoint]: "x",
      [ENV.stsCa]: "x",
      [ENV.stsProxy]: "x",
      [ENV.sessionName]: "{pod}",
    };
    expect(parseConfig({ ...broker, ...about }).sts).toBeUndefined();
  });

  test.each([
    "http://podrole-broker.podrole-system.svc",
    `${url}/`,
    `${url}/v1/session`,
    "https://u:p@broker",
    "podrole-broker",
  ])("refuses the address %j", async (wrong) => {
    const error = await thrown(() => parseConfig({ ...broker, [ENV.brokerUrl]: wrong }));
    expect(error).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(`${ENV.brokerUrl} must be`),
    });
  });

  test("refuses a CA that is no certificate", async () => {
    const error = await thrown(() => parseConfig({ ...broker, [ENV.brokerCa]: "x" }));
    expect(error.message).toBe(`${ENV.brokerCa} must be PEM certificates.`);
  });

  test.each([
    [{ roleArn: ROLE, externalId: "xyz" }, "[0].steps[0].externalId is not possible"],
    [{ roleArn: ROLE, durationSeconds: 3600 }, "[0].steps[0].durationSeconds is not possible"],
    [{ roleArn: "x" }, "[0].steps[0].roleArn must be"],
  ])("refuses the step %j: it knows roles by their names alone", async (step, problem) => {
    const error = await thrown(() => parseConfig({ ...broker, ...steps(step) }));
    expect(error.message).toContain(problem);
  });

  test("refuses two steps: the broker makes the calls to STS", async () => {
    const two = steps({ roleArn: ROLE }, { roleArn: ROLE });
    const error = await thrown(() => parseConfig({ ...broker, ...two }));
    expect(error.message).toContain("[0].steps must be one role: the broker makes the calls to STS");
  });
});
