import type { RoleArn } from "../../injector/model/arn.ts";
import type { Cluster, Facts } from "../../injector/model/facts.ts";
import type { Fields } from "../../injector/model/read.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { Refusal, type ApiServer } from "../../injector/cluster/api-server.ts";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { PodIdentity } from "../../sidecar/kit/session-name.ts";
import type { Random } from "../../sidecar/engine/schedule.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { config } from "../support/config.ts";
import { ACCOUNT, facts, grant, role } from "../support/facts.ts";
import { accepted } from "../support/pod-token.ts";
import { injected, pod } from "../support/pods.ts";
import { latency } from "./figures.ts";

const NAMESPACES = 50;
const ACCOUNTS = 10;

export const SETTINGS: InjectorConfig = config({
  source: "broker",
  region: "eu-west-1",
  brokerUrl: "https://podrole-broker.podrole-system.svc",
  brokerCa: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
});

export interface SimulatedPod extends PodIdentity {
  readonly role: RoleArn;
  readonly address: string;
}

/** A cluster with so many pods, and its API server. */
export interface SimulatedCluster {
  readonly pods: readonly SimulatedPod[];
  readonly facts: Cluster;
  readonly api: Pick<ApiServer, "get" | "create">;
  /** How long every answer of the API server takes; undefined: some milliseconds. */
  slowMs: number | undefined;
  /** To the API server. */
  requests: number;
}

export interface PodCounts {
  readonly count: number;
  /** How many of them are in one namespace. Absent: all have as many. */
  readonly inLargest?: number | undefined;
}

export function simulatedCluster(
  { count, inLargest }: PodCounts,
  clock: Pick<Clock, "sleep">,
  random: Random,
): SimulatedCluster {
  const { pods, namespaces } = podsAndNamespaces(count, inLargest);
  const byPath = new Map(pods.map((one) => [`${podsPath(one)}/${one.pod}`, one]));
  const byName = new Map(namespaces.map((one) => [one.name, one]));
  const namespaceOf = (name: string): SimulatedNamespace => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`no namespace ${name}`);
    return found;
  };
  const takes = latency(random, { medianMs: 8, spread: 0.6 });
  const answerTime = (): Promise<void> => {
    cluster.requests += 1;
    return clock.sleep(cluster.slowMs ?? takes());
  };

  const cluster: SimulatedCluster = {
    pods,
    slowMs: undefined,
    requests: 0,
    facts: { facts: async (name) => namespaceOf(name).facts },
    api: {
      get: async (path) => {
        await answerTime();
        const found = byPath.get(path);
        if (found === undefined) throw new Refusal(404, "");
        return podObject(found, namespaceOf(found.namespace));
      },
      create: async (_, object) => {
        await answerTime();
        const { token } = (object as { readonly spec: { readonly token: string } }).spec;
        const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
        const of = claims["kubernetes.io"];
        return accepted(undefined, {
          namespace: of.namespace,
          serviceAccount: of.serviceaccount.name,
          pod: of.pod.name,
          podUid: of.pod.uid,
        });
      },
    },
  };
  return cluster;
}

export interface SimulatedNamespace {
  readonly name: string;
  readonly role: RoleArn;
  readonly facts: Facts;
  /** Of the RoleGrant that allows the role. */
  readonly grant: Fields;
  /** Of its pods, as the webhook leaves them. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** So many pods, over {@link NAMESPACES} namespaces with {@link ACCOUNTS} service accounts each. */
export function podsAndNamespaces(count: number, inLargest = 0) {
  const namespaces = Array.from({ length: NAMESPACES }, (_, one) => namespaceAt(one));
  const pods = Array.from({ length: count }, (_, one): SimulatedPod => {
    const at = one < inLargest ? 0 : one % NAMESPACES;
    return {
      namespace: nameAt(at),
      serviceAccount: `account-${Math.floor(one / NAMESPACES) % ACCOUNTS}`,
      pod: `api-${one}`,
      podUid: `uid-${one}`,
      role: roleAt(at),
      address: `127.1.${one >> 8}.${one & 255}`,
    };
  });
  return { pods, namespaces };
}

export const podsPath = ({ namespace }: Pick<SimulatedPod, "namespace">): string =>
  `/api/v1/namespaces/${namespace}/pods`;

export const podObject = (
  { pod: name, namespace, podUid: uid, address }: SimulatedPod,
  { annotations }: Pick<SimulatedNamespace, "annotations">,
): Fields => ({
  metadata: { name, namespace, uid, annotations },
  status: { phase: "Running", podIPs: [{ ip: address }] },
});

/** Of the namespace that may have most. */
export const isInLargest = ({ namespace }: Pick<SimulatedPod, "namespace">): boolean =>
  namespace === nameAt(0);

const nameAt = (one: number): string => `team-${one}`;
const roleAt = (one: number): RoleArn => role(`${ACCOUNT}team-${one}`);

function namespaceAt(one: number): SimulatedNamespace {
  const [name, arn] = [nameAt(one), roleAt(one)];
  const spec = { roles: [arn], namespaces: [name] };
  const { namespace, ...rest } = facts({ grants: [grant(name, spec)] });
  const known = { ...rest, namespace: { ...namespace, name } };
  const { metadata } = injected(pod({}, { [ANNOTATION.role]: arn }), known, SETTINGS);
  return {
    name,
    role: arn,
    facts: known,
    grant: { metadata: { name }, spec },
    annotations: metadata?.annotations ?? {},
  };
}
