import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { APP_ENV } from "../../sidecar/contract/pod.ts";
import { whyNot } from "./control-plane.ts";
import { whyWithout } from "./api-version.ts";
import type { KubeObject } from "./kube-client.ts";
import { started } from "../support/started.ts";
import { createNamespace, podsOf } from "./setting.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ROLE = "arn:aws:iam::111122223333:role/billing-reader";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments";
const PATCH = "application/merge-patch+json";

const deployment = (name: string, spec: object): object => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, annotations: { [ANNOTATION.role]: ROLE } },
      spec: { containers: [{ name: "app", image: "shop/app:1" }], ...spec },
    },
  },
});

describe.skipIf(reason !== undefined)(
  `what is applied and changed at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving;
    const send = (...args: Parameters<Serving["plane"]["admin"]["request"]>) =>
      serving.plane.admin.request(...args);
    const pod = (name: string): string => `${podsOf("shop")}/${name}`;
    const debug = async (name: string, container: object): Promise<{ status: number; body: KubeObject }> => {
      const { status } = started({ spec: { containers: [] } });
      await serving.plane.admin.patch(`${pod(name)}/status`, { status });
      const { body } = await send("GET", pod(name));
      body.spec.ephemeralContainers = [{ name: "debugger", image: "busybox", ...container }];
      return send("PUT", `${pod(name)}/ephemeralcontainers`, body);
    };

    beforeAll(async () => {
      serving = await openInjector();
      await createNamespace(serving.plane.admin, "shop");
      await serving.plane.admin.create(podsOf("shop"), podObject("web", { [ANNOTATION.role]: ROLE }));
    });
    afterAll(() => serving?.close());

    test("a Deployment whose pods would be denied is applied with a warning that says why", async () => {
      const { status, warnings } = await send("POST", DEPLOYMENTS, deployment("bad", { hostPID: true }));
      expect(status).toBe(201);
      expect(warnings.join("\n")).toContain("[HOST_NAMESPACE] Pods of this Deployment will be denied: ");
    });

    test("a Deployment whose pods would be admitted is applied unchanged and without a warning", async () => {
      const { status, warnings, body } = await send("POST", DEPLOYMENTS, deployment("good", {}));
      expect({ status, warnings }).toEqual({ status: 201, warnings: [] });
      expect(body.spec.template.spec.initContainers).toBeUndefined();
    });

    test("a Deployment that got a warning can be scaled without getting it again", async () => {
      const { status, warnings } = await send(
        "PATCH",
        `${DEPLOYMENTS}/bad`,
        { spec: { replicas: 0 } },
        PATCH,
      );
      expect({ status, warnings }).toEqual({ status: 200, warnings: [] });
    });

    test("the role of a running pod cannot be changed, but a label can", async () => {
      const role = { metadata: { annotations: { [ANNOTATION.role]: `${ROLE}-2` } } };
      const { status, body } = await send("PATCH", pod("web"), role, PATCH);
      expect(status).toBe(403);
      expect(body.message).toContain("[POD_FROZEN] The annotation iam.amazonaws.com/role of a running pod");
      const label = { metadata: { labels: { a: "b" } } };
      expect(await send("PATCH", pod("web"), label, PATCH)).toMatchObject({ status: 200, warnings: [] });
    });

    test("the guard's image in a running pod cannot be changed, but the app's can", async () => {
      const image = (list: string, name: string) =>
        send(
          "PATCH",
          pod("web"),
          { spec: { [list]: [{ name, image: "evil" }] } },
          "application/strategic-merge-patch+json",
        );
      expect(await image("initContainers", "podrole-guard")).toMatchObject({ status: 403 });
      expect(await image("containers", "app")).toMatchObject({ status: 200 });
    });

    test("the resources of a running sidecar cannot be reduced below podrole's minimum, but the app's can", async ({
      skip,
    }) => {
      const why = whyWithout("a subresource for resizes");
      skip(why !== undefined, why);
      const resize = (list: string, name: string, memory: string) =>
        send(
          "PATCH",
          `${pod("web")}/resize`,
          { spec: { [list]: [{ name, resources: { limits: { memory } } }] } },
          "application/strategic-merge-patch+json",
        );
      const { status, body } = await resize("initContainers", "podrole-sidecar", "40Mi");
      expect(status).toBe(403);
      expect(body.message).toContain(
        "[RESOURCES_BELOW_FLOOR] The resize sets limits.memory of podrole-sidecar",
      );
      expect(await resize("initContainers", "podrole-sidecar", "1Gi")).toMatchObject({ status: 200 });
    });

    test("podrole is not called for changes that do not concern it", async () => {
      const asked = serving.lines.length;
      const labels = { metadata: { labels: { unasked: "yes" } } };
      expect(await send("PATCH", pod("web"), labels, PATCH)).toMatchObject({ status: 200 });
      expect(serving.lines.slice(asked).filter(({ msg }) => msg === "decided")).toEqual([]);
    });

    test("an ephemeral container gets the pod's credentials and loses NET_RAW", async () => {
      const { status, body } = await debug("web", {});
      expect(status).toBe(200);
      const [container] = body.spec.ephemeralContainers;
      expect(container.securityContext.capabilities.drop).toEqual(["NET_RAW"]);
      const names = container.env.map(({ name }: { name: string }) => name);
      expect(names).toEqual(expect.arrayContaining([APP_ENV.token, APP_ENV.tokenFile]));
      expect(container.volumeMounts).toContainEqual({
        name: "podrole-identity-0",
        mountPath: "/var/run/secrets/podrole.dev/credentials",
        readOnly: true,
      });
    });

    test("an ephemeral container of a pod that has not started is refused, whatever the client's object says", async () => {
      await serving.plane.admin.create(podsOf("shop"), podObject("early", { [ANNOTATION.role]: ROLE }));
      const { body } = await send("GET", pod("early"));
      const early = started({
        ...body,
        spec: { ...body.spec, ephemeralContainers: [{ name: "debugger", image: "busybox" }] },
      });
      const { status, body: answer } = await send("PUT", `${pod("early")}/ephemeralcontainers`, early);
      expect(status).toBe(403);
      expect(answer.message).toContain("[GUARD_NOT_DONE]");
    });

    test.for([
      ["privileged", { securityContext: { privileged: true } }, "PRIVILEGED"],
      [
        "with NET_ADMIN",
        { securityContext: { capabilities: { add: ["NET_ADMIN"] } } },
        "CAPABILITY_FORBIDDEN",
      ],
      ["aimed at the sidecar", { targetContainerName: "podrole-sidecar" }, "EPHEMERAL_TARGET"],
    ] as const)("an ephemeral container %s is refused", async ([kind, container, code]) => {
      const name = `debug-${kind.replaceAll(/[\W_]/g, "-").toLowerCase()}`;
      await serving.plane.admin.create(podsOf("shop"), podObject(name, { [ANNOTATION.role]: ROLE }));
      const { status, body } = await debug(name, container);
      expect(status).toBe(403);
      expect(body.message).toContain(`[${code}]`);
    });
  },
);
