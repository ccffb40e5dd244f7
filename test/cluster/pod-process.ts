import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentOf } from "../../injector/cli/demo/node/expand.ts";
import { createVolumes } from "../../injector/cli/demo/node/volumes.ts";
import { allContainers, type Container, type Pod } from "../../injector/model/pod.ts";
import { ENV, NO_GUARD } from "../../sidecar/contract/env.ts";
import { APP_ENV, COMMAND, CONTAINER, LOOPBACK, PATH, TOKEN_VOLUME } from "../../sidecar/contract/pod.ts";
import { startChild, type Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { http, type HttpAnswer } from "../support/http.ts";
import { until } from "../support/until.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { accountsOf } from "./setting.ts";

const SIDECAR = fileURLToPath(new URL("../../sidecar/main.ts", import.meta.url));

/** A pod of a real API server whose sidecar runs as a process, by the manifest that the API server has stored. */
export interface PodProcess {
  /** The variables that the webhook gave an app's container. */
  readonly envOf: (container: string) => Promise<Readonly<Record<string, string>>>;
  /** What the sidecar answers that container. */
  readonly credentials: (container?: string) => Promise<HttpAnswer>;
  readonly sidecar: Child;
  readonly ready: () => Promise<unknown>;
  /** The sidecar's termination message, which `kubectl describe pod` shows. */
  readonly termination: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Starts the sidecar of a pod as its kubelet would. The guard needs a network of the pod's own, so there is none. */
export async function startPod(admin: KubeClient, pod: KubeObject): Promise<PodProcess> {
  const home = await mkdtemp(join(tmpdir(), "podrole-pod-"));
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const terminationLog = join(home, "termination-log");
  // The program writes only into a file that is there.
  await writeFile(terminationLog, "");
  const volumes = createVolumes(pod, {
    folder: (name) => mkdtemp(join(home, name.replaceAll("/", "-"))),
    mintToken: (audience) => podToken(admin, pod, { audiences: [audience] }),
  });
  const envOf = async (name: string): Promise<Readonly<Record<string, string>>> => {
    const container = containerOf(pod, name);
    const mounts = await volumes.mountsOf(container);
    const here = (value: string): string =>
      mounts.reduce((text, { from, to }) => text.replaceAll(to, from), value);
    const env = Object.entries(environmentOf(container, pod));
    return Object.fromEntries(env.map(([variable, value]) => [variable, here(value)]));
  };
  const app = async (name: string): Promise<Readonly<Record<string, string>>> => ({
    ...(await envOf(name)),
    [APP_ENV.fullUri]: `http://${LOOPBACK}:${port}${PATH.credentials}`,
  });
  const mounts = await volumes.mountsOf(containerOf(pod, CONTAINER.sidecar));
  const { from } = mounts.find(({ to }) => to === TOKEN_VOLUME.mountPath) ?? { from: home };
  const sidecar = startChild(process.execPath, [SIDECAR, ...COMMAND.serve.slice(1)], {
    ...(await envOf(CONTAINER.sidecar)),
    [ENV.webIdentityTokenFile]: join(from, TOKEN_VOLUME.file),
    [ENV.blockedAddresses]: NO_GUARD,
    [ENV.port]: String(port),
    [ENV.healthPort]: String(healthPort),
    [ENV.terminationLog]: terminationLog,
    [ENV.logLevel]: "trace",
  });
  const readyz = (): Promise<HttpAnswer | undefined> => http(healthPort, PATH.readyz).catch(() => undefined);
  return {
    envOf: app,
    credentials: async (container = "app") => {
      const env = await app(container);
      const file = env[APP_ENV.tokenFile];
      const authorization = file === undefined ? (env[APP_ENV.token] ?? "") : await readFile(file, "utf8");
      return http(port, PATH.credentials, { authorization });
    },
    sidecar,
    ready: () =>
      until("the sidecar to hold credentials", async () =>
        (await readyz())?.status === 200 ? true : undefined,
      ).catch((error: Error) => {
        throw new Error(`${error.message}: ${sidecar.output()}`, { cause: error });
      }),
    termination: () => readFile(terminationLog, "utf8"),
    close: async () => {
      sidecar.kill("SIGKILL");
      await sidecar.exited;
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A token of a pod's service account by the TokenRequest API, bound to the pod unless `spec` says otherwise. */
export async function podToken(admin: KubeClient, pod: KubeObject, spec: object): Promise<string> {
  const { namespace, name, uid } = pod.metadata;
  const account = pod.spec.serviceAccountName ?? "default";
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name, uid };
  const { status } = await admin.create(`${accountsOf(namespace)}/${account}/token`, {
    spec: { boundObjectRef, ...spec },
  });
  return status.token;
}

function containerOf({ spec }: Pod, name: string): Container {
  const found = allContainers(spec).find(({ container }) => container.name === name);
  if (found === undefined) throw new Error(`the pod has no container ${name}`);
  return found.container;
}
