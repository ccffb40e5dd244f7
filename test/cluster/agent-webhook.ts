import { createServer } from "node:https";
import { text } from "node:stream/consumers";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { patchBetween } from "../../injector/mutate/patch.ts";
import type { Container, Pod } from "../../injector/model/pod.ts";
import { listening } from "../support/listening.ts";
import type { KubeObject } from "./kube-client.ts";

/** A webhook as agents for tracing and for secrets bring them, at an address of its own. */
export interface AgentWebhook {
  readonly clientConfig: object;
  readonly close: () => void;
}

const VARIABLE = "AGENT_HOST";

/** Once in each container, as real ones do it. */
function inContainer(one: Container): Container {
  if (one.env?.some(({ name }) => name === VARIABLE)) return one;
  const { volumeMounts = [], env = [], lifecycle } = one;
  return {
    ...one,
    env: [
      { name: VARIABLE, value: "node" },
      ...env,
      { name: "NODE_OPTIONS", value: "--require /agent/a.js" },
    ],
    envFrom: [{ configMapRef: { name: "agent", optional: true } }],
    volumeMounts: [...volumeMounts, { name: "agent", mountPath: "/agent" }],
    ports: [{ containerPort: 8126, name: "agent" }],
    ...(one["restartPolicy"] === "Always"
      ? { lifecycle: { ...lifecycle, preStop: { exec: { command: ["/agent/stop"] } } } }
      : {}),
  };
}

/** Adds to every container, and a label, a volume, an init container and a container to the pod. */
export function withAgent({ metadata, spec, ...pod }: Pod): Pod {
  const volumes = spec.volumes ?? [];
  const inits = (spec.initContainers ?? []).map(inContainer);
  const containers = spec.containers.map(inContainer);
  const isNew = !volumes.some(({ name }) => name === "agent");
  const setup = { name: "agent-init", image: "agent/init:1" };
  const proxy = { name: "agent", image: "agent/agent:1" };
  return {
    ...pod,
    metadata: { ...metadata, labels: { ...metadata?.labels, "agent.example/injected": "true" } },
    spec: {
      ...spec,
      volumes: isNew ? [...volumes, { name: "agent", emptyDir: {} }] : volumes,
      initContainers: isNew ? [setup, ...inits] : inits,
      containers: isNew ? [...containers, proxy] : containers,
    },
  };
}

/** Rewrites images to a mirror, as registry proxies do. */
export const withMirror = ({ spec, ...pod }: Pod): Pod => {
  const mirrored = (one: Container): Container => ({
    ...one,
    image: (one.image ?? "").replace(/^(?:mirror\.example\/)?/, "mirror.example/"),
  });
  return {
    ...pod,
    spec: {
      ...spec,
      initContainers: (spec.initContainers ?? []).map(mirrored),
      containers: spec.containers.map(mirrored),
    },
  };
};

export async function startAgent(change: (pod: Pod) => Pod): Promise<AgentWebhook> {
  const authority = await certificateAuthority("agent test", validFor(1, Date.now()));
  const pair = await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now()));
  const server = createServer(pair, (request, answer) => {
    void text(request).then((body) => {
      const review: KubeObject = JSON.parse(body);
      const { uid, object } = review.request;
      const patch = btoa(JSON.stringify(patchBetween(object, change(object))));
      const response = { uid, allowed: true, patchType: "JSONPatch", patch };
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ apiVersion: review.apiVersion, kind: review.kind, response }));
    });
  });
  const port = await listening(server);
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: btoa(authority.cert) }, close };
}
