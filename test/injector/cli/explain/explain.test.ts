import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { explain, type Explanation } from "../../../../injector/cli/explain/explanation.ts";
import type { Candidate } from "../../../../injector/cli/explain/step.ts";
import { textOf } from "../../../../injector/cli/explain/text.ts";
import { explainObjects } from "../../../../injector/cli/explain/manifests.ts";
import type { Facts } from "../../../../injector/model/facts.ts";
import type { InjectorConfig } from "../../../../injector/config/installation.ts";
import { withAnyCa } from "../../../../injector/cli/input/assumed-broker.ts";
import { objectsIn } from "../../../../injector/cli/input/files.ts";
import { parseManifests } from "../../../../injector/cli/input/manifests.ts";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { config, configFromFlags } from "../../../support/config.ts";
import { ACCOUNT, BILLING, facts, grant, role } from "../../../support/facts.ts";
import { goldens } from "../../../support/goldens.ts";
import { injected, plainPod, pod, throughApiServer, withApp } from "../../../support/pods.ts";
import { numbers, randomPod } from "../../../support/random-pods.ts";

const FOLDER = new URL("./golden/", import.meta.url);
const WIDTH = 96;
const LABELLED = { labels: { "podrole.dev/inject": "enabled" }, annotations: {} };
const plainPaint = (_style: string, text: string): string => text;

const offline = (object: object, known: Facts = facts(), settings: InjectorConfig = config()): Explanation =>
  explain({ ...object }, known, settings, { where: "input", assumptions: [] });
const live = (object: object, known: Facts = facts(), settings: InjectorConfig = config()): Explanation =>
  explain({ ...object }, known, settings, { where: "cluster", assumptions: [] });
const considered = (explanation: Explanation, id: string) =>
  explanation.steps.find((step) => step.id === id)?.considered ?? [];
const results = (explanation: Explanation, id: string): Record<string, string> =>
  Object.fromEntries(considered(explanation, id).map(({ name, result }) => [name, result]));

const CASES = readdirSync(FOLDER).filter((file) => file.endsWith(".yaml"));

test.for(CASES)("the text of %s is as in its file", async (file) => {
  const input = readFileSync(new URL(file, FOLDER), "utf8");
  const flags = (input.split("\n")[0] ?? "").slice(2).split(" ");
  const explanations = await explainObjects(objectsIn(parseManifests(input, file)), {
    config: withAnyCa(configFromFlags(...flags)),
    assumed: LABELLED,
    namespace: "default",
  });
  const text = textOf(explanations, WIDTH, plainPaint);
  await expect(text).toMatchFileSnapshot(new URL(file.replace(".yaml", ".txt"), FOLDER).pathname);
  const longest = text.split("\n").filter((line) => line.length > WIDTH && line.trim().includes(" "));
  expect(longest, "only a single word may be wider").toEqual([]);
  expect(text).not.toMatch(/[^\P{Cc}\n]/u);
});

/** Pods and surroundings of all sorts: those of the injector's goldens, and random ones. */
async function everySort(): Promise<readonly (readonly [string, object, Facts, InjectorConfig])[]> {
  const cases = await goldens(new URL("../../golden/", import.meta.url));
  const files = cases.map((one) => [one.name, one.pod, one.facts, one.config] as const);
  const next = numbers(3);
  const around = [
    facts({
      account: { [ANNOTATION.serviceAccountRole]: "no role" },
      annotations: { [ANNOTATION.namespaceDefaultRole]: BILLING },
    }),
    facts({
      grants: [
        grant("g", { roles: ["*"], namespaces: ["*"], default: BILLING }),
        grant("d", { effect: "Deny", roles: ["*reader"], namespaces: ["shop"] }),
      ],
    }),
    facts({
      annotations: {
        [ANNOTATION.namespaceAllowedRoles]: '["*"]',
        [ANNOTATION.namespaceDefaultRole]: "reader",
      },
    }),
    facts(),
  ];
  const settings = [
    config({ policy: "enforce", defaultRole: role(`${ACCOUNT}everybody`) }),
    config({ policy: "audit" }),
    config({ source: "node" }),
  ];
  const random = Array.from({ length: 300 }, (_, index) => {
    const known = around[index % around.length] ?? facts();
    return [
      `random ${index}`,
      randomPod(next),
      known,
      settings[index % settings.length] ?? config(),
    ] as const;
  });
  return [...files, ...random];
}

test("what each candidate shows agrees with the decision, for pods of all sorts", async () => {
  for (const [name, object, known, settings] of await everySort()) {
    const { steps } = offline(object, known, settings);
    const of = (id: string): readonly Candidate[] => steps.find((step) => step.id === id)?.considered ?? [];
    const set = of("role").filter(({ result }) => !/^not set|^there are none|^none for/.test(result));
    const denying = of("policy").filter(({ result }) => result === "denies it");
    const allowing = of("policy").filter(({ result }) => result === "allows it");
    const decided = (candidates: readonly Candidate[]) => candidates.filter((one) => one.decided);
    expect({ name, role: decided(set), rule: decided(of("policy")) }).toEqual({
      name,
      role: set.slice(0, 1),
      rule: [...denying, ...allowing].slice(0, 1),
    });
    const answer = steps.find(({ id }) => id === "role")?.answer ?? "none";
    expect({ name, none: answer === "none" }).toEqual({ name, none: set.length === 0 });
  }
});

describe("an explanation", () => {
  test("warns of annotations on the workload itself, which its pods do not see", () => {
    const own = { name: "web", annotations: { [ANNOTATION.role]: "reader" } };
    const { metadata: _, ...template } = plainPod();
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: own, spec: { template } };
    const [there, elsewhere] = [facts(), facts({ labels: { "podrole.dev/inject": "" } })].map((known) =>
      explain(deployment, known, config(), { where: "input", assumptions: [] }),
    );
    expect(there?.findings).toMatchObject([{ code: "ANNOTATION_MISPLACED" }]);
    expect(elsewhere?.findings).toEqual([]);
  });

  test("names each place that could name the role, with what it holds and what became of it", () => {
    const known = facts({
      account: { [ANNOTATION.serviceAccountRole]: `${ACCOUNT}account` },
      annotations: { [ANNOTATION.namespaceDefaultRole]: "not a role" },
    });
    expect(considered(offline(plainPod(), known), "role")).toEqual([
      { name: "annotation iam.amazonaws.com/role of the pod", result: "not set", decided: false },
      {
        name: "annotation eks.amazonaws.com/role-arn of service account default",
        holds: `${ACCOUNT}account`,
        result: "taken",
        decided: true,
      },
      { name: "default of a RoleGrant", result: "there are none", decided: false },
      {
        name: "annotation iam.amazonaws.com/default-role of namespace shop",
        holds: "not a role",
        result: "names no role, but an earlier one is set",
        decided: false,
      },
      { name: "the setting defaultRole", result: "not set", decided: false },
    ]);
  });

  test("names every rule, and which RoleGrants miss the pod by its namespace or its service account", () => {
    const known = facts({
      annotations: { [ANNOTATION.namespaceAllowedRoles]: "[", [ANNOTATION.namespacePermitted]: ".*other" },
      grants: [
        grant("ours", { roles: [BILLING], namespaces: ["shop"] }),
        grant("theirs", { roles: [BILLING], namespaces: ["till"] }),
        grant("biller", { roles: [BILLING], namespaces: ["shop"], serviceAccounts: ["biller"] }),
        grant("harmless", { effect: "Deny", roles: ["*admin"], namespaces: ["*"] }),
        ...["x", "y"].map((name) => grant(name, { roles: [name], namespaces: [name] })),
      ],
    });
    expect(results(offline(pod(), known), "policy")).toEqual({
      "RoleGrant harmless (Deny)": "does not match",
      "annotation iam.amazonaws.com/allowed-roles of namespace shop": "cannot be read, and so allows nothing",
      "annotation iam.amazonaws.com/permitted of namespace shop": "does not match",
      "RoleGrant ours (Allow)": "allows it",
      "the setting defaultRole": "not set",
      "RoleGrant theirs (Allow)": "allows it, but not in namespace shop",
      "RoleGrant biller (Allow)": "allows it, but not to service account default",
      "2 more RoleGrants": "not about shop/default",
    });
  });

  test("sums up thousands of RoleGrants for other pods", () => {
    const grants = Array.from({ length: 2000 }, (_, n) =>
      grant(`g${n}`, { roles: ["*"], namespaces: [`n${n}`] }),
    );
    expect(considered(offline(pod(), facts({ grants })), "policy")).toHaveLength(9);
  });

  test("says of each container what it gets and how it is hardened, and no value", () => {
    const secret = "AKIA-not-for-your-eyes";
    const one = withApp({ env: [{ name: "AWS_SECRET_ACCESS_KEY", value: secret }] });
    const explanation = offline(one, facts(), config({ region: "eu-west-1" }));
    expect(explanation.after?.containers).toMatchObject([
      { name: "podrole-guard", ours: true, changes: ["added", expect.stringContaining("169.254.169.254")] },
      { name: "podrole-sidecar", ours: true, init: true, credentials: false },
      { name: "app", credentials: true, changes: ["drops NET_RAW"], init: false },
    ]);
    expect(explanation.after?.containers[2]?.variables).toContain("AWS_REGION");
    expect(JSON.stringify(explanation)).not.toContain(secret);
  });

  test("survives a 1 MB annotation and shows its beginning", () => {
    const text = JSON.stringify(offline(pod({}, { [ANNOTATION.role]: "x".repeat(1e6) })));
    expect(text.length).toBeLessThan(10_000);
  });

  test("takes no manifest for the mirror of a static pod, which only a node may create, but a pod that exists", () => {
    const mirror = pod({}, { "kubernetes.io/config.mirror": "x" });
    const [manifest, stored] = [offline(mirror), live({ apiVersion: "v1", kind: "Pod", ...mirror })];
    const stepOf = ({ steps }: Explanation) => steps.find(({ id }) => id === "mirror");
    expect(manifest.decision).toBe("inject");
    expect(stepOf(manifest)).toMatchObject({
      answer: "no",
      because: 'annotation kubernetes.io/config.mirror is "x", and only a node may create a mirror',
    });
    expect(stored).toMatchObject({ decision: "skip", reason: "mirror-pod" });
    expect(stepOf(stored)).toMatchObject({ answer: "yes" });
  });

  test("reports a foreign container with podrole's name", () => {
    const { decision, steps } = offline(pod({ initContainers: [{ name: "podrole-guard" }] }));
    expect(decision).toBe("deny");
    expect(steps.at(-1)).toMatchObject({ id: "foreign", answer: "no" });
  });
});

describe("of a pod that exists, an explanation says that it is injected", () => {
  const running = throughApiServer(injected(pod()));
  const NEWER = config({ image: "registry.example/podrole-sidecar:newer" });
  const withOther = {
    ...running,
    spec: { ...running.spec, containers: [...running.spec.containers, { name: "b" }] },
  };
  const unlabelled = facts({ labels: { "podrole.dev/inject": "no" } });

  test.for([
    ["as this version would do it", "same", running, facts(), config()],
    ["the same when left alone rightly", "same", pod(), unlabelled, config()],
    [
      "the same by another version with the same containers",
      "same",
      running,
      facts(),
      config({ version: "9" }),
    ],
    ["differently by another version with another image", "differently", running, facts(), NEWER],
    ["differently where a container came later", "differently", withOther, facts(), config()],
    ["differently where it would be left alone now", "differently", running, unlabelled, config()],
    ["not at all", "not-injected", pod(), facts(), config()],
    [
      "not at all, where it would be denied now",
      "not-injected",
      pod(),
      facts(),
      config({ policy: "enforce" }),
    ],
    ["somehow, where it would be denied now", "unknown", running, facts(), config({ policy: "enforce" })],
  ] as const)("%s", ([, state, object, known, settings]) => {
    expect(live(object, known, settings).running).toMatchObject({ state });
  });

  test("with the fields that differ", () => {
    expect(live(withOther).running?.because).toContain("/spec/containers/1/");
    expect(live(running, facts(), NEWER).running?.because).toContain("/spec/initContainers/0");
  });

  test("with both modes, where its guard has another than it would have now", () => {
    const verify = config({ guard: "verify" });
    const [block, verified] = [running, throughApiServer(injected(pod(), facts(), verify))];
    const of = (object: object, settings: InjectorConfig) => live(object, facts(), settings).running;
    const because = "its guard is in mode block, and would be in mode verify now";
    expect(of(block, verify)).toEqual({ state: "differently", because });
    expect(of(verified, config())?.because).toBe(
      "its guard is in mode verify, and would be in mode block now",
    );
    expect(of(verified, verify)?.state).toBe("same");
  });

  test("only where it is a pod: templates are never injected", () => {
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "w" },
      spec: { template: pod() },
    };
    expect(live(deployment)).not.toHaveProperty("running");
    expect(live({ ...pod(), spec: 7 })).not.toHaveProperty("running");
  });
});
