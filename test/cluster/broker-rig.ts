import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import { BROKER as WIRE, type SessionAsked } from "../../sidecar/contract/broker.ts";
import { rendered } from "../support/helm.ts";
import { tcpService, type TcpService } from "../support/tcp-service.ts";
import { until } from "../support/until.ts";
import { brokerPrograms, type BrokerPrograms } from "./broker-programs.ts";
import { askBroker, type Answer } from "./broker-request.ts";
import { BROKER_ROLE, brokerSts, ROLES, type BrokerSts } from "./broker-sts.ts";
import { NODES_HAVE_RIGHTS } from "./control-plane.ts";
import { NAMESPACE, openObjects, type Installed } from "./installation.ts";
import type { KubeClient, KubeObject } from "./kube-client.ts";
import { podToken, startPod, type PodProcess } from "./pod-process.ts";
import { createNamespace, GRANTS, grantObject, NAMESPACES, podsOf } from "./setting.ts";
import { podObject } from "./webhook.ts";

const CONFIG = `${NAMESPACES}/${NAMESPACE}/configmaps/podrole-config`;

/** podrole with source `broker` at a real API server, with real tokens. */
export interface BrokerCluster {
  readonly installed: Installed;
  readonly programs: BrokerPrograms;
  readonly admin: KubeClient;
  readonly sts: BrokerSts;
  /** The broker's. */
  readonly service: TcpService;
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
  broker: { enabled: true, identity: { type: "web-identity", roleArn: BROKER_ROLE } },
};

export async function openBrokerCluster(): Promise<BrokerCluster> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of undo.toReversed()) await one();
  };
  try {
    const sts = await brokerSts();
    undo.push(() => sts.close());
    const objects = rendered(VALUES, "--include-crds").filter((object) => object !== null);
    const installed = await openObjects(objects, [], ...NODES_HAVE_RIGHTS);
    undo.push(() => installed.close());
    const service = await tcpService((end) => void undo.push(end));
    const url = `https://127.0.0.1:${service.port}`;
    await installed.configure({ brokerUrl: url, stsEndpoint: sts.url });
    const tokens = new Set<string>();
    const admin = noting(installed.plane.admin, tokens);
    const programs = await brokerPrograms(installed, admin, service);
    undo.push(() => programs.removeFiles());
    await untilAdmitted(admin);

    const ca: string = (await admin.get(CONFIG)).data.brokerCa;
    const ask: BrokerCluster["ask"] = async (token, asked) => {
      if (token !== undefined) tokens.add(token);
      return askBroker({ url, ca, token, asked });
    };
    const pods: PodProcess[] = [];
    return {
      installed,
      programs,
      admin,
      sts,
      service,
      namespace: async (namespace, ...names) => {
        await createNamespace(admin, namespace);
        const roles = names.map((name) => ROLES + name);
        await admin.create(GRANTS, grantObject(namespace, { roles, namespaces: [namespace] }));
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
      askAs: async (pod, role) => {
        const token = await podToken(admin, pod, { audiences: [WIRE.audience] });
        return ask(token, { identity: "pod", roleArn: ROLES + role });
      },
      output: () => [programs.output(), ...pods.map(({ sidecar }) => sidecar.output())].join("\n"),
      secrets: () => [
        ...tokens,
        ...installed.tokens,
        ...sts.granted.flatMap(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
      ],
      configure: async (settings) => {
        const applied = (): number => programs.lines().filter(({ msg }) => msg === "settings applied").length;
        const before = applied();
        await installed.configure(settings);
        await until("the settings", () => applied() > before || undefined);
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
