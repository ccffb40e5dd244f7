import { SETTING_NAMES, SETTINGS, type SettingName } from "../../injector/config/settings.ts";
import type { Setting } from "../../injector/config/setting.ts";

const ROLE = "arn:aws:iam::111122223333:role/";

/** A self-signed CA certificate that nothing uses. */
export const SOME_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUBzi9vAL/sJrJePcBa9smTnM6FIowCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHY29tcGFueTAgFw0yNjExMjgxNTUwMjZaGA8yMTI2MTEwNDE1
NTAyNlowEjEQMA4GA1UEAwwHY29tcGFueTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABHLkUraKn+eXtMWQtJ5DN/CqcEobqLv9wIRebs5oMNHVZpw2o7/yn4u1bJ7M
onKruj2JUYr+EYYPxk1Mc8gczSGjUzBRMB0GA1UdDgQWBBSoWdyoWV5JMQi4ebS3
VABdiPyxADAfBgNVHSMEGDAWgBSoWdyoWV5JMQi4ebS3VABdiPyxADAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCAOxnvDYdL7kde53sskhl5Ysfg
weLcqP0TnqD4g7EZ4AIgNG41zvOXT0FnDJqZGHZ7UEoKw1dS4n5U0YKIvKvhK7M=
-----END CERTIFICATE-----
`;

/** For each setting a value other than its default, as a person would write it. */
export const SAMPLES: Readonly<Record<SettingName, string>> = {
  image: "r.example/p@sha256:0",
  imagePullPolicy: "Always",
  source: "node",
  sourceOverride: "node,web-identity",
  policy: "enforce",
  guard: "off",
  meshInitImages: "istio=docker.io/istio/proxyv2,linkerd=cr.l5d.io/linkerd/proxy",
  hostNetwork: "warn",
  workloads: "deny",
  baseRoleArn: ROLE,
  defaultRole: `${ROLE}a`,
  hubRole: `${ROLE}a`,
  allowedRolesFormat: "regexp",
  region: "eu-west-1",
  stsEndpoint: "https://sts.example",
  stsFips: "true",
  stsDualStack: "true",
  stsCa: SOME_CERTIFICATE,
  stsProxy: "http://proxy.example:3128",
  stsNoProxy: "sts.eu-west-1.amazonaws.com,.vpce.amazonaws.com",
  stsProxySecret: "sts-proxy",
  tokenAudience: "amazonaws.com",
  sessionName: "{pod}",
  sessionNames: "any",
  sessionDuration: "1h30m",
  sessionTags: "false",
  transitiveSessionTags: "false",
  clusterName: "prod",
  ambientSecret: "identity",
  brokerUrl: "https://podrole-broker.podrole-system.svc",
  brokerCa: SOME_CERTIFICATE,
  brokerClients: "pod",
  shareSessions: "true",
  sourceIdentity: "false",
  block: "169.254.169.254,fd00:ec2::254,169.254.170.2",
  imds: "allow-emulate",
  imdsPort: "20002",
  guardResources: "requests.cpu=20m,limits.cpu=500m",
  sidecarResources: "requests.memory=32Mi",
  imdsFacts: "instanceType=m7g.large,availabilityZone=label:a.example/zone",
  imdsNodePaths: "meta-data/instance-id",
  egressHook: "require",
  guardNetRaw: "true",
  guardContainer: "sidecar",
  start: "now",
  token: "file",
  startTimeout: "3600",
  credentialsPort: "20000",
  healthPort: "20001",
  sidecarLogLevel: "debug",
  roleKey: "a.example/role",
  externalIdKey: "a.example/external-id",
  sessionNameKey: "a.example/session-name",
  serviceAccountKey: "a.example/role-arn",
  defaultRoleKey: "a.example/default-role",
  namespaceKey: "a.example/allowed-roles",
  permittedKey: "a.example/permitted",
};

/** A written value as in the chart's `options`: a boolean, a number, a list or a text. */
export function chartValue(name: SettingName, written: string): unknown {
  const types = new Set([SETTINGS[name].kind.schema.type].flat());
  if (types.has("boolean")) return written === "true";
  if (types.has("array")) return written === "" ? [] : written.split(",");
  return types.has("integer") && /^\d+$/.test(written) ? Number(written) : written;
}

/** The defaults in `values.yaml`. */
export function chartDefault(name: SettingName): unknown {
  const { default: written, ofVersion }: Setting = SETTINGS[name];
  return written === undefined || ofVersion === true ? null : chartValue(name, written);
}

/** The samples in the form of the chart's `options`. */
export const CHART_SAMPLES: Readonly<Record<string, unknown>> = Object.fromEntries(
  SETTING_NAMES.map((name) => [name, chartValue(name, SAMPLES[name])]),
);
