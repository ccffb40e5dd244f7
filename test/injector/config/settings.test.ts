import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import { ENV } from "../../../sidecar/contract/env.ts";
import { flagOf } from "../../../injector/config/flags.ts";
import { configFrom, requireConfig } from "../../../injector/config/read-config.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "../../../injector/config/settings.ts";
import type { Setting } from "../../../injector/config/setting.ts";
import { configFromFlags } from "../../support/config.ts";
import { thrown } from "../../support/thrown.ts";
import { SAMPLES, SOME_CERTIFICATE } from "../../support/setting-samples.ts";
import { annotationsByKey } from "../../../injector/model/annotations.ts";

const settingOf = (name: SettingName): Setting => SETTINGS[name];

/** More flags for settings that need another setting. */
const BESIDE: Readonly<Partial<Record<SettingName, Readonly<Record<string, string>>>>> = {
  sourceOverride: { ambientSecret: "identity" },
  stsNoProxy: { stsProxy: SAMPLES.stsProxy },
  stsProxySecret: { stsProxy: SAMPLES.stsProxy },
};

describe.for(SETTING_NAMES)("the setting %s", (name) => {
  const { kind, default: fallback, about } = settingOf(name);
  const sample = SAMPLES[name];

  test("has a default in the notation of its kind", () => {
    const again = fallback === undefined ? undefined : kind.write(kind.parse(fallback));
    expect(again).toBe(fallback);
    expect(requireConfig(again === undefined ? {} : { [name]: again })).toEqual(requireConfig({}));
  });

  test("gets the same value by flag and by key, and that is not the default", () => {
    const beside = BESIDE[name] ?? {};
    const given = requireConfig({ ...beside, [name]: sample });
    const flags = Object.entries({ ...beside, [name]: sample }).map(
      ([key, value]) => `${flagOf(key as SettingName)}=${value}`,
    );
    expect(configFromFlags(...flags)).toEqual(given);
    expect(given).not.toEqual(requireConfig(beside));
  });

  test("is unchanged after it is written and parsed", () => {
    expect(kind.parse(kind.write(kind.parse(sample)))).toEqual(kind.parse(sample));
  });

  test("is described in one sentence", () => {
    expect(about).toMatch(/^[A-Z][^\n]+\.$/);
  });
});

test("the defaults are safe and of the right type, and options.md shows all of them", () => {
  expect(requireConfig({})).toMatchObject({
    image: expect.stringMatching(/^ghcr\.io\/podrole\/sidecar:\d/) as string,
    source: "web-identity",
    sourceOverride: [],
    policy: undefined,
    guard: "auto",
    block: ["169.254.169.254", "fd00:ec2::254"],
    egressHook: "prefer",
    guardNetRaw: false,
    hostNetwork: "deny",
    imds: "block",
    defaultRole: undefined,
    hubRole: undefined,
    stsEndpoint: undefined,
    stsCa: undefined,
    sessionDuration: 3600,
    sessionTags: true,
    start: "wait",
    version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
  });
  expect(Object.isFrozen(requireConfig({}))).toBe(true);
});

test.for([
  [
    { baseRoleArn: "arn:aws-cn:iam::111122223333:role" },
    { baseRoleArn: "arn:aws-cn:iam::111122223333:role/" },
  ],
  [{ sessionDuration: "1h30m" }, { sessionDuration: 5400 }],
  [{ sourceOverride: "node,web-identity" }, { sourceOverride: ["node", "web-identity"] }],
  [{ block: "169.254.169.254,100.100.100.200" }, { block: ["169.254.169.254", "100.100.100.200"] }],
  [{ stsCa: SOME_CERTIFICATE }, { stsCa: SOME_CERTIFICATE }],
  [
    { imdsFacts: "instanceType=m7g.large, availabilityZone=label:shop.example/zone" },
    {
      imdsFacts: [
        { fact: "instanceType", value: "m7g.large" },
        { fact: "availabilityZone", label: "shop.example/zone" },
      ],
    },
  ],
] as const)("%j is accepted", ([written, expected]) => {
  expect(requireConfig(written)).toMatchObject(expected);
});

test("a boolean flag without a value means true", () => {
  expect(configFromFlags("--sts-fips", "--session-tags=false")).toMatchObject({
    stsFips: true,
    sessionTags: false,
  });
});

const ROLE = "arn:aws:iam::111122223333:role/a";
const BAD: readonly (readonly [SettingName, string])[] = [
  ["image", "a b"],
  ["imagePullPolicy", "always"],
  ["source", "instance"],
  ["sourceOverride", "node,"],
  ["sourceOverride", "node,node"],
  ["policy", "strict"],
  ["guard", "on"],
  ["hostNetwork", "allow"],
  ["baseRoleArn", "role/"],
  ["defaultRole", "billing"],
  ["defaultRole", `${ROLE}\n`],
  ["hubRole", ""],
  ["allowedRolesFormat", "regex"],
  ["region", "europe"],
  ["region", "eu-west-1.evil.example"],
  ["stsEndpoint", "sts.amazonaws.com"],
  ["stsEndpoint", "file:///etc/passwd"],
  ["stsEndpoint", "https://user:pw@sts.example"],
  ["stsEndpoint", "https://sts.example/"],
  ["stsEndpoint", "https://sts.example/path"],
  ["stsEndpoint", "https://STS.example"],
  ["stsEndpoint", "https://sts.example:443"],
  ["stsEndpoint", "https://a$(B).example"],
  ["stsProxy", "proxy.example:3128"],
  ["stsProxy", "socks5://proxy.example:1080"],
  ["stsProxy", "http://user:pw@proxy.example:3128"],
  ["stsProxy", "http://user@proxy.example:3128"],
  ["stsProxy", "http://proxy.example:3128/"],
  ["stsProxy", "http://Proxy.example:3128"],
  ["stsProxy", "http://$(B).example:3128"],
  ["stsProxy", "http://localhost:3128"],
  ["stsProxy", "http://127.0.0.2:3128"],
  ["stsProxy", "http://[::1]:3128"],
  ["stsProxy", "http://[::ffff:7f00:1]:3128"],
  ["stsNoProxy", "*"],
  ["stsNoProxy", "10.0.0.0/8"],
  ["stsNoProxy", "sts.example:443"],
  ["stsNoProxy", "https://sts.example"],
  ["stsNoProxy", "STS.example"],
  ["stsNoProxy", "a.example,,b.example"],
  ["stsProxySecret", "../x"],
  ["tokenAudience", ""],
  ["tokenAudience", "podrole.dev/pod"],
  ["tokenAudience", "podrole-broker"],
  ["tokenAudience", "https://kubernetes.default.svc"],
  ["stsFips", "yes"],
  ["stsFips", ""],
  ["sessionName", "a b"],
  ["sessionName", "{pod_name}"],
  ["sessionName", ""],
  ["sessionDuration", "10m"],
  ["sessionDuration", "soon"],
  ["ambientSecret", "../x"],
  ["block", "metadata"],
  ["block", ""],
  ["block", "169.254.169.254,"],
  ["block", "127.0.0.1"],
  ["block", "::1"],
  ["block", "::ffff:127.0.0.1"],
  ["block", "169.254.169.254,169.254.169.253"],
  ["block", "fd00:ec2::253"],
  ["block", "169.254.169.123"],
  ["egressHook", "off"],
  ["imds", "emulate"],
  ["imdsPort", "0"],
  ["imdsFacts", "instanceType"],
  ["imdsFacts", "instanceType="],
  ["imdsFacts", "instanceType=a b"],
  ["imdsFacts", "instanceType=$(POD_IP)"],
  ["imdsFacts", "instanceId=node-7"],
  ["imdsFacts", "instanceType=label:"],
  ["imdsFacts", "instanceType=label:a']['b"],
  ["imdsFacts", "instanceType=a,instanceType=b"],
  ["imdsFacts", "localIpv4=10.0.0.1"],
  ["imdsFacts", "userData=x"],
  ["imdsFacts", "__proto__=x"],
  ["imdsNodePaths", "user-data"],
  ["imdsNodePaths", "meta-data/instance-id,meta-data/iam/security-credentials/node"],
  ["meshInitImages", "docker.io/istio/proxyv2"],
  ["meshInitImages", "istio=istio/proxyv2"],
  ["meshInitImages", "istio=docker.io/istio/proxyv2:1.30.0"],
  ["meshInitImages", "istio=docker.io/istio/*"],
  ["meshInitImages", "istio=docker.io"],
  ["meshInitImages", "istio=docker.io/istio/proxyv2@sha256:0"],
  ["meshInitImages", "consul=docker.io/hashicorp/consul"],
  ["meshInitImages", "istio=docker.io/istio/proxyv2,istio=docker.io/istio/proxyv2"],
  ["start", "later"],
  ["startTimeout", "4"],
  ["startTimeout", "1e3"],
  ["credentialsPort", "0"],
  ["credentialsPort", "65536"],
  ["healthPort", "80a"],
  ["sidecarLogLevel", "loud"],
];

test.for(BAD)(
  "%s %j is refused by flag and by key, with a sentence that says what it must be",
  async ([name, raw]) => {
    const { code, message } = await thrown(() => configFromFlags(`${flagOf(name)}=${raw}`));
    expect([code, message]).toEqual(["CONFIG_INVALID", expect.stringMatching(`^${flagOf(name)} .+\\.$`)]);
    const reading = configFrom({ [name]: raw });
    expect(reading).toMatchObject({ problems: [{ code: "CONFIG_BAD_VALUE", keys: [name] }] });
  },
);

test.for([
  ["block", "169.254.169.254, fd00:ec2::254"],
  ["block", "FD00:EC2:0::254,169.254.169.254"],
  ["sourceOverride", "node, web-identity"],
  ["imdsPort", "016927"],
  ["stsCa", SOME_CERTIFICATE.trim()],
] as const)("%s %j is refused, since the admission policies compare its text", ([name, raw]) => {
  expect(configFrom({ [name]: raw })).toMatchObject({
    problems: [{ message: expect.stringContaining("must be written without blanks") as string }],
  });
});

test("settings name annotations and variables that exist", () => {
  const all = SETTING_NAMES.map(settingOf);
  const known = new Set<string | undefined>([undefined, ...Object.values(ANNOTATION)]);
  const variables = new Set<string | undefined>([undefined, ...Object.values(ENV)]);
  const byKey = annotationsByKey();
  const kinds = (keys: readonly (string | undefined)[]) =>
    new Set(keys.flatMap((key) => (key === undefined ? [] : [byKey.get(key)?.on])));
  expect(all.flatMap((one) => [one.pod, one.namespace, one.spells]).filter((key) => !known.has(key))).toEqual(
    [],
  );
  expect(all.flatMap((one) => [one.guard, one.sidecar]).filter((key) => !variables.has(key))).toEqual([]);
  expect(kinds(all.map(({ pod }) => pod))).toEqual(new Set(["Pod"]));
  expect(kinds(all.map(({ namespace }) => namespace))).toEqual(new Set(["Namespace"]));
});
