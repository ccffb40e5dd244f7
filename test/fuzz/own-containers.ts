import { own } from "../../injector/model/read.ts";
import { SETTINGS } from "./cluster.ts";
import { at, fields, list, nameOf, texts } from "./json.ts";

/** What guard and sidecar must be like. */

export type GuardMode = "block" | "verify";

const commandOf = (container: unknown): string => texts(at(container, "command")).join(" ");
const valueOf = (container: unknown, variable: string): unknown =>
  at(
    list(at(container, "env")).find((one) => nameOf(one) === variable),
    "value",
  );
export const isOneContainer = (container: unknown): boolean =>
  nameOf(container) === "podrole-sidecar" && commandOf(container) === "podrole-sidecar guard-and-serve";

const VARIABLES = /^(?:PODROLE_[A-Z0-9_]+|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)$/;
/** Fields that podrole does not write. */
const FOREIGN =
  "args workingDir ports envFrom volumeDevices livenessProbe readinessProbe startupProbe stdin tty future".split(
    " ",
  );

/** What somebody else has added. */
const additionsIn = (container: unknown): readonly string[] =>
  [
    ...FOREIGN.filter((key) => at(container, key) !== undefined),
    ...list(at(container, "env"))
      .map(nameOf)
      .filter((name) => !VARIABLES.test(name)),
    ...list(at(container, "volumeMounts"))
      .map(nameOf)
      .filter((name) => !name.startsWith("podrole-")),
    ...Object.keys(fields(at(container, "lifecycle"))).filter((key) => key !== "postStart"),
    ...Object.keys(fields(at(container, "resources"))).filter(
      (key) => key !== "requests" && key !== "limits",
    ),
  ].map((what) => `${nameOf(container)}: has ${what} of somebody else's`);

export function oneContainerProblems(one: unknown): readonly string[] {
  const context = fields(at(one, "securityContext"));
  const names = new Set(list(at(one, "env")).map(nameOf));
  const uid = Number(valueOf(one, "PODROLE_SIDECAR_UID"));
  const added = texts(at(context, "capabilities", "add"))
    .toSorted()
    .join();
  const is = (what: string, holds: boolean): readonly string[] =>
    holds ? [] : [`guard and sidecar: ${what}`];
  return [
    ...additionsIn(one),
    ...is("image", at(one, "image") === SETTINGS.image),
    ...is("restartPolicy", at(one, "restartPolicy") === "Always"),
    ...is(
      "hook",
      texts(at(one, "lifecycle", "postStart", "exec", "command")).join(" ") === "podrole-sidecar wait",
    ),
    ...is("uid", own(context, "runAsUser") === 0 && own(context, "privileged") === false),
    ...is("escalation", own(context, "allowPrivilegeEscalation") === false),
    ...is("later uid", uid >= 40_000 && uid < 65_000),
    ...is("capabilities", added === "NET_ADMIN,SETGID,SETUID"),
    ...is("drop", texts(at(context, "capabilities", "drop")).join() === "ALL"),
    ...is("addresses", !names.has("PODROLE_BLOCKED_ADDRESSES")),
    ...is("memory", !isLess(at(one, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(one)),
  ];
}

export function guardProblems(guard: unknown): readonly string[] {
  const context = fields(at(guard, "securityContext"));
  const env = new Map(list(at(guard, "env")).map((one) => [nameOf(one), at(one, "value")]));
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`guard: ${what}`]);
  return [
    ...additionsIn(guard),
    ...is("name", nameOf(guard) === "podrole-guard"),
    ...is("image", at(guard, "image") === SETTINGS.image),
    ...is("command", commandOf(guard) === "podrole-sidecar guard"),
    ...is("restartPolicy", at(guard, "restartPolicy") == null && at(guard, "lifecycle") == null),
    ...is("uid", own(context, "runAsUser") === 0 && own(context, "privileged") === false),
    ...is("capabilities", texts(at(context, "capabilities", "add")).join() === "NET_ADMIN"),
    // Absent: those of EC2's metadata service, IPv4 and IPv6.
    ...is("addresses", !env.has("PODROLE_BLOCKED_ADDRESSES")),
    ...is("memory", !isLess(at(guard, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(guard)),
  ];
}

/** A guard that only verifies: it needs no right, and no variable unless the addresses are others. */
export function verifierProblems(guard: unknown): readonly string[] {
  const context = fields(at(guard, "securityContext"));
  const uid = own(context, "runAsUser");
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`verifier: ${what}`]);
  return [
    ...additionsIn(guard),
    ...is("name", nameOf(guard) === "podrole-guard"),
    ...is("image", at(guard, "image") === SETTINGS.image),
    ...is("command", commandOf(guard) === "podrole-sidecar verify"),
    ...is("restartPolicy", at(guard, "restartPolicy") == null && at(guard, "lifecycle") == null),
    ...is("uid", typeof uid === "number" && uid >= 40_000 && uid < 65_000),
    ...is("group", Number(own(context, "runAsGroup")) > 0),
    ...is("root", own(context, "runAsNonRoot") === true && own(context, "privileged") === false),
    ...is("escalation", own(context, "allowPrivilegeEscalation") === false),
    ...is("capabilities", texts(at(context, "capabilities", "add")).length === 0),
    ...is("drop", texts(at(context, "capabilities", "drop")).join() === "ALL"),
    ...is("seccomp", at(context, "seccompProfile", "type") === "RuntimeDefault"),
    ...is("variables", list(at(guard, "env")).length === 0),
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
const isLess = (memory: unknown): boolean => ["6Mi", "16Mi", "33554431500m"].includes(String(memory));

/** @param guard the mode of the pod's guard, which the sidecar has to check again */
export function sidecarProblems(sidecar: unknown, index: number, guard: GuardMode): readonly string[] {
  const context = fields(at(sidecar, "securityContext"));
  const uid = own(context, "runAsUser");
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`sidecar: ${what}`]);
  return [
    ...additionsIn(sidecar),
    ...is("place", index === 1),
    ...is("mode", (valueOf(sidecar, "PODROLE_GUARD") ?? "block") === guard),
    ...is("image", at(sidecar, "image") === SETTINGS.image),
    ...is("command", commandOf(sidecar) === "podrole-sidecar serve"),
    ...is("uid", typeof uid === "number" && uid >= 40_000 && uid < 65_000),
    // Its own, or that of a mesh's proxy.
    ...is("group", Number(own(context, "runAsGroup")) > 0),
    ...is("capabilities", texts(at(context, "capabilities", "add")).length === 0),
    ...is("memory", !isLess(at(sidecar, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(sidecar)),
  ];
}
