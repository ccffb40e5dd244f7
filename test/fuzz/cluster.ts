import { createServer, type RequestListener, type Server } from "node:http";
import { isRecord, own, type Fields } from "../../injector/model/read.ts";

/** A namespace of the fuzzed cluster, and what its admin has set. */
export interface Space {
  readonly name: string;
  readonly labelled: boolean;
  /** Its Pod Security level, if it has a label for that. */
  readonly level?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const ROLE = "arn:aws:iam::111122223333:role/";

export const SPACES: readonly Space[] = [
  { name: "shop", labelled: true, annotations: {} },
  { name: "logs", labelled: true, annotations: { "podrole.dev/exempt": "hostPath=/var/log,hostPorts" } },
  { name: "default-role", labelled: true, annotations: { "iam.amazonaws.com/default-role": `${ROLE}app` } },
  { name: "emulated", labelled: true, annotations: { "podrole.dev/imds": "emulate" } },
  { name: "unguarded", labelled: true, annotations: { "podrole.dev/guard": "off" } },
  { name: "restricted", labelled: true, level: "restricted", annotations: {} },
  {
    name: "blocked",
    labelled: true,
    level: "privileged",
    annotations: { "podrole.dev/guard": "auto", "iam.amazonaws.com/default-role": `${ROLE}app` },
  },
  { name: "outside", labelled: false, annotations: {} },
];

/** The settings of the fuzzed injector, as the ConfigMap has them. */
export const SETTINGS = {
  image: "registry.example/podrole-sidecar:fuzz",
  baseRoleArn: ROLE,
  region: "eu-west-1",
  imds: "allow-emulate-v1",
  workloads: "deny",
};

const object = (metadata: Fields, more: Fields = {}): Fields => ({
  metadata: { resourceVersion: "1", uid: "0b1f8a52-9d4c-4a6e-8f0e-1d2c3b4a5968", ...metadata },
  ...more,
});

const LISTS: Readonly<Record<string, readonly Fields[]>> = {
  "/api/v1/namespaces": SPACES.map(({ name, labelled, level, annotations }) =>
    object({
      name,
      labels: {
        ...(labelled ? { "podrole.dev/inject": "enabled" } : {}),
        ...(level === undefined ? {} : { "pod-security.kubernetes.io/enforce": level }),
      },
      annotations,
    }),
  ),
  "/api/v1/serviceaccounts": SPACES.flatMap(({ name: namespace }) => [
    object({ name: "default", namespace }),
    object({ name: "worker", namespace, annotations: { "eks.amazonaws.com/role-arn": `${ROLE}worker` } }),
  ]),
  "/api/v1/limitranges": [],
  "/apis/podrole.dev/v1alpha1/rolegrants": [
    object({ name: "deny-admin" }, { spec: { effect: "Deny", roles: [`${ROLE}admin*`], namespaces: ["*"] } }),
    object({ name: "allow-all" }, { spec: { roles: [`${ROLE}*`], namespaces: ["*"] } }),
  ],
};

/** An API server with these objects, which never change. */
export const clusterServer = (): Server => createServer(answer);

const answer: RequestListener = (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
  response.setHeader("content-type", "application/json");
  // A watch without events stays open.
  if (searchParams.get("watch") === "true") return response.flushHeaders();
  const found = listed(pathname) ?? one(pathname);
  if (found === undefined) response.statusCode = 404;
  return response.end(JSON.stringify(found ?? { kind: "Status", code: 404 }));
};

function listed(path: string): Fields | undefined {
  const items = LISTS[path];
  return items && { metadata: { resourceVersion: "1" }, items };
}

function one(path: string): Fields | undefined {
  const [, list = "", name = ""] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
  const namespace = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts$/.exec(list)?.[1];
  const items = namespace === undefined ? LISTS[list] : LISTS["/api/v1/serviceaccounts"];
  return items?.find(({ metadata }) => {
    const fields = isRecord(metadata) ? metadata : {};
    return own(fields, "name") === name && own(fields, "namespace") === namespace;
  });
}
