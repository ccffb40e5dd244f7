import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  ACCOUNT,
  codesOf,
  migrate,
  namespace,
  newFolder,
  object,
  report,
  specsOf,
  template,
  textFile,
  tool,
  verdicts,
  workload,
} from "./rig.ts";

const server = (...args: readonly string[]) =>
  tool("quay.io/uswitch/kiam:v4.2", "server", `--role-base-arn=${ACCOUNT}`, ...args);
const agent = (...args: readonly string[]) =>
  object("DaemonSet", { name: "agent", namespace: "kube-system" }, tool("kiam", "agent", ...args));
const permitting = (expression: string) => namespace("shop", { "iam.amazonaws.com/permitted": expression });
const account = (name: string, annotations: object) =>
  object("ServiceAccount", { name }, { metadata: { annotations } });
const irsaAccount = (name: string, role: string) =>
  account(name, { "eks.amazonaws.com/role-arn": ACCOUNT + role });

describe("podrole migrate kiam", () => {
  test("allows what kiam gives now, by an expression that kiam anchors at the ends of its text alone", async () => {
    const found = await report("kiam", [
      server("--region=eu-west-1", "--assume-role-arn=kiam-server", "--session=x"),
      agent("--allow-route-regexp=.*", "--no-iptables-remove"),
      permitting(`${ACCOUNT}shop-.*|.*-shared`),
      workload("Pod", { name: "a" }, "shop-a"),
      workload("Pod", { name: "b" }, "/team/b-shared"),
      workload("Pod", { name: "c" }, "vault"),
    ]);
    expect(verdicts(found).slice(2)).toEqual([
      "Pod shop/a: same shop-a",
      "Pod shop/b: same team/b-shared",
      "Pod shop/c: refused ROLE_NOT_ALLOWED",
    ]);
    expect(specsOf(found)).toEqual([
      {
        namespaces: ["shop"],
        serviceAccounts: ["default"],
        roles: [`${ACCOUNT}shop-a`, `${ACCOUNT}team/b-shared`],
      },
    ]);
    expect(found.settings).toEqual({
      baseRoleArn: ACCOUNT,
      region: "eu-west-1",
      hubRole: `${ACCOUNT}kiam-server`,
      policy: "enforce",
    });
    expect(found.notes.filter(({ code }) => code === "FLAG_NOT_CARRIED")).toHaveLength(2);
  });

  test("reads an expression that is not anchored where kiam is told so, and one that nobody can read as kiam does", async () => {
    const objects = (expression: string, ...args: readonly string[]) => [
      server(...args),
      agent(),
      permitting(expression),
      workload("Pod", { name: "a" }, "shop-a"),
    ];
    const loose = await report("kiam", objects("shop", "--disable-strict-namespace-regexp"));
    expect(verdicts(loose).at(-1)).toBe("Pod shop/a: same shop-a");
    expect(verdicts(await report("kiam", objects("shop"))).at(-1)).toBe(
      "Pod shop/a: refused ROLE_NOT_ALLOWED",
    );
    const ahead = await report("kiam", objects("(?!vault).*"));
    expect(verdicts(ahead).at(-1)).toBe("Pod shop/a: refused ROLE_NOT_ALLOWED");
    expect(codesOf(ahead)).toContain("RULE_UNREADABLE");
  });

  test("allows the session names that pods have now, and says so", async () => {
    const named = (name: string, session: string) =>
      workload(
        "Pod",
        { name },
        "shop-a",
        {},
        { annotations: { "iam.amazonaws.com/role": "shop-a", "iam.amazonaws.com/session-name": session } },
      );
    const found = await report("kiam", [
      server(),
      agent(),
      permitting(".*"),
      named("a", "batch job"),
      named("b", "{namespace}.x"),
    ]);
    expect(verdicts(found).slice(2)).toEqual(["Pod shop/a: same shop-a", "Pod shop/b: same shop-a"]);
    expect(specsOf(found)).toEqual([
      {
        namespaces: ["shop"],
        serviceAccounts: ["default"],
        roles: [`${ACCOUNT}shop-a`],
        sessionNames: ["batch-job"],
      },
    ]);
    expect(found.notes.filter(({ code }) => code === "SESSION_NAME_KEPT")).toHaveLength(1);
    // kiam does not read this one, so no session has the name now.
    const other = { "iam.amazonaws.com/role": "shop-a", "podrole.dev/session-name": "vault" };
    const refused = await report("kiam", [
      server(),
      agent(),
      permitting(".*"),
      workload("Pod", { name: "c" }, "shop-a", {}, { annotations: other }),
    ]);
    expect(verdicts(refused).at(-1)).toBe("Pod shop/c: refused SESSION_NAME_FORBIDDEN");
    expect(specsOf(refused)[0]).not.toHaveProperty("sessionNames");
    // Nor does IRSA read the one that kiam reads.
    const session = { "iam.amazonaws.com/session-name": "vault" };
    const besideKiam = await report("kiam", [
      server(),
      agent(),
      irsaAccount("web", "web"),
      workload("Pod", { name: "d" }, undefined, { serviceAccountName: "web" }, { annotations: session }),
    ]);
    expect(verdicts(besideKiam).at(-1)).toBe("Pod shop/d: refused SESSION_NAME_FORBIDDEN");
    expect(specsOf(besideKiam)[0]).not.toHaveProperty("sessionNames");
  });

  test("names pods whose names podrole cannot complete, for a base that could mean two things", async () => {
    const found = await report("kiam", [
      tool("kiam", "server", `--role-base-arn=${ACCOUNT}prod`),
      agent(),
      permitting(".*"),
      workload("Pod", { name: "a" }, "reader"),
    ]);
    expect(verdicts(found).at(-1)).toBe("Pod shop/a: refused ROLE_NEEDS_BASE_ARN");
    expect(found.namespaces.at(-1)?.workloads[0]?.now).toMatchObject({ arn: `${ACCOUNT}prodreader` });
  });
});

describe("podrole migrate irsa", () => {
  const PATCH = `-p '{"spec":{"template":{"metadata":{"labels":{"eks.amazonaws.com/skip-pod-identity-webhook":"true"}}}}}'`;

  test("keeps the roles of service accounts, and asks for the label by which IRSA's webhook leaves pods alone", async () => {
    const skipped = { labels: { "eks.amazonaws.com/skip-pod-identity-webhook": "true" } };
    const dir = newFolder();
    const found = await report(
      "irsa",
      [
        namespace("shop"),
        irsaAccount("web", "web"),
        workload("Deployment", { name: "web" }, undefined, { serviceAccountName: "web" }),
        workload("CronJob", { name: "nightly" }, undefined, { serviceAccountName: "web" }),
        workload("ReplicaSet", { name: "old" }, undefined, { serviceAccountName: "web" }),
        {
          ...object("PodTemplate", { name: "tpl" }),
          template: template(undefined, { serviceAccountName: "web" }),
        },
        workload("Deployment", { name: "moved" }, undefined, { serviceAccountName: "web" }, skipped),
        workload("DaemonSet", { name: "plain" }, undefined),
        workload("DaemonSet", { name: "node" }, undefined, { serviceAccountName: "web", hostNetwork: true }),
      ],
      "--oidc-issuer",
      "https://oidc.example/cluster",
      "--dir",
      dir,
    );
    expect(verdicts(found)).toEqual([
      "CronJob shop/nightly: same web",
      "DaemonSet shop/node: refused HOST_NETWORK",
      "DaemonSet shop/plain: same",
      "Deployment shop/moved: differs web",
      "Deployment shop/web: same web",
      "PodTemplate shop/tpl: same web",
      "ReplicaSet shop/old: same web",
    ]);
    expect(found.settings).toEqual({ policy: "listed" });
    const cron = PATCH.replace('{"spec":', '{"spec":{"jobTemplate":{"spec":').replace("}'", "}}}'");
    expect(readFileSync(`${dir}/namespaces/shop/move.sh`, "utf8").split("\n")).toEqual([
      "#!/bin/sh",
      "set -eu",
      expect.stringMatching(/^# DaemonSet shop\/node is refused \(HOST_NETWORK\)/),
      "kubectl label namespace shop podrole.dev/inject=enabled --overwrite",
      `kubectl -n shop patch cronjob nightly --type merge ${cron}`,
      `kubectl -n shop patch deployment web --type merge ${PATCH}`,
      `kubectl -n shop patch replicaset old --type merge ${PATCH}`,
      "kubectl -n shop rollout restart daemonset/plain deployment/moved",
      "# PodTemplate shop/tpl gets guard and sidecar when its pod is created again.",
      "# ReplicaSet shop/old gets guard and sidecar when its pod is created again.",
      "",
    ]);
    expect(readFileSync(`${dir}/namespaces/shop/back.sh`, "utf8")).toContain(
      `kubectl label namespace shop podrole.dev/inject-\nkubectl -n shop patch cronjob nightly --type merge ${cron.replace('"true"', "null")}\n`,
    );
  });

  test("gives the role of an association by the default of a RoleGrant, and goes by associations first", async () => {
    const association = (serviceAccount: string, roleArn: string, more = {}) =>
      JSON.stringify({
        association: { clusterName: "c", namespace: "shop", serviceAccount, roleArn, ...more },
      });
    const file = textFile(
      `${association("web", `${ACCOUNT}web`)}\n${association("both", `${ACCOUNT}one`)}\n${association("far", `${ACCOUNT}near`, { targetRoleArn: "arn:aws:iam::444455556666:role/far" })}`,
    );
    const pod = (name: string) => workload("Pod", { name }, undefined, { serviceAccountName: name });
    const objects = [
      irsaAccount("both", "other"),
      ...["web", "far"].map((name) => account(name, {})),
      pod("web"),
      pod("both"),
      pod("far"),
    ];
    const found = await report("irsa", objects, "--associations", file);
    expect(verdicts(found)).toEqual([
      "Pod shop/both: refused ROLE_NOT_ALLOWED",
      "Pod shop/far: same arn:aws:iam::444455556666:role/far",
      "Pod shop/web: same web",
    ]);
    expect(specsOf(found)).toContainEqual({
      namespaces: ["shop"],
      serviceAccounts: ["web"],
      roles: [`${ACCOUNT}web`],
      default: `${ACCOUNT}web`,
    });
    expect(codesOf(found)).toContain("FLAG_NOT_CARRIED");
    const list = textFile(JSON.stringify({ associations: [{ namespace: "shop", serviceAccount: "web" }] }));
    expect(await migrate("irsa", objects, "--associations", list)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^ASSOCIATIONS_INVALID: .*describe-pod-identity-association/),
    });
  });

  test("reads the flags and the ConfigMap of a webhook of the cluster's own", async () => {
    const webhook = object(
      "Deployment",
      { name: "pod-identity-webhook", namespace: "eks" },
      {
        spec: {
          template: {
            spec: {
              containers: [
                {
                  name: "webhook",
                  image: "amazon/amazon-eks-pod-identity-webhook:latest",
                  command: [
                    "/webhook",
                    "--in-cluster=false",
                    "--annotation-prefix=acme.com",
                    "--watch-config-map",
                  ],
                  args: ["--token-audience=acme", "--aws-default-region", "eu-west-1"],
                },
              ],
            },
          },
        },
      },
    );
    const map = object(
      "ConfigMap",
      { name: "pod-identity-webhook", namespace: "eks" },
      {
        data: {
          config: JSON.stringify({
            "shop/mapped": { RoleARN: `${ACCOUNT}mapped` },
            "*/any": { RoleARN: `${ACCOUNT}any` },
            odd: {},
          }),
        },
      },
    );
    const pod = (name: string) => workload("Pod", { name }, undefined, { serviceAccountName: name });
    const found = await report("irsa", [
      webhook,
      map,
      account("own", { "acme.com/role-arn": `${ACCOUNT}own` }),
      account("mapped", {}),
      account("any", {}),
      ...["own", "mapped", "any"].map(pod),
    ]);
    expect(verdicts(found).slice(1)).toEqual([
      "Pod shop/any: same any",
      "Pod shop/mapped: same mapped",
      "Pod shop/own: same own",
    ]);
    expect(found.settings).toEqual({
      serviceAccountKey: "acme.com/role-arn",
      region: "eu-west-1",
      tokenAudience: "acme",
      policy: "listed",
    });
  });

  test("says which pods would have a role that they have not now", async () => {
    const found = await report("irsa", [
      irsaAccount("default", "web"),
      workload("Pod", { name: "a" }, "arn:aws:iam::111122223333:role/pods"),
    ]);
    expect(verdicts(found)).toEqual(["Pod shop/a: differs pods"]);
    expect(codesOf(found)).toContain("NAMED_TWICE");
  });
});
