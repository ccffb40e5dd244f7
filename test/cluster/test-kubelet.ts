import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ENV } from "../../sidecar/contract/env.ts";
import { startChild } from "../support/child.ts";
import { startedWith } from "../support/kubelet.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { podsOf } from "./setting.ts";

const SIDECAR = fileURLToPath(new URL("../../sidecar/main.ts", import.meta.url));

/** The networks that a node may give its pods. */
const NETWORKS = {
  /** Nobody answers outside of the pod. */
  closed: "",
  /** It gives a token to everybody. */
  open: `ip address add 169.254.169.254/32 dev lo
    "$1" -e 'require("node:http").createServer((_, answer) => answer.end("a token")).listen(80, "169.254.169.254", () => console.log("up"))' > up &
    until grep -q up up; do sleep 0.05; done`,
} as const;

/** What a node does with its pods: runs them in such a network, or leaves them with a status. */
export type NodeKind = keyof typeof NETWORKS | { readonly status: object };

/** Why no pod's network can be made on this machine, or undefined. */
export const whyNoNetwork = (): string | undefined =>
  spawnSync("unshare", [...NAMESPACE, "ip", "link", "add", "eth0", "type", "veth"]).status === 0
    ? undefined
    : "no right to make a network namespace";

const NAMESPACE = ["--map-root-user", "--net", "--pid", "--fork", "--kill-child"];

/**
 * Nodes of a real API server, and in the place of scheduler and kubelets a loop. It binds each pod of a namespace to the node that its
 * affinity names, runs the first container's command by the program itself, sets the pod's status, and lets go of deleted pods.
 */
export async function startNodes(
  admin: KubeClient,
  namespace: string,
  nodes: Readonly<Record<string, NodeKind>>,
): Promise<{ readonly stop: () => Promise<void> }> {
  const ending = new AbortController();
  const taken = new Set<string>();
  const running: Promise<unknown>[] = [];
  const loop = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const { items } = await admin.get(podsOf(namespace));
      for (const pod of items as readonly KubeObject[]) {
        const path = `${podsOf(namespace)}/${pod.metadata.name}`;
        if (pod.metadata.deletionTimestamp !== undefined) {
          await admin.request("DELETE", path, { gracePeriodSeconds: 0 });
        } else if (!taken.has(path)) {
          taken.add(path);
          // A pod that is deleted meanwhile takes no status.
          running.push(takePod(admin, path, pod, nodes).catch(() => {}));
        }
      }
      await delay(50);
    }
  };
  const looping = loop();
  return {
    stop: async () => {
      ending.abort();
      await Promise.all([looping, ...running]);
    },
  };
}

async function takePod(
  admin: KubeClient,
  path: string,
  pod: KubeObject,
  nodes: Readonly<Record<string, NodeKind>>,
): Promise<void> {
  const { nodeAffinity } = pod.spec.affinity;
  const [term] = nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms;
  const [name] = term.matchFields[0].values;
  const kind = nodes[name];
  if (kind === undefined) return;
  if (typeof kind === "object") {
    await admin.patch(`${path}/status`, { status: kind.status });
    return;
  }
  await admin.create(`${path}/binding`, {
    target: { kind: "Node", name },
    metadata: { name: pod.metadata.name },
  });
  const terminated = await runContainer(pod, NETWORKS[kind]);
  const { name: container, image } = pod.spec.containers[0];
  const base = { name: container, image, imageID: "", ready: false, restartCount: 0 };
  await admin.patch(`${path}/status`, {
    status: {
      phase: terminated.exitCode === 0 ? "Succeeded" : "Failed",
      containerStatuses: [{ ...base, state: { terminated } }],
    },
  });
}

/** Runs the container's command in a network of its own, with the variables of its manifest. */
async function runContainer(
  pod: KubeObject,
  network: string,
): Promise<{ exitCode: number; message: string; reason: string }> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-pod-"));
  const log = join(folder, "termination-log");
  // The program writes only into a file that is there.
  await writeFile(log, "");
  const script = `set -e
    cd ${JSON.stringify(folder)}
    ip link set lo up
    ip link add eth0 type veth peer name far
    ip address add 10.9.0.2/24 dev eth0
    ip link set eth0 up
    ip link set far up
    ip route add default via 10.9.0.1
    ${network}
    "$@"`;
  const [container] = pod.spec.containers;
  const [, ...command] = container.command as readonly string[];
  try {
    const child = startChild(
      "unshare",
      [...NAMESPACE, "sh", "-c", script, "sh", process.execPath, SIDECAR, ...command],
      {
        ...startedWith({ spec: pod.spec }, container.name),
        PATH: process.env["PATH"],
        [ENV.terminationLog]: log,
      },
    );
    const exitCode = Number(await child.exited);
    // As with terminationMessagePolicy FallbackToLogsOnError.
    const message = (await readFile(log, "utf8").catch(() => "")) || (exitCode === 0 ? "" : child.output());
    return { exitCode, message: message.slice(0, 4096), reason: exitCode === 0 ? "Completed" : "Error" };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A Linux node that is ready. */
export async function createNode(admin: KubeClient, name: string, labels: object): Promise<void> {
  const id = `i-${Buffer.from(name).toString("hex").slice(0, 17).padEnd(17, "0")}`;
  await admin.create("/api/v1/nodes", {
    metadata: { name, labels: { "kubernetes.io/os": "linux", ...labels } },
    spec: { providerID: `aws:///eu-west-1a/${id}` },
  });
  const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady" }];
  await admin.patch(`/api/v1/nodes/${name}/status`, { status: { conditions } });
}

export const jobsOf = (namespace: string): string => `/apis/batch/v1/namespaces/${namespace}/jobs`;
