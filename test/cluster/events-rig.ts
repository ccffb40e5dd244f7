import type { AddressInfo } from "node:net";
import { apiServer } from "../../injector/cluster/api-server.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../injector/tls/certificates.ts";
import { eventRecorder, type EventRecorder } from "../../injector/serve/events.ts";
import { kubernetesCluster } from "../../injector/cluster/kubernetes.ts";
import type { EventResult } from "../../injector/serve/metrics.ts";
import { buildServer } from "../../injector/serve/server.ts";
import { randomToken } from "../../injector/mutate/token.ts";
import { systemClock } from "../../sidecar/kit/clock.ts";
import { config } from "../support/config.ts";
import { logLines, type LogLine } from "../support/log-lines.ts";
import { until } from "../support/until.ts";
import type { ControlPlane } from "./control-plane.ts";
import { allowInjector, installCrd } from "./setting.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

export interface EventsRig {
  readonly lines: readonly LogLine[];
  /** What became of each Event, in order. */
  readonly results: readonly EventResult[];
  close(): Promise<void>;
}

/** A webhook registered with a real API server, whose user may do all that facts need, and may not write Events yet. */
export async function openEventsRig(plane: ControlPlane): Promise<EventsRig> {
  await allowInjector(plane, "events.k8s.io");
  await installCrd(plane);
  const authority = await certificateAuthority("podrole test", validFor(1, Date.now()));
  const { log, lines } = logLines();
  const cluster = kubernetesCluster(plane.injectorConfig, { log });
  const results: EventResult[] = [];
  const events = recorderFor(plane, {
    log,
    now: () => systemClock.now(),
    count: (result) => void results.push(result),
  });
  const app = buildServer({
    config: config(),
    cluster,
    observe: events.observe,
    log,
    newToken: randomToken,
    tls: await servingCertificate(authority, ["127.0.0.1"], validFor(1, Date.now())),
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  cluster.start();
  await until("the injector", () => cluster.ready() || undefined);
  const { port } = app.server.address() as AddressInfo;
  await plane.admin.create(WEBHOOKS, webhook(port, authority.cert));
  return {
    lines,
    results,
    close: async () => {
      app.server.closeAllConnections();
      await Promise.all([app.close(), events.stop(), cluster.stop()]);
    },
  };
}

/** One that writes to the real API server as the injector's user. */
export const recorderFor = (
  { injectorConfig }: ControlPlane,
  of: {
    readonly log: ReturnType<typeof logLines>["log"];
    readonly now: () => number;
    readonly count: (result: EventResult) => void;
  },
): EventRecorder =>
  eventRecorder({
    api: apiServer(injectorConfig),
    log: of.log,
    clock: { ...systemClock, now: of.now },
    instance: "injector-0",
    count: of.count,
  });

/** What the injector needs for Events, and nothing else. */
export async function allowEvents({ admin }: ControlPlane): Promise<void> {
  await admin.create(`${RBAC}/clusterroles`, {
    metadata: { name: "injector-events" },
    rules: [{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create"] }],
  });
  await admin.create(`${RBAC}/clusterrolebindings`, {
    metadata: { name: "injector-events" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "injector-events" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "injector" }],
  });
}

const webhook = (port: number, ca: string): object => ({
  metadata: { name: "podrole" },
  webhooks: [
    {
      name: "pods.podrole.dev",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      timeoutSeconds: 5,
      clientConfig: { url: `https://127.0.0.1:${port}/mutate`, caBundle: btoa(ca) },
      namespaceSelector: { matchLabels: { "podrole.dev/inject": "enabled" } },
      rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    },
  ],
});
