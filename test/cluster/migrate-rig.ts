import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { findingsIn } from "../../injector/cli/explain/asked.ts";
import { podToTry } from "../../injector/cli/live/dry-run.ts";
import { requireConfig } from "../../injector/config/read-config.ts";
import { podStatus } from "../../injector/decide/pod-status.ts";
import type { Json, ReportJson } from "../injector/cli/migrate/rig.ts";
import { podrole, type Run } from "../support/cli.ts";
import { config } from "../support/config.ts";
import { executableOnPath } from "../support/executable.ts";
import type { KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { openPolicies, whyNoPolicies, type PolicyRig } from "./policy-rig.ts";
import { accountsOf, allowInjector, installCrd, NAMESPACES } from "./setting.ts";
import { addInjector } from "./webhook.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** The reason why the migration cannot be tried on this machine, or undefined. */
export const whyNoMigration = (): string | undefined =>
  whyNoPolicies() ?? (executableOnPath("kubectl", "") === undefined ? "no kubectl in PATH" : undefined);

/** What was written to a folder. */
export const textsIn = (folder: string): readonly (readonly [string, string])[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
    .map((path) => [relative(folder, path), readFileSync(path, "utf8").replaceAll(folder, "FOLDER")]);

/** A cluster that is to be migrated. */
export interface Migration {
  readonly rig: PolicyRig;
  /** A folder for everything, which is removed in the end. */
  readonly folder: string;
  /** Runs `podrole migrate` by a user who may only read. */
  readonly run: (...args: readonly string[]) => Promise<Run>;
  /** Starts the webhook, and puts the policies in force, with the settings that a report gives. */
  readonly install: (report: ReportJson) => Promise<void>;
  /** Runs a program, such as kubectl or a script with kubectl in it, as cluster admin. */
  readonly asAdmin: (program: string, ...args: readonly string[]) => Promise<unknown>;
  /** What becomes of a new pod of the object: its roles, or the codes of its refusal. */
  readonly tried: (object: Json) => Promise<{
    readonly roles: readonly string[];
    readonly codes: readonly string[];
    readonly pod: KubeObject;
  }>;
  readonly close: () => Promise<void>;
}

/** @param objects of the cluster, namespaces first. Each namespace gets its service account `default` */
export async function openMigration(from: string, objects: readonly Json[]): Promise<Migration> {
  const rig = await openPolicies();
  const { plane } = rig;
  const { admin } = plane;
  const folder = mkdtempSync(join(tmpdir(), "podrole-migration-"));
  const closers: (() => unknown)[] = [
    () => rmSync(folder, { recursive: true, force: true }),
    () => rig.close(),
  ];
  const close = async (): Promise<void> => {
    for (const one of closers.toReversed()) await one();
  };
  try {
    await allowInjector(plane);
    await installCrd(plane);
    for (const object of objects) {
      await admin.create(placeOf(object), object);
      const { name } = object["metadata"] as { readonly name: string };
      if (object["kind"] === "Namespace")
        await admin.create(accountsOf(name), { metadata: { name: "default" } });
    }
    await createReader(admin);
    const kubeconfig = join(folder, "reader.kubeconfig");
    writeFileSync(kubeconfig, (await plane.serviceAccount("reader", "reader")).exportConfig(), {
      mode: 0o600,
    });
    const adminConfig = join(folder, "admin.kubeconfig");
    writeFileSync(adminConfig, plane.adminConfig.exportConfig(), { mode: 0o600 });

    const install = async (report: ReportJson): Promise<void> => {
      const { image, version } = config();
      const settings = { ...requireConfig(report.settings), image, version };
      const policy = await rig.policyFor(settings);
      for (const { name } of report.namespaces)
        await admin.patch(`${NAMESPACES}/${name}`, { metadata: { labels: { "test-policy": policy } } });
      const injector = await addInjector(plane, settings);
      closers.push(() => injector.close());
    };
    const tried: Migration["tried"] = async (object) => {
      const metadata = object["metadata"] as { readonly name: string; readonly namespace: string };
      const current = (await admin.get(`${placeOf(object)}/${metadata.name}`)) as Json;
      const { apiVersion, kind } = object;
      const pod = podToTry({ ...current, apiVersion, kind });
      const { status, body } = await rig.create(metadata.namespace, pod);
      if (status === 201) {
        const roles = [...(podStatus(body.metadata.annotations ?? {})?.roles.values() ?? [])];
        return { roles, codes: [], pod: body };
      }
      const codes = [...new Set(findingsIn(String(body.message)).map(({ code }) => code as string))];
      return { roles: [], codes: codes.length === 0 ? [String(body.message)] : codes, pod: undefined };
    };
    return {
      rig,
      folder,
      // Not by --kubeconfig, which the scripts would take, too.
      run: (...args) =>
        podrole(["migrate", from, "--live", ...args], "", undefined, { KUBECONFIG: kubeconfig }),
      install,
      asAdmin: (program, ...args) =>
        promisify(execFile)(program, [...args], { env: { ...process.env, KUBECONFIG: adminConfig } }),
      tried,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The rights of Kubernetes' role `view`, and those of podrole-viewer. */
async function createReader(admin: PolicyRig["plane"]["admin"]): Promise<void> {
  await admin.create(NAMESPACES, { metadata: { name: "reader" } });
  await admin.create(accountsOf("reader"), { metadata: { name: "reader" } });
  await admin.create(`${RBAC}/clusterroles`, {
    metadata: { name: "grants" },
    rules: [{ apiGroups: ["podrole.dev"], resources: ["rolegrants"], verbs: ["get", "list"] }],
  });
  for (const name of ["grants", "system:aggregate-to-view"]) {
    await admin.create(`${RBAC}/clusterrolebindings`, {
      metadata: { name: `reader-${name.replaceAll(":", "-")}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: "reader", namespace: "reader" }],
    });
  }
}
