import { setTimeout as delay } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Durations } from "../../injector/controller/durations.ts";
import { until } from "../support/until.ts";
import {
  bundles,
  CONFIGURATION,
  foreignCa,
  openController,
  openReplica,
  register,
  SECRET,
  SECRETS,
  serialInSecret,
  type Controller,
  type Replica,
} from "./certificates-rig.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { startController, startProgram } from "./program.ts";
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
  `certificates that the controller keeps, at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let account: KubeConfig;
    let count = 0;
    beforeAll(async () => {
      plane = await openControlPlane();
      await allowInjector(plane);
      await installCrd(plane);
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      account = await controllerAccount(plane);
      await createNamespace(plane.admin, "shop");
    });
    afterAll(() => plane?.stop());

    const controller = (over: Partial<Durations> = {}, aheadMs = 0): Controller => {
      const one = openController(account, over, aheadMs);
      onTestFinished(() => one.close());
      return one;
    };
    const replica = async (): Promise<Replica> => {
      const one = await openReplica(plane);
      onTestFinished(() => one.close());
      return one;
    };
    /** One admission. The API server refuses it when the webhook does not answer, because failurePolicy is `Fail`. */
    const admit = async (): Promise<void> => {
      const name = `pod-${(count += 1)}`;
      const made = await plane.admin.create(`${podsOf("shop")}?dryRun=All`, podObject(name, {}));
      expect(made.spec.initContainers[0].name).toBe(CONTAINER.guard);
    };
    /** Waits until one admission succeeds: the API server learns of a caBundle a moment late. */
    const admitted = (): Promise<true> =>
      until("an admission", () =>
        admit().then(
          () => true,
          () => undefined,
        ),
      );
    const clear = async (): Promise<void> => {
      await plane.admin.request("DELETE", CONFIGURATION);
      await plane.admin.request("DELETE", SECRET);
    };
    /** A controller, and a replica that the API server calls and trusts. */
    const serving = async (
      over: Partial<Durations> = {},
      aheadMs = 0,
    ): Promise<{ readonly keeps: Controller; readonly one: Replica }> => {
      await clear();
      const keeps = controller(over, aheadMs);
      const one = await replica();
      await register(plane, one.port);
      await admitted();
      return { keeps, one };
    };
    /** Sends twenty admissions a second until it is stopped. */
    const load = (): { readonly stop: () => Promise<{ sent: number; failures: readonly string[] }> } => {
      const failures: string[] = [];
      const pending = new Set<Promise<void>>();
      let sent = 0;
      const timer = setInterval(() => {
        sent += 1;
        const one = admit()
          .catch((error: Error) => void failures.push(error.message))
          .finally(() => pending.delete(one));
        pending.add(one);
      }, 50);
      onTestFinished(() => clearInterval(timer));
      return {
        stop: async () => {
          clearInterval(timer);
          await Promise.all(pending);
          return { sent, failures };
        },
      };
    };

    test("the injector names the right that it lacks when it may not read the Secret, and recovers when it gets the right", async () => {
      await clear();
      const program = await startProgram(plane, []);
      await until("the reason", () => program.output().includes("TLS_SECRET_FORBIDDEN") || undefined);
      expect(program.output()).toContain("service account to get podrole-injector-tls");
      expect(await program.ask("/livez")).toMatchObject({ status: 0 });
      // Exactly the rights of deploy/install.yaml.
      await allowSecret(plane);
      controller();
      await register(plane, program.port);
      await program.ready();
      await admitted();
      program.kill("SIGKILL");
    });

    test("the controller puts its CA into every webhook of the configuration, and the API server can call them", async () => {
      const { keeps, one } = await serving();
      await until("the bundle", async () => ((await bundles(plane))[0]?.length === 1 ? true : undefined));
      const [first, ...others] = await bundles(plane);
      expect(others).toEqual([first, first]);
      const secret = await plane.admin.get(SECRET);
      expect([secret.type, Object.keys(secret.data).sort()]).toEqual([
        "kubernetes.io/tls",
        ["ca.crt", "tls.crt", "tls.key"],
      ]);
      await admit();
      expect(JSON.stringify([keeps.lines, one.lines])).not.toMatch(/PRIVATE/);
    });

    test("the controller makes a certificate when the webhook configuration is missing, and reports that it is missing", async () => {
      await clear();
      const keeps = controller();
      const one = await replica();
      const { code } = await until("the reason", () => keeps.trouble());
      expect([code, one.state().unready]).toEqual(["TLS_WEBHOOK_MISSING", undefined]);
      await register(plane, one.port);
      await admitted();
      await until("the end of it", () => (keeps.trouble() === undefined ? true : undefined));
    });

    test("two controllers that start at the same time make one CA", async () => {
      await clear();
      await register(plane, 1);
      const [one, two] = [controller(), controller()];
      const serves = await replica();
      const actions = [...one.actions, ...two.actions];
      expect(actions.filter((action) => action === "announce")).toHaveLength(1);
      expect(actions.filter((action) => action === "switch")).toHaveLength(1);
      expect((await bundles(plane))[0]).toHaveLength(1);
      expect(serves.state().unready).toBeUndefined();
    });

    test("the controller repairs an empty or foreign caBundle at its next look", async () => {
      await serving();
      const before = await bundles(plane);
      for (const caBundle of [null, btoa(await foreignCa())]) {
        const { webhooks } = await plane.admin.get(CONFIGURATION);
        for (const webhook of webhooks) webhook.clientConfig.caBundle = caBundle;
        await plane.admin.patch(CONFIGURATION, { webhooks });
        await until("the bundle", async () => {
          const now = await bundles(plane);
          return JSON.stringify(now) === JSON.stringify(before) || undefined;
        });
        expect(await admitted()).toBe(true);
      }
    });

    test("no admission is lost when the Secret is deleted, and another CA replaces the old one", async () => {
      const { keeps } = await serving({ lostMs: 3000, overlapMs: 3000 });
      const [before] = await bundles(plane);
      const running = load();
      await delay(500);
      await plane.admin.delete(SECRET);
      // As in a roll-out at the same moment: a new replica finds no certificate and waits for it.
      const fresh = await replica();
      await until(
        "another CA alone",
        async () => {
          const [now = []] = await bundles(plane);
          return (now.length === 1 && now[0] !== before?.[0]) || undefined;
        },
        30_000,
      );
      await delay(500);
      const { sent, failures } = await running.stop();
      expect(failures).toEqual([]);
      expect(sent).toBeGreaterThan(50);
      expect(fresh.state().unready).toBeUndefined();
      expect(keeps.actions.filter((action) => action === "switch")).toHaveLength(2);
    });

    test("no admission is lost while CA and certificate rotate repeatedly under load", async () => {
      // Each CA is replaced after two thirds of its lifetime, about every ten seconds. Serving certificates last until then:
      // one that ends less than a minute before its CA is renewed only when it has ended.
      const { keeps } = await serving({ caMs: 12_000, settleMs: 1500, overlapMs: 1500, servingMs: 12_000 });
      const seen = new Set<string>();
      const running = load();
      const from = Date.now();
      while (Date.now() - from < 35_000) {
        seen.add(await serialInSecret(plane));
        await delay(250);
      }
      const { sent, failures } = await running.stop();
      expect(failures).toEqual([]);
      expect(sent).toBeGreaterThan(400);
      expect(keeps.actions.filter((action) => action === "switch").length).toBeGreaterThan(2);
      expect(seen.size).toBeGreaterThan(3);
    }, 90_000);

    test.for([
      ["ahead", 8],
      ["behind", -8],
    ] as const)(
      "an API server accepts certificates from a controller whose clock is eight days %s",
      async ([, days]) => {
        const { keeps } = await serving({}, days * 24 * 60 * 60 * 1000);
        await admit();
        expect(keeps.actions).toContain("announce");
      },
    );

    test("the controller waits for an API server that is down at the start", async () => {
      await clear();
      await plane.killApiServer();
      controller();
      const starting = replica();
      await delay(1000);
      await plane.startApiServer();
      const one = await starting;
      await register(plane, one.port);
      expect(await admitted()).toBe(true);
    });

    test("the injector's process waits for the controller's process, and answers reviews while it drains", async () => {
      await clear();
      const program = await startProgram(plane, ["--drain-seconds=1"]);
      await until("the wait", () => program.output().includes("does not exist yet") || undefined);
      const keeps = await startController(account);
      await until("the certificate", async () =>
        (await program.ask("/livez")).status === 200 ? true : undefined,
      );
      const unready = await until("the controller's reason", async () => {
        const { status, body } = await keeps.ask("/readyz");
        return status === 503 && body.includes("TLS_WEBHOOK_MISSING") ? body : undefined;
      });
      expect(JSON.parse(unready).message).toContain("Apply the webhook configuration");
      await register(plane, program.port);
      await program.ready();
      await keeps.ready();
      await admitted();
      const metrics = (await program.ask("/metrics")).body;
      expect(metrics).toMatch(/^podrole_tls_ca_not_after_timestamp_seconds 1\d{9}$/m);
      expect(metrics).toMatch(/^podrole_facts_objects{resource="namespaces"} [1-9]/m);
      expect(metrics).not.toMatch(/^podrole_(unready|tls_trouble){/m);
      expect((await keeps.ask("/metrics")).body).toMatch(/^podrole_tls_actions_total{action="switch"} 1$/m);
      // An injector keeps serving without its controller.
      keeps.kill("SIGTERM");
      expect(await keeps.exited).toBe(0);
      program.kill("SIGTERM");
      await until("the drain", () => program.output().includes('"draining"') || undefined);
      await admit();
      expect(await program.exited).toBe(0);
      expect(program.output() + keeps.output()).not.toMatch(/PRIVATE|LS0tLS1CRUdJTi/);
    });

    test("only the controller and admins may write the Secret, and the injector only reads it", async () => {
      await serving();
      const may = async (user: string, verb: string, name?: string): Promise<boolean> => {
        const attributes = {
          namespace: "podrole-system",
          verb,
          resource: "secrets",
          ...(name ? { name } : {}),
        };
        const asked = await plane.admin.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
          spec: { user, resourceAttributes: attributes },
        });
        return asked.status.allowed;
      };
      const own = "podrole-injector-tls";
      const verbs = ["get", "update", "patch", "delete", "list", "watch"];
      const allowed = async (user: string): Promise<readonly string[]> => {
        const answers = await Promise.all(verbs.map((verb) => may(user, verb, own)));
        return verbs.filter((_, index) => answers[index]);
      };
      expect(await allowed("injector")).toEqual(["get"]);
      expect(await allowed("system:serviceaccount:podrole-system:podrole-controller")).toEqual([
        "get",
        "update",
      ]);
      const keys = ["get", "list", "watch", "update", "patch", "delete"].map((verb) =>
        may("injector", verb, "podrole-controller-ca"),
      );
      expect(new Set(await Promise.all(keys))).toEqual(new Set([false]));
      expect(await may("injector", "create")).toBe(false);
      expect(await may("injector", "get", "another")).toBe(false);
      expect((await plane.admin.request("GET", SECRETS)).status).toBe(200);
    });
  },
);
