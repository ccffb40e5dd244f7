import { ENV } from "../../../../sidecar/contract/env.ts";
import { DEFAULTS } from "../../../../sidecar/kit/defaults.ts";
import { isPodroleContainer } from "../../../model/user-containers.ts";
import type { Container, Pod } from "../../../model/pod.ts";
import { isRecord, own, strings } from "../../../model/read.ts";
import { environmentOf, expand, type Environment } from "./expand.ts";
import type { Ended, Processes, Started } from "./processes.ts";
import { ProcessFailed } from "./process-failed.ts";
import type { Prepared, Sandbox } from "./sandbox.ts";
import { privilegesOf } from "./script.ts";
import { createVolumes, type VolumeDeps, type Volumes } from "./volumes.ts";

/** What a stand-in kubelet needs of the world. */
export interface KubeletDeps {
  readonly processes: Processes;
  readonly sandbox: Sandbox;
  readonly path: string;
  /** The program that the user's containers run, since their images are not here. */
  readonly userProgram: readonly string[];
  /** Variables added to the user's containers only. */
  readonly userEnvironment: Environment;
  readonly mintToken: VolumeDeps["mintToken"];
}

/** An ended process of a container. */
export interface Run {
  readonly container: string;
  readonly ended: Ended;
  readonly ms: number;
}

export interface Kubelet {
  /** Runs an init container to its end; starts a native sidecar and waits for its postStart hook. */
  readonly startInit: (container: Container) => Promise<Run>;
  /** Runs a user's container to its end. */
  readonly run: (container: Container) => Promise<Run>;
  /** Replaces the tokens in the pod's volumes, before they expire. */
  readonly renewTokens: () => Promise<void>;
  /** The next line of a sidecar's log that `matches`. */
  readonly logged: Started["logged"];
  /** Ends the sidecars, as the kubelet does when every user container has ended. */
  readonly stop: () => Promise<void>;
}

/** Runs one pod's containers as processes, by what the pod says. */
export function createKubelet(pod: Pod, deps: KubeletDeps): Kubelet {
  const sidecars: Started[] = [];
  const volumes = createVolumes(pod, { folder: deps.sandbox.folder, mintToken: deps.mintToken });

  const toItsEnd = async (container: Container): Promise<Run> => {
    const startedAt = performance.now();
    const process = await inContainer(container, pod, volumes, deps);
    const argv = isPodroleContainer(container) ? commandOf(container, process.environment) : deps.userProgram;
    const ended = await deps.processes.run(process.argv(argv), process.environment);
    if (ended.status !== 0) throw await failure(container, ended, process.prepared);
    return { container: container.name, ended, ms: performance.now() - startedAt };
  };

  const sidecar = async (container: Container): Promise<Run> => {
    const startedAt = performance.now();
    const process = await inContainer(container, pod, volumes, deps);
    const argv = process.argv(commandOf(container, process.environment));
    const started = await deps.processes.start(argv, process.environment);
    sidecars.push(started);
    const hook = postStartOf(container);
    const hooked =
      hook === undefined ? undefined : deps.processes.run(process.argv(hook), process.environment);
    const first = await Promise.race([started.ended, hooked]);
    if (first === undefined)
      return { container: container.name, ended: RUNNING, ms: performance.now() - startedAt };
    // The container failed either way. If the hook gave up first, wait for the container's own message.
    if (first.status !== 0 || (await hasEnded(started)))
      throw await failure(container, first, process.prepared);
    return { container: container.name, ended: first, ms: performance.now() - startedAt };
  };

  return {
    startInit: (container) =>
      container["restartPolicy"] === "Always" ? sidecar(container) : toItsEnd(container),
    run: toItsEnd,
    renewTokens: volumes.renew,
    logged: (matches) => Promise.race(sidecars.map(({ logged }) => logged(matches))),
    stop: async () => {
      for (const { kill } of sidecars) kill("SIGTERM");
      await Promise.all(sidecars.map(({ ended }) => ended));
    },
  };
}

const RUNNING: Ended = { status: 0, stdout: "", stderr: "" };

const hasEnded = ({ ended }: Started): Promise<boolean> =>
  Promise.race([ended.then(() => true), Promise.resolve(false)]);

interface InContainer {
  readonly prepared: Prepared;
  readonly environment: Environment;
  readonly argv: (command: readonly string[]) => readonly string[];
}

/** Without mounts of its own, a container finds these files elsewhere, so the environment has to name them. */
const ASSUMED_PATHS: Environment = {
  [ENV.terminationLog]: DEFAULTS[ENV.terminationLog],
  [ENV.webIdentityTokenFile]: DEFAULTS[ENV.webIdentityTokenFile],
};

async function inContainer(
  container: Container,
  pod: Pod,
  volumes: Volumes,
  { sandbox, path, userEnvironment }: KubeletDeps,
): Promise<InContainer> {
  const prepared = await sandbox.prepare({
    name: container.name,
    mounts: await volumes.mountsOf(container),
    privileges: privilegesOf(container.securityContext, pod.spec.securityContext),
  });
  const environment = prepared.environment({
    HOME: sandbox.home,
    ...(isPodroleContainer(container) ? ASSUMED_PATHS : {}),
    ...environmentOf(container, pod),
    ...(isPodroleContainer(container) ? {} : userEnvironment),
    // An image's own PATH would name folders that are not here.
    PATH: `${sandbox.programs}:${path}`,
  });
  return { prepared, environment, argv: prepared.command };
}

function commandOf(container: Container, environment: Environment): readonly string[] {
  const words = [...strings(container["command"]), ...strings(container["args"])];
  return words.map((word) => expand(word, environment));
}

function postStartOf(container: Container): readonly string[] | undefined {
  const lifecycle = container["lifecycle"];
  const hook = isRecord(lifecycle) ? own(lifecycle, "postStart") : undefined;
  const exec = isRecord(hook) ? own(hook, "exec") : undefined;
  return isRecord(exec) ? strings(own(exec, "command")) : undefined;
}

/** What `kubectl describe pod` would show: the termination message, else the end of the log. */
async function failure(
  container: Container,
  { status, stdout, stderr }: Ended,
  prepared: Prepared,
): Promise<ProcessFailed> {
  const message = (await prepared.terminationMessage()).trim();
  const tail = `${stdout}\n${stderr}`.trim().split("\n").slice(-5).join("\n");
  return new ProcessFailed(
    "DEMO_CONTAINER_FAILED",
    `Container ${container.name} ended with ${status}: ${message === "" ? tail : message}`,
    [stdout, stderr],
  );
}
