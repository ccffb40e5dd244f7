import { onTestFinished } from "vitest";
import { kubernetesCluster, type KubernetesCluster } from "../../../injector/cluster/kubernetes.ts";
import { fakeApiServer, type FakeApiServer } from "../../support/fake-api-server.ts";
import { silent } from "../../support/log-lines.ts";
import { thrown } from "../../support/thrown.ts";
import { until } from "../../support/until.ts";

export const NAMESPACES = "/api/v1/namespaces";
export const ACCOUNTS = "/api/v1/serviceaccounts";
export const GRANTS = "/apis/podrole.dev/v1alpha1/rolegrants";
export const LIMIT_RANGES = "/api/v1/limitranges";
export const ROLE = "eks.amazonaws.com/role-arn";
export const TIMING = { firstPauseMs: 20, lastPauseMs: 80, absentMs: 40 };

export const namespace = (name: string, labels = {}, annotations = {}) => ({
  metadata: {
    name,
    labels: { "podrole.dev/inject": "enabled", ...labels },
    annotations,
    managedFields: [{ manager: "kubectl" }],
  },
  spec: { finalizers: ["kubernetes"] },
});
export const account = (name: string, annotations = {}) => ({
  metadata: { name, namespace: "shop", annotations },
  secrets: [{ name: "token" }],
});
export const limitRangeOf = (name: string, where: string) => ({
  metadata: { name, namespace: where },
  spec: { limits: [{ type: "Container", max: { cpu: "500m" } }] },
});
export const grant = (name: string, spec: object) => ({ metadata: { name }, spec });

export interface Rig {
  readonly server: FakeApiServer;
  readonly cluster: KubernetesCluster;
}

/** A started cluster with a namespace `shop` and a service account `billing`. The test adds everything else. */
export async function rig(prepare: (server: FakeApiServer) => void = () => {}, log = silent): Promise<Rig> {
  const server = await fakeApiServer();
  server.put(NAMESPACES, namespace("shop", {}, { a: "b" }));
  server.put(ACCOUNTS, account("billing", { [ROLE]: "x" }));
  prepare(server);
  const cluster = kubernetesCluster(server.config, { log, timing: TIMING });
  onTestFinished(() => cluster.stop());
  cluster.start();
  return { server, cluster };
}

export async function ready(one: Rig): Promise<Rig> {
  await until("everything to be read", () => one.cluster.ready() || undefined);
  return one;
}

/** The denial shows this code and message. */
export const refusal = (one: Rig, where = "shop", who = "billing") =>
  thrown(() => one.cluster.facts(where, who));
export const gets = ({ server }: Rig): readonly string[] =>
  server.requests.filter((line) => line.startsWith("GET"));
