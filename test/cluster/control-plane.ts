import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { openSync, rmSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { isExecutable } from "../support/executable.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { kubeClient, type KubeClient } from "./kube-client.ts";

/** A real API server with its store: no scheduler, no kubelet, and only the controllers that a test starts. */
export interface ControlPlane {
  /** A client that is a member of system:masters. */
  readonly admin: KubeClient;
  /** The same, for programs that need a kubeconfig. */
  readonly adminConfig: KubeConfig;
  /** For user `injector`, who has the rights that a test grants. */
  readonly injectorConfig: KubeConfig;
  /** Where etcd answers plain HTTP. */
  readonly etcd: string;
  /** The API server's process. */
  apiServerPid(): number;
  /** Kills the API server, as in a crash. */
  killApiServer(): Promise<void>;
  /** Starts it again on the same port with the same store. */
  startApiServer(): Promise<void>;
  /**
   * Starts kube-controller-manager with only these of its controllers, such as `job-controller`. Each has a service account of its own,
   * as in most clusters.
   */
  startControllers(...names: readonly string[]): Promise<void>;
  /** What they have logged so far. Warnings of the API server are not in it. */
  controllersLog(): Promise<string>;
  /** A client with a service account's token, issued by the API server. */
  serviceAccount(namespace: string, name: string): Promise<KubeConfig>;
  /** A token with these claims, signed by the key of the API server. */
  signedByApiServer(claims: object): string;
  /** The requests of the audited user so far. */
  audited(): Promise<readonly AuditedRequest[]>;
  stop(): Promise<void>;
}

/** The fields of an audit log event that tests read. */
export interface AuditedRequest {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus: { readonly code: number };
  /** What admission adds: Pod Security puts violations of a namespace's audit level here. */
  readonly annotations?: Readonly<Record<string, string>>;
}

const TOKENS = { admin: "admin-token", injector: "injector-token" };
/** The token of the kubelet of node `node-1`, whom {@link NODES_HAVE_RIGHTS} lets do what kubelets do. */
export const NODE_1_TOKEN = "node-1-token";

/** Flags by which nodes have the rights that they have in a real cluster, and no more. A repeated mode is one more. */
export const NODES_HAVE_RIGHTS = [
  "--authorization-mode=Node",
  "--enable-admission-plugins=NodeRestriction",
] as const;
const READY_MS = 60_000;

/** The reason why these tests cannot run on this machine, or undefined. Shown in the titles of skipped tests. */
export const whyNot = (): string | undefined => whyWithoutAny("etcd", "kube-apiserver");

/** The same for tests that start controllers. */
export const whyNoControllers = (): string | undefined =>
  whyNot() ?? whyWithoutAny("kube-controller-manager");

function whyWithoutAny(...programs: readonly string[]): string | undefined {
  if (process.env["KUBEBUILDER_ASSETS"] === undefined) return "KUBEBUILDER_ASSETS is not set";
  const missing = programs.find((program) => !isExecutable(binary(program)));
  return missing === undefined ? undefined : `no ${missing} in KUBEBUILDER_ASSETS`;
}

const binary = (program: string): string => join(process.env["KUBEBUILDER_ASSETS"] ?? "", program);

/**
 * @param audit the user whose requests are logged
 * @param flags more flags of the API server
 */
export async function openControlPlane(
  audit: readonly string[] = ["nobody"],
  ...flags: readonly string[]
): Promise<ControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), "podrole-cluster-"));
  const running = new Set<ChildProcess>();
  // Needed also when the run is interrupted: a child process outlives its parent.
  const removeAll = (): void => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", removeAll);
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const log = openSync(join(folder, `${program}.log`), "a");
    const child = spawn(binary(program), args, { cwd: folder, stdio: ["ignore", log, log] });
    running.add(child.once("close", () => running.delete(child)));
    return child;
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    if (!running.has(child)) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  const stop = async (): Promise<void> => {
    process.off("exit", removeAll);
    await Promise.all([...running].map(kill));
    removeAll();
  };

  try {
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
    const signingKey = await writeSecrets(folder);
    await writeFile(join(folder, "audit.yaml"), auditPolicy(audit));
    start("etcd", etcdArgs(client, peer));
    // Of several issuers, the first is the one of new tokens.
    const isIssuer = (flag: string): boolean => flag.startsWith("--service-account-issuer=");
    const others = flags.filter((flag) => !isIssuer(flag));
    const args = [...flags.filter(isIssuer), ...apiServerArgs(client, port), ...others];
    let api = start("kube-apiserver", args);
    const ca = await until("the API server's certificate", () => certificate(folder), READY_MS);
    const admin = kubeClient({ port, ca, token: TOKENS.admin });
    const ready = (): Promise<true> => until("the API server", () => answers(admin, api, folder), READY_MS);
    await ready();
    return {
      admin,
      adminConfig: configFor(port, ca, TOKENS.admin),
      injectorConfig: configFor(port, ca, TOKENS.injector),
      etcd: `http://127.0.0.1:${client}`,
      apiServerPid: () => api.pid ?? 0,
      killApiServer: () => kill(api),
      startApiServer: async () => {
        api = start("kube-apiserver", args);
        await ready();
      },
      startControllers: async (...names) => {
        const kubeconfig = configFor(port, ca, TOKENS.admin).exportConfig();
        await writeFile(join(folder, "controllers.kubeconfig"), kubeconfig, { mode: 0o600 });
        start("kube-controller-manager", controllerArgs(names));
      },
      controllersLog: () => readFile(join(folder, "kube-controller-manager.log"), "utf8"),
      serviceAccount: async (namespace, name) => {
        const account = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
        const { status } = await admin.create(`${account}/token`, { spec: {} });
        return configFor(port, ca, status.token, namespace);
      },
      signedByApiServer: (claims) => signedJwt(claims, signingKey),
      audited: async () => {
        // kube-apiserver writes while this reads: what follows the last line end is half a line.
        const lines = (await readFile(join(folder, "audit.log"), "utf8")).split("\n").slice(0, -1);
        return lines.map((line) => JSON.parse(line) as AuditedRequest);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @returns the key that signs the tokens of service accounts */
async function writeSecrets(folder: string): Promise<KeyObject> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(join(folder, "sa.key"), privateKey.export({ type: "pkcs8", format: "pem" }), {
    mode: 0o600,
  });
  const users = `${TOKENS.admin},admin,1,system:masters\n${TOKENS.injector},injector,2\n${NODE_1_TOKEN},system:node:node-1,3,system:nodes\n`;
  await writeFile(join(folder, "tokens.csv"), users, { mode: 0o600 });
  return privateKey;
}

/** A JSON Web Token as an API server makes it, without a key id: an API server then tries each of its keys. */
export function signedJwt(claims: object, key: KeyObject): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "RS256" })}.${part(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

const etcdArgs = (client: number, peer: number): readonly string[] => [
  "--data-dir=etcd",
  `--listen-client-urls=http://127.0.0.1:${client}`,
  `--advertise-client-urls=http://127.0.0.1:${client}`,
  `--listen-peer-urls=http://127.0.0.1:${peer}`,
  "--unsafe-no-fsync",
  "--log-level=error",
];

const apiServerArgs = (etcd: number, port: number): readonly string[] => [
  `--etcd-servers=http://127.0.0.1:${etcd}`,
  "--cert-dir=certs",
  "--bind-address=127.0.0.1",
  "--advertise-address=127.0.0.1",
  `--secure-port=${port}`,
  "--service-account-key-file=sa.key",
  "--service-account-signing-key-file=sa.key",
  "--service-account-issuer=https://kubernetes.default.svc",
  "--token-auth-file=tokens.csv",
  "--authorization-mode=RBAC",
  "--service-cluster-ip-range=10.0.0.0/24",
  "--endpoint-reconciler-type=none",
  // As in real clusters: admission, not validation, refuses a privileged container.
  "--allow-privileged=true",
  "--audit-policy-file=audit.yaml",
  "--audit-log-path=audit.log",
  "--audit-log-mode=blocking",
];

const controllerArgs = (names: readonly string[]): readonly string[] => [
  "--kubeconfig=controllers.kubeconfig",
  `--controllers=${names.join(",")}`,
  "--use-service-account-credentials",
  "--leader-elect=false",
  // No port: nobody asks for its metrics or its health.
  "--secure-port=0",
];

const auditPolicy = (users: readonly string[]): string =>
  JSON.stringify({
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    // A watch is logged when it starts.
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", users }, { level: "None" }],
  });

/** The API server signs this certificate itself, so it is its own authority. */
const certificate = (folder: string): Promise<string | undefined> =>
  readFile(join(folder, "certs", "apiserver.crt"), "utf8").catch(() => undefined);

async function answers(admin: KubeClient, api: ChildProcess, folder: string): Promise<true | undefined> {
  if (api.exitCode !== null) {
    const log = await readFile(join(folder, "kube-apiserver.log"), "utf8");
    throw new Error(`kube-apiserver ended with ${api.exitCode}: ${log.slice(-2000)}`);
  }
  const answer = await admin.request("GET", "/readyz").catch(() => undefined);
  return answer?.status === 200 ? true : undefined;
}

function configFor(port: number, ca: string, token: string, namespace?: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "test", server: `https://127.0.0.1:${port}`, caData: btoa(ca), skipTLSVerify: false },
    { name: "test", token },
  );
  if (namespace !== undefined) {
    config.contexts = config.contexts.map((context) => ({ ...context, namespace }));
  }
  return config;
}
