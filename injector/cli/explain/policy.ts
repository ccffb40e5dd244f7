import type { Source } from "../../../sidecar/contract/session.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import type { RoleArn } from "../../model/arn.ts";
import type { Facts } from "../../model/facts.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { covers, coversNamespace, type Grant } from "../../model/grant.ts";
import { serviceAccountOf } from "../../model/pod.ts";
import { decideRole, type RoleDecision } from "../../decide/policy.ts";
import type { Answers } from "../../decide/trace.ts";
import { holding, yesNo, type Around, type Candidate, type Step } from "./step.ts";
import { annotation } from "../../model/annotations.ts";
import { globOf } from "../../model/glob.ts";

/** Whether the pod may use the role, and what each rule says about it. */
export function policyStep(
  { mode, decision }: Answers["policy"],
  { role, source }: { readonly role: RoleArn; readonly source: Source },
  around: Around,
): Step {
  const byDefault = around.config.policy === undefined ? "the source's default" : "by the setting policy";
  const by = SOURCE_KINDS[source].alwaysEnforces ? `always with source ${source}` : byDefault;
  const refusal = isDenial(decision)
    ? "a RoleGrant denies it, which wins over every rule"
    : "no rule allows it";
  const because = decision.allowed ? decision.rule : refusal;
  // In modes audit and off it is the mode itself that allows, and says so.
  const byMode = because.includes(`policy ${mode}`) ? "" : `; policy ${mode}, ${by}`;
  return {
    id: "policy",
    question: "May it use that role?",
    answer: yesNo(decision.allowed),
    because: because + byMode,
    considered: mode === "off" ? [] : rules(role, decision, around),
  };
}

/**
 * Every rule about this pod, in the order of the decision: Deny grants first. Each rule's result comes from the
 * decision's own function, called with that rule alone.
 */
function rules(role: RoleArn, decision: RoleDecision, { pod, facts, config }: Around): readonly Candidate[] {
  const account = serviceAccountOf(pod);
  const { namespace, grants } = facts;
  const alone = ({ annotations = {}, grants: some = [], defaultRole }: Alone): RoleDecision => {
    const only: Facts = { ...facts, namespace: { ...namespace, annotations }, grants: some };
    return decideRole(role, only, account, "enforce", { ...config, defaultRole });
  };
  const rule = (name: string, holds: string | undefined, said: RoleDecision): Candidate => ({
    name,
    ...holding(holds),
    result: holds === undefined ? "not set" : resultOf(said),
    decided: isDecisive(said, decision),
  });
  const byAnnotation = (key: string): Candidate => {
    const raw = annotation(namespace.annotations, key);
    const said = alone(raw === undefined ? {} : { annotations: { [key]: raw } });
    return rule(`annotation ${key} of namespace ${namespace.name}`, raw, said);
  };
  const byGrant = (grant: Grant): Candidate =>
    rule(`RoleGrant ${grant.name} (${grant.effect})`, rolesOf(grant), alone({ grants: [grant] }));

  const [covering, others] = parted(grants, (grant) => covers(grant, namespace, account));
  const [denying, allowing] = parted(covering, ({ effect }) => effect === "Deny");
  const { defaultRole } = config;
  return [
    ...denying.map(byGrant),
    byAnnotation(config.keys.namespaceAllowedRoles),
    byAnnotation(config.keys.namespacePermitted),
    ...allowing.map(byGrant),
    rule("the setting defaultRole", defaultRole, alone({ defaultRole })),
    ...elsewhere(others, facts, account, (grant) => alone({ grants: [grant] }).allowed),
  ];
}

/** The facts that remain when one rule is tried alone. */
interface Alone {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly grants?: readonly Grant[];
  readonly defaultRole?: InjectorConfig["defaultRole"];
}

const parted = <T>(all: readonly T[], is: (one: T) => boolean): readonly [readonly T[], readonly T[]] => [
  all.filter(is),
  all.filter((one) => !is(one)),
];

/** In mode audit the denial is a warning, and says the same. */
const isDecisive = (said: RoleDecision, decision: RoleDecision): boolean =>
  said.allowed
    ? decision.allowed && said.rule === decision.rule
    : isDenial(said) &&
      said.findings.some(({ message }) => decision.findings.some((found) => found.message === message));

const isDenial = ({ findings }: RoleDecision): boolean =>
  findings.some(({ code }) => code === "ROLE_DENIED_BY_GRANT");

function resultOf(said: RoleDecision): string {
  if (said.allowed) return "allows it";
  if (isDenial(said)) return "denies it";
  return said.findings.some(({ code }) => code === "POLICY_RULE_INVALID")
    ? "cannot be read, and so allows nothing"
    : "does not match";
}

const rolesOf = ({ roles, default: fallback }: Grant): string =>
  [...roles.map(({ glob }) => glob.text), ...(fallback === undefined ? [] : [`default ${fallback}`])].join(
    ", ",
  );

/** The grant, widened to every service account of every namespace. */
const ofEverybody = (grant: Grant): Grant => ({
  ...grant,
  serviceAccounts: [globOf("*")],
  namespaces: [globOf("*")],
});

/** How many RoleGrants that allow the role to others are named; a cluster may have thousands. */
const NEAR_MISSES_MAX = 5;

/** RoleGrants for other pods: named where they allow this role, since one of them may have been meant for this pod. */
function elsewhere(
  grants: readonly Grant[],
  { namespace }: Facts,
  account: string,
  allows: (grant: Grant) => boolean,
): readonly Candidate[] {
  const near = grants
    .filter((grant) => grant.effect === "Allow" && allows(ofEverybody(grant)))
    .slice(0, NEAR_MISSES_MAX);
  const rest = grants.length - near.length;
  return [
    ...near.map((grant) => ({
      name: `RoleGrant ${grant.name} (Allow)`,
      ...holding(rolesOf(grant)),
      result: coversNamespace(grant, namespace)
        ? `allows it, but not to service account ${account}`
        : `allows it, but not in namespace ${namespace.name}`,
      decided: false,
    })),
    ...(rest === 0
      ? []
      : [
          {
            name: `${rest}${near.length === 0 ? "" : " more"} RoleGrant${rest === 1 ? "" : "s"}`,
            result: `not about ${namespace.name}/${account}`,
            decided: false,
          },
        ]),
  ];
}
