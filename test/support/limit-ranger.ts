import type { LimitRange, Quantities } from "../../injector/model/limit-range.ts";
import type { Container, Pod } from "../../injector/model/pod.ts";
import { quantityOf } from "../../injector/model/quantity.ts";

/** What the API server's LimitRanger plugin says of a pod after all webhooks, written anew from its source (Kubernetes 1.36). */

type Amounts = Readonly<Record<"requests" | "limits", Quantities>>;

const KINDS = ["requests", "limits"] as const;

/** The pod as a webhook sees it: a limit stands in for a request, and LimitRanges gave what was missing. */
export function withLimitRangeDefaults(pod: Pod, limitRanges: readonly LimitRange[]): Pod {
  const completed = (container: Container): Container => {
    const { requests, limits } = amounts(container);
    let all = { requests: { ...limits, ...requests }, limits };
    for (const item of limitRanges.flatMap((one) => one.limits))
      all = {
        requests: { ...item.defaultRequest, ...all.requests },
        limits: { ...item.default, ...all.limits },
      };
    return { ...container, resources: all };
  };
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(completed),
      ...(initContainers && { initContainers: initContainers.map(completed) }),
    },
  };
}

/** @returns what the plugin refuses; nothing if it admits the pod */
export function refusals(pod: Pod, limitRanges: readonly LimitRange[]): readonly string[] {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return limitRanges
    .flatMap(({ limits }) => limits)
    .flatMap((item) => {
      const subjects: readonly Amounts[] =
        item.type === "Container"
          ? containers.map(amounts)
          : [{ requests: sum(pod, "requests"), limits: sum(pod, "limits") }];
      return subjects.flatMap((subject) =>
        (["cpu", "memory"] as const).flatMap((resource) => {
          const milli = (text: string | undefined): number | undefined =>
            text === undefined ? undefined : Math.round(quantityOf(text) * 1000);
          const [request, limit] = KINDS.map((kind) => milli(subject[kind][resource]));
          const [min, max] = [milli(item.min[resource]), milli(item.max[resource])];
          const ratio = milli(item.maxLimitRequestRatio[resource]);
          const isBelow =
            min !== undefined && (request === undefined || request < min || (limit ?? min) < min);
          const isAbove = max !== undefined && (limit === undefined || limit > max || (request ?? 0) > max);
          const isWide = ratio !== undefined && (!request || !limit || (limit / request) * 1000 > ratio);
          return [
            ...(isBelow ? [`minimum ${resource} per ${item.type}`] : []),
            ...(isAbove ? [`maximum ${resource} per ${item.type}`] : []),
            ...(isWide ? [`ratio of ${resource} per ${item.type}`] : []),
          ];
        }),
      );
    });
}

function amounts(container: Container): Amounts {
  const { requests = {}, limits = {} } = (container["resources"] ?? {}) as Partial<Amounts>;
  return { requests, limits };
}

/** The most that the pod takes at one time, of what is set. */
function sum({ spec }: Pod, kind: "requests" | "limits"): Quantities {
  const entries = (["cpu", "memory"] as const).flatMap((resource): [string, string][] => {
    const of = (one: Container): number => quantityOf(amounts(one)[kind][resource] ?? "0");
    let [stays, most] = [0, 0];
    for (const init of spec.initContainers ?? []) {
      most = Math.max(most, stays + of(init));
      if (init["restartPolicy"] === "Always") stays += of(init);
    }
    const all = [...spec.containers, ...(spec.initContainers ?? [])];
    const total = Math.max(
      most,
      spec.containers.reduce((one, other) => one + of(other), stays),
    );
    return all.some((one) => amounts(one)[kind][resource] !== undefined)
      ? [[resource, total.toFixed(6)]]
      : [];
  });
  return Object.fromEntries(entries);
}
