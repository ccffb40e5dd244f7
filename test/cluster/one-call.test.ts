import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { whyNot } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { createNamespace, podsOf } from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = { [ANNOTATION.role]: "arn:aws:iam::111122223333:role/billing-reader" };
const COUNT = 5;
const METRIC = "apiserver_admission_webhook_admission_duration_seconds_count{";
const PLACE = "/var/run/secrets/kubernetes.io/serviceaccount";

const PODS: readonly (readonly [what: string, annotations: object, spec?: object])[] = [
  ["with a role", ROLE],
  ["without a role", {}],
  ["with a role that forbids the token", ROLE, { automountServiceAccountToken: false }],
  ["without a role that forbids the token", {}, { automountServiceAccountToken: false }],
  ["with init containers", ROLE, { initContainers: [{ name: "setup", image: "shop/setup:1" }] }],
];

describe.skipIf(reason !== undefined)(
  `the API server's calls of the webhook for a pod${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving;
    beforeAll(async () => {
      serving = await openInjector();
    });
    afterAll(() => serving?.close());

    /** All calls so far, by the API server's count and by the injector's log. */
    async function calls(): Promise<readonly [number, number]> {
      const { body } = await serving.plane.admin.request("GET", "/metrics");
      const ofPods = String(body)
        .split("\n")
        .filter((line) => line.startsWith(METRIC) && line.includes('name="pods.podrole.dev"'));
      const sum = ofPods.reduce((all, line) => all + Number(line.slice(line.lastIndexOf(" "))), 0);
      return [sum, serving.lines.filter(({ msg }) => msg === "decided").length];
    }

    /** Creates some pods in a new namespace. @returns the calls for each of them, and one of them */
    async function callsFor(namespace: string, annotations: object, spec?: object, limits?: object) {
      const { admin } = serving.plane;
      await createNamespace(admin, namespace);
      if (limits !== undefined) {
        const range = { metadata: { name: "limits" }, spec: { limits: [{ type: "Container", ...limits }] } };
        await admin.create(`/api/v1/namespaces/${namespace}/limitranges`, range);
      }
      const before = await calls();
      let pod: KubeObject;
      for (let n = 0; n < COUNT; n += 1) {
        pod = await admin.create(podsOf(namespace), podObject(`web-${n}`, annotations, spec));
      }
      const each = (await calls()).map((sum, index) => (sum - (before[index] ?? 0)) / COUNT);
      return { each, pod };
    }

    test.for(PODS)("are one: a pod %s", async ([what, annotations, spec]) => {
      const { each, pod } = await callsFor(what.replaceAll(" ", "-"), annotations, spec);
      expect(each).toEqual([1, 1]);
      // The API server's other plugins have changed the pod, too.
      expect(pod.spec).toMatchObject({ priority: 0, tolerations: [{}, {}] });

      const own = pod.spec.initContainers.filter(({ name }: KubeObject) => name.startsWith("podrole-"));
      for (const { volumeMounts } of own) {
        const there = volumeMounts.filter(({ mountPath }: KubeObject) => mountPath === PLACE);
        expect(there.map(({ name }: KubeObject) => name)).toEqual(["podrole-no-api-token"]);
      }
      expect(JSON.stringify(own)).not.toContain("kube-api-access");
      const volume = pod.spec.volumes.find(({ name }: KubeObject) => name === "podrole-no-api-token");
      expect(volume).toEqual({
        name: "podrole-no-api-token",
        projected: { defaultMode: 420, sources: null },
      });
    });

    test("are one where LimitRanger has defaults for CPU and memory", async () => {
      const amounts = { cpu: "100m", memory: "64Mi" };
      const limits = { default: amounts, defaultRequest: amounts };
      const { each, pod } = await callsFor("sized", ROLE, {}, limits);
      expect(each).toEqual([1, 1]);
      expect(pod.spec.containers[0].resources.limits).toEqual(amounts);
    });

    // podrole writes no limit for it, so this plugin changes guard and sidecar after the webhook.
    test("are two where LimitRanger has a default for ephemeral storage", async () => {
      const limits = { default: { "ephemeral-storage": "1Gi" } };
      expect((await callsFor("stored", ROLE, {}, limits)).each).toEqual([2, 2]);
    });
  },
);
