import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { startChild, type Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { certificatesIn } from "../../injector/tls/pem.ts";
import { openControlPlane, type ControlPlane } from "./control-plane.ts";
import type { KubeObject } from "./kube-client.ts";
import { placeOf } from "./places.ts";
import { BROKER, CONTROLLER, GRANTS, INJECTOR } from "./setting.ts";

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
export const NAMESPACE = "podrole-system";
const CONFIG = `/api/v1/namespaces/${NAMESPACE}/configmaps/podrole-config`;
export const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

/** podrole's objects applied to a real API server, and functions that run its programs as their Deployments would. */
export interface Installed {
  readonly plane: ControlPlane;
  /** The webhook is registered by address: there is no service network here. */
  readonly objects: readonly KubeObject[];
  /** Of 127.0.0.1, where the injector listens. */
  readonly webhookPort: number;
  /** With which the programs that were started so far ask the API server. */
  readonly tokens: readonly string[];
  /** Changes settings in podrole-config. */
  readonly configure: (settings: Readonly<Record<string, string>>) => Promise<unknown>;
  /** Starts the injector with its Deployment's arguments and service account. Resolves once the API server can call it. */
  readonly start: (...args: readonly string[]) => Promise<Child>;
  /** Starts the controller in the same way. */
  readonly startController: (...args: readonly string[]) => Promise<Child>;
  /** Starts the broker in the same way, with these variables more. Resolves at once. */
  readonly startBroker: (env: Readonly<Record<string, string>>, ...args: readonly string[]) => Promise<Child>;
  readonly close: () => Promise<void>;
}

/**
 * deploy/install.yaml.
 * @param audit users whose requests are logged, beside podrole's own
 * @param flags more flags of the API server
 */
export const openInstallation = async (
  audit: readonly string[] = [],
  ...flags: readonly string[]
): Promise<Installed> => openObjects(await shipped(), audit, ...flags);

/** The same with other objects, such as the chart's with other values. */
export async function openObjects(
  given: readonly KubeObject[],
  audit: readonly string[] = [],
  ...flags: readonly string[]
): Promise<Installed> {
  const plane = await openControlPlane([...[INJECTOR, CONTROLLER, BROKER].map(userOf), ...audit], ...flags);
  const folder = await mkdtemp(join(tmpdir(), "podrole-installed-"));
  const running = new Set<Child>();
  const close = async (): Promise<void> => {
    for (const child of running) child.kill("SIGKILL");
    await plane.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const port = await freePort();
    const objects = given.map((object) => byAddress(object, port));
    for (const object of objects) await plane.admin.create(placeOf(object), object);
    await until(
      "the CRD",
      async () => (await plane.admin.request("GET", GRANTS)).status === 200 || undefined,
    );
    const tokens: string[] = [];
    const startAs = async (
      name: string,
      main: string,
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
    ): Promise<Child> => {
      const kubeconfig = join(folder, name);
      const account = await plane.serviceAccount(NAMESPACE, name);
      tokens.push(account.getCurrentUser()?.token ?? "");
      await writeFile(kubeconfig, account.exportConfig(), { mode: 0o600 });
      const { spec } = objects.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name);
      const shippedArgs: readonly string[] = spec.template.spec.containers[0].args;
      const where = ["--host=127.0.0.1", `--kubeconfig=${kubeconfig}`];
      const child = startChild(process.execPath, [fileOf(main), ...shippedArgs, ...where, ...args], {
        PATH: process.env["PATH"],
        ...env,
      });
      running.add(child);
      void child.exited.then(() => running.delete(child));
      return child;
    };
    const start = async (...args: readonly string[]): Promise<Child> => {
      const child = await startAs(INJECTOR, "../../injector/main.ts", [`--port=${port}`, ...args]);
      await until("the injector", () => ready(plane, child), 30_000).catch((error: Error) => {
        throw new Error(`${error.message}: ${child.output()}`, { cause: error });
      });
      return child;
    };
    const startController = async (...args: readonly string[]): Promise<Child> =>
      startAs(CONTROLLER, "../../injector/controller/main.ts", [
        `--port=${await freePort()}`,
        "--tls-names=127.0.0.1",
        ...args,
      ]);
    const startBroker: Installed["startBroker"] = (env, ...args) =>
      startAs(BROKER, "../../injector/broker/main.ts", args, env);
    const configure = (data: Readonly<Record<string, string>>) => plane.admin.patch(CONFIG, { data });
    return {
      plane,
      objects,
      webhookPort: port,
      tokens,
      configure,
      start,
      startController,
      startBroker,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const shipped = async (): Promise<readonly KubeObject[]> => {
  const text = await readFile(new URL("../../deploy/install.yaml", import.meta.url), "utf8");
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter((object) => object !== null);
};

/** The service account's name in the audit log. */
export const userOf = (name: string): string => `system:serviceaccount:${NAMESPACE}:${name}`;

const byAddress = (object: KubeObject, port: number): KubeObject =>
  object.kind === "MutatingWebhookConfiguration"
    ? {
        ...object,
        webhooks: object.webhooks.map(({ clientConfig, ...webhook }: KubeObject) => ({
          ...webhook,
          clientConfig: { url: `https://127.0.0.1:${port}${clientConfig.service.path}` },
        })),
      }
    : object;

async function ready({ admin }: ControlPlane, child: Child): Promise<true | undefined> {
  const ended = await Promise.race([child.exited, Promise.resolve(undefined)]);
  if (ended !== undefined) throw new Error(`it has ended with ${ended}`);
  const { status, body } = await admin.request("GET", `${WEBHOOKS}/podrole`);
  if (status !== 200 || !child.output().includes("listening at")) return undefined;
  const bundles: readonly string[] = body.webhooks.map(
    ({ clientConfig }: KubeObject) => clientConfig.caBundle ?? "",
  );
  return bundles.every((bundle) => certificatesIn(atob(bundle)).length > 0) || undefined;
}

/** Kills it, as when its node dies. */
export async function kill(child: Child): Promise<void> {
  child.kill("SIGKILL");
  await child.exited;
}
