import { readFileSync } from "node:fs";
import { certificateAuthority, servingCertificate, validFor } from "../../../../injector/tls/certificates.ts";
import type { CheckFacts } from "../../../../injector/cli/check/facts.ts";
import { isRecord, nameOf, type Fields } from "../../../../injector/model/read.ts";
import { config } from "../../../support/config.ts";
import { facts, grant } from "../../../support/facts.ts";
import { documentsIn } from "../../../support/goldens.ts";
import { admitted, injected, pod } from "../../../support/pods.ts";

/** An object that a test changes as it likes, and that fails where it is not what it is taken for. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Loose = any;

export const NOW = Date.UTC(2026, 10, 24);
export const HOST = "podrole-injector.podrole-system.svc";
export const authority = await certificateAuthority("podrole", validFor(365, NOW));
const serving = await servingCertificate(authority, [HOST], validFor(90, NOW));

const manifest = (path: string): readonly Fields[] =>
  documentsIn(readFileSync(new URL(`../../../../deploy/${path}`, import.meta.url), "utf8"));
/** Read once: to parse it takes longer than all that is done with it. */
const INSTALL = manifest("install.yaml");
const CRD = manifest("crd/rolegrants.yaml")[0];

const BROKER_SESSION = "arn:aws:sts::111122223333:assumed-role/podrole-broker/podrole-broker-1";

export const BROKER_HOST = "podrole-broker.podrole-system.svc";
export const brokerAuthority = await certificateAuthority("podrole broker CA", validFor(3650, NOW));
const brokerServing = await servingCertificate(brokerAuthority, [BROKER_HOST], validFor(30, NOW));

/** Settings that use the broker. */
export const brokerConfig = config({
  source: "broker",
  brokerUrl: "https://podrole-broker.podrole-system.svc",
  brokerCa: brokerAuthority.cert,
});

/** A namespace that some RoleGrant allows a role. */
export const granted = facts({ grants: [grant("g", { roles: ["*"], namespaces: ["shop"] })] });

/** An object of deploy/install.yaml; tests change it as they like. */
export const shipped = (kind: string, name = ""): Loose =>
  structuredClone(INSTALL.find((one) => one["kind"] === kind && nameOf(one).endsWith(name)));

export function webhookConfiguration(ca = authority.cert): Loose {
  const object = shipped("MutatingWebhookConfiguration");
  for (const webhook of object.webhooks) webhook.clientConfig.caBundle = btoa(ca);
  return object;
}

export const found = <T>(value: T) => ({ kind: "found", value }) as const;

/** A pod of a namespace under podrole, as it runs there. */
export const running = (name: string, one = injected(pod())): Fields => ({
  ...one,
  metadata: { ...one.metadata, name },
  status: { phase: "Running" },
});

/** A cluster in which all is well. */
export const healthy = (over: Partial<CheckFacts> = {}): CheckFacts => ({
  now: NOW,
  version: "0.1.0",
  server: "https://api.example",
  podroleNamespace: "podrole-system",
  config: config(),
  configProblem: undefined,
  serverVersion: found({ major: "1", minor: "34+" }),
  crd: found({
    ...CRD,
    status: { conditions: [{ type: "Established", status: "True" }] },
  }),
  configMap: found({ data: {} }),
  deployment: found({
    ...shipped("Deployment", "injector"),
    status: { replicas: 2, readyReplicas: 2, updatedReplicas: 2 },
  }),
  controller: found({ ...shipped("Deployment", "controller"), status: { readyReplicas: 1 } }),
  service: found(shipped("Service")),
  endpointSlices: found([{ endpoints: [{ conditions: { ready: true } }, { conditions: { ready: true } }] }]),
  disruptionBudget: found({ status: { disruptionsAllowed: 1, expectedPods: 2 } }),
  brokerDeployment: found({
    spec: { replicas: 2 },
    status: { replicas: 2, readyReplicas: 2, updatedReplicas: 2 },
  }),
  brokerService: found({}),
  brokerEndpointSlices: found([{ endpoints: [{ conditions: { ready: true } }] }]),
  brokerCertificate: found(brokerServing.cert),
  brokerReadyz: found([{ pod: "podrole-broker-1", kind: "ready", identity: BROKER_SESSION }]),
  brokerRights: found([]),
  grants: found([]),
  certificate: found(serving.cert),
  webhooks: found([
    { metadata: { name: "other" }, webhooks: [{ name: "other.example" }] },
    webhookConfiguration(),
  ]),
  policies: found([shipped("ValidatingAdmissionPolicy")]),
  bindings: found([shipped("ValidatingAdmissionPolicyBinding")]),
  namespaces: found([facts()]),
  pods: found([{ namespace: "shop", pods: found([running("web")]) }]),
  tryIn: undefined,
  dryRuns: found([
    {
      namespace: "shop",
      expected: admitted(pod()),
      withRole: true,
      good: { kind: "made", object: injectedFields() },
      bad: { kind: "refused", status: 403, said: 'admission webhook "pods.podrole.dev" denied the request' },
    },
  ]),
  ...over,
});

function injectedFields(): Fields {
  const one: unknown = injected(pod());
  if (!isRecord(one)) throw new Error("no pod");
  return one;
}
