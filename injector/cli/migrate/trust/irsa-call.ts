import { TOKEN_VOLUME } from "../../../../sidecar/contract/pod.ts";
import { coded } from "../../../../sidecar/kit/errors.ts";
import type { InjectorConfig } from "../../../config/installation.ts";
import { decideAudience } from "../../../decide/audience.ts";
import { namespaceSettings } from "../../../decide/namespace-settings.ts";
import { sessionRequest } from "../../../decide/session.ts";
import { stepsTo } from "../../../decide/steps.ts";
import { parseRoleArn, type RoleArn } from "../../../model/arn.ts";
import { SOURCE_KINDS } from "../../../sources/sources.ts";
import { askedCalls } from "../../trust/against/asked.ts";
import { judge } from "../../trust/against/judge.ts";
import { partiesFrom } from "../../trust/parties.ts";
import type { Provider } from "../../trust/provider.ts";
import { IRSA } from "../from/irsa.ts";
import { annotationsOf, type Origin } from "../from/origin.ts";
import type { Options } from "../options.ts";
import type { IrsaAnswer, Workload } from "../workloads.ts";
import type { KnownRole } from "./roles-file.ts";
import { withheld } from "./withheld.ts";

/** What is known of AWS and of the cluster's tokens. */
export interface Asked {
  /** The roles as AWS has them, by ARN; undefined where nobody has given them. */
  readonly known: ReadonlyMap<string, KnownRole> | undefined;
  readonly options: Options;
  readonly config: InjectorConfig;
  readonly origin: Pick<Origin, "settings">;
  /** Manifests may be of another cluster than the kubeconfig's. */
  readonly isLive: boolean;
}

export const NOT_LISTED = "the role is not in the file of --roles";

/**
 * The workloads, and of each that would have its role by IRSA what the role's trust policy says to IRSA's call: whoever annotates a
 * service account can name any role. One that is not let in does not have the role. Where nobody can tell, it counts as having it only
 * if podrole makes the very same call: IAM then decides as before.
 */
export async function withIrsaAnswers(
  workloads: readonly Workload[],
  asked: Asked,
): Promise<readonly Workload[]> {
  if (!workloads.some(isByIrsa)) return workloads;
  const provider =
    asked.known === undefined ? "--roles does not say whom the roles trust" : await providerOr(asked);
  return workloads.map((one) => (isByIrsa(one) ? answered(one, provider, asked) : one));
}

const isByIrsa = ({ now }: Workload): boolean => now.kind === "role" && IRSA.has(now.by);

/** The cluster's OIDC provider, or why it is not known, as a clause. */
async function providerOr({ options, isLive }: Asked): Promise<Provider | string> {
  const { principal: _principal, brokerIdentity: _identity, brokerAudience: _audience, ...rest } = options;
  const isGiven = (rest.oidcIssuer ?? rest.oidcProvider) !== undefined;
  if (!isLive && !isGiven)
    return "the cluster's OIDC issuer is not in the manifests: give --oidc-issuer or --oidc-provider";
  try {
    return (await partiesFrom(rest, "web-identity")).provider ?? "the cluster's OIDC issuer is not known";
  } catch (error) {
    const { code, message } = coded(error);
    // A cluster may have an issuer that IAM does not take, such as one with a port. It is asked for only since IRSA's call is judged.
    if (code !== "PROVIDER_MISSING" && (code !== "ISSUER_INVALID" || isGiven)) throw error;
    return message.replace(/^T/, "t").replace(/\.$/, "");
  }
}

function answered(workload: Workload, provider: Provider | string, asked: Asked): Workload {
  const { now } = workload;
  if (now.kind !== "role") return workload;
  const role = parseRoleArn(now.arn);
  // podrole refuses what is no role's ARN.
  if (role === undefined) return { ...workload, irsa: { kind: "unknown", why: "it names no role" } };
  const irsa = answerOf(workload, role, provider, asked);
  if (irsa.kind === "lets-in") return { ...workload, irsa };
  if (irsa.kind === "unknown" && makesThatCall(workload, role, asked)) return { ...workload, irsa };
  const why =
    irsa.kind === "unknown"
      ? `whether the role lets the service account in is not known: ${irsa.why}`
      : "the role's trust policy does not let the service account in";
  return {
    ...workload,
    now: irsa.kind === "unknown" ? { ...now, kind: "kept", why } : { kind: "refused", arn: role, why },
    irsa,
    notes: [...workload.notes, withheld(role, workload, why)],
  };
}

function answerOf(
  { namespace, serviceAccount, facts }: Workload,
  role: RoleArn,
  provider: Provider | string,
  { known, origin, config }: Asked,
): IrsaAnswer {
  if (typeof provider === "string") return { kind: "unknown", why: provider };
  const policy = known?.get(role)?.given;
  if (policy === undefined) return { kind: "unknown", why: NOT_LISTED };
  const tokenAudience = origin.settings["tokenAudience"] ?? TOKEN_VOLUME.audience;
  const { audience } = decideAudience(facts, { keys: config.keys, source: "web-identity", tokenAudience });
  const need = {
    role,
    source: "web-identity",
    audience,
    steps: [{ roleArn: role }],
    subjects: [{ namespace, serviceAccount }],
    sourceIdentity: false,
  } as const;
  // A role can only trust a provider of its own account.
  const ofRole = { ...provider, account: undefined, partition: undefined };
  const answers = askedCalls([need], { provider: ofRole }).map((call) => judge(policy, call).answer);
  if (answers.includes("cannot-tell"))
    return { kind: "unknown", why: "the role's trust policy has what cannot be evaluated here" };
  return { kind: answers.every((one) => one === "lets-in") ? "lets-in" : "refuses" };
}

/** Whether podrole calls STS for the role as IRSA does: by the pod's own token, with the same audience, in one step. */
function makesThatCall(
  { facts, pod }: Workload,
  role: RoleArn,
  { config, origin }: Pick<Asked, "config" | "origin">,
): boolean {
  const { source } = namespaceSettings(facts, config);
  if (SOURCE_KINDS[source].firstCall !== "AssumeRoleWithWebIdentity") return false;
  const settings = { ...config, source };
  const { request } = sessionRequest(annotationsOf(pod), settings);
  const { keys, tokenAudience } = settings;
  const ofIrsa = origin.settings["tokenAudience"] ?? TOKEN_VOLUME.audience;
  const [audience, other] = [tokenAudience, ofIrsa].map(
    (one) => decideAudience(facts, { keys, source, tokenAudience: one }).audience,
  );
  return audience === other && stepsTo(role, request, settings).steps.length === 1;
}
