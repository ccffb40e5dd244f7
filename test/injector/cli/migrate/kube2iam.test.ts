import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  ACCOUNT,
  codesOf,
  kube2iamTool,
  migrate,
  namespace,
  newFolder,
  object,
  report,
  specsOf,
  tool,
  verdicts,
  workload,
  type Json,
} from "./rig.ts";

const SHOP = namespace("shop", { "iam.amazonaws.com/allowed-roles": '["shop-*", "till"]' });
const WEB = workload("Deployment", { name: "web" }, "shop-web", { serviceAccountName: "web" });
const WEB_ACCOUNT = object("ServiceAccount", { name: "web" });
const RESTRICTED = kube2iamTool("--namespace-restrictions");

describe("podrole migrate kube2iam", () => {
  test("allows each service account the roles that its pods have now, and no others", async () => {
    const found = await report("kube2iam", [
      RESTRICTED,
      SHOP,
      WEB_ACCOUNT,
      WEB,
      workload("CronJob", { name: "nightly" }, "/shop-nightly"),
      workload("StatefulSet", { name: "db" }, `${ACCOUNT}till`),
    ]);
    expect(specsOf(found)).toEqual([
      { namespaces: ["shop"], serviceAccounts: ["default"], roles: [`${ACCOUNT}till`] },
      { namespaces: ["shop"], serviceAccounts: ["web"], roles: [`${ACCOUNT}shop-web`] },
    ]);
    // kube2iam makes role//shop-nightly of it, and podrole role/shop-nightly.
    expect(verdicts(found)).toEqual([
      "DaemonSet kube-system/tool: same",
      "CronJob shop/nightly: differs shop-nightly",
      "Deployment shop/web: same shop-web",
      "StatefulSet shop/db: same till",
    ]);
    expect(found.settings).toEqual({ baseRoleArn: ACCOUNT, policy: "enforce" });
  });

  test("shows each warning with the workloads that have it, and at most three of a code", async () => {
    const misspelt = (key: string, name: string) =>
      workload("Deployment", { name }, "till", {}, { annotations: { [`iam.amazonaws.com/${key}`]: "till" } });
    const { stdout } = await migrate("kube2iam", [
      kube2iamTool(),
      WEB,
      ...["rol", "role_", "Role", "roles"].map((key, index) => misspelt(key, `web-${index}`)),
      misspelt("rol", "till"),
    ]);
    expect(stdout.replaceAll(/\s+/g, " ")).toMatch(
      new RegExp(
        [
          "warn ANNOTATION_UNKNOWN: Deployment shop/till, Deployment shop/web-0 The annotation iam.amazonaws.com/rol is .+",
          "warn ANNOTATION_UNKNOWN: Deployment shop/web-1 The annotation iam.amazonaws.com/role_ is .+",
          "warn ANNOTATION_UNKNOWN: Deployment shop/web-2 The annotation iam.amazonaws.com/Role is .+",
          "And 1 more like these: -o json has all\\.",
        ].join(" "),
      ),
    );
  });

  test("names each pod that podrole refuses, by the finding of the decision, and exits with 1", async () => {
    const objects = [
      RESTRICTED,
      SHOP,
      workload("Deployment", { name: "not-allowed" }, "vault"),
      workload("DaemonSet", { name: "node" }, "till", { hostNetwork: true }),
      workload("Deployment", { name: "root" }, "till", {
        containers: [{ name: "app", securityContext: { privileged: true } }],
      }),
      workload("Deployment", { name: "odd" }, "ARN:aws:iam::111122223333:role/till"),
      workload(
        "Deployment",
        { name: "external" },
        "till",
        {},
        {
          annotations: { "iam.amazonaws.com/role": "till", "iam.amazonaws.com/external-id": "partner-1" },
        },
      ),
      workload("Pod", { name: "plain" }, undefined),
    ];
    expect(verdicts(await report("kube2iam", objects))).toEqual([
      "DaemonSet kube-system/tool: same",
      "DaemonSet shop/node: refused HOST_NETWORK",
      "Deployment shop/external: refused HUB_ROLE_MISSING",
      "Deployment shop/not-allowed: refused ROLE_NOT_ALLOWED",
      "Deployment shop/odd: refused ROLE_MALFORMED",
      "Deployment shop/root: refused PRIVILEGED",
      "Pod shop/plain: same",
    ]);
    const { code, stdout } = await migrate("kube2iam", objects);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /Deployment shop\/not-allowed\n +Now: no role; it names arn:aws:iam::111122223333:role\/vault/,
    );
    expect(stdout).toMatch(
      /DaemonSet shop\/node\n +Now: no role; on the node's network it has the node's own/,
    );
  });

  test("reads what kube2iam allows by an expression that podrole anchors, and allows that by a RoleGrant", async () => {
    const objects = [
      kube2iamTool("--namespace-restrictions", "--namespace-restriction-format=regexp"),
      namespace("shop", { "iam.amazonaws.com/allowed-roles": '["dev"]' }),
      workload("Deployment", { name: "web" }, "dev-admin"),
    ];
    const found = await report("kube2iam", objects);
    expect(verdicts(found)).toContain("Deployment shop/web: same dev-admin");
    expect(found.settings).toMatchObject({ allowedRolesFormat: "regexp" });
    expect(specsOf(found)).toEqual([
      { namespaces: ["shop"], serviceAccounts: ["default"], roles: [`${ACCOUNT}dev-admin`] },
    ]);
  });

  test("carries the rules of namespaces over with --allow permitted, as far as they are globs", async () => {
    const rules = '["shop-*", "team/[ab]", "/x"]';
    const objects = [
      kube2iamTool("--namespace-restrictions", "--namespace-restriction-format=regexp"),
      namespace("shop", { "iam.amazonaws.com/allowed-roles": rules }),
      workload("Deployment", { name: "web" }, "team/a"),
    ];
    const found = await report("kube2iam", objects, "--allow", "permitted");
    expect(specsOf(found)).toEqual([
      { namespaces: ["shop"], serviceAccounts: ["default"], roles: [`${ACCOUNT}team/a`] },
    ]);
    expect(found.notes.filter(({ code }) => code === "RULE_NOT_CARRIED")).toHaveLength(2);
    const globs = await report("kube2iam", [RESTRICTED, SHOP, WEB, WEB_ACCOUNT], "--allow", "permitted");
    expect(specsOf(globs)).toEqual([
      { namespaces: ["shop"], roles: [`${ACCOUNT}shop-*`, `${ACCOUNT}till`] },
      { namespaces: ["shop"], serviceAccounts: ["web"], roles: [`${ACCOUNT}shop-web`] },
    ]);
    expect(await migrate("kube2iam", [kube2iamTool(), WEB], "--allow", "permitted")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^USAGE: --allow permitted needs rules/),
    });
  });

  test("takes kube2iam's keys, default role and region from its DaemonSet", async () => {
    const daemon = object(
      "DaemonSet",
      { name: "kube2iam", namespace: "iam" },
      {
        spec: {
          template: {
            spec: {
              containers: [
                {
                  name: "kube2iam",
                  image: "registry.example:5000/mirror/kube2iam:1@sha256:00",
                  command: ["/bin/kube2iam", "--base-role-arn", "$(BASE)", "--debug"],
                  args: [
                    "--iam-role-key=acme.com/role",
                    "--default-role=fallback",
                    "--namespace-key",
                    "acme.com/roles",
                    "--api-token",
                    "hunter2",
                  ],
                  env: [
                    { name: "BASE", value: ACCOUNT.slice(0, -1) },
                    { name: "AWS_REGION", value: "eu-west-1" },
                  ],
                },
              ],
            },
          },
        },
      },
    );
    const objects = [
      daemon,
      workload("Pod", { name: "a" }, undefined, {}, { annotations: { "acme.com/role": "till" } }),
      workload("Pod", { name: "b" }, undefined),
    ];
    const found = await report("kube2iam", objects);
    expect(found.settings).toEqual({
      baseRoleArn: ACCOUNT,
      defaultRole: `${ACCOUNT}fallback`,
      roleKey: "acme.com/role",
      namespaceKey: "acme.com/roles",
      region: "eu-west-1",
      policy: "listed",
    });
    expect(verdicts(found).slice(1)).toEqual(["Pod shop/a: same till", "Pod shop/b: same fallback"]);
    expect(JSON.stringify(found)).not.toContain("hunter2");
  });

  test("takes arguments from the command line, and says where it found no kube2iam", async () => {
    const without = await report("kube2iam", [SHOP, workload("Pod", { name: "a" }, `${ACCOUNT}till`)]);
    expect(codesOf(without)).toContain("TOOL_NOT_FOUND");
    const args = ["--tool-args", `--base-role-arn ${ACCOUNT} --namespace-restrictions=true --no-debug`];
    const found = await report("kube2iam", [SHOP, WEB, WEB_ACCOUNT], ...args);
    expect(codesOf(found)).not.toContain("TOOL_NOT_FOUND");
    expect(verdicts(found)).toEqual(["Deployment shop/web: same shop-web"]);
  });

  test("asks for the base of names where kube2iam finds it by itself", async () => {
    const objects = [tool("kube2iam", "--auto-discover-base-arn"), WEB, WEB_ACCOUNT];
    expect(await migrate("kube2iam", objects)).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^BASE_ROLE_NEEDED: .*--base-role-arn/),
    });
    const found = await report("kube2iam", objects, "--base-role-arn", ACCOUNT);
    expect(verdicts(found)).toContain("Deployment shop/web: same shop-web");
    expect(found.settings).toMatchObject({ baseRoleArn: ACCOUNT });
  });

  test("says of two DaemonSets in which flags they differ", async () => {
    const found = await report("kube2iam", [
      RESTRICTED,
      object("DaemonSet", { name: "other", namespace: "kube-system" }, kube2iamTool()),
      WEB,
      WEB_ACCOUNT,
      SHOP,
    ]);
    expect(found.notes.find(({ code }) => code === "TOOL_DIFFERS")?.message).toContain(
      "--namespace-restrictions",
    );
  });

  test("leaves namespaces without roles alone, and says which pods need kube2iam still", async () => {
    const found = await report("kube2iam", [
      kube2iamTool(),
      workload("Pod", { name: "a", namespace: "other" }, undefined),
      workload("Pod", { name: "dns", namespace: "kube-system" }, "dns"),
      workload("Pod", { name: "win" }, "till", { nodeSelector: { "kubernetes.io/os": "windows" } }),
      WEB,
      WEB_ACCOUNT,
    ]);
    expect(found.namespaces.map(({ name, moves }) => [name, moves])).toEqual([
      ["kube-system", false],
      ["other", false],
      ["shop", true],
    ]);
    expect(verdicts(found)).toContain("Pod kube-system/dns: stays");
    expect(verdicts(found)).toContain("Pod shop/win: stays");
    expect(found.notes.filter(({ code }) => code === "STILL_NEEDED")).toHaveLength(2);
    expect(specsOf(found).map(({ namespaces }) => namespaces)).not.toContainEqual(["kube-system"]);
  });

  test("counts a workload once, and not what it has made", async () => {
    const owned = (apiVersion: string, kind: string, name: string) => ({
      ownerReferences: [{ apiVersion, kind, name, controller: true, uid: "u" }],
    });
    const found = await report("kube2iam", [
      kube2iamTool(),
      WEB,
      WEB_ACCOUNT,
      workload("Pod", { name: "web-7d-x" }, undefined),
      {
        ...workload("Pod", { name: "web-7d-y" }, "shop-web"),
        metadata: { name: "web-7d-y", namespace: "shop", ...owned("apps/v1", "ReplicaSet", "web-7d") },
      },
      {
        ...workload("Pod", { name: "kn" }, "shop-web"),
        metadata: {
          name: "kn",
          namespace: "shop",
          annotations: { "iam.amazonaws.com/role": "kn" },
          ...owned("serving.example/v1", "Revision", "x"),
        },
      },
    ]);
    expect(verdicts(found).slice(1)).toEqual([
      "Deployment shop/web: same shop-web",
      "Pod shop/kn: same kn",
      "Pod shop/web-7d-x: same",
    ]);
  });

  test("takes of an object that files hold several times the last, and says where they differ", async () => {
    const [first, last] = ["old", "shop-web"].map((role) => workload("Deployment", { name: "web" }, role));
    const dir = newFolder();
    const found = await report(
      "kube2iam",
      [kube2iamTool(), first ?? {}, last ?? {}, last ?? {}],
      "--dir",
      dir,
    );
    expect(verdicts(found).slice(1)).toEqual(["Deployment shop/web: same shop-web"]);
    expect(specsOf(found).map((spec) => spec["roles"])).toEqual([[`${ACCOUNT}shop-web`]]);
    expect(found.notes.filter(({ code }) => code === "DEFINED_TWICE")).toEqual([
      expect.objectContaining({
        message: expect.stringContaining("holds Deployment shop/web several times"),
      }),
    ]);
    expect(readFileSync(`${dir}/namespaces/shop/move.sh`, "utf8")).toMatch(/restart deployment\/web$/m);
    const same = await report("kube2iam", [kube2iamTool(), last ?? {}, last ?? {}]);
    expect(verdicts(same)).toHaveLength(2);
    expect(codesOf(same)).not.toContain("DEFINED_TWICE");
  });

  test("tells apart what gets its names when it is created, and refuses what has no name", async () => {
    const hook = (role: string, metadata: Json = { generateName: "hook-", namespace: "shop" }) => ({
      ...workload("Job", {}, role),
      metadata,
    });
    const found = await report("kube2iam", [kube2iamTool(), hook("a"), hook("b")]);
    expect(verdicts(found).slice(1)).toEqual(["Job shop/hook: same a", "Job shop/hook: same b"]);
    const { code, stderr } = await migrate("kube2iam", [kube2iamTool(), hook("a", { namespace: "shop" })]);
    expect([code, stderr.slice(0, 14)]).toEqual([2, "NAME_INVALID: "]);
  });

  test("allows no session name, which kube2iam has not", async () => {
    for (const key of ["iam.amazonaws.com/session-name", "podrole.dev/session-name"]) {
      const annotations = { "iam.amazonaws.com/role": "a", [key]: "vault" };
      const found = await report("kube2iam", [
        kube2iamTool(),
        workload("Pod", { name: "x" }, "a", {}, { annotations }),
      ]);
      expect(verdicts(found).at(-1)).toBe("Pod shop/x: refused SESSION_NAME_FORBIDDEN");
      expect(specsOf(found)).toEqual([
        { namespaces: ["shop"], serviceAccounts: ["default"], roles: [`${ACCOUNT}a`] },
      ]);
    }
  });

  test("completes a default role by the base that kube2iam finds by itself", async () => {
    const objects = [
      tool("jtblin/kube2iam:1", "--auto-discover-base-arn", "--default-role=plain"),
      workload("Pod", { name: "x" }, undefined),
    ];
    expect(await migrate("kube2iam", objects)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^BASE_ROLE_NEEDED: /),
    });
    const found = await report("kube2iam", objects, "--base-role-arn", ACCOUNT);
    expect(verdicts(found).at(-1)).toBe("Pod shop/x: same plain");
    expect(found.settings["defaultRole"]).toBe(`${ACCOUNT}plain`);
  });

  test("notes what else decides or may not work", async () => {
    const found = await report("kube2iam", [
      RESTRICTED,
      namespace(
        "shop",
        { "iam.amazonaws.com/allowed-roles": '["till", 1]' },
        { "pod-security.kubernetes.io/enforce": "restricted" },
      ),
      object(
        "ServiceAccount",
        { name: "default" },
        { metadata: { annotations: { "eks.amazonaws.com/role-arn": `${ACCOUNT}other` } } },
      ),
      workload("Pod", { name: "a" }, "till", {
        containers: [{ name: "app", env: [{ name: "X", value: "http://169.254.169.254/" }] }],
      }),
    ]);
    expect(codesOf(found).toSorted()).toEqual([
      "GUARD_VERIFIES",
      "METADATA_USED",
      "NAMED_TWICE",
      "RECREATE",
      "RULE_STAYS",
      "RULE_UNREADABLE",
      "TRUST_UNKNOWN",
    ]);
  });
});
