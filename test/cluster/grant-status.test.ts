import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { apiServer } from "../../injector/cluster/api-server.ts";
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

    beforeAll(async () => {
      serving = await openInjector({ policy: "enforce" });
      const { admin } = serving.plane;
      await createNamespace(admin, "shop");
      await admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await admin.create(GRANTS, grantObject("shop-roles", { roles: [ROLE], namespaces: ["shop"] }));
      await until("the grant", () =>
        admin.create(podsOf("shop"), podObject("web", { [ANNOTATION.role]: ROLE })).catch(() => undefined),
      );
    });
    afterAll(() => serving?.close());

    test("is written with the controller's rights, shown by kubectl get, and not written again", async () => {
      const { admin } = serving.plane;
      const api = apiServer(await controllerAccount(serving.plane));
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
      api.close();
    });
  },
);
