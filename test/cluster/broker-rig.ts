import { request } from "node:https";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { BROKER as WIRE, type SessionAsked } from "../../sidecar/contract/broker.ts";
import { frontOf, type Front, type Judgement } from "../sdk/front.ts";
import { startMoto } from "../sdk/moto.ts";
import type { Child } from "../support/child.ts";
import { freePort } from "../support/free-port.ts";
import { rendered } from "../support/helm.ts";
import { tcpService, type TcpService } from "../support/tcp-service.ts";
import { until } from "../support/until.ts";
import { NAMESPACE, openObjects, type Installed } from "./installation.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { podToken, startPod, type PodProcess } from "./pod-process.ts";
import { accountsOf, BROKER, createNamespace, GRANTS, grantObject, NAMESPACES, podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

/** Of moto's account. */
export const ROLES = "arn:aws:iam::123456789012:role/";
const BROKER_ROLE = `${ROLES}podrole-broker`;
const CONFIG = `${NAMESPACES}/${NAMESPACE}/configmaps/podrole-config`;

/** A session lasts this long if its role's name begins with `short`. */
const SHORT_SECONDS = 6;

/** STS answers after this time if the role's name begins with `slow`. */
const SLOW_MS = 1500;

/** A replica of the broker. */
export interface Replica extends Child {
  readonly port: number;
}

/** An answer of the broker. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** The parsed JSON. */
  readonly body: KubeObject;
}

/** podrole with source `broker` at a real API server: controller, injector and broker run as their Deployments would. */
export interface BrokerCluster {
  readonly installed: Installed;
  readonly admin: KubeClient;
  /** STS. */
  readonly sts: Front;
  /** The parameters of each call for a session of a role, by name, in their order. */
  readonly callsFor: (role: string) => readonly URLSearchParams[];
  /** Creates a labelled namespace with a grant for these roles, by name. */
  readonly namespace: (name: string, ...roles: readonly string[]) => Promise<void>;
  /** Creates a pod with a role, by name, through the webhook. */
  readonly pod: (namespace: string, name: string, role: string, more?: PodParts) => Promise<KubeObject>;
  /** Runs the sidecar of a pod until the cluster is closed. */
  readonly run: (pod: KubeObject) => Promise<PodProcess>;
  /** Sends a request as a sidecar does, from 127.0.0.1. */
  readonly ask: (token: string | undefined, asked: SessionAsked) => Promise<Answer>;
  /** Asks for a pod's own role with a new token of its own. */
  readonly askAs: (pod: KubeObject, role: string) => Promise<Answer>;
  readonly firstReplica: Replica;
  /** One more, which the Service leads to from then on. */
  readonly startReplica: () => Promise<Replica>;
  /** The Service of the broker. */
  readonly service: TcpService;
  /** All that the broker's replicas have logged. */
  readonly lines: () => readonly KubeObject[];
  /** All that the programs and the sidecars have printed. */
  readonly output: () => string;
  /** Every token that was made or shown, and every key and session token that STS gave. */
  readonly secrets: () => readonly string[];
  /** Changes settings, and waits until the broker has taken them. */
  readonly configure: (settings: Readonly<Record<string, string>>) => Promise<void>;
  readonly close: () => Promise<void>;
}

interface PodParts {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
}

const VALUES = {
  namespace: { create: true },
  // With `policy: off` it shows that this source enforces its rules all the same.
  options: { source: "broker", policy: "off", region: "eu-west-1", baseRoleArn: ROLES },
  broker: { enabled: true, identity: { type: "webIdentity", roleArn: BROKER_ROLE } },
};

export async function openBrokerCluster(): Promise<BrokerCluster> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of undo.toReversed()) await one();
  };
  try {
    const moto = await startMoto();
    undo.push(() => moto.stop());
    const calls: URLSearchParams[] = [];
    const sts = await frontOf(moto.url, undefined, (call) => {
      calls.push(call);
      return judged(call);
    });
    undo.push(() => sts.close());
    const installed = await openObjects(
      rendered(VALUES, "--include-crds").filter((object) => object !== null),
    );
    undo.push(() => installed.close());
    const tokens = new Set<string>();
    const admin = noting(installed.plane.admin, tokens);
    const service = await tcpService((end) => void undo.push(end));
    const brokerUrl = `https://127.0.0.1:${service.port}`;
    await installed.configure({ brokerUrl, stsEndpoint: sts.url });

    const folder = mkdtempSync(join(tmpdir(), "podrole-broker-"));
    undo.push(() => rmSync(folder, { recursive: true, force: true }));
    const tokenFile = join(folder, "token");
    const { status } = await admin.create(`${accountsOf(NAMESPACE)}/${BROKER}/token`, {
      spec: { audiences: ["sts.amazonaws.com"] },
    });
    await writeFile(tokenFile, status.token, { mode: 0o600 });

    const programs: Child[] = [await installed.startController("--broker-names=127.0.0.1")];
    programs.push(await installed.start());
    const replicas: Replica[] = [];
    const startReplica = async (): Promise<Replica> => {
      const [port, healthPort] = [await freePort(), await freePort()];
      const env = { AWS_ROLE_ARN: BROKER_ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile };
      const child = await installed.startBroker(
        env,
        `--port=${port}`,
        `--health-port=${healthPort}`,
        "--drain-seconds=2",
      );
      const replica = { ...child, port };
      replicas.push(replica);
      await until("the broker", () => child.output().includes("listening") || undefined).catch(
        (error: Error) => {
          throw new Error(`${error.message}: ${child.output()}`, { cause: error });
        },
      );
      service.endpoints = [...service.endpoints, port];
      return replica;
    };
    const firstReplica = await startReplica();
    await untilAdmitted(admin);

    const ca: string = (await admin.get(CONFIG)).data.brokerCa;
    const ask: BrokerCluster["ask"] = async (token, asked) => {
      if (token !== undefined) tokens.add(token);
      return post(`${brokerUrl}${WIRE.path}`, ca, token, JSON.stringify(asked));
    };
    const pods: PodProcess[] = [];
    const lines = (): readonly KubeObject[] =>
      replicas.flatMap((replica) =>
        replica
          .output()
          .split("\n")
          .filter((line) => line.startsWith("{"))
          .map((line) => JSON.parse(line)),
      );
    return {
      installed,
      admin,
      sts,
      callsFor: (role) => calls.filter((call) => call.get("RoleArn") === ROLES + role),
      namespace: async (name, ...roles) => {
        await createNamespace(admin, name);
        await admin.create(
          GRANTS,
          grantObject(name, { roles: roles.map((role) => ROLES + role), namespaces: [name] }),
        );
      },
      pod: async (namespace, name, role, { annotations = {}, spec = {} } = {}) =>
        admin.create(podsOf(namespace), podObject(name, { [ANNOTATION.role]: role, ...annotations }, spec)),
      run: async (pod) => {
        const running = await startPod(admin, pod);
        pods.push(running);
        undo.push(() => running.close());
        return running;
      },
      ask,
      askAs: async (pod, role) =>
        ask(await podToken(admin, pod, { audiences: [WIRE.audience] }), {
          identity: "pod",
          roleArn: ROLES + role,
        }),
      firstReplica,
      startReplica,
      service,
      lines,
      output: () =>
        [...programs, ...replicas, ...pods.map(({ sidecar }) => sidecar)]
          .map((one) => one.output())
          .join("\n"),
      secrets: () => [
        ...tokens,
        ...installed.tokens,
        ...sts.granted.flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
      ],
      configure: async (settings) => {
        const before = lines().filter(({ msg }) => msg === "settings applied").length;
        await installed.configure(settings);
        await until(
          "the settings",
          () => lines().filter(({ msg }) => msg === "settings applied").length > before || undefined,
        );
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The API server learns of registrations a moment late, and the injector of brokerCa. */
async function untilAdmitted(admin: KubeClient): Promise<void> {
  await createNamespace(admin, "canary");
  await admin.create(GRANTS, grantObject("canary", { roles: [`${ROLES}*`], namespaces: ["canary"] }));
  let last = "";
  await until("a pod to be admitted", async () => {
    const pod = podObject("canary", { [ANNOTATION.role]: "reader" });
    const { status, body } = await admin.request("POST", `${podsOf("canary")}?dryRun=All`, pod);
    last = String(body.message);
    return (status === 201 && body.spec.initContainers !== undefined) || undefined;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${last}`, { cause: error });
  });
}

/** The same client. It notes the tokens that it is given. */
const noting = (admin: KubeClient, tokens: Set<string>): KubeClient => ({
  ...admin,
  create: async (path, object) => {
    const made = await admin.create(path, object);
    if (path.endsWith("/token")) tokens.add(made.status.token);
    return made;
  },
});

/** The trust policies of roles, by how their names begin. */
async function judged(call: URLSearchParams): Promise<Judgement> {
  const role = call.get("RoleArn") ?? "";
  const denied = (action: string) => ({
    refusal: {
      code: "AccessDenied",
      message: `User: ${ROLES.replace(":iam:", ":sts:").replace("role/", "assumed-role/podrole-broker/x")} is not authorized to perform: ${action} on resource: ${role}`,
    },
  });
  const name = role.slice(ROLES.length);
  if (name.startsWith("distrusting")) return denied("sts:AssumeRole");
  if (name.startsWith("unsourced") && call.has("SourceIdentity")) return denied("sts:SetSourceIdentity");
  if (name.startsWith("slow")) await delay(SLOW_MS);
  return name.startsWith("short") ? { lifetimeSeconds: SHORT_SECONDS } : {};
}

/** One request on a connection of its own. */
export function post(url: string, ca: string, token: string | undefined, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const sent = request(url, { method: "POST", ca, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}
