import { controllerCommand } from "../../injector/controller/command.ts";
import { describe, expect, test } from "vitest";
import { certificates } from "../../injector/config/certificates-kind.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import { requireConfig } from "../../injector/config/read-config.ts";
import { SETTING_NAMES } from "../../injector/config/settings.ts";
import { REGISTRY, VERSION } from "../../injector/model/version.ts";
import { DEFAULT_RIGHTS } from "../cluster/rights.ts";
import { CHART_OPTIONS, injectorFlags, valuesAt } from "../support/chart-options.ts";
import { CHART_VALUES } from "../support/chart-values.ts";
import { CHART_SAMPLES, SAMPLES, SOME_CERTIFICATE as CA } from "../support/setting-samples.ts";
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

/** The data of the ConfigMap of an installation with these options. */
const settings = (options: object = {}): Readonly<Record<string, string>> =>
  ofKind(rendered({ options }), "ConfigMap").data;

const deployment = (objects: readonly Manifest[], name: string): Manifest =>
  objects.find((one) => one?.kind === "Deployment" && one.metadata.name === name);
const containerOf = (objects: readonly Manifest[], name: string): Manifest =>
  deployment(objects, name).spec.template.spec.containers[0];
const injector = (objects: readonly Manifest[]): Manifest => containerOf(objects, "podrole-injector");
const CERTIFICATE_HEAD = "-----BEGIN CERTIFICATE-----";
const allArguments = (objects: readonly Manifest[]): readonly string[] => injector(objects).args;
describe.skipIf(reason !== undefined)(`the chart${reason ? `: ${reason}` : ""}`, () => {
  test.for(CHART_VALUES)("lints and renders without a warning with %s", ([, values, args]) => {
    const input = JSON.stringify(values);
    const lint = helm(["lint", CHART, "--strict", ...KUBE_VERSION, "-f", "-", ...args], input);
    expect(lint).toMatchObject({ status: 0, stdout: expect.stringContaining("0 chart(s) failed") as string });
    expect(template(values, ...args)).toMatchObject({ status: 0, stderr: "" });
  });

  test.for([
    ["half of two replicas", { podDisruptionBudget: { minAvailable: "50%" } }, "50%"],
    ["one less than there are", { replicas: 3, podDisruptionBudget: { minAvailable: 2 } }, 2],
    ["none of two", { podDisruptionBudget: { minAvailable: 0 } }, 0],
  ] as const)("takes a budget of %s", ([, values, minAvailable]) => {
    expect(ofKind(rendered(values), "PodDisruptionBudget").spec.minAvailable).toBe(minAvailable);
  });

  test("renders no budget for one replica, whose node could not be drained with it", () => {
    const objects = rendered({
      replicas: 1,
      options: { source: "broker" },
      broker: { enabled: true, replicas: 1, identity: { roleArn: "arn:aws:iam::111122223333:role/broker" } },
    });
    expect(objects.filter(({ kind }) => kind === "PodDisruptionBudget")).toEqual([]);
  });

  test("runs the injector with the injector's defaults when no value is set", () => {
    expect(requireConfig(settings())).toEqual(requireConfig({}));
  });

  test.for([
    ["an unknown name", { replica: 1 }, "replica"],
    ["an unknown option", { options: { polcy: "off" } }, "polcy"],
    ["an unknown value", { options: { guard: "maybe" } }, "/options/guard"],
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
    [
      "Ignore with a policy that fails open as well",
      { webhook: { failurePolicy: "Ignore" }, admissionPolicy: { failurePolicy: "Ignore" } },
      "webhook.failurePolicy Ignore needs admissionPolicy with Deny and failurePolicy Fail",
    ],
    [
      "a guard in the sidecar's container without the policies, one of which forbids exec into it",
      { options: { guardContainer: "sidecar" }, admissionPolicy: { enabled: false } },
      "options.guardContainer sidecar needs admissionPolicy",
    ],
    [
      "trust in a mesh's init container, likewise",
      {
        options: { meshInitImages: ["istio=a.example/b"] },
        admissionPolicy: { validationActions: ["Warn"] },
      },
      "options.meshInitImages needs admissionPolicy",
    ],
    [
      "such a guard with policies that fail open",
      { options: { guardContainer: "sidecar" }, admissionPolicy: { failurePolicy: "Ignore" } },
      "options.guardContainer sidecar needs admissionPolicy",
    ],
    [
      "such trust with policies that fail open",
      {
        options: { meshInitImages: ["istio=a.example/b"] },
        admissionPolicy: { failurePolicy: "Ignore" },
      },
      "options.meshInitImages needs admissionPolicy",
    ],
    [
      "a proxy's Secret without a proxy",
      { options: { stsProxySecret: "a" } },
      "options.stsProxySecret and options.stsNoProxy need",
    ],
    ["a proxy's user in its URL", { options: { stsProxy: "http://svc:pw@proxy:3128" } }, "stsProxy"],
    [
      "NetworkPolicies in source node, where the sidecar needs the metadata service",
      { options: { source: "node" }, metadataNetworkPolicy: { labelled: true } },
      "metadataNetworkPolicy.labelled cannot be combined",
    ],
    [
      "the same where a namespace may choose source node",
      { options: { sourceOverride: ["node"] }, metadataNetworkPolicy: { labelled: true } },
      "metadataNetworkPolicy.labelled cannot be combined",
    ],
    ["no name of a namespace", { metadataNetworkPolicy: { namespaces: ["a/b"] } }, "/namespaces/0"],
    [
      "a NetworkPolicy for pods on the node's network, which would not hold",
      { hostNetwork: true, networkPolicy: { enabled: true } },
      "networkPolicy cannot be combined with hostNetwork",
    ],
    ["source ambient without a Secret", { options: { source: "ambient" } }, "options.ambientSecret"],
    ["a budget of both", { podDisruptionBudget: { minAvailable: 2 } }, "leaves none to evict"],
    [
      "a budget of a share that is rounded up to both",
      { podDisruptionBudget: { minAvailable: "51%" } },
      "leaves none to evict",
    ],
  ] as const)("refuses %s", ([, values, says]) => {
    const { status, stderr } = template(values);
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });

  test("omits the caBundle when another component fills it in", () => {
    for (const mode of ["self-managed", "cert-manager"]) {
      const { webhooks } = ofKind(rendered({ tls: { mode } }), "MutatingWebhookConfiguration");
      for (const { clientConfig } of webhooks) expect(clientConfig).not.toHaveProperty("caBundle");
    }
  });

  test("excludes kube-system, its own namespace and the given namespaces from webhooks and policy", () => {
    const objects = rendered({ webhook: { excludeNamespaces: ["istio-system"] } });
    const policy = ofKind(objects, "ValidatingAdmissionPolicy").spec.matchConstraints.namespaceSelector;
    const { webhooks } = ofKind(objects, "MutatingWebhookConfiguration");
    const [excluded] = policy.matchExpressions;
    expect(excluded.values).toEqual(["kube-system", "podrole-system", "istio-system"]);
    for (const { namespaceSelector } of webhooks) expect(namespaceSelector).toEqual(policy);
  });

  test("gives no rights over Secrets or webhooks when certificates come from elsewhere", () => {
    const objects = rendered({ tls: { mode: "cert-manager" } });
    const rules = JSON.stringify(objects.filter(({ kind }) => kind.endsWith("Role")).map((one) => one.rules));
    expect(rules).not.toMatch(/secrets|webhookconfigurations/);
  });

  test("selects the injector's pods in the same way in Service, budget, spread and NetworkPolicy", () => {
    const objects = rendered({ networkPolicy: { enabled: true } });
    const { selector, template: pod } = deployment(objects, "podrole-injector").spec;
    expect(pod.metadata.labels).toMatchObject(selector.matchLabels);
    expect(ofKind(objects, "Service").spec.selector).toEqual(selector.matchLabels);
    expect(ofKind(objects, "PodDisruptionBudget").spec.selector).toEqual(selector);
    expect(ofKind(objects, "NetworkPolicy").spec.podSelector).toEqual(selector);
    for (const spread of pod.spec.topologySpreadConstraints) expect(spread.labelSelector).toEqual(selector);
  });

  test("opens the webhook's port to everybody, or to the API servers and to who reads metrics", () => {
    const ingressWith = (networkPolicy: object): Manifest =>
      ofKind(rendered({ networkPolicy: { enabled: true, ...networkPolicy } }), "NetworkPolicy").spec.ingress;
    const ports = [{ port: "webhook", protocol: "TCP" }];
    const [servers, prometheus] = [{ ipBlock: { cidr: "10.0.0.0/28" } }, { podSelector: {} }];
    expect(ingressWith({})).toEqual([{ ports }]);
    expect(ingressWith({ metricsFrom: [prometheus] })).toEqual([{ ports }]);
    expect(ingressWith({ from: [servers] })).toEqual([{ ports, from: [servers] }]);
    const both = { from: [servers], metricsFrom: [prometheus] };
    expect(ingressWith(both)).toEqual([{ ports, from: [servers, prometheus] }]);
  });

  test("runs one replica of the controller from the injector's image, without a Service, and with no port but health", () => {
    const objects = rendered({ image: { tag: "7" }, tls: { names: ["a.example", "::1"] } });
    const { spec } = deployment(objects, "podrole-controller");
    const [container] = spec.template.spec.containers;
    expect([spec.replicas, spec.strategy, container.image]).toEqual([
      1,
      { type: "Recreate" },
      injector(objects).image,
    ]);
    const services = objects.filter((one) => one?.kind === "Service");
    expect(services.map(({ metadata }) => metadata.name)).toEqual(["podrole-injector"]);
    expect(spec.template.metadata.labels).not.toMatchObject(services[0].spec.selector);
    expect(spec.template.spec.containers).toHaveLength(1);
    expect(container.ports).toEqual([{ name: "health", containerPort: 8080 }]);
    const options = controllerCommand().parse(container.args, { from: "user" }).opts();
    expect(options).toMatchObject({ tlsNames: ["a.example", "::1"], certificates: true, port: 8080 });
  });

  test.for([
    ["cert-manager", { mode: "cert-manager" }],
    ["files", { mode: "files", caBundle: "x" }],
  ] as const)(
    "gives nobody rights over Secrets or webhooks in TLS mode %s, and the controller keeps no certificate",
    ([, tls]) => {
      const objects = rendered({ tls });
      const { args } = containerOf(objects, "podrole-controller");
      expect(controllerCommand().parse(args, { from: "user" }).opts()["certificates"]).toBe(false);
      const resources = objects
        .filter((one) => one?.kind === "Role" || one?.kind === "ClusterRole")
        .flatMap(({ rules }) => rules)
        .flatMap(({ apiGroups: [group], resources: of }: Manifest) =>
          of.map((one: string) => (group === "" ? one : `${group}/${one}`)),
        );
      expect(resources).not.toContain("secrets");
      expect(resources).not.toContain("admissionregistration.k8s.io/mutatingwebhookconfigurations");
      const listed = DEFAULT_RIGHTS.filter(({ selfManaged }) => selfManaged !== true).map(
        ({ resource }) => resource,
      );
      expect(new Set(resources)).toEqual(new Set(listed));
    },
  );

  test("has ClusterRole podrole-viewer, which reads grants and settings, and gives it to nobody", () => {
    const objects = rendered();
    const viewer = objects.find((one) => one?.metadata.name === "podrole-viewer");
    expect(viewer).toMatchObject({
      kind: "ClusterRole",
      rules: [
        { apiGroups: ["podrole.dev"], resources: ["rolegrants"], verbs: ["get", "list", "watch"] },
        { apiGroups: [""], resources: ["configmaps"], resourceNames: ["podrole-config"], verbs: ["get"] },
      ],
    });
    expect(Object.keys(viewer.metadata.labels).filter((key) => key.includes("aggregate"))).toEqual([]);
    const bound = objects.filter((one) => one?.roleRef !== undefined).map(({ roleRef }) => roleRef.name);
    expect(bound).not.toContain("podrole-viewer");
  });
});

describe.skipIf(reason !== undefined)(`the options of the chart${reason ? `: ${reason}` : ""}`, () => {
  test.for(Object.entries(CHART_OPTIONS))("%s is set by a value", ([, { at, value, argument }]) => {
    const args = allArguments(rendered(valuesAt(at, value)));
    expect(args).toContain(argument);
    expect(allArguments(rendered())).not.toContain(argument);
  });

  test("are all arguments that the injector accepts", () => {
    const args = [
      ...Object.values(CHART_OPTIONS).map(({ argument }) => argument),
      ...allArguments(rendered()),
    ];
    const flags = injectorFlags(args);
    const given = args.map((arg) => arg.replace(/=.*$/s, ""));
    expect(given.filter((flag) => !flags.includes(flag))).toEqual([]);
  });
});

describe.skipIf(reason !== undefined)(`the ConfigMap of settings${reason ? `: ${reason}` : ""}`, () => {
  test("has every option under its name, with lists joined by commas, and the version that they are for", () => {
    const options = {
      image: "r.example/p:1",
      source: "node",
      sourceOverride: ["ambient", "web-identity"],
      ambientSecret: "identity",
      stsFips: true,
      sessionTags: false,
      imdsPort: 20_002,
      sessionDuration: "1h30m",
    };
    expect(settings(options)).toMatchObject({
      ...options,
      version: VERSION,
      sourceOverride: "ambient,web-identity",
      stsFips: "true",
      sessionTags: "false",
      imdsPort: "20002",
    });
  });

  test.for(SETTING_NAMES)("has %s as in the values, in the notation of the command line", (name) => {
    const beside = { ambientSecret: "identity", stsProxy: CHART_SAMPLES["stsProxy"] };
    expect(settings({ ...beside, [name]: CHART_SAMPLES[name] })[name]).toBe(SAMPLES[name]);
  });

  test("omits settings without a value", () => {
    const { version, image, ...others } = settings();
    expect([version, image]).toEqual([VERSION, `${REGISTRY}/sidecar:${VERSION}`]);
    expect(Object.keys(others)).toContain("source");
    for (const name of [
      "policy",
      "region",
      "stsEndpoint",
      "stsCa",
      "sourceOverride",
      "imdsFacts",
      "roleKey",
    ]) {
      expect(others).not.toHaveProperty(name);
    }
  });
});

describe.skipIf(reason !== undefined)(`a private CA of STS${reason ? `: ${reason}` : ""}`, () => {
  test("is in the settings as the injector writes it to sidecars", async () => {
    const [one, two] = [await certificate(), await certificate()];
    const body = one.replaceAll(/-----.+-----|\n/g, "");
    const odd = `subject=/CN=x\r\n${CERTIFICATE_HEAD}\r\n${body}\r\n-----END CERTIFICATE-----\r\n# and\n${two}`;
    for (const stsCa of [one, odd]) {
      expect(certificates.parse(stsCa)).toBe(settings({ stsCa })["stsCa"]);
    }
  });

  test.for([
    [
      "a private key",
      `${CA}-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----`,
      "private key",
    ],
    ["a certificate that is cut off", `${CERTIFICATE_HEAD}\nAA==`, "no certificate"],
    ["another text", "ca.pem", "stsCa"],
  ])("is refused when it is %s", ([, stsCa, says]) => {
    const { status, stderr } = template({ options: { stsCa } });
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });
});

const certificate = async (): Promise<string> =>
  (await certificateAuthority("sts", validFor(1, Date.now()))).cert;
