import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { storedBytes } from "../bench/api-server-figures.ts";
import { whyNot } from "./control-plane.ts";
import { createNamespace, podsOf } from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = { [ANNOTATION.role]: "arn:aws:iam::111122223333:role/billing-reader" };

/** etcd stores every pod, and the API server sends it to everybody who watches pods. */
describe.skipIf(reason !== undefined)(
  `what podrole adds to a stored pod${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving;
    beforeAll(async () => {
      serving = await openInjector();
      await createNamespace(serving.plane.admin, "bare", { "podrole.dev/inject": "no" });
      await createNamespace(serving.plane.admin, "held");
    });
    afterAll(() => serving?.close());

    async function bytesOf(namespace: string, name: string, annotations: object): Promise<number> {
      const { plane } = serving;
      await plane.admin.create(podsOf(namespace), podObject(name, annotations));
      return storedBytes(plane, `pods/${namespace}/${name}`);
    }

    test.for([
      ["2,450 bytes to a pod with a role", ROLE, 2450],
      ["700 bytes to a pod without one", {}, 700],
    ] as const)("is less than %s", async ([what, annotations, most]) => {
      const name = what.replaceAll(/\W+/g, "-");
      const bare = await bytesOf("bare", name, annotations);
      const added = (await bytesOf("held", name, annotations)) - bare;
      expect(added).toBeLessThan(most);
      // The webhook has patched it.
      expect(added).toBeGreaterThan(400);
    });
  },
);
