import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { tcpService } from "../support/tcp-service.ts";
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

describe.skipIf(reason !== undefined)(
  `a rolling restart behind a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await openControlPlane();
      await allowInjector(plane);
      await installCrd(plane);
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await allowSecret(plane);
      await createNamespace(plane.admin, "shop");
    });
    afterAll(() => plane?.stop());

    test("of two replicas loses no admission at 50 pods a second", async () => {
      const service = await tcpService();
      await register(plane, service.port);
      const controller = openController(await controllerAccount(plane));
      onTestFinished(() => controller.close());
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
  },
);
