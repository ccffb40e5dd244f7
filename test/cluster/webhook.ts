import type { AddressInfo } from "node:net";
import { CONTAINER } from "../../sidecar/contract.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/certificates.ts";
import { kubernetesCluster } from "../../injector/kubernetes.ts";
import { buildServer } from "../../injector/server.ts";
import { randomToken } from "../../injector/token.ts";
import { config } from "../support/config.ts";
import { logLines, type LogLine } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import { openControlPlane, type ControlPlane } from "./control-plane.ts";
import { allowInjector, createNamespace, installCrd, podsOf, shippedObject } from "./setting.ts";

const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/** A control plane of its own with the real injector registered at it. */
export interface Serving {
  readonly plane: ControlPlane;
  /** What the injector has logged so far. */
  readonly lines: readonly LogLine[];
  readonly close: () => Promise<void>;
}

export async function openInjector(over: Parameters<typeof config>[0] = {}): Promise<Serving> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0)) await step();
  };
  try {
    const plane = await openControlPlane();
    closing.push(() => plane.stop());
    await allowInjector(plane);
    await installCrd(plane);
    const authority = await certificateAuthority("podrole test", validFor(1, Date.now()));
    const { log, lines } = logLines();
    const cluster = kubernetesCluster(plane.injectorConfig, { log });
    closing.unshift(() => cluster.stop());
    const app = buildServer({
      config: config({ policy: "listed", region: "eu-west-1", ...over }),
      cluster,
      ready: () => cluster.ready(),
      log,
      newToken: randomToken,
      tls: await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now())),
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
    closing.unshift(() => {
      app.server.closeAllConnections();
      return app.close();
    });
    cluster.start();
    await until("the injector", () => cluster.ready() || undefined);
    const { port } = app.server.address() as AddressInfo;
    await plane.admin.create(WEBHOOKS, await registration(port, authority.cert));
    await createNamespace(plane.admin, "canary");
    await until("the webhook to be called", async () => {
      const made = await plane.admin.create(`${podsOf("canary")}?dryRun=All`, podObject("canary", {}));
      return made.spec.initContainers?.[0]?.name === CONTAINER.guard || undefined;
    });
    return { plane, lines, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export const podObject = (name: string, annotations: object, spec: object = {}): object => ({
  metadata: { name, annotations },
  spec: { containers: [{ name: "app", image: "shop/app:1" }], ...spec },
});

/** As deploy/injector.yaml registers it, but by address: there is no service network here. */
async function registration(port: number, ca: string): Promise<object> {
  const shipped = await shippedObject("MutatingWebhookConfiguration");
  const clientConfig = { url: `https://127.0.0.1:${port}/mutate`, caBundle: btoa(ca) };
  return { ...shipped, webhooks: shipped.webhooks.map((webhook: object) => ({ ...webhook, clientConfig })) };
}
