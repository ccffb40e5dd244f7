import type { AddressInfo } from "node:net";
import type { KubeConfig } from "@kubernetes/client-node";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { kubernetesCluster } from "../../injector/cluster/kubernetes.ts";
import { serveCertificate } from "../../injector/http/listener.ts";
import { buildServer } from "../../injector/serve/server.ts";
import { random } from "../../injector/mutate/fresh.ts";
import { config } from "../support/config.ts";
import { logLines, type LogLine } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import { openControlPlane, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { allowInjector, createNamespace, installCrd, podsOf, shippedObject } from "./setting.ts";

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/** A separate control plane with the real injector registered. */
export interface Serving {
  readonly plane: ControlPlane;
  /** The injector's log so far. */
  readonly lines: readonly LogLine[];
  /** Of its listener. */
  readonly port: number;
  /** Changes the CA of the clients that may send reviews. */
  readonly useClientCa: (clientCa: string) => void;
  readonly close: () => Promise<void>;
}

export async function openInjector(over: Partial<InjectorConfig> = {}): Promise<Serving> {
  const plane = await openControlPlane();
  try {
    await allowInjector(plane);
    await installCrd(plane);
    const { close, ...injector } = await addInjector(plane, over);
    const closeBoth = async (): Promise<void> => {
      await close();
      await plane.stop();
    };
    return { ...injector, plane, close: closeBoth };
  } catch (error) {
    await plane.stop();
    throw error;
  }
}

interface Place {
  /** The name of the webhook configuration. */
  readonly name: string;
  /** The webhook is called only for namespaces with this label, so that several injectors can run side by side. */
  readonly labels: Readonly<Record<string, string>>;
  readonly kubeConfig: KubeConfig;
  /** The CA of the clients that may send reviews; absent: every client may. */
  readonly clientCa: string | undefined;
}

/** Registers one more injector at a control plane. Resolves once the API server calls it. */
export async function addInjector(
  plane: ControlPlane,
  over: Partial<InjectorConfig>,
  { name = "podrole", labels = {}, kubeConfig = plane.injectorConfig, clientCa }: Partial<Place> = {},
): Promise<Omit<Serving, "plane">> {
  const authority = await certificateAuthority("podrole test", validFor(1, Date.now()));
  const { log, lines } = logLines();
  const cluster = kubernetesCluster(kubeConfig, { log });
  const listening = {
    ...(await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now()))),
    ...(clientCa === undefined ? {} : { clientCa }),
  };
  const app = buildServer({
    config: () => config({ policy: "listed", region: "eu-west-1", ...over }),
    cluster,
    ready: () => cluster.ready(),
    log,
    fresh: random,
    tls: listening,
  });
  const close = async (): Promise<void> => {
    app.server.closeAllConnections();
    await Promise.all([app.close(), cluster.stop()]);
  };
  try {
    await app.listen({ host: "127.0.0.1", port: 0 });
    cluster.start();
    const reads = kubeConfig === plane.injectorConfig;
    if (reads) await until("the injector", () => cluster.ready() || undefined);
    const { port } = app.server.address() as AddressInfo;
    await plane.admin.create(WEBHOOKS, await registration(port, authority.cert, name, labels));
    const canary = name === "podrole" ? "canary" : `${name}-canary`;
    await createNamespace(plane.admin, canary, labels);
    await until("the webhook to be called", async () => {
      const pod = podObject("canary", {});
      const { status, body } = await plane.admin.request("POST", `${podsOf(canary)}?dryRun=All`, pod);
      if (!reads) return String(body.message).includes("denied the request") || undefined;
      return (status === 201 && body.spec.initContainers?.[0]?.name === CONTAINER.guard) || undefined;
    });
    const { port: at } = app.server.address() as AddressInfo;
    const useClientCa = (other: string): void => {
      serveCertificate(app.server, { ...listening, clientCa: other });
      app.server.closeIdleConnections();
    };
    return { lines, port: at, useClientCa, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export const podObject = (name: string, annotations: object, spec: object = {}): object => ({
  metadata: { name, annotations },
  spec: { containers: [{ name: "app", image: "shop/app:1" }], ...spec },
});

/** The registration of deploy/install.yaml, but by address: there is no service network here. */
async function registration(
  port: number,
  ca: string,
  name: string,
  labels: Place["labels"],
): Promise<object> {
  const shipped = await shippedObject("MutatingWebhookConfiguration");
  const clientConfig = { url: `https://127.0.0.1:${port}/mutate`, caBundle: btoa(ca) };
  const webhooks = shipped.webhooks.map(({ namespaceSelector, ...webhook }: KubeObject) => ({
    ...webhook,
    clientConfig,
    namespaceSelector: {
      ...namespaceSelector,
      matchLabels: { ...namespaceSelector.matchLabels, ...labels },
    },
  }));
  return { ...shipped, metadata: { ...shipped.metadata, name }, webhooks };
}
