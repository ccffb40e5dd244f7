import { isDeepStrictEqual } from "node:util";
import { ENV } from "../../../../sidecar/contract/env.ts";
import { COMMAND } from "../../../../sidecar/contract/pod.ts";
import { DEFAULTS } from "../../../../sidecar/kit/defaults.ts";
import { whyNeverInjected } from "../../../decide/pod-kinds.ts";
import type { PodStatus } from "../../../decide/pod-status.ts";
import { isLabelled, type Facts } from "../../../model/facts.ts";
import { envVar, type Container, type Pod } from "../../../model/pod.ts";
import { identitiesIn } from "../../../mutate/token.ts";

/**
 * Why a pod's status and sidecar are only its own word for its role, in a few words; undefined if they are podrole's. The webhook leaves some
 * pods as they are, and it never saw a pod from before the label or of a namespace that it is not called for: then whoever made the pod may
 * have written both. Rules, settings and version may be others by now, so only what no setting changes is compared: which program the sidecar
 * is, and which roles it asks for. Pure.
 * @param facts undefined where the user may not read them
 * @param image the setting; undefined where it is not known
 */
export function whyUnproven(
  pod: Pod,
  sidecar: Container,
  status: PodStatus,
  facts: Facts | Error | undefined,
  image: string | undefined,
): string | undefined {
  if (facts !== undefined && !(facts instanceof Error) && !isLabelled(facts)) return "not labelled";
  const never = whyNeverInjected(pod);
  if (never !== undefined) return never;
  return isPodroles(sidecar, image) && asksFor(pod, sidecar, status) ? undefined : "another sidecar";
}

/** The setting's version may have changed since, and with it tag or digest. */
const isPodroles = ({ command, image = "" }: Container, setting: string | undefined): boolean =>
  [COMMAND.serve, COMMAND.guardAndServe].some((one) => isDeepStrictEqual(command, one)) &&
  (setting === undefined || repositoryOf(image) === repositoryOf(setting));

const repositoryOf = (image: string): string => image.replace(/@.*$/s, "").replace(/:[^/:]*$/, "");

/** Whether the roles of the status, and its source, are the sidecar's. */
function asksFor(pod: Pod, sidecar: Container, { roles, source }: PodStatus): boolean {
  const asked = new Map(identitiesIn(pod).map(({ name, role }) => [name, role]));
  return (
    (envVar(sidecar, ENV.source)?.value ?? DEFAULTS[ENV.source]) === source &&
    [...roles].every(([identity, role]) => asked.get(identity) === role)
  );
}
