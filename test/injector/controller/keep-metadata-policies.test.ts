import { describe, expect, onTestFinished, test } from "vitest";
import { Refusal, type ApiServer } from "../../../injector/cluster/api-server.ts";
import {
  metadataPolicyKeeper,
  type PolicyCounts,
} from "../../../injector/controller/keep-metadata-policies.ts";
import { OWN_LABELS } from "../../../injector/controller/metadata-policy-plan.ts";
import { POLICY_OWNER } from "../../../injector/controller/metadata-policy-writes.ts";
import { METADATA_POLICY, metadataPolicy } from "../../../sidecar/contract/metadata-policy.ts";
import { METADATA_ADDRESSES } from "../../../sidecar/contract/metadata.ts";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { handClock } from "../../support/hand-clock.ts";
import { logLines } from "../../support/log-lines.ts";

const WANTED = metadataPolicy(METADATA_ADDRESSES).spec;
const OWNER = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  name: POLICY_OWNER,
  uid: "role",
};

interface Cluster {
  namespaces: readonly string[];
  policies: readonly { namespace: string; labels?: object; spec?: object }[];
  settings: Readonly<Record<string, string>>;
  /** What the API server says to a write in this namespace. */
  refusals: Readonly<Record<string, Error>>;
  /** What it says to lists of NetworkPolicies. */
  listing?: Error;
}

/** A keeper at a cluster that does not change while it is watched. */
function rig(over: Partial<Cluster> = {}) {
  const cluster: Cluster = { namespaces: ["shop"], policies: [], settings: {}, refusals: {}, ...over };
  const clock = handClock();
  const { log, lines } = logLines();
  const [writes, gets]: [[string, unknown][], string[]] = [[], []];
  let counts: PolicyCounts | undefined;
  const list = (items: readonly object[]): object => ({ metadata: { resourceVersion: "9" }, items });
  const write = async (path: string, what: unknown): Promise<void> => {
    writes.push([path.replace("/apis/networking.k8s.io/v1/namespaces/", ""), what]);
    const [, refusal] = Object.entries(cluster.refusals).find(([one]) => path.includes(`/${one}/`)) ?? [];
    if (refusal !== undefined) throw refusal;
  };
  const api: ApiServer = {
    get: async (path) => {
      gets.push(path);
      if (path.startsWith("/api/v1/namespaces?"))
        return list(cluster.namespaces.map((name) => ({ metadata: { name, resourceVersion: "1" } })));
      if (path.startsWith("/apis/networking.k8s.io/v1/networkpolicies?")) {
        if (cluster.listing !== undefined) throw cluster.listing;
        return list(
          cluster.policies.map(({ namespace, labels = OWN_LABELS, spec = WANTED }) => ({
            metadata: { name: METADATA_POLICY, namespace, uid: "u", resourceVersion: "7", labels },
            spec,
          })),
        );
      }
      if (path.includes("/clusterroles/")) return { metadata: { uid: "role" } };
      return { metadata: {}, data: cluster.settings };
    },
    text: () => Promise.reject(new Error("no")),
    lines: async (_path, _ms, signal) => silentUntil(signal),
    apply: (path, object) => write(path, object),
    patch: (path, changes) => write(path, changes),
    remove: (path, preconditions) => write(path, preconditions),
    post: () => Promise.reject(new Error("no")),
    create: () => Promise.reject(new Error("no")),
    dryRun: () => Promise.reject(new Error("no")),
    put: () => Promise.reject(new Error("no")),
    close: () => {},
  };
  const keeper = metadataPolicyKeeper({
    api,
    clock,
    log,
    namespace: "podrole-system",
    configMap: "podrole-config",
    excluded: ["kube-system"],
    observe: (one) => void (counts = one),
  });
  const stopping = new AbortController();
  const followed = keeper.follow(stopping.signal);
  onTestFinished(async () => {
    stopping.abort();
    await followed;
  });
  /** @returns what the round failed with */
  const round = async (): Promise<unknown> => {
    let failure: unknown;
    const ended = keeper.round(stopping.signal).catch((error: unknown) => void (failure = error));
    await clock.advance(11_000);
    await ended;
    return failure;
  };
  return { round, writes, gets, lines, clock, cluster, counts: () => counts };
}

async function* silentUntil(signal: AbortSignal): AsyncGenerator<string> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  yield* [];
}

const namespacesOf = (writes: readonly [string, unknown][]): readonly string[] =>
  writes.map(([path]) => path.replace(/\/.*/, ""));

describe("a round of the NetworkPolicies", () => {
  test("lists labelled namespaces and policies of one name, and makes what is missing", async () => {
    const { round, writes, gets, counts, lines } = rig();
    expect(await round()).toBeUndefined();
    expect(gets.slice(0, 2)).toEqual([
      "/api/v1/namespaces?limit=500&labelSelector=podrole.dev%2Finject%3Denabled",
      "/apis/networking.k8s.io/v1/networkpolicies?limit=500&fieldSelector=metadata.name%3Dpodrole-metadata",
    ]);
    const metadata = { name: METADATA_POLICY, labels: OWN_LABELS, ownerReferences: [OWNER] };
    expect(writes).toEqual([
      [
        `shop/networkpolicies/${METADATA_POLICY}`,
        { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec: WANTED },
      ],
    ]);
    expect(counts()).toEqual({ kept: 0, foreign: 0, refused: 0 });
    expect(lines.at(-1)).toMatchObject({ created: 1, repaired: 0, removed: 0, namespaces: "shop" });
  });

  test("writes nothing and reads only the settings where all is as it should be", async () => {
    const { round, writes, gets, counts } = rig({ policies: [{ namespace: "shop" }] });
    await round();
    const before = gets.length;
    expect(await round()).toBeUndefined();
    expect(writes).toEqual([]);
    expect(gets.slice(before)).toEqual(["/api/v1/namespaces/podrole-system/configmaps/podrole-config"]);
    expect(counts()).toEqual({ kept: 1, foreign: 0, refused: 0 });
  });

  test("repairs and removes only what it has read", async () => {
    const { round, writes } = rig({
      policies: [{ namespace: "shop", spec: { podSelector: {} } }, { namespace: "left" }],
    });
    await round();
    expect(writes).toEqual([
      [
        `shop/networkpolicies/${METADATA_POLICY}`,
        [
          { op: "replace", path: "/metadata/resourceVersion", value: "7" },
          { op: "replace", path: "/spec", value: WANTED },
        ],
      ],
      [
        `left/networkpolicies/${METADATA_POLICY}`,
        expect.objectContaining({ uid: "u", resourceVersion: "7" }),
      ],
    ]);
  });

  test("takes the addresses of the settings of now", async () => {
    const { round, writes, cluster } = rig({ policies: [{ namespace: "shop" }] });
    await round();
    cluster.settings = { block: "10.0.0.1" };
    await round();
    expect(writes).toMatchObject([[expect.anything(), [{}, { value: metadataPolicy(["10.0.0.1"]).spec }]]]);
  });

  test("fails with the names of namespaces in which another owner's policy blocks something else", async () => {
    const names = Array.from({ length: 7 }, (_, n) => `ns-${n}`);
    const policies = names.map((namespace) => ({ namespace, labels: {}, spec: { podSelector: {} } }));
    const { round, writes, counts } = rig({ namespaces: names, policies });
    const failure = await round();
    expect(failure).toMatchObject({
      code: "METADATA_POLICY_FOREIGN",
      message: expect.stringContaining("ns-0, ns-1, ns-2, ns-3, ns-4 and 2 more.") as string,
    });
    expect(writes).toEqual([]);
    expect(counts()).toEqual({ kept: 0, foreign: 7, refused: 0 });
  });

  test.for([403, 422, 500])(
    "goes on with other namespaces where one refuses with HTTP %i, and tries that one again a minute later",
    async (status) => {
      const refusals = { a: new Refusal(status, "exceeded quota") };
      const { round, writes, counts, clock, cluster } = rig({ namespaces: ["a", "b"], refusals });
      await round();
      expect(await round()).toMatchObject({
        code: "METADATA_POLICY_REFUSED",
        message: expect.stringContaining(`in a: HTTP ${status}, exceeded quota.`) as string,
      });
      expect(namespacesOf(writes)).toEqual(["a", "b", "a", "b"]);
      expect(counts()).toMatchObject({ refused: 1 });
      expect(await round()).toBeInstanceOf(CodedError);
      expect(namespacesOf(writes).slice(4)).toEqual(["b"]);
      cluster.refusals = {};
      await clock.advance(60_000);
      expect(await round()).toBeUndefined();
      expect(namespacesOf(writes).slice(5)).toEqual(["a", "b"]);
      expect(counts()).toMatchObject({ refused: 0 });
    },
  );

  test("does not report what is refused once, as by a policy that has not seen a new label yet", async () => {
    const { round, counts, cluster } = rig({ refusals: { shop: new Refusal(403, "") } });
    expect(await round()).toBeUndefined();
    expect(counts()).toMatchObject({ refused: 0 });
    cluster.refusals = {};
    expect(await round()).toBeUndefined();
  });

  test("asks for no more than fifty refusals at a time, and reaches every namespace in the end", async () => {
    const names = Array.from({ length: 120 }, (_, n) => `ns-${n}`);
    const refusals = Object.fromEntries(names.slice(0, 119).map((name) => [name, new Refusal(403, "")]));
    const { round, writes } = rig({ namespaces: names, refusals });
    await round();
    expect(writes).toHaveLength(50);
    for (let rounds = 0; rounds < 5; rounds += 1) await round();
    expect(new Set(namespacesOf(writes))).toEqual(new Set(names));
  });

  test.for([new Refusal(401, ""), new Refusal(429, ""), new Refusal(503, ""), new Error("ECONNREFUSED")])(
    "ends at once where the API server takes no requests: $message",
    async (failure) => {
      const { round, writes } = rig({ namespaces: ["a", "b"], refusals: { a: failure } });
      expect(await round()).toBe(failure);
      expect(writes).toHaveLength(1);
    },
  );

  test.for([new Refusal(429, ""), new Error("no answer within 30000 ms")])(
    "begins with others in the next round, should only some namespaces be so: $message",
    async (failure) => {
      const refusals = { a: failure, b: failure };
      const { round, writes } = rig({ namespaces: ["a", "b", "c", "d"], refusals });
      for (let rounds = 0; rounds < 4; rounds += 1) expect(await round()).toBe(failure);
      expect(namespacesOf(writes)).toEqual(["a", "b", "c", "d", "a", "c", "d", "b"]);
    },
  );

  test.for([404, 409])("takes HTTP %i for a change that the watch brings", async (status) => {
    const { round, lines } = rig({ refusals: { shop: new Refusal(status, "") } });
    expect(await round()).toBeUndefined();
    expect(lines.filter(({ msg }) => msg === "NetworkPolicies written")).toEqual([]);
  });

  test.for<readonly [string, Readonly<Record<string, string>>]>([
    ["METADATA_POLICY_SOURCE_NODE", { source: "node" }],
    ["METADATA_POLICY_SOURCE_NODE", { sourceOverride: "ambient,node", ambientSecret: "a" }],
    ["CONFIG_INVALID", { block: "x" }],
    ["CONFIG_OTHER_VERSION", { version: "0" }],
  ])("writes nothing and fails with %s for settings %j", async ([code, settings]) => {
    const { round, writes } = rig({ settings, policies: [{ namespace: "left" }] });
    expect(await round()).toMatchObject({ code });
    expect(writes).toEqual([]);
  });

  test("writes nothing while the policies cannot be read", async () => {
    const { round, writes } = rig({ listing: new Refusal(403, "no") });
    expect(await round()).toMatchObject({ message: "networkpolicies: HTTP 403" });
    expect(writes).toEqual([]);
  });
});
