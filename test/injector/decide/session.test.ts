import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { Step } from "../../../sidecar/contract/session.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";
import { sessionRequest } from "../../../injector/decide/session.ts";
import { config } from "../../support/config.ts";
import { ACCOUNT, BILLING, role } from "../../support/facts.ts";
import { stepsTo } from "../../../injector/decide/steps.ts";

const HUB = role(`${ACCOUNT}hub`);
const request = (annotations: Readonly<Record<string, string>>, over: Partial<InjectorConfig> = {}) =>
  sessionRequest(annotations, config(over));
const steps = (annotations: Readonly<Record<string, string>>, over: Partial<InjectorConfig>) => {
  const settings = config(over);
  return stepsTo(BILLING, sessionRequest(annotations, settings).request, settings);
};

test("the installation's settings apply when there is no annotation", () => {
  expect(request({}, { region: "eu-west-1" })).toEqual({
    request: { sessionName: "{namespace}.{pod}", durationSeconds: 3600, region: "eu-west-1" },
    nameKey: undefined,
    findings: [],
  });
});

test("podrole's own annotation of the session name wins over kiam's", () => {
  const both = { [ANNOTATION.sessionName]: "ours", [ANNOTATION.peerSessionName]: "theirs" };
  expect(request(both).request.sessionName).toBe("ours");
  expect(request({ [ANNOTATION.peerSessionName]: "theirs" }).request.sessionName).toBe("theirs");
  // kiam replaces characters that STS refuses by dashes, so manifests contain such names.
  const odd = { [ANNOTATION.peerSessionName]: "a/b c{d}\n{pod}" };
  expect(request(odd).request.sessionName).toBe("a-b-c-d--{pod}");
});

test("an annotation of null counts as absent", () => {
  const nulls = Object.fromEntries(Object.values(ANNOTATION).map((key) => [key, null]));
  expect(request(nulls as unknown as Record<string, string>)).toEqual(request({}));
});

test.for([
  ["900", 900],
  ["43200", 43_200],
  ["15m", 900],
  ["1h", 3600],
  ["1h30m", 5400],
  ["1h0m30s", 3630],
  ["12h", 43_200],
] as const)("a duration of %s is %d seconds", ([raw, seconds]) => {
  expect(request({ [ANNOTATION.sessionDuration]: raw }).request.durationSeconds).toBe(seconds);
});

describe.for([
  [
    ANNOTATION.sessionDuration,
    ["", "899", "43201", "14m", "13h", "1.5h", "-1h", "1h ", "1e4", "٣٦٠٠", "h", "3600\n"],
  ],
  [ANNOTATION.sessionName, ["a b", "a/b", "{pod", "{Pod}", "{pod_name}", "x".repeat(257), "a\n", "ä"]],
  [ANNOTATION.peerSessionName, ["x".repeat(257)]],
  [ANNOTATION.externalId, ["a", "a b", "a\n", "x".repeat(1225), "ä".repeat(3), "a$b"]],
  [
    ANNOTATION.region,
    ["", "eu", "eu-west-1a", "EU-WEST-1", "eu-west-1\n", "eu_west_1", "eu-west-1.evil.example", "*"],
  ],
  [ANNOTATION.sessionPolicy, ["", "[]", "null", "1", "{", `{"a":"${"x".repeat(2048)}"}`]],
  [
    ANNOTATION.sessionTransitiveTags,
    ["", "{}", "[]", "[1]", '"team"', '["team"]', "team", '["kubernetes-namespace"]'],
  ],
  [
    ANNOTATION.sessionPolicyArns,
    [
      "",
      "{}",
      "[]",
      "[1]",
      "arn:aws:iam::aws:policy/ReadOnlyAccess",
      '["ReadOnlyAccess"]',
      '["arn:aws:iam::aws:role/x"]',
      '["arn:aws:iam::12:policy/x"]',
      '["arn:aws:iam::aws:policy/"]',
      '["arn:aws:iam::aws:policy/a/../b"]',
      '["arn:aws:iam::aws:policy/*"]',
      '["arn:aws:iam::aws:policy/x\\n"]',
      '["arn:aws:iam::aws:policy/x","arn:aws:iam::aws:policy/x"]',
      JSON.stringify(Array.from({ length: 11 }, (_, index) => `arn:aws:iam::aws:policy/p${index}`)),
    ],
  ],
  [
    ANNOTATION.sessionTags,
    [
      "",
      "[]",
      '{"a":1}',
      '{"a":null}',
      '{"":"x"}',
      `{"${"k".repeat(129)}":"x"}`,
      `{"a":"${"v".repeat(257)}"}`,
      '{"a":"b\\n"}',
      '{"a<b":"c"}',
      '{"kubernetes-namespace":"other"}',
      '{"Kubernetes-Pod-UID":"other"}',
      // A Kelvin sign, a long s, full width, a blank before it.
      '{"\u212aubernetes-namespace":"other"}',
      '{"kubernete\u017f-namespace":"other"}',
      '{"\uff4bubernetes-namespace":"other"}',
      '{" kubernetes-namespace":"other"}',
      '{"\u00a0kubernetes-service-account":"other"}',
      '{"aws:x":"y"}',
      '{"eks-cluster-name":"y"}',
      '{"Team":"a","team":"b"}',
      '{"k":"a","\u212a":"b"}',
      '{"s":"a","\u017f":"b"}',
      `{${Array.from({ length: 44 }, (_, index) => `"k${index}":""`).join(",")}}`,
    ],
  ],
] as const)("the annotation %s", ([key, values]) => {
  test.for(values)("cannot be %.40j", (value) => {
    const { findings } = request({ [key]: value });
    expect(findings).toMatchObject([{ code: "ANNOTATION_INVALID", severity: "deny" }]);
    expect(findings[0]?.message).toMatch(new RegExp(`^The annotation ${key} .+\\.$`));
  });
});

test.for([ANNOTATION.externalId, ANNOTATION.sessionName, ANNOTATION.peerSessionName])(
  "an empty annotation %s is as none, since templates of charts leave it empty",
  (key) => {
    expect(request({ [key]: "" })).toEqual(request({}));
  },
);

test("no message repeats an external id", () => {
  const { findings } = request({ [ANNOTATION.externalId]: "se cret" });
  expect(JSON.stringify([findings, steps({ [ANNOTATION.externalId]: "secret" }, {}).findings])).not.toMatch(
    /se ?cret/,
  );
});

test("tags keep placeholders and keys of any name, and a policy loses its white space", () => {
  const { request: read } = request({
    [ANNOTATION.sessionTags]: '{"owner":"{namespace}/{pod}","Größe":"L","__proto__":"kept"}',
    [ANNOTATION.sessionPolicy]: '{ "Version" : "2012-10-17" }',
  });
  expect(Object.entries(read.tags ?? {})).toEqual([
    ["owner", "{namespace}/{pod}"],
    ["Größe", "L"],
    ["__proto__", "kept"],
  ]);
  expect(read.policy).toBe('{"Version":"2012-10-17"}');
});

describe("the steps to the role", () => {
  const POD_TAGS = [
    "kubernetes-namespace",
    "kubernetes-service-account",
    "kubernetes-pod-name",
    "kubernetes-pod-uid",
  ];
  const last = (found: readonly Step[]) => found.at(-1);

  test("are one call with web identity, without session tags", () => {
    expect(steps({}, {}).steps).toEqual([{ roleArn: BILLING, durationSeconds: 3600 }]);
    expect(steps({}, { hubRole: HUB }).steps).toHaveLength(1);
  });

  test.for([
    [ANNOTATION.externalId, "partner"],
    [ANNOTATION.sessionTags, '{"team":"red"}'],
  ] as const)(
    "lead through the hub when %s needs AssumeRole, and the pod is denied without a hub",
    ([key, value]) => {
      const annotations = { [key]: value };
      expect(steps(annotations, {})).toMatchObject({ steps: [], findings: [{ code: "HUB_ROLE_MISSING" }] });
      const { steps: found } = steps(annotations, { hubRole: HUB });
      expect(found.map(({ roleArn }) => roleArn)).toEqual([HUB, BILLING]);
      expect(found[0]).toEqual({ roleArn: HUB });
    },
  );

  test.for(["node", "ambient"] as const)("carry the pod's tags with source %s", (source) => {
    const { steps: found } = steps({}, { source });
    expect(found).toHaveLength(1);
    expect(Object.keys(last(found)?.tags ?? {})).toEqual(POD_TAGS);
    expect(last(steps({}, { source, sessionTags: false }).steps)?.tags).toBeUndefined();
    expect(steps({}, { source, hubRole: HUB }).steps.map(({ roleArn }) => roleArn)).toEqual([HUB, BILLING]);
  });

  test("make the pod's tags transitive unless the setting turns that off", () => {
    const own = { [ANNOTATION.sessionTags]: '{"team":"red","cost":"7"}' };
    const node = (annotations: Readonly<Record<string, string>>, over: Partial<InjectorConfig> = {}) =>
      last(steps(annotations, { source: "node", ...over }).steps)?.transitiveTagKeys;
    expect(node({})).toEqual(POD_TAGS);
    expect(node(own)).toEqual(POD_TAGS);
    const handedDown = { ...own, [ANNOTATION.sessionTransitiveTags]: '["cost"]' };
    expect(node(handedDown)).toEqual([...POD_TAGS, "cost"]);
    expect(node(handedDown, { transitiveSessionTags: false })).toEqual(["cost"]);
    expect(node(own, { transitiveSessionTags: false })).toBeUndefined();
    expect(node({}, { sessionTags: false })).toBeUndefined();
  });

  test("set no tag on the hub's call, since a transitive tag cannot be set again", () => {
    const { steps: found } = steps({}, { source: "node", hubRole: HUB });
    expect(found[0]).toEqual({ roleArn: HUB });
    expect(last(found)?.transitiveTagKeys).toEqual(POD_TAGS);
  });

  test("carry session policies of the role's account and of AWS, also with web identity", () => {
    const arns = [`${ACCOUNT.replace(":role/", ":policy/")}team/a`, "arn:aws:iam::aws:policy/ReadOnlyAccess"];
    const { steps: found, findings } = steps({ [ANNOTATION.sessionPolicyArns]: JSON.stringify(arns) }, {});
    expect(found).toEqual([{ roleArn: BILLING, durationSeconds: 3600, policyArns: arns }]);
    expect(findings).toEqual([]);
  });

  test.for(["arn:aws:iam::999999999999:policy/theirs", "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"])(
    "refuse the policy %s, which STS would not find in the role's account",
    (arn) => {
      const { findings } = steps({ [ANNOTATION.sessionPolicyArns]: JSON.stringify([arn]) }, {});
      expect(findings).toMatchObject([{ code: "ANNOTATION_INVALID", severity: "deny" }]);
      expect(findings[0]?.message).toContain(arn);
    },
  );

  test("keep podrole's tags even if the pod's own tags use their names", () => {
    const { steps: found } = steps(
      { [ANNOTATION.sessionTags]: '{"kubernetes-namespace":"x"}' },
      { source: "node" },
    );
    expect(last(found)?.tags?.["kubernetes-namespace"]).toBe("{namespace}");
  });

  test("are limited to an hour when roles are chained, with a warning", () => {
    const long = { [ANNOTATION.sessionDuration]: "4h" };
    expect(steps(long, { source: "node" })).toMatchObject({
      steps: [{ durationSeconds: 3600 }],
      findings: [{ code: "SESSION_SHORTENED", severity: "warn" }],
    });
    expect(steps(long, {})).toMatchObject({ steps: [{ durationSeconds: 14_400 }], findings: [] });
  });

  test("give a warning when sessions are so short that SDKs fetch credentials before every call", () => {
    expect(steps({ [ANNOTATION.sessionDuration]: "900" }, {}).findings).toMatchObject([
      { code: "SESSION_SHORT" },
    ]);
  });
});
