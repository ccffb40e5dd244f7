import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ACCOUNT,
  namespace,
  object,
  verdicts,
  workload,
  type Json,
  type ReportJson,
} from "../injector/cli/migrate/rig.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { freePort } from "../support/free-port.ts";
import { irsaWebhook, startIrsa } from "../support/irsa-webhook.ts";
import { until } from "../support/until.ts";
import type { KubeObject } from "./kube-client.ts";
import { openMigration, textsIn, whyNoMigration, type Migration } from "./migrate-rig.ts";

const built = whyNoMigration() === undefined ? await irsaWebhook() : undefined;
const reason = whyNoMigration() ?? (built !== undefined && "why" in built ? built.why : undefined);

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const SKIP = "eks.amazonaws.com/skip-pod-identity-webhook";
const account = (name: string, role?: string): Json =>
  object(
    "ServiceAccount",
    { name },
    role === undefined ? {} : { metadata: { annotations: { "eks.amazonaws.com/role-arn": ACCOUNT + role } } },
  );
const pods = (kind: string, name: string, serviceAccountName: string, spec: Json = {}): Json =>
  workload(kind, { name }, undefined, {
    serviceAccountName,
    ...(kind === "CronJob" ? { restartPolicy: "Never" } : {}),
    ...spec,
  });
const OBJECTS: readonly Json[] = [
  namespace("shop"),
  account("web", "web"),
  account("db", "team/db"),
  account("associated"),
  account("plain"),
  pods("Deployment", "web", "web"),
  pods("StatefulSet", "db", "db"),
  pods("DaemonSet", "node", "web", { hostNetwork: true }),
  pods("CronJob", "nightly", "db"),
  pods("Deployment", "associated", "associated"),
  pods("Deployment", "plain", "plain"),
];

/** What EKS's webhook has given the app: the role of IRSA, or the address of Pod Identity. */
function givenByEks(pod: KubeObject): string | undefined {
  const env: readonly { readonly name: string; readonly value?: string }[] =
    pod.spec.containers.find(({ name }: { name: string }) => name === "app").env ?? [];
  const valueOf = (name: string): string | undefined => env.find((one) => one.name === name)?.value;
  return (
    valueOf("AWS_ROLE_ARN") ??
    [valueOf("AWS_CONTAINER_CREDENTIALS_FULL_URI")].find((one) => one?.includes("169.254.170.23"))
  );
}

describe.skipIf(reason !== undefined)(
  `podrole migrate irsa, beside EKS's own webhook${reason ? `: ${reason}` : ""}`,
  () => {
    let migration: Migration;
    let report: ReportJson;
    let end: () => unknown = () => undefined;
    const dir = () => join(migration.folder, "migration");
    const args = (to = dir()) => {
      const association = {
        namespace: "shop",
        serviceAccount: "associated",
        roleArn: `${ACCOUNT}associated`,
      };
      const file = join(migration.folder, "associations.json");
      writeFileSync(file, JSON.stringify({ association }));
      return [
        "--associations",
        file,
        "--oidc-issuer",
        "https://oidc.example/cluster",
        "--dir",
        to,
        "-o",
        "json",
      ];
    };
    const all = () =>
      Promise.all(WITH_PODS.map(async (one) => [titleOf(one), await migration.tried(one)] as const));

    beforeAll(async () => {
      migration = await openMigration("irsa", OBJECTS);
      end = await startEks(migration, built !== undefined && "program" in built ? built.program : "");
      await until("EKS's webhook", async () =>
        givenByEks((await migration.tried(OBJECTS[5] ?? {})).pod) === `${ACCOUNT}web` ? true : undefined,
      );
      const { code, stdout, stderr } = await migration.run(...args());
      if (code !== 1 || stderr !== "") throw new Error(`ended with ${code}: ${stderr}`);
      report = JSON.parse(stdout) as ReportJson;
    });
    afterAll(async () => {
      end();
      await migration?.close();
    });

    test("tells the role that EKS's webhook gives each pod now", async () => {
      const now = new Map(
        report.namespaces.flatMap(({ workloads }) => workloads.map((one) => [one.object, one.now.arn])),
      );
      const found = (await all()).map(([title, { pod }]) => [title, givenByEks(pod)]);
      expect(found).toEqual(
        [...now].map(([title, arn]) => [
          title,
          title.endsWith("/associated") ? "http://169.254.170.23/v1/credentials" : arn,
        ]),
      );
      expect(verdicts(report)).toEqual([
        "CronJob shop/nightly: same team/db",
        "DaemonSet shop/node: refused HOST_NETWORK",
        "Deployment shop/associated: same associated",
        "Deployment shop/plain: same",
        "Deployment shop/web: same web",
        "StatefulSet shop/db: same team/db",
      ]);
    });

    test("gives each pod the same role by the sidecar, once its output is applied, and nothing by IRSA", async () => {
      await migration.install(report);
      await migration.asAdmin("kubectl", "apply", "-f", join(dir(), "grants.yaml"));
      await migration.asAdmin("sh", join(dir(), "namespaces/shop/move.sh"));
      const expected = [
        ["CronJob shop/nightly", [], [`${ACCOUNT}team/db`], undefined],
        ["DaemonSet shop/node", ["HOST_NETWORK"], [], undefined],
        ["Deployment shop/associated", [], [`${ACCOUNT}associated`], undefined],
        ["Deployment shop/plain", [], [], undefined],
        ["Deployment shop/web", [], [`${ACCOUNT}web`], undefined],
        ["StatefulSet shop/db", [], [`${ACCOUNT}team/db`], undefined],
      ];
      let last: unknown;
      await until("every answer to be as expected", async () => {
        last = (await all()).map(([title, { codes, roles, pod }]) => [
          title,
          codes,
          roles,
          pod === undefined ? undefined : givenByEks(pod),
        ]);
        return JSON.stringify(last) === JSON.stringify(expected) || undefined;
      }).catch(() => undefined);
      expect(last).toEqual(expected);
    });

    test("writes the same in a second run, and goes back to what EKS's webhook gives", async () => {
      const other = join(migration.folder, "again");
      const { stdout, stderr } = await migration.run(...args(other));
      expect([stderr, verdicts(JSON.parse(stdout) as ReportJson)]).toEqual(["", verdicts(report)]);
      expect(textsIn(other)).toEqual(textsIn(dir()));
      // kubectl restarts nothing twice within a second.
      const back = () =>
        migration.asAdmin("sh", join(dir(), "namespaces/shop/back.sh")).catch(() => undefined);
      await until("the way back", back);
      await until("IRSA again", async () => {
        const { pod } = await migration.tried(OBJECTS[5] ?? {});
        return (givenByEks(pod) === `${ACCOUNT}web` && pod.spec.initContainers === undefined) || undefined;
      });
    });
  },
);

const titleOf = (one: Json): string =>
  `${String(one["kind"])} shop/${(one["metadata"] as { readonly name: string }).name}`;
const WITH_PODS = OBJECTS.filter(({ kind }) => kind !== "Namespace" && kind !== "ServiceAccount").toSorted(
  (a, b) => (titleOf(a) < titleOf(b) ? -1 : 1),
);

/** The webhook, as EKS registers it. */
async function startEks({ rig: { plane }, folder }: Migration, program: string): Promise<() => unknown> {
  const authority = await certificateAuthority("podrole test", validFor(1, Date.now()));
  const pair = await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now()));
  const files = { cert: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  writeFileSync(files.cert, pair.cert);
  writeFileSync(files.key, pair.key, { mode: 0o600 });
  const associations = join(folder, "identities.json");
  writeFileSync(
    associations,
    JSON.stringify({ identities: [{ namespace: "shop", serviceAccount: "associated" }] }),
  );
  const port = await freePort();
  const child = await startIrsa(
    program,
    folder,
    port,
    files,
    plane.adminConfig,
    `--watch-container-credentials-config=${associations}`,
  );
  await plane.admin.create(WEBHOOKS, {
    metadata: { name: "pod-identity-webhook" },
    webhooks: [
      {
        name: "iam-for-pods.amazonaws.com",
        failurePolicy: "Ignore",
        reinvocationPolicy: "IfNeeded",
        sideEffects: "None",
        admissionReviewVersions: ["v1beta1"],
        objectSelector: { matchExpressions: [{ key: SKIP, operator: "DoesNotExist" }] },
        clientConfig: { url: `https://127.0.0.1:${port}/mutate`, caBundle: btoa(authority.cert) },
        rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
      },
    ],
  });
  return () => child.kill("SIGKILL");
}
