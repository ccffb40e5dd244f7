import { createServer, type AddressInfo } from "node:net";
import { Command } from "commander";
import { METADATA_ADDRESSES } from "../../../sidecar/contract/metadata.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { settingsIn, withSettings } from "../../config/flags.ts";
import { requireConfig } from "../../config/read-config.ts";
import type { Cleanup } from "./cleanup.ts";
import type { Example } from "./admission/examples.ts";
import { ADDRESS, makeNetwork, obstacle, type Network } from "./node/network.ts";
import type { Processes } from "./node/processes.ts";
import type { Progress } from "./print/progress.ts";
import { makeSandbox, type Sandbox } from "./node/sandbox.ts";
import { startStandIns, type StandIns } from "./aws/standins.ts";
import { freshCertificates, startInjector, type Injector } from "./admission/webhook.ts";

/** What the demo is told from outside. */
export interface Setting {
  /** Folder of the built programs. */
  readonly dist: string;
  /** How this program's subcommand `demo` is started. */
  readonly program: readonly string[];
  readonly path: string;
  readonly progress: Progress;
  readonly guardContainer: InjectorConfig["guardContainer"];
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
}

/** Network, stand-ins and the injector. */
export async function setStage(
  examples: readonly Example[],
  { dist, program, path, progress, guardContainer }: Setting,
  processes: Processes,
  cleanup: Cleanup,
): Promise<Stage> {
  const env = { PATH: path };
  const skipped = await obstacle(processes, env);
  const network =
    skipped === undefined
      ? await progress.step(
          "A network namespace for the pod, one for its node",
          () => makeNetwork(processes, env),
          () => `joined like a pod's and a node's, ${ADDRESS.pod} and ${ADDRESS.node}`,
        )
      : undefined;
  if (skipped !== undefined) {
    progress.note(`Skipped: the pod in a network of its own, guard and node credentials, since ${skipped}.`);
  }
  const sandbox = await makeSandbox(dist, network?.inPod, cleanup);
  const metadataAddresses = network?.hasIpv6 === false ? METADATA_ADDRESSES.slice(0, 1) : METADATA_ADDRESSES;
  const plan =
    network === undefined
      ? { sts: { host: "127.0.0.1", port: 0 }, metadata: [] }
      : { sts: { host: ADDRESS.sts, port: 80 }, metadata: metadataAddresses };
  const standIns = await progress.step(
    network === undefined ? "STS stand-in" : "Stand-ins on the node for STS and the metadata service",
    () => startStandIns(plan, [...(network?.onNode ?? []), ...program], processes, env),
    ({ stsUrl }) => [stsUrl, ...plan.metadata].join(", "),
  );
  const flags = [
    ...flagsOf(standIns.stsUrl),
    ...(guardContainer === "init" ? [] : [`--guard-container=${guardContainer}`]),
  ];
  const localFlags = network === undefined ? await withoutNetwork() : [];
  const { injector, localInjector } = await progress.step(
    "Injector, the real one, over HTTPS with a fresh CA",
    async () => {
      const certificates = await freshCertificates();
      const cluster = manifestCluster(
        examples.map(({ object }) => object),
        { labels: {}, annotations: {} },
      );
      const start = (more: readonly string[]) =>
        startInjector(configOf([...flags, ...more]), cluster, certificates, cleanup);
      const shown = await start([]);
      return { injector: shown, localInjector: localFlags.length === 0 ? shown : await start(localFlags) };
    },
    (made) => made.injector.url,
  );
  progress.note(`options: ${flags.join(" ")}`);
  return { network, skipped, metadataAddresses, sandbox, standIns, injector, localInjector, localFlags };
}

const flagsOf = (stsUrl: string): readonly string[] => [
  "--base-role-arn=arn:aws:iam::111122223333:role/",
  "--hub-role=arn:aws:iam::111122223333:role/podrole-hub",
  "--region=eu-west-1",
  `--sts-endpoint=${stsUrl}`,
  "--start-timeout=8",
];

/** Without a network of its own the pod takes what ports are free, and nothing may connect to a metadata service. */
async function withoutNetwork(): Promise<readonly string[]> {
  const [credentials, health] = await freePorts();
  return ["--guard=off", `--credentials-port=${credentials}`, `--health-port=${health}`];
}

/** Two ports that were free a moment ago. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()];
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const [first = 0, second = 0] = ports;
  return [first, second];
}

/** By the very options that the injector's own command takes. */
function configOf(flags: readonly string[]): InjectorConfig {
  const command = withSettings(new Command("injector")).exitOverride();
  return requireConfig(settingsIn(command.parse([...flags], { from: "user" }).opts()));
}
