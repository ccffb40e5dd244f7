import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { child } from "../support/child.ts";
import { CLI, podrole } from "../support/cli.ts";
import { tempFile } from "../support/temp-files.ts";
import { configFromFlags } from "../support/config.ts";
import { ACCOUNT, base } from "../support/facts.ts";
import { until } from "../support/until.ts";
import type { CheckResult } from "../../injector/cli/check/result.ts";
import { whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { adminConfig, install, PLACE } from "./check-rig.ts";
import { createNamespace, NAMESPACES, podsOf } from "./setting.ts";
import { tenantExplains } from "./tenant-explains.ts";
import { openInjector, podObject, type Serving } from "./webhook.ts";

const reason = whyNot();
const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const ENFORCE = "pod-security.kubernetes.io/enforce";
const WEBHOOK = `${ADMISSION}/mutatingwebhookconfigurations/podrole`;

describe.skipIf(reason !== undefined)(
  `podrole check of a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let serving: Serving | undefined;
    let plane: ControlPlane;
    beforeAll(async () => {
      serving = await openInjector({ baseRoleArn: base(ACCOUNT), image: configFromFlags().image });
      ({ plane } = serving);
      await install(plane);
    });
    afterAll(async () => {
      await serving?.close();
    });

    /** Runs as a user with all rights, or as the injector's user. */
    const check = async (as: "admin" | "injector", ...args: readonly string[]) => {
      const kubeconfig = as === "admin" ? adminConfig(plane) : plane.injectorConfig.exportConfig();
      const file = tempFile(kubeconfig);
      const run = await podrole(["check", "--kubeconfig", file, "-o", "json", ...args]);
      const { healthy, checks } = JSON.parse(run.stdout) as { healthy: boolean; checks: CheckResult[] };
      const of = (code: string): readonly (readonly [string, string])[] =>
        checks.filter((one) => one.code === code).map(({ status, message }) => [status, message]);
      return { ...run, healthy, checks, of };
    };

    test("finds nothing broken in an installation that works, including a dry run of two pods", async () => {
      const { code, healthy, checks, of } = await check("admin");
      expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
      expect([code, healthy]).toEqual([0, true]);
      expect(of("KUBERNETES_VERSION")).toMatchObject([
        ["ok", expect.stringMatching(/^Kubernetes 1\.\d+ has/)],
      ]);
      expect(of("CRD")[0]?.[0]).toBe("ok");
      expect(of("INJECTOR")).toEqual([
        ["ok", `Deployment ${PLACE}/podrole-injector has 2 of 2 replicas ready.`],
      ]);
      expect(of("INJECTOR_SERVICE")[0]?.[0]).toBe("ok");
      expect(of("WEBHOOK_SCOPE")[0]?.[0]).toBe("ok");
      expect(of("CA_BUNDLE")[0]?.[1]).toMatch(/^The (?:caBundle|CA) /);
      expect(of("POLICY")).toEqual([["ok", "ValidatingAdmissionPolicy podrole is installed."]]);
      expect(of("POLICY_BINDING")).toEqual([["ok", "podrole is bound by podrole, and denies."]]);
      expect(of("DRY_RUN")).toEqual([
        [
          "ok",
          expect.stringMatching(
            /^A pod tried in canary starts with podrole-guard \(.+\), podrole-sidecar \(.+\); the guard is in mode block\.$/,
          ),
        ],
      ]);
      expect(of("DRY_RUN_DENIED")).toEqual([["ok", "A pod with NET_ADMIN is denied in canary."]]);
    });

    test("creates no pod", async () => {
      await check("admin");
      expect((await plane.admin.get(podsOf("canary"))).items).toEqual([]);
    });

    test("skips checks that its user has no rights for, reports them, and continues", async () => {
      const { checks, of } = await check("injector");
      expect(of("INJECTOR")).toEqual([["skip", expect.stringContaining("HTTP 403")]]);
      expect(of("CERTIFICATE")).toEqual([["skip", expect.stringContaining("HTTP 403")]]);
      expect(of("DRY_RUN")).toEqual([["skip", expect.stringContaining("may not create pods")]]);
      expect(of("NAMESPACES")[0]?.[0]).toBe("ok");
      expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
    });

    test("tells a user without rights, and one whose token is not accepted, in one line each", async () => {
      const tenant = await plane.serviceAccount("canary", "default");
      const expired = plane.injectorConfig.exportConfig().replaceAll("injector-token", "old-token");
      const said = async (kubeconfig: string) => podrole(["check", "--kubeconfig", tempFile(kubeconfig)]);
      const [none, old] = [await said(tenant.exportConfig()), await said(expired)];
      expect([none.code, none.stdout, old.code, old.stdout]).toEqual([1, "", 1, ""]);
      expect(none.stderr).toMatch(
        /^CHECK_NOT_ALLOWED: .+ does not let system:serviceaccount:canary:default get \S+ \(HTTP 403\)\. It .+\n$/,
      );
      expect(old.stderr).toMatch(/^API_UNAUTHENTICATED: .+\n$/);
    });

    test("names the mode of each namespace, tries each mode, and names pods that are older than the label", async () => {
      await plane.admin.create(NAMESPACES, { metadata: { name: "old" } });
      await plane.admin.create(`${NAMESPACES}/old/serviceaccounts`, { metadata: { name: "default" } });
      await plane.admin.create(podsOf("old"), podObject("ancient", {}));
      await plane.admin.patch(`${NAMESPACES}/old`, {
        metadata: { labels: { "podrole.dev/inject": "enabled" } },
      });
      await createNamespace(plane.admin, "strict", { [ENFORCE]: "restricted" });
      await createNamespace(plane.admin, "typo", { "podrole.dev/inject": "yes" });
      const { code, of } = await check("admin");
      expect(of("PODS_UNGUARDED")).toEqual([
        ["warn", expect.stringMatching(/A pod runs in old .+: ancient\.$/)],
      ]);
      expect(of("GUARD_MODES")).toEqual([
        ["ok", expect.stringMatching(/^Mode block, .+: canary, old\.$/)],
        ["ok", expect.stringMatching(/^Mode verify, .+ is restricted: strict\./)],
      ]);
      expect(of("DRY_RUN")).toEqual([
        ["ok", expect.stringContaining("tried in canary starts with podrole-guard")],
        ["ok", expect.stringMatching(/tried in strict starts with podrole-guard .+ in mode verify\.$/)],
      ]);
      expect(of("DRY_RUN_DENIED").map(([status]) => status)).toEqual(["ok", "ok"]);
      expect(of("NAMESPACES")[1]).toEqual(["warn", expect.stringContaining("typo (yes)")]);
      expect(code).toBe(0);
    });

    test("says what to set where a namespace's own level refuses mode block", async () => {
      const annotations = { "podrole.dev/guard": "block" };
      await plane.admin.patch(`${NAMESPACES}/strict`, { metadata: { annotations } });
      const { code, of } = await check("admin", "-n", "strict");
      expect(of("NAMESPACE_SETTINGS")).toEqual([
        ["warn", expect.stringContaining("strict: [BLOCK_NEEDS_PRIVILEGED]")],
      ]);
      expect(of("DRY_RUN")).toEqual([
        ["fail", expect.stringContaining("Pod Security level restricted of the namespace's label forbids")],
      ]);
      expect(code).toBe(1);
    });

    test("skips a namespace that is being deleted, because no pod can be created there", async () => {
      // The first by name would be used for the dry run.
      await createNamespace(plane.admin, "abandoned");
      for (const name of ["abandoned", "strict"]) await plane.admin.delete(`${NAMESPACES}/${name}`);
      const { of } = await check("admin");
      expect(of("NAMESPACE_SETTINGS")).toEqual([["ok", expect.anything()]]);
      expect(of("DRY_RUN")).toEqual([["ok", expect.stringContaining("tried in canary ")]]);
    });

    test("its dry run fails while the webhook cannot be called, and `--wait` waits until it can", async () => {
      const { webhooks } = await plane.admin.get(WEBHOOK);
      const broken = webhooks.map((one: KubeObject) => ({
        ...one,
        clientConfig: { ...one.clientConfig, url: "https://127.0.0.1:9/mutate" },
      }));
      await plane.admin.patch(WEBHOOK, { webhooks: broken });
      await until("the API server to see it", async () => {
        const { status } = await plane.admin.request(
          "POST",
          `${podsOf("canary")}?dryRun=All`,
          podObject("x", {}),
        );
        return status !== 201 || undefined;
      });
      const { of } = await check("admin");
      expect(of("DRY_RUN")).toEqual([["fail", expect.stringContaining("cannot call the injector")]]);
      expect(of("DRY_RUN_DENIED")[0]?.[0]).toBe("skip");

      const waiting = child(
        [CLI, "check", "--wait", "--timeout", "60s", "--kubeconfig", tempFile(adminConfig(plane))],
        {},
      );
      await until("it to wait", () => /^waiting: DRY_RUN: .+\n$/.test(waiting.output()) || undefined);
      await plane.admin.patch(WEBHOOK, { webhooks });
      expect(await waiting.exited).toBe(0);
      expect(waiting.output()).toMatch(/ {2}ok {4}DRY_RUN\n/);
    });

    test("explain reads the settings from the cluster's ConfigMap", async () => {
      await plane.admin.create(podsOf("canary"), podObject("web", { "iam.amazonaws.com/role": "by-name" }));
      const run = await podrole([
        "explain",
        "pod/web",
        "-n",
        "canary",
        "-o",
        "json",
        "--kubeconfig",
        tempFile(adminConfig(plane)),
      ]);
      expect(JSON.parse(run.stdout)).toMatchObject([
        {
          decision: "inject",
          summary: expect.stringContaining("arn:aws:iam::111122223333:role/by-name"),
          assumptions: [expect.stringContaining(`those of ConfigMap ${PLACE}/podrole-config`)],
          running: { state: "same" },
        },
      ]);
    });

    test("trust-policy -A reads every pod and workload", async () => {
      await plane.admin.create("/apis/apps/v1/namespaces/canary/deployments", {
        metadata: { name: "api" },
        spec: {
          selector: { matchLabels: { app: "api" } },
          template: {
            metadata: { labels: { app: "api" }, annotations: { "iam.amazonaws.com/role": "by-name" } },
            spec: { serviceAccountName: "api", containers: [{ name: "app", image: "shop/app:1" }] },
          },
        },
      });
      const kubeconfig = tempFile(adminConfig(plane));
      const issuer = ["--oidc-issuer", "https://oidc.example/c"];
      const run = await podrole(["trust-policy", "-A", ...issuer, "-o", "json", "--kubeconfig", kubeconfig]);
      const documents = JSON.parse(run.stdout) as readonly { of: string; policy: unknown }[];
      const found = documents.find(({ of }) => of.endsWith("/by-name"));
      expect(JSON.stringify(found?.policy)).toContain(
        '"oidc.example/c:sub":["system:serviceaccount:canary:api","system:serviceaccount:canary:default"]',
      );
    });

    tenantExplains(() => plane);
  },
);
