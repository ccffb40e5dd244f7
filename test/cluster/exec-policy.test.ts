import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentsIn } from "../support/goldens.ts";
import { nameOf, own } from "../../injector/model/read.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { createNamespace, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNot();
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";

/** Of deploy/install.yaml. */
async function shipped(kind: string): Promise<object> {
  const text = await readFile(new URL("../../deploy/install.yaml", import.meta.url), "utf8");
  const found = documentsIn(text).find((one) => own(one, "kind") === kind && nameOf(one) === "podrole-exec");
  if (found === undefined) throw new Error(`no ${kind} podrole-exec`);
  return found;
}

describe.skipIf(reason !== undefined)(
  `exec and attach at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    const connected = async (what: string, namespace = "shop"): Promise<string> => {
      const { status, body } = await plane.admin.request("POST", `${podsOf(namespace)}/web/${what}`);
      return `${status} ${body.message ?? String(body)}`;
    };
    /** The answer to a connection, which can get no further without a kubelet. */
    const letIn = expect.stringContaining("does not have a host assigned") as string;
    const refused = expect.stringContaining("[SIDECAR_EXEC] ") as string;

    beforeAll(async () => {
      plane = await openControlPlane();
      const { admin } = plane;
      await createNamespace(admin, "shop");
      await admin.create(NAMESPACES, { metadata: { name: "elsewhere" } });
      await admin.create(`${NAMESPACES}/elsewhere/serviceaccounts`, { metadata: { name: "default" } });
      const named = (name: string) => ({ name, image: "a" });
      for (const namespace of ["shop", "elsewhere"])
        await admin.create(podsOf(namespace), {
          metadata: { name: "web" },
          spec: {
            initContainers: [
              named("podrole-guard"),
              { ...named("podrole-sidecar"), restartPolicy: "Always" },
              named("istio-init"),
              named("linkerd-init"),
            ],
            containers: [named("app")],
          },
        });
      await admin.create(
        `${ADMISSION}/validatingadmissionpolicies`,
        await shipped("ValidatingAdmissionPolicy"),
      );
      await admin.create(
        `${ADMISSION}/validatingadmissionpolicybindings`,
        await shipped("ValidatingAdmissionPolicyBinding"),
      );
      await until(
        "the policy to be in force",
        async () =>
          (await connected("exec?container=podrole-sidecar&command=a")).includes("[SIDECAR_EXEC]") ||
          undefined,
        30_000,
      );
    });
    afterAll(() => plane?.stop());

    test.for(["exec?command=node&", "attach?"])("%s to the sidecar or the guard is refused", async (what) => {
      expect(await connected(`${what}container=podrole-sidecar`)).toEqual(refused);
      expect(await connected(`${what}container=podrole-guard`)).toEqual(refused);
    });

    test.for(["exec?command=nft&", "attach?"])("%s to a mesh's init container is refused", async (what) => {
      expect(await connected(`${what}container=istio-init`)).toEqual(refused);
      expect(await connected(`${what}container=linkerd-init`)).toEqual(refused);
    });

    test("exec and attach to the app are allowed, with and without its name", async () => {
      expect(await connected("exec?command=node&container=app")).toEqual(letIn);
      expect(await connected("exec?command=node")).toEqual(letIn);
      expect(await connected("attach?")).toEqual(letIn);
    });

    test("exec is allowed in a namespace that podrole does not manage", async () => {
      expect(await connected("exec?command=node&container=podrole-sidecar", "elsewhere")).toEqual(letIn);
    });

    test("port forwarding is allowed, because the sidecar requires a token", async () => {
      expect(await connected("portforward?ports=16925")).toEqual(letIn);
    });
  },
);
