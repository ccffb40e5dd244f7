import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION, NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { BROKER as WIRE } from "../../sidecar/contract/broker.ts";
import { until } from "../support/until.ts";
import type { Answer } from "./broker-request.ts";
import type { BrokerCluster } from "./broker-rig.ts";
import { ROLES } from "./broker-sts.ts";
import { deletePod } from "./broker-tokens.ts";
import type { KubeObject } from "./kube-client.ts";
import { podToken } from "./pod-process.ts";
import { GRANTS, grantObject, NAMESPACES, podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

/** Which pods get a session by the rules of now. */
export function brokerRules(cluster: () => BrokerCluster): void {
  const label = (namespace: string, value: string | null): Promise<KubeObject> =>
    cluster().admin.patch(`${NAMESPACES}/${namespace}`, {
      metadata: { labels: { [NAMESPACE_LABEL.key]: value } },
    });
  /** The first answer that is no longer `former`, since the broker follows the cluster a moment late. */
  const changed = async (
    pod: KubeObject,
    role: string,
    former: (answer: Answer) => boolean,
  ): Promise<Answer> => {
    const token = await podToken(cluster().admin, pod, { audiences: [WIRE.audience] });
    return until("another answer", async () => {
      const answer = await cluster().ask(token, { identity: "pod", roleArn: ROLES + role });
      if (!former(answer) && answer.body.code !== "BROKER_BUSY") return answer;
      await delay(200);
      return undefined;
    });
  };
  const isGiven = ({ status }: Answer): boolean => status === 200;

  test("a pod whose role nothing allows is denied by the webhook, though the setting policy is off", async () => {
    const pod = podObject("admin", { [ANNOTATION.role]: "admin" });
    const { status, body } = await cluster().admin.request("POST", podsOf("shop"), pod);
    expect({ status, message: body.message }).toEqual({
      status: 403,
      message: expect.stringContaining(
        "[ROLE_NOT_ALLOWED] Service account shop/default may not use",
      ) as string,
    });
  });

  describe("a pod that was created while the webhook was not asked", () => {
    /** Without the label, the API server does not call the webhook. */
    const unseen = async (name: string, status?: object): Promise<KubeObject> => {
      await label("unseen", null);
      const annotations = status === undefined ? {} : { [ANNOTATION.status]: JSON.stringify(status) };
      const pod = await until("a pod without a guard", async () => {
        const made = await cluster().pod("unseen", name, "reader", { annotations });
        if (made.spec.initContainers === undefined) return made;
        await deletePod(cluster().admin, made);
        return undefined;
      });
      await label("unseen", NAMESPACE_LABEL.value);
      return pod;
    };
    const isUnlabelled = ({ body }: Answer): boolean => body.code === "NAMESPACE_NOT_LABELLED";
    beforeAll(() => cluster().namespace("unseen", "reader"));

    test("gets no session", async () => {
      const { status, body } = await changed(await unseen("bare"), "reader", isUnlabelled);
      expect({ status, code: body.code }).toEqual({ status: 403, code: "POD_NOT_INJECTED" });
      expect(body.message).toContain("Pod unseen/bare has no annotation podrole.dev/status");
    });

    test("is held to the rules even if its author has written a status", async () => {
      const pod = await unseen("forged", { source: "broker", role: `${ROLES}admin` });
      const { status, body } = await changed(pod, "admin", isUnlabelled);
      expect({ status, code: body.code }).toEqual({ status: 403, code: "ROLE_NOT_ALLOWED" });
      expect(body.message).toContain(`Service account unseen/default may not use ${ROLES}admin`);
    });

    test("gets no session by a status of another source", async () => {
      const pod = await unseen("other", { source: "web-identity", role: `${ROLES}reader` });
      const { status, body } = await changed(pod, "reader", isUnlabelled);
      expect({ status, code: body.code }).toEqual({ status: 403, code: "POD_NOT_INJECTED" });
      expect(body.message).toContain("source web-identity");
    });
  });

  describe("a running pod", () => {
    test.for([
      ANNOTATION.status,
      ANNOTATION.role,
      ANNOTATION.sessionName,
      ANNOTATION.sessionTags,
      ANNOTATION.externalId,
      ANNOTATION.sessionPolicy,
    ])("cannot be given another %s, which the broker reads at each refresh", async (key) => {
      const pod = await cluster().pod("shop", `frozen-${key.split(/\W/).at(-1)}`, "reader");
      const path = `${podsOf("shop")}/${pod.metadata.name}`;
      const change = { metadata: { annotations: { [key]: `${ROLES}admin` } } };
      const type = "application/merge-patch+json";
      const { status, body } = await cluster().admin.request("PATCH", path, change, type);
      expect({ status, message: body.message }).toEqual({
        status: 403,
        message: expect.stringContaining("[POD_FROZEN]") as string,
      });
    });

    test("gets its session from nobody any more at the refresh after its grant is withdrawn", async () => {
      await cluster().namespace("leaving", "short");
      const running = await cluster().run(await cluster().pod("leaving", "web", "short"));
      await running.ready();
      expect(await running.credentials()).toMatchObject({ status: 200 });
      await cluster().admin.delete(`${GRANTS}/leaving`);
      await until("the refusal", () => running.sidecar.output().includes("ROLE_NOT_ALLOWED") || undefined);
      const answer = await running.credentials();
      expect({ status: answer.status, ...JSON.parse(answer.body) }).toMatchObject({
        status: 403,
        code: "ROLE_NOT_ALLOWED",
        message: expect.stringContaining(
          `Service account leaving/default may not use ${ROLES}short`,
        ) as string,
      });
    });

    test.for([
      {
        title: "a Deny covers it",
        namespace: "denied",
        change: () =>
          cluster().admin.create(
            GRANTS,
            grantObject("never", { effect: "Deny", roles: [`${ROLES}*`], namespaces: ["denied"] }),
          ),
        code: "ROLE_DENIED_BY_GRANT",
        says: `RoleGrant never denies ${ROLES}reader to service account denied/default`,
      },
      {
        title: "its namespace loses the label",
        namespace: "unlabelled",
        change: () => label("unlabelled", null),
        code: "NAMESPACE_NOT_LABELLED",
        says: "Namespace unlabelled has no label podrole.dev/inject=enabled",
      },
      {
        title: "only its namespace's annotation is left, which allows other roles",
        namespace: "listing",
        change: async () => {
          await cluster().admin.patch(`${NAMESPACES}/listing`, {
            metadata: { annotations: { [ANNOTATION.namespaceAllowedRoles]: '["other"]' } },
          });
          await cluster().admin.delete(`${GRANTS}/listing`);
        },
        code: "ROLE_NOT_ALLOWED",
        says: `Service account listing/default may not use ${ROLES}reader`,
      },
    ])("gets no other session once $title: $code", async ({ namespace, change, code, says }) => {
      await cluster().namespace(namespace, "reader");
      const pod = await cluster().pod(namespace, "web", "reader");
      await changed(pod, "reader", (answer) => !isGiven(answer));
      await change();
      const { status, body } = await changed(pod, "reader", isGiven);
      expect({ status, ...body }).toMatchObject({ status: 403, code, kind: "definite" });
      expect(body.message).toContain(says);
      expect(body.remedy).toMatch(/\S/);
    });
  });
}
