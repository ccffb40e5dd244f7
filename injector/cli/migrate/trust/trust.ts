import { join } from "node:path";
import type { Source } from "../../../../sidecar/contract/session.ts";
import { coded } from "../../../../sidecar/kit/errors.ts";
import { SOURCE_KINDS } from "../../../sources/sources.ts";
import { askedCalls } from "../../trust/against/asked.ts";
import { judge } from "../../trust/against/judge.ts";
import { groupedNeeds, needsOfPod } from "../../trust/need.ts";
import type { Need, Parties } from "../../trust/calls.ts";
import { brokerTypeOf, partiesFrom } from "../../trust/parties.ts";
import type { NamespacePlan } from "../assess.ts";
import type { Granted } from "../grants.ts";
import { note, type Note } from "../note.ts";
import type { Options } from "../options.ts";
import { labelled, titleOf, type Workload } from "../workloads.ts";
import { NOT_LISTED, type Asked } from "./irsa-call.ts";
import { roleUnknown, trustPlan, type TrustPlan } from "./policies.ts";
import { withheld } from "./withheld.ts";

interface Trust {
  readonly plan: TrustPlan | undefined;
  readonly notes: readonly Note[];
}

/** What a workload's pods need of a role that podrole would give them. */
interface PodNeed {
  readonly workload: Workload;
  readonly need: Need;
}

/** What is missing for the trust policies, which is no reason to be without the rest. */
const MISSING: ReadonlySet<string> = new Set(["PROVIDER_MISSING", "PRINCIPAL_MISSING"]);

/**
 * The policies for the roles that service accounts have now, and for nothing else: whoever can annotate a pod or a service account can
 * name any role.
 */
export async function trustFor(
  plans: readonly NamespacePlan[],
  granted: Granted,
  asked: Asked,
): Promise<Trust> {
  const { options, known, isLive } = asked;
  const all = plans.flatMap(({ workloads }) => workloads.map(({ workload }) => workload));
  const having = new Set(all.filter(isKnownToHave).map((one) => pairOf(arnOf(one), one)));
  const needs = needsOf(plans, granted, asked);
  const [wanted, others] = [true, false].map((has) =>
    needs.filter(({ workload, need }) => having.has(pairOf(need.role, workload)) === has),
  ) as [PodNeed[], PodNeed[]];
  const sources = [...new Set((wanted.length > 0 ? wanted : others).map(({ need }) => need.source))];
  if (sources.length === 0) return { plan: undefined, notes: [] };
  const without = (parties: Parties | undefined): readonly Note[] => [
    ...ofIrsaNotes(others),
    ...withheldNotes(others, { parties, sources }, known),
  ];
  const unknown = (why: string, remedy: string): Trust => ({
    plan: undefined,
    notes: [
      ...(wanted.length === 0
        ? []
        : [note("TRUST_UNKNOWN", `There are no trust policies: ${why}. ${remedy}`)]),
      ...without(undefined),
    ],
  });
  const byToken = sources.some((one) => SOURCE_KINDS[one].firstCall === "AssumeRoleWithWebIdentity");
  if (byToken && !isLive && options.oidcIssuer === undefined && options.oidcProvider === undefined)
    return unknown(
      "the cluster's OIDC issuer is not in the manifests",
      "Give --oidc-issuer or --oidc-provider.",
    );
  try {
    const parties = await partiesFrom(byToken ? options : ofCaller(options, sources), ...sources);
    const [within, across] = [true, false].map((fits) =>
      wanted.filter(({ need }) => isOfOnePartition(need, parties) === fits),
    ) as [PodNeed[], PodNeed[]];
    const folder = join(options.dir ?? "", "trust");
    const grouped = groupedNeeds(within.map(({ need }) => need));
    const plan = grouped.length === 0 ? undefined : trustPlan(grouped, parties, known, folder);
    return { plan, notes: [...(plan?.notes ?? []), ...across.map(elsewhere), ...without(parties)] };
  } catch (error) {
    const { code, message, remedy = "" } = coded(error);
    if (!MISSING.has(code)) throw error;
    return unknown(message.replace(/\.$/, ""), remedy);
  }
}

const isKnownToHave = ({ now, irsa }: Workload): boolean =>
  now.kind === "role" && (irsa === undefined || irsa.kind === "lets-in");

const arnOf = ({ now }: Workload): string => (now.kind === "none" ? "" : now.arn);

const pairOf = (role: string, { namespace, serviceAccount }: Workload): string =>
  `${role} ${namespace}/${serviceAccount}`;

/** What the roles of all pods that move need. */
const needsOf = (
  plans: readonly NamespacePlan[],
  { grants }: Granted,
  { config }: Asked,
): readonly PodNeed[] =>
  plans
    .filter(({ moves }) => moves === true)
    .flatMap(({ workloads }) =>
      workloads.flatMap(({ workload }) => {
        const found = needsOfPod(workload.object, labelled(workload.facts, grants), config);
        return found.kind === "needs" ? found.needs.map((need) => ({ workload, need })) : [];
      }),
    );

/** IRSA's call is judged by the issuer. Only a broker that is a web identity has a use for it, too. */
function ofCaller(options: Options, sources: readonly Source[]): Options {
  if (sources.includes("broker") && brokerTypeOf(options) === "web-identity") return options;
  const { oidcIssuer: _issuer, oidcProvider: _provider, ...rest } = options;
  return rest;
}

/** Whether the roles can trust whom they would have to: no role trusts across partitions. */
function isOfOnePartition({ steps }: Need, { caller, provider }: Parties): boolean {
  const ofCluster = caller?.partition ?? provider?.partition;
  const ofRoles = steps.map(({ roleArn }) => roleArn.split(":")[1]);
  return new Set(ofCluster === undefined ? ofRoles : [ofCluster, ...ofRoles]).size === 1;
}

const elsewhere = ({ workload, need }: PodNeed): Note =>
  note(
    "TRUST_PARTITION",
    `${titleOf(workload)} has ${need.role}, which is in another partition of AWS than whom it would have to trust. No policy is written for it: give the pod a role of the cluster's own partition.`,
  );

/**
 * Of pods that ask for what they do not have. What IRSA was asked about is said with the workload.
 * @param sources of which the parties are
 */
function withheldNotes(
  needs: readonly PodNeed[],
  { parties, sources }: { readonly parties: Parties | undefined; readonly sources: readonly Source[] },
  known: Asked["known"],
): readonly Note[] {
  const letsIn = (need: Need): boolean =>
    parties !== undefined &&
    sources.includes(need.source) &&
    isOfOnePartition(need, parties) &&
    askedCalls([need], parties)
      .filter(({ document }) => document !== "broker-trust")
      .every((call) => {
        const role = known?.get(call.role);
        return role !== undefined && judge(role.given, call).answer === "lets-in";
      });
  return needs
    .filter(({ workload, need }) => !isOfIrsa(workload, need) && !letsIn(need))
    .map(({ workload, need }) => withheld(need.role, workload, whyNot(workload, need)));
}

const whyNot = ({ now }: Workload, { role }: Need): string =>
  now.kind === "kept" && now.arn === role ? now.why : "these do not have it now";

const isOfIrsa = (workload: Workload, { role }: Need): boolean =>
  workload.irsa !== undefined && arnOf(workload) === role;

/** Of pods that make IRSA's call with podrole, too: those whom the role lets in need no policy, and the others do not have the role. */
function ofIrsaNotes(needs: readonly PodNeed[]): readonly Note[] {
  const unknown = needs.flatMap(({ workload, need }) =>
    isOfIrsa(workload, need) && workload.now.kind === "role" && workload.irsa?.kind === "unknown"
      ? [{ account: `${workload.namespace}/${workload.serviceAccount}`, need, why: workload.irsa.why }]
      : [],
  );
  return [...Map.groupBy(unknown, ({ why }) => why)].flatMap(([why, of]) => {
    if (why === NOT_LISTED) return of.map(({ need }) => roleUnknown(need.role));
    const accounts = [...new Set(of.map(({ account }) => account))];
    const more = accounts.length > SHOWN ? ` and ${accounts.length - SHOWN} more` : "";
    const message = `Whether IRSA gives service accounts ${accounts.slice(0, SHOWN).join(", ")}${more} their roles is not known: ${why}. podrole makes the same call of STS, so IAM decides as now, and no trust policy is written for them. Their RoleGrants allow what they name.`;
    return [note("TRUST_UNKNOWN", message)];
  });
}

/** As many names as a sentence holds. */
const SHOWN = 5;
