import { own, type Fields } from "../../injector/model/read.ts";
import type { Space } from "./cluster.ts";
import { at, fields, list, nameOf, texts } from "./json.ts";
import {
  guardProblems,
  isOneContainer,
  oneContainerProblems,
  sidecarProblems,
  verifierProblems,
  type GuardMode,
} from "./own-containers.ts";

/**
 * What an admitted pod must be like, written down once more and from the documents alone, so that the fuzzer does not ask the
 * code that it judges.
 */

/** By node affinity, each of whose terms must hold a requirement that only Windows nodes meet. */
function isOnlyForWindows(pod: unknown): boolean {
  const required = "requiredDuringSchedulingIgnoredDuringExecution";
  const terms = list(at(pod, "spec", "affinity", "nodeAffinity", required, "nodeSelectorTerms"));
  const unmet = terms.filter(
    (term) =>
      !list(at(term, "matchExpressions")).some(
        (one) =>
          /^(?:beta\.)?kubernetes\.io\/os$/.test(String(at(one, "key"))) &&
          at(one, "operator") === "In" &&
          // A value may stand there twice.
          JSON.stringify([...new Set(list(at(one, "values")))]) === '["windows"]',
      ),
  );
  return terms.length > 0 && unmet.length === 0;
}

/** Windows pods, which Linux nodes do not run, and the mirror pods of a node. */
export const isLeftAlone = (pod: unknown, username: string): boolean =>
  at(pod, "spec", "os", "name") === "windows" ||
  (at(pod, "spec", "os", "name") == null &&
    (["kubernetes.io/os", "beta.kubernetes.io/os"].some(
      (label) => at(pod, "spec", "nodeSelector", label) === "windows",
    ) ||
      isOnlyForWindows(pod))) ||
  (at(pod, "metadata", "annotations", "kubernetes.io/config.mirror") !== undefined &&
    username.startsWith("system:node:"));

/** The settings guardContainer and guard. */
export interface GuardSettings {
  readonly guardContainer: "init" | "sidecar";
  readonly guard: "auto" | "verify";
}

/** The mode in which pods of a namespace are guarded, unless the guard is off there. */
function modeIn({ level = "privileged", annotations }: Space, { guard }: GuardSettings): GuardMode {
  const wanted = annotations["podrole.dev/guard"] ?? guard;
  if (wanted === "auto") return level === "privileged" ? "block" : "verify";
  return wanted === "verify" ? "verify" : "block";
}

/** Why the pod, as it would run, is not guarded; empty if it is. */
export function unguarded(pod: unknown, space: Space, settings: GuardSettings): readonly string[] {
  const mode = modeIn(space, settings);
  const mayBeOne = settings.guardContainer === "sidecar" && mode === "block";
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
    ...(mayBeOne && isOneContainer(guard)
      ? [...oneContainerProblems(guard), ...(ours.size > 1 ? ["a container beside guard and sidecar"] : [])]
      : (mode === "block" ? guardProblems : verifierProblems)(guard)),
    ...(ours.size > 2 ? ["guard or sidecar twice"] : []),
    ...inits.flatMap((one, index) =>
      nameOf(one) === "podrole-sidecar" && !(mayBeOne && isOneContainer(one))
        ? sidecarProblems(one, index, mode)
        : [],
    ),
    ...others.flatMap((one) => containerProblems(one, exempt)),
    ...["hostPID", "hostIPC", "hostNetwork"].filter((key) => own(spec, key) === true),
    ...list(own(spec, "volumes")).flatMap((one) => volumeProblems(one, exempt)),
    ...contextProblems(fields(own(spec, "securityContext")), "pod"),
    ...list(at(spec, "securityContext", "sysctls"))
      .filter((one) => nameOf(one) === "kernel.msgmax")
      .map(() => "pod: sysctls"),
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
  const guard = list(at(before, "spec", "initContainers")).find(
    (one) => nameOf(one) === "podrole-guard" || isOneContainer(one),
  );
  if (guard === undefined) return [];
  const known = new Set(list(at(before, "spec", "ephemeralContainers")).map((one) => JSON.stringify(one)));
  const asked = list(at(after, "spec", "ephemeralContainers"));
  const added = list(at(stored, "spec", "ephemeralContainers")).filter(
    (_, index) => !known.has(JSON.stringify(asked[index])),
  );
  return added.flatMap((one) => [
    ...(guardIsDone(before, nameOf(guard)) ? [] : ["an ephemeral container before the guard is done"]),
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

const guardIsDone = (pod: unknown, name: string): boolean =>
  list(at(pod, "status", "initContainerStatuses"))
    .filter((one) => nameOf(one) === name)
    .some((one) =>
      name === "podrole-guard"
        ? at(one, "state", "terminated", "exitCode") === 0
        : at(one, "state", "running") !== undefined && at(one, "started") === true,
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
