import { METADATA_ADDRESSES } from "../../../sidecar/contract/metadata.ts";
import type { Source } from "../../../sidecar/contract/session.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Example } from "./admission/examples.ts";
import { BROKER_KEYS, prepareBroker, type Broker } from "./broker/broker.ts";
import { freePorts } from "./node/free-ports.ts";
import { ADDRESS, makeNetwork, obstacle, type Network } from "./node/network.ts";
import type { Processes } from "./node/processes.ts";
import type { Progress } from "./print/progress.ts";
import { makeSandbox, type Sandbox } from "./node/sandbox.ts";
import { configOf, flagsOf, settingsOf } from "./settings.ts";
import { startStandIns, type StandIns } from "./aws/standins.ts";
import { freshCertificates, startInjector, type Injector } from "./admission/webhook.ts";

/** The sources that the demo can show; the first by default. */
export const DEMO_SOURCES = ["web-identity", "broker"] as const satisfies readonly Source[];
export type DemoSource = (typeof DEMO_SOURCES)[number];

/** What the demo is told from outside. */
export interface Setting {
  /** Folder of the built programs. */
  readonly dist: string;
  /** How this program's subcommand `demo` is started. */
  readonly program: readonly string[];
  readonly path: string;
  readonly progress: Progress;
  readonly guardContainer: InjectorConfig["guardContainer"];
  /** Where the sidecar's identity comes from. */
  readonly source: DemoSource;
}

/** The world that the pod will run in. */
export interface Stage {
  /** Undefined where there can be no network namespace, and then `skipped` says why. */
  readonly network: Network | undefined;
  readonly skipped: string | undefined;
  /** Of the metadata service, as far as they exist here. */
  readonly metadataAddresses: readonly string[];
  readonly sandbox: Sandbox;
  readonly standIns: StandIns;
  /** As a cluster would have it: its answers are what the demo shows. */
  readonly injector: Injector;
  /** Patches the pod that runs here. The same one, where the pod has a network of its own. */
  readonly localInjector: Injector;
  /** What it is configured with beyond the other. */
  readonly localFlags: readonly string[];
  /** Source `broker` only. */
  readonly broker: Broker | undefined;
}

/** Network, stand-ins and the injector. */
export async function setStage(
  examples: readonly Example[],
  { dist, program, path, progress, guardContainer, source }: Setting,
  processes: Processes,
  cleanup: Cleanup,
): Promise<Stage> {
  const env = { PATH: path };
  const skipped = await obstacle(processes, env);
  const network =
    skipped === undefined
      ? await progress.step(
          "Networks of a pod and of its node",
          () => makeNetwork(processes, env),
          () => ({
            short: `${ADDRESS.pod} and ${ADDRESS.node}`,
            full: `two network namespaces, joined like a pod's and a node's, ${ADDRESS.pod} and ${ADDRESS.node}`,
          }),
        )
      : undefined;
  if (skipped !== undefined) {
    progress.skip("Networks, the guard, the node's role", `not shown: ${skipped}`);
  }
  const sandbox = await makeSandbox(dist, network?.inPod, cleanup);
  const metadataAddresses = network?.hasIpv6 === false ? METADATA_ADDRESSES.slice(0, 1) : METADATA_ADDRESSES;
  const place = network === undefined ? {} : { host: ADDRESS.sts, port: 80 };
  const plan = {
    sts: { ...place, ...(source === "broker" ? { keys: BROKER_KEYS } : {}) },
    metadata: network === undefined ? [] : metadataAddresses,
    apiServer: source === "broker",
  };
  const standIns = await progress.step(
    standInsTitle(network !== undefined, plan.apiServer),
    () => startStandIns(plan, [...(network?.onNode ?? []), ...program], processes, env),
    ({ stsUrl, apiServerUrl }) => ({
      short: [stsUrl, ...plan.metadata].join(", "),
      full: [stsUrl, ...plan.metadata, apiServerUrl].filter(Boolean).join(", "),
    }),
  );
  const broker =
    source === "broker"
      ? await prepareBroker({ dist, program, network, sandbox, standIns, processes, env })
      : undefined;
  const flags = flagsOf(standIns.stsUrl, guardContainer, broker);
  const withCa = broker === undefined ? [] : [`--broker-ca=${broker.ca}`];
  if (broker !== undefined) {
    await progress.step(
      network === undefined ? "The broker" : "The broker, on the node",
      () => broker.start(settingsOf([...flags, ...withCa]), examples),
      (arn) => ({ short: broker.url, full: `${broker.url}, itself ${arn}` }),
    );
  }
  const localFlags = network === undefined ? await withoutNetwork() : [];
  const { injector, localInjector } = await progress.step(
    "The webhook, with a fresh certificate",
    () => startInjectors([...flags, ...withCa], localFlags, examples, cleanup),
    (made) => made.injector.url,
  );
  const unshown = broker === undefined ? "" : " --broker-ca=(the CA of the broker's certificate)";
  progress.note(`options: ${flags.join(" ")}${unshown}`);
  return {
    network,
    skipped,
    metadataAddresses,
    sandbox,
    standIns,
    injector,
    localInjector,
    localFlags,
    broker,
  };
}

/** The one that is shown, and the one whose pod runs here. */
async function startInjectors(
  flags: readonly string[],
  localFlags: readonly string[],
  examples: readonly Example[],
  cleanup: Cleanup,
): Promise<Pick<Stage, "injector" | "localInjector">> {
  const certificates = await freshCertificates();
  const objects = examples.map(({ object }) => object);
  const cluster = manifestCluster(objects, { labels: {}, annotations: {} });
  const start = (more: readonly string[]) =>
    startInjector(configOf([...flags, ...more]), cluster, certificates, cleanup);
  const injector = await start([]);
  return { injector, localInjector: localFlags.length === 0 ? injector : await start(localFlags) };
}

const standInsTitle = (hasNetwork: boolean, hasApiServer: boolean): string => {
  const more = [...(hasNetwork ? ["metadata"] : []), ...(hasApiServer ? ["API server"] : [])];
  return more.length === 0 ? "A stand-in for AWS STS" : `Stand-ins: ${["STS", ...more].join(", ")}`;
};

/** Without a network of its own the pod takes what ports are free, and nothing may connect to a metadata service. */
async function withoutNetwork(): Promise<readonly string[]> {
  const [credentials, health] = await freePorts(2);
  return ["--guard=off", `--credentials-port=${credentials}`, `--health-port=${health}`];
}
