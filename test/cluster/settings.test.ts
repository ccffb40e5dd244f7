import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
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
const CONFIG = `${NAMESPACES}/podrole-system/configmaps/podrole-config`;

describe.skipIf(reason !== undefined)(
  `the settings of a running injector at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let injector: Program;
    beforeAll(async () => {
      plane = await openControlPlane();
      await allowInjector(plane);
      await installCrd(plane);
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await allowSecret(plane);
      await createNamespace(plane.admin, "shop");
    });
    afterAll(() => plane?.stop());

    const made = async (): Promise<readonly string[]> => {
      const { body } = await plane.admin.request(
        "POST",
        `${podsOf("shop")}?dryRun=All`,
        podObject("web", {}),
      );
      return (body.spec?.initContainers ?? [{ image: body.message }]).map(
        ({ image }: { image: string }) => image,
      );
    };
    const image = (wanted: string) =>
      until(wanted, async () => (await made()).every((one) => one === wanted) || undefined);
    const detail = async (): Promise<unknown> => JSON.parse((await injector.ask("/readyz")).body);

    test("change without a restart, and the last good ones stay when new ones are invalid, deleted or of another version", async () => {
      const controller = openController(await controllerAccount(plane));
      onTestFinished(() => controller.close());
      injector = await startProgram(plane, ["--drain-seconds=0"]);
      await register(plane, injector.port);
      await injector.ready();
      await plane.admin.patch(CONFIG, { data: { image: "r.example/podrole:1" } });
      await image("r.example/podrole:1");
      expect(await detail()).toEqual({ status: "ok" });

      await plane.admin.patch(CONFIG, { data: { image: "r.example/podrole:2", imag: "x", guard: "of" } });
      const refused = await until("the refusal", async () => {
        const { body, status } = await injector.ask("/readyz");
        return body.includes("CONFIG_INVALID") ? { status, body } : undefined;
      });
      expect(refused.status).toBe(200);
      expect(JSON.parse(refused.body)).toEqual({
        status: "ok",
        detail: {
          code: "CONFIG_INVALID",
          message:
            '"imag" is not a setting. Did you mean image? guard must be one of auto, block, verify, off.',
        },
      });
      expect((await injector.ask("/metrics")).body).toContain(
        'podrole_settings_refused{code="CONFIG_INVALID"} 1',
      );
      await image("r.example/podrole:1");

      await plane.admin.patch(CONFIG, { data: { imag: null, guard: null } });
      await image("r.example/podrole:2");
      expect(await detail()).toEqual({ status: "ok" });

      await plane.admin.patch(CONFIG, { data: { version: "9.9.9", image: "r.example/podrole:9" } });
      await until("another version", async () =>
        (await injector.ask("/readyz")).body.includes("CONFIG_OTHER_VERSION") ? true : undefined,
      );
      await plane.admin.delete(CONFIG);
      await until("no ConfigMap", async () =>
        (await injector.ask("/readyz")).body.includes("CONFIG_MISSING") ? true : undefined,
      );
      expect(new Set(await made())).toEqual(new Set(["r.example/podrole:2"]));
      expect((await injector.ask("/readyz")).status).toBe(200);

      // With another key for roles of service accounts, the injector reads all service accounts again.
      const account = `${NAMESPACES}/shop/serviceaccounts/default`;
      const role = "arn:aws:iam::111122223333:role/billing";
      await plane.admin.patch(account, { metadata: { annotations: { "acme.example/role": role } } });
      await plane.admin.create(`${NAMESPACES}/podrole-system/configmaps`, {
        metadata: { name: "podrole-config" },
        data: { serviceAccountKey: "acme.example/role", region: "eu-west-1", policy: "off" },
      });
      await until("a sidecar", async () => {
        const { body } = await plane.admin.request("POST", `${podsOf("shop")}?dryRun=All`, {
          metadata: { name: "plain" },
          spec: { containers: [{ name: "app", image: "a" }] },
        });
        const names = (body.spec?.initContainers ?? []).map(({ name }: { name: string }) => name);
        return names.includes(CONTAINER.sidecar) || undefined;
      });
      injector.kill("SIGTERM");
      expect(await injector.exited).toBe(0);
    });
  },
);
