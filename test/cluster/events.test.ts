import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { denied } from "../injector/serve/events-fixtures.ts";
import { silent } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { allowEvents, openEventsRig, recorderFor, type EventsRig } from "./events-rig.ts";
import type { KubeObject } from "./kube-client.ts";
import { createNamespace, podsOf } from "./setting.ts";

const reason = whyNot();

describe.skipIf(reason !== undefined)(`Events in a real cluster${reason ? `: ${reason}` : ""}`, () => {
  let plane: ControlPlane;
  let rig: EventsRig;

  beforeAll(async () => {
    plane = await openControlPlane();
    rig = await openEventsRig(plane);
    await createNamespace(plane.admin, "canary");
    await until("the webhook to be called", () => refusal("canary", {}, "?dryRun=All"));
  });
  afterAll(async () => {
    await rig.close();
    await plane.stop();
  });

  const eventsIn = async (namespace: string): Promise<readonly KubeObject[]> =>
    (await plane.admin.get(`/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).items;
  /** Once there are as many, so that one too many is seen as well. */
  const someEventsIn = (namespace: string, count: number): Promise<readonly KubeObject[]> =>
    until(`${count} Events in ${namespace}`, async () => {
      const found = await eventsIn(namespace);
      return found.length >= count ? found : undefined;
    });
  /** What comes of a pod that must not be: the API server's message, or undefined where it was let in. */
  const refusal = (namespace: string, metadata: object, query = ""): Promise<string | undefined> =>
    plane.admin
      .create(`${podsOf(namespace)}${query}`, {
        metadata: { name: "web", ...metadata },
        spec: { hostPID: true, containers: [{ name: "app", image: "shop/app:1" }] },
      })
      .then(
        () => undefined,
        (error: Error) => error.message,
      );
  const ownedBy = (owner: KubeObject, apiVersion: string, kind: string): object => {
    const { name, uid } = owner.metadata;
    const reference = { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
    return { name: undefined, generateName: `${name}-`, ownerReferences: [reference] };
  };

  test("no right to write them is told once, and denies no other pod than before", async () => {
    await createNamespace(plane.admin, "bare");
    expect(await refusal("bare", {})).toContain("[HOST_NAMESPACE]");
    expect(await refusal("bare", { name: "db" })).toContain("[HOST_NAMESPACE]");
    await until("two failures", () => rig.results.length >= 2 || undefined);
    expect(rig.results).toEqual(["failed", "failed"]);
    const told = rig.lines.filter(({ msg }) => msg === "events not written");
    expect(told).toMatchObject([{ why: "HTTP 403", said: expect.stringContaining("events.k8s.io") }]);
    expect(await eventsIn("bare")).toEqual([]);

    await allowEvents(plane);
    await until("the right to write", async () => {
      await refusal("bare", {});
      return rig.results.includes("created") || undefined;
    });
    expect(rig.lines.filter(({ msg }) => msg === "events written again")).toHaveLength(1);
  });

  test.for([
    ["ReplicaSet", "apps/v1", "replicasets"],
    ["Job", "batch/v1", "jobs"],
  ] as const)("a denied pod of a %s leaves one Event on it, however often it is tried", async (of) => {
    const [kind, apiVersion, plural] = of;
    const namespace = plural;
    await createNamespace(plane.admin, namespace);
    const owner = await plane.admin.create(
      `/apis/${apiVersion}/namespaces/${namespace}/${plural}`,
      workload(kind),
    );
    for (let tries = 0; tries < 3; tries += 1) {
      expect(await refusal(namespace, ownedBy(owner, apiVersion, kind))).toContain("[HOST_NAMESPACE]");
    }
    // Also from the pod of another name, so that whatever the three had left would have come before it.
    await refusal(namespace, { name: "last" });
    const [first, last, ...others] = (await someEventsIn(namespace, 2)).toSorted(
      (a, b) => Number(a.regarding.kind === "Pod") - Number(b.regarding.kind === "Pod"),
    );
    expect(others).toEqual([]);
    expect(first).toMatchObject({
      type: "Warning",
      reason: "PodDenied",
      note: expect.stringMatching(/^\[HOST_NAMESPACE\] .+ Take hostPID off the pod\.$/) as string,
      regarding: { apiVersion, kind, namespace, name: owner.metadata.name, uid: owner.metadata.uid },
      reportingController: "podrole.dev/injector",
      reportingInstance: "injector-0",
    });
    expect(last.regarding).toMatchObject({ kind: "Pod", name: "last" });
    // `kubectl describe` asks the core API for what is about the object's uid.
    const selector = `involvedObject.uid=${owner.metadata.uid}`;
    const described = await plane.admin.get(
      `/api/v1/namespaces/${namespace}/events?fieldSelector=${encodeURIComponent(selector)}`,
    );
    expect(described.items).toHaveLength(1);
  });

  test("a server-side dry run leaves none", async () => {
    await createNamespace(plane.admin, "dry");
    expect(await refusal("dry", {}, "?dryRun=All")).toContain("[HOST_NAMESPACE]");
    // One that is written, after which the other would have been.
    await refusal("dry", { name: "written" });
    const found = await someEventsIn("dry", 1);
    expect(found.map(({ regarding }) => regarding.name)).toEqual(["written"]);
  });

  test("a pod that is let in without a guard leaves one that says so", async () => {
    await createNamespace(plane.admin, "unguarded");
    const annotations = { "podrole.dev/guard": "off" };
    await plane.admin.patch("/api/v1/namespaces/unguarded", { metadata: { annotations } });
    await until("the annotation to be seen, and told", async () => {
      await plane.admin.create(podsOf("unguarded"), {
        metadata: { generateName: "web-" },
        spec: { containers: [{ name: "app", image: "shop/app:1" }] },
      });
      return (await eventsIn("unguarded")).length > 0 || undefined;
    });
    const found = await eventsIn("unguarded");
    expect(found).toMatchObject([{ reason: "GuardOff" }]);
  });

  test("a series that goes on is taken by the API server", async () => {
    await createNamespace(plane.admin, "long");
    let now = Date.now();
    const events = recorderFor(plane, { log: silent, now: () => now, count: () => {} });
    const found = { code: "PRIVILEGED", severity: "deny", message: "ü".repeat(600), remedy: "No." } as const;
    const decided = denied([found], { namespace: "long", object: {} });
    events.observe(decided);
    await someEventsIn("long", 1);
    now += 200_000;
    events.observe(decided);
    now += 200_000;
    events.observe(decided);
    const series = (await someEventsIn("long", 2)).find((one) => one.series !== undefined);
    await events.stop();
    expect(series).toMatchObject({
      series: { count: 3 },
      regarding: { kind: "Namespace", name: "long" },
    });
    expect(Buffer.byteLength(series.note)).toBeLessThanOrEqual(1024);
  });
});

function workload(kind: "ReplicaSet" | "Job"): object {
  const labels = { app: "web" };
  const containers = [{ name: "app", image: "shop/app:1" }];
  const template = { metadata: { labels }, spec: { hostPID: true, containers } };
  return kind === "ReplicaSet"
    ? { metadata: { name: "web" }, spec: { selector: { matchLabels: labels }, template } }
    : {
        metadata: { name: "web" },
        spec: { template: { ...template, spec: { ...template.spec, restartPolicy: "Never" } } },
      };
}
