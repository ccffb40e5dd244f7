import { ENV } from "../../../sidecar/contract/env.ts";
import { CONTAINER } from "../../../sidecar/contract/pod.ts";
import type { PodOutcome } from "../../review/admit-pod.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { guardModeIn, isGuardAndSidecar } from "../../model/own-form.ts";
import { isPodroleContainer } from "../../model/user-containers.ts";
import { envVar, type Container, type Pod } from "../../model/pod.ts";
import type { SidecarIntent } from "../../decide/intent.ts";

/** What an injected pod looks like: which container gets what, without any secret value. */
export interface After {
  /** In the order in which they start. */
  readonly containers: readonly ContainerAfter[];
  readonly sidecar?: SidecarIntent;
  /** Volumes and annotations that were not there before. */
  readonly volumes: readonly string[];
  readonly annotations: readonly string[];
}

export interface ContainerAfter {
  readonly name: string;
  readonly init: boolean;
  readonly ours: boolean;
  readonly credentials: boolean;
  /** Names of variables that were not there before. */
  readonly variables: readonly string[];
  /** What has changed otherwise, each as a few words. */
  readonly changes: readonly string[];
}

type Injected = PodOutcome & { readonly kind: "inject" };

/** The differences between the two pods of an injection, container by container. */
export function afterOf(outcome: Injected, config: InjectorConfig): After {
  const { before, after, sidecar } = outcome;
  const exposed = new Set(sidecar?.identities.flatMap(({ containers }) => containers));
  const all = (pod: Pod): readonly Container[] => [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
  ];
  const inits = after.spec.initContainers?.length ?? 0;
  // By name and not by object, which a copy shares: names are unique in a pod, or the API server refuses it.
  const known = new Map(all(before).map((container) => [container.name, container]));
  return {
    containers: all(after).map((container, index): ContainerAfter => {
      const init = index < inits;
      const ours = init && isPodroleContainer(container);
      const found = known.get(container.name);
      return {
        name: container.name,
        init,
        ours,
        credentials: !ours && exposed.has(container.name),
        variables: ours ? [] : added(namesOf(found?.env), namesOf(container.env)),
        changes: ours
          ? [...(found === undefined ? ["added"] : []), purposeOf(container, outcome, config)]
          : changesOf(found, container),
      };
    }),
    ...(sidecar === undefined ? {} : { sidecar }),
    volumes: added(namesOf(before.spec.volumes), namesOf(after.spec.volumes)),
    annotations: added(
      Object.keys(before.metadata?.annotations ?? {}),
      Object.keys(after.metadata?.annotations ?? {}),
    ),
  };
}

function purposeOf(container: Container, { guard, sidecar }: Injected, { block }: InjectorConfig): string {
  const emulates = envVar(container, ENV.imds)?.value === "emulate";
  const addresses = block.join(" and ");
  const cut = `cuts the pod off from ${addresses}`;
  if (container.name === CONTAINER.sidecar) {
    const first = isGuardAndSidecar(container) ? `${cut}, gives up root, ` : "";
    const again = guard === "verify" ? ", and proves the same again each minute" : "";
    const serves = emulates
      ? "serves credentials, in the place of the metadata service too"
      : "serves credentials";
    return first + serves + again;
  }
  if (guardModeIn({ initContainers: [container] }) === "verify") {
    const once = sidecar === undefined ? "; nothing proves it again later" : "";
    return `proves that nodes or network keep ${addresses} out of reach, and changes nothing${once}`;
  }
  return emulates ? `${cut}, and leads requests for metadata to the sidecar` : cut;
}

const namesOf = (list: readonly { readonly name: string }[] | undefined): readonly string[] =>
  (list ?? []).map(({ name }) => name);

function added(before: readonly string[], after: readonly string[]): readonly string[] {
  const known = new Set(before);
  return after.filter((name) => !known.has(name));
}

/** What hardening and the proxy's exemption did to a container of the user's. */
function changesOf(before: Container | undefined, after: Container): readonly string[] {
  const [was, is] = [before?.securityContext ?? {}, after.securityContext ?? {}];
  const drops = added(was.capabilities?.drop ?? [], is.capabilities?.drop ?? []);
  // By place: a name may stand twice, and what is new comes last.
  const exempted = (after.env ?? [])
    .slice(0, before?.env?.length ?? 0)
    .map(({ name, value }, index) => ({ name, value: value ?? "", was: before?.env?.[index]?.value ?? "" }))
    .filter((one) => one.was !== one.value);
  return [
    ...(drops.length === 0 ? [] : [`drops ${drops.join(", ")}`]),
    ...(was.allowPrivilegeEscalation !== is.allowPrivilegeEscalation ? ["no privilege escalation"] : []),
    ...exempted.map((one) => `${one.name} extended by ${one.value.slice(one.was.length).replace(/^,/, "")}`),
  ];
}
