import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import type { Environment } from "./expand.ts";
import type { Processes, Started } from "./processes.ts";

/**
 * A pod's network and its node's, as two network namespaces joined by a veth pair; the pod has its address from the
 * node's subnet, as on EC2. The namespaces have no name and hang on two processes, as a pod's hangs on its pause
 * container: when these end, even by SIGKILL, nothing is left. The host's own network is never touched.
 */
export interface Network {
  /** What enters the namespace, to be put before a command. */
  readonly inPod: readonly string[];
  readonly onNode: readonly string[];
  /** A process in the node's namespace. */
  readonly nodePid: number;
  /** False where the kernel has IPv6 switched off. */
  readonly hasIpv6: boolean;
}

export const ADDRESS = {
  pod: "10.0.1.57",
  otherPod: "10.0.1.58",
  node: "10.0.1.20",
  sts: "10.0.1.5",
  broker: "10.0.1.6",
} as const;

const TOOLS = ["ip", "nft", "unshare", "nsenter", "setpriv", "mount", "sh", "cat"];

/** In one go what the demo does later bit by bit. */
const TRIAL = [
  "ip link set lo up",
  "nft list ruleset",
  "mount -t tmpfs tmpfs /tmp",
  "exec setpriv --bounding-set -all --inh-caps -all --no-new-privs --pdeathsig KILL -- true",
].join(" && ");

/** Why there can be no network namespace here, as half a sentence, or undefined where there can. */
export async function obstacle(
  processes: Processes,
  env: Environment,
  { platform, getuid }: Pick<NodeJS.Process, "platform" | "getuid"> = process,
): Promise<string | undefined> {
  if (platform !== "linux") return "network namespaces are Linux's, and this is not Linux";
  if (getuid?.() !== 0) return "making network namespaces takes root";
  const found = await Promise.all(TOOLS.map((tool) => isOnPath(tool, env["PATH"] ?? "")));
  const missing = TOOLS.filter((_, index) => found[index] === false);
  if (missing.length > 0) return `${missing.join(", ")} cannot be found in PATH`;
  const trial = ["unshare", "--net", "--mount", "--propagation", "private", "--", "sh", "-c", TRIAL];
  const { status, stderr } = await processes.run(trial, env);
  return status === 0
    ? undefined
    : `namespaces cannot be had here (${stderr.trim().split("\n")[0] ?? status})`;
}

async function isOnPath(tool: string, path: string): Promise<boolean> {
  const found = await Promise.allSettled(
    path.split(delimiter).map((folder) => access(join(folder, tool), constants.X_OK)),
  );
  return found.some(({ status }) => status === "fulfilled");
}

/** Makes the two namespaces and what is in them. */
export async function makeNetwork(processes: Processes, env: Environment): Promise<Network> {
  const [pod, node] = await Promise.all([pause(processes, env), pause(processes, env)]);
  const inPod = ["nsenter", `--net=/proc/${pod.pid}/ns/net`, "--"];
  const onNode = ["nsenter", `--net=/proc/${node.pid}/ns/net`, "--"];
  const ip = ipBatch(processes, env);
  const failed =
    (await ip(inPod, podCommands(node.pid, ADDRESS.pod, "pod0"))) ??
    (await ip(onNode, nodeCommands)) ??
    (await ip(inPod, ["route add default via 10.0.1.20"]));
  if (failed !== undefined) throw networkFailed(failed);
  const withoutIpv6 = (await ip(onNode, nodeIpv6Commands)) ?? (await ip(inPod, podIpv6Commands));
  return { inPod, onNode, nodePid: node.pid, hasIpv6: withoutIpv6 === undefined };
}

/**
 * A second pod on the same node, with a network of its own, and the broker's address on the node.
 * @returns what enters the second pod's namespace
 */
export async function addOtherPod(
  { onNode, nodePid }: Network,
  processes: Processes,
  env: Environment,
): Promise<readonly string[]> {
  const { pid } = await pause(processes, env);
  const inOtherPod = ["nsenter", `--net=/proc/${pid}/ns/net`, "--"];
  const ip = ipBatch(processes, env);
  const failed =
    (await ip(inOtherPod, podCommands(nodePid, ADDRESS.otherPod, "pod1"))) ??
    (await ip(onNode, otherPodCommands)) ??
    (await ip(inOtherPod, ["route add default via 10.0.1.20"]));
  if (failed !== undefined) throw networkFailed(failed);
  return inOtherPod;
}

/** Runs commands of `ip` in a namespace. The result resolves to what failed, or undefined. */
const ipBatch =
  (processes: Processes, env: Environment) =>
  async (where: readonly string[], lines: readonly string[]): Promise<string | undefined> => {
    const argv = [...where, "ip", "-batch", "-"];
    const { status, stderr } = await processes.run(argv, env, lines.map((line) => `${line}\n`).join(""));
    return status === 0 ? undefined : stderr.trim();
  };

const networkFailed = (why: string): CodedError =>
  new CodedError("DEMO_NETWORK_FAILED", `The pod's network cannot be made: ${why}.`);

/** A process that does nothing in a new network namespace; what it says proves that it is there. */
async function pause(processes: Processes, env: Environment): Promise<Started> {
  const started = await processes.start(["unshare", "--net", "--", "cat"], env);
  await started.ask("there?");
  return started;
}

/** From inside, so that not even for a moment an interface shows up on the host. */
const podCommands = (nodePid: number, address: string, peer: string): readonly string[] => [
  "link set lo up",
  `link add eth0 type veth peer name ${peer} netns ${nodePid}`,
  "link set eth0 up",
  `addr add ${address}/24 dev eth0`,
];

const nodeCommands = [
  "link set lo up",
  "link set pod0 up",
  `addr add ${ADDRESS.node}/24 dev pod0`,
  `addr add ${ADDRESS.sts}/24 dev pod0`,
  "addr add 169.254.169.254/32 dev lo",
];

/** The whole subnet is behind `pod0`, so the second pod needs a route of its own. */
const otherPodCommands = [
  "link set pod1 up",
  `route add ${ADDRESS.otherPod}/32 dev pod1`,
  `addr add ${ADDRESS.broker}/24 dev pod0`,
];

const nodeIpv6Commands = [
  "addr add fd00:10:1::20/64 dev pod0 nodad",
  "addr add fd00:ec2::254/128 dev lo nodad",
];
const podIpv6Commands = ["addr add fd00:10:1::57/64 dev eth0 nodad", "route add default via fd00:10:1::20"];
