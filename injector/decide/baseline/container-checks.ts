import { named, type Container, type Handler } from "../../model/pod.ts";
import { BASELINE_CAPABILITIES, canonical, mayAdd } from "./capabilities.ts";
import { ELSEWHERE, type Subject, type Violation } from "./control.ts";
import { isForMesh } from "./mesh-init.ts";

/** The checks of one field of each container. */

const inEach =
  (check: (container: Container, subject: Subject) => readonly Violation[]) =>
  (subject: Subject): readonly Violation[] =>
    subject.containers.flatMap((container) => check(container, subject));

export const privileged = inEach((container) =>
  container.securityContext?.privileged === true
    ? [
        {
          what: `${named(container)} is privileged`,
          remedy: `Set privileged to false, or run what needs it, such as Docker in Docker, ${ELSEWHERE}`,
        },
      ]
    : [],
);

/** In a user namespace, where upstream allows any value, the kernel keeps what is not the pod's own from its root. */
export const procMount = inEach((container, { pod }) => {
  const mount = container.securityContext?.procMount;
  return mount == null || mount === "Default" || pod.spec.hostUsers === false
    ? []
    : [
        {
          what: `${named(container)} unmasks /proc`,
          remedy: "Set procMount to Default, or hostUsers to false",
        },
      ];
});

export const capabilities = inEach((container, subject) =>
  (container.securityContext?.capabilities?.add ?? [])
    .filter((added) => !mayAdd(added, subject.guard) && !isForMesh(added, container, subject))
    .map((added) => {
      const known = (BASELINE_CAPABILITIES as readonly string[]).includes(canonical(added));
      return {
        what: `${named(container)} adds the capability ${added}`,
        remedy: known
          ? `Write ${canonical(added)} in securityContext.capabilities.add`
          : `Remove ${added} from securityContext.capabilities.add`,
        value: added,
      };
    }),
);

/** On the node's network each port is one of the node anyway, and the API server says so in hostPort. */
export const hostPorts = inEach((container, { pod }) =>
  (pod.spec.hostNetwork === true ? [] : (container.ports ?? []))
    .map(({ hostPort }) => hostPort ?? 0)
    .filter((port) => port !== 0)
    .map((port) => ({
      what: `${named(container)} takes port ${port} of the node`,
      remedy: "Remove hostPort, and use a Service",
    })),
);

/** Where a probe or a hook of the container may name a host, by its field. */
const HANDLERS: readonly (readonly [string, (container: Container) => Handler | null | undefined])[] = [
  ["livenessProbe", (container) => container.livenessProbe],
  ["readinessProbe", (container) => container.readinessProbe],
  ["startupProbe", (container) => container.startupProbe],
  ["lifecycle.postStart", (container) => container.lifecycle?.postStart],
  ["lifecycle.preStop", (container) => container.lifecycle?.preStop],
];

/**
 * The kubelet asks from the node, past the guard. It shows what a service answers: whether it does, and of a redirect the
 * body (kubelet's pkg/probe/http).
 */
export const probeHosts = inEach((container) =>
  HANDLERS.flatMap(([field, handlerOf]) => {
    const handler = handlerOf(container);
    if (handler == null) return [];
    return (["httpGet", "tcpSocket"] as const).flatMap((kind) => {
      const host = handler[kind]?.host ?? "";
      return host === ""
        ? []
        : [
            {
              what: `${named(container)} makes the kubelet connect to ${JSON.stringify(host)} (${field}.${kind}.host)`,
              remedy: "Remove host: the kubelet then connects to the pod",
            },
          ];
    });
  }),
);
