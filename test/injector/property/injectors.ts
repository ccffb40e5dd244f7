import * as fc from "fast-check";
import type { Container, EnvVar, Pod, Volume } from "../../../injector/model/pod.ts";
import { throughApiServer } from "../../support/pods.ts";
import { SIDECAR_UID } from "../../support/sidecar-uid.ts";

/** Models of other injecting webhooks, limited to what can conflict with podrole. */

/** Patches a pod as the webhook does. Like the real ones, it changes nothing in a pod that it has patched before. */
export interface Injector {
  readonly inject: (pod: Pod) => Pod;
  /** Names of the containers that it adds. */
  readonly adds: readonly string[];
}

/** Has its own uid, like the real ones: with the pod's uid it could be refused. */
const image = (name: string, context: object = {}): Container => ({
  name,
  image: `${name}:1`,
  env: [{ name: "MESH", value: name }],
  securityContext: { runAsUser: 1337, ...context },
});
const CONFINED = { capabilities: { drop: ["ALL"] } };

const withAnnotations = (pod: Pod, annotations: Readonly<Record<string, string>>): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, ...annotations } },
});

function withSpec(
  pod: Pod,
  first: readonly Container[],
  last: readonly Container[],
  containers: readonly Container[],
  volumes: readonly Volume[],
): Pod {
  const { spec } = pod;
  return {
    ...pod,
    spec: {
      ...spec,
      initContainers: [...first, ...(spec.initContainers ?? []), ...last],
      containers: [...spec.containers, ...containers],
      volumes: [...(spec.volumes ?? []), ...volumes],
    },
  };
}

const everywhere = (pod: Pod, change: (container: Container) => Container): Pod => ({
  ...pod,
  spec: {
    ...pod.spec,
    initContainers: (pod.spec.initContainers ?? []).map(change),
    containers: pod.spec.containers.map(change),
  },
});

const has = ({ spec }: Pod, name: string): boolean =>
  [...(spec.initContainers ?? []), ...spec.containers].some((container) => container.name === name);

const once = (adds: readonly string[], inject: (pod: Pod) => Pod): Injector => ({
  adds,
  inject: (pod) => (adds.some((name) => has(pod, name)) ? pod : inject(pod)),
});

const memory = (name: string): Volume => ({ name, emptyDir: { medium: "Memory" } });

/** The mode with the CNI plugin. Without it, the init container needs NET_ADMIN, which podrole refuses. */
const istio = once(["istio-validation", "istio-proxy"], (pod) =>
  withAnnotations(
    withSpec(
      pod,
      [image("istio-validation", CONFINED), { ...image("istio-proxy", CONFINED), restartPolicy: "Always" }],
      [],
      [],
      [memory("istio-envoy"), { name: "istio-token", projected: { sources: [] } }],
    ),
    { "sidecar.istio.io/status": "{}", "prometheus.io/scrape": "true" },
  ),
);

const linkerd = once(["linkerd-network-validator", "linkerd-proxy"], (pod) =>
  withAnnotations(
    withSpec(
      pod,
      [image("linkerd-network-validator")],
      [],
      [image("linkerd-proxy")],
      [memory("linkerd-identity-end-entity")],
    ),
    { "linkerd.io/proxy-version": "1", "kubectl.kubernetes.io/default-container": "app-0" },
  ),
);

const vault = once(["vault-agent-init", "vault-agent"], (pod) => {
  const mounted = everywhere(pod, (container) => ({
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), { name: "vault-secrets", mountPath: "/vault/secrets" }],
  }));
  const volumes = [memory("home-init"), memory("vault-secrets")];
  return withAnnotations(
    withSpec(mounted, [], [image("vault-agent-init")], [image("vault-agent")], volumes),
    {
      "vault.hashicorp.com/agent-inject-status": "injected",
    },
  );
});

/** EKS's webhook for service accounts. It skips the containers that an annotation names. */
const irsa: Injector = {
  adds: [],
  inject: (pod) => {
    const skipped = (pod.metadata?.annotations?.["eks.amazonaws.com/skip-containers"] ?? "").split(",");
    const variables: readonly EnvVar[] = [
      { name: "AWS_ROLE_ARN", value: "arn:aws:iam::111122223333:role/irsa" },
      {
        name: "AWS_WEB_IDENTITY_TOKEN_FILE",
        value: "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
      },
    ];
    const told = everywhere(pod, (container) =>
      skipped.includes(container.name) || container.env?.some(({ name }) => name === "AWS_ROLE_ARN") === true
        ? container
        : { ...container, env: [...(container.env ?? []), ...variables] },
    );
    const present = (pod.spec.volumes ?? []).some(({ name }) => name === "aws-iam-token");
    return present
      ? told
      : withSpec(told, [], [], [], [{ name: "aws-iam-token", projected: { sources: [] } }]);
  },
};

/** Tracing: adds a variable at the front of every container, also of podrole's, and a container at the end. */
const tracing = once(["tracer"], (pod) =>
  withSpec(
    everywhere(pod, (container) => ({
      ...container,
      env: [{ name: "DD_AGENT_HOST", value: "node" }, ...(container.env ?? [])],
    })),
    [],
    [],
    // By chance the uid that the pod's sidecar has.
    [image("tracer", { runAsUser: SIDECAR_UID })],
    [],
  ),
);

/** Built-in admission plugins of the API server, which also change podrole's containers. */
const builtIn: Injector = {
  adds: [],
  inject: (pod) =>
    throughApiServer(
      everywhere(pod, (container) => ({
        ...container,
        imagePullPolicy: "Always",
        resources: container["resources"] ?? { limits: { cpu: "2" } },
      })),
    ),
};

const INJECTORS: Readonly<Record<string, Injector>> = { istio, linkerd, vault, irsa, tracing, builtIn };

export const injectorNamed = (name: string): Injector => INJECTORS[name] ?? builtIn;

/** Some of the webhooks, in any order. */
export const someInjectors = fc.shuffledSubarray(Object.keys(INJECTORS));
