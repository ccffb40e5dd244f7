import { describe, expect, test } from "vitest";
import { certificates } from "../../injector/config/certificates-kind.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import { VERSION } from "../../injector/model/version.ts";
import { CHART_OPTIONS, injectorFlags, valuesAt } from "../support/chart-options.ts";
import { CHART_VALUES } from "../support/chart-values.ts";
import { SOME_CERTIFICATE as CA } from "../support/setting-samples.ts";
import { configFromFlags } from "../support/config.ts";
import {
  CHART,
  helm,
  KUBE_VERSION,
  ofKind,
  rendered,
  template,
  whyNoHelm,
  type Manifest,
} from "../support/helm.ts";

const reason = whyNoHelm();

const injector = (objects: readonly Manifest[]): Manifest =>
  ofKind(objects, "Deployment").spec.template.spec.containers[0];
const CERTIFICATE_HEAD = "-----BEGIN CERTIFICATE-----";
const allArguments = (objects: readonly Manifest[]): readonly string[] => injector(objects).args;
/** The arguments of the installation: those the offline commands know as well. */
const SERVER =
  /^--(?:host|port|log-level|drain-seconds|tls|tls-[a-z-]+|webhook-configuration|service)(?:=|$)/;
const installation = (objects: readonly Manifest[]): readonly string[] =>
  allArguments(objects).filter((arg) => !SERVER.test(arg));

describe.skipIf(reason !== undefined)(`the chart${reason ? `: ${reason}` : ""}`, () => {
  test.for(CHART_VALUES)("lints and renders clean with %s", ([, values, args]) => {
    const input = JSON.stringify(values);
    const lint = helm(["lint", CHART, "--strict", ...KUBE_VERSION, "-f", "-", ...args], input);
    expect(lint).toMatchObject({ status: 0, stdout: expect.stringContaining("0 chart(s) failed") as string });
    expect(template(values, ...args)).toMatchObject({ status: 0, stderr: "" });
  });

  test("with its defaults runs the injector with the injector's own defaults", () => {
    const args = installation(rendered());
    expect(configFromFlags(...args)).toEqual(configFromFlags());
  });

  test.for([
    ["a name that is none", { replica: 1 }, "replica"],
    ["an option that is none", { options: { polcy: "off" } }, "polcy"],
    ["a value that is none", { options: { guard: "maybe" } }, "/options/guard"],
    ["loopback's neighbour text", { options: { block: ["metadata.google.internal"] } }, "/options/block/0"],
    ["Deny beside Warn", { admissionPolicy: { validationActions: ["Deny", "Warn"] } }, "validationActions"],
    [
      "a drain that the kubelet cuts short",
      { drainSeconds: 60 },
      "terminationGracePeriodSeconds must exceed",
    ],
    ["mode files without a CA", { tls: { mode: "files" } }, "tls.caBundle"],
    ["a CA that an upgrade would put back", { tls: { caBundle: "x" } }, "tls.caBundle is for tls.mode files"],
    [
      "Ignore without the policy",
      { webhook: { failurePolicy: "Ignore" }, admissionPolicy: { enabled: false } },
      "needs admissionPolicy",
    ],
    ["source ambient without a Secret", { options: { source: "ambient" } }, "options.ambientSecret"],
  ] as const)("refuses %s", ([, values, says]) => {
    const { status, stderr } = template(values);
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });

  test("leaves the caBundle out where somebody else fills it in", () => {
    for (const mode of ["self-managed", "cert-manager"]) {
      const { webhooks } = ofKind(rendered({ tls: { mode } }), "MutatingWebhookConfiguration");
      for (const { clientConfig } of webhooks) expect(clientConfig).not.toHaveProperty("caBundle");
    }
  });

  test("excludes kube-system, its own namespace and those it is told, from webhooks and policy alike", () => {
    const objects = rendered({ webhook: { excludeNamespaces: ["istio-system"] } });
    const policy = ofKind(objects, "ValidatingAdmissionPolicy").spec.matchConstraints.namespaceSelector;
    const { webhooks } = ofKind(objects, "MutatingWebhookConfiguration");
    const [excluded] = policy.matchExpressions;
    expect(excluded.values).toEqual(["kube-system", "podrole-system", "istio-system"]);
    for (const { namespaceSelector } of webhooks) expect(namespaceSelector).toEqual(policy);
  });

  test("has the admission policy accept images of before, where Helm cannot look them up", () => {
    const policy = ofKind(
      rendered({ admissionPolicy: { previousImages: ["r.example/old:1"] } }),
      "ValidatingAdmissionPolicy",
    );
    const { expression } = policy.spec.variables.find(
      ({ name }: { name: string }) => name === "installations",
    );
    expect(JSON.parse(expression)).toMatchObject([
      { image: `podrole/sidecar:${VERSION}` },
      { image: "r.example/old:1" },
    ]);
  });

  test("gives no right over Secrets or webhooks where certificates come from elsewhere", () => {
    const objects = rendered({ tls: { mode: "cert-manager" } });
    const rules = JSON.stringify(objects.filter(({ kind }) => kind.endsWith("Role")).map((one) => one.rules));
    expect(rules).not.toMatch(/secrets|webhookconfigurations/);
  });

  test("selects the injector's pods alike in Service, budget, spread and NetworkPolicy", () => {
    const objects = rendered({ networkPolicy: { enabled: true } });
    const { selector, template: pod } = ofKind(objects, "Deployment").spec;
    expect(pod.metadata.labels).toMatchObject(selector.matchLabels);
    expect(ofKind(objects, "Service").spec.selector).toEqual(selector.matchLabels);
    expect(ofKind(objects, "PodDisruptionBudget").spec.selector).toEqual(selector);
    expect(ofKind(objects, "NetworkPolicy").spec.podSelector).toEqual(selector);
    for (const spread of pod.spec.topologySpreadConstraints) expect(spread.labelSelector).toEqual(selector);
  });
});

describe.skipIf(reason !== undefined)(`the options of the chart${reason ? `: ${reason}` : ""}`, () => {
  test.for(Object.entries(CHART_OPTIONS))("%s is set by a value", ([, { at, value, argument }]) => {
    const args = allArguments(rendered(valuesAt(at, value)));
    expect(args).toContain(argument);
    expect(allArguments(rendered())).not.toContain(argument);
  });

  test("are arguments that the injector takes, all of them", () => {
    const args = [
      ...Object.values(CHART_OPTIONS).map(({ argument }) => argument),
      ...allArguments(rendered()),
    ];
    const flags = injectorFlags(args);
    const given = args.map((arg) => arg.replace(/=.*$/s, ""));
    expect(given.filter((flag) => !flags.includes(flag))).toEqual([]);
  });

  test("are not refused by the injector beside each other", () => {
    const args = installation(rendered({ options: { stsFips: true, sourceOverride: ["node"], stsCa: CA } }));
    expect(configFromFlags(...args)).toMatchObject({ stsFips: true, sourceOverride: ["node"] });
  });
});

describe.skipIf(reason !== undefined)(`a private CA of STS${reason ? `: ${reason}` : ""}`, () => {
  test("is in the ConfigMap as the injector writes it to sidecars", async () => {
    const [one, two] = [await certificate(), await certificate()];
    const body = one.replaceAll(/-----.+-----|\n/g, "");
    const odd = `subject=/CN=x\r\n${CERTIFICATE_HEAD}\r\n${body}\r\n-----END CERTIFICATE-----\r\n# and\n${two}`;
    for (const stsCa of [one, odd]) {
      const objects = rendered({ options: { stsCa } });
      const pem = ofKind(objects, "ConfigMap").data["ca.pem"];
      expect(certificates.parse(stsCa)).toBe(pem);
      const { expression } = ofKind(objects, "ValidatingAdmissionPolicy").spec.variables.find(
        ({ name }: { name: string }) => name === "installations",
      );
      expect(JSON.parse(expression)).toMatchObject([{ stsCa: pem }]);
    }
  });

  test("makes new pods of the injector when it changes, which reads it at its start", async () => {
    const annotations = async () =>
      ofKind(rendered({ options: { stsCa: await certificate() } }), "Deployment").spec.template.metadata
        .annotations;
    expect(await annotations()).not.toEqual(await annotations());
  });

  test.for([
    [
      "a private key",
      `${CA}-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----`,
      "private key",
    ],
    ["a certificate that is cut off", `${CERTIFICATE_HEAD}\nAA==`, "no certificate"],
    ["another text", "ca.pem", "stsCa"],
  ])("is refused where it is %s", ([, stsCa, says]) => {
    const { status, stderr } = template({ options: { stsCa } });
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });
});

const certificate = async (): Promise<string> =>
  (await certificateAuthority("sts", validFor(1, Date.now()))).cert;
