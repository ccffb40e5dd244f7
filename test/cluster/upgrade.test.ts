import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { helm, whyNoHelm } from "../support/helm.ts";
import { tcpService } from "../support/tcp-service.ts";
import { until } from "../support/until.ts";
import { openControlPlane, whyNot } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { acceptedImages, cluster, NAMESPACE, releases, type Release } from "./rollout.ts";
import { createNamespace, NAMESPACES, podsOf } from "./setting.ts";

const reason = whyNot() ?? whyNoHelm();
const EVERY_MS = 100;
/** A limit for waiting: the controller keeps the old settings for a minute after the roll-out. */
const KEPT_MS = 120_000;

/** A pod that source node accepts too. */
const POD = {
  metadata: {
    name: "web",
    annotations: { "iam.amazonaws.com/role": "arn:aws:iam::111122223333:role/billing-reader" },
  },
  spec: {
    containers: [
      { name: "app", image: "a", securityContext: { runAsUser: 1000, allowPrivilegeEscalation: false } },
    ],
  },
};

/** Describes the installation that patched a pod, such as `block r.example/podrole:1 node`. */
function formOf({ spec }: KubeObject): string {
  const [first, second]: readonly KubeObject[] = spec.initContainers ?? [];
  const sidecar = first?.name === "podrole-sidecar" ? first : second;
  const written = sidecar?.env.find(({ name }: { name: string }) => name === "PODROLE_SOURCE");
  const source = written?.value ?? "web-identity";
  const isGuarded = first?.name === "podrole-guard" && first.image === sidecar?.image;
  const mode = first?.command[1] === "verify" ? "verify" : "block";
  return `${isGuarded ? mode : "off"} ${sidecar?.image} ${source}`;
}

const BEFORE = { image: "r.example/podrole:1", source: "web-identity", guard: "off" };
const NEXT = { image: "r.example/podrole:2", source: "node", guard: "auto" };
const LAST = { image: "r.example/podrole:3", source: "ambient", guard: "verify" };
const formed = ({ image, source, guard }: typeof BEFORE): string =>
  `${guard === "auto" ? "block" : guard} ${image} ${source}`;

test.skipIf(reason !== undefined)(
  `an upgrade, and then a change of settings, refuse no pod and leave none unguarded${reason ? `: ${reason}` : ""}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "podrole-upgrade-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const plane = await openControlPlane();
    onTestFinished(() => plane.stop());
    const service = await tcpService();
    const [before, next] = await releases(folder, service.port);
    const running = cluster(plane, folder, service);
    onTestFinished(() => running.close());
    const kubeconfig = join(folder, "kubeconfig");
    writeFileSync(kubeconfig, plane.adminConfig.exportConfig(), { mode: 0o600 });

    const install = (verb: string, { chart }: Release, options: object): void => {
      const values = {
        options: { ...options, policy: "off", region: "eu-west-1", ambientSecret: "identity" },
        tls: { names: ["127.0.0.1"] },
        drainSeconds: 4,
      };
      const args = [verb, "podrole", chart, "-n", NAMESPACE, "--kubeconfig", kubeconfig, "-f", "-"];
      expect(helm(args, JSON.stringify(values))).toMatchObject({ status: 0, stderr: "" });
    };
    const create = async (): Promise<string> => {
      const { status, body } = await plane.admin.request("POST", `${podsOf("shop")}?dryRun=All`, POD);
      return status === 201 ? formOf(body) : `refused: ${body.message}`;
    };

    await plane.admin.create(NAMESPACES, { metadata: { name: NAMESPACE } });
    install("install", before, BEFORE);
    await createNamespace(plane.admin, "shop");
    await running.rollOut(before);
    const isAccepted = async ({ image }: typeof BEFORE): Promise<true | undefined> =>
      (await acceptedImages(plane)).join(",") === image || undefined;
    await until("an admission", async () => (await create()) === formed(BEFORE) || undefined, 60_000);
    await until("the controller to keep the settings", () => isAccepted(BEFORE), KEPT_MS);

    /** The result for every pod, in the order of creation. */
    const pods: string[] = [];
    const pending = new Set<Promise<void>>();
    const load = setInterval(() => {
      const place = pods.push("no answer") - 1;
      const one = create()
        .then((form) => void (pods[place] = form))
        .finally(() => pending.delete(one));
      pending.add(one);
    }, EVERY_MS);
    onTestFinished(() => clearInterval(load));
    let counted = 0;
    /** The results for pods that were sent since the last call. */
    const answered = async (): Promise<readonly string[]> => {
      const [from, to] = [counted, pods.length];
      counted = to;
      await Promise.all(pending);
      return pods.slice(from, to);
    };
    /** Waits until all pods of two seconds have these settings. */
    const onlyOf = (settings: typeof BEFORE) =>
      until(
        "pods of the new settings alone",
        () => {
          const newest = pods.slice(-40, -20);
          return (newest.length === 20 && newest.every((form) => form === formed(settings))) || undefined;
        },
        60_000,
      );

    await delay(1000);
    install("upgrade", next, NEXT);
    await running.rollOut(next);
    await onlyOf(NEXT);
    const upgraded = await answered();
    expect(new Set(upgraded)).toEqual(new Set([formed(BEFORE), formed(NEXT)]));
    expect(await acceptedImages(plane)).toContain(BEFORE.image);

    // The roll-out is over: pods of the old settings are refused now, and no pod is created without a guard.
    await until("the old settings to be removed", () => isAccepted(NEXT), KEPT_MS);
    expect(new Set(await answered())).toEqual(new Set([formed(NEXT)]));

    install("upgrade", next, LAST);
    await onlyOf(LAST);
    expect(new Set(await answered())).toEqual(new Set([formed(NEXT), formed(LAST)]));
  },
  400_000,
);
