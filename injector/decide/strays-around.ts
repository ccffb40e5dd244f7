import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { InjectorConfig } from "../config/installation.ts";
import { annotation } from "../model/annotations.ts";
import type { Facts } from "../model/facts.ts";
import type { Finding } from "../model/findings.ts";
import type { Pod } from "../model/pod.ts";
import { straysIn, strayLabels, type Stray } from "./stray-annotations.ts";

const findingsOf = (strays: readonly Stray[]): readonly Finding[] => strays.map((one) => one.finding);

/** What podrole would silently ignore on a service account. */
export const straysOnAccount = (
  { serviceAccount, namespace }: Pick<Facts, "serviceAccount" | "namespace">,
  { keys }: Pick<InjectorConfig, "keys">,
): readonly Stray[] =>
  serviceAccount === undefined
    ? []
    : straysIn(
        { on: "ServiceAccount", name: `service account ${namespace.name}/${serviceAccount.name}` },
        serviceAccount.annotations,
        keys,
      );

/** What podrole would silently ignore on a namespace. */
export function straysOnNamespace(
  { namespace: { name, annotations, labels } }: Pick<Facts, "namespace">,
  { keys }: Pick<InjectorConfig, "keys">,
): readonly Stray[] {
  const place = { on: "Namespace", name: `namespace ${name}` } as const;
  return [...straysIn(place, annotations, keys), ...strayLabels(place, labels, annotations, keys)];
}

/**
 * Annotations and labels of the pod, its service account and its namespace that are where podrole does not read them. What names a
 * role on account or namespace is mentioned only if nothing nearer to the pod names one: elsewhere, another tool may read it.
 */
export function straysAround(
  pod: Pod,
  facts: Facts,
  config: Pick<InjectorConfig, "keys">,
): readonly Finding[] {
  const { keys } = config;
  const annotations = pod.metadata?.annotations ?? {};
  const own = [
    ...straysIn({ on: "Pod" }, annotations, keys),
    ...strayLabels({ on: "Pod" }, pod.metadata?.labels ?? {}, annotations, keys),
  ];
  const onAccount = straysOnAccount(facts, config);
  const isNamed =
    annotation(annotations, keys.role) !== undefined ||
    annotation(annotations, ANNOTATION.inject) === "false";
  const isNamedByAccount =
    isNamed || annotation(facts.serviceAccount?.annotations, keys.serviceAccountRole) !== undefined;
  return findingsOf([
    ...own,
    ...onAccount.filter(({ isRole }) => !(isRole && isNamed)),
    ...(isNamedByAccount ? [] : straysOnNamespace(facts, config).filter(({ isRole }) => isRole)),
  ]);
}
