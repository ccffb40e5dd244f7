import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Facts } from "../../model/facts.ts";
import type { Fields } from "../../model/read.ts";
import type { LiveCluster } from "../live/cluster.ts";
import { podToTry, tryPod } from "../live/dry-run.ts";
import type { Forbidden } from "../live/forbidden.ts";
import type { Installation } from "../live/installed.ts";
import { decidingIn, type Given, type KnownFacts } from "../live/known-facts.ts";
import { explainAnswer } from "./asked.ts";
import type { KeysOf } from "./env-from.ts";
import type { Explanation } from "./explanation.ts";

export interface Hidden {
  readonly namespace: string;
  /** Of the cluster alone; undefined where it has no such namespace. */
  readonly known: KnownFacts | undefined;
  /** One at least. */
  readonly hidden: readonly Forbidden[];
  readonly given: Given;
  readonly keysOf: KeysOf;
}

/**
 * An explanation of an object for a user who may not read all that decides: admission's answer to a dry run of its pod.
 * @throws CodedError `RULES_HIDDEN` where the user may not create pods, either
 */
export async function explainHidden(
  object: Fields,
  { namespace, known, hidden, given, keysOf }: Hidden,
  { config }: Installation,
  cluster: LiveCluster,
): Promise<Explanation> {
  const user = hidden[0]?.user ?? "the user";
  const whats = [...new Set(hidden.map(({ what }) => what))];
  const answer = await tryPod(podToTry(object), namespace, cluster);
  if ("user" in answer) {
    throw new CodedError(
      "RULES_HIDDEN",
      `The API server lets ${user} neither ${[...whats, answer.what].join(" nor ")}, so neither the rules nor the webhook can be asked.`,
      {
        remedy:
          "Ask a cluster admin for ClusterRole podrole-viewer, or for the right to create pods there; or explain manifests with --offline.",
      },
    );
  }
  const passedOver = decidingIn(given.objects).slice(0, 5);
  const assumptions = [
    `The rules are hidden: the API server does not let ${user} ${whats.join(" and ")}. So the webhook was asked, by a server-side dry run of the pod.`,
    ...(passedOver.length === 0
      ? []
      : [`It goes by what is in the cluster, and not by ${passedOver.join(", ")} of the manifests.`]),
  ];
  const knowsNamespace = known !== undefined && !hidden.some(isOfNamespace);
  const facts = known?.facts ?? nothingOf(namespace);
  return explainAnswer(object, { answer, facts, knowsNamespace, config, assumptions, keysOf });
}

const nothingOf = (name: string): Facts => ({
  namespace: { name, labels: {}, annotations: {} },
  serviceAccount: undefined,
  grants: [],
  limitRanges: [],
});

const isOfNamespace = ({ what }: Forbidden): boolean => what.startsWith("get namespaces");
