import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { parseBaseRoleArn, parseRoleArn } from "../../../model/arn.ts";
import { annotation } from "../../../model/annotations.ts";
import { note, type Note } from "../note.ts";
import { globsOfKiam } from "./globs.ts";
import { keyed } from "./kube2iam.ts";
import { annotationsOf, isOnHostNetwork, NODES_ROLE, NO_ROLE, type Origin } from "./origin.ts";
import { kiamAllows } from "./rules.ts";
import { isOn, type Flags } from "./tool-args.ts";

export const KIAM_IMAGE = /(?:^|\/)kiam$/;

/** Flags without a value of agent and server: cmd/kiam of kiam. */
export const KIAM_SWITCHES: ReadonlySet<string> = new Set([
  "allow-ip-query",
  "disable-strict-namespace-regexp",
  "grpc-keepalive-permit-without-stream",
  "iptables",
  "iptables-remove",
  "json-log",
  "role-base-arn-autodetect",
]);

/** @param server flags of its server, which decides; @param agent flags of its agent, which answers on the nodes */
export function kiam(server: Flags, agent: Flags, found: readonly string[]): Origin {
  const findsBase = isOn(server, "role-base-arn-autodetect");
  const ownBase = server.get("role-base-arn") ?? "";
  const base = parseBaseRoleArn(ownBase);
  const strict = !isOn(server, "disable-strict-namespace-regexp");
  const completed = (prefix: string, name: string): string =>
    name.startsWith("arn:") ? name : prefix + name.replace(/^\//, "");
  const hub = completed(ownBase, server.get("assume-role-arn") ?? "");
  const settings = {
    ...(findsBase ? { baseRoleArn: "auto" } : base === undefined ? {} : { baseRoleArn: ownBase }),
    ...keyed("region", server.get("region"), ""),
    ...(parseRoleArn(hub) === undefined ? {} : { hubRole: hub }),
    policy: "enforce",
  };
  return {
    name: "kiam",
    found,
    settings,
    notes: notesOf(server, agent, ownBase !== "" && base === undefined),
    findsBase,
    intercepts: true,
    sessionNameKey: ANNOTATION.peerSessionName,
    nowOf:
      (detected) =>
      ({ pod, facts: { namespace } }) => {
        const named = annotation(annotationsOf(pod), ANNOTATION.role) ?? "";
        if (isOnHostNetwork(pod)) return NODES_ROLE;
        if (named === "") return NO_ROLE;
        const arn = completed(findsBase ? (detected ?? "") : ownBase, named);
        const { allows, problems } = kiamAllows(
          annotation(namespace.annotations, ANNOTATION.namespacePermitted),
          arn,
          strict,
        );
        const where = `the annotation ${ANNOTATION.namespacePermitted} of namespace ${namespace.name}`;
        return {
          now: allows
            ? { kind: "role", arn, by: "kiam" }
            : { kind: "refused", arn, why: `${where} does not permit kiam to give it` },
          notes: problems.map((why) => note("RULE_UNREADABLE", `kiam cannot read ${where}: ${why}.`)),
        };
      },
    rules: { key: ANNOTATION.namespacePermitted, globs: (text) => globsOfKiam(text, strict) },
  };
}

function notesOf(server: Flags, agent: Flags, isOddBase: boolean): readonly Note[] {
  const routes = agent.get("allow-route-regexp") ?? agent.get("whitelist-route-regexp") ?? "^$";
  const session = server.get("session");
  const more = (message: string): Note => note("FLAG_NOT_CARRIED", message);
  return [
    ...(isOddBase
      ? [
          more(
            "--role-base-arn ends neither in a slash nor in one of _+=,.@-, so podrole does not take it: write whole ARNs on the pods.",
          ),
        ]
      : []),
    ...(routes === "^$"
      ? []
      : [
          more(
            `The agent lets pods read metadata (${JSON.stringify(routes.slice(0, 120))}). podrole blocks it: pods that need it ask by podrole.dev/imds, where options.imds allows that.`,
          ),
        ]),
    ...(isOn(agent, "allow-ip-query")
      ? [more("--allow-ip-query lets pods ask for other pods' roles. podrole has nothing like it.")]
      : []),
    ...(session === undefined || session === "kiam"
      ? []
      : [
          more(
            "--session names all sessions alike. podrole's sessions have namespace and pod in their names; see options.sessionName.",
          ),
        ]),
  ];
}
