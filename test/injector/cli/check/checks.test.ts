import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../../../injector/tls/certificates.ts";
import { check, isHealthy } from "../../../../injector/cli/check/checks.ts";
import type { Attempt, CheckFacts, DryRun } from "../../../../injector/cli/check/facts.ts";
import { CHECKS, type CheckCode } from "../../../../injector/cli/check/result.ts";
import { reportOf } from "../../../../injector/cli/check/text.ts";
import { isRecord, type Fields } from "../../../../injector/model/read.ts";
import { facts } from "../../../support/facts.ts";
import { admitted, injected, plainPod, pod } from "../../../support/pods.ts";
import {
  authority,
  found,
  healthy,
  HOST,
  NOW,
  running,
  shipped,
  webhookConfiguration,
  type Loose,
} from "./healthy.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const absent = { kind: "absent" } as const;
const unread = { kind: "unread", why: "The API server refuses GET /x with HTTP 403: may not." } as const;

/** Everything but what is well. */
const problems = (over: Partial<CheckFacts>) => check(healthy(over)).filter(({ status }) => status !== "ok");
/** What one check has to say. */
const said = (code: CheckCode, over: Partial<CheckFacts>) =>
  check(healthy(over))
    .filter((one) => one.code === code)
    .map(({ status, message }) => `${status}: ${message}`);
const deployment = (status: Fields, replicas = 2) => {
  const object = shipped("Deployment", "injector");
  object.spec.replicas = replicas;
  return found({ ...object, status });
};
/** The shipped webhook, changed. */
const webhook = (change: (pods: Loose, all: Loose) => void) => {
  const object = webhookConfiguration();
  change(object.webhooks[0], object);
  return { webhooks: found([object]) };
};

describe("podrole check", () => {
  test("reports one ok for each check of a healthy cluster", () => {
    const results = check(healthy());
    expect(results.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(results.map(({ code }) => code)).toEqual(Object.keys(CHECKS));
  });

  const READINGS = Object.entries(healthy()).flatMap(([key, value]: [string, unknown]) =>
    isRecord(value) && "kind" in value ? [[key, value["value"]] as const] : [],
  );

  test.for([
    ["absent", () => absent],
    ["not to be read", () => unread],
    ["empty", (value: unknown) => found(Array.isArray(value) ? [] : typeof value === "string" ? "" : {})],
  ] as const)("reports something for each check, and nothing good, when everything is %s", ([, instead]) => {
    const some = READINGS.filter(([key]) => key !== "dryRun" || instead("") === absent);
    const all = check(healthy(Object.fromEntries(some.map(([key, value]) => [key, instead(value)]))));
    expect(new Set(all.map(({ code }) => code))).toEqual(new Set(Object.keys(CHECKS)));
    const good = all.filter(({ status }) => status === "ok").map(({ code }) => code);
    expect(
      good.filter(
        (code) =>
          ![
            "API_SERVER",
            "PODS_UNGUARDED",
            "DISRUPTION_BUDGET",
            "INJECTOR_OPTIONS",
            "DRY_RUN",
            "DRY_RUN_DENIED",
          ].includes(code),
      ),
    ).toEqual([]);
  });

  test("gives a reason for each skipped check and a remedy for each failure", () => {
    const everything = Object.fromEntries(
      Object.entries(healthy()).map(([key, value]: [string, unknown]) => [
        key,
        typeof value === "object" && value !== null && "kind" in value ? unread : value,
      ]),
    );
    for (const { status, message, remedy } of check(healthy(everything))) {
      expect(message).toMatch(/HTTP 403: may not\.$|is under podrole|of podrole's|no Deployment/);
      expect(status === "fail" ? remedy : "Skipped.").toMatch(/\.$/);
    }
  });

  test.for(
    Object.keys(healthy()).filter(
      (key) => !["now", "version", "server", "podroleNamespace", "config", "tryIn"].includes(key),
    ),
  )("looks at %s: a problem there changes the report", (key) => {
    const before = JSON.stringify(check(healthy()));
    const worse = key === "configProblem" ? "its options cannot be read" : unread;
    expect(JSON.stringify(check(healthy({ [key]: worse })))).not.toBe(before);
  });
});

describe("the API server", () => {
  test("that does not answer fails one check, and the others are skipped", () => {
    const why = "The API server https://api.example cannot be reached: connect ECONNREFUSED.";
    expect(said("API_SERVER", { serverVersion: { kind: "unread", why } })).toEqual([`fail: ${why}`]);
  });

  test.for([
    ["1", "28", "fail"],
    ["1", "29", "warn"],
    ["1", "30", "ok"],
    ["1", "36+", "ok"],
    ["2", "0", "ok"],
    ["", "", "skip"],
  ] as const)("of version %s.%s: %s", ([major, minor, status]) => {
    expect(said("KUBERNETES_VERSION", { serverVersion: found({ major, minor }) })[0]).toMatch(status);
  });

  test("without the CRD, or with one of another version, fails", () => {
    const crd = (change: (version: Loose, all: Loose) => void) => {
      const { crd: reading } = healthy();
      const object: Loose = structuredClone(reading.kind === "found" ? reading.value : {});
      change(object.spec.versions[0], object);
      return said("CRD", { crd: found(object) })[0];
    };
    expect(said("CRD", { crd: absent })[0]).toMatch(/^fail: .+ is not installed/);
    expect(crd((version) => (version["name"] = "v1beta9"))).toMatch(/^fail: .+ does not serve/);
    expect(crd((_, all) => (all["status"] = {}))).toMatch(/^fail: .+ does not serve it/);
    expect(
      crd((version) => delete version["schema"].openAPIV3Schema.properties.spec.properties.serviceAccounts),
    ).toMatch(/^fail: .+ lacks spec\.serviceAccounts,/);
    expect(crd((version) => delete version["subresources"])).toMatch(/^warn: .+ no status/);
  });
});

describe("the injector", () => {
  test.for([
    [{}, 2, /^fail: .+ 0 of 2 replicas ready/],
    [{ readyReplicas: 1, updatedReplicas: 1 }, 2, /^warn: .+ 1 of 2 replicas ready/],
    [{ readyReplicas: 2, updatedReplicas: 1 }, 2, /^warn: .+ 1 of them of its newest/],
    [{ readyReplicas: 1, updatedReplicas: 1 }, 1, /^warn: .+ has one replica/],
    [{ readyReplicas: 3, updatedReplicas: 3 }, 3, /^ok/],
  ] as const)("with status %j of %i replicas", ([status, replicas, expected]) => {
    expect(said("INJECTOR", { deployment: deployment(status, replicas) })[0]).toMatch(expected);
  });

  test.for([
    ["podrole/injector:0.1.0", "ok"],
    ["podrole/injector:v0.1.0@sha256:00", "ok"],
    ["podrole/injector:0.2.0", "warn"],
    ["registry:5000/podrole/injector@sha256:00", "skip"],
  ])("of image %s: %s", ([image, status]) => {
    const object = shipped("Deployment", "injector");
    object.spec.template.spec.containers[0].image = image;
    expect(said("INJECTOR_VERSION", { deployment: found(object) })[0]).toMatch(new RegExp(`^${status}`));
  });

  test.for([
    [found({ status: {} }), /^fail: .+ has no ready replica/],
    [absent, /^fail: There is no Deployment podrole-system\/podrole-controller/],
    [found({ status: { readyReplicas: 1 } }), /^ok/],
  ] as const)("without a ready controller fails: %j", ([controller, expected]) => {
    expect(said("CONTROLLER", { controller })[0]).toMatch(expected);
  });

  test("without a Service, or one that leads nowhere, fails; without a budget it warns", () => {
    expect(said("INJECTOR_SERVICE", { service: absent })[0]).toMatch(/^fail/);
    const slices = found([{ endpoints: [{ conditions: { ready: false } }] }, {}]);
    expect(said("INJECTOR_SERVICE", { endpointSlices: slices })[0]).toMatch(/^fail: .+ no ready endpoint/);
    expect(said("DISRUPTION_BUDGET", { disruptionBudget: absent })[0]).toMatch(/^warn/);
    const tight = found({
      status: { disruptionsAllowed: 0, expectedPods: 1, currentHealthy: 1, desiredHealthy: 1 },
    });
    expect(said("DISRUPTION_BUDGET", { disruptionBudget: tight })[0]).toMatch(/^warn: .+ 1 of 1/);
  });
});

describe("the webhook", () => {
  test("that is not there, or there twice, or not called for ephemeral containers", () => {
    expect(said("WEBHOOK", { webhooks: found([]) })[0]).toMatch(/^fail: No Mutating/);
    const other = { ...webhookConfiguration(), metadata: { name: "old" } };
    expect(said("WEBHOOK", { webhooks: found([webhookConfiguration(), other]) })[0]).toMatch(
      /^warn: .+ podrole, old/,
    );
    const deaf = webhook((pods) => (pods.rules[1].resources = ["pods"]));
    expect(said("WEBHOOK", deaf)).toEqual([
      "fail: The webhook is not called for UPDATE of pods/ephemeralcontainers, UPDATE of pods/resize.",
    ]);
  });

  test("fails when it fails open, unless the admission policy denies instead", () => {
    const open = webhook((pods) => (pods.failurePolicy = "Ignore"));
    expect(said("WEBHOOK_FAILURE", open)[0]).toMatch(/^warn/);
    expect(said("WEBHOOK_FAILURE", { ...open, policies: found([]) })[0]).toMatch(/^fail/);
    expect(said("WEBHOOK_FAILURE", { ...open, policies: unread })[0]).toMatch(/^fail/);
  });

  test.for([
    ["no selector", (pods: Loose) => delete pods.namespaceSelector, "without the label"],
    [
      "another label",
      (pods: Loose) => (pods.namespaceSelector.matchLabels = { a: "b" }),
      "not called for labelled",
    ],
    [
      "no exclusions",
      (pods: Loose) => delete pods.namespaceSelector.matchExpressions,
      "kube-system is not excluded",
    ],
    [
      "no exclusion of its own",
      (pods: Loose) => (pods.namespaceSelector.matchExpressions[0].values = ["kube-system"]),
      "own namespace podrole-system",
    ],
    [
      "an object selector",
      (pods: Loose) => (pods.objectSelector = { matchLabels: { a: "b" } }),
      "objectSelector",
    ],
  ] as const)("with %s fails", ([, change, words]) => {
    expect(said("WEBHOOK_SCOPE", webhook(change))[0]).toMatch(new RegExp(`^fail: .*${words}`));
  });

  test("with an object selector that the API server has written out empty is as shipped", () => {
    expect(problems(webhook((pods) => (pods.objectSelector = {})))).toEqual([]);
  });

  test("with other settings than shipped warns, all in one", () => {
    const [line] = said(
      "WEBHOOK_SETTINGS",
      webhook((pods) =>
        Object.assign(pods, { reinvocationPolicy: "Never", matchPolicy: "Exact", timeoutSeconds: 30 }),
      ),
    );
    expect(line).toMatch(/^warn: .*reinvocationPolicy.*matchPolicy.*30/);
  });
});

describe("certificates", () => {
  const bundle = (...pems: readonly string[]) => ({ webhooks: found([webhookConfiguration(pems.join(""))]) });

  test("the caBundle: empty, unreadable, different between webhooks", () => {
    const set = (caBundle: unknown) =>
      webhook((_, all) => all.webhooks.forEach((one: Loose) => (one.clientConfig.caBundle = caBundle)));
    expect(said("CA_BUNDLE", set(undefined))[0]).toMatch(/^fail: .+ is empty/);
    expect(said("CA_BUNDLE", set("CA_BUNDLE"))[0]).toMatch(/^fail: .+ can be read/);
    expect(
      said("CA_BUNDLE", set(btoa("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")))[0],
    ).toMatch(/^fail: .+ can be read/);
    expect(
      said(
        "CA_BUNDLE",
        webhook((pods) => (pods.clientConfig.caBundle = "AA==")),
      )[0],
    ).toMatch(/^fail: .+ different/);
  });

  test.for([
    [0, "ok"],
    [364 - 14, "ok"],
    [365 - 13, "warn"],
    [366, "fail"],
    [-2, "fail"],
  ] as const)("the CA %i days after it was made: %s", ([days, status]) => {
    expect(said("CA_BUNDLE", { now: NOW + days * DAY_MS })[0]).toMatch(new RegExp(`^${status}`));
  });

  test("a short-lived certificate warns only in the last fifth of its life", async () => {
    const short = await certificateAuthority("short", validFor(7, NOW));
    expect(said("CA_BUNDLE", bundle(short.cert))[0]).toMatch(/^ok/);
    expect(said("CA_BUNDLE", { ...bundle(short.cert), now: NOW + 6 * DAY_MS })[0]).toMatch(/^warn/);
  });

  test("with two CAs in the bundle, as during a rotation, either will do, and an expired one does not matter", async () => {
    const old = await certificateAuthority("podrole", validFor(1, NOW - 5 * DAY_MS));
    expect(problems(bundle(old.cert, authority.cert))).toEqual([]);
  });

  test("a certificate fails when it is of another CA, for another name, or expired", async () => {
    const stranger = await certificateAuthority("podrole", validFor(365, NOW));
    expect(said("CERTIFICATE", bundle(stranger.cert))[0]).toMatch(/^fail: .+ not signed by a CA/);
    const named = await servingCertificate(authority, ["other.svc"], validFor(90, NOW));
    expect(said("CERTIFICATE", { certificate: found(named.cert) })[0]).toMatch(
      new RegExp(`^fail: .+ not for ${HOST}`),
    );
    expect(said("CERTIFICATE", { now: NOW + 91 * DAY_MS })[0]).toMatch(/^fail: .+ has ended, on 2027-02-22/);
    expect(said("CERTIFICATE", { certificate: found("") })[0]).toMatch(/^fail/);
  });

  test("a self-signed certificate is its own CA", async () => {
    const self = await servingCertificate(authority, [HOST], validFor(365, NOW));
    expect(problems({ ...bundle(self.cert), certificate: found(self.cert) })).toEqual([]);
  });
});

describe("the admission policy", () => {
  const policy = (over: object) => ({
    policies: found([{ metadata: { name: "podrole" }, spec: {}, ...over }]),
  });

  test("that is not there is broken, but for an API server that knows none; so is one that ignores failures", () => {
    expect(said("POLICY", { policies: found([]) })[0]).toMatch(/^fail: There is no/);
    expect(said("POLICY", { policies: absent })[0]).toMatch(/^warn: There is no/);
    const typeChecking = {
      expressionWarnings: [{ fieldRef: "spec.validations[0]", warning: "undefined field 'x'\n at" }],
    };
    // Doubts are a warning: they are the API server's of a version that may not know what ours does.
    expect(said("POLICY", policy({ status: { typeChecking } }))).toEqual([
      "warn: The API server warns about expressions of podrole: spec.validations[0]: undefined field 'x'.",
    ]);
    expect(said("POLICY", policy({ spec: { failurePolicy: "Ignore" } }))[0]).toMatch(/^fail/);
  });

  test("fails when it is not bound, or bound without Deny", () => {
    expect(said("POLICY_BINDING", { ...policy({}), bindings: found([]) })[0]).toMatch(
      /^fail: podrole is not bound/,
    );
    const audit = { metadata: { name: "b" }, spec: { policyName: "podrole", validationActions: ["Audit"] } };
    expect(said("POLICY_BINDING", { ...policy({}), bindings: found([audit]) })[0]).toMatch(
      /^fail: .+ denies nothing/,
    );
  });
});

describe("namespaces", () => {
  const named = (name: string, over: Parameters<typeof facts>[0] = {}) => {
    const one = facts(over);
    return { ...one, namespace: { ...one.namespace, name } };
  };

  test("warn when none is under podrole, a label has another value, or a label has no effect", () => {
    expect(said("NAMESPACES", { namespaces: found([]) })).toEqual(["warn: No namespace is under podrole."]);
    const odd = [
      named("a", { labels: { "podrole.dev/inject": "true" } }),
      named("kube-system"),
      named("podrole-system"),
    ];
    expect(said("NAMESPACES", { namespaces: found(odd) })).toEqual([
      "warn: No namespace is under podrole.",
      expect.stringMatching(/^warn: .+ a \(true\)\.$/),
      expect.stringMatching(/^warn: .+ kube-system, podrole-system: /),
    ]);
  });

  test("one whose Pod Security level forbids the guard fails by a pod's own code, unless its guard is off", () => {
    const strict = { labels: { "pod-security.kubernetes.io/enforce": "restricted" } };
    expect(problems({ namespaces: found([named("shop", strict)]) })).toMatchObject([
      { code: "NAMESPACE_SETTINGS", status: "fail", finding: "PSA_FORBIDS_GUARD" },
    ]);
    const off = named("shop", { ...strict, annotations: { [ANNOTATION.guard]: "off" } });
    expect(problems({ namespaces: found([off]) })).toMatchObject([{ status: "warn", finding: "GUARD_OFF" }]);
  });

  test("annotations that are misspelled, misplaced or hold what they cannot", () => {
    const annotations = {
      "podrole.dev/gaurd": "off",
      [ANNOTATION.role]: "x",
      [ANNOTATION.source]: "node",
    };
    const codes = problems({ namespaces: found([named("shop", { annotations })]) }).map(
      ({ finding }) => finding,
    );
    expect(new Set(codes)).toEqual(
      new Set(["ANNOTATION_INVALID", "ANNOTATION_MISPLACED", "ANNOTATION_UNKNOWN"]),
    );
  });
});

describe("pods from before the label", () => {
  const among = (...pods: readonly Fields[]) =>
    said("PODS_UNGUARDED", { pods: found([{ namespace: "shop", pods: found(pods) }]) })[0];

  test("are named, up to ten", () => {
    expect(among(running("a", plainPod()), running("b"))).toMatch(/^warn: A pod runs in shop .+: a\.$/);
    const many = Array.from({ length: 12 }, (_, n) => running(`p${n}`, plainPod()));
    expect(among(...many)).toMatch(/^warn: 12 pods run in shop .+ p9 and 2 more\.$/);
  });

  test("are not reported when they have ended, are ending, or cannot have a guard", () => {
    const old = running("a", plainPod());
    const spec = old["spec"] as Fields;
    expect(
      among(
        { ...old, status: { phase: "Succeeded" } },
        { ...old, metadata: { name: "a", deletionTimestamp: "2026-11-24T00:00:00Z" } },
        { ...old, spec: { ...spec, hostNetwork: true } },
        { ...old, spec: { ...spec, os: { name: "windows" } } },
        { ...old, metadata: { name: "a", annotations: { "kubernetes.io/config.mirror": "x" } } },
      ),
    ).toMatch(/^ok/);
  });

  test("are checked up to a maximum, and the report says so", () => {
    const pods = found(Array<Fields>(5000).fill(running("b")));
    expect(said("PODS_UNGUARDED", { pods: found([{ namespace: "shop", pods }]) })[0]).toMatch(
      /^skip: .+ 5000 pods of shop/,
    );
  });

  test("are not reported when the guard is off", () => {
    const namespaces = found([facts({ annotations: { [ANNOTATION.guard]: "off" } })]);
    const pods = found([{ namespace: "shop", pods: found([running("a", plainPod())]) }]);
    expect(said("PODS_UNGUARDED", { namespaces, pods })[0]).toMatch(/^ok/);
  });
});

describe("the dry run", () => {
  const run = (over: Partial<DryRun>) => {
    const { dryRun } = healthy();
    if (dryRun.kind !== "found") throw new Error("no dry run");
    return { dryRun: found({ ...dryRun.value, ...over }) };
  };
  const refused = (words: string): Attempt => ({ kind: "refused", status: 403, said: words });
  const made = (one: object): Attempt => ({ kind: "made", object: one as Fields });

  test.for([
    [
      "the injector cannot be called",
      refused('failed calling webhook "pods.podrole.dev": x509'),
      "fail: The API server cannot call",
    ],
    [
      "somebody refuses the pod",
      refused('pods "x" is forbidden: exceeded quota'),
      "fail: A pod in shop .* exceeded quota",
    ],
    [
      "its user may not make pods",
      refused('pods is forbidden: User "a" cannot create resource "pods"'),
      "skip: .*cannot create",
    ],
    ["nobody answers", { kind: "unanswered", why: "no answer within 40000 ms" }, "skip: .*no answer"],
    ["the webhook was not called", made(pod()), "fail: .*without guard and sidecar"],
  ] as const)("where %s", ([, good, words]) => {
    expect(said("DRY_RUN", run({ good }))[0]).toMatch(new RegExp(`^${words}`));
  });

  test("where another container comes first, or guard and sidecar are of another image", () => {
    const one = injected(pod());
    const first = { name: "mesh-init", image: "mesh:1" };
    const [guard, ...rest] = one.spec.initContainers ?? [];
    const late = { ...one, spec: { ...one.spec, initContainers: [first, guard, ...rest] } };
    expect(said("DRY_RUN", run({ good: made(late) }))[0]).toMatch(/^fail: .+ starts with mesh-init/);
    const other = {
      ...one,
      spec: { ...one.spec, initContainers: [{ ...guard, image: "other:1" }, ...rest] },
    };
    expect(said("DRY_RUN", run({ good: made(other) }))[0]).toMatch(/^fail: .+other:1/);
    const after = { ...one, spec: { ...one.spec, initContainers: [guard, ...rest, first] } };
    expect(said("DRY_RUN", run({ good: made(after) }))[0]).toMatch(/^ok/);
  });

  test("where a pod without a role is all that could be tried, which is said", () => {
    const plain = { expected: admitted(plainPod()), withRole: false, good: made(injected(plainPod())) };
    expect(said("DRY_RUN", run(plain))[0]).toMatch(/^ok: .+; without a role/);
  });

  test("where a pod that this version would deny is let in", () => {
    const expected = admitted(pod({ hostPID: true }));
    expect(said("DRY_RUN", run({ expected }))[0]).toMatch(/^fail: .+ would not do \(HOST_NAMESPACE\)/);
  });

  test("is not judged by images that are not known: of another version, or with options that could not be read", () => {
    const one = injected(pod());
    const [guard, ...rest] = one.spec.initContainers ?? [];
    const other = made({
      ...one,
      spec: { ...one.spec, initContainers: [{ ...guard, image: "other:1" }, ...rest] },
    });
    expect(said("DRY_RUN", { ...run({ good: other }), version: "0.3.0" })[0]).toMatch(/^ok/);
    expect(said("DRY_RUN", { ...run({ good: other }), configProblem: "no right" })[0]).toMatch(/^ok/);
  });

  test("fails where it is asked for in a namespace that is not under podrole", () => {
    expect(said("DRY_RUN", { tryIn: "till" })[0]).toMatch(/^fail: Namespace till is not under podrole/);
    expect(said("DRY_RUN", { tryIn: "shop" })[0]).toMatch(/^ok/);
  });

  test("where a pod with NET_ADMIN is let in", () => {
    expect(said("DRY_RUN_DENIED", run({ bad: made(pod()) }))[0]).toMatch(
      /^fail: A pod with NET_ADMIN is admitted to shop/,
    );
    expect(said("DRY_RUN_DENIED", run({ bad: refused("failed calling webhook") }))[0]).toMatch(/^skip/);
  });
});

describe("the report", () => {
  test("is unhealthy when something fails, not when it only warns or was skipped", () => {
    expect(isHealthy(check(healthy({ disruptionBudget: absent, certificate: unread })))).toBe(true);
    expect(isHealthy(check(healthy({ service: absent })))).toBe(false);
  });

  test("contains no line that a name in the cluster could forge", () => {
    const pods = found([
      { namespace: "shop", pods: found([running("a\n  ok    DRY_RUN\u001b[2J", plainPod())]) },
    ]);
    const text = reportOf(check(healthy({ pods })), 96, (_, plain) => plain);
    expect(text).not.toContain("\u001b");
    expect(text.split("\n").filter((line) => line.startsWith("  ok    DRY_RUN"))).toEqual([
      "  ok    DRY_RUN",
      "  ok    DRY_RUN_DENIED",
    ]);
  });

  test("ends with the counts, and puts the remedy below each problem", () => {
    const text = reportOf(check(healthy({ disruptionBudget: absent })), 96, (_, plain) => plain);
    expect(text).toMatch(/ {2}warn {2}DISRUPTION_BUDGET\n {8}There is no .+\n {8}To do: Apply/);
    expect(text.trimEnd().split("\n").at(-1)).toBe("21 ok, 1 warn, 0 fail, 0 skip");
  });
});
