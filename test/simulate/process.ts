import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { stsStandIn } from "../../injector/cli/demo/aws/sts.ts";
import { apiServerStandIn, type ApiServerStandIn } from "../../injector/cli/demo/kubernetes/api-server.ts";
import { CONFIG_MAP } from "../../injector/config/config-map.ts";
import { GRANTS, NAMESPACES } from "../../injector/cluster/fact-kinds.ts";
import { NAMESPACE_LABEL } from "../../sidecar/contract/annotations.ts";
import { BROKER } from "../../sidecar/contract/broker.ts";
import { privateMib } from "../bench/injector-child.ts";
import { servingFiles } from "../bench/serving-files.ts";
import { start, startCpuMs, type Program } from "../bench/sidecar-children.ts";
import { freePort } from "../support/free-port.ts";
import { http } from "../support/http.ts";
import { IMAGE_ENV } from "../support/image-env.ts";
import { podToken } from "../support/pod-token.ts";
import { podObject, podsAndNamespaces, podsPath } from "./cluster.ts";
import { duration, percentile, type Figures } from "./figures.ts";
import { askOverTls } from "./over-tls.ts";

const BROKER_BUNDLE = "dist/broker.mjs";
/** Fewer connections than the broker takes. */
const AT_ONCE = 64;
/** Half of the chart's limit, as the image's options have it: outside of a container they would take a share of the machine. */
const HEAP_MIB = 160;
/** Machines that are slow make fewer sessions in it. */
const MAKE_MS = 40_000;
const AGAIN_MS = 5000;
const KEYS = { AWS_ACCESS_KEY_ID: "AKIASIMULATION", AWS_SECRET_ACCESS_KEY: "secret" };

/** A broker as a process, with so many sessions made over TLS. Its STS and API server answer at once. */
export interface BrokerProcess {
  readonly figures: Figures;
  readonly stop: () => Promise<void>;
}

/** Needs `npm run build`. */
export async function brokerProcess(count: number): Promise<BrokerProcess> {
  const { files, folder } = await servingFiles();
  const sts = await stsStandIn({
    keys: { [KEYS.AWS_ACCESS_KEY_ID]: "arn:aws:iam::111122223333:user/podrole" },
  });
  const api = await apiServerStandIn();
  const { pods, namespaces } = podsAndNamespaces(count);
  for (const one of namespaces) {
    const labels = { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value };
    api.put(NAMESPACES.path, { metadata: { name: one.name, labels } });
    api.put(GRANTS.path, one.grant);
  }
  const annotationsOf = new Map(namespaces.map((one) => [one.name, one]));
  const asking = pods.map((pod) => {
    const { namespace, serviceAccount, pod: name, podUid: uid } = pod;
    const token = podToken({ pod: { name, uid }, namespace, serviceAccount });
    const minted = {
      subject: `system:serviceaccount:${namespace}:${serviceAccount}`,
      audience: BROKER.audience,
      pod: { name, uid },
    };
    api.addToken(token, minted);
    const of = annotationsOf.get(namespace);
    if (of !== undefined) api.put(podsPath(pod), podObject(pod, of));
    return { pod, token };
  });

  const [port, healthPort] = [await freePort(), await freePort()];
  const data = {
    source: "broker",
    region: "eu-west-1",
    stsEndpoint: sts.url,
    brokerUrl: "https://broker.example",
  };
  const settings = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: CONFIG_MAP }, data };
  const paths = { config: join(folder, "settings.yaml"), kubeconfig: join(folder, "kubeconfig") };
  writeFileSync(paths.config, JSON.stringify(settings));
  writeFileSync(paths.kubeconfig, kubeconfigFor(api));
  const program = start(
    [
      BROKER_BUNDLE,
      ...flags({
        host: "127.0.0.1",
        port,
        "health-port": healthPort,
        "tls-cert": files.cert,
        "tls-key": files.key,
        config: paths.config,
        kubeconfig: paths.kubeconfig,
        "sts-calls-per-second": 10_000,
        "drain-seconds": 0,
        "log-level": "warn",
      }),
    ],
    {
      ...IMAGE_ENV,
      ...KEYS,
      NODE_OPTIONS: `--max-semi-space-size=4 --max-old-space-size=${HEAP_MIB}`,
      HOME: folder,
    },
  );
  await ready(program, healthPort);

  const trust = createSecureContext({ ca: files.ca });
  /** Asks for sessions of the pods in their order, until the end of them or of the time. */
  const round = async (ms: number) => {
    const [startedAt, cpuBefore] = [performance.now(), await startCpuMs(program.pid)];
    const times: number[] = [];
    const left = asking[Symbol.iterator]();
    const worker = async (): Promise<void> => {
      for (const { pod, token } of left) {
        const from = performance.now();
        if (from - startedAt > ms) return;
        const status = await askOverTls(pod, token, { port, trust });
        if (status !== 200) throw new Error(`a session was answered with ${status}: ${program.output()}`);
        times.push(performance.now() - from);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const cpuMs = (await startCpuMs(program.pid)) - cpuBefore;
    return {
      requests: times.length,
      perSecond: (times.length / ((performance.now() - startedAt) / 1000)).toFixed(0),
      cpu: `${(cpuMs / times.length).toFixed(2)} ms`,
      p50: duration(percentile(times, 0.5)),
      p99: duration(percentile(times, 0.99)),
    };
  };
  const memory = (): string => `${privateMib(program.pid).toFixed(0)} MiB`;
  const before = memory();
  const made = await round(MAKE_MS);
  const loaded = memory();
  const again = await round(AGAIN_MS);
  return {
    figures: {
      "sessions held": String(made.requests),
      "made per second": made.perSecond,
      "… CPU of the broker for one": made.cpu,
      "… p50": made.p50,
      "… p99": made.p99,
      "given again per second": again.perSecond,
      "… CPU of the broker for one ": again.cpu,
      "private memory at the start": before,
      "… with these sessions": loaded,
    },
    stop: async () => {
      await program.stop();
      await Promise.all([sts.close(), api.close()]);
    },
  };
}

const flags = (options: Readonly<Record<string, string | number>>): readonly string[] =>
  Object.entries(options).map(([name, value]) => `--${name}=${value}`);

async function ready(program: Program, healthPort: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const status = await http(healthPort, "/readyz").then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    if (program.hasExited()) break;
    await delay(50);
  }
  throw new Error(`The broker is not ready: ${program.output()}`);
}

/** For a server that asks nobody who they are. */
function kubeconfigFor({ url }: ApiServerStandIn): string {
  const name = "simulation";
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "insecure-skip-tls-verify": true } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: "podrole-system" } }],
    "current-context": name,
  });
}
