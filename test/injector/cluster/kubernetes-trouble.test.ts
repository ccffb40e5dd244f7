import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import { kubernetesCluster } from "../../../injector/cluster/kubernetes.ts";
import { logLines, silent } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";
import { NAMESPACES, GRANTS, namespace, grant, rig, ready, refusal, gets } from "./kubernetes-rig.ts";

describe("facts are unavailable", () => {
  test("for a namespace that does not exist", async () => {
    const one = await ready(await rig());
    expect(await refusal(one, "nowhere")).toMatchObject({
      code: "FACTS_UNAVAILABLE",
      message: 'The API server has no namespace "nowhere".',
    });
  });

  test.for([403, 500])("while the API server answers %d for grants that were never read", async (status) => {
    const one = await rig((server) => server.answer(`LIST ${GRANTS}`, status));
    await until("the answer", () => one.server.requests.find((line) => line === `LIST ${GRANTS}`));
    await until("the reason", async () => (await refusal(one)).message.includes("HTTP") || undefined);
    expect(await refusal(one)).toMatchObject({
      code: "FACTS_UNAVAILABLE",
      message: `podrole has not read the RoleGrants yet: HTTP ${status}.`,
    });
    expect(one.cluster.ready()).toBe(false);
    expect(await refusal(one, "new", "young")).toMatchObject({ code: "FACTS_UNAVAILABLE" });
    expect(gets(one), "no request is sent whose answer would not help").toEqual([]);
  });

  test.for([403, "reset"] as const)(
    "for a service account that is not cached while the API server answers %s",
    async (answer) => {
      const one = await ready(
        await rig((server) => server.answer(`GET ${NAMESPACES}/shop/serviceaccounts`, answer)),
      );
      expect(await refusal(one, "shop", "young")).toMatchObject({ code: "FACTS_UNAVAILABLE" });
      expect(
        await one.cluster.facts("shop", "billing"),
        "a cached service account is still found",
      ).toBeDefined();
    },
  );

  test("after two seconds without an answer", async () => {
    const one = await ready(await rig((server) => server.answer("GET", "hang")));
    expect(await refusal(one, "new", "young")).toMatchObject({
      code: "FACTS_UNAVAILABLE",
      message: expect.stringContaining("no answer within 2000 ms"),
    });
  });

  test("when the API server does not answer, and neither the process nor stop() fails", async () => {
    const nowhere = new KubeConfig();
    nowhere.loadFromClusterAndUser(
      { name: "test", server: "http://127.0.0.1:9", skipTLSVerify: true },
      { name: "test" },
    );
    const cluster = kubernetesCluster(nowhere, { log: silent });
    cluster.start();
    expect(await thrown(() => cluster.facts("shop", "billing"))).toMatchObject({ code: "FACTS_UNAVAILABLE" });
    await cluster.stop();
  });
});

describe("a grant that cannot be read, which may be a Deny,", () => {
  test("blocks decisions only in the namespaces that it could cover", async () => {
    const { log, lines } = logLines();
    const one = await ready(
      await rig((server) => {
        server.put(NAMESPACES, namespace("till"));
        server.put(GRANTS, grant("broken", { effect: "deny", namespaces: ["shop*"] }));
        server.put(GRANTS, grant("fine", { namespaces: ["*"] }));
      }, log),
    );
    expect(await refusal(one)).toMatchObject({
      code: "GRANT_INVALID",
      message: "RoleGrant broken has a spec.effect other than Allow and Deny.",
    });
    expect(await one.cluster.facts("till", "default")).toMatchObject({ grants: [{ name: "fine" }] });
    expect(lines.filter(({ msg }) => msg === "grant unreadable")).toHaveLength(1);
    await until("the watch", () => one.server.watches(GRANTS) || undefined);
    one.server.put(GRANTS, grant("broken", { effect: "Deny", namespaces: ["shop*"] }));
    await until("its repair", () => one.cluster.facts("shop", "billing").catch(() => undefined));
  });

  test.for([{ effect: "Deny" }, { namespaces: "shop" }, { namespaceSelector: { matchLabel: { a: "b" } } }])(
    "blocks all decisions when its scope cannot be read: %o",
    async (spec) => {
      const one = await ready(await rig((server) => server.put(GRANTS, grant("broken", spec))));
      expect(await refusal(one)).toMatchObject({
        code: "GRANT_INVALID",
        message: expect.stringContaining("RoleGrant broken "),
      });
    },
  );
});
