import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { until } from "../support/until.ts";
import { whyWithout } from "./api-version.ts";
import { whyNot } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { createNamespace, NAMESPACES, podsOf } from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = { [ANNOTATION.role]: "arn:aws:iam::111122223333:role/billing-reader" };
const SMALL = { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "200m", memory: "256Mi" } };
const EQUAL = { requests: { cpu: "500m", memory: "256Mi" }, limits: { cpu: "500m", memory: "256Mi" } };

const app = (resources: object | undefined): object => ({
  containers: [{ name: "app", image: "shop/app:1", ...(resources && { resources }) }],
});

describe.skipIf(reason !== undefined)(
  `LimitRanges, quotas and classes of a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving;
    let count = 0;
    beforeAll(async () => {
      serving = await openInjector();
    });
    afterAll(() => serving?.close());

    async function namespaceWith(...limits: readonly object[]): Promise<string> {
      const name = `limits-${(count += 1)}`;
      await createNamespace(serving.plane.admin, name);
      if (limits.length > 0) {
        const range = { metadata: { name: "narrow" }, spec: { limits } };
        await serving.plane.admin.create(`${NAMESPACES}/${name}/limitranges`, range);
      }
      return name;
    }
    const create = (namespace: string, annotations: object, spec: object) =>
      serving.plane.admin.request(
        "POST",
        `${podsOf(namespace)}?dryRun=All`,
        podObject("web", annotations, spec),
      );
    /** The injector learns of a LimitRange a moment late: until then, the API server refuses the pod in its own words. */
    const created = (namespace: string, annotations: object, spec: object): Promise<KubeObject> =>
      until("the pod", async () => {
        const { status, body } = await create(namespace, annotations, spec);
        return status === 201 ? body : undefined;
      });

    describe.for([
      ["with a role", ROLE],
      ["that wants no AWS", {}],
    ] as const)("a pod %s", ([, annotations]) => {
      test.for([
        ["a maximum of 500m CPU for containers", { type: "Container", max: { cpu: "500m" } }],
        [
          "a minimum of 50m and 128Mi for containers",
          { type: "Container", min: { cpu: "50m", memory: "128Mi" } },
        ],
        ["a CPU ratio of 10", { type: "Container", maxLimitRequestRatio: { cpu: "10" } }],
        ["ratios of 1", { type: "Container", maxLimitRequestRatio: { cpu: "1", memory: "1" } }],
        ["a maximum of 1 CPU for pods", { type: "Pod", max: { cpu: "1" } }],
        ["a ratio of 4 for pods", { type: "Pod", maxLimitRequestRatio: { cpu: "4", memory: "4" } }],
        ["a minimum of 50m for pods", { type: "Pod", min: { cpu: "50m", memory: "128Mi" } }],
        ["a maximum of ephemeral storage", { type: "Container", max: { "ephemeral-storage": "1Gi" } }],
      ] as const)("is created under %s", async ([what, item]) => {
        const own = what === "ratios of 1" ? EQUAL : SMALL;
        const pod = await created(await namespaceWith(item), annotations, app(own));
        expect(pod.spec.initContainers[0].name).toBe("podrole-guard");
      });

      test("stays Guaranteed", async () => {
        const pod = await created(await namespaceWith(), annotations, app(EQUAL));
        expect(pod.status.qosClass).toBe("Guaranteed");
      });

      test("becomes Burstable, where it has neither requests nor limits", async () => {
        const pod = await created(await namespaceWith(), annotations, app(undefined));
        expect(pod.status.qosClass).toBe("Burstable");
      });

      test.for([
        ["as its containers have", EQUAL, "Guaranteed"],
        ["with limits alone", { limits: EQUAL.limits }, "Guaranteed"],
        ["with requests alone", { requests: EQUAL.requests }, "Burstable"],
      ] as const)("is created with resources of its own, %s", async ([, resources, qosClass], { skip }) => {
        const why = whyWithout("resources of a pod");
        skip(why !== undefined, why);
        const pod = await created(await namespaceWith(), annotations, { ...app(EQUAL), resources });
        expect(pod.status.qosClass).toBe(qosClass);
      });
    });

    test("a pod for whose guard a LimitRange is too tight is denied with its name", async () => {
      const namespace = await namespaceWith({ type: "Container", max: { memory: "24Mi" } });
      const own = { requests: { memory: "20Mi" }, limits: { memory: "24Mi" } };
      const { message } = await until("the denial", async () => {
        const { body } = await create(namespace, {}, app(own));
        return body.message?.includes("podrole") ? body : undefined;
      });
      expect(message).toContain('[LIMIT_RANGE_TOO_TIGHT] LimitRange "narrow" of namespace');
    });

    async function quota(hard: Readonly<Record<string, string>>): Promise<string> {
      const namespace = await namespaceWith();
      const { admin } = serving.plane;
      const at = `${NAMESPACES}/${namespace}/resourcequotas`;
      await admin.create(at, { metadata: { name: "compute" }, spec: { hard } });
      // Here is no controller that does so.
      const used = Object.fromEntries(Object.keys(hard).map((key) => [key, "0"]));
      await admin.patch(`${at}/compute/status`, { status: { hard, used } });
      return namespace;
    }

    test("a quota that lets a pod without AWS in still does with the guard in it", async () => {
      const hard = {
        "requests.cpu": "50m",
        "requests.memory": "128Mi",
        "limits.cpu": "200m",
        "limits.memory": "256Mi",
      };
      const pod = await created(await quota(hard), {}, app(SMALL));
      expect(pod.spec.initContainers[0].name).toBe("podrole-guard");
    });

    test("a quota that a sidecar exceeds is named by the API server, and a smaller sidecar is let in", async () => {
      const namespace = await quota({ "limits.cpu": "300m" });
      const { message } = await until("the refusal", async () => {
        const { status, body } = await create(namespace, ROLE, app(SMALL));
        return status === 403 ? body : undefined;
      });
      expect(message).toContain("exceeded quota: compute, requested: limits.cpu=1200m");
      await created(namespace, { ...ROLE, [ANNOTATION.sidecarResources]: "limits.cpu=100m" }, app(SMALL));
    });
  },
);
