import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import type { Durations } from "../../injector/tls/durations.ts";
import { until } from "../support/until.ts";
import {
  bundles,
  CONFIGURATION,
  foreignCa,
  openReplica,
  register,
  SECRET,
  SECRETS,
  serialInSecret,
  type Replica,
} from "./certificates-rig.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import { startProgram } from "./program.ts";
import { allowInjector, allowSecret, createNamespace, installCrd, NAMESPACES, podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `certificates of the injector's own at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let count = 0;
    beforeAll(async () => {
      plane = await openControlPlane();
      await allowInjector(plane);
      await installCrd(plane);
      await plane.admin.create(NAMESPACES, { metadata: { name: "podrole-system" } });
      await createNamespace(plane.admin, "shop");
    });
    afterAll(() => plane?.stop());

    const replica = async (over: Partial<Durations> = {}, aheadMs = 0): Promise<Replica> => {
      const one = await openReplica(plane, over, aheadMs);
      onTestFinished(() => one.close());
      return one;
    };
    /** One admission. What the webhook does not answer is refused, since it is registered with `Fail`. */
    const admit = async (): Promise<void> => {
      const name = `pod-${(count += 1)}`;
      const made = await plane.admin.create(`${podsOf("shop")}?dryRun=All`, podObject(name, {}));
      expect(made.spec.initContainers[0].name).toBe(CONTAINER.guard);
    };
    /** Until the API server, which hears of a bundle a moment late, has one admission answered. */
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
    const ready = (one: Replica): Promise<true> =>
      until("the replica", () => one.state().unready === undefined || undefined);
    /** A replica that the API server calls, and takes for good. */
    const serving = async (over: Partial<Durations> = {}, aheadMs = 0): Promise<Replica> => {
      await clear();
      const one = await replica(over, aheadMs);
      await register(plane, one.port);
      await ready(one);
      await admitted();
      return one;
    };
    /** Twenty admissions a second until it is stopped. */
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

    test("without the right to its Secret, the injector says which one it lacks, and heals when it has it", async () => {
      await clear();
      const one = await replica();
      await register(plane, one.port);
      const trouble = await until("the trouble", () => one.state().trouble);
      expect(trouble.code).toBe("TLS_SECRET_FORBIDDEN");
      expect(trouble.message).toContain("let its service account create secrets, and get and update");
      expect(one.state().unready).toBeDefined();
      await expect(admit()).rejects.toThrow("failed calling webhook");
      // What deploy/install.yaml gives it, and no more than that.
      await allowSecret(plane);
      await ready(one);
      await admitted();
    });

    test("a CA is put into every webhook of the configuration, and the API server calls", async () => {
      const one = await serving();
      const [first, ...others] = await bundles(plane);
      expect(first).toHaveLength(1);
      expect(others).toEqual([first]);
      const secret = await plane.admin.get(SECRET);
      expect([secret.type, Object.keys(secret.data).sort()]).toEqual([
        "kubernetes.io/tls",
        ["ca.crt", "ca.key", "tls.crt", "tls.key"],
      ]);
      await admit();
      expect(JSON.stringify(one.lines)).not.toMatch(/PRIVATE/);
    });

    test("is not ready without a webhook configuration, and is when there is one", async () => {
      await clear();
      const one = await replica();
      await until("the Secret", () => (one.state().servingNotAfter === undefined ? undefined : true));
      const { code } = await until("the reason", () => one.state().unready);
      expect(code).toBe("TLS_WEBHOOK_MISSING");
      await register(plane, one.port);
      await ready(one);
    });

    test("two replicas that start at once agree", async () => {
      await clear();
      await register(plane, 1);
      const [one, two] = await Promise.all([replica(), replica()]);
      await Promise.all([ready(one), ready(two)]);
      const created = [one, two].flatMap(({ events }) =>
        events.filter((event) => event.event === "action" && event.action === "create"),
      );
      expect(created).toHaveLength(1);
      expect(one.state().servingNotAfter).toBe(two.state().servingNotAfter);
      expect((await bundles(plane))[0]).toHaveLength(1);
    });

    test("a wiped caBundle, and a foreign one, is mended in the time of one look", async () => {
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

    test("the Secret's deletion loses no admission, and ends with another CA", async () => {
      await serving({ settleMs: 3000, overlapMs: 3000 });
      const [before] = await bundles(plane);
      const running = load();
      await delay(500);
      await plane.admin.delete(SECRET);
      // As with a rollout at the same moment: one that finds no Secret, and must not take the CA away.
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
      expect(fresh.events).not.toContainEqual({ event: "action", action: "create" });
      expect(fresh.state().unready).toBeUndefined();
    });

    test("CA and certificate turn again and again under load, and no admission is lost", async () => {
      // Each CA is followed after two thirds of its life: every ten seconds or so.
      const one = await serving({ caMs: 12_000, settleMs: 1500, overlapMs: 1500, servingMs: 6000 });
      const seen = new Set<string>();
      const running = load();
      const from = Date.now();
      while (Date.now() - from < 35_000) {
        seen.add(await serialInSecret(plane));
        await delay(250);
      }
      const { sent, failures } = await running.stop();
      const done = one.events.map((event) => (event.event === "action" ? event.action : "reload"));
      expect(failures).toEqual([]);
      expect(sent).toBeGreaterThan(400);
      expect(done.filter((action) => action === "switch").length).toBeGreaterThan(2);
      expect(seen.size).toBeGreaterThan(3);
    }, 90_000);

    test.for([
      ["ahead", 8],
      ["behind", -8],
    ] as const)(
      "what a clock eight days %s makes is taken by an API server whose clock is right",
      async ([, days]) => {
        const one = await serving({}, days * 24 * 60 * 60 * 1000);
        await admit();
        expect(one.events).toContainEqual({ event: "action", action: "create" });
      },
    );

    test("an API server that is away at the start is waited for", async () => {
      await clear();
      await plane.killApiServer();
      const starting = replica();
      await delay(1000);
      await plane.startApiServer();
      const one = await starting;
      await register(plane, one.port);
      await until("the replica", () => one.state().unready === undefined || undefined, 30_000);
      expect(await admitted()).toBe(true);
    });

    test("the program itself does all that, and goes on answering while it drains", async () => {
      await clear();
      const program = await startProgram(plane, ["--drain-seconds=1"]);
      const unready = await until("the Secret", async () => {
        const { status, body } = await program.ask("/readyz");
        return status === 503 && body.includes("TLS_WEBHOOK_MISSING") ? body : undefined;
      });
      expect(JSON.parse(unready).message).toContain("Apply the webhook configuration");
      await register(plane, program.port);
      await program.ready();
      await admitted();
      const metrics = (await program.ask("/metrics")).body;
      expect(metrics).toMatch(/^podrole_tls_ca_not_after_timestamp_seconds 1\d{9}$/m);
      expect(metrics).toMatch(/^podrole_facts_objects{resource="namespaces"} [1-9]/m);
      expect(metrics).not.toMatch(/^podrole_(unready|tls_trouble){/m);
      program.kill("SIGTERM");
      await until("the drain", () => program.output().includes('"draining"') || undefined);
      await admit();
      expect(await program.exited).toBe(0);
      expect(program.output()).not.toMatch(/PRIVATE|LS0tLS1CRUdJTi/);
    });

    test("nobody but the injector and admins may read the Secret", async () => {
      await serving();
      const asked = await plane.admin.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        spec: {
          user: "injector",
          resourceAttributes: { namespace: "podrole-system", verb: "list", resource: "secrets" },
        },
      });
      expect(asked.status.allowed).toBe(false);
      expect((await plane.admin.request("GET", SECRETS)).status).toBe(200);
    });
  },
);
