import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { EGRESS_HOOK_MODES, ENV, START_MODES } from "../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import {
  CONTAINER,
  CREDENTIALS_PORT,
  HEALTH_PORT,
  IMDS_PORT,
  TOKEN_VOLUME,
} from "../../sidecar/contract/pod.ts";
import { SOURCES } from "../../sidecar/contract/session.ts";
import { LOG_LEVELS } from "../../sidecar/kit/log.ts";
import { GUARD_SETTINGS } from "../model/guard-mode.ts";
import { OWN_RESOURCES, type OwnContainer } from "../model/own-resources.ts";
import { amountsOf, writeAmount, type Amount } from "../model/resource-amounts.ts";
import { TOKEN_MODES } from "../model/token-mode.ts";
import { REGISTRY, VERSION } from "../model/version.ts";
import {
  audience,
  baseRoleArn,
  endpoint,
  httpsOrigin,
  region,
  roleArn,
  sessionDuration,
  sessionName,
} from "./aws-kinds.ts";
import { certificates } from "./certificates-kind.ts";
import { choice, pattern, port, wholeNumber, yesOrNo } from "./kinds.ts";
import {
  addresses,
  image,
  imdsFacts,
  meshImages,
  nodePaths,
  objectName,
  resourcesOf,
  sources,
} from "./pod-kinds.ts";
import { hosts, proxyUrl } from "./proxy-kinds.ts";
import { keyOf, optional, setting, type Setting } from "./setting.ts";

const resources = (name: OwnContainer, pod: string): Setting<readonly Amount[]> =>
  setting(resourcesOf(name), amountsOf(OWN_RESOURCES[name]).map(writeAmount).join(","), {
    about: `CPU and memory of ${name}; amounts that are not named keep their defaults.`,
    pod,
  });

/** The policy podrole-annotations takes no parameters: where the ConfigMap is gone, kubelets must still report what their pods do. */
const FROZEN = "; with the broker set it by helm upgrade, which writes it into a policy as well";

/**
 * Every setting of an installation, by its name in the chart's `options`, in the ConfigMap and, in kebab case, on the command
 * line. Tenants control none of them. This table is the source of InjectorConfig, flags, values.yaml, values.schema.json,
 * deploy/reference/options.md, and of variables of guard and sidecar.
 */
export const SETTINGS = {
  image: setting(image, `${REGISTRY}/sidecar:${VERSION}`, {
    about: "Image of guard and sidecar, by tag or by digest.",
    policy: true,
    ofVersion: true,
  }),
  imagePullPolicy: setting(choice(["Always", "IfNotPresent", "Never"], "policy"), "IfNotPresent", {
    about: "When the kubelet pulls that image.",
    policy: true,
  }),
  source: setting(choice(SOURCES, "source"), "web-identity", {
    about: "Source of the sidecar's own AWS identity.",
    policy: true,
    namespace: ANNOTATION.source,
  }),
  sourceOverride: setting(sources, "", {
    about: `Sources that a namespace may choose instead, with the annotation ${ANNOTATION.source}.`,
    policy: true,
  }),
  policy: optional(choice(["enforce", "listed", "audit", "off"]), {
    about:
      "Which rules decide who may use a role; default: listed for source web-identity, enforce for the others; source broker always enforces.",
  }),
  guard: setting(choice(GUARD_SETTINGS), "auto", {
    about:
      "How the guard keeps pods from the metadata service: block, by rules in the pod; verify, by proving that nodes or network do; auto, block where the namespace's Pod Security level allows it, else verify.",
    policy: true,
    namespace: ANNOTATION.guard,
  }),
  meshInitImages: setting(meshImages, "", {
    about:
      "Images of service meshes' init containers that may have NET_ADMIN beside the guard, such as istio=docker.io/istio/proxyv2. Read the page about meshes first.",
    policy: true,
  }),
  hostNetwork: setting(choice(["deny", "warn"]), "deny", {
    about: "What happens to pods on the node's network that ask for no role.",
    policy: true,
  }),
  workloads: setting(choice(["warn", "deny", "off"]), "warn", {
    about: "What happens, when a workload is applied, if its pods would be denied.",
  }),
  baseRoleArn: optional(baseRoleArn, {
    about:
      "Start of the ARN for roles given by name, such as arn:aws:iam::111122223333:role/, or with the beginning of all names, such as arn:aws:iam::111122223333:role/prod-; auto: the injector's own account.",
  }),
  defaultRole: optional(roleArn, { about: "Role of pods for which nothing else names a role." }),
  hubRole: optional(roleArn, {
    about: "Role that the sidecar assumes first, to call AssumeRole for others (external ids, session tags).",
  }),
  allowedRolesFormat: setting(choice(["glob", "regexp"], "format"), "glob", {
    about: `Format of a namespace's annotation ${ANNOTATION.namespaceAllowedRoles}.`,
  }),
  region: optional(region, { about: "AWS region of the cluster.", pod: ANNOTATION.region }),
  stsEndpoint: optional(endpoint, {
    about: "STS endpoint other than the region's own, such as a VPC endpoint.",
    policy: true,
  }),
  stsFips: setting(yesOrNo, "false", {
    about: "Whether sidecars call the region's FIPS endpoint of STS; not with stsEndpoint.",
    policy: true,
  }),
  stsDualStack: setting(yesOrNo, "false", {
    about:
      "Whether sidecars call the region's dual-stack endpoint of STS, which also has IPv6; not with stsEndpoint.",
    policy: true,
  }),
  stsCa: optional(certificates, {
    about:
      "CA certificates that sidecars trust for STS, in addition to the public roots; PEM text of at most 32 KiB.",
    policy: true,
    sidecar: ENV.stsCa,
  }),
  stsProxy: optional(proxyUrl, {
    about:
      "HTTP proxy through which STS is called, without user and password, such as http://proxy.example:3128.",
    policy: true,
  }),
  stsNoProxy: setting(hosts, "", {
    about:
      "STS endpoints that are called without that proxy: host names, or .NAME for all names below NAME, such as .vpce.amazonaws.com.",
    policy: true,
  }),
  stsProxySecret: optional(objectName, {
    about:
      "Name of the Secret in the pod's namespace with the proxy's username and password, if it asks for them.",
    policy: true,
  }),
  tokenAudience: setting(audience, TOKEN_VOLUME.audience, {
    about: `Source web-identity: audience of the token for STS, as IAM's OIDC provider is registered with it; a service account may name another (${ANNOTATION.serviceAccountAudience}).`,
  }),
  sessionName: setting(sessionName, "{namespace}.{pod}", {
    about: "Role session name; podrole replaces {namespace}, {serviceAccount}, {pod} and {podUid}.",
    pod: ANNOTATION.sessionName,
  }),
  sessionNames: setting(choice(["namespace", "any"]), "namespace", {
    about: `Session names that pods may choose by annotation; namespace: those that begin with {namespace} and a separator, and those that a RoleGrant allows.`,
  }),
  sessionDuration: setting(sessionDuration, "3600", {
    about: "Duration of a session: seconds, or a text such as 1h30m.",
    pod: ANNOTATION.sessionDuration,
  }),
  sessionTags: setting(yesOrNo, "true", {
    about:
      "Whether AssumeRole carries the kubernetes-* session tags; the role's trust policy must allow sts:TagSession.",
  }),
  transitiveSessionTags: setting(yesOrNo, "true", {
    about: "Whether roles that the app assumes in turn inherit those tags, as with EKS Pod Identity.",
  }),
  clusterName: optional(pattern("name", /^.{1,256}$/u, "must have 1 to 256 characters"), {
    about: "Value of the session tag kubernetes-cluster-name.",
  }),
  ambientSecret: optional(objectName, {
    about: "Source ambient: name of the Secret in the pod's namespace with the sidecar's AWS credentials.",
    policy: true,
  }),
  brokerUrl: optional(httpsOrigin, {
    about:
      "Source broker: where sidecars reach the broker; with broker.enabled the chart sets it to the broker's Service.",
    policy: true,
    sidecar: ENV.brokerUrl,
  }),
  brokerCa: optional(certificates, {
    about:
      "Source broker: CA certificates by which sidecars know the broker; with broker.enabled the controller writes them.",
    policy: true,
    sidecar: ENV.brokerCa,
  }),
  brokerClients: setting(choice(["any", "pod"]), "any", {
    about:
      "Source broker: from which addresses the broker accepts a pod's token; pod: only from the pod's own, if the network keeps it on the way to the broker.",
  }),
  shareSessions: setting(yesOrNo, "false", {
    about:
      "Source broker: whether pods of one service account share a session for each role; CloudTrail then names the account, not the pod.",
  }),
  sourceIdentity: setting(yesOrNo, "true", {
    about:
      "Source broker: whether sessions have the SourceIdentity NAMESPACE.SERVICEACCOUNT; left out for roles whose trust policy does not allow sts:SetSourceIdentity.",
  }),
  block: setting(addresses, METADATA_ADDRESSES.join(","), {
    about: "Addresses that the guard blocks, or proves out of reach.",
    policy: true,
    guard: ENV.blockedAddresses,
  }),
  imds: setting(choice(["block", "allow-emulate", "allow-emulate-v1"]), "block", {
    about: `Whether pods may ask for an emulated metadata service (${ANNOTATION.imds}); allow-emulate-v1: also without a token.`,
    policy: true,
  }),
  imdsPort: setting(port, String(IMDS_PORT), {
    about: "Loopback port of the emulated metadata service.",
    policy: true,
  }),
  imdsFacts: setting(imdsFacts, "", {
    about:
      "Facts that the emulated metadata service reports, such as instanceType=m7g.large, or instanceType=label:KEY for a label of the pod.",
  }),
  imdsNodePaths: setting(nodePaths, "", {
    about:
      "Source node: paths that the emulated metadata service passes on to the node's service, such as meta-data/instance-id.",
    policy: true,
  }),
  egressHook: setting(choice(EGRESS_HOOK_MODES), "prefer", {
    about:
      "On nodes whose kernel lacks the netdev egress hook (before 5.16): prefer blocks with one wall less and logs it, require does not start the pod.",
    policy: true,
  }),
  guardNetRaw: setting(yesOrNo, "false", {
    about: "Whether the guard also has NET_RAW, which iptables-legacy needs on nodes without nf_tables.",
    policy: true,
  }),
  guardContainer: setting(choice(["init", "sidecar"], "container"), "init", {
    about:
      "Where the guard of mode block runs in a pod with a role; init: in a container of its own, sidecar: in the sidecar's before it serves, so the pod starts sooner. Read the security model first.",
    policy: true,
  }),
  start: setting(choice(START_MODES), "wait", {
    about:
      "When app containers start; wait: after the first credentials (at once if the kubelet restarts meanwhile), now: once the sidecar listens.",
    pod: ANNOTATION.start,
  }),
  token: setting(choice(TOKEN_MODES), "both", {
    about:
      "How containers get their token; file keeps it out of the pod's manifest, env is a variable for SDKs older than the file, both lets a pod choose.",
    policy: true,
    pod: ANNOTATION.token,
  }),
  startTimeout: setting(wholeNumber("seconds", 5, 3600), "30", {
    about:
      "Seconds that a pod waits for its first credentials before it shows the reason and tries again. If STS refuses the role, it does so after ten.",
    sidecar: ENV.startTimeoutSeconds,
  }),
  credentialsPort: setting(port, String(CREDENTIALS_PORT), {
    about: "Port of the credentials endpoint, on 127.0.0.1.",
    policy: true,
    sidecar: ENV.port,
  }),
  healthPort: setting(port, String(HEALTH_PORT), {
    about: "Port of the sidecar's health and metrics.",
    policy: true,
    sidecar: ENV.healthPort,
  }),
  guardResources: resources(CONTAINER.guard, ANNOTATION.guardResources),
  sidecarResources: resources(CONTAINER.sidecar, ANNOTATION.sidecarResources),
  sidecarLogLevel: setting(choice(LOG_LEVELS, "level"), "info", {
    about: "Log level of guard and sidecar.",
    sidecar: ENV.logLevel,
  }),
  roleKey: keyOf(ANNOTATION.role),
  externalIdKey: keyOf(ANNOTATION.externalId, FROZEN),
  sessionNameKey: keyOf(ANNOTATION.peerSessionName, FROZEN),
  serviceAccountKey: keyOf(ANNOTATION.serviceAccountRole),
  defaultRoleKey: keyOf(ANNOTATION.namespaceDefaultRole),
  namespaceKey: keyOf(ANNOTATION.namespaceAllowedRoles),
  permittedKey: keyOf(ANNOTATION.namespacePermitted),
} satisfies Readonly<Record<string, Setting>>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** What every setting of an installation is, by its name. */
export type Settings = {
  readonly [Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer T> ? T : never;
};
