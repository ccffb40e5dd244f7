import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../../../injector/config/installation.ts";
import { OWN_RESOURCES } from "../../../injector/model/own-resources.ts";
import type { Pod } from "../../../injector/model/pod.ts";
import { admitPod } from "../../../injector/review/admit-pod.ts";
import { config } from "../../support/config.ts";
import { BILLING, facts } from "../../support/facts.ts";
import { FRESH } from "../../support/pods.ts";

const bare: Pod = {
  metadata: { name: "web", annotations: { "iam.amazonaws.com/role": BILLING } },
  spec: {
    initContainers: [{ name: "init", image: "shop/init:1", securityContext: { runAsUser: 1000 } }],
    containers: [{ name: "app", image: "shop/app:1", securityContext: { runAsUser: 1000 } }],
    volumes: [{ name: "data", emptyDir: {} }],
  },
};

const outcomeOf = (pod: Pod, settings: InjectorConfig) =>
  admitPod(pod, facts(), { ...settings, policy: "off" }, FRESH);

function injected(pod: Pod, settings: InjectorConfig): Pod {
  const outcome = outcomeOf(pod, settings);
  if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
  return structuredClone(outcome.after);
}

/** Sorts variables by name, because variables that stay from the earlier injection come first. */
const ordered = ({ spec, ...pod }: Pod): object => {
  const sorted = (containers: Pod["spec"]["containers"]) =>
    containers.map((one) => ({
      ...one,
      env: (one.env ?? []).toSorted((a, b) => a.name.localeCompare(b.name)),
    }));
  const [inits, containers] = [sorted(spec.initContainers ?? []), sorted(spec.containers)];
  return { ...pod, spec: { ...spec, initContainers: inits, containers } };
};

describe("a pod that an injector with other settings has patched", () => {
  test.for<readonly [string, Partial<InjectorConfig>, Partial<InjectorConfig>]>([
    ["another image", { image: "r.example/podrole:1" }, {}],
    ["another version", { version: "0.0.1" }, {}],
    ["another source", { source: "web-identity" }, { source: "node" }],
    ["no guard", { guard: "off" }, {}],
    ["another port", { credentialsPort: 20_000 }, {}],
    ["other blocked addresses", {}, { block: ["169.254.169.254"] }],
    ["the token in a variable", { token: "env" }, {}],
    ["the token in a file", { token: "file" }, {}],
    ["the token in a file, not a variable", { token: "file" }, { token: "env" }],
    ["the token in a variable, not a file", { token: "env" }, { token: "file" }],
    ["a token that is in a file and a variable", { token: "both" }, { token: "file" }],
    ["a token that is in a variable and a file", { token: "both" }, { token: "env" }],
  ])("gets the same result as an unpatched pod: %s", ([, before, after]) => {
    const pod = injected(bare, config(before));
    const outcome = outcomeOf(pod, config(after));
    expect(outcome).toMatchObject({ kind: "inject", before: pod });
    expect(ordered(injected(pod, config(after)))).toEqual(ordered(injected(bare, config(after))));
  });

  test("gets guard and sidecar of full size in the place of smaller ones", () => {
    const { spec, ...pod } = injected(bare, config({ version: "0.0.1" }));
    const small = { limits: { cpu: "10m", memory: "64Mi" }, requests: { cpu: "1m", memory: "6Mi" } };
    const initContainers = (spec.initContainers ?? []).map((one) => ({ ...one, resources: small }));
    const [guard, sidecar] = injected({ ...pod, spec: { ...spec, initContainers } }, config()).spec
      .initContainers ?? [{ name: "" }];
    const [usual] = injected(bare, config()).spec.initContainers ?? [];
    expect(guard?.["resources"]).toEqual(usual?.["resources"]);
    expect(sidecar?.["resources"]).toEqual(OWN_RESOURCES["podrole-sidecar"]);
  });

  test("keeps an endpoint and a token that the user has set", () => {
    const { spec, ...pod } = injected(bare, config({ source: "node" }));
    const env = [
      { name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", value: "http://127.0.0.1:9000/" },
      { name: "AWS_CONTAINER_AUTHORIZATION_TOKEN", value: "mine" },
    ];
    const containers = [{ name: "app", image: "shop/app:1", env }];
    expect(injected({ ...pod, spec: { ...spec, containers } }, config()).spec.containers[0]?.env).toEqual(
      expect.arrayContaining(env),
    );
  });

  test("gets a new guard and sidecar when its status is forged and they are not podrole's", () => {
    const pod = injected(bare, config());
    const [guard, sidecar] = pod.spec.initContainers ?? [];
    Object.assign(guard ?? {}, { command: ["true"] });
    Object.assign(sidecar ?? {}, { image: "evil" });
    const annotations = { ...pod.metadata?.annotations, "podrole.dev/status": '{"version":"0.0.1"}' };
    const forged = { ...pod, metadata: { ...pod.metadata, annotations } };
    expect(ordered(injected(forged, config()))).toEqual(ordered(injected(bare, config())));
  });
});

describe("a pod whose namespace has got another mode of the guard since it was patched", () => {
  const inMode = (guard: string) => facts({ annotations: { [ANNOTATION.guard]: guard } });
  const MODES = ["block", "verify", "off"];
  const after = (pod: Pod, guard: string): Pod => {
    const outcome = admitPod(pod, inMode(guard), config({ policy: "off" }), FRESH);
    if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
    return outcome.after;
  };

  test.for(
    MODES.flatMap((first) => MODES.filter((one) => one !== first).map((second) => [first, second] as const)),
  )("gets the same result as an unpatched pod: %s, then %s", ([first, second]) => {
    const patched = after(bare, first);
    expect(ordered(after(patched, second))).toEqual(ordered(after(bare, second)));
  });

  test.for([
    ["block", "verify"],
    ["verify", "block"],
  ] as const)("gets the guard alone in the new mode without a role: %s, then %s", ([first, second]) => {
    const plain = { ...bare, metadata: {} };
    expect(after(after(plain, first), second)).toEqual(after(plain, second));
  });

  test.for([
    ["block", "verify"],
    ["verify", "block"],
  ] as const)("is denied if a manifest brings it without a status: %s, then %s", ([first, second]) => {
    const patched = { ...after(bare, first), metadata: bare.metadata ?? {} };
    expect(admitPod(patched, inMode(second), config({ policy: "off" }), FRESH)).toMatchObject({
      kind: "deny",
      findings: [{ code: "INJECTED_DIFFERENTLY" }, { code: "INJECTED_DIFFERENTLY" }],
    });
  });

  test.for([
    ["of podrole's", "PODROLE_BLOCKED_ADDRESSES", "192.0.2.1"],
    ["that the program would read", "PODROLE_GUARD", "block"],
  ] as const)("is denied if a variable %s was added to a guard that verifies", ([, name, value]) => {
    const plain = { ...bare, metadata: {} };
    const patched = after(plain, "verify");
    const [guard] = patched.spec.initContainers ?? [];
    const added = { ...guard, name: "podrole-guard", env: [{ name, value }] };
    const changed = { ...patched, spec: { ...patched.spec, initContainers: [added] } };
    expect(admitPod(changed, inMode("verify"), config({ policy: "off" }), FRESH)).toMatchObject({
      kind: "deny",
      findings: [{ code: "INJECTED_DIFFERENTLY" }],
    });
  });

  test("loses a variable that another webhook has added to a guard that verifies", () => {
    const plain = { ...bare, metadata: {} };
    const patched = after(plain, "verify");
    const [guard] = patched.spec.initContainers ?? [];
    const added = { ...guard, name: "podrole-guard", env: [{ name: "DD_AGENT_HOST", value: "node" }] };
    const changed = { ...patched, spec: { ...patched.spec, initContainers: [added] } };
    expect(after(changed, "verify").spec.initContainers?.[0]?.env ?? []).toEqual([]);
  });

  test("is denied if its guard differs, and its status names the present mode", () => {
    const patched = after(bare, "block");
    const annotations = { ...patched.metadata?.annotations };
    annotations[ANNOTATION.status] = (annotations[ANNOTATION.status] ?? "").replace("block", "verify");
    const forged = { ...patched, metadata: { ...patched.metadata, annotations } };
    expect(admitPod(forged, inMode("verify"), config({ policy: "off" }), FRESH)).toMatchObject({
      kind: "deny",
      findings: [{ code: "INJECTED_DIFFERENTLY" }, { code: "INJECTED_DIFFERENTLY" }],
    });
  });
});

test.for([
  ["names these settings", (status: string) => status],
  ["is no JSON", () => "{"],
  ["is no object", () => "7"],
] as const)("a pod with another guard under podrole's name is denied when its status %s", ([, change]) => {
  const pod = injected(bare, config());
  Object.assign(pod.spec.initContainers?.[0] ?? {}, { command: ["true"] });
  const annotations = { ...pod.metadata?.annotations };
  annotations["podrole.dev/status"] = change(annotations["podrole.dev/status"] ?? "");
  const outcome = outcomeOf({ ...pod, metadata: { ...pod.metadata, annotations } }, config());
  expect(outcome).toMatchObject({ kind: "deny", findings: [{ code: "INJECTED_DIFFERENTLY" }] });
});

test("a pod with another guard under podrole's name and no status is denied", () => {
  const pod = injected(bare, config());
  Object.assign(pod.spec.initContainers?.[0] ?? {}, { command: ["true"] });
  const outcome = outcomeOf({ ...pod, metadata: bare.metadata ?? {} }, config());
  expect(outcome).toMatchObject({ kind: "deny", findings: [{ code: "INJECTED_DIFFERENTLY" }] });
});
