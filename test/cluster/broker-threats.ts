import { beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION, CONTAINER_ROLE_PREFIX } from "../../sidecar/contract/annotations.ts";
import { BROKER as WIRE, type SessionAsked } from "../../sidecar/contract/broker.ts";
import { until } from "../support/until.ts";
import type { BrokerCluster } from "./broker-rig.ts";
import { ROLES } from "./broker-sts.ts";
import { tagsIn } from "./broker-sessions.ts";
import { deletePod, REFUSED_TOKENS, resigned } from "./broker-tokens.ts";
import { NAMESPACE, userOf } from "./installation.ts";
import { NODE_1_TOKEN } from "./control-plane.ts";
import { clientFor, withToken, type KubeObject } from "./kube-client.ts";
import { codeIn } from "./policy-rig.ts";
import { podToken } from "./pod-process.ts";
import { accountsOf, BROKER, NAMESPACES, podsOf } from "./setting.ts";
import { createNode } from "./test-kubelet.ts";

const READER: SessionAsked = { identity: "pod", roleArn: `${ROLES}reader` };

/** What somebody could try who has a token, a pod, or the broker's place. */
export function brokerThreats(cluster: () => BrokerCluster): void {
  const podAt = async (name: string, ip: string): Promise<KubeObject> => {
    const pod = await cluster().pod("shop", name, "reader");
    const status = { podIP: ip, podIPs: [{ ip }], phase: "Running" };
    await cluster().admin.patch(`${podsOf("shop")}/${name}/status`, { status });
    return pod;
  };

  let count = 0;
  describe("the broker refuses", () => {
    test.for(REFUSED_TOKENS)("$title: $code", async ({ code, says, make }) => {
      const pod = await cluster().pod("shop", `refused-${(count += 1)}`, "reader");
      const { status, body } = await cluster().ask(await make(cluster(), pod), READER);
      expect({ status, ...body }).toMatchObject({ status: 401, code });
      expect(body.message).toMatch(says);
      expect(
        cluster()
          .programs.lines()
          .some((line) => line["code"] === code),
      ).toBe(true);
    });

    test.for([
      ["is deleted", "gone"],
      ["is deleted and made again under the same name", "again"],
    ])("a token that it accepted before, once the pod %s: POD_GONE", async ([, name = ""]) => {
      const pod = await cluster().pod("shop", name, "reader");
      const token = await podToken(cluster().admin, pod, { audiences: [WIRE.audience] });
      expect(await cluster().ask(token, READER)).toMatchObject({ status: 200 });
      await deletePod(cluster().admin, pod);
      if (name === "again") await cluster().pod("shop", name, "reader");
      expect(await cluster().ask(token, READER)).toMatchObject({ status: 403, body: { code: "POD_GONE" } });
    });

    test.for([
      ["another role of its service account", "pod", "writer"],
      ["its container's role as the pod's", "pod", "unsourced"],
      ["an identity that it does not have", "container/app", "reader"],
    ])("a pod that asks for %s: ROLE_NOT_OF_POD", async ([, identity = "", role = ""]) => {
      const pod = await cluster().pod("shop", `asks-${(count += 1)}`, "reader", {
        annotations: { [`${CONTAINER_ROLE_PREFIX}second`]: "unsourced" },
        spec: { containers: ["app", "second"].map((name) => ({ name, image: "shop/app:1" })) },
      });
      const token = await podToken(cluster().admin, pod, { audiences: [WIRE.audience] });
      const { status, body } = await cluster().ask(token, { identity, roleArn: ROLES + role });
      expect({ status, ...body }).toMatchObject({ status: 403, code: "ROLE_NOT_OF_POD", kind: "definite" });
      expect(body.message).toContain(`${ROLES}${role} was asked for`);
    });

    test("a request of another form: REQUEST_INVALID", async () => {
      const pod = await cluster().pod("shop", "form", "reader");
      const token = await podToken(cluster().admin, pod, { audiences: [WIRE.audience] });
      const asked = { identity: "pod" } as SessionAsked;
      expect(await cluster().ask(token, asked)).toMatchObject({
        status: 400,
        body: { code: "REQUEST_INVALID" },
      });
    });
  });

  describe("the broker accepts", () => {
    test("the token of a pod as its own API server signs it, which the refused ones differ from in one thing", async () => {
      const pod = await cluster().pod("shop", "signed", "reader");
      expect(await cluster().ask(await resigned(cluster(), pod, {}), READER)).toMatchObject({ status: 200 });
    });

    test("the token of a pod that is being deleted, since its containers still run", async () => {
      await createNode(cluster().admin, "node-1", {});
      const pod = await cluster().pod("shop", "ending", "reader");
      const path = `${podsOf("shop")}/ending`;
      const target = { kind: "Node", name: "node-1" };
      await cluster().admin.create(`${path}/binding`, { target, metadata: { name: "ending" } });
      await cluster().admin.request("DELETE", path, { gracePeriodSeconds: 30 });
      expect((await cluster().admin.get(path)).metadata.deletionTimestamp).toBeDefined();
      expect(await cluster().askAs(pod, "reader")).toMatchObject({ status: 200 });
    });
  });

  test("a node that was taken over mints tokens for the broker of the pods that run on it, and of no others", async () => {
    const { plane } = cluster().installed;
    const node = withToken(plane.adminConfig, NODE_1_TOKEN);
    const bound = async (name: string, to: string): Promise<KubeObject> => {
      const pod = await cluster().pod("shop", name, "reader");
      const target = { kind: "Node", name: to };
      await cluster().admin.create(`${podsOf("shop")}/${name}/binding`, { target, metadata: { name } });
      return pod;
    };
    const audiences = [WIRE.audience];
    const own = await bound("on-node-1", "node-1");
    // The API server's view of which pod runs where is a moment behind.
    const token = await until("the node's token", () =>
      podToken(node, own, { audiences }).catch(() => undefined),
    );
    expect(await cluster().ask(token, READER)).toMatchObject({ status: 200 });
    await createNode(cluster().admin, "node-2", {});
    const other = await bound("on-node-2", "node-2");
    await expect(podToken(node, other, { audiences })).rejects.toThrow(/403/);
    await expect(podToken(node, own, { audiences, boundObjectRef: null })).rejects.toThrow(/403/);
  });

  describe("what the broker reads of a pod cannot be changed", () => {
    const forged = {
      [ANNOTATION.status]: JSON.stringify({ source: "broker", role: `${ROLES}writer` }),
      [ANNOTATION.sessionPolicy]: null,
      [ANNOTATION.sessionTags]: "team=payments",
      [ANNOTATION.externalId]: "other",
    };
    test.for(Object.entries(forged))("by the pod's status: %s", async ([key, value]) => {
      const name = `frozen-${(count += 1)}`;
      const policy = JSON.stringify({ Version: "2012-10-17", Statement: [] });
      await cluster().pod("shop", name, "reader", { annotations: { [ANNOTATION.sessionPolicy]: policy } });
      const change = (annotations: object) =>
        cluster().admin.request(
          "PATCH",
          `${podsOf("shop")}/${name}/status`,
          { metadata: { annotations }, status: { phase: "Running" } },
          "application/merge-patch+json",
        );
      const { status, body } = await change({ [key]: value });
      expect({ status, code: codeIn(body.message ?? "") }).toEqual({ status: 422, code: "POD_FROZEN" });
      expect((await change({ "network.example/ip": "10.0.0.7" })).status).toBe(200);
      expect((await change({})).status).toBe(200);
    });
    test.for(["binding", "bindings"])("by a scheduler: %s", async (resource) => {
      const name = `bound-${(count += 1)}`;
      const pod = await cluster().pod("shop", name, "reader");
      const path =
        resource === "binding" ? `${podsOf("shop")}/${name}/binding` : `${NAMESPACES}/shop/bindings`;
      const annotations = { [ANNOTATION.status]: forged[ANNOTATION.status] };
      const target = { kind: "Node", name: "node-1" };
      const { status, body } = await cluster().admin.request("POST", path, {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name, annotations },
        target,
      });
      expect({ status, code: codeIn(body.message ?? "") }).toEqual({ status: 422, code: "POD_FROZEN" });
      expect(await cluster().askAs(pod, "writer")).toMatchObject({ body: { code: "ROLE_NOT_OF_POD" } });
    });
  });

  test("a pod that floods the broker is told to come later, and another pod is served: BROKER_BUSY", async () => {
    const [loud, quiet] = [
      await cluster().pod("shop", "loud", "reader"),
      await cluster().pod("shop", "quiet", "reader"),
    ];
    const token = await podToken(cluster().admin, loud, { audiences: [WIRE.audience] });
    const answers = await Promise.all(Array.from({ length: 30 }, () => cluster().ask(token, READER)));
    const served = await cluster().askAs(quiet, "reader");
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(10);
    for (const { status, headers, body } of refused) {
      expect({ status, ...body }).toMatchObject({ status: 429, code: "BROKER_BUSY", kind: "throttled" });
      expect(headers["retry-after"]).toMatch(/^\d+$/);
    }
    expect(served.status).toBe(200);
  });

  test("a sidecar shows its token to nobody with a certificate of another CA, not even podrole's own injector", async () => {
    const { endpoints } = cluster().service;
    cluster().service.endpoints = [cluster().installed.webhookPort];
    const running = await cluster().run(await cluster().pod("shop", "fooled", "reader"));
    await until("the refusal", () => running.sidecar.output().includes("BROKER_CERTIFICATE") || undefined);
    const answer = await running.credentials();
    cluster().service.endpoints = endpoints;
    expect({ status: answer.status, message: JSON.parse(answer.body).message }).toEqual({
      status: 503,
      message: expect.stringContaining("certificate") as string,
    });
    await running.ready();
  });

  // Before the tests ask for more than the broker does.
  test("the broker is refused nothing by the API server, and uses every right that it has", async () => {
    const { plane, objects } = cluster().installed;
    const requests = await plane.audited();
    const refused = requests.filter(({ responseStatus }) => responseStatus.code === 403);
    expect(refused.map(({ user }) => user.username)).toEqual([]);
    const own = requests.filter(({ user }) => user.username === userOf(BROKER));
    const used = new Set(own.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource ?? ""}`));
    const held = objects
      .filter(({ kind, metadata }) => ["ClusterRole", "Role"].includes(kind) && metadata.name === BROKER)
      .flatMap((role): readonly KubeObject[] => role.rules)
      .flatMap(({ verbs, resources }): readonly string[] =>
        verbs.flatMap((verb: string) => resources.map((resource: string) => `${verb} ${resource}`)),
      );
    expect(held.length).toBeGreaterThan(5);
    // Needed for a namespace that is newer than the cache, which facts.test.ts covers.
    expect(held.filter((right) => !used.has(right) && right !== "get namespaces")).toEqual([]);
  });

  describe("the broker's own token", () => {
    const client = async () => clientFor(await cluster().installed.plane.serviceAccount(NAMESPACE, BROKER));

    test.for([
      ["read another Secret", "GET", `${NAMESPACES}/${NAMESPACE}/secrets/podrole-broker-ca`, undefined],
      ["list Secrets", "GET", `${NAMESPACES}/shop/secrets`, undefined],
      ["mint a pod's token", "POST", `${accountsOf("shop")}/default/token`, { spec: {} }],
      ["create a pod", "POST", podsOf("shop"), { metadata: { name: "x" }, spec: { containers: [] } }],
      ["list pods", "GET", podsOf("shop"), undefined],
      ["change the settings", "PATCH", `${NAMESPACES}/${NAMESPACE}/configmaps/podrole-config`, { data: {} }],
    ] as const)("does not let its holder %s", async ([, method, path, body]) => {
      const { status } = await (
        await client()
      ).request(method, path, body, method === "PATCH" ? "application/merge-patch+json" : undefined);
      expect(status).toBe(403);
    });

    test("is not a pod's: the broker makes no session for it", async () => {
      const token = (await cluster().installed.plane.serviceAccount(NAMESPACE, BROKER)).getCurrentUser()
        ?.token;
      expect(await cluster().ask(token, READER)).toMatchObject({
        status: 401,
        body: { code: "TOKEN_NOT_ACCEPTED" },
      });
    });
  });

  // Near the end: settings are applied after five seconds, and are not changed back.
  describe("where the settings say so,", () => {
    beforeAll(() => cluster().configure({ shareSessions: "true", brokerClients: "pod" }));

    test("a stolen pod token is of no use at an address that is not the pod's: CLIENT_NOT_POD", async () => {
      const { status, body } = await cluster().askAs(await podAt("far", "10.0.0.9"), "reader");
      expect({ status, code: body.code }).toEqual({ status: 403, code: "CLIENT_NOT_POD" });
      expect(body.message).toContain("The token of pod shop/far came from 127.0.0.1");
    });

    test("a pod whose address the API server does not know yet is told to ask again", async () => {
      const pod = await cluster().pod("shop", "nowhere", "reader");
      expect(await cluster().askAs(pod, "reader")).toMatchObject({
        status: 503,
        body: { code: "CLIENT_NOT_POD", kind: "passing" },
      });
    });

    test("pods of one service account share a session, which is named after the account", async () => {
      const before = cluster().sts.callsFor("reader").length;
      const keys = new Set<string>();
      for (const name of ["shared-0", "shared-1", "shared-2"]) {
        const { status, body } = await cluster().askAs(await podAt(name, "127.0.0.1"), "reader");
        expect(status).toBe(200);
        keys.add(body.AccessKeyId);
      }
      const calls = cluster().sts.callsFor("reader").slice(before);
      expect({ calls: calls.length, keys: keys.size }).toEqual({ calls: 1, keys: 1 });
      const [call = new URLSearchParams()] = calls;
      expect(call.get("RoleSessionName")).toBe("shop.default");
      expect(tagsIn(call)).toEqual({
        "kubernetes-namespace": "shop",
        "kubernetes-service-account": "default",
      });
    });
  });

  // After it, there is no API server any more.
  test("nobody gets a session while the API server does not answer, not even one that is held: FACTS_UNAVAILABLE", async () => {
    const pod = await podAt("undecided", "127.0.0.1");
    const token = await podToken(cluster().admin, pod, { audiences: [WIRE.audience] });
    expect(await cluster().ask(token, READER)).toMatchObject({ status: 200 });
    await cluster().installed.plane.killApiServer();
    expect(await cluster().ask(token, READER)).toMatchObject({
      status: 503,
      body: { code: "FACTS_UNAVAILABLE", kind: "passing" },
    });
  });

  test("no program and no sidecar has printed a token or a key", () => {
    const output = cluster().output();
    const secrets = cluster().secrets();
    expect(secrets.length).toBeGreaterThan(50);
    expect(output.length).toBeGreaterThan(10_000);
    expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
  });
}
