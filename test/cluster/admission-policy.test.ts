import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admitPod } from "../../injector/review/admit-pod.ts";
import { decide } from "../../injector/decide/decide.ts";
import { FINDINGS } from "../../injector/model/findings.ts";
import { mutate } from "../../injector/mutate/mutate.ts";
import { assigned } from "../../injector/mutate/assigned.ts";
import { SIDECAR_UIDS } from "../../sidecar/contract/pod.ts";
import { facts } from "../support/facts.ts";
import { goldens } from "../support/goldens.ts";
import { numbers } from "../support/random-pods.ts";
import { FRESH } from "../support/pods.ts";
import {
  NOT_SERVING_STATUSES,
  SERVING_STATUSES,
  started,
  STARTED_STATUSES,
  UNPROVEN_STATUSES,
} from "../support/started.ts";
import { until } from "../support/until.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { whyWithout } from "./api-version.ts";
import { AFFINITIES } from "../support/windows-affinities.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { BROKER_ATTACKS } from "./broker-attacks.ts";
import { ATTACKS } from "./policy-attacks.ts";
import { DEBUG_ATTACKS } from "./debug-attacks.ts";
import { EMPTY_VOLUME_ATTACKS } from "./empty-volume-attacks.ts";
import { EMULATION_ATTACKS } from "./emulation-attacks.ts";
import { STS_ATTACKS } from "./sts-attacks.ts";
import { TOGETHER_ATTACKS } from "./together-attacks.ts";
import { UID_ATTACKS, withUid } from "./uid-attacks.ts";
import { VERIFY_ATTACKS } from "./verify-attacks.ts";
import { SETTINGS, withoutVolumes, type AttackSetting } from "./attack.ts";
import {
  ALL_ROLES,
  codeIn,
  openPolicies,
  POLICIES,
  policiesOfPods,
  whyNoPolicies,
  type PolicyRig,
  WITHOUT_LEVELS,
} from "./policy-rig.ts";
import { accountsOf, NAMESPACES, podsOf } from "./setting.ts";
import { TOKEN_ATTACKS } from "./token-attacks.ts";
import { randomValidPod } from "./valid-pods.ts";

/** The pod without fields that this API server drops. */
function asTaken(pod: Pod): Pod {
  const { resources: _, ...spec } = pod.spec;
  return whyWithout("resources of a pod") === undefined ? pod : { ...pod, spec };
}

const reason = whyNoPolicies();
const STRATEGIC = "application/strategic-merge-patch+json";

/** Pods with values that every API server rejects. They test the webhook; the policy never sees them. */
const NO_PODS = new Set(["fields-prototype-keys", "fields-unknown-at-every-level"]);

describe.skipIf(reason !== undefined)(
  `the ValidatingAdmissionPolicy with no webhook there${reason ? `: ${reason}` : ""}`,
  () => {
    let rig: PolicyRig;
    let plane: ControlPlane;
    let create: PolicyRig["create"];
    let good: PolicyRig["good"];

    beforeAll(async () => {
      rig = await openPolicies(WITHOUT_LEVELS);
      ({ plane, create, good } = rig);
    });
    afterAll(() => rig?.close());

    // The controller manager checks the types, and none runs here.
    test("passes strict validation without a warning", async () => {
      for (const policy of policiesOfPods()) {
        const other = { ...policy, metadata: { ...policy.metadata, name: "other" } };
        const query = "?dryRun=All&fieldValidation=Strict";
        const { status, warnings } = await plane.admin.request("POST", POLICIES + query, other);
        expect({ status, warnings }).toEqual({ status: 201, warnings: [] });
      }
    });

    test("names only codes that the findings page explains", () => {
      const codes = [...JSON.stringify(policiesOfPods()).matchAll(/\[([A-Z][A-Z_]+)\]/g)].map(
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
        const label = await rig.policyFor(golden.config);
        const own = `golden-${name}`.slice(0, 60).replace(/-$/, "");
        const { annotations, labels } = golden.facts.namespace;
        await rig.namespace(own, label, annotations, labels);
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

    test.for([SIDECAR_UIDS.min, SIDECAR_UIDS.max])("admits a sidecar whose uid is %i", async (uid) => {
      const { own, pod } = await good(SETTINGS.plain, "plain");
      withUid(uid)(pod);
      expect(await create(own, pod)).toMatchObject({ status: 201 });
    });

    test.for(
      [
        ...ATTACKS,
        ...STS_ATTACKS,
        ...BROKER_ATTACKS,
        ...EMPTY_VOLUME_ATTACKS,
        ...EMULATION_ATTACKS,
        ...TOKEN_ATTACKS,
        ...UID_ATTACKS,
        ...TOGETHER_ATTACKS,
        ...VERIFY_ATTACKS,
      ].map((attack) => [attack.title, attack] as const),
    )("denies %s", async ([, attack], { skip }) => {
      skip(whyWithout(attack.needs) !== undefined, whyWithout(attack.needs));
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
    });

    describe("of a running pod", () => {
      const at = `${podsOf("attack-plain")}/running`;
      beforeAll(async () => {
        const { own, pod } = await good(SETTINGS.plain, "plain");
        pod.metadata.name = "running";
        await create(own, pod, "");
        await plane.admin.patch(`${at}/status`, { status: started(pod).status });
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
        ["to less CPU", { limits: { cpu: "49m" } }, 422, "[RESOURCES_BELOW_FLOOR]"],
        [
          "to the minimum",
          { requests: { cpu: "1m", memory: "16Mi" }, limits: { cpu: "50m", memory: "48Mi" } },
          200,
          "",
        ],
        ["to more", { limits: { cpu: "2", memory: "1Gi" } }, 200, ""],
      ] as const)(
        "a resize of the sidecar %s is answered with %j",
        async ([, resources, expected, said], { skip }) => {
          const why = whyWithout("a subresource for resizes");
          skip(why !== undefined, why);
          const change = { spec: { initContainers: [{ name: "podrole-sidecar", resources }] } };
          const { status, body } = await plane.admin.request("PATCH", `${at}/resize`, change, STRATEGIC);
          expect({ status, message: body.message ?? "" }).toEqual({
            status: expected,
            message: expect.stringContaining(said) as string,
          });
        },
      );

      const debug = async (container: object) => {
        const { body } = await plane.admin.request("GET", at);
        body.spec.ephemeralContainers = [{ name: "debugger", image: "busybox", ...container }];
        return plane.admin.request("PUT", `${at}/ephemeralcontainers?dryRun=All`, body);
      };

      test("an ephemeral container without NET_RAW can be added", async () => {
        const { status, body } = await debug({ securityContext: { capabilities: { drop: ["NET_RAW"] } } });
        expect({ status, message: body.message }).toEqual({ status: 200, message: undefined });
      });

      /** An ephemeral container that is added to a pod with this status. */
      async function debuggedWith(
        status: object,
        {
          name,
          setting = "plain",
          spec = {},
          sent = {},
          sidecar = true,
        }: {
          name: string;
          setting?: "plain" | "together" | "restricted";
          spec?: object;
          sent?: object;
          sidecar?: boolean;
        },
      ) {
        const { own, pod } = await good(SETTINGS[setting], setting, sidecar);
        const place = `${podsOf(own)}/${name}`;
        await create(
          own,
          { ...pod, metadata: { ...pod.metadata, name }, spec: { ...pod.spec, ...spec } },
          "",
        );
        await plane.admin.patch(`${place}/status`, { status });
        const { body } = await plane.admin.request("GET", place);
        const drop = { capabilities: { drop: ["ALL"] } };
        const ephemeralContainers = [{ name: "debugger", image: "busybox", securityContext: drop }];
        const changed = { ...body, ...sent, spec: { ...body.spec, ephemeralContainers } };
        return plane.admin.request("PUT", `${place}/ephemeralcontainers?dryRun=All`, changed);
      }
      const done = started({ spec: { containers: [] } }).status ?? {};

      test.for([
        ...STARTED_STATUSES.map(([when, status], index) => [when, status, index, "plain"] as const),
        ...STARTED_STATUSES.map(([when, status], index) => [when, status, index, "restricted"] as const),
        ...SERVING_STATUSES.map(([when, status], index) => [when, status, index, "together"] as const),
      ])(
        "an ephemeral container is admitted when, by the pod's status, %s",
        async ([, status, index, setting]) => {
          const sidecar = setting === "together" || index % 2 === 0;
          const answer = await debuggedWith(status, { name: `done-${index}`, setting, sidecar });
          expect({ status: answer.status, message: answer.body.message }).toEqual({
            status: 200,
            message: undefined,
          });
        },
      );

      test.for([
        ...UNPROVEN_STATUSES.map(([when, status], index) => [when, status, index, "plain"] as const),
        ...UNPROVEN_STATUSES.map(([when, status], index) => [when, status, index, "restricted"] as const),
        ...NOT_SERVING_STATUSES.map(([when, status], index) => [when, status, index, "together"] as const),
      ])(
        "an ephemeral container is refused when, by the pod's status, %s",
        async ([, status, index, setting]) => {
          const name = `unproven-${index}`;
          const sent = { status: done };
          const { status: answered, body } = await debuggedWith(status, { name, setting, sent });
          expect(answered).toBe(422);
          expect(body.message).toContain("[GUARD_NOT_DONE]");
        },
      );

      test("an ephemeral container is refused in a pod whose processes can end the sandbox", async () => {
        const spec = { shareProcessNamespace: true };
        const { body } = await debuggedWith(done, { name: "shared", spec, sidecar: false });
        expect(body.message).toContain("[GUARD_NOT_DONE]");
      });

      test.for(DEBUG_ATTACKS)("an ephemeral container %s is denied", async ([, container, code]) => {
        const { status, body } = await debug(container);
        expect(status).toBe(422);
        expect(body.message).toContain(`[${code}]`);
      });
    });

    test.for([
      "plain",
      "node",
      "off",
      "verify",
      "restricted",
      "together",
      "togetherNode",
      "brokerChosen",
    ] as const)("judges three hundred random pods as the webhook does: setting %s", async (name) => {
      const { config, annotations, labels }: AttackSetting = SETTINGS[name];
      const known = facts({ annotations, ...(labels && { labels }), grants: [ALL_ROLES] });
      const settings = { ...config, policy: "off" } as const;
      const { own, pod: harmless } = await good(SETTINGS[name], name);
      const decision = decide(
        randomValidPod(() => 0.999),
        known,
        settings,
      );
      if (decision.kind !== "inject") throw new Error(`${decision.kind} of ${JSON.stringify(harmless)}`);
      const next = numbers(7);
      const counts = { inject: 0, deny: 0, skip: 0 };
      for (let i = 0; i < 300; i += 1) {
        const pod = asTaken(randomValidPod(next));
        const decided = decide(pod, known, settings);
        const { kind, findings } = decided;
        // The webhook denies some pods that it could correct. A corrected pod is harmless.
        const mended = findings.filter(({ severity }) => severity === "deny");
        if (mended.length > 0 && mended.every(({ code }) => code === "PRIVILEGE_ESCALATION")) continue;
        counts[kind] += 1;
        // A denied pod is tried as if the webhook had let it pass.
        const { intent } = decided.kind === "inject" ? decided : decision;
        const values = assigned(pod, intent, settings, FRESH);
        if (values === undefined) throw new Error("no uid is left for the sidecar");
        const { status, body } = await create(own, mutate(pod, intent, settings, values));
        const verdict = status < 300 ? "inject" : "deny";
        expect({ verdict, pod, says: findings, body: status < 300 ? "" : body.message }).toMatchObject({
          verdict: kind,
          pod,
          says: findings,
        });
      }
      expect(Math.min(counts.inject, counts.deny)).toBeGreaterThan(20);
    });

    test("a pod that is older than podrole can lose its finalizer and be debugged", async () => {
      const label = await rig.policyFor(SETTINGS.plain.config);
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

    test("a pod whose guard and sidecar have a token for the Kubernetes API, of an older version, can be changed and debugged", async () => {
      const { own, pod } = await good(SETTINGS.plain, "plain");
      const open = "before-the-empty-volume";
      await plane.admin.create(NAMESPACES, { metadata: { name: open } });
      await plane.admin.create(accountsOf(open), { metadata: { name: "default" } });
      pod.metadata = { ...pod.metadata, name: "old", finalizers: ["shop.dev/a"] };
      for (const container of pod.spec.initContainers)
        container.volumeMounts = container.volumeMounts.filter(
          ({ name }: { name: string }) => name !== "podrole-no-api-token",
        );
      pod.spec.volumes.pop();
      const made = await create(open, pod, "");
      expect(made.body.spec.initContainers[0].volumeMounts).toMatchObject([{ name: /^kube-api-access-/ }]);
      const at = `${podsOf(open)}/old`;
      await plane.admin.patch(`${at}/status`, { status: started(pod).status });
      const { labels } = (await plane.admin.get(`${NAMESPACES}/${own}`)).metadata;
      await plane.admin.patch(`${NAMESPACES}/${open}`, { metadata: { labels } });
      const refused = async () => (await create(open, made.body)).status === 422 || undefined;
      await until("the label to count", refused);
      const { body } = await plane.admin.request("GET", at);
      body.spec.ephemeralContainers = [
        { name: "debugger", image: "busybox", securityContext: { capabilities: { drop: ["ALL"] } } },
      ];
      const changes = [
        await plane.admin.request("PUT", `${at}/ephemeralcontainers`, body),
        await plane.admin.request("PATCH", at, { metadata: { labels: { a: "b" } } }, STRATEGIC),
        await plane.admin.request("PATCH", at, { metadata: { finalizers: null } }, STRATEGIC),
      ];
      expect(changes.map(({ status }) => status)).toEqual([200, 200, 200]);
    });

    test.for([[[]], [null]])(
      "a projected volume of the user's own may have no source: %j",
      async ([sources]) => {
        const { own, pod } = await good(SETTINGS.plain, "plain");
        pod.spec.volumes.push({ name: "mine", projected: { sources } });
        pod.spec.containers[0].volumeMounts.push({ name: "mine", mountPath: "/mine" });
        const { status, body } = await create(own, pod);
        expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
      },
    );

    test.for([
      ["on the node's network", { hostNetwork: "warn" }, { hostNetwork: true }],
      ["where the guard is off", { guard: "off" }, {}],
    ] as const)("a pod without a sidecar gets no token for the broker: %s", async ([, over, spec]) => {
      const name = `tokens-${Object.keys(over).join("").toLowerCase()}`;
      await rig.namespace(name, await rig.policyFor({ ...SETTINGS.plain.config, ...over }));
      const asking = async (audience: string, volume: string): Promise<string> => {
        const serviceAccountToken = { audience, path: "token" };
        const volumes = [{ name: volume, projected: { sources: [{ serviceAccountToken }] } }];
        const containers = [{ name: "app", image: "a" }];
        const { body } = await create(name, {
          metadata: { name: "web" },
          spec: { ...spec, containers, volumes },
        });
        return body.message ?? "created";
      };
      expect(await asking("vault", "mine")).toBe("created");
      for (const volume of ["mine", "podrole-token", "podrole-identity-0"])
        expect(await asking("podrole-broker", volume)).toContain("[RESERVED_NAME]");
    });

    test("leaves the same pods alone as pods for Windows as the webhook does", async () => {
      const { own, pod } = await good(SETTINGS.plain, "plain");
      delete pod.spec.initContainers;
      withoutVolumes(pod);
      const answer = async (asked: object): Promise<string> => {
        const { status, body } = await create(own, { ...pod, spec: { ...pod.spec, ...asked } });
        return status === 201 ? "skip" : codeIn(body.message);
      };
      for (const [what, kind, terms, preferred = false] of AFFINITIES) {
        const nodeAffinity = preferred
          ? { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: terms[0] }] }
          : { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
        const wanted = kind === "skip" ? "skip" : "GUARD_MISSING";
        expect({ what, is: await answer({ affinity: { nodeAffinity } }) }).toEqual({ what, is: wanted });
        const linux = { affinity: { nodeAffinity }, os: { name: "linux" } };
        expect({ what, is: await answer(linux) }).toEqual({ what, is: "GUARD_MISSING" });
      }
      for (const label of ["kubernetes.io/os", "beta.kubernetes.io/os"]) {
        expect(await answer({ nodeSelector: { [label]: "windows" } })).toBe("skip");
        expect(await answer({ nodeSelector: { [label]: "linux" } })).toBe("GUARD_MISSING");
        const linux = { nodeSelector: { [label]: "windows" }, os: { name: "linux" } };
        expect(await answer(linux)).toBe("GUARD_MISSING");
      }
    });

    test("only a node may create a mirror pod", async () => {
      const { own, pod } = await good(SETTINGS.plain, "plain");
      delete pod.spec.initContainers;
      withoutVolumes(pod);
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
