import { X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import type { KubeConfig } from "@kubernetes/client-node";
import { apiServer } from "../../injector/cluster/api-server.ts";
import { kubernetesCluster } from "../../injector/cluster/kubernetes.ts";
import { DURATIONS, type Durations } from "../../injector/controller/durations.ts";
import { certificateKeeper } from "../../injector/controller/keep-certificates.ts";
import type { Action } from "../../injector/controller/plan.ts";
import { task } from "../../injector/controller/task.ts";
import type { Trouble } from "../../injector/model/trouble.ts";
import { random } from "../../injector/mutate/fresh.ts";
import { serveCertificate } from "../../injector/http/listener.ts";
import { buildServer } from "../../injector/serve/server.ts";
import { certificateAuthority, validFor } from "../../injector/tls/certificates.ts";
import { serviceNames } from "../../injector/tls/options.ts";
import { certificatesIn } from "../../injector/tls/pem.ts";
import { tlsSource, type TlsSourceState } from "../../injector/tls/source.ts";
import { systemClock, type Clock } from "../../sidecar/kit/clock.ts";
import { config } from "../support/config.ts";
import { logLines, type LogLine } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { NAMESPACES, shippedObject } from "./setting.ts";

const NAMESPACE = "podrole-system";
export const SECRETS = `${NAMESPACES}/${NAMESPACE}/secrets`;
export const SECRET = `${SECRETS}/podrole-injector-tls`;
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
export const CONFIGURATION = `${WEBHOOKS}/podrole`;

/** A controller that keeps certificates at a real API server. */
export interface Controller {
  readonly lines: readonly LogLine[];
  readonly actions: readonly Action["do"][];
  readonly trouble: () => Trouble | undefined;
  close(): Promise<void>;
}

/**
 * Looks twice a second. Certificates have their usual lifetimes unless a test sets others.
 * @param aheadMs how far its clock is ahead of the API server's
 */
export function openController(account: KubeConfig, over: Partial<Durations> = {}, aheadMs = 0): Controller {
  const { log, lines } = logLines();
  const api = apiServer(account);
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const durations = { ...DURATIONS, intervalMs: 500, ...over };
  const actions: Action["do"][] = [];
  const { round } = certificateKeeper({
    api,
    clock,
    log,
    places: {
      secret: "podrole-injector-tls",
      keys: "podrole-controller-ca",
      namespace: NAMESPACE,
      configuration: "podrole",
    },
    names: [...serviceNames("podrole-injector", NAMESPACE), "127.0.0.1"],
    durations,
    observe: (action) => void actions.push(action),
  });
  const kept = task({ name: "certificates", intervalMs: durations.intervalMs, round, clock, log });
  const stopping = new AbortController();
  const running = kept.run(stopping.signal);
  return {
    lines,
    actions,
    trouble: kept.trouble,
    close: async () => {
      stopping.abort();
      await running;
      api.close();
    },
  };
}

/** A replica of the injector that takes its certificate from the Secret. */
export interface Replica {
  readonly port: number;
  readonly lines: readonly LogLine[];
  readonly state: () => TlsSourceState;
  close(): Promise<void>;
}

/** Resolves when it listens, that is, when it has a certificate. It looks for a new one twice a second. */
export async function openReplica(plane: ControlPlane): Promise<Replica> {
  const { log, lines } = logLines();
  const api = apiServer(plane.injectorConfig);
  const clock: Clock = { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(500, signal) };
  const tls = tlsSource(
    {
      minVersion: "TLSv1.3",
      clientCa: undefined,
      drainMs: 0,
      source: {
        mode: "self-managed",
        secret: "podrole-injector-tls",
        service: "podrole-injector",
        namespace: NAMESPACE,
      },
    },
    { api, namespace: NAMESPACE, clock, log, reloaded: () => {} },
  );
  const cluster = kubernetesCluster(plane.injectorConfig, { log });
  const stopping = new AbortController();
  cluster.start();
  const app = buildServer({
    config: () => config({ policy: "listed", region: "eu-west-1" }),
    cluster,
    log,
    fresh: random,
    tls: await tls.first(stopping.signal),
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const running = tls.run((pair) => serveCertificate(app.server, pair), stopping.signal);
  await until("the facts", () => cluster.ready() || undefined);
  return {
    port: (app.server.address() as AddressInfo).port,
    lines,
    state: tls.state,
    close: async () => {
      stopping.abort();
      app.server.closeAllConnections();
      await Promise.all([app.close(), cluster.stop(), running]);
      api.close();
    },
  };
}

/** The registration of deploy/install.yaml without a caBundle, but by address. */
export async function register(plane: ControlPlane, port: number): Promise<void> {
  const shipped = await shippedObject("MutatingWebhookConfiguration");
  await plane.admin.create(WEBHOOKS, {
    ...shipped,
    webhooks: shipped.webhooks.map((webhook: object) => ({
      ...webhook,
      clientConfig: { url: `https://127.0.0.1:${port}/mutate` },
    })),
  });
}

/** The CAs that each webhook of the configuration trusts. */
export async function bundles({ admin }: ControlPlane): Promise<readonly (readonly string[])[]> {
  const { webhooks } = await admin.get(CONFIGURATION);
  return webhooks.map(({ clientConfig }: KubeObject) => certificatesIn(atob(clientConfig.caBundle ?? "")));
}

/** A CA that is not podrole's. */
export const foreignCa = async (): Promise<string> =>
  (await certificateAuthority("foreign", validFor(1, Date.now()))).cert;

export async function serialInSecret({ admin }: ControlPlane): Promise<string> {
  const { data } = await admin.get(SECRET);
  return new X509Certificate(atob(data["tls.crt"])).serialNumber;
}
