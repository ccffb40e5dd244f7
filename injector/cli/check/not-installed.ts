import { CodedError } from "../../../sidecar/kit/errors.ts";
import { CONFIG_MAP } from "../../config/config-map.ts";
import { fieldsIn, own } from "../../model/read.ts";
import { INJECTOR } from "../live/deployment.ts";
import type { CheckFacts } from "./facts.ts";
import { underPodrole } from "./namespaces.ts";
import { listed } from "./result.ts";
import { oursIn } from "./webhook.ts";

/**
 * The one sentence that says more than a report in which everything is missing; undefined where something is installed, or
 * may be. A webhook that leads into this namespace is something: without its injector, no pod of a labelled namespace can be
 * made. Pure.
 */
export function notInstalled(facts: CheckFacts, context: string): CodedError | undefined {
  const { podroleNamespace: place, server, deployment, controller, configMap, service } = facts;
  if ([deployment, controller, configMap, service].some(({ kind }) => kind !== "absent")) return undefined;
  const places = webhookPlaces(facts);
  if (places === undefined || places.includes(place)) return undefined;
  const where = `podrole is not installed in namespace ${place} of context ${context} (${server})`;
  const [elsewhere] = places;
  if (elsewhere !== undefined) {
    const message = `${where}, but its webhook leads to namespace ${listed(places)}.`;
    return new CodedError("NOT_INSTALLED", message, { remedy: `Add --podrole-namespace ${elsewhere}.` });
  }
  return new CodedError(
    "NOT_INSTALLED",
    `${where}: there is no Deployment ${INJECTOR} and no ConfigMap ${CONFIG_MAP}.${labelledOnes(facts)}`,
    {
      remedy: "Install it as deploy/README.md says, or choose another --context or --podrole-namespace.",
    },
  );
}

/** The namespaces that podrole's webhooks lead to; undefined where they could not be read. */
function webhookPlaces({ webhooks }: CheckFacts): readonly string[] | undefined {
  // A user who may not list them was still told that nothing is in the namespace.
  if (webhooks.kind === "unread") return webhooks.refused === true ? [] : undefined;
  if (webhooks.kind === "absent") return [];
  const places = oursIn(webhooks.value).map((one) =>
    own(fieldsIn(fieldsIn(one, "clientConfig"), "service"), "namespace"),
  );
  // A webhook by URL leads out of the cluster, and what is behind it is not known.
  if (places.some((place) => typeof place !== "string")) return undefined;
  return [...new Set(places as readonly string[])];
}

/** Somebody takes their pods for guarded. */
function labelledOnes({ namespaces, podroleNamespace }: CheckFacts): string {
  const ours = namespaces.kind === "found" ? underPodrole(namespaces.value, podroleNamespace) : [];
  if (ours.length === 0) return "";
  const names = listed(ours.map(({ namespace }) => namespace.name));
  return ` New pods of the labelled namespaces (${names}) get neither guard nor role.`;
}
