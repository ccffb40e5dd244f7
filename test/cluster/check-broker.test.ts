import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CheckResult } from "../../injector/cli/check/result.ts";
import { podrole } from "../support/cli.ts";
import { rendered, whyNoHelm, type Manifest } from "../support/helm.ts";
import { tempFile } from "../support/temp-files.ts";
import { PLACE } from "./check-rig.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { placeOf } from "./places.ts";
import { BROKER, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

describe.skipIf(reason !== undefined)(
  `podrole check of the chart's broker at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await openControlPlane();
      const { admin } = plane;
      await admin.create(NAMESPACES, { metadata: { name: PLACE } });
      const objects = rendered({
        options: { source: "broker" },
        broker: { enabled: true, identity: { type: "node" } },
      });
      for (const object of objects.filter(isOfBroker)) await admin.create(placeOf(object), object);
      // The kubelet's part. To an address of the loopback the API server leads nobody.
      const labels = { "app.kubernetes.io/name": BROKER };
      const spec = {
        serviceAccountName: BROKER,
        automountServiceAccountToken: false,
        containers: [{ name: "broker", image: "x" }],
      };
      await admin.create(podsOf(PLACE), { metadata: { name: "broker-1", labels }, spec });
      const status = { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] };
      await admin.patch(`${podsOf(PLACE)}/broker-1/status`, { status });
    });
    afterAll(async () => {
      await plane?.stop();
    });

    const isOfBroker = ({ kind, metadata }: Manifest): boolean =>
      (metadata?.name === BROKER && !["NetworkPolicy", "PodMonitor", "ServiceMonitor"].includes(kind)) ||
      metadata?.name === "podrole-config";
    const check = async (kubeconfig: string) => {
      const { stdout } = await podrole(["check", "--kubeconfig", tempFile(kubeconfig), "-o", "json"]);
      const { checks } = JSON.parse(stdout) as { checks: CheckResult[] };
      return (code: string) => checks.find((one) => one.code === code);
    };

    test("finds the rights that the chart gives the broker, and names those that it has lost", async () => {
      const of = await check(plane.adminConfig.exportConfig());
      expect(of("BROKER_ACCESS")?.status).toBe("ok");
      expect(of("BROKER_SETTINGS")).toMatchObject({ message: expect.stringContaining("no brokerCa") });
      expect(of("BROKER_SERVICE")).toMatchObject({ message: expect.stringContaining("no ready endpoint") });
      await plane.admin.delete(`${RBAC}/clusterrolebindings/${BROKER}`);
      expect((await check(plane.adminConfig.exportConfig()))("BROKER_ACCESS")).toMatchObject({
        status: "fail",
        message: expect.stringContaining("create tokenreviews.authentication.k8s.io, get pods,"),
      });
    });

    test("says why it does not know the broker's identity: neither failure is the broker's", async () => {
      const of = await check(plane.adminConfig.exportConfig());
      expect(of("BROKER_IDENTITY")).toMatchObject({
        status: "skip",
        message: expect.stringContaining("does not reach the broker's pods"),
      });
      const rules = [
        { apiGroups: ["", "apps"], resources: ["configmaps", "deployments", "pods"], verbs: ["get", "list"] },
      ];
      await plane.admin.create(`${RBAC}/clusterroles`, { metadata: { name: "reader" }, rules });
      await plane.admin.create(`${RBAC}/clusterrolebindings`, {
        metadata: { name: "reader" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reader" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "injector" }],
      });
      const asReader = await check(plane.injectorConfig.exportConfig());
      expect(asReader("BROKER_IDENTITY")).toMatchObject({
        status: "skip",
        message: expect.stringContaining("may not get pods/proxy"),
      });
      expect(asReader("BROKER_ACCESS")).toMatchObject({
        status: "skip",
        message: expect.stringContaining('cannot create resource "subjectaccessreviews"'),
      });
    });
  },
);
