import { own } from "../../injector/model/read.ts";
import { SETTINGS } from "./cluster.ts";
import { at, fields, list, nameOf, texts } from "./json.ts";

/** What guard and sidecar must be like. */

const commandOf = (container: unknown): string => texts(at(container, "command")).join(" ");
export const isOneContainer = (container: unknown): boolean =>
  nameOf(container) === "podrole-sidecar" && commandOf(container) === "podrole-sidecar guard-and-serve";

export function oneContainerProblems(one: unknown): readonly string[] {
  const context = fields(at(one, "securityContext"));
  const names = new Set(list(at(one, "env")).map(nameOf));
  const uid = Number(
    at(
      list(at(one, "env")).find((each) => nameOf(each) === "PODROLE_SIDECAR_UID"),
      "value",
    ),
  );
  const added = texts(at(context, "capabilities", "add"))
    .toSorted()
    .join();
  const is = (what: string, holds: boolean): readonly string[] =>
    holds ? [] : [`guard and sidecar: ${what}`];
  return [
    ...is("image", at(one, "image") === SETTINGS.image),
    ...is("args", list(at(one, "args")).length === 0),
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
    ...is("node options", !names.has("NODE_OPTIONS") && list(at(one, "envFrom")).length === 0),
    ...is("memory", !isLess(at(one, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(one)),
  ];
}

export function guardProblems(guard: unknown): readonly string[] {
  const context = fields(at(guard, "securityContext"));
  const env = new Map(list(at(guard, "env")).map((one) => [nameOf(one), at(one, "value")]));
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`guard: ${what}`]);
  return [
    ...is("name", nameOf(guard) === "podrole-guard"),
    ...is("image", at(guard, "image") === SETTINGS.image),
    ...is("command", commandOf(guard) === "podrole-sidecar guard"),
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

export function sidecarProblems(sidecar: unknown, index: number): readonly string[] {
  const context = fields(at(sidecar, "securityContext"));
  const uid = own(context, "runAsUser");
  const is = (what: string, holds: boolean): readonly string[] => (holds ? [] : [`sidecar: ${what}`]);
  return [
    ...is("place", index === 1),
    ...is("image", at(sidecar, "image") === SETTINGS.image),
    ...is("command", commandOf(sidecar) === "podrole-sidecar serve"),
    ...is("uid", typeof uid === "number" && uid >= 40_000 && uid < 65_000),
    ...is("capabilities", texts(at(context, "capabilities", "add")).length === 0),
    ...is("memory", !isLess(at(sidecar, "resources", "limits", "memory"))),
    ...is("no API token", hasNoApiToken(sidecar)),
  ];
}
