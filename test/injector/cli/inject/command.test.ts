import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile } from "../../../support/temp-files.ts";

const ROLE = "arn:aws:iam::111122223333:role/billing-reader";

const inject = (input: string, ...args: readonly string[]): Promise<Run> =>
  podrole(["inject", "-f", "-", ...args], input);
/** As loose as YAML is: each test says what it expects of the shape. */
// oxlint-disable-next-line typescript/no-explicit-any
const documents = (yaml: string): any[] => parseAllDocuments(yaml).map((document) => document.toJS());
const initNames = (spec: { initContainers?: { name: string }[] }): string[] =>
  (spec.initContainers ?? []).map(({ name }) => name);

const pod = (annotations: Record<string, string> = { "iam.amazonaws.com/role": ROLE }) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, annotations: ${JSON.stringify(annotations)}}\nspec: {containers: [{name: app, image: busybox}]}\n`;

describe("podrole inject", () => {
  test("puts guard and sidecar into every kind of workload that holds a pod", async () => {
    const template = `{metadata: {annotations: {iam.amazonaws.com/role: "${ROLE}"}}, spec: {containers: [{name: app, image: busybox}]}}`;
    const workload = (apiVersion: string, kind: string, spec: string) =>
      `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: w}\nspec: ${spec}\n`;
    const input = [
      ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map((kind) =>
        workload("apps/v1", kind, `{template: ${template}}`),
      ),
      workload("v1", "ReplicationController", `{template: ${template}}`),
      workload("batch/v1", "Job", `{template: ${template}}`),
      workload(
        "batch/v1",
        "CronJob",
        `{schedule: "* * * * *", jobTemplate: {spec: {template: ${template}}}}`,
      ),
      `apiVersion: v1\nkind: PodTemplate\nmetadata: {name: w}\ntemplate: ${template}\n`,
      pod(),
    ].join("---\n");
    const { code, stdout } = await inject(input);
    expect(code).toBe(0);
    const specs = documents(stdout).map(
      (object) =>
        object.spec?.jobTemplate?.spec.template.spec ??
        object.spec?.template?.spec ??
        object.template?.spec ??
        object.spec,
    );
    expect(specs.map(initNames)).toEqual(
      Array.from({ length: 9 }, () => ["podrole-guard", "podrole-sidecar"]),
    );
  });

  test("writes no secret into the manifest when the token is to be in a file, and else one", async () => {
    const variables = (run: Run): readonly string[] =>
      documents(run.stdout)[0].spec.containers[0].env.map(({ name }: { name: string }) => name);
    const [byFile, both] = [await inject(pod(), "--token", "file"), await inject(pod())];
    expect(variables(byFile)).not.toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    expect(byFile.stdout).not.toContain("tokenSha256");
    expect(variables(both)).toContain("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  });

  test("takes the settings from a manifest of the ConfigMap, flags before them, and refuses bad ones", async () => {
    const file = (data: string) => tempFile(`kind: Namespace\n---\nkind: ConfigMap\ndata: {${data}}\n`);
    const given = file('image: "r.example/a:1", imagePullPolicy: Always');
    const images = ({ stdout }: Run) =>
      documents(stdout)[0].spec.initContainers.map((one: Record<string, string>) => [
        one["image"],
        one["imagePullPolicy"],
      ]);
    expect(images(await inject(pod(), "--config", given))[0]).toEqual(["r.example/a:1", "Always"]);
    expect(images(await inject(pod(), "--config", given, "--image=r.example/a:2"))[0]).toEqual([
      "r.example/a:2",
      "Always",
    ]);
    expect(await inject(pod(), "--config", file("gaurd: block"))).toMatchObject({
      code: 2,
      stderr: 'CONFIG_INVALID: "gaurd" is not a setting. Did you mean guard?\n',
    });
    expect(await inject(pod(), "--config", file('version: "9.9.9"'))).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^CONFIG_OTHER_VERSION: .+ Use the podrole of/),
    });
    expect(await inject(pod(), "--config", "/nowhere/x")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^CONFIG_UNREADABLE: /),
    });
  });

  test("passes everything else through byte for byte, comments included", async () => {
    const other =
      "# why\napiVersion: v1\nkind: ConfigMap   # of ours\nmetadata: {name: x}\ndata: {mode: '0644', on:   yes}\n";
    const { stdout } = await inject(`${other}---\n${pod()}---\n# last\nkind: Other\napiVersion: x/v1\n`);
    expect(stdout.startsWith(`${other}---\n`)).toBe(true);
    expect(stdout.endsWith("---\n# last\nkind: Other\napiVersion: x/v1\n")).toBe(true);
  });

  test("returns a stream without pods unchanged", async () => {
    const input = '---\n# nothing\n---\nkind: A\n...\n---\n{"kind": "B"}\n';
    expect((await inject(input)).stdout).toBe(input);
    expect((await inject("")).stdout).toBe("");
  });

  test("injects a pod that says it is the mirror of a static one: the webhook believes only nodes", async () => {
    const { code, stdout } = await inject(pod({ "kubernetes.io/config.mirror": "x" }));
    expect(code).toBe(0);
    expect(stdout).toContain("podrole-guard");
  });

  test("changes nothing when run on its own output", async () => {
    const once = (await inject(pod())).stdout;
    expect((await inject(once)).stdout).toBe(once);
  });

  test("takes namespaces, service accounts and grants of the input for the cluster's", async () => {
    const surroundings = [
      "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {podrole.dev/inject: enabled}}\n",
      `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: shop, annotations: {eks.amazonaws.com/role-arn: "${ROLE}"}}\n`,
      `apiVersion: podrole.dev/v1alpha1\nkind: RoleGrant\nmetadata: {name: nobody}\nspec: {effect: Deny, roles: ["*"], namespaces: [shop]}\n`,
    ].join("---\n");
    const denied = await inject(`${surroundings}---\n${pod({})}`);
    expect(denied.code).toBe(1);
    expect(denied.stderr).toContain("RoleGrant nobody denies arn:aws:iam::111122223333:role/billing-reader");
    const unlabelled = await inject(`apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n${pod()}`);
    expect(unlabelled.stdout).toContain(pod());
    expect(unlabelled.stdout).not.toContain("podrole-guard");
    expect(unlabelled.stderr).toMatch(
      /^info {2}Namespace shop: It is not labelled podrole\.dev\/inject=enabled/,
    );
  });

  test("takes what it assumes of other namespaces from flags", async () => {
    const restricted = ["--namespace-label", "pod-security.kubernetes.io/enforce=restricted"];
    const verified = await inject(pod(), ...restricted);
    expect(documents(verified.stdout)[0].spec.initContainers[0].command).toEqual([
      "podrole-sidecar",
      "verify",
    ]);
    const { stdout } = await inject(pod(), "--namespace-annotation", "podrole.dev/guard=off");
    expect(initNames(documents(stdout)[0].spec)).toEqual(["podrole-sidecar"]);
  });

  test("prints no output for a denied pod, its findings on stderr, and exits with 1", async () => {
    const { code, stdout, stderr } = await inject(
      `${pod({ "iam.amazonaws.com/role": "no role" })}---\n${pod()}`,
    );
    expect(code).toBe(1);
    expect(documents(stdout)).toHaveLength(1);
    expect(stderr).toMatch(/^deny {2}Pod shop\/p: \[ROLE_MALFORMED\] .*\n$/);
  });

  test("warns once of each annotation in the wrong place, also on service accounts and namespaces", async () => {
    const role = `{iam.amazonaws.com/role: reader}`;
    const containers = "containers: [{name: app, image: app}]";
    const input = [
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {podrole.dev/inject: enabled}, annotations: ${role}}\n`,
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, annotations: ${role}}\nspec: {template: {spec: {${containers}}}}\n`,
      `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {serviceAccountName: sa1, ${containers}}\n`,
      `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa1, namespace: shop, annotations: ${role}}\n`,
      `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa2, namespace: shop, annotations: ${role}}\n`,
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: other, annotations: ${role}}\n`,
    ].join("---\n");
    const { code, stderr } = await inject(input);
    expect(code).toBe(0);
    expect(stderr.split("\n").map((line) => line.replace(/has no effect.*/, ""))).toEqual([
      "warn  Namespace shop: [ANNOTATION_MISPLACED] The annotation iam.amazonaws.com/role of namespace shop ",
      "warn  Deployment shop/web: [ANNOTATION_MISPLACED] iam.amazonaws.com/role on the Deployment itself ",
      "warn  Pod shop/p: [ANNOTATION_MISPLACED] The annotation iam.amazonaws.com/role of service account shop/sa1 ",
      "warn  ServiceAccount shop/sa2: [ANNOTATION_MISPLACED] The annotation iam.amazonaws.com/role of service account shop/sa2 ",
      "",
    ]);
  });

  test("writes one object as JSON, and several as a List", async () => {
    const one = await inject(pod(), "-o", "json");
    expect(JSON.parse(one.stdout)).toMatchObject({ kind: "Pod" });
    const two = await inject(`${pod()}---\n${pod()}`, "-o", "json");
    expect(JSON.parse(two.stdout)).toMatchObject({ kind: "List", items: [{ kind: "Pod" }, { kind: "Pod" }] });
  });

  test("reads JSON, and pods inside of a List, leaving out the denied ones", async () => {
    const item = (role: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", annotations: { "iam.amazonaws.com/role": role } },
      spec: { containers: [{ name: "app" }] },
    });
    const list = { apiVersion: "v1", kind: "List", items: [item(ROLE), item("no role"), { kind: "Secret" }] };
    const { code, stdout } = await inject(JSON.stringify(list), "-o", "json");
    expect(code).toBe(1);
    const { items } = JSON.parse(stdout);
    expect(items).toHaveLength(2);
    expect(initNames(items[0].spec)).toEqual(["podrole-guard", "podrole-sidecar"]);
  });

  test("reads numbers and booleans as Kubernetes does, and quotes what it would read otherwise", async () => {
    const input = pod().replace(
      "spec: {",
      "spec: {volumes: [{name: v, secret: {defaultMode: 0644}}], ports: 22:22, x: 'yes', d: 2026-11-21, ",
    );
    const [{ spec }] = documents((await inject(input, "-o", "json")).stdout);
    expect(spec).toMatchObject({
      volumes: [{ secret: { defaultMode: 420 } }, {}, {}, {}],
      ports: "22:22",
      x: "yes",
      d: "2026-11-21",
    });
    expect((await inject(input)).stdout).toContain('x: "yes"');
  });

  test("reads JSON objects that follow one another, and writes a stream that kubectl reads", async () => {
    const [one] = documents(pod());
    const other = { kind: "Secret", apiVersion: "v1" };
    const { stdout } = await inject([other, one, other].map((object) => JSON.stringify(object)).join("\n"));
    expect(documents(stdout).map(({ kind }) => kind)).toEqual(["Secret", "Pod", "Secret"]);
    expect(stdout).toContain("podrole-guard");
  });

  test("keeps strings that other parsers take for numbers, and integers above 2^53", async () => {
    const input = pod({ "iam.amazonaws.com/role": ROLE, shard: "e1" })
      .replace('"e1"', "e1")
      .replace(
        "spec: {",
        "spec: {volumes: [{name: v, secret: {defaultMode: 0o644}}], big: 9007199254740993, ",
      )
      .replace("image: busybox", "image: busybox, args: [--level, e3, E10, -e3]");
    const json = await inject(input, "-o", "json");
    expect(json.stdout).toContain('"big": 9007199254740993,');
    for (const { stdout } of [json, await inject(input)]) {
      const [object] = documents(stdout);
      expect(object.metadata.annotations.shard).toBe("e1");
      expect(object.spec.containers[0].args).toEqual(["--level", "e3", "E10", "-e3"]);
      expect(object.spec.volumes[0].secret.defaultMode).toBe(420);
    }
    expect((await inject(input)).stdout).toContain("big: 9007199254740993\n");
  });

  test("takes the last of two equal keys, as kubectl does", async () => {
    const { stdout } = await inject(pod().replace("image: busybox", "image: busybox, image: other"));
    expect(documents(stdout)[0].spec.containers[0].image).toBe("other");
  });

  test("keeps keys that have a meaning in JavaScript", async () => {
    const input = pod().replace("image: busybox", 'image: busybox, x: {"__proto__": {a: 1}, constructor: b}');
    const { stdout } = await inject(input, "-o", "json");
    expect(stdout.replaceAll(/\s/g, "")).toContain('"x":{"__proto__":{"a":1},"constructor":"b"}');
  });
});

describe("bad input to podrole inject", () => {
  test.for([
    ["text that is not YAML", "a: [1\nb: }", "MANIFEST_UNPARSABLE"],
    ["a number that JSON does not have", "kind: Pod\nspec: {a: .nan}\n", "MANIFEST_UNPARSABLE"],
    [
      "a grant whose name is not one",
      "apiVersion: podrole.dev/v1alpha1\nkind: RoleGrant\nmetadata: {name: no}\nspec: {effect: Deny, roles: ['*'], namespaces: ['*']}\n",
      "GRANT_INVALID",
    ],
    [
      "a grant that cannot be read",
      "apiVersion: podrole.dev/v1alpha1\nkind: RoleGrant\nmetadata: {name: g}\nspec: {effect: Maybe}\n",
      "GRANT_INVALID",
    ],
  ] as const)("refuses %s with one sentence and exit code 2, and prints nothing", async ([, input, code]) => {
    const run = await inject(`${pod()}---\n${input}`);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toMatch(new RegExp(`^${code}: [^\n]+\n$`));
  });

  test("refuses YAML aliases that expand without end", async () => {
    const bomb =
      "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    expect(await inject(bomb)).toMatchObject({ code: 2, stdout: "" });
  });

  test("names a missing file", async () => {
    const run = await podrole(["inject", "-f", "absent.yaml"]);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toBe(
      "FILE_UNREADABLE: absent.yaml cannot be read: there is nothing of that name (ENOENT).\n",
    );
  });

  test("exits with 2 for an invalid command line", async () => {
    expect((await podrole(["inject"])).code).toBe(2);
    expect((await podrole(["inject", "-f", "-", "--source", "magic"])).code).toBe(2);
    expect((await podrole(["injekt"])).stderr).toContain("inject");
    expect((await inject(pod(), "--default-role", "nobody")).stderr).toContain("role ARN");
  });

  test("denies a pod without containers, and one whose fields have the wrong type", async () => {
    const bare = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: []}\n";
    expect((await inject(bare)).stderr).toContain("[NO_CONTAINERS]");
    const odd = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: 7}]}\n";
    expect((await inject(odd)).stderr).toContain("pod.spec.containers[0].name is not a string");
  });

  test("reads several files as one input", async () => {
    const { stdout } = await podrole(["inject", "-f", tempFile(pod()), tempFile(pod())]);
    expect(documents(stdout)).toHaveLength(2);
  });
});
