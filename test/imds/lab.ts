import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { ENV } from "../../sidecar/contract/env.ts";
import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { CONTAINER } from "../../sidecar/contract/pod.ts";
import { collect, command, must, type Ended } from "../guard/command.ts";
import { AS_GUARD, GUARD } from "../guard/guard-run.ts";
import { inside, spaces } from "../guard/spaces.ts";
import { config } from "../support/config.ts";
import { BILLING, facts } from "../support/facts.ts";
import { startedWith } from "../support/kubelet.ts";
import { injected, pod as podWith } from "../support/pods.ts";
import { SIDECAR_UID } from "../support/sidecar-uid.ts";
import { until } from "../support/until.ts";
import { HEALTH_PORT, NODE_IP, POD_IP, STS_PORT, WEB_TOKEN } from "./names.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Two network namespaces of the test's own. In the node's, a service listens on EC2's real addresses. The pod reaches it
 * until {@link Lab.guard} redirects its connections to the sidecar.
 */
export interface Lab {
  /** Runs the real guard in mode emulate. */
  readonly guard: (over?: Env) => Promise<void>;
  /** Starts the sidecar of an emulated pod; resolves when `/readyz` answers `readyz`. */
  readonly sidecar: (over?: Env, readyz?: string) => Promise<void>;
  /** Runs an app of the pod with these variables and no others. */
  readonly app: (argv: readonly string[], env?: Env, input?: string) => Promise<Ended>;
  readonly close: () => Promise<void>;
}

const SIDECAR = [
  fileURLToPath(new URL("../guard/sidecar-as.ts", import.meta.url)),
  String(SIDECAR_UID),
  String(SIDECAR_UID),
];
const SURROUNDINGS = [fileURLToPath(new URL("./surroundings.ts", import.meta.url))];
const STS = `http://${NODE_IP}:${STS_PORT}`;

let opened = 0;

export async function openLab(): Promise<Lab> {
  opened += 1;
  const [pod, node] = ["pod", "node"].map((role) => `podrole-imds-${role}-${process.pid}-${opened}`) as [
    string,
    string,
  ];
  const folder = await mkdtemp(join(tmpdir(), "podrole-"));
  // The sidecar reads its token in it.
  await chmod(folder, 0o755);
  const { start, removeAll, close } = spaces([pod, node]);
  const run = (space: string, program: readonly string[], env: Env): ChildProcessWithoutNullStreams =>
    start(inside(space, [process.execPath, ...program]), env);

  const sidecar = async (over: Env = {}, readyz = "ok"): Promise<void> => {
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, WEB_TOKEN);
    const child = run(pod, SIDECAR, {
      ...startedWith(INJECTED, CONTAINER.sidecar),
      [ENV.healthPort]: String(HEALTH_PORT),
      [ENV.stsEndpoint]: STS,
      [ENV.webIdentityTokenFile]: tokenFile,
      [ENV.terminationLog]: "",
      PATH: process.env["PATH"],
      ...over,
    });
    let said = "";
    child.stderr.on("data", (part: Buffer) => (said += part.toString()));
    const url = `http://127.0.0.1:${HEALTH_PORT}/readyz`;
    await until(`readiness ${readyz}`, async () => {
      const { stdout } = await command(inside(pod, ["curl", "--silent", "--max-time", "1", url]));
      return stdout.trim() === readyz ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; the sidecar said: ${said}`);
    });
  };

  const guard = async (over: Env = {}): Promise<void> => {
    const env = {
      ...startedWith(INJECTED, CONTAINER.guard),
      PATH: process.env["PATH"],
      [ENV.podIp]: POD_IP,
      [ENV.hostIp]: NODE_IP,
      [ENV.terminationLog]: "",
      ...over,
    };
    const settings = Object.entries(env).map(([name, value]) => `${name}=${value ?? ""}`);
    await must(inside(pod, [...AS_GUARD, "/usr/bin/env", "-i", ...settings, ...GUARD]));
  };

  try {
    for (const space of [pod, node]) await must(["ip", "netns", "add", space]);
    for (const line of network(node)) await must(["ip", "-n", pod, ...line.split(" ")]);
    for (const line of NODE_NETWORK) await must(["ip", "-n", node, ...line.split(" ")]);
    const around = run(node, SURROUNDINGS, { PATH: process.env["PATH"] });
    const ended = collect(around).then(({ stderr }) =>
      Promise.reject(new Error(`the surroundings ended: ${stderr}`)),
    );
    ended.catch(() => undefined);
    await Promise.race([once(around.stdout, "data"), ended]);
    await Promise.all(METADATA_ADDRESSES.map((address) => answers(pod, address)));
  } catch (error) {
    removeAll();
    throw error;
  }
  return {
    sidecar,
    guard,
    app: (argv, env = {}, input = "") => command(inside(pod, argv), { env: { ...APP_ENV, ...env }, input }),
    close: async () => {
      await close();
      await rm(folder, { recursive: true });
    },
  };
}

/** As the injector makes it: guard and sidecar get the variables of their containers. */
const INJECTED = injected(
  podWith({}, { [ANNOTATION.role]: BILLING, [ANNOTATION.imds]: "emulate" }),
  facts(),
  // There are no volumes here.
  config({ imds: "allow-emulate", region: "eu-west-1", token: "env" }),
);

/** No container endpoint, no metadata endpoint, no files: only EC2's own address is left. */
const APP_ENV: Env = {
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  AWS_REGION: "eu-west-1",
  AWS_DEFAULT_REGION: "eu-west-1",
  AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  AWS_ENDPOINT_URL_STS: STS,
};

const network = (node: string): readonly string[] => [
  "link set lo up",
  `link add eth0 type veth peer name veth0 netns ${node}`,
  `address add ${POD_IP}/24 dev eth0`,
  "address add fd90::2/64 dev eth0 nodad",
  "link set eth0 up",
  `route add default via ${NODE_IP}`,
  "-6 route add default via fd90::1",
];

/** EC2's addresses on the node's loopback, where the pod's requests arrive, as on an instance. */
const NODE_NETWORK: readonly string[] = [
  "link set lo up",
  `address add ${NODE_IP}/24 dev veth0`,
  "address add fd90::1/64 dev veth0 nodad",
  "link set veth0 up",
  ...METADATA_ADDRESSES.map((address) =>
    address.includes(":") ? `address add ${address}/128 dev lo nodad` : `address add ${address}/32 dev lo`,
  ),
];

/** IPv6 takes a moment to come up on a new link. */
const answers = (pod: string, address: string): Promise<true> =>
  until(`the node's service at ${address}`, async () => {
    const url = `http://${address.includes(":") ? `[${address}]` : address}/`;
    const asked = await command(inside(pod, ["curl", "--silent", "--globoff", "--max-time", "1", url]));
    return asked.code === 0 ? true : undefined;
  });
