import { setTimeout as delay } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { tcpService, type TcpService } from "../support/tcp-service.ts";
import { until } from "../support/until.ts";
import { openController, register } from "./certificates-rig.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { startProgram, type Program } from "./program.ts";
import {
  allowInjector,
  allowSecret,
  controllerAccount,
  createNamespace,
  installCrd,
  NAMESPACES,
  podsOf,
} from "./setting.ts";
import { podObject } from "./webhook.ts";

const reason = whyNot();

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/** The webhook behind a Service without endpoints yet, and a controller that gives it certificates. */
async function registered(plane: ControlPlane, account: KubeConfig): Promise<TcpService> {
  const service = await tcpService();
  await register(plane, service.port);
  const controller = openController(account);
  onTestFinished(async () => {
    await controller.close();
    await plane.admin.request("DELETE", `${WEBHOOKS}/podrole`);
  });
  return service;
}

const decisions = (one: Program): number => one.output().split('"decision"').length - 1;

describe.skipIf(reason !== undefined)(
  `a rolling restart behind a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let account: KubeConfig;
    beforeAll(async () => {
      plane = await openControlPlane();
      await allowInjector(plane);
      await installCrd(plane);
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await allowSecret(plane);
      account = await controllerAccount(plane);
      await createNamespace(plane.admin, "shop");
    });
    afterAll(() => plane?.stop());

    test("of two replicas loses no admission at 50 pods a second", async () => {
      const service = await registered(plane, account);
      const start = async (): Promise<Program> => {
        const one = await startProgram(plane, ["--drain-seconds=4"]);
        await one.ready();
        service.endpoints = [...service.endpoints, one.port];
        return one;
      };
      const end = async (one: Program): Promise<void> => {
        one.kill("SIGTERM");
        // EndpointSlices and kube-proxy may be this late.
        await delay(1500);
        service.endpoints = service.endpoints.filter((port) => port !== one.port);
        expect(await one.exited).toBe(0);
      };
      let count = 0;
      const admit = async (): Promise<void> => {
        const pod = podObject(`pod-${(count += 1)}`, {});
        const made = await plane.admin.create(`${podsOf("shop")}?dryRun=All`, pod);
        expect(made.spec.initContainers[0].name).toBe(CONTAINER.guard);
      };
      const replicas = [await start(), await start()];
      await until("an admission", () =>
        admit().then(
          () => true,
          () => undefined,
        ),
      );
      const failures: string[] = [];
      const pending = new Set<Promise<void>>();
      let sent = 0;
      const load = setInterval(() => {
        sent += 1;
        const one = admit()
          .catch((error: Error) => void failures.push(error.message))
          .finally(() => pending.delete(one));
        pending.add(one);
      }, 20);
      onTestFinished(() => clearInterval(load));
      for (const old of replicas) {
        await start();
        await end(old);
      }
      await delay(500);
      clearInterval(load);
      await Promise.all(pending);
      expect(failures).toEqual([]);
      expect(sent).toBeGreaterThan(400);
    }, 120_000);

    test("brings no answers of an old replica once endpoints have changed", async () => {
      const service = await registered(plane, account);
      const old = await startProgram(plane, ["--drain-seconds=600"]);
      await old.ready();
      service.endpoints = [old.port];
      let count = 0;
      const admit = async (): Promise<true> => {
        await plane.admin.create(`${podsOf("shop")}?dryRun=All`, podObject(`old-${(count += 1)}`, {}));
        return true;
      };
      const burst = (): Promise<unknown> => Promise.all(Array.from({ length: 40 }, admit));
      await until("an admission", () => admit().catch(() => undefined));
      await burst();
      expect(service.open(old.port)).toBeGreaterThan(1);
      const next = await startProgram(plane, []);
      await next.ready();
      service.endpoints = [next.port];
      old.kill("SIGTERM");
      await until("the old replica's connections to close", () => service.open(old.port) === 0 || undefined);
      const [before, first] = [decisions(old), count];
      await burst();
      // A process's lines may come a moment after its answers.
      await until("the new replica's lines", () => decisions(next) === count - first || undefined);
      expect(decisions(old)).toBe(before);
      for (const one of [old, next]) one.kill("SIGKILL");
    }, 120_000);
  },
);
