import { describe, expect, test } from "vitest";
import { ANNOTATION } from "../../../sidecar/contract/annotations.ts";
import type { Keys } from "../../../injector/model/annotations.ts";
import { exposedContainers } from "../../../injector/decide/exposure.ts";
import { proxied, proxyFindings } from "../../../injector/mutate/proxy.ts";
import { BILLING } from "../../support/facts.ts";
import { app, pod, withApp } from "../../support/pods.ts";
import { shadowed } from "../../../injector/mutate/shadowed.ts";

const three = (annotations: Readonly<Record<string, string>>) =>
  pod({ initContainers: [{ name: "setup" }], containers: [app, { name: "logs" }] }, annotations);
const exposed = (annotations: Readonly<Record<string, string>>, keys: Keys = ANNOTATION) =>
  exposedContainers(three(annotations), keys);

describe("credentials go to", () => {
  test.for([
    ["every container", {}, ["setup", "app", "logs"]],
    ["the ones named", { [ANNOTATION.containers]: "app" }, ["app"]],
    ["all except the skipped ones", { [ANNOTATION.skipContainers]: "logs" }, ["setup", "app"]],
    ["those of a list by comma and blanks", { [ANNOTATION.containers]: " app , setup," }, ["setup", "app"]],
    ["those of a list by semicolon", { [ANNOTATION.skipContainers]: "logs;setup" }, ["app"]],
    [
      "one that is named and not skipped",
      { [ANNOTATION.containers]: "app,logs", [ANNOTATION.skipContainers]: "logs" },
      ["app"],
    ],
    ["no container, when the list is empty", { [ANNOTATION.containers]: "" }, []],
    ["those of a list in quotes", { [ANNOTATION.containers]: '"app","setup"' }, ["setup", "app"]],
    [
      "all except those that the pod excludes from IRSA",
      { [ANNOTATION.irsaSkipContainers]: "logs,podrole-guard,podrole-sidecar" },
      ["setup", "app"],
    ],
    [
      "all except those of a list for IRSA in quotes",
      { [ANNOTATION.irsaSkipContainers]: '"logs"' },
      ["setup", "app"],
    ],
    [
      "one that is excluded from IRSA and named for podrole",
      { [ANNOTATION.irsaSkipContainers]: "app,logs", [ANNOTATION.containers]: "app" },
      ["app"],
    ],
    [
      "one that is excluded from IRSA and has a role of its own",
      { [ANNOTATION.irsaSkipContainers]: "app,logs", "podrole.dev/role.app": BILLING },
      ["setup", "app"],
    ],
  ] as const)("%s", ([, annotations, expected]) => {
    expect(exposed(annotations)).toEqual({ exposed: expected, findings: [] });
  });

  const UNKNOWN = ["ap", "App", "app logs", "__proto__", "x".repeat(100_000)];
  test.for([...UNKNOWN, "podrole-sidecar"])(
    "no container, and the pod is refused, when a name such as %.20s is unknown",
    (name) => {
      const { findings } = exposed({ [ANNOTATION.containers]: name });
      expect(findings).toMatchObject([{ code: "CONTAINER_UNKNOWN", severity: "deny" }]);
      expect(findings[0]?.message.length).toBeLessThan(300);
    },
  );

  test.for([ANNOTATION.skipContainers, ANNOTATION.irsaSkipContainers])(
    "the others, with one warning, when %s excludes containers that are not there",
    (key) => {
      const { exposed: served, findings } = exposed({ [key]: ["logs", ...UNKNOWN, ...UNKNOWN].join() });
      expect(served).toEqual(["setup", "app"]);
      expect(findings).toMatchObject([{ code: "SKIPPED_UNKNOWN", severity: "warn" }]);
      expect(findings[0]?.message).toContain(`${key} names "ap", "App", "app logs", "__proto__", "x`);
      expect(findings[0]?.message.length).toBeLessThan(300);
      expect(exposed({ [key]: "podrole-guard,podrole-sidecar" }).findings).toEqual([]);
    },
  );

  test("no container that the pod excludes from a webhook of the cluster's own", () => {
    const keys = { ...ANNOTATION, serviceAccountRole: "acme.com/role-arn" };
    const both = { "acme.com/skip-containers": "logs", [ANNOTATION.irsaSkipContainers]: "setup" };
    expect(exposed(both, keys)).toEqual({ exposed: ["app"], findings: [] });
    expect(exposed(both).exposed).toEqual(["app", "logs"]);
  });

  test("the named containers in linear time for any number of names", () => {
    const containers = Array.from({ length: 40_000 }, (_, index) => ({ name: `c${index}` }));
    const names = containers.map(({ name }) => name);
    const started = process.cpuUsage().user;
    const one = pod(
      { containers },
      { [ANNOTATION.containers]: names.join(), [ANNOTATION.skipContainers]: names.join() },
    );
    expect(exposedContainers(one, ANNOTATION)).toEqual({ exposed: [], findings: [] });
    expect(process.cpuUsage().user - started).toBeLessThan(1_000_000);
  });
});

describe("the warning that the user's variable wins", () => {
  const ours = {
    uri: "http://127.0.0.1:1/x",
    token: "t",
    mount: {
      name: "podrole-identity-0",
      mountPath: "/var/run/secrets/podrole.dev/credentials",
      readOnly: true,
    },
    region: undefined,
    emulated: false,
  };
  const names = (env: NonNullable<(typeof app)["env"]>) =>
    shadowed({ name: "app", env }, ours).map(({ message }) => /sets (\S+),/.exec(message)?.[1]);

  test.for([
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  ])("names %s and never its value", (name) => {
    const env = [{ name, value: "hunter2" }];
    expect(names(env)).toEqual([name]);
    expect(names([{ name, valueFrom: { secretKeyRef: { name: "s", key: "k" } } }])).toEqual([name]);
    expect(JSON.stringify(shadowed({ name: "app", env }, ours))).not.toContain("hunter2");
  });

  test.for([
    ["a key that is optional, as information", { secretKeyRef: { name: "s", key: "k", optional: true } }],
    ["a file that is optional, as information", { configMapKeyRef: { name: "s", key: "k", optional: true } }],
  ] as const)("is replaced for %s", ([, valueFrom]) => {
    const found = shadowed({ name: "app", env: [{ name: "AWS_ACCESS_KEY_ID", valueFrom }] }, ours);
    expect(found).toMatchObject([{ code: "CREDENTIALS_MAY_BE_SHADOWED", severity: "info" }]);
  });

  test("is given for a key that is not optional", () => {
    const valueFrom = { secretKeyRef: { name: "s", key: "k", optional: false } };
    expect(names([{ name: "AWS_ACCESS_KEY_ID", valueFrom }])).toEqual(["AWS_ACCESS_KEY_ID"]);
  });

  test("is given for an empty value only where SDKs look at it", () => {
    for (const name of [
      "AWS_ACCESS_KEY_ID",
      "AWS_WEB_IDENTITY_TOKEN_FILE",
      "AWS_PROFILE",
      "AWS_CONFIG_FILE",
    ]) {
      expect(names([{ name, value: "" }])).toEqual([]);
      expect(names([{ name }])).toEqual([]);
    }
    const relative = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    expect(names([{ name: relative, value: "" }])).toEqual([relative]);
  });

  test("is not given for podrole's own variables unless a later entry of the same name overrides one", () => {
    const written = [
      { name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", value: ours.uri },
      {
        name: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        value: "/var/run/secrets/podrole.dev/credentials/token",
      },
      { name: "AWS_CONTAINER_AUTHORIZATION_TOKEN", value: ours.token },
    ];
    expect(names(written)).toEqual([]);
    expect(names([...written, { name: "AWS_CONTAINER_AUTHORIZATION_TOKEN", value: "x" }])).toEqual([
      "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    ]);
  });
});

describe("127.0.0.1 is exempt from the proxy", () => {
  const proxy = { name: "https_proxy", value: "http://p:1" };
  test.for([
    ["in both spellings, where none is there", [proxy], { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" }],
    ["after what is there", [proxy, { name: "no_proxy", value: ".svc" }], { no_proxy: ".svc,127.0.0.1" }],
    ["in an empty list", [proxy, { name: "NO_PROXY" }], { NO_PROXY: "127.0.0.1" }],
    ["once", [proxy, { name: "NO_PROXY", value: "a, 127.0.0.1" }], { NO_PROXY: "a, 127.0.0.1" }],
    ["by a star", [proxy, { name: "NO_PROXY", value: "*" }], { NO_PROXY: "*" }],
  ] as const)("%s", ([, env, expected]) => {
    const after = proxied(env);
    expect(Object.fromEntries(after.map(({ name, value }) => [name, value]))).toMatchObject(expected);
    expect(proxied(after), "twice is once").toBe(after);
    expect(proxyFindings({ name: "app", env })).toEqual([]);
  });

  test("in every entry when a name appears twice", () => {
    const env = [proxy, { name: "NO_PROXY", value: "a" }, { name: "NO_PROXY", value: "b" }];
    expect(proxied(env).map(({ value }) => value)).toEqual(["http://p:1", "a,127.0.0.1", "b,127.0.0.1"]);
  });

  test("but not when the list comes from a ConfigMap or Secret, and the warning does not repeat the proxy's password", () => {
    const env = [
      { name: "HTTP_PROXY", value: "http://user:hunter2@p:1" },
      { name: "NO_PROXY", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
    ];
    expect(proxied(env)).toBe(env);
    const found = proxyFindings({ name: "app", env });
    expect(found).toMatchObject([{ code: "PROXY_NOT_EXEMPT", severity: "warn" }]);
    expect(JSON.stringify(found)).not.toContain("hunter2");
  });

  test("but not when there is no proxy", () => {
    const { env = [] } = withApp({ env: [{ name: "NO_PROXY", value: ".svc" }] }).spec.containers[0] ?? app;
    expect(proxied(env)).toBe(env);
  });
});
