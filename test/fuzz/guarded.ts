import { isRecord, own, type Fields } from "../../injector/model/read.ts";
import { SETTINGS, type Space } from "./cluster.ts";

/**
 * What an admitted pod must be like, written down once more and from the documents alone, so that the fuzzer does not ask the
 * code that it judges. A value of a wrong type counts as absent: the API server refuses it.
 */

const fields = (value: unknown): Fields => (isRecord(value) ? value : {});
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce((one: unknown, key) => own(fields(one), key), value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const texts = (value: unknown): readonly string[] =>
  list(value).filter((one): one is string => typeof one === "string");
const nameOf = (value: unknown): string => String(at(value, "name"));

/** Windows pods, which Linux nodes do not run, and the mirror pods of a node. */
export const isLeftAlone = (pod: unknown, username: string): boolean =>
  at(pod, "spec", "os", "name") === "windows" ||
  (at(pod, "spec", "os", "name") == null &&
    at(pod, "spec", "nodeSelector", "kubernetes.io/os") === "windows") ||
  (at(pod, "metadata", "annotations", "kubernetes.io/config.mirror") !== undefined &&
    username.startsWith("system:node:"));

/** Why the pod, as it would run, is not guarded; empty if it is. */
export function unguarded(pod: unknown, space: Space): readonly string[] {
  const spec = fields(at(pod, "spec"));
  const inits = list(own(spec, "initContainers"));
  const [guard] = inits;
  const ours = new Set(inits.filter((one) => ["podrole-guard", "podrole-sidecar"].includes(nameOf(one))));
  const others = [
    ...inits.filter((one) => !ours.has(one)),
    ...list(own(spec, "containers")),
    ...list(own(spec, "ephemeralContainers")),
  ];
  const exempt = new Set((space.annotations["podrole.dev/exempt"] ?? "").split(","));
  return [
    ...guardProblems(guard),
    ...(ours.size > 2 ? ["guard or sidecar twice"] : []),
    ...inits.flatMap((one, index) => (nameOf(one) === "podrole-sidecar" ? sidecarProblems(one, index) : [])),
    ...others.flatMap((one) => containerProblems(one, exempt)),
    ...["hostPID", "hostIPC", "hostNetwork"].filter((key) => own(spec, key) === true),
    ...list(own(spec, "volumes")).flatMap((one) => volumeProblems(one, exempt)),
    ...contextProblems(fields(own(spec, "securityContext")), "pod"),
    ...list(at(spec, "securityContext", "sysctls"))
      .filter((one) => nameOf(one) === "kernel.msgmax")
      .map(() => "pod: sysctls"),
  ];
}

function guardProblems(guard: unknown): readonly string[] {
  const context = fields(at(guard, "securityContext"));
  const env = new Map(list(at(guard, "env")).map((one) => [nameOf(one), at(one, "value")]));
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`guard: ${what}`]);
  return [
    ...is("name", nameOf(guard) === "podrole-guard"),
    ...is("image", at(guard, "image") === SETTINGS.image),
    ...is("command", texts(at(guard, "command")).join(" ") === "podrole-sidecar guard"),
    ...is("args", list(at(guard, "args")).length === 0),
    ...is("restartPolicy", at(guard, "restartPolicy") == null && at(guard, "lifecycle") == null),
    ...is("uid", own(context, "runAsUser") === 0 && own(context, "privileged") === false),
    ...is("capabilities", texts(at(context, "capabilities", "add")).join() === "NET_ADMIN"),
    // Absent: those of EC2's metadata service, IPv4 and IPv6.
    ...is("addresses", !env.has("PODROLE_BLOCKED_ADDRESSES")),
    ...is("node options", !env.has("NODE_OPTIONS") && list(at(guard, "envFrom")).length === 0),
    ...is("memory", !isLess(at(guard, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(guard)),
  ];
}

const hasNoApiToken = (container: unknown): boolean =>
  list(at(container, "volumeMounts"))
    .filter((mount) => at(mount, "mountPath") === "/var/run/secrets/kubernetes.io/serviceaccount")
    .map(nameOf)
    .join() === "podrole-no-api-token";

/** Of the amounts that the fuzzer writes, those below podrole's. */
const isLess = (memory: unknown): boolean => memory === "6Mi";

function sidecarProblems(sidecar: unknown, index: number): readonly string[] {
  const context = fields(at(sidecar, "securityContext"));
  const uid = own(context, "runAsUser");
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`sidecar: ${what}`]);
  return [
    ...is("place", index === 1),
    ...is("image", at(sidecar, "image") === SETTINGS.image),
    ...is("command", texts(at(sidecar, "command")).join(" ") === "podrole-sidecar serve"),
    ...is("uid", typeof uid === "number" && uid >= 40_000 && uid < 65_000),
    ...is("capabilities", texts(at(context, "capabilities", "add")).length === 0),
    ...is("memory", !isLess(at(sidecar, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(sidecar)),
  ];
}

/** Those that Pod Security level baseline allows to be added. */
const ALLOWED = new Set(
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(
    " ",
  ),
);

const PROBES = [
  ["livenessProbe"],
  ["readinessProbe"],
  ["startupProbe"],
  ["lifecycle", "postStart"],
  ["lifecycle", "preStop"],
];

/** What baseline forbids in a container, and a capability that is not dropped. */
function containerProblems(container: unknown, exempt: ReadonlySet<string>): readonly string[] {
  const context = fields(at(container, "securityContext"));
  const drop = texts(at(context, "capabilities", "drop"));
  const procMount = own(context, "procMount");
  const hosts = PROBES.flatMap((path) =>
    ["httpGet", "tcpSocket"].map((kind) => at(container, ...path, kind, "host")),
  );
  const forbidden = (what: string, is: boolean): readonly string[] =>
    is ? [`${nameOf(container)}: ${what}`] : [];
  return [
    ...forbidden("privileged", own(context, "privileged") === true),
    ...forbidden("procMount", typeof procMount === "string" && procMount !== "Default"),
    ...forbidden("NET_RAW kept", !drop.includes("ALL") && !drop.includes("NET_RAW")),
    ...texts(at(context, "capabilities", "add"))
      .filter((one) => !ALLOWED.has(one))
      .map((one) => `${nameOf(container)}: adds ${one}`),
    ...forbidden(
      "hostPort",
      !exempt.has("hostPorts") && list(at(container, "ports")).some((one) => Boolean(at(one, "hostPort"))),
    ),
    ...forbidden(
      "host of a probe",
      hosts.some((host) => typeof host === "string" && host !== ""),
    ),
    ...forbidden("reserved name", nameOf(container).startsWith("podrole-")),
    ...forbidden(
      "the sidecar's token",
      list(at(container, "volumeMounts")).some((mount) => nameOf(mount) === "podrole-token"),
    ),
    ...forbidden(
      "an identity's token elsewhere",
      list(at(container, "volumeMounts")).some(
        (mount) => nameOf(mount).startsWith("podrole-identity-") && !isTokenMount(mount),
      ),
    ),
    ...contextProblems(context, nameOf(container)),
  ];
}

/** Why the ephemeral containers that a change adds to a running pod are not confined; empty if they are. */
export function debugProblems(before: unknown, after: unknown, stored: unknown): readonly string[] {
  const guard = list(at(before, "spec", "initContainers")).find((one) => nameOf(one) === "podrole-guard");
  if (guard === undefined) return [];
  const known = new Set(list(at(before, "spec", "ephemeralContainers")).map((one) => JSON.stringify(one)));
  const asked = list(at(after, "spec", "ephemeralContainers"));
  const added = list(at(stored, "spec", "ephemeralContainers")).filter(
    (_, index) => !known.has(JSON.stringify(asked[index])),
  );
  return added.flatMap((one) => [
    ...(guardHasEnded(before) ? [] : ["an ephemeral container before the guard has ended"]),
    ...(["podrole-guard", "podrole-sidecar"].includes(String(at(one, "targetContainerName")))
      ? ["an ephemeral container beside the sidecar"]
      : []),
    ...containerProblems(one, new Set()),
  ]);
}

const isTokenMount = (mount: unknown): boolean =>
  at(mount, "mountPath") === "/var/run/secrets/podrole.dev/credentials" &&
  at(mount, "readOnly") === true &&
  Object.keys(fields(mount)).length === 3;

const guardHasEnded = (pod: unknown): boolean =>
  list(at(pod, "status", "initContainerStatuses")).some(
    (one) => nameOf(one) === "podrole-guard" && at(one, "state", "terminated", "exitCode") === 0,
  );

/** Fields that pods and containers have alike. */
function contextProblems(context: Fields, where: string): readonly string[] {
  const windows = own(fields(own(context, "windowsOptions")), "hostProcess");
  const linux = fields(own(context, "seLinuxOptions"));
  return [
    ...["seccompProfile", "appArmorProfile"].filter((key) => at(context, key, "type") === "Unconfined"),
    ...(windows === true ? ["hostProcess"] : []),
    ...(own(linux, "type") === "spc_t" ? ["seLinuxOptions"] : []),
  ].map((what) => `${where}: ${what}`);
}

function volumeProblems(volume: unknown, exempt: ReadonlySet<string>): readonly string[] {
  const path = at(volume, "hostPath", "path");
  const known = /^podrole-(?:token|identity-\d|no-api-token)$/.test(nameOf(volume));
  const isEmpty =
    at(volume, "projected") !== undefined && list(at(volume, "projected", "sources")).length === 0;
  return [
    ...(typeof path === "string" && !exempt.has(`hostPath=${path}`) ? [`hostPath ${path}`] : []),
    ...(nameOf(volume).startsWith("podrole-") && !known ? [`volume ${nameOf(volume)}`] : []),
    ...(nameOf(volume) === "podrole-no-api-token" && !isEmpty
      ? ["podrole-no-api-token: holds something"]
      : []),
    ...list(at(volume, "projected", "sources"))
      .map((source) => at(source, "serviceAccountToken", "audience"))
      .filter((audience) => typeof audience === "string" && audience.startsWith("podrole.dev/"))
      .filter(() => !nameOf(volume).startsWith("podrole-identity-"))
      .map(() => `${nameOf(volume)}: an identity's audience`),
  ];
}
