import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Facts } from "../../injector/model/facts.ts";
import { kubernetesCluster, type KubernetesCluster } from "../../injector/cluster/kubernetes.ts";
import { logLines, type LogLine } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import {
  accountsOf,
  allowInjector,
  createNamespace,
  CRDS,
  grantObject,
  GRANTS,
  installCrd,
  NAMESPACES,
} from "./setting.ts";

const reason = whyNot();
const ROLE = "eks.amazonaws.com/role-arn";
const ARN = "arn:aws:iam::111122223333:role/billing";

describe.skipIf(reason !== undefined)(`facts from a real API server${reason ? `: ${reason}` : ""}`, () => {
  let plane: ControlPlane;
  let namespace: string;
  let made = 0;

  beforeAll(async () => {
    plane = await openControlPlane();
    await allowInjector(plane);
    await installCrd(plane);
  });
  afterAll(() => plane.stop());
  beforeEach(async () => {
    made += 1;
    namespace = `shop-${made}`;
    await createNamespace(plane.admin, namespace);
  });

  interface Followed {
    readonly cluster: KubernetesCluster;
    readonly facts: () => Promise<Facts>;
    readonly lines: readonly LogLine[];
  }

  async function followed(): Promise<Followed> {
    const { log, lines } = logLines();
    const cluster = kubernetesCluster(plane.injectorConfig, { log, timing: { absentMs: 500 } });
    onTestFinished(() => cluster.stop());
    cluster.start();
    await until("everything to be read", () => cluster.ready() || undefined);
    return { cluster, lines, facts: () => cluster.facts(namespace, "default") };
  }

  /** Waits until the facts match. Fails if they never do. */
  const becomes = (
    one: Followed,
    what: string,
    is: (facts: Facts) => boolean,
    limitMs?: number,
  ): Promise<true> => until(what, async () => is(await one.facts()) || undefined, limitMs);

  test("follow a namespace's labels and annotations", async () => {
    const one = await followed();
    expect(await one.facts()).toMatchObject({
      namespace: { name: namespace, labels: { "kubernetes.io/metadata.name": namespace } },
      grants: [],
    });
    const metadata = { labels: { team: "a" }, annotations: { "iam.amazonaws.com/permitted": ".*" } };
    await plane.admin.patch(`${NAMESPACES}/${namespace}`, { metadata });
    await becomes(one, "label", ({ namespace: { labels } }) => labels["team"] === "a");
    expect((await one.facts()).namespace.annotations).toEqual(metadata.annotations);
  });

  test("follow a service account's role", async () => {
    const one = await followed();
    expect((await one.facts()).serviceAccount).toEqual({ name: "default", annotations: {} });
    const path = `${accountsOf(namespace)}/default`;
    await plane.admin.patch(path, { metadata: { annotations: { [ROLE]: ARN, other: "x" } } });
    await becomes(one, "role", ({ serviceAccount }) => serviceAccount?.annotations[ROLE] === ARN);
    await plane.admin.delete(path);
    await becomes(one, "end of the account", ({ serviceAccount }) => serviceAccount === undefined);
  });

  test("follow a grant from its creation to its deletion, and ignore its status", async () => {
    const one = await followed();
    const spec = { roles: [ARN], namespaces: [namespace] };
    await plane.admin.create(GRANTS, grantObject("followed", spec));
    await becomes(one, "grant", ({ grants }) => grants[0]?.effect === "Allow");
    const before = (await one.facts()).grants;
    await plane.admin.patch(`${GRANTS}/followed/status`, { status: { podsUsing: 3 } });
    await plane.admin.patch(`${GRANTS}/followed`, { spec: { effect: "Deny" } });
    await becomes(one, "Deny", ({ grants }) => grants[0]?.effect === "Deny");
    expect(before).toMatchObject([{ name: "followed", effect: "Allow" }]);
    await plane.admin.delete(`${GRANTS}/followed`);
    await becomes(one, "end of the grant", ({ grants }) => grants.length === 0);
  });

  test("are complete for a namespace and a service account that are used right after their creation", async () => {
    const one = await followed();
    for (let n = 0; n < 10; n += 1) {
      await plane.admin.create(NAMESPACES, {
        metadata: { name: `${namespace}-${n}`, labels: { n: `${n}` } },
      });
      const annotations = { [ROLE]: ARN };
      await plane.admin.create(accountsOf(`${namespace}-${n}`), { metadata: { name: "young", annotations } });
      const facts = await one.cluster.facts(`${namespace}-${n}`, "young");
      expect(facts).toMatchObject({ namespace: { labels: { n: `${n}` } }, serviceAccount: { annotations } });
    }
  });

  test("survive a crash of the API server, and include changes made while no watch was open", async () => {
    await plane.admin.create(GRANTS, grantObject("crash-a", { namespaces: ["shop-*"] }));
    const one = await followed();
    await becomes(one, "grant", ({ grants }) => grants.length === 1);
    await plane.killApiServer();
    await until("the loss to be noticed", () => one.lines.find(({ msg }) => msg === "watch failed"));
    expect((await one.facts()).grants, "what was read stays in use").toMatchObject([{ name: "crash-a" }]);
    await plane.startApiServer();
    await plane.admin.delete(`${GRANTS}/crash-a`);
    await plane.admin.create(GRANTS, grantObject("crash-b", { namespaces: ["shop-*"] }));
    await becomes(
      one,
      "the other grant",
      ({ grants }) => grants.map(({ name }) => name).join() === "crash-b",
      45_000,
    );
    await plane.admin.patch(`${NAMESPACES}/${namespace}`, { metadata: { labels: { after: "crash" } } });
    await becomes(one, "label", ({ namespace: { labels } }) => labels["after"] === "crash", 45_000);
    await plane.admin.delete(`${GRANTS}/crash-b`);
    // For each of the four: one line when the trouble begins and one when it is over.
    expect(one.lines.filter(({ msg }) => msg === "watch started").length).toBeLessThanOrEqual(8);
  });

  test("continue without grants when the CRD is deleted, and with grants when it is back", async () => {
    await plane.admin.create(GRANTS, grantObject("orphan", { namespaces: ["shop-*"] }));
    const one = await followed();
    await becomes(one, "grant", ({ grants }) => grants.length === 1);
    await plane.admin.delete(`${CRDS}/rolegrants.podrole.dev`);
    await becomes(one, "no grants", ({ grants }) => grants.length === 0);
    await until(
      "its end",
      async () => (await plane.admin.request("GET", GRANTS)).status === 404 || undefined,
    );
    await installCrd(plane);
    await plane.admin.create(GRANTS, grantObject("again", { namespaces: ["shop-*"] }));
    await becomes(one, "the new grant", ({ grants }) => grants[0]?.name === "again", 30_000);
    expect((await one.facts()).grants).toHaveLength(1);
    await plane.admin.delete(`${GRANTS}/again`);
  });
});
