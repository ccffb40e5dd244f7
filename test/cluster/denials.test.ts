import { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { FINDINGS } from "../../injector/model/findings.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { whyWithout } from "./api-version.ts";
import { DENIALS, ELSEWHERE, namespaceOf } from "./denials.ts";
import { accountsOf, allowInjector, grantObject, GRANTS, installCrd, NAMESPACES, podsOf } from "./setting.ts";
import { addInjector, podObject } from "./webhook.ts";

const reason = whyNot();
const LABEL = "test-injector";

test("every code that denies is tested at a real API server, or the table names the test that covers it", () => {
  const denying = Object.entries(FINDINGS).flatMap(([code, { severity }]) =>
    severity === "deny" ? [code] : [],
  );
  const tried = [...DENIALS.map(({ code }) => code), ...Object.keys(ELSEWHERE)];
  expect(tried.toSorted()).toEqual(denying.toSorted());
});

describe.skipIf(reason !== undefined)(
  `denials by the webhook of a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    const closing: (() => Promise<void>)[] = [];
    const opened = new Map<string, Promise<string>>();

    beforeAll(async () => {
      plane = await openControlPlane();
      await allowInjector(plane);
      await installCrd(plane);
    });
    afterAll(async () => {
      for (const close of closing) await close();
      await plane?.stop();
    });

    /** Starts one injector for each configuration. Resolves to the label value of its namespaces. */
    function injectorOf(config: Partial<InjectorConfig>, kubeConfig?: KubeConfig): Promise<string> {
      const key = JSON.stringify([config, kubeConfig?.getCurrentCluster()?.server]);
      const known = opened.get(key);
      if (known !== undefined) return known;
      const name = `injector-${opened.size}`;
      const place = { name, labels: { [LABEL]: name }, ...(kubeConfig === undefined ? {} : { kubeConfig }) };
      const opening = addInjector(plane, config, place).then(({ close }) => {
        closing.push(close);
        return name;
      });
      opened.set(key, opening);
      return opening;
    }

    test.for(DENIALS.map((denial) => [denial.code, denial] as const))(
      "%s",
      async ([code, denial], { skip }) => {
        const why = whyWithout(denial.needs);
        skip(why !== undefined, why);
        const injector = await injectorOf(denial.config ?? {});
        const namespace = namespaceOf(denial);
        const { name, labels } = namespace.metadata;
        labels[LABEL] = injector;
        await plane.admin.create(NAMESPACES, namespace);
        await plane.admin.create(accountsOf(name), { metadata: { name: "default" } });
        if (denial.grant !== undefined) {
          await plane.admin.create(GRANTS, grantObject(name, { namespaces: [name], ...denial.grant }));
        }
        // The injector learns of a grant a moment late; a dry run creates no pod meanwhile.
        const { status, body } = await until("the denial", async () => {
          const answer = await plane.admin.request("POST", `${podsOf(name)}?dryRun=All`, denial.pod);
          return answer.status >= 400 || denial.grant === undefined ? answer : undefined;
        });
        expect(status).toBe(403);
        expect(body.message).toContain('admission webhook "pods.podrole.dev" denied the request: ');
        expect(body.message).toContain(`[${code}]`);
        // The same without the dry run: no pod is created.
        expect(await plane.admin.request("POST", podsOf(name), denial.pod)).toMatchObject({ status: 403 });
        expect((await plane.admin.get(podsOf(name))).items).toEqual([]);
      },
    );

    test("FACTS_UNAVAILABLE, while the injector cannot reach the API server", async () => {
      const nowhere = new KubeConfig();
      nowhere.loadFromClusterAndUser(
        { name: "nowhere", server: "https://127.0.0.1:9", skipTLSVerify: true },
        { name: "nobody" },
      );
      const name = "facts-unavailable";
      const labels = { "podrole.dev/inject": "enabled", [LABEL]: await injectorOf({}, nowhere) };
      await plane.admin.create(NAMESPACES, { metadata: { name, labels } });
      await plane.admin.create(accountsOf(name), { metadata: { name: "default" } });
      const { status, body } = await plane.admin.request("POST", podsOf(name), podObject("web", {}));
      expect(status).toBe(403);
      expect(body.message).toContain("[FACTS_UNAVAILABLE]");
    });
  },
);
