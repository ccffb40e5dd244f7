import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rendered, whyNoHelm } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { codeIn, POLICIES } from "./policy-rig.ts";
import { createNamespace, podsOf } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const BINDINGS = POLICIES.replace(/policies$/, "policybindings");
const VALUES = {
  options: { source: "broker", externalIdKey: "shop.example/external-id" },
  broker: { enabled: true, identity: { type: "node" } },
};
const BEFORE = {
  "podrole.dev/status": "{}",
  "podrole.dev/session-policy": "{}",
  "shop.example/external-id": "a",
  "shop.example/note": "a",
};

describe.skipIf(reason !== undefined)(
  `annotations of running pods at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    const change = async (pod: string, annotations: object): Promise<string> => {
      const type = "application/merge-patch+json";
      const path = `${podsOf("shop")}/${pod}?dryRun=All`;
      const { status, body } = await plane.admin.request("PATCH", path, { metadata: { annotations } }, type);
      return `${status} ${codeIn(body.message ?? "")}`.trim();
    };

    beforeAll(async () => {
      plane = await openControlPlane();
      const { admin } = plane;
      await createNamespace(admin, "shop");
      for (const [name, init] of [
        ["guarded", "podrole-guard"],
        ["older", "init"],
      ])
        await admin.create(podsOf("shop"), {
          metadata: { name, annotations: BEFORE },
          spec: { initContainers: [{ name: init, image: "a" }], containers: [{ name: "app", image: "a" }] },
        });
      const own = rendered(VALUES).filter(({ metadata }) => metadata.name === "podrole-annotations");
      for (const object of own)
        await admin.create(object.kind === "ValidatingAdmissionPolicy" ? POLICIES : BINDINGS, object);
      await until(
        "the policy",
        async () => (await change("guarded", { "podrole.dev/status": "x" })) !== "200" || undefined,
      );
    });
    afterAll(() => plane?.stop());

    test.for([
      ["podrole.dev/status", null],
      ["podrole.dev/session-policy", "{ }"],
      ["podrole.dev/session-tags", "a=b"],
      ["shop.example/external-id", "b"],
    ] as const)("while the webhook is away, a pod of podrole's keeps %s", async ([key, value]) => {
      expect(await change("guarded", { [key]: value })).toBe("422 POD_FROZEN");
    });

    test("others change, and so do those of a pod without podrole", async () => {
      expect(await change("guarded", { "shop.example/note": "b", "shop.example/more": "c" })).toBe("200");
      expect(await change("older", { "podrole.dev/status": null })).toBe("200");
    });

    test("a label or a finalizer of a pod can be removed", async () => {
      expect(await change("guarded", {})).toBe("200");
    });
  },
);
