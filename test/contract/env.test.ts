import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { SOURCES } from "../../sidecar/contract/session.ts";
import { IMDS_FACTS, imdsFactVariable, type ImdsFact } from "../../sidecar/contract/metadata.ts";
import { APP_ENV, CONTAINER, PATH, TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import { SOURCE_KINDS } from "../../injector/sources/sources.ts";
import { SOME_CERTIFICATE } from "../support/setting-samples.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { parseConfig, type SidecarConfig } from "../../sidecar/config/config.ts";
import { parseGuardConfig, parseVerifyConfig } from "../../sidecar/guard/config.ts";
import { sha256 } from "../../injector/mutate/token.ts";
import { config } from "../support/config.ts";
import { ACCOUNT, BILLING, facts, grant, role } from "../support/facts.ts";
import { DOWNWARD, startedWith } from "../support/kubelet.ts";
import { admitted, injected, pod, TOKEN } from "../support/pods.ts";

/** The programs read the environment that the kubelet sets in the injector's pods. */

const CA = "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n";
const PROXY = "http://proxy.example:3128";
const HUB = role(`${ACCOUNT}hub`);
const annotated = (annotations: Readonly<Record<string, string>> = {}) =>
  pod({ securityContext: { runAsUser: 1000 } }, { [ANNOTATION.role]: BILLING, ...annotations });
type Settings = Parameters<typeof config>[0];

function sidecarConfig(one = annotated(), settings: Settings = {}): SidecarConfig {
  return parseConfig(
    startedWith(injected(one, facts(), config({ policy: "off", ...settings })), CONTAINER.sidecar),
  );
}
const guardTold = (settings: Settings = {}) =>
  parseGuardConfig(
    startedWith(injected(annotated(), facts(), config({ policy: "off", ...settings })), CONTAINER.guard),
  );

test.for([
  ["usual addresses", {}, { addresses: ["169.254.169.254", "fd00:ec2::254"], logLevel: "info" }],
  ["others", { block: ["192.0.2.1"] }, { addresses: ["192.0.2.1"], logLevel: "info" }],
] as const)(
  "a guard that verifies %s accepts what the injector writes, and so does its sidecar",
  ([, settings, read]) => {
    const known = facts({ labels: { "pod-security.kubernetes.io/enforce": "restricted" } });
    const after = injected(annotated(), known, config({ policy: "off", ...settings }));
    expect(parseVerifyConfig(startedWith(after, CONTAINER.guard))).toEqual(read);
    expect(parseConfig(startedWith(after, CONTAINER.sidecar))).toMatchObject({
      blockedAddresses: read.addresses,
      guard: "verify",
    });
  },
);

/** Those of which the sidecar makes its sessions itself. */
const CALLING = SOURCES.filter((source) => SOURCE_KINDS[source].callsSts);

test("with source broker, the sidecar accepts what the injector writes, and is told nothing of STS", () => {
  const broker = { brokerUrl: "https://podrole-broker.podrole-system.svc", brokerCa: SOME_CERTIFICATE };
  const settings = { source: "broker", ...broker, region: "eu-west-1", stsCa: CA, hubRole: HUB } as const;
  const known = facts({ grants: [grant("all", { roles: ["*"], namespaces: ["shop"] })] });
  const after = injected(annotated({ [ANNOTATION.externalId]: "partner" }), known, config(settings));
  const env = startedWith(after, CONTAINER.sidecar);
  expect(Object.keys(env).filter((name) => /STS|REGION|SESSION|PROXY/.test(name))).toEqual([]);
  const { identities, source, sourceSettings } = parseConfig(env);
  expect({ source, sourceSettings }).toEqual({
    source: "broker",
    sourceSettings: {
      url: broker.brokerUrl,
      ca: broker.brokerCa,
      tokenFile: `${TOKEN_VOLUME.mountPath}/${TOKEN_VOLUME.file}`,
    },
  });
  expect(identities[0]?.steps).toEqual([{ roleArn: BILLING, durationSeconds: 3600 }]);
});

describe.for(CALLING)("with source %s", (source) => {
  const settings = { source, ambientSecret: "identity", region: "eu-west-1" } as const;

  test("the sidecar accepts what the injector writes", () => {
    const read = sidecarConfig(annotated(), settings);
    expect(read).toMatchObject({
      source,
      sts: { region: "eu-west-1", sessionName: "shop.web-5d5f-x7f2q" },
      start: "wait",
      startTimeoutSeconds: 30,
      port: 16925,
      healthPort: 16926,
      blockedAddresses: ["169.254.169.254", "fd00:ec2::254"],
      logLevel: "info",
      sourceSettings:
        source === "web-identity" ? { tokenFile: `${TOKEN_VOLUME.mountPath}/${TOKEN_VOLUME.file}` } : {},
    });
    expect(read.identities[0]?.steps.at(-1)).toMatchObject({ roleArn: BILLING, durationSeconds: 3600 });
    expect(read.identities[0]?.tokenSha256?.toString("hex")).toBe(sha256(TOKEN));
  });

  test("the guard accepts what the injector writes", () => {
    expect(guardTold(settings)).toEqual({
      addresses: expect.arrayContaining(["169.254.169.254"]) as string[],
      openUid: source === "node" ? SIDECAR_UID : undefined,
      sidecar: { uid: SIDECAR_UID, ports: [16_925] },
      egressHook: "prefer",
      imds: "block",
      imdsPort: 16_927,
      podIp: "10.0.0.7",
      hostIp: "10.0.0.1",
      logLevel: "info",
    });
  });

  test("the sidecar receives external id, tags and policy of the annotations, through a hub", () => {
    const policy = {
      Statement: [{ Resource: "arn:aws:s3:::b/${aws:PrincipalTag/x}/$(HOSTNAME)/$$", Sid: 'ü"\\' }],
    };
    const one = annotated({
      [ANNOTATION.externalId]: "a:b/c=d",
      [ANNOTATION.sessionTags]: '{"owner":"{namespace}/{pod}","Größe":"L","__proto__":"kept"}',
      [ANNOTATION.sessionTransitiveTags]: '["owner","__proto__"]',
      [ANNOTATION.sessionPolicy]: JSON.stringify(policy),
      [ANNOTATION.sessionPolicyArns]: '["arn:aws:iam::aws:policy/a/b_+=,.@-"]',
      [ANNOTATION.sessionName]: "{namespace}@{podUid}",
    });
    const read = sidecarConfig(one, { ...settings, hubRole: HUB, clusterName: "prod-1" });
    expect(read.identities[0]?.steps.map(({ roleArn }) => roleArn)).toEqual([HUB, BILLING]);
    const last = read.identities[0]?.steps.at(-1);
    expect(JSON.parse(last?.policy ?? "")).toEqual(policy);
    expect(last?.externalId).toBe("a:b/c=d");
    expect(last?.policyArns).toEqual(["arn:aws:iam::aws:policy/a/b_+=,.@-"]);
    expect(last?.transitiveTagKeys).toEqual([
      "kubernetes-cluster-name",
      "kubernetes-namespace",
      "kubernetes-service-account",
      "kubernetes-pod-name",
      "kubernetes-pod-uid",
      "owner",
      "__proto__",
    ]);
    expect(Object.entries(last?.tags ?? {})).toEqual([
      ["kubernetes-cluster-name", "prod-1"],
      ["kubernetes-namespace", "shop"],
      ["kubernetes-service-account", "default"],
      ["kubernetes-pod-name", DOWNWARD["metadata.name"]],
      ["kubernetes-pod-uid", DOWNWARD["metadata.uid"]],
      ["owner", "shop/web-5d5f-x7f2q"],
      ["Größe", "L"],
      ["__proto__", "kept"],
    ]);
    expect(read.sts?.sessionName).toBe(`shop@${DOWNWARD["metadata.uid"]}`);
  });
});

describe("when the metadata service is emulated", () => {
  const emulated = (annotations: Readonly<Record<string, string>> = {}) =>
    annotated({ [ANNOTATION.imds]: "emulate", ...annotations });
  const allowed: Settings = { imds: "allow-emulate-v1", region: "eu-west-1" };

  test("guard and sidecar use the same port, and the sidecar receives the permitted answers", () => {
    const settings = {
      ...allowed,
      policy: "off",
      imdsPort: 8169,
      credentialsPort: 7001,
      healthPort: 7002,
    } as const;
    const after = injected(emulated(), facts(), config(settings));
    expect(parseGuardConfig(startedWith(after, CONTAINER.guard))).toMatchObject({
      imds: "emulate",
      imdsPort: 8169,
      sidecar: { uid: SIDECAR_UID, ports: [7001, 8169] },
    });
    expect(parseConfig(startedWith(after, CONTAINER.sidecar)).imds).toEqual({
      port: 8169,
      v1: "denied",
      facts: {
        region: "eu-west-1",
        availabilityZone: "eu-west-1b",
        localIpv4: "10.0.0.7",
        ipv6: "fd00::7",
      },
      nodePaths: [],
    });
  });

  test("the sidecar receives answers without a token, an admin's facts and the node's paths as set", () => {
    const settings: Settings = {
      ...allowed,
      source: "node",
      imdsFacts: [
        { fact: "region", value: "eu-central-1" },
        { fact: "instanceType", label: "node.kubernetes.io/instance-type" },
        { fact: "imageId", value: "ami-0123456789abcdef0" },
      ],
      imdsNodePaths: ["meta-data/instance-id"],
    };
    expect(sidecarConfig(emulated({ [ANNOTATION.imdsV1]: "allowed" }), settings).imds).toEqual({
      port: 16_927,
      v1: "allowed",
      facts: {
        region: "eu-central-1",
        availabilityZone: "eu-west-1b",
        imageId: "ami-0123456789abcdef0",
        localIpv4: "10.0.0.7",
        ipv6: "fd00::7",
      },
      nodePaths: ["meta-data/instance-id"],
    });
  });

  test("a region that is not set is no fact, although STS is called in a region", () => {
    const read = sidecarConfig(emulated(), { imds: "allow-emulate" });
    expect(read.sts?.region).toBe("us-east-1");
    expect(read.imds?.facts).not.toHaveProperty("region");
  });

  test("guard and sidecar receive no emulation settings in a pod that does not ask for emulation", () => {
    expect(sidecarConfig(annotated(), allowed).imds).toBeUndefined();
    expect(guardTold(allowed)).toMatchObject({ imds: "block" });
  });
});

describe("every setting of an installation reaches the sidecar:", () => {
  test.for([
    [{ stsEndpoint: "https://vpce.example:8443" }, { sts: { endpoint: "https://vpce.example:8443" } }],
    [
      { region: "eu-west-1", stsFips: true, stsDualStack: true },
      { sts: { region: "eu-west-1", endpoint: "https://sts-fips.eu-west-1.api.aws" } },
    ],
    [{ stsCa: CA }, { sts: { ca: CA } }],
    [{ stsProxy: PROXY }, { sts: { proxy: { origin: PROXY, credentials: undefined } } }],
    [{ stsProxy: PROXY, stsNoProxy: [".us-east-1.amazonaws.com"] }, { sts: { proxy: undefined } }],
    [{ start: "now" }, { start: "now" }],
    [{ startTimeout: 5 }, { startTimeoutSeconds: 5 }],
    [{ startTimeout: 3600 }, { startTimeoutSeconds: 3600 }],
    [
      { credentialsPort: 1, healthPort: 65_535 },
      { port: 1, healthPort: 65_535 },
    ],
    [{ sidecarLogLevel: "silent" }, { logLevel: "silent" }],
    [{ sessionDuration: 900 }, { identities: [{ steps: [{ durationSeconds: 900 }] }] }],
    [{ sessionDuration: 43_200 }, { identities: [{ steps: [{ durationSeconds: 43_200 }] }] }],
    [{ block: ["100.100.100.200"] }, { blockedAddresses: ["100.100.100.200"] }],
    [{ guard: "off" }, { blockedAddresses: [] }],
  ] as const)("%j", ([settings, expected]) => {
    expect(sidecarConfig(annotated(), settings)).toMatchObject(expected);
  });
});

test("the sidecar receives user and password of its proxy from a Secret, and the manifest has neither", () => {
  const settings = { stsProxy: PROXY, stsProxySecret: "sts-proxy" };
  const { sts } = sidecarConfig(annotated(), settings);
  expect(sts?.proxy?.credentials?.reveal()).toBe("from-a-secret:from-a-secret");
  const { initContainers } = injected(annotated(), facts(), config({ policy: "off", ...settings })).spec;
  expect(initContainers?.[1]?.env?.filter(({ name }) => name.startsWith("PODROLE_STS_PROXY"))).toEqual([
    { name: "PODROLE_STS_PROXY", value: PROXY },
    ...["username", "password"].map((key) => ({
      name: `PODROLE_STS_PROXY_${key.toUpperCase()}`,
      valueFrom: { secretKeyRef: { name: "sts-proxy", key } },
    })),
  ]);
});

test.for([
  ["aws", "us-east-1"],
  ["aws-cn", "cn-north-1"],
  ["aws-us-gov", "us-gov-west-1"],
  ["aws-iso", "us-iso-east-1"],
  ["aws-iso-b", "us-isob-east-1"],
  ["aws-eusc", "eusc-de-east-1"],
] as const)(
  "the sidecar accepts a role of partition %s, and calls STS in %s when no region is set",
  ([partition, region]) => {
    const arn = `arn:${partition}:iam::111122223333:role/teams/a_b+c=d,e.f@g-h/x`;
    expect(sidecarConfig(annotated({ [ANNOTATION.role]: arn }))).toMatchObject({
      sts: { region },
      identities: [{ steps: [{ roleArn: arn }] }],
    });
  },
);

test("the sidecar accepts every character that the injector accepts in a role's path and name", () => {
  const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
  const taken = printable.filter((one) => {
    const arn = `${ACCOUNT}p${one}q/n`;
    const after = admitted(annotated({ [ANNOTATION.role]: arn }));
    // Admission refuses other characters with a message, so that no sidecar fails to start.
    return (
      after.kind === "inject" &&
      parseConfig(startedWith(after.after, CONTAINER.sidecar)).identities[0]?.steps[0]?.roleArn === arn
    );
  });
  expect(taken.join("")).toBe("+,-./0123456789=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
});

test("the sidecar accepts as many tags and as long a policy, external id and session name as the injector does", () => {
  const tags = Object.fromEntries(
    Array.from({ length: 43 }, (_, index) => [`k${index}${"x".repeat(100)}`, "v".repeat(256)]),
  );
  const one = annotated({
    [ANNOTATION.sessionTags]: JSON.stringify(tags),
    [ANNOTATION.externalId]: "x".repeat(1224),
    [ANNOTATION.sessionPolicy]: JSON.stringify({ a: "y".repeat(2040) }),
    [ANNOTATION.sessionName]: `{namespace}.${"n".repeat(244)}`,
  });
  const read = sidecarConfig(one, { hubRole: HUB, clusterName: "c" });
  expect(Object.keys(read.identities[0]?.steps.at(-1)?.tags ?? {})).toHaveLength(48);
  expect(read.identities[0]?.steps.at(-1)?.policy).toHaveLength(2048);
  expect(read.sts?.sessionName).toHaveLength(64);
});

test("the app receives the address that the sidecar listens on, and a token whose hash the sidecar has", () => {
  const after = injected(annotated(), facts(), config({ policy: "off", credentialsPort: 5000 }));
  const app = startedWith(after, "app");
  const { port, identities } = parseConfig(startedWith(after, CONTAINER.sidecar));
  expect(app[APP_ENV.fullUri]).toBe(`http://127.0.0.1:${port}${PATH.credentials}`);
  expect(sha256(app[APP_ENV.token] ?? "")).toBe(identities[0]?.tokenSha256?.toString("hex"));
});

test("guard and sidecar receive only variables of the contract", () => {
  const after = injected(
    annotated({ [ANNOTATION.imds]: "emulate" }),
    facts(),
    config({
      policy: "off",
      source: "node",
      stsEndpoint: "https://s.example",
      stsFips: true,
      stsDualStack: true,
      stsCa: CA,
      stsProxy: PROXY,
      stsProxySecret: "sts-proxy",
      imds: "allow-emulate",
      imdsFacts: [{ fact: "availabilityZoneId", label: "a" }],
      imdsNodePaths: ["meta-data/instance-id"],
    }),
  );
  const known = new Set<string>([
    ...Object.values(ENV),
    ...Object.keys(IMDS_FACTS).map((fact) => imdsFactVariable(fact as ImdsFact)),
  ]);
  const ours = (after.spec.initContainers ?? []).flatMap(({ env = [] }) => env.map(({ name }) => name));
  expect(ours.filter((name) => !known.has(name))).toEqual([]);
});
