import { describe, expect, test } from "vitest";
import { controllerCommand } from "../../injector/controller/command.ts";
import { brokerCommand } from "../../injector/broker/command.ts";
import { rendered, template, whyNoHelm, type Manifest } from "../support/helm.ts";
import { SOME_CERTIFICATE } from "../support/setting-samples.ts";

const reason = whyNoHelm();
const ROLE = "arn:aws:iam::111122223333:role/podrole-broker";

/** The smallest values that turn the broker on, with others beside them. */
const broker = (more: object = {}): object => ({ enabled: true, identity: { roleArn: ROLE }, ...more });

const named = (objects: readonly Manifest[], kind: string, name = "podrole-broker"): Manifest =>
  objects.find((one) => one?.kind === kind && one.metadata.name === name);
const podIn = (objects: readonly Manifest[]): Manifest => named(objects, "Deployment").spec.template.spec;
const envIn = (objects: readonly Manifest[]): readonly Manifest[] => podIn(objects).containers[0].env;

describe.skipIf(reason !== undefined)(`the chart's broker${reason ? `: ${reason}` : ""}`, () => {
  test("is not there by default, and no setting points to it", () => {
    const objects = rendered();
    expect(JSON.stringify(objects.map((one) => one?.metadata))).not.toContain("broker");
    expect(named(objects, "ConfigMap", "podrole-config").data).not.toHaveProperty("brokerUrl");
  });

  test.for([
    ["an unknown name", { broker: { replica: 3 } }, "replica"],
    ["an unknown name in its identity", { broker: { identity: { role: ROLE } } }, "role"],
    ["an unknown type of identity", { broker: { identity: { type: "irsa" } } }, "/broker/identity/type"],
    ["a role that is none", { broker: { identity: { roleArn: "broker" } } }, "/broker/identity/roleArn"],
    ["web identity without a role", { broker: { enabled: true } }, "needs broker.identity.roleArn"],
    [
      "keys without a Secret",
      { broker: { enabled: true, identity: { type: "secret" } } },
      "needs broker.identity.secretName",
    ],
    [
      "a role for the node's identity",
      { broker: broker({ identity: { type: "node", roleArn: ROLE } }) },
      "broker.identity.roleArn is for",
    ],
    [
      "keys beside web identity",
      { broker: broker({ identity: { roleArn: ROLE, secretName: "keys" } }) },
      "broker.identity.secretName is for",
    ],
    ["one port for sessions and health", { broker: broker({ port: 8080 }) }, "are the same"],
    [
      "a budget of all replicas, which keeps their nodes from being drained",
      { broker: broker({ podDisruptionBudget: { minAvailable: 2 } }) },
      "broker.podDisruptionBudget.minAvailable 2 of 2 replicas leaves none to evict",
    ],
    ["source broker without it", { options: { source: "broker" } }, "needs broker.enabled"],
    [
      "namespaces that choose it likewise",
      { options: { sourceOverride: ["broker"] } },
      "needs broker.enabled",
    ],
    [
      "a broker of one's own without its CA, which no controller would write",
      { options: { source: "broker", brokerUrl: "https://broker.example" } },
      "needs options.brokerCa",
    ],
    [
      "the same where namespaces choose it",
      { options: { sourceOverride: ["broker"], brokerUrl: "https://broker.example" } },
      "needs options.brokerCa",
    ],
    [
      "a CA of one's own, which the controller would not replace",
      { broker: broker(), options: { brokerCa: "-----BEGIN CERTIFICATE-----" } },
      "options.brokerCa cannot be combined",
    ],
    [
      "a NetworkPolicy that keeps Prometheus out",
      { broker: broker({ networkPolicy: { enabled: true } }), serviceMonitor: { enabled: true } },
      "needs metricsFrom",
    ],
  ] as const)("refuses %s", ([, values, says]) => {
    const { status, stderr } = template(values);
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });

  test("sets the setting brokerUrl to its Service, unless a value does", () => {
    const urlWith = (values: object): string =>
      named(rendered(values), "ConfigMap", "podrole-config").data.brokerUrl;
    expect(urlWith({ broker: broker() })).toBe("https://podrole-broker.podrole-system.svc");
    const brokerUrl = "https://broker.example";
    expect(urlWith({ broker: broker(), options: { brokerUrl } })).toBe(brokerUrl);
    const brokerCa = SOME_CERTIFICATE;
    expect(urlWith({ options: { source: "broker", brokerUrl, brokerCa } })).toBe(brokerUrl);
  });

  test("is selected by its own Service, budget, spread and NetworkPolicy, and by none of the injector's", () => {
    const values = { broker: broker({ networkPolicy: { enabled: true } }), networkPolicy: { enabled: true } };
    const objects = rendered(values);
    const { selector, template: pod } = named(objects, "Deployment").spec;
    const { labels } = pod.metadata;
    expect(labels).toMatchObject(selector.matchLabels);
    for (const [kind, wanted] of [
      ["PodDisruptionBudget", selector],
      ["Service", selector.matchLabels],
    ] as const) {
      expect(named(objects, kind).spec.selector).toEqual(wanted);
      const other = named(objects, kind, "podrole-injector").spec.selector;
      expect(labels).not.toMatchObject(other.matchLabels ?? other);
    }
    expect(named(objects, "NetworkPolicy").spec.podSelector).toEqual(selector);
    expect(labels).not.toMatchObject(
      named(objects, "NetworkPolicy", "podrole-injector").spec.podSelector.matchLabels,
    );
    for (const spread of pod.spec.topologySpreadConstraints) expect(spread.labelSelector).toEqual(selector);
  });

  test("opens to the cluster only the port for sessions, and health to those that a value names", () => {
    const [spec] = [rendered({ broker: broker() })].map((objects) => named(objects, "Service").spec);
    expect(spec.ports).toEqual([{ name: "sessions", port: 443, targetPort: "sessions" }]);
    const ingressWith = (networkPolicy: object): Manifest =>
      named(
        rendered({ broker: broker({ networkPolicy: { enabled: true, ...networkPolicy } }) }),
        "NetworkPolicy",
      ).spec.ingress;
    const [sessions, health] = ["sessions", "health"].map((port) => [{ port, protocol: "TCP" }]);
    const [shop, monitoring] = [[{ namespaceSelector: {} }], [{ podSelector: {} }]];
    expect(ingressWith({})).toEqual([{ ports: sessions }]);
    expect(ingressWith({ from: shop, metricsFrom: monitoring })).toEqual([
      { ports: sessions, from: shop },
      { ports: health, from: monitoring },
    ]);
  });

  test("keeps no pod at a replica that answers and cannot make its session", () => {
    const { spec } = named(rendered({ broker: broker() }), "Service");
    expect(Object.keys(spec)).toEqual(["selector", "ports"]);
  });

  test("shows AWS a token of its service account for the role, from a volume that only it has", () => {
    const identity = { roleArn: ROLE, audience: "sts.amazonaws.com.cn" };
    const { volumes, containers } = podIn(rendered({ broker: broker({ identity }) }));
    const [{ env, volumeMounts }] = containers;
    const [{ mountPath }] = volumeMounts;
    expect(env).toEqual([
      { name: "AWS_ROLE_ARN", value: ROLE },
      { name: "AWS_WEB_IDENTITY_TOKEN_FILE", value: `${mountPath}/token` },
    ]);
    const token = { audience: identity.audience, expirationSeconds: 3600, path: "token" };
    expect(volumes).toEqual([
      { name: volumeMounts[0].name, projected: { sources: [{ serviceAccountToken: token }] } },
    ]);
  });

  test("takes only the known keys of a Secret, never all of it", () => {
    const identity = { type: "secret", secretName: "aws" };
    const objects = rendered({ broker: broker({ identity }) });
    expect(envIn(objects).map(({ name, valueFrom }) => [name, valueFrom.secretKeyRef])).toEqual([
      ["AWS_ACCESS_KEY_ID", { name: "aws", key: "AWS_ACCESS_KEY_ID" }],
      ["AWS_SECRET_ACCESS_KEY", { name: "aws", key: "AWS_SECRET_ACCESS_KEY" }],
      ["AWS_SESSION_TOKEN", { name: "aws", key: "AWS_SESSION_TOKEN", optional: true }],
    ]);
    expect(podIn(objects).containers[0]).not.toHaveProperty("envFrom");
    expect(podIn(objects)).not.toHaveProperty("volumes");
  });

  test.for([
    ["web-identity", { roleArn: ROLE }],
    ["node", { type: "node" }],
    ["secret", { type: "secret", secretName: "aws" }],
  ] as const)("starts with arguments that the broker accepts, and with identity %s", ([kind, identity]) => {
    const more = { identity, port: 9443, healthPort: 9080, stsCallsPerSecond: 50 };
    const webhook = { excludeNamespaces: ["istio-system", "linkerd"] };
    const rest = { webhook, logLevel: "debug", drainSeconds: 5, host: "0.0.0.0" };
    const objects = rendered({ broker: broker(more), ...rest });
    const [{ command, args }] = podIn(objects).containers;
    expect(command).toEqual(["node", "/opt/podrole/broker.mjs"]);
    expect(brokerCommand().parse(args, { from: "user" }).opts()).toMatchObject({
      identity: kind,
      port: 9443,
      healthPort: 9080,
      stsCallsPerSecond: 50,
      ...webhook,
      logLevel: "debug",
      drainSeconds: 5,
      host: "0.0.0.0",
      tlsSecret: named(objects, "Role").rules.find(({ resources }: Manifest) => resources.includes("secrets"))
        .resourceNames[0],
      service: named(objects, "Service").metadata.name,
      configMap: "podrole-config",
    });
  });

  test("has neither a token for AWS nor keys when its identity is the node's", () => {
    const pod = podIn(rendered({ broker: broker({ identity: { type: "node" } }) }));
    expect(pod).not.toHaveProperty("volumes");
    expect(pod.containers[0]).not.toHaveProperty("env");
  });

  test("knows the user of the proxy to STS by the Secret that sidecars take it from", () => {
    const options = { stsProxy: "http://proxy.example:3128", stsProxySecret: "sts-proxy" };
    const names = envIn(rendered({ broker: broker(), options })).map(({ name, valueFrom }) => [
      name,
      valueFrom?.secretKeyRef,
    ]);
    expect(names.slice(2)).toEqual([
      ["PODROLE_STS_PROXY_USERNAME", { name: "sts-proxy", key: "username" }],
      ["PODROLE_STS_PROXY_PASSWORD", { name: "sts-proxy", key: "password" }],
    ]);
  });

  test("has a certificate of the controller's, for its Service and for the host of options.brokerUrl", () => {
    const optionsWith = (options: object): Manifest => {
      const { containers } = named(
        rendered({ broker: broker(), options }),
        "Deployment",
        "podrole-controller",
      ).spec.template.spec;
      return controllerCommand().parse(containers[0].args, { from: "user" }).opts();
    };
    expect(optionsWith({})).toMatchObject({
      brokerCertificates: true,
      brokerService: "podrole-broker",
      brokerSecret: "podrole-broker-tls",
      brokerCaSecret: "podrole-broker-ca",
      brokerNames: [],
    });
    expect(optionsWith({ brokerUrl: "https://broker.example:8443" }).brokerNames).toEqual(["broker.example"]);
    expect(optionsWith({ brokerUrl: "https://10.0.0.1" }).brokerNames).toEqual(["10.0.0.1"]);
  });

  test("gives no right over Secrets but to read its own certificate", () => {
    const objects = rendered({ broker: broker() }).filter((one) => one?.metadata.name === "podrole-broker");
    const rules = objects.flatMap(({ rules: of = [] }) => of);
    expect(rules.filter(({ resources }) => resources.includes("secrets"))).toEqual([
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["podrole-broker-tls"], verbs: ["get"] },
    ]);
  });
});
