import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import type { Written } from "../../../config/read-config.ts";
import type { SettingName } from "../../../config/settings.ts";
import { parseBaseRoleArn } from "../../../model/arn.ts";
import { annotation } from "../../../model/annotations.ts";
import { note, type Note } from "../note.ts";
import { globsOfKube2iam } from "./globs.ts";
import { annotationsOf, isOnHostNetwork, NODES_ROLE, NO_ROLE, type Origin } from "./origin.ts";
import { kube2iamAllows } from "./rules.ts";
import { isOn, type Flags } from "./tool-args.ts";

export const KUBE2IAM_IMAGE = /(?:^|\/)kube2iam$/;

/** Flags without a value: cmd/main.go of kube2iam. */
export const KUBE2IAM_SWITCHES: ReadonlySet<string> = new Set([
  "auto-discover-base-arn",
  "auto-discover-default-role",
  "debug",
  "insecure",
  "iptables",
  "namespace-restrictions",
  "resolve-duplicate-cache-ips",
  "use-regional-sts-endpoint",
  "verbose",
  "version",
]);

/** @param env of its container */
export function kube2iam(flags: Flags, env: ReadonlyMap<string, string>, found: readonly string[]): Origin {
  const given = flags.get("base-role-arn");
  const findsBase =
    given === undefined &&
    (isOn(flags, "auto-discover-base-arn") || isOn(flags, "auto-discover-default-role"));
  const ownBase = given === undefined || given === "" ? "" : given.endsWith("/") ? given : `${given}/`;
  const roleKey = flags.get("iam-role-key") ?? ANNOTATION.role;
  const namespaceKey = flags.get("namespace-key") ?? ANNOTATION.namespaceAllowedRoles;
  const restricts = isOn(flags, "namespace-restrictions");
  const format =
    (flags.get("namespace-restriction-format") ?? "glob").toLowerCase() === "regexp" ? "regexp" : "glob";
  const defaultName = flags.get("default-role") ?? "";
  const settings = {
    ...(findsBase
      ? { baseRoleArn: "auto" }
      : parseBaseRoleArn(ownBase) === undefined
        ? {}
        : { baseRoleArn: ownBase }),
    ...(defaultName === "" ? {} : { defaultRole: withBase(ownBase, defaultName) }),
    ...(roleKey === ANNOTATION.role ? {} : { roleKey }),
    ...keyed("externalIdKey", flags.get("iam-external-id"), ANNOTATION.externalId),
    ...(namespaceKey === ANNOTATION.namespaceAllowedRoles ? {} : { namespaceKey }),
    ...(format === "regexp" ? { allowedRolesFormat: format } : {}),
    ...keyed("region", env.get("AWS_REGION") ?? env.get("AWS_DEFAULT_REGION"), ""),
    policy: restricts ? "enforce" : "listed",
  };
  return {
    name: "kube2iam",
    found,
    settings,
    notes: notesOf(flags, ownBase),
    findsBase,
    intercepts: true,
    nowOf:
      (base) =>
      ({ pod, facts: { namespace } }) => {
        const completed = (name: string): string => withBase(findsBase ? (base ?? "") : ownBase, name);
        if (isOnHostNetwork(pod)) return NODES_ROLE;
        const named = annotation(annotationsOf(pod), roleKey);
        if (named === undefined && defaultName === "") return NO_ROLE;
        const arn = completed(named ?? defaultName);
        const by = named === undefined ? "kube2iam's --default-role" : "kube2iam";
        if (!restricts || arn === completed(defaultName))
          return { now: { kind: "role", arn, by }, notes: [] };
        const { allows, problems } = kube2iamAllows(
          annotation(namespace.annotations, namespaceKey),
          arn,
          format,
          completed,
        );
        const where = `the annotation ${namespaceKey} of namespace ${namespace.name}`;
        return {
          now: allows
            ? { kind: "role", arn, by }
            : { kind: "refused", arn, why: `${where} does not allow kube2iam to give it` },
          notes: problems.map((why) =>
            note("RULE_UNREADABLE", `kube2iam cannot read all of ${where}: ${why}.`),
          ),
        };
      },
    ...(restricts
      ? {
          rules: {
            key: namespaceKey,
            globs: (text, base) =>
              globsOfKube2iam(text, format, (name) => withBase(findsBase ? (base ?? "") : ownBase, name)),
          },
        }
      : {}),
  };
}

/** `RoleARN` in iam/arn.go. */
const withBase = (base: string, name: string): string =>
  name.toLowerCase().startsWith("arn:") ? name : base + name;

/** A setting that a flag gives, if it is not podrole's default anyway. */
export const keyed = (name: SettingName, value: string | undefined, fallback: string): Written =>
  value === undefined || value === "" || value === fallback ? {} : { [name]: value };

function notesOf(flags: Flags, base: string): readonly Note[] {
  const addr = flags.get("metadata-addr");
  return [
    ...(base !== "" && parseBaseRoleArn(base) === undefined
      ? [
          note(
            "FLAG_NOT_CARRIED",
            `--base-role-arn is ${JSON.stringify(base.slice(0, 200))}, which podrole does not take.`,
          ),
        ]
      : []),
    ...(isOn(flags, "auto-discover-default-role")
      ? [
          note(
            "FLAG_NOT_CARRIED",
            "--auto-discover-default-role gives pods without a role the node's own. podrole gives them none: name a role in options.defaultRole, or on the pods.",
          ),
        ]
      : []),
    ...(addr === undefined || addr === "169.254.169.254"
      ? []
      : [
          note(
            "FLAG_NOT_CARRIED",
            "--metadata-addr is not 169.254.169.254: name the address in options.block, too.",
          ),
        ]),
  ];
}
