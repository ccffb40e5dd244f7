import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admitPod } from "../../injector/review/admit-pod.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { decide } from "../../injector/decide/decide.ts";
import { FINDINGS } from "../../injector/model/findings.ts";
import { mutate } from "../../injector/mutate/mutate.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { tokensFor } from "../../injector/mutate/token.ts";
import { facts } from "../support/facts.ts";
import { goldens } from "../support/goldens.ts";
import { ofKind, rendered, whyNoHelm, type Manifest } from "../support/helm.ts";
import { numbers } from "../support/random-pods.ts";
import { FRESH } from "../support/pods.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { randomValidPod } from "./valid-pods.ts";
import { ATTACKS, DEBUG_ATTACKS, EMULATION_ATTACKS, SETTINGS, type AttackSetting } from "./policy-attacks.ts";
import { accountsOf, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const CONFIGS = `${NAMESPACES}/podrole-system/configmaps`;
const STRATEGIC = "application/strategic-merge-patch+json";

/** Pods with values that every API server rejects. They test the webhook; the policy never sees them. */
const NO_PODS = new Set(["fields-prototype-keys", "fields-unknown-at-every-level"]);

/** The policies for pods that are created and for pods that run. */
const POLICIES_OF_PODS: readonly Manifest[] =
  reason === undefined
    ? rendered().filter(
        ({ kind, metadata }) => kind === "ValidatingAdmissionPolicy" && metadata.name !== "podrole-exec",
      )
    : [];

/** The chart's values for an injector with this configuration. */
const valuesOf = (config: InjectorConfig): object => ({
  options: {
    image: config.image,
    imagePullPolicy: config.imagePullPolicy,
    source: config.source,
    sourceOverride: config.sourceOverride,
    guard: config.guard,
    egressHook: config.egressHook,
    guardNetRaw: config.guardNetRaw,
    hostNetwork: config.hostNetwork,
    hostPath: config.hostPath,
    stsEndpoint: config.stsEndpoint,
    stsFips: config.stsFips,
    stsDualStack: config.stsDualStack,
    stsCa: config.stsCa,
    ambientSecret: config.ambientSecret,
    block: config.block,
    imds: config.imds,
    imdsPort: config.imdsPort,
    imdsNodePaths: config.imdsNodePaths,
  },
});

describe.skipIf(reason !== undefined)(
  `the ValidatingAdmissionPolicy with no webhook there${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    const settled = new Map<string, Promise<string>>();

    beforeAll(async () => {
      plane = await openControlPlane();
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      for (const policy of POLICIES_OF_PODS) await plane.admin.create(POLICIES, policy);
    });
    afterAll(() => plane?.stop());

    /** Installs the policy of a configuration once, for namespaces with their own label. Resolves to the label. */
    function policyFor(config: InjectorConfig): Promise<string> {
      const values = JSON.stringify(valuesOf(config));
      const known = settled.get(values);
      if (known !== undefined) return known;
      const label = `config-${settled.size}`;
      const installing = install(label, JSON.parse(values) as object);
      settled.set(values, installing);
      return installing;
    }

    async function install(label: string, values: object): Promise<string> {
      const objects = rendered(values);
      const settings = ofKind(objects, "ConfigMap");
      settings.metadata.name = label;
      await plane.admin.create(CONFIGS, settings);
      for (const binding of objects.filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding")) {
        const { name } = binding.metadata;
        if (name === "podrole-exec") continue;
        binding.metadata.name = `${name}-${label}`;
        if (binding.spec.paramRef) binding.spec.paramRef.name = label;
        binding.spec.matchResources = { namespaceSelector: { matchLabels: { "test-policy": label } } };
        await plane.admin.create(BINDINGS, binding);
      }
      await namespace(`${label}-canary`, label);
      await until(
        "the policy to be in force",
        async () => {
          const canary = {
            metadata: { name: "canary" },
            spec: { hostPID: true, containers: [{ name: "a", image: "a" }] },
          };
          const sidecar = { name: "podrole-sidecar", image: "a" };
          const { status } = await create(`${label}-canary`, {
            ...canary,
            spec: { ...canary.spec, initContainers: [sidecar] },
          });
          return status === 422 || status === 403 || undefined;
        },
        30_000,
      );
      return label;
    }

    async function namespace(name: string, policy: string, annotations: object = {}): Promise<void> {
      await plane.admin.create(NAMESPACES, {
        metadata: { name, labels: { "podrole.dev/inject": "enabled", "test-policy": policy }, annotations },
      });
      await plane.admin.create(accountsOf(name), { metadata: { name: "default" } });
    }

    const create = (into: string, pod: KubeObject, query = "?dryRun=All") =>
      plane.admin.request("POST", `${podsOf(into)}${query}`, {
        ...pod,
        metadata: { ...pod.metadata, namespace: into },
      });

    // The controller manager checks the types, and none runs here.
    test("passes strict validation without a warning", async () => {
      for (const policy of POLICIES_OF_PODS) {
        const other = { ...policy, metadata: { ...policy.metadata, name: "other" } };
        const query = "?dryRun=All&fieldValidation=Strict";
        const { status, warnings } = await plane.admin.request("POST", POLICIES + query, other);
        expect({ status, warnings }).toEqual({ status: 201, warnings: [] });
      }
    });

    test("names only codes that the findings page explains", () => {
      const codes = [...JSON.stringify(POLICIES_OF_PODS).matchAll(/\[([A-Z][A-Z_]+)\]/g)].map(
        ([, code]) => code,
      );
      expect(codes.length).toBeGreaterThan(15);
      expect(codes.filter((code) => !Object.hasOwn(FINDINGS, code ?? ""))).toEqual([]);
    });

    describe("admits the pods that the webhook patches", async () => {
      const cases = await goldens(new URL("../injector/golden/", import.meta.url));
      test.for(cases.map((one) => [one.name, one] as const))("%s", async ([name, golden], { skip }) => {
        if (NO_PODS.has(name)) return skip("refused by the API server's own validation");
        const outcome = admitPod(golden.pod, golden.facts, golden.config, FRESH);
        if (outcome.kind === "deny") return skip("denied by the webhook");
        if (outcome.kind === "skip" && outcome.reason === "namespace-not-labelled") {
          return skip("of a namespace that the policy does not match");
        }
        const label = await policyFor(golden.config);
        const own = `golden-${name}`.slice(0, 60).replace(/-$/, "");
        await namespace(own, label, golden.facts.namespace.annotations);
        const pod = (outcome.kind === "inject" ? outcome.after : golden.pod) as KubeObject;
        const account = pod.spec.serviceAccountName;
        if (account && account !== "default") {
          await plane.admin.create(accountsOf(own), { metadata: { name: account } });
        }
        const { status, body } = await create(own, pod);
        expect({ status, message: status < 300 ? "" : body.message }).toEqual({ status: 201, message: "" });
        return undefined;
      });
    });

    /** A pod as the webhook makes it under some settings, and the namespace that admits it. */
    async function good(
      { config, annotations, pod: asked = {} }: AttackSetting,
      name: string,
      sidecar = true,
    ) {
      const label = await policyFor(config);
      const own = `attack-${name.toLowerCase()}`;
      const found = await plane.admin.request("GET", `${NAMESPACES}/${own}`);
      if (found.status === 404) await namespace(own, label, annotations);
      const role = { "iam.amazonaws.com/role": "arn:aws:iam::111122223333:role/billing-reader" };
      const outcome = admitPod(
        {
          metadata: { name: "web", annotations: { ...(sidecar ? role : {}), ...asked } },
          spec: {
            containers: [{ name: "app", image: "shop/app:1", securityContext: { runAsUser: 1000 } }],
          },
        },
        facts({ annotations }),
        { ...config, policy: "off" },
        FRESH,
      );
      if (outcome.kind !== "inject") throw new Error(JSON.stringify(outcome));
      return { own, pod: structuredClone(outcome.after) as KubeObject };
    }

    test.for(Object.entries(SETTINGS))(
      "admits the pods that the attacks start from: %s",
      async ([name, setting]) => {
        for (const sidecar of [true, ...(setting.config.guard === "off" ? [] : [false])]) {
          const { own, pod } = await good(setting, name.toLowerCase(), sidecar);
          const { status, body } = await create(own, pod);
          expect({ status, message: status < 300 ? "" : body.message }).toEqual({ status: 201, message: "" });
        }
      },
    );

    test.for([...ATTACKS, ...EMULATION_ATTACKS].map((attack) => [attack.title, attack] as const))(
      "denies %s",
      async ([, attack]) => {
        const { own, pod } = await good(
          SETTINGS[attack.setting ?? "plain"],
          attack.setting ?? "plain",
          attack.sidecar,
        );
        attack.change(pod);
        const { status, body } = await create(own, pod);
        expect({ status, says: body.message }).toEqual({
          status: 422,
          says: expect.stringContaining(`ValidatingAdmissionPolicy`) as string,
        });
        expect(body.message).toContain(`[${attack.code}]`);
      },
    );

    describe("of a running pod", () => {
      const at = `${podsOf("attack-plain")}/running`;
      beforeAll(async () => {
        const { own, pod } = await good(SETTINGS.plain, "plain");
        pod.metadata.name = "running";
        await create(own, pod, "");
      });

      test.for([
        ["guard", "podrole-guard"],
        ["sidecar", "podrole-sidecar"],
      ])("the image of the %s cannot be changed", async ([, name]) => {
        const change = { spec: { initContainers: [{ name, image: "evil" }] } };
        const { status, body } = await plane.admin.request("PATCH", at, change, STRATEGIC);
        expect(status).toBe(422);
        expect(body.message).toContain("[POD_FROZEN]");
      });

      test("the app's image and a label can be changed", async () => {
        const image = { spec: { containers: [{ name: "app", image: "shop/app:2" }] } };
        expect(await plane.admin.request("PATCH", at, image, STRATEGIC)).toMatchObject({ status: 200 });
        const label = { metadata: { labels: { a: "b" }, finalizers: null } };
        expect(await plane.admin.request("PATCH", at, label, STRATEGIC)).toMatchObject({ status: 200 });
      });

      test.for([
        [
          "to less memory",
          { requests: { memory: "6Mi" }, limits: { memory: "6Mi" } },
          422,
          "[RESOURCES_BELOW_FLOOR]",
        ],
        ["to less CPU", { requests: { cpu: "1m", memory: "96Mi" } }, 422, "[RESOURCES_BELOW_FLOOR]"],
        ["to more", { limits: { cpu: "2", memory: "1Gi" } }, 200, ""],
      ] as const)("a resize of the sidecar %s is answered with %j", async ([, resources, expected, said]) => {
        const change = { spec: { initContainers: [{ name: "podrole-sidecar", resources }] } };
        const { status, body } = await plane.admin.request("PATCH", `${at}/resize`, change, STRATEGIC);
        expect({ status, message: body.message ?? "" }).toEqual({
          status: expected,
          message: expect.stringContaining(said) as string,
        });
      });

      const debug = async (container: object) => {
        const { body } = await plane.admin.request("GET", at);
        body.spec.ephemeralContainers = [{ name: "debugger", image: "busybox", ...container }];
        return plane.admin.request("PUT", `${at}/ephemeralcontainers?dryRun=All`, body);
      };

      test("an ephemeral container without NET_RAW can be added", async () => {
        const { status, body } = await debug({ securityContext: { capabilities: { drop: ["NET_RAW"] } } });
        expect({ status, message: body.message }).toEqual({ status: 200, message: undefined });
      });

      test.for(DEBUG_ATTACKS)("an ephemeral container %s is denied", async ([, container, code]) => {
        const { status, body } = await debug(container);
        expect(status).toBe(422);
        expect(body.message).toContain(`[${code}]`);
      });
    });

    test.for(["plain", "node", "off"] as const)(
      "judges three hundred random pods as the webhook does: setting %s",
      async (name) => {
        const { config, annotations } = SETTINGS[name];
        const known = facts({ annotations });
        const settings = { ...config, policy: "off" } as const;
        const { own, pod: harmless } = await good(SETTINGS[name], name);
        const decision = decide(
          randomValidPod(() => 0.999),
          known,
          settings,
        );
        if (decision.kind !== "inject") throw new Error(`${decision.kind} of ${JSON.stringify(harmless)}`);
        const tokens = (pod: Pod) => tokensFor(pod, decision.intent.sidecar?.identities ?? [], FRESH);
        const next = numbers(7);
        const counts = { inject: 0, deny: 0, skip: 0 };
        for (let i = 0; i < 300; i += 1) {
          const pod = randomValidPod(next);
          const { kind, findings } = decide(pod, known, settings);
          // The webhook denies some pods that it could correct. A corrected pod is harmless.
          const mended = findings.filter(({ severity }) => severity === "deny");
          if (mended.length > 0 && mended.every(({ code }) => code === "PRIVILEGE_ESCALATION")) continue;
          counts[kind] += 1;
          // A denied pod is tried as if the webhook had let it pass.
          const { status, body } = await create(own, mutate(pod, decision.intent, settings, tokens(pod)));
          const verdict = status < 300 ? "inject" : "deny";
          expect({ verdict, pod, says: findings, body: status < 300 ? "" : body.message }).toMatchObject({
            verdict: kind,
            pod,
            says: findings,
          });
        }
        expect(Math.min(counts.inject, counts.deny)).toBeGreaterThan(20);
      },
    );

    test("a pod that is older than podrole can lose its finalizer and be debugged", async () => {
      const label = await policyFor(SETTINGS.plain.config);
      await plane.admin.create(NAMESPACES, { metadata: { name: "older" } });
      await plane.admin.create(accountsOf("older"), { metadata: { name: "default" } });
      const at = `${podsOf("older")}/old`;
      await create(
        "older",
        {
          metadata: { name: "old", finalizers: ["shop.dev/a"] },
          spec: { hostPID: true, containers: [{ name: "a", image: "a" }] },
        },
        "",
      );
      const labels = { "podrole.dev/inject": "enabled", "test-policy": label };
      await plane.admin.patch(`${NAMESPACES}/older`, { metadata: { labels } });
      await until(
        "the label to count",
        async () =>
          (
            await create("older", {
              metadata: { name: "new" },
              spec: { containers: [{ name: "a", image: "a" }] },
            })
          ).status === 422 || undefined,
      );
      const { body } = await plane.admin.request("GET", at);
      body.spec.ephemeralContainers = [{ name: "debugger", image: "busybox" }];
      expect(await plane.admin.request("PUT", `${at}/ephemeralcontainers`, body)).toMatchObject({
        status: 200,
      });
      expect(
        await plane.admin.request("PATCH", at, { metadata: { finalizers: null } }, STRATEGIC),
      ).toMatchObject({ status: 200 });
    });

    test("only a node may create a mirror pod", async () => {
      const { own, pod } = await good(SETTINGS.plain, "plain");
      delete pod.spec.initContainers;
      delete pod.spec.volumes;
      pod.spec.nodeName = "node-1";
      pod.metadata.annotations["kubernetes.io/config.mirror"] = "x";
      const { body } = await create(own, pod);
      expect(body.message).toContain("[GUARD_MISSING]");
    });

    test("stays within the cost budget for a pod of a hundred containers with a hundred variables each", async () => {
      const { own, pod } = await good(SETTINGS.plain, "plain");
      const [app] = pod.spec.containers;
      const env = Array.from({ length: 100 }, (_, i) => ({ name: `NAME_${i}`, value: "value ".repeat(20) }));
      pod.spec.containers = Array.from({ length: 100 }, (_, i) => ({ ...app, name: `app-${i}`, env }));
      const { status, body } = await create(own, pod);
      expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
    });
  },
);
