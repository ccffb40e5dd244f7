import { X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Written } from "../../../config/read-config.ts";
import { certificateAuthority, servingCertificate, validFor } from "../../../tls/certificates.ts";
import type { Example } from "../admission/examples.ts";
import type { StandIns } from "../aws/standins.ts";
import type { Environment } from "../node/expand.ts";
import { freePorts } from "../node/free-ports.ts";
import { addOtherPod, ADDRESS, type Network } from "../node/network.ts";
import type { Processes, Started } from "../node/processes.ts";
import type { Sandbox } from "../node/sandbox.ts";
import type { BrokerAnswer } from "../print/broker-facts.ts";
import { askBroker, type Question } from "./ask.ts";
import { asGranted } from "./cluster-changes.ts";
import { certificateWritten, kubeconfigFor, SERVICE_NAMES, settingsWritten } from "./installation.ts";
import { arnIn, isListening, isOwnIdentity } from "./log-lines.ts";

/** The broker's own identity: keys that the STS stand-in knows. */
export const BROKER_ARN = "arn:aws:iam::111122223333:user/podrole-broker";
const ACCESS_KEY_ID = "AKIADEM0PODR0LEBR0KE";
export const BROKER_KEYS = { [ACCESS_KEY_ID]: BROKER_ARN } as const;

const KEYS_IN_ENVIRONMENT: Environment = {
  AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
  AWS_SECRET_ACCESS_KEY: "a-secret-that-the-stand-in-does-not-compute-with",
};

/** So short that the sidecar renews it in the time of the demo; AWS's shortest session lasts 15 minutes. */
const SHORT_SECONDS = 6;

/** The broker, as a process on the node. */
export interface Broker {
  readonly url: string;
  /** PEM of the CA that its certificate is by. */
  readonly ca: string;
  /** Asks it from another pod's network; without networks, from here. */
  readonly ask: (question: Pick<Question, "token" | "identity" | "roleArn">) => Promise<BrokerAnswer>;
  /** Gives the API server settings and objects. Resolves to who the broker says it is, once it listens. */
  readonly start: (settings: Written, examples: readonly Example[]) => Promise<string>;
  readonly stop: () => Promise<void>;
}

interface BrokerDeps {
  readonly dist: string;
  readonly program: readonly string[];
  readonly network: Network | undefined;
  readonly sandbox: Sandbox;
  readonly standIns: StandIns;
  readonly processes: Processes;
  readonly env: Environment;
}

/** Its address, its certificate and another pod. The broker itself needs settings, which name these. */
export async function prepareBroker(deps: BrokerDeps): Promise<Broker> {
  const { dist, network, program, sandbox, standIns, processes, env } = deps;
  const [port = 0, healthPort = 0] = network === undefined ? await freePorts(2) : [443, 8080];
  const host = network === undefined ? "127.0.0.1" : ADDRESS.broker;
  const inOtherPod = network === undefined ? [] : await addOtherPod(network, processes, env);
  const validity = validFor(1, Date.now());
  const authority = await certificateAuthority("podrole demo broker CA", validity);
  const serving = await servingCertificate(authority, [...SERVICE_NAMES, host], validity);
  // The setting brokerCa takes a certificate only as OpenSSL writes it.
  const ca = new X509Certificate(authority.cert).toString();
  // As an origin is written: a URL's own port is left out.
  const url = new URL(`https://${host}:${port}`).origin;
  let started: Started | undefined;
  return {
    url,
    ca,
    ask: (question) => askBroker({ url, ca, ...question }, [...inOtherPod, ...program], processes, env),
    start: async (settings, examples) => {
      const pair = { "tls.crt": serving.cert, "tls.key": serving.key, "ca.crt": ca };
      const own = [settingsWritten(settings), certificateWritten(pair), { sessionSeconds: SHORT_SECONDS }];
      for (const news of [...asGranted(examples), ...own]) await standIns.tell(news);
      const kubeconfig = join(await sandbox.folder("broker"), "kubeconfig");
      await writeFile(kubeconfig, kubeconfigFor(standIns.apiServerUrl));
      const options = { kubeconfig, host, port, "health-port": healthPort, "drain-seconds": 0 };
      const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
      const argv = [...(network?.onNode ?? []), process.execPath, join(dist, "broker.mjs"), ...flags];
      started = await processes.start(argv, { ...env, ...KEYS_IN_ENVIRONMENT });
      const [line] = await Promise.all([started.logged(isOwnIdentity), started.logged(isListening)]);
      return arnIn(line);
    },
    stop: async () => {
      started?.kill("SIGTERM");
      await started?.ended;
    },
  };
}
