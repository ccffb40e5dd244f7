import { describe, expect, onTestFinished, test } from "vitest";
import { buildServer } from "../../../injector/serve/server.ts";
import { kubernetesCluster } from "../../../injector/cluster/kubernetes.ts";
import { config } from "../../support/config.ts";
import { fakeApiServer } from "../../support/fake-api-server.ts";
import { systemClock } from "../../../sidecar/kit/clock.ts";
import { coded } from "../../../sidecar/kit/errors.ts";
import { silent } from "../../support/log-lines.ts";
import { until } from "../../support/until.ts";
import { parseGrant } from "../../../injector/model/grant.ts";
import {
  NAMESPACES,
  ACCOUNTS,
  GRANTS,
  LIMIT_RANGES,
  TIMING,
  limitRangeOf,
  ROLE,
  namespace,
  account,
  grant,
  rig,
  ready,
  refusal,
  gets,
} from "./kubernetes-rig.ts";
import { readLimitRange } from "../../../injector/model/limit-range.ts";
import { FRESH } from "../../support/pods.ts";

const AUDIENCE = "eks.amazonaws.com/audience";

describe("facts", () => {
  test("contain the namespace's labels and annotations, the service account's role, grants and LimitRanges, without a request", async () => {
    const one = await ready(
      await rig((server) => {
        server.put(GRANTS, grant("g", { roles: ["*"], namespaces: ["shop"] }));
        for (const name of ["b", "a"]) server.put(LIMIT_RANGES, limitRangeOf(name, "shop"));
        server.put(LIMIT_RANGES, limitRangeOf("c", "till"));
      }),
    );
    expect(await one.cluster.facts("shop", "billing")).toEqual({
      namespace: {
        name: "shop",
        labels: { "podrole.dev/inject": "enabled" },
        annotations: { a: "b" },
      },
      serviceAccount: { name: "billing", annotations: { [ROLE]: "x" } },
      grants: [parseGrant(grant("g", { roles: ["*"], namespaces: ["shop"] }))],
      limitRanges: ["a", "b"].map((name) => readLimitRange(limitRangeOf(name, "shop"))),
    });
    expect(gets(one)).toEqual([]);
  });

  test("of rules alone need neither service accounts nor LimitRanges, and are ready without them", async () => {
    const server = await fakeApiServer();
    server.put(NAMESPACES, namespace("shop", {}, { a: "b" }));
    server.put(GRANTS, grant("g", { roles: ["*"], namespaces: ["shop"] }));
    for (const kind of [ACCOUNTS, LIMIT_RANGES]) server.answer(`LIST ${kind}`, 403);
    const cluster = kubernetesCluster(server.config, { log: silent, timing: TIMING, rulesOnly: true });
    onTestFinished(() => cluster.stop());
    cluster.start();
    await until("everything to be read", () => cluster.ready() || undefined);
    const { namespace: of, grants, ...others } = await cluster.facts("shop", "billing");
    expect([of.name, grants.map(({ name }) => name)]).toEqual(["shop", ["g"]]);
    expect(others).toEqual({ serviceAccount: undefined, limitRanges: [] });
    expect(cluster.followed().map(({ resource }) => resource)).toEqual(["namespaces", "rolegrants"]);
    expect(server.requests.filter((line) => /serviceaccounts|limitranges/.test(line))).toEqual([]);
  });

  test.for([
    [true, "FACTS_UNAVAILABLE"],
    [false, undefined],
  ] as const)(
    "of rules alone (%s) are given without news from the API server for five minutes: not %s",
    async ([rulesOnly, code]) => {
      let aheadMs = 0;
      const clock = { ...systemClock, now: () => Date.now() + aheadMs };
      const server = await fakeApiServer();
      server.put(NAMESPACES, namespace("shop"));
      server.put(GRANTS, grant("g", { roles: ["*"], namespaces: ["shop"] }));
      server.put(LIMIT_RANGES, limitRangeOf("a", "shop"));
      server.put(ACCOUNTS, account("billing", {}));
      const cluster = kubernetesCluster(server.config, { log: silent, clock, timing: TIMING, rulesOnly });
      onTestFinished(() => cluster.stop());
      cluster.start();
      await until("the watches", () => cluster.isFollowing() || undefined);
      const codeAfter = async (ms: number) => {
        aheadMs = ms;
        return cluster.facts("shop", "billing").then(
          () => undefined,
          (error: unknown) => coded(error).code,
        );
      };
      expect([await codeAfter(4 * 60_000), cluster.old()]).toEqual([undefined, undefined]);
      expect([await codeAfter(6 * 60_000), cluster.old()?.code]).toEqual([code, code]);
    },
  );

  test("are known to be behind while a watch of them is refused", async () => {
    const one = await ready(
      await rig((server) => {
        server.put(GRANTS, grant("g", { roles: ["*"], namespaces: ["shop"] }));
        server.put(LIMIT_RANGES, limitRangeOf("a", "shop"));
      }),
    );
    await until("the watches", () => one.cluster.isFollowing() || undefined);
    one.server.answer(`LIST ${GRANTS}`, 403);
    one.server.say(GRANTS, "{}");
    await until("the refusal", () => !one.cluster.isFollowing() || undefined);
    expect(one.cluster.ready()).toBe(true);
  });

  test("have a LimitRange from its creation to its deletion", async () => {
    const one = await ready(await rig());
    await until("the watch", () => one.server.watches(LIMIT_RANGES) || undefined);
    const names = async (): Promise<string> =>
      (await one.cluster.facts("shop", "billing")).limitRanges.map(({ name }) => name).join();
    expect(await names()).toBe("");
    one.server.put(LIMIT_RANGES, limitRangeOf("a", "shop"));
    await until("the LimitRange", async () => (await names()) === "a" || undefined);
    one.server.remove(LIMIT_RANGES, "shop/a");
    await until("none", async () => (await names()) === "" || undefined);
  });

  test("have the role of a service account under another key after a change to that key", async () => {
    const one = await ready(
      await rig((server) =>
        server.put(ACCOUNTS, account("billing", { [ROLE]: "x", "acme.example/role": "y" })),
      ),
    );
    const lists = () => one.server.requests.filter((line) => line === `LIST ${ACCOUNTS}`).length;
    await one.cluster.keepRoleKey(ROLE);
    expect(lists()).toBe(1);
    await one.cluster.keepRoleKey("acme.example/role");
    expect(lists()).toBe(2);
    expect((await one.cluster.facts("shop", "billing")).serviceAccount?.annotations).toEqual({
      [ROLE]: "x",
      "acme.example/role": "y",
    });
    const last = (start: string): number =>
      one.server.requests.findLastIndex((line) => line.startsWith(start));
    await until(
      "the watch after the second list",
      () => last(`WATCH ${ACCOUNTS}`) > last(`LIST ${ACCOUNTS}`) || undefined,
    );
    one.server.put(ACCOUNTS, account("billing", { "acme.example/role": "z" }));
    await until(
      "what the watch after the second list",
      async () =>
        (await one.cluster.facts("shop", "billing")).serviceAccount?.annotations["acme.example/role"] ===
          "z" || undefined,
    );
  });

  test("keep all annotations of a namespace except last-applied, and only role and audience of a service account", async () => {
    const one = await ready(
      await rig((server) => {
        const applied = { "kubectl.kubernetes.io/last-applied-configuration": "{}" };
        server.put(NAMESPACES, namespace("shop", {}, { ...applied, "acme.example/allowed": "[]" }));
        server.put(ACCOUNTS, account("billing", { ...applied, [ROLE]: "x", [AUDIENCE]: "a", other: "y" }));
      }),
    );
    const facts = await one.cluster.facts("shop", "billing");
    expect(facts.namespace.annotations).toEqual({ "acme.example/allowed": "[]" });
    expect(facts.serviceAccount?.annotations).toEqual({ [ROLE]: "x", [AUDIENCE]: "a" });
  });

  test("keep keys of a service account that look mistyped or misplaced, at most twenty, and without their values", async () => {
    const stray = {
      "iam.amazonaws.com/role": "x",
      "eks.amazonaws.com/role_arn": "y",
      "podrole.dev/region": "z",
    };
    const harmless = { "eks.amazonaws.com/sts-regional-endpoints": "true", "team.example/x": "y" };
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`podrole.dev/x${index}`, "x"]));
    const one = await ready(
      await rig((server) => {
        server.put(NAMESPACES, namespace("shop"));
        server.put(ACCOUNTS, account("billing", { ...stray, ...harmless, [ROLE]: "x" }));
        server.put(ACCOUNTS, account("many", many));
      }),
    );
    expect((await one.cluster.facts("shop", "billing")).serviceAccount?.annotations).toEqual({
      [ROLE]: "x",
      "iam.amazonaws.com/role": "",
      "eks.amazonaws.com/role_arn": "",
      "podrole.dev/region": "",
    });
    const { serviceAccount } = await one.cluster.facts("shop", "many");
    expect(Object.keys(serviceAccount?.annotations ?? {})).toHaveLength(20);
  });

  test("treat __proto__ as a key like any other", async () => {
    const one = await ready(
      await rig((server) => {
        const annotations: unknown = JSON.parse('{"__proto__": "x", "constructor": "y"}');
        server.put(NAMESPACES, namespace("shop", {}, annotations as object));
      }),
    );
    const { annotations } = (await one.cluster.facts("shop", "billing")).namespace;
    expect(Object.entries(annotations)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"],
    ]);
  });

  test("follow the cluster", async () => {
    const one = await ready(await rig((server) => server.put(GRANTS, grant("z", { namespaces: ["shop"] }))));
    await until(
      "the watches",
      () => one.server.watches(ACCOUNTS) + one.server.watches(GRANTS) === 2 || undefined,
    );
    one.server.put(ACCOUNTS, account("billing", { [ROLE]: "other" }));
    one.server.put(GRANTS, grant("a", { namespaceSelector: { matchLabels: { team: "a" } } }));
    const roleAndGrants = async (): Promise<string> => {
      const { serviceAccount, grants } = await one.cluster.facts("shop", "billing");
      return [serviceAccount?.annotations[ROLE], ...grants.map(({ name }) => name)].join();
    };
    const becomes = (wanted: string) =>
      until(wanted, async () => (await roleAndGrants()) === wanted || undefined);
    await becomes("other,z");
    one.server.put(NAMESPACES, namespace("shop", { team: "a" }));
    await becomes("other,a,z");
    one.server.remove(GRANTS, "z");
    await becomes("other,a");
    expect(gets(one)).toEqual([]);
  });

  test("are requested when namespace or service account are not cached yet, once each and at the same time", async () => {
    const one = await ready(await rig());
    one.server.unseen.put(NAMESPACES, namespace("new", { team: "a" }));
    one.server.unseen.put(ACCOUNTS, {
      metadata: { name: "young", namespace: "new", annotations: { [ROLE]: "y" } },
    });
    const facts = await one.cluster.facts("new", "young");
    expect(facts.namespace).toMatchObject({ name: "new", labels: { team: "a" } });
    expect(facts.serviceAccount).toEqual({ name: "young", annotations: { [ROLE]: "y" } });
    expect([...gets(one)].sort()).toEqual([
      `GET ${NAMESPACES}/new`,
      `GET ${NAMESPACES}/new/serviceaccounts/young`,
    ]);
  });

  test("are requested when the namespace is cached without the label that makes the API server call", async () => {
    const one = await ready(
      await rig((server) => server.put(NAMESPACES, namespace("shop", { "podrole.dev/inject": "no" }))),
    );
    one.server.unseen.put(NAMESPACES, namespace("shop"));
    expect((await one.cluster.facts("shop", "billing")).namespace.labels).toEqual({
      "podrole.dev/inject": "enabled",
    });
    expect(gets(one)).toEqual([`GET ${NAMESPACES}/shop`]);
  });

  test("have no service account when there is none, and no grants when the CRD is not installed", async () => {
    const one = await ready(await rig());
    expect(await one.cluster.facts("shop", "nobody")).toMatchObject({
      serviceAccount: undefined,
      grants: [],
    });
  });

  test.for(["..", ".", "", "a/b", "a%2fb", "../../shop", "Billing", "x".repeat(254)])(
    "are not requested under a name that no object can have: %s",
    async (name) => {
      const one = await ready(await rig());
      expect(await one.cluster.facts("shop", name)).toMatchObject({ serviceAccount: undefined });
      expect(await refusal(one, name)).toMatchObject({ code: "FACTS_UNAVAILABLE" });
      expect(gets(one)).toEqual([]);
    },
  );
});

test("the server is ready when all facts have been read, and already answers before", async () => {
  const one = await rig((server) => server.answer(`LIST ${ACCOUNTS}`, 500));
  const app = buildServer({
    config: () => config(),
    cluster: one.cluster,
    ready: () => one.cluster.ready(),
    log: silent,
    fresh: FRESH,
  });
  onTestFinished(() => app.close());
  const readyz = async (): Promise<number> => (await app.inject({ url: "/readyz" })).statusCode;
  expect(await readyz()).toBe(503);
  await until("grants", () => one.server.watches(NAMESPACES) || undefined);
  expect(await readyz()).toBe(503);
  one.server.answer(`LIST ${ACCOUNTS}`, undefined);
  await ready(one);
  expect(await readyz()).toBe(200);
});
