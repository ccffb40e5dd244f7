import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { apiServer, type ApiServer } from "../../injector/cluster/api-server.ts";
import { updateGrants } from "../../injector/controller/grant-status.ts";
import { until } from "../support/until.ts";
import { whyNot } from "./control-plane.ts";
import { controllerAccount, createNamespace, grantObject, GRANTS, NAMESPACES, podsOf } from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const SETTINGS = { namespace: "podrole-system", configMap: "podrole-config" };
const signal = new AbortController().signal;

describe.skipIf(reason !== undefined)(
  `the status of grants at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving;
    let api: ApiServer;

    beforeAll(async () => {
      serving = await openInjector({ policy: "enforce" });
      const { admin } = serving.plane;
      await createNamespace(admin, "shop");
      await admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await admin.create("/api/v1/namespaces/podrole-system/configmaps", {
        metadata: { name: "podrole-config" },
        data: {},
      });
      api = apiServer(await controllerAccount(serving.plane));
      await admin.create(GRANTS, grantObject("shop-roles", { roles: [ROLE], namespaces: ["shop"] }));
      await until("the grant", () =>
        admin.create(podsOf("shop"), podObject("web", { [ANNOTATION.role]: ROLE })).catch(() => undefined),
      );
    });
    afterAll(async () => {
      api?.close();
      await serving?.close();
    });

    test("is written with the controller's rights, shown by kubectl get, and not written again", async () => {
      const { admin } = serving.plane;
      const round = () => updateGrants({ api, now: () => Date.now(), ...SETTINGS }, signal);
      await round();
      const grant = await admin.get(`${GRANTS}/shop-roles`);
      expect(grant.status).toMatchObject({ podsUsing: 1, conditions: [{ type: "Valid", status: "True" }] });
      const { columnDefinitions, rows } = await admin.table(GRANTS);
      const shown = Object.fromEntries(
        columnDefinitions.map(({ name }: { name: string }, index: number) => [name, rows[0].cells[index]]),
      );
      expect(Object.values(shown)).toContain("True");
      await round();
      expect((await admin.get(`${GRANTS}/shop-roles`)).metadata.resourceVersion).toBe(
        grant.metadata.resourceVersion,
      );
    });

    test("says that a name needs a base ARN, which the settings do not have", async () => {
      const { admin } = serving.plane;
      await admin.create(
        GRANTS,
        grantObject("no-admins", { effect: "Deny", roles: ["admin"], namespaces: ["*"] }),
      );
      await updateGrants({ api, now: () => Date.now(), ...SETTINGS }, signal);
      expect((await admin.get(`${GRANTS}/no-admins`)).status.conditions).toMatchObject([
        {
          status: "False",
          reason: "NeverMatches",
          message: expect.stringContaining("baseRoleArn") as string,
        },
      ]);
    });
  },
);
