import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import {
  ACCOUNT,
  namespace,
  object,
  verdicts,
  workload,
  type Json,
  type ReportJson,
} from "../injector/cli/migrate/rig.ts";
import { template } from "../support/helm.ts";
import { until } from "../support/until.ts";
import { openMigration, textsIn, whyNoMigration, type Migration } from "./migrate-rig.ts";
import type { KubeObject } from "./kube-client.ts";
import { GRANTS, NAMESPACES } from "./setting.ts";

const reason = whyNoMigration();

const inShop = (
  kind: string,
  name: string,
  role: string | undefined,
  spec: Json = {},
  annotations: Json = {},
): Json =>
  workload(
    kind,
    { name },
    role,
    kind === "Job" || kind === "CronJob" ? { restartPolicy: "Never", ...spec } : spec,
    {
      annotations: { ...(role === undefined ? {} : { "iam.amazonaws.com/role": role }), ...annotations },
    },
  );
const account = (name: string, annotations: Json = {}): Json =>
  object("ServiceAccount", { name }, { metadata: { annotations } });
const PRIVILEGED = {
  containers: [{ name: "app", image: "shop/app:1", securityContext: { privileged: true } }],
};

/** Pods that kube2iam and kiam give their role, and pods that podrole refuses, each for another reason. */
const PODS: readonly Json[] = [
  account("web"),
  account("robot", { "eks.amazonaws.com/role-arn": `${ACCOUNT}shop-robot` }),
  inShop("Deployment", "web", "shop-web", { serviceAccountName: "web" }),
  inShop("Deployment", "also-web", `${ACCOUNT}shop-web-2`, { serviceAccountName: "web" }),
  inShop("StatefulSet", "db", "shop-db"),
  inShop("DaemonSet", "log", undefined),
  inShop(
    "CronJob",
    "nightly",
    "shop-nightly",
    {},
    { "iam.amazonaws.com/session-name": "{namespace}.nightly" },
  ),
  inShop("Job", "once", "shop-once"),
  inShop("Pod", "lone", "shop-lone"),
  inShop("Deployment", "robot", undefined, { serviceAccountName: "robot" }),
  inShop("Deployment", "vault", "vault"),
  inShop("Deployment", "host", "shop-web", { hostNetwork: true }),
  inShop("Deployment", "root", "shop-web", PRIVILEGED),
  inShop("Deployment", "empty", ""),
  inShop("Deployment", "tagged", "shop-web", {}, { "podrole.dev/session-tags": "{}}" }),
  inShop("Deployment", "partner", "shop-partner", {}, { "iam.amazonaws.com/external-id": "partner-1" }),
  workload("Deployment", { name: "other", namespace: "other" }, undefined),
];
const REFUSED = ["vault", "host", "root", "empty", "tagged", "partner"].length;

interface Scenario {
  readonly from: string;
  readonly objects: readonly Json[];
  readonly args: readonly string[];
  /** How many workloads are refused. */
  readonly refused: number;
}

const LEVEL = { "pod-security.kubernetes.io/enforce": "baseline" };
const SCENARIOS: readonly Scenario[] = [
  {
    from: "kube2iam",
    objects: [
      namespace("other"),
      namespace("shop", { "iam.amazonaws.com/allowed-roles": '["shop-", "(?i)SHOP-LONE"]' }),
      namespace("safe", { "iam.amazonaws.com/allowed-roles": '["safe"]' }, LEVEL),
      workload("Deployment", { name: "safe", namespace: "safe" }, "safe-and-sound"),
      ...PODS,
    ],
    // The DaemonSet's namespace is the API server's own.
    args: [
      "--tool-args",
      `--base-role-arn=${ACCOUNT} --namespace-restrictions --namespace-restriction-format=regexp`,
    ],
    refused: REFUSED,
  },
  {
    from: "kiam",
    objects: [
      namespace("other"),
      namespace("shop", {
        "iam.amazonaws.com/permitted": `${ACCOUNT}shop-(?:web|db|partner).*|.*shop-(?:once|lone|nightly)`,
      }),
      ...PODS,
      inShop("Deployment", "named", "shop-web", {}, { "iam.amazonaws.com/session-name": "batch job" }),
    ],
    args: ["--tool-args", `--role-base-arn=${ACCOUNT} --assume-role-arn=kiam-server`],
    // Its server's role is the hub, by which external ids work.
    refused: REFUSED - 1,
  },
];

describe.skipIf(reason !== undefined).for(SCENARIOS)(
  `podrole migrate $from, applied at a real API server with podrole in force${reason ? `: ${reason}` : ""}`,
  ({ from, objects, args, refused }) => {
    let migration: Migration;
    let report: ReportJson;
    const admin = () => migration.rig.plane.admin;
    const dir = () => join(migration.folder, "migration");
    const all = (folder = dir()) => [
      ...args,
      "--dir",
      folder,
      "--oidc-issuer",
      "https://oidc.example/cluster",
      "-o",
      "json",
    ];
    const workloadsOf = (found: ReportJson) =>
      found.namespaces.filter(({ moves }) => moves).flatMap(({ workloads }) => workloads);
    const objectOf = (title: string): Json =>
      objects.find((one) => {
        const { name, namespace: of = "shop" } = one["metadata"] as {
          readonly name: string;
          readonly namespace?: string;
        };
        return title === `${String(one["kind"])} ${of}/${name}`;
      }) ?? {};

    beforeAll(async () => {
      migration = await openMigration(from, objects);
      const { code, stdout, stderr } = await migration.run(...all());
      if (code !== 1 || stderr !== "") throw new Error(`ended with ${code}: ${stderr}`);
      report = JSON.parse(stdout) as ReportJson;
    });
    afterAll(() => migration?.close());

    test("reads everything by the rights of a viewer", () => {
      expect(report.notes.filter(({ code }) => code === "NOT_READ")).toEqual([]);
      const found = verdicts(report).filter((one) => one.includes("refused"));
      expect(found).toHaveLength(refused);
      expect(verdicts(report).filter((one) => one.includes("differs"))).toEqual([]);
    });

    test("writes RoleGrants that pass a strict server-side dry run, and values that the chart takes", async () => {
      const grants = parseAllDocuments(readFileSync(join(dir(), "grants.yaml"), "utf8")).map(
        (one) => one.toJS() as object,
      );
      expect(grants.length).toBeGreaterThan(1);
      for (const grant of grants) {
        const { status, warnings, body } = await admin().request(
          "POST",
          `${GRANTS}?dryRun=All&fieldValidation=Strict`,
          grant,
        );
        expect([status, warnings, body.message]).toEqual([201, [], undefined]);
      }
      const rendered = template(parse(readFileSync(join(dir(), "values.yaml"), "utf8")) as object);
      expect([rendered.status, rendered.stderr]).toEqual([0, ""]);
    });

    test("gives every pod the role that it had, and refuses exactly the pods that it said, by the findings that it said", async () => {
      await migration.install(report);
      await migration.asAdmin("kubectl", "apply", "-f", join(dir(), "grants.yaml"));
      for (const { name, moves } of report.namespaces)
        if (moves) await migration.asAdmin("sh", join(dir(), "namespaces", name, "move.sh"));
      const expected = workloadsOf(report).map(({ object: title, verdict, now, findings }) => [
        title,
        verdict === "refused"
          ? [
              ...new Set(findings.filter(({ severity }) => severity === "deny").map(({ code }) => code)),
            ].toSorted()
          : now.kind === "role"
            ? [now.arn]
            : [],
      ]);
      expect(expected.length).toBeGreaterThan(14);
      const answers = async () =>
        Promise.all(
          workloadsOf(report).map(async ({ object: title }) => {
            const { roles, codes } = await migration.tried(objectOf(title));
            return [title, [...codes, ...roles].toSorted()];
          }),
        );
      // The webhook learns of grants and labels a moment late.
      let last: unknown;
      await until("every answer to be as expected", async () => {
        last = await answers();
        return JSON.stringify(last) === JSON.stringify(expected) || undefined;
      }).catch(() => undefined);
      expect(last).toEqual(expected);
    });

    test("leaves pods of other namespaces alone", async () => {
      const { roles, codes, pod } = await migration.tried(objectOf("Deployment other/other"));
      expect([roles, codes, pod.spec.initContainers]).toEqual([[], [], undefined]);
    });

    test("says the same and writes the same in a second run, after all is applied", async () => {
      const other = join(migration.folder, "again");
      const { code, stdout, stderr } = await migration.run(...all(other));
      expect([code, stderr]).toEqual([1, ""]);
      expect(textsIn(other)).toEqual(textsIn(dir()));
      const again = JSON.parse(stdout) as ReportJson;
      expect(again.grants).toEqual(report.grants);
      expect(verdicts(again)).toEqual(verdicts(report));
    });

    test("removes the rules of the namespaces by its script, and restores them by the other", async () => {
      const rules = async () => {
        const { items } = (await admin().get(NAMESPACES)) as { readonly items: readonly KubeObject[] };
        return items.map(({ metadata }) => [metadata.name, metadata.annotations ?? {}]);
      };
      const before = await rules();
      await migration.asAdmin("sh", join(dir(), "remove-rules.sh"));
      expect(JSON.stringify(await rules())).not.toMatch(/iam\.amazonaws\.com/);
      await migration.asAdmin("sh", join(dir(), "restore-rules.sh"));
      expect(await rules()).toEqual(before);
      expect(JSON.stringify(before)).toMatch(/iam\.amazonaws\.com/);
    });

    test("goes back by the scripts that it wrote", async () => {
      for (const { name, moves } of report.namespaces) {
        // kubectl restarts nothing twice within a second.
        const back = () =>
          migration.asAdmin("sh", join(dir(), "namespaces", name, "back.sh")).catch(() => undefined);
        if (moves) await until("the way back", back);
      }
      await migration.asAdmin("kubectl", "delete", "-f", join(dir(), "grants.yaml"));
      const { pod } = await migration.tried(objectOf("Deployment shop/web"));
      expect(pod.spec.initContainers).toBeUndefined();
      expect((await admin().get(GRANTS)).items).toEqual([]);
    });
  },
);
