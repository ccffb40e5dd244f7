import {
  also,
  attack,
  certificate,
  from,
  ofAnnotation,
  sidecar,
  valueOf,
  variable,
  without,
  type Attack,
} from "./attack.ts";
import type { KubeObject } from "./kube-client.ts";

/** Attacks on where the sidecar calls STS: each changes a pod that the webhook has patched. */

const ENDPOINT = "PODROLE_STS_ENDPOINT";
const REGION = "PODROLE_REGION";

const valueFromSecret = (variableName: string, name: string, key: string) =>
  from(variableName, { secretKeyRef: { name, key } });
const literally =
  (name: string, value: string) =>
  (pod: KubeObject): void => {
    const one = variable(sidecar(pod), name);
    delete one.valueFrom;
    one.value = value;
  };

const SOURCES: readonly (readonly [string, Attack["change"], Attack["setting"]?])[] = [
  ["that is not told its STS endpoint", without(ENDPOINT)],
  ["that is not told its region", without(REGION)],
  ["that is not told its region, with an endpoint of the settings", without(REGION), "endpoint"],
  ["that signs for a region that is none", valueOf(REGION, "x/aws4_request"), "endpoint"],
  ["that signs for another region than its endpoint's", valueOf(REGION, "eu-west-1")],
  ["that is told its STS endpoint by the pod's author", from(ENDPOINT, ofAnnotation)],
  [
    "that is told its STS endpoint by a ConfigMap",
    from(ENDPOINT, { configMapKeyRef: { name: "a", key: "b" } }),
  ],
  ["that is told its region by the pod's author", from(REGION, ofAnnotation)],
  [
    "that is told its region by the pod's author, with an endpoint of none",
    (pod) => {
      from(REGION, ofAnnotation)(pod);
      variable(sidecar(pod), ENDPOINT).value = "https://sts..amazonaws.com";
    },
  ],
  [
    "that is told its region twice, then by the pod's author",
    also({ name: REGION, valueFrom: ofAnnotation }),
  ],
  [
    "that is told the same STS endpoint twice",
    also({ name: ENDPOINT, value: "https://sts.us-east-1.amazonaws.com" }),
  ],
];

const PROXY = "PODROLE_STS_PROXY";
const USERNAME = `${PROXY}_USERNAME`;

const PROXIES: readonly (readonly [string, Attack["change"], Attack["setting"]?])[] = [
  ["through a proxy, where the installation has none", also({ name: PROXY, value: "http://evil.example" })],
  ["through another proxy than the installation's", valueOf(PROXY, "https://evil.example"), "proxied"],
  ["without the installation's proxy", without(PROXY), "proxied"],
  ["through a proxy that the pod's author names", from(PROXY, ofAnnotation), "proxied"],
  [
    "through the proxy that a Secret names",
    from(PROXY, { secretKeyRef: { name: "sts-proxy", key: "a" } }),
    "proxied",
  ],
  [
    "through the installation's proxy, then another",
    also({ name: PROXY, value: "http://evil.example" }),
    "proxied",
  ],
  [
    "through the proxy although its host is exempt",
    also({ name: PROXY, value: "http://proxy.example:3128" }),
    "exempt",
  ],
  ["with another user at the proxy", valueFromSecret(USERNAME, "other", "username"), "proxied"],
  ["with another key of the Secret", valueFromSecret(USERNAME, "sts-proxy", "password"), "proxied"],
  ["with a user at the proxy in the manifest", literally(USERNAME, "svc"), "proxied"],
  ["without a user at the proxy", without(USERNAME), "proxied"],
  [
    "with a Secret of the namespace, where the installation has no proxy",
    also({ name: USERNAME, valueFrom: { secretKeyRef: { name: "db", key: "password" } } }),
  ],
];

export const STS_ATTACKS: readonly Attack[] = [
  ...PROXIES.map(([what, change, setting = "plain"]) =>
    attack(`a sidecar that calls STS ${what}`, "INJECTED_DIFFERENTLY", change, { setting }),
  ),
  attack(
    "a sidecar that trusts another CA",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_STS_CA", await certificate()),
    {
      setting: "full",
    },
  ),
  attack(
    "a sidecar that calls another STS than the installation's",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_STS_ENDPOINT", "https://evil.example"),
    { setting: "endpoint" },
  ),
  ...(
    [
      ["another host", "https://evil.example"],
      ["AWS's host without TLS", "http://sts.us-east-1.amazonaws.com"],
      ["a host that only begins like AWS's", "https://sts.us-east-1.amazonaws.com.evil.example"],
      ["a host that only ends like AWS's", "https://evil.example/sts.us-east-1.amazonaws.com"],
      ["AWS's host with a user name", "https://sts.us-east-1.amazonaws.com@evil.example"],
      ["another port", "https://sts.us-east-1.amazonaws.com:8443"],
      ["a path", "https://sts.us-east-1.amazonaws.com/"],
      ["AWS's host with a password", "https://a:b@sts.us-east-1.amazonaws.com"],
      ["AWS's host with the usual port", "https://sts.us-east-1.amazonaws.com:443"],
      ["AWS's host in capital letters", "https://STS.us-east-1.amazonaws.com"],
      ["AWS's host with a dot at its end", "https://sts.us-east-1.amazonaws.com."],
      ["AWS's host before a line break", "https://sts.us-east-1.amazonaws.com\n"],
      ["another variable", "$(PODROLE_NAMESPACE)"],
      ["another service", "https://s3.us-east-1.amazonaws.com"],
      ["the endpoint of another region", "https://sts.eu-west-1.amazonaws.com"],
      ["the endpoint of another partition", "https://sts.us-east-1.amazonaws.com.cn"],
      ["an endpoint that the settings do not ask for", "https://sts-fips.us-east-1.amazonaws.com"],
      ["the global endpoint", "https://sts.amazonaws.com"],
      ["nothing", ""],
    ] as const
  ).map(([what, endpoint]) =>
    attack(
      `a sidecar whose STS endpoint is ${what}`,
      "INJECTED_DIFFERENTLY",
      valueOf("PODROLE_STS_ENDPOINT", endpoint),
    ),
  ),
  attack(
    "a sidecar that does not call the FIPS endpoint of the settings",
    "INJECTED_DIFFERENTLY",
    valueOf("PODROLE_STS_ENDPOINT", "https://sts.us-east-1.api.aws"),
    { setting: "full" },
  ),
  ...["evil.example/x", "us-east-1.evil.example", "eu-west-1\n", "us-east-1/../", "US-EAST-1", ""].map(
    (region) =>
      attack(`a sidecar of the region ${JSON.stringify(region)}`, "INJECTED_DIFFERENTLY", (pod) => {
        variable(sidecar(pod), "PODROLE_REGION").value = region;
        variable(sidecar(pod), "PODROLE_STS_ENDPOINT").value = `https://sts.${region}.amazonaws.com`;
      }),
  ),
  attack("a sidecar of two regions", "INJECTED_DIFFERENTLY", (pod) => {
    sidecar(pod).env.unshift({ name: "PODROLE_REGION", value: "eu-west-1" });
    variable(sidecar(pod), "PODROLE_STS_ENDPOINT").value = "https://sts.eu-west-1.amazonaws.com";
  }),
  ...SOURCES.map(([what, change, setting = "plain"]) =>
    attack(`a sidecar ${what}`, "INJECTED_DIFFERENTLY", change, { setting }),
  ),
];
