import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CheckResult } from "../../injector/cli/check/result.ts";
import { child } from "../support/child.ts";
import { CLI, podrole } from "../support/cli.ts";
import { tempFile } from "../support/temp-files.ts";
import { until } from "../support/until.ts";
import { adminConfig, PLACE } from "./check-rig.ts";
import { openControlPlane, whyNoControllers, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { NAMESPACES, podsOf, shippedObject } from "./setting.ts";
import { createNode, jobsOf, startNodes, whyNoNetwork } from "./test-kubelet.ts";

const reason = whyNoControllers() ?? whyNoNetwork();
const NODEGROUP = "eks.amazonaws.com/nodegroup";
const NODEPOOL = "karpenter.sh/nodepool";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

describe.skipIf(reason !== undefined)(
  `podrole check --probe of a real API server and its Job controller${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let nodes: Awaited<ReturnType<typeof startNodes>> | undefined;
    beforeAll(async () => {
      plane = await openControlPlane();
      const { admin } = plane;
      // It enforces Pod Security level restricted.
      const home = await shippedObject("Namespace");
      await admin.create(NAMESPACES, home);
      await admin.create(`${NAMESPACES}/${PLACE}/serviceaccounts`, { metadata: { name: "default" } });
      const settings = await shippedObject("ConfigMap");
      await admin.create(`${NAMESPACES}/${PLACE}/configmaps`, settings);
      await createNode(admin, "ip-10-0-0-1", { [NODEGROUP]: "closed" });
      await createNode(admin, "ip-10-0-0-2", { [NODEPOOL]: "open" });
      await createNode(admin, "ip-10-0-0-3", { [NODEPOOL]: "full" });
      await createNode(admin, "ip-10-0-0-4", { [NODEPOOL]: "evicting" });
      await createNode(admin, "ip-10-0-0-5", { [NODEPOOL]: "hanging" });
      await plane.startControllers("job-controller", "garbage-collector-controller");
      const unschedulable = {
        type: "PodScheduled",
        status: "False",
        reason: "Unschedulable",
        message: "0/5 nodes are available: 1 Insufficient cpu.",
      };
      nodes = await startNodes(admin, PLACE, {
        "ip-10-0-0-1": "closed",
        "ip-10-0-0-2": "open",
        "ip-10-0-0-3": { status: { phase: "Pending", conditions: [unschedulable] } },
        "ip-10-0-0-4": {
          status: { phase: "Failed", reason: "Evicted", message: "The node was low on resource: memory." },
        },
      });
    });
    afterAll(async () => {
      await nodes?.stop();
      await plane?.stop();
    });

    const probe = async (kubeconfig: string, ...args: readonly string[]) => {
      const run = await podrole([
        "check",
        "-o",
        "json",
        "--kubeconfig",
        tempFile(kubeconfig),
        "--probe",
        ...args,
      ]);
      const { checks } = JSON.parse(run.stdout) as { checks: readonly CheckResult[] };
      return { ...run, results: checks.filter(({ code }) => code === "PROBE") };
    };
    const left = async () => {
      const [jobs, pods] = [await plane.admin.get(jobsOf(PLACE)), await plane.admin.get(podsOf(PLACE))];
      return [...jobs.items, ...pods.items].map(({ metadata }: KubeObject) => metadata.name as string);
    };
    const nothingLeft = async (): Promise<void> => {
      await expect.poll(left, { timeout: 20_000 }).toEqual([]);
    };

    test("runs the guard itself on a node of each pool, and reports what it proves there", async () => {
      const { results, code } = await probe(adminConfig(plane), "closed", "open");
      expect(results).toMatchObject([
        {
          status: "ok",
          message: expect.stringMatching(
            /^eks\.amazonaws\.com\/nodegroup=closed: mode verify holds on ip-10-0-0-1\.$/,
          ),
          pools: [{ verdict: "held" }],
        },
        {
          status: "fail",
          message: expect.stringMatching(
            /nodepool=open: mode verify does not hold on ip-10-0-0-2 \(i-\w+\): 169\.254\.169\.254 port 80 answered PUT \/latest\/api\/token with 200/,
          ),
          remedy: expect.stringContaining("EC2NodeClass"),
          pools: [{ verdict: "reachable" }],
        },
      ]);
      expect(code).toBe(1);
      await nothingLeft();
    });

    test("reports pods that never run, and leaves nothing of them", async () => {
      const { results } = await probe(adminConfig(plane), "full", "evicting", "--timeout", "4s");
      expect(results.map(({ message }) => message)).toEqual([
        expect.stringContaining("its pod failed: Evicted, The node was low on resource: memory."),
        expect.stringContaining(
          "cannot be scheduled: Unschedulable, 0/5 nodes are available: 1 Insufficient cpu",
        ),
      ]);
      await nothingLeft();
    });

    test("reports a quota that lets no pod in, in the words of the Job controller", async () => {
      const quotas = `${NAMESPACES}/${PLACE}/resourcequotas`;
      await plane.admin.create(quotas, { metadata: { name: "none" }, spec: { hard: { pods: "0" } } });
      // No quota controller runs here.
      await plane.admin.patch(`${quotas}/none/status`, {
        status: { hard: { pods: "0" }, used: { pods: "0" } },
      });
      const { results } = await probe(adminConfig(plane), "closed", "--timeout", "5s");
      expect(results).toMatchObject([
        { status: "fail", message: expect.stringMatching(/its Job can make no pod: .+exceeded quota: none/) },
      ]);
      await plane.admin.delete(`${quotas}/none`);
      await nothingLeft();
    });

    test("needs no rights but those that its help names, and names each one that is missing", async () => {
      const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "injector" }];
      const bind = async (
        kind: "Role" | "ClusterRole",
        name: string,
        rules: readonly object[],
      ): Promise<void> => {
        const at = kind === "Role" ? `${RBAC}/namespaces/${PLACE}` : RBAC;
        const plural = kind === "Role" ? "role" : "clusterrole";
        await plane.admin.create(`${at}/${plural}s`, { metadata: { name }, rules });
        const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name };
        await plane.admin.create(`${at}/${plural}bindings`, { metadata: { name }, roleRef, subjects });
      };
      const kubeconfig = plane.injectorConfig.exportConfig();
      const message = async (): Promise<string> => {
        const { results } = await probe(kubeconfig, "closed");
        return results.map((one) => one.message).join("\n");
      };
      await bind("Role", "settings", [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }]);
      await expect.poll(message, { timeout: 10_000 }).toContain("does not let injector list nodes");
      await bind("ClusterRole", "nodes", [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }]);
      await expect.poll(message, { timeout: 10_000 }).toContain('cannot create resource "jobs"');
      await bind("Role", "jobs", [
        { apiGroups: ["batch"], resources: ["jobs"], verbs: ["create", "delete"] },
      ]);
      await expect.poll(message, { timeout: 10_000 }).toContain("does not let injector list pods");
      await bind("Role", "pods", [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }]);
      await expect.poll(message, { timeout: 20_000 }).toContain("mode verify holds");
      await nothingLeft();
    });

    test("deletes its Job and pod when it is interrupted", async () => {
      const kubeconfig = tempFile(adminConfig(plane));
      const running = child([CLI, "check", "--probe", "hanging", "--kubeconfig", kubeconfig], {});
      await until("its pod", async () => (await left()).length >= 2 || undefined);
      running.kill("SIGINT");
      expect(await running.exited).toBe(130);
      expect(running.output()).toMatch(/probe: its Jobs are deleted\nEnded by SIGINT\.\n$/);
      await nothingLeft();
    });

    test("deletes its Job and pod although the API server goes away meanwhile", async () => {
      const kubeconfig = tempFile(adminConfig(plane));
      const running = child([CLI, "check", "--probe", "hanging", "--kubeconfig", kubeconfig], {});
      await until("its pod", async () => (await left()).length >= 2 || undefined);
      await nodes?.stop();
      await plane.killApiServer();
      running.kill("SIGTERM");
      await plane.startApiServer();
      expect(await running.exited).toBe(143);
      expect(running.output()).toContain("probe: its Jobs are deleted");
      expect((await plane.admin.get(jobsOf(PLACE))).items).toEqual([]);
    });
  },
);
