import { CONFIG_MAP } from "../../injector/config/config-map.ts";
import { VERSION } from "../../injector/model/version.ts";
import type { Facts } from "../../injector/model/facts.ts";
import type { Fields } from "../../injector/model/read.ts";
import type { FakeApiServer, FakeObject } from "./fake-api-server.ts";
import { config } from "./config.ts";
import { ACCOUNT, base, grant } from "./facts.ts";
import { injected } from "./pods.ts";

/** Objects of a cluster as an API server has them, each with its apiVersion and kind. */
export type Objects = readonly Fields[];

const LABELS = { "podrole.dev/inject": "enabled" };
const BROKER_URL = "https://podrole-broker.podrole-system.svc";
const SETTINGS = { policy: "enforce", baseRoleArn: ACCOUNT, sourceOverride: "broker", brokerUrl: BROKER_URL };

const object = (apiVersion: string, kind: string, metadata: object, more: object = {}): Fields => ({
  apiVersion,
  kind,
  metadata,
  ...more,
});

export const namespace = (name: string, labels: object = LABELS, annotations: object = {}): Fields =>
  object("v1", "Namespace", { name, labels, annotations });

export const account = (space: string, name: string, annotations: object = {}): Fields =>
  object("v1", "ServiceAccount", { namespace: space, name, annotations });

export const roleGrant = (name: string, spec: object): Fields =>
  object("podrole.dev/v1alpha1", "RoleGrant", { name }, { spec });

export const settings = (data: object = SETTINGS): Fields =>
  object(
    "v1",
    "ConfigMap",
    { namespace: "podrole-system", name: CONFIG_MAP },
    { data: { image: INJECTOR.image, ...data, version: VERSION } },
  );

const INJECTOR = config({
  policy: "enforce",
  baseRoleArn: base(ACCOUNT),
  sourceOverride: ["broker"],
  brokerUrl: BROKER_URL,
  brokerCa: "(a CA)",
});

interface Made {
  readonly space: string;
  readonly name: string;
  readonly account: string;
  readonly role?: string;
  /** Roles of single containers, by name. */
  readonly containers?: Readonly<Record<string, string>>;
  /** The RoleGrant that allowed it when it was made. */
  readonly by?: string;
  readonly source?: "web-identity" | "broker";
}

/** A running pod as the webhook made it. */
export function injectedPod({
  space,
  name,
  account: serviceAccountName,
  role,
  containers = {},
  by,
  source,
}: Made): Fields {
  const facts: Facts = {
    namespace: {
      name: space,
      labels: LABELS,
      annotations: source === undefined ? {} : { "podrole.dev/source": source },
    },
    serviceAccount: undefined,
    grants: by === undefined ? [] : [grant(by, { roles: ["*"], namespaces: ["*"] })],
    limitRanges: [],
  };
  const annotations = {
    ...(role === undefined ? {} : { "iam.amazonaws.com/role": role }),
    ...Object.fromEntries(
      Object.entries(containers).map(([container, one]) => [`podrole.dev/role.${container}`, one]),
    ),
  };
  const names = ["app", ...Object.keys(containers)];
  const made = injected(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: space, name, uid: `uid-of-${space}-${name}`, annotations },
      spec: {
        serviceAccountName,
        containers: names.map((one) => ({ name: one, image: `${space}/${one}:1` })),
      },
    },
    facts,
    INJECTOR,
  );
  return { ...made, status: { phase: "Running" } };
}

/** A pod that podrole never saw. */
export const barePod = (space: string, name: string, more: object = {}): Fields =>
  object(
    "v1",
    "Pod",
    { namespace: space, name },
    { spec: { containers: [{ name: "app", image: "app:1" }], ...more }, status: { phase: "Running" } },
  );

/** The status of a sidecar that gave up, as the kubelet keeps it. */
export const gaveUp = (pod: Fields, message: string): Fields => ({
  ...pod,
  status: {
    phase: "Pending",
    initContainerStatuses: [
      {
        name: "podrole-sidecar",
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { exitCode: 1, message, finishedAt: "2026-11-29T15:40:12Z" } },
      },
    ],
  },
});

/** Three pods: one as it should be, one whose grant is gone, one without a role. */
export const smallCluster = (): Objects => [
  settings(),
  namespace("shop"),
  namespace("podrole-system", {}),
  account("shop", "till"),
  account("shop", "web"),
  roleGrant("tills", { roles: ["till-*"], namespaces: ["shop"], serviceAccounts: ["till"] }),
  injectedPod({ space: "shop", name: "till-0", account: "till", role: "till-reader", by: "tills" }),
  injectedPod({ space: "shop", name: "report-28", account: "web", role: "report-writer", by: "reports" }),
  injectedPod({ space: "shop", name: "web-5c9d", account: "web" }),
];

const TEAMS =
  "billing search checkout ledger media mail ads fraud risk stock maps chat video print crm etl".split(" ");
const APPS = ["api", "worker", "cron", "web"];

/** A cluster of about so many pods, the same each time: with all that stands out, in a few places each. */
export function largeCluster(pods: number): Objects {
  const spaces = Math.max(4, Math.round(pods / 32));
  const objects: Fields[] = [settings(), namespace("podrole-system", {}), namespace("kube-system", {})];
  objects.push(
    roleGrant("logs", { roles: ["log-shipper"], namespaceSelector: { matchLabels: LABELS } }),
    roleGrant("no-admins", { effect: "Deny", roles: ["*admin*"], namespaces: ["*"] }),
  );
  const teamOf = (n: number): string =>
    `${TEAMS[n % TEAMS.length]}${n < TEAMS.length ? "" : `-${Math.floor(n / TEAMS.length) + 1}`}`;
  for (let space = 0; space < spaces; space++) {
    const team = teamOf(space);
    const isBroker = space % 9 === 4;
    objects.push(namespace(team, LABELS, isBroker ? { "podrole.dev/source": "broker" } : {}));
    for (const app of APPS) objects.push(account(team, app));
    objects.push(
      roleGrant(`${team}-apps`, {
        roles: [`${team}/*`],
        namespaces: [team],
        serviceAccounts: ["api", "worker", "web"],
      }),
      roleGrant(`${team}-archive`, {
        roles: [`${team}-archive`],
        namespaces: [team],
        serviceAccounts: ["cron"],
      }),
    );
  }
  for (let n = 0; n < pods; n++) {
    const space = n % spaces;
    const team = teamOf(space);
    const turn = Math.floor(n / spaces);
    const app = APPS[turn % 3] ?? "api";
    const name = `${app}-${((n * 2_654_435_761) % 4_294_967_296).toString(36).padStart(7, "0")}`;
    const role = app === "cron" ? `${team}-archive` : `${team}/${app}`;
    const by = app === "cron" ? `${team}-archive` : `${team}-apps`;
    const made = {
      space: team,
      name,
      account: app,
      source: space % 9 === 4 ? ("broker" as const) : ("web-identity" as const),
    };
    if (turn % 11 === 7) objects.push(injectedPod({ space: team, name, account: app }));
    else if (turn % 8 === 5) objects.push(injectedPod({ ...made, role: "log-shipper", by: "logs" }));
    else if (n % 397 === 13)
      objects.push(injectedPod({ ...made, role: `${team}-legacy`, by: `${team}-legacy` }));
    else if (n % 501 === 77)
      objects.push(
        gaveUp(
          injectedPod({ ...made, role, by }),
          `AccessDenied: STS refuses to let system:serviceaccount:${team}:${app} assume ${ACCOUNT}${role}.`,
        ),
      );
    else if (n % 613 === 99) objects.push(barePod(team, name));
    else objects.push(injectedPod({ ...made, role, by }));
  }
  for (const name of ["coredns-1", "coredns-2", "kube-proxy-1"]) objects.push(barePod("kube-system", name));
  return objects;
}

const PATHS: Readonly<Record<string, string>> = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/serviceaccounts",
  RoleGrant: "/apis/podrole.dev/v1alpha1/rolegrants",
  Pod: "/api/v1/pods",
};

/** Puts the objects where an API server lists them, those of namespaces in both of their lists. */
export function serveObjects(server: FakeApiServer, objects: Objects): void {
  for (const one of objects) {
    const { apiVersion: _version, kind, ...item } = one;
    const held = item as unknown as FakeObject;
    const { namespace: space, name } = held.metadata;
    if (kind === "ConfigMap") {
      server.answer(`GET /api/v1/namespaces/${space}/configmaps/${name}`, one);
      continue;
    }
    const path = PATHS[String(kind)];
    if (path === undefined) throw new Error(`no path of ${String(kind)}`);
    server.unseen.put(path, held);
    if (space !== undefined) server.unseen.put(path.replace("/v1/", `/v1/namespaces/${space}/`), held);
  }
}
