import { isReadOnlyThroughout } from "../../model/node-mounts.ts";
import { named } from "../../model/pod.ts";
import { BASELINE_SYSCTLS } from "./sysctls.ts";
import { ELSEWHERE, type Subject, type Violation } from "./control.ts";

/** The checks of fields of the pod, and of its volumes. */

/** Not hostNetwork: `decide` answers for it, since the setting `hostNetwork` may admit such a pod without a guard. */
export const hostNamespaces = ({ pod: { spec } }: Subject): readonly Violation[] =>
  (["hostPID", "hostIPC"] as const)
    .filter((field) => spec[field] === true)
    .map((field) => ({
      what: `The pod sets ${field}`,
      remedy: `Remove ${field} from the pod, or run it ${ELSEWHERE}`,
    }));

export function hostPaths({ pod: { spec }, containers }: Subject): readonly Violation[] {
  const written = new Set(
    containers.flatMap(({ volumeMounts }) =>
      (volumeMounts ?? []).filter((mount) => !isReadOnlyThroughout(mount)).map(({ name }) => name),
    ),
  );
  return (spec.volumes ?? []).flatMap(({ name, hostPath }) =>
    hostPath == null
      ? []
      : [
          {
            what: `The volume ${JSON.stringify(name)} is the path ${JSON.stringify(hostPath.path ?? "")} of the node`,
            remedy: `Use a volume of another kind, or run the pod ${ELSEWHERE}`,
            value: hostPath.path ?? "",
            readOnly: !written.has(name),
          },
        ],
  );
}

export const sysctls = ({ pod: { spec } }: Subject): readonly Violation[] =>
  (spec.securityContext?.sysctls ?? [])
    .map(({ name }) => name)
    .filter((name) => !(BASELINE_SYSCTLS as readonly string[]).includes(name))
    .map((name) => ({
      what: `The pod sets the sysctl ${name}`,
      remedy: `Remove ${name} from securityContext.sysctls`,
      value: name,
    }));

export const hostProcess = ({ pod: { spec }, containers }: Subject): readonly Violation[] =>
  [
    ...(spec.securityContext?.windowsOptions?.hostProcess === true ? ["The pod"] : []),
    ...containers
      .filter(({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true)
      .map((container) => named(container)),
  ].map((who) => ({ what: `${who} sets windowsOptions.hostProcess`, remedy: "Set hostProcess to false" }));
