import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VERSION } from "../../injector/model/version.ts";
import { CHART, helm, ofKind, rendered, whyNoHelm, type HelmRun } from "../support/helm.ts";
import { OWN_LABELS } from "../../injector/controller/metadata-policy-plan.ts";
import { METADATA_POLICY, metadataPolicy } from "../../sidecar/contract/metadata-policy.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { openControlPlane, whyNot, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { policiesOf } from "./metadata-policies-rig.ts";
import { CRDS, GRANTS, grantObject, NAMESPACES } from "./setting.ts";
import { until } from "../support/until.ts";

const reason = whyNot() ?? whyNoHelm();
const NAMESPACE = "podrole-system";
const HA = fileURLToPath(new URL("../../deploy/chart/values-ha.yaml", import.meta.url));
const REGISTRATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/podrole";
const BINDING = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/podrole";
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/podrole-injector`;
const CONFIG = `${NAMESPACES}/${NAMESPACE}/configmaps/podrole-config`;
const SECRET = `${NAMESPACES}/${NAMESPACE}/secrets/podrole-injector-tls`;
const CA = btoa("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");

describe.skipIf(reason !== undefined)(
  `the chart through helm at a real API server${reason ? `: ${reason}` : ""}`,
  () => {
    let plane: ControlPlane;
    let folder: string;
    beforeAll(async () => {
      plane = await openControlPlane();
      folder = mkdtempSync(join(tmpdir(), "podrole-helm-"));
      writeFileSync(join(folder, "kubeconfig"), plane.adminConfig.exportConfig(), { mode: 0o600 });
    });
    afterAll(async () => {
      rmSync(folder, { recursive: true, force: true });
      await plane?.stop();
    });

    const run = (...args: readonly string[]): HelmRun =>
      helm([...args, "-n", NAMESPACE, "--kubeconfig", join(folder, "kubeconfig")]);
    const caBundles = async (): Promise<readonly (string | undefined)[]> =>
      (await plane.admin.get(REGISTRATION)).webhooks.map(
        ({ clientConfig }: { clientConfig: { caBundle?: string } }) => clientConfig.caBundle,
      );

    test("is installed with one command, and its notes say what is left to do", async () => {
      const { status, stdout, stderr } = run("install", "podrole", CHART, "--create-namespace");
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain("No namespace is labelled podrole.dev/inject=enabled yet");
      expect(stdout).toContain(
        "kubectl delete mutatingwebhookconfiguration/podrole validatingadmissionpolicybinding/podrole",
      );
      expect(stdout).not.toContain("WARNING");
      expect(await caBundles()).toEqual([undefined, undefined, undefined]);
    });

    test("an upgrade with other values keeps the CA and the Secret that the controller has written", async () => {
      const registration = await plane.admin.get(REGISTRATION);
      for (const { clientConfig } of registration.webhooks) clientConfig.caBundle = CA;
      await plane.admin.request("PUT", REGISTRATION, registration);
      await plane.admin.create(SECRET.replace(/\/[^/]+$/, ""), {
        metadata: { name: "podrole-injector-tls" },
        data: { "ca.crt": CA },
      });
      const { status, stderr } = run(
        "upgrade",
        "podrole",
        CHART,
        "-f",
        HA,
        "--set",
        "webhook.timeoutSeconds=7,webhook.excludeNamespaces={istio-system}",
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const { webhooks } = await plane.admin.get(REGISTRATION);
      expect(webhooks.map((webhook: { timeoutSeconds: number }) => webhook.timeoutSeconds)).toEqual([
        7, 7, 7,
      ]);
      expect(await caBundles()).toEqual([CA, CA, CA]);
      expect((await plane.admin.get(SECRET)).data).toEqual({ "ca.crt": CA });
      expect((await plane.admin.get(DEPLOYMENT)).spec.replicas).toBe(3);
    });

    test("an upgrade with other options changes their keys, and keeps the keys that the controller has written", async () => {
      const data = async (): Promise<Readonly<Record<string, string>>> =>
        (await plane.admin.get(CONFIG)).data;
      const accepted = { "accepted.0.version": VERSION, "accepted.0.source": "web-identity" };
      await plane.admin.patch(CONFIG, { data: accepted });
      const set = ["--set", "options.source=node,options.region=eu-west-1"];
      expect(run("upgrade", "podrole", CHART, ...set)).toMatchObject({ status: 0, stderr: "" });
      expect(await data()).toMatchObject({ ...accepted, source: "node", region: "eu-west-1" });
      expect(run("upgrade", "podrole", CHART, "--reset-values")).toMatchObject({ status: 0, stderr: "" });
      expect(await data()).toMatchObject({ ...accepted, source: "web-identity" });
      expect(await data()).not.toHaveProperty("region");
    });

    test("an apply of install.yaml also keeps the keys that the controller has written", async () => {
      const { data } = ofKind(rendered({ options: { source: "node" } }), "ConfigMap");
      const query = "?fieldManager=kubectl&force=true";
      const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "podrole-config" }, data };
      const { status } = await plane.admin.request(
        "PATCH",
        CONFIG + query,
        body,
        "application/apply-patch+yaml",
      );
      expect(status).toBe(200);
      expect((await plane.admin.get(CONFIG)).data).toMatchObject({
        source: "node",
        "accepted.0.source": "web-identity",
      });
    });

    test("an apply of the whole object without the CA also keeps the CA", async () => {
      const { webhooks, ...rest } = await plane.admin.get(REGISTRATION);
      const bare = {
        apiVersion: rest.apiVersion,
        kind: rest.kind,
        metadata: { name: "podrole" },
        webhooks: webhooks.map(({ clientConfig, ...webhook }: { clientConfig: { service: object } }) => ({
          ...webhook,
          clientConfig: { service: clientConfig.service },
        })),
      };
      const query = "?fieldManager=kubectl&force=true";
      const { status } = await plane.admin.request(
        "PATCH",
        REGISTRATION + query,
        bare,
        "application/apply-patch+yaml",
      );
      expect(status).toBe(200);
      expect(await caBundles()).toEqual([CA, CA, CA]);
    });

    test.for([
      ["one replica", "replicas=1", "one replica, and failurePolicy Fail"],
      ["a webhook that fails open", "webhook.failurePolicy=Ignore", "webhook.failurePolicy is Ignore"],
      ["no budget", "podDisruptionBudget.enabled=false", "podDisruptionBudget is off"],
      [
        "no budget of the broker",
        "broker.enabled=true,broker.identity.type=node,broker.podDisruptionBudget.enabled=false",
        "broker.podDisruptionBudget is off",
      ],
      [
        "a policy that fails open",
        "admissionPolicy.failurePolicy=Ignore",
        "admissionPolicy.failurePolicy is Ignore",
      ],
      ["policy audit", "options.policy=audit", "given all the same"],
      ["NET_RAW for the guard", "options.guardNetRaw=true", "one capability more"],
      ["metadata without a token", "options.imds=allow-emulate-v1", "without a token"],
      ["source node for some namespaces", "options.sourceOverride={node}", "source node"],
      ["the guard off", "options.guard=off", "options.guard is off"],
      ["no admission policy", "admissionPolicy.enabled=false", "admissionPolicy is off"],
      ["a policy that only warns", "admissionPolicy.validationActions={Warn}", "denies nothing"],
      ["policy off", "options.policy=off", "options.policy is off"],
      ["source node", "options.source=node", "source node"],
      ["host network let in", "options.hostNetwork=warn", "without a guard"],
      [
        "one replica of the broker",
        "broker.enabled=true,broker.identity.type=node,broker.replicas=1",
        "no pod gets a new session",
      ],
    ])("warns of %s", ([, set, says]) => {
      const args = ["upgrade", "podrole", CHART, "--dry-run=server", "--set", set ?? ""];
      const { status, stdout } = run(...args);
      expect(status).toBe(0);
      expect(stdout.split("NOTES:")[1]).toMatch(new RegExp(`WARNING: .*${says ?? ""}`));
    });

    test("its notes say what AWS has to know of the broker, and that no pod asks it yet", () => {
      const arn = "arn:aws:iam::111122223333:role/podrole-broker";
      const notes = (set: string): string =>
        run("upgrade", "podrole", CHART, "--dry-run=server", "--set", `broker.enabled=true,${set}`).stdout;
      const byToken = notes(`broker.identity.roleArn=${arn}`);
      expect(byToken).toContain("podrole trust-policy --source broker --broker-identity web-identity");
      expect(byToken).toContain(`--principal ${arn}`);
      expect(byToken).toContain("trust the service account podrole-system/podrole-broker");
      expect(byToken).toContain("No pod asks the broker yet");
      const bySecret = notes(
        "broker.identity.type=secret,broker.identity.secretName=aws,options.source=broker,options.policy=off",
      );
      expect(bySecret).toContain("When you replace the keys in Secret aws");
      expect(bySecret).not.toContain("No pod asks the broker yet");
      // It has no effect in this source.
      expect(bySecret).not.toContain("options.policy is off");
    });

    test("its notes do not mention labels when a namespace has one", async () => {
      await plane.admin.create(NAMESPACES, {
        metadata: { name: "shop", labels: { "podrole.dev/inject": "enabled" } },
      });
      expect(run("upgrade", "podrole", CHART, "--dry-run=server").stdout).not.toContain(
        "No namespace is labelled",
      );
    });

    test("NetworkPolicies come and go with the namespaces that a value names, and are never taken from the controller", async () => {
      const [path, set] = [policiesOf("shop"), "metadataNetworkPolicy.namespaces={shop}"];
      const named = (...more: readonly string[]): HelmRun =>
        run("upgrade", "podrole", CHART, "--set", [set, ...more].join(","));
      const names = async (): Promise<readonly string[]> =>
        (await plane.admin.get(path)).items.map(({ metadata }: KubeObject) => metadata.name);
      const { status, stdout, stderr } = named();
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain("a network plugin that enforces them");
      expect(await names()).toEqual([METADATA_POLICY]);
      expect(run("upgrade", "podrole", CHART, "--reset-values")).toMatchObject({ status: 0, stderr: "" });
      expect(await names()).toEqual([]);

      const { spec } = metadataPolicy(METADATA_ADDRESSES);
      await plane.admin.create(path, { metadata: { name: METADATA_POLICY, labels: OWN_LABELS }, spec });
      for (const labelled of ["true", "false"]) {
        const refused = named(`metadataNetworkPolicy.labelled=${labelled}`);
        expect(refused.status).not.toBe(0);
        expect(refused.stderr).toContain("the controller has a NetworkPolicy podrole-metadata in shop");
      }
      await plane.admin.delete(`${path}/${METADATA_POLICY}`);
    });

    test("a second release in the cluster is refused and changes nothing", () => {
      const { status, stderr } = run("install", "another", CHART);
      expect(status).not.toBe(0);
      expect(stderr).toContain("invalid ownership metadata");
    });

    test("an upgrade restores the objects that the emergency command has deleted", async () => {
      await plane.admin.delete(REGISTRATION);
      await plane.admin.delete(BINDING);
      expect(run("upgrade", "podrole", CHART)).toMatchObject({ status: 0, stderr: "" });
      expect((await plane.admin.get(REGISTRATION)).webhooks).toHaveLength(3);
      expect((await plane.admin.get(BINDING)).spec.validationActions).toEqual(["Deny"]);
    });

    test("an uninstall removes the webhook and keeps the grants", async () => {
      await until(
        "the CRD",
        async () => (await plane.admin.request("GET", GRANTS)).status === 200 || undefined,
      );
      await plane.admin.create(
        GRANTS,
        grantObject("kept", { roles: ["arn:aws:iam::111122223333:role/a"], namespaces: ["shop"] }),
      );
      expect(run("uninstall", "podrole")).toMatchObject({ status: 0 });
      expect(await plane.admin.request("GET", REGISTRATION)).toMatchObject({ status: 404 });
      expect(await plane.admin.request("GET", `${CRDS}/rolegrants.podrole.dev`)).toMatchObject({
        status: 200,
      });
      expect(await plane.admin.request("GET", `${GRANTS}/kept`)).toMatchObject({ status: 200 });
    });
  },
);
