import { mkdtemp, readFile, rm } from "node:fs/promises";
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
  /** Why it is not ready. */
  readonly unready: () => Promise<string>;
  /** The tokens that the kubelet would have written into the pod's volumes. */
  readonly tokens: readonly string[];
  readonly close: () => Promise<void>;
}

/** Starts the sidecar of a pod as its kubelet would. The guard needs a network of the pod's own, so there is none. */
export async function startPod(admin: KubeClient, pod: KubeObject): Promise<PodProcess> {
  const home = await mkdtemp(join(tmpdir(), "podrole-pod-"));
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const tokens: string[] = [];
  const volumes = createVolumes(pod, {
    folder: (name) => mkdtemp(join(home, name.replaceAll("/", "-"))),
    mintToken: async (audience) => {
      const token = await podToken(admin, pod, { audiences: [audience] });
      tokens.push(token);
      return token;
    },
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
    [ENV.terminationLog]: join(home, "termination-log"),
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
    unready: () =>
      until("the sidecar to say why not", async () => {
        const answer = await readyz();
        return answer !== undefined && answer.status !== 200 ? answer.body : undefined;
      }),
    tokens,
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
