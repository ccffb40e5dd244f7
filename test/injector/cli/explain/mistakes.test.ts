import { describe, expect, test } from "vitest";
import { podrole } from "../../../support/cli.ts";
import { fakeApiServer } from "../../../support/fake-api-server.ts";
import { tempFile } from "../../../support/temp-files.ts";

const CORE = "/api/v1/namespaces";
const ROLE = "arn:aws:iam::111122223333:role/till";
const KEY = "iam.amazonaws.com/role";

interface Workload {
  /** Of the pod template. */
  readonly annotations?: object;
  /** Of the Deployment itself. */
  readonly above?: object;
  readonly spec?: object;
  readonly app?: object;
}

const deployment = ({
  annotations = { [KEY]: ROLE },
  above = {},
  spec = {},
  app = {},
}: Workload): object => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "till", annotations: above },
  spec: {
    template: {
      metadata: { annotations },
      spec: { serviceAccountName: "till", containers: [{ name: "app", image: "a", ...app }], ...spec },
    },
  },
});

const env = (name: string, value: string): Workload => ({ app: { env: [{ name, value }] } });
const grant = (name: string, spec: object): object => ({
  apiVersion: "podrole.dev/v1alpha1",
  kind: "RoleGrant",
  metadata: { name },
  spec: { namespaces: ["shop"], ...spec },
});
const addsCapability = (name: string): Workload => ({
  app: { securityContext: { capabilities: { add: [name] } } },
});

interface Mistake {
  readonly manifests: readonly object[];
  /** A finding's code, or a sentence where it is no finding. */
  readonly says: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly account?: Readonly<Record<string, string>>;
}

const of = (workload: Workload, says: string): Mistake => ({ manifests: [deployment(workload)], says });

/**
 * Mistakes that a user can make about a pod's role. Each is named by `podrole explain -f FILE -n shop`. Wrong trust policies and session
 * lengths are `podrole trust-policy`'s.
 */
const MISTAKES: Readonly<Record<string, Mistake>> = {
  "a role on the Deployment's own metadata": of(
    { annotations: {}, above: { [KEY]: ROLE } },
    "warn ANNOTATION_MISPLACED",
  ),
  "a service account's name misspelt": of(
    { spec: { serviceAccountName: "tilll" } },
    "warn SERVICE_ACCOUNT_MISSING",
  ),
  "no service account made": of({ spec: { serviceAccountName: "new" } }, "warn SERVICE_ACCOUNT_MISSING"),
  "access keys by envFrom of a Secret": of(
    { app: { envFrom: [{ secretRef: { name: "keys" } }] } },
    "warn CREDENTIALS_SHADOWED",
  ),
  "a profile by envFrom of a ConfigMap, with a prefix": of(
    { app: { envFrom: [{ prefix: "AWS_", configMapRef: { name: "profile" } }] } },
    "warn CREDENTIALS_SHADOWED",
  ),
  "a Deny grant by bare name, and no base ARN": {
    manifests: [deployment({}), grant("no-tills", { effect: "Deny", roles: ["till"] })],
    says: "deny ROLE_DENIED_BY_GRANT",
  },
  "mode listed, and a grant for other accounts only": {
    manifests: [deployment({}), grant("others", { roles: [ROLE], serviceAccounts: ["other"] })],
    says: "deny ROLE_NOT_ALLOWED",
  },
  "a Windows pod that asks for a role": of(
    { spec: { os: { name: "windows" } } },
    "warn WINDOWS_WITHOUT_ROLE",
  ),
  "a namespace without the label": {
    manifests: [deployment({})],
    labels: {},
    says: "its pods are left alone: its namespace is not labelled for podrole",
  },
  "IRSA's annotation and the pod's in conflict": {
    manifests: [deployment({})],
    account: { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/other" },
    says: "role/other -> passed over, an earlier one is set",
  },
  "an annotation's key misspelt": of(
    { annotations: { "iam.amazonaws.com/rol": ROLE } },
    "warn ANNOTATION_UNKNOWN",
  ),
  "an ARN misspelt": of({ annotations: { [KEY]: "arn:aws:iam::1111:role/till" } }, "deny ROLE_MALFORMED"),
  "no grant in mode enforce": {
    manifests: [deployment({})],
    settings: { policy: "enforce" },
    says: "deny ROLE_NOT_ALLOWED",
  },
  "a Deny grant": {
    manifests: [deployment({}), grant("no-tills", { effect: "Deny", roles: [ROLE] })],
    says: "deny ROLE_DENIED_BY_GRANT",
  },
  "an access key in env": of(env("AWS_ACCESS_KEY_ID", "AKIA"), "warn CREDENTIALS_SHADOWED"),
  "AWS_PROFILE in env": of(env("AWS_PROFILE", "dev"), "warn CREDENTIALS_SHADOWED"),
  "the node's network": of({ spec: { hostNetwork: true } }, "deny HOST_NETWORK"),
  "mode block where Pod Security forbids it": {
    manifests: [deployment({})],
    settings: { guard: "block" },
    labels: { "podrole.dev/inject": "enabled", "pod-security.kubernetes.io/enforce": "baseline" },
    says: "warn BLOCK_NEEDS_PRIVILEGED",
  },
  "a privileged container": of({ app: { securityContext: { privileged: true } } }, "deny PRIVILEGED"),
  "NET_RAW added": of(addsCapability("NET_RAW"), "deny CAPABILITY_FORBIDDEN"),
  "a container to skip misspelt": of(
    { annotations: { [KEY]: ROLE, "podrole.dev/skip-containers": "ap" } },
    "warn SKIPPED_UNKNOWN",
  ),
  "a container's own role misspelt": of(
    { annotations: { "podrole.dev/role.ap": ROLE } },
    "deny CONTAINER_UNKNOWN",
  ),
};

describe("podrole explain -f names", () => {
  test.for(Object.entries(MISTAKES))("%s", async ([, mistake]) => {
    const server = await fakeApiServer();
    const { labels = { "podrole.dev/inject": "enabled" }, account = {}, settings = {} } = mistake;
    server.put(CORE, { metadata: { name: "shop", labels } });
    server.put("/api/v1/serviceaccounts", {
      metadata: { name: "till", namespace: "shop", annotations: account },
    });
    server.put(`${CORE}/podrole-system/configmaps`, { metadata: { name: "podrole-config" }, data: settings });
    server.put(`${CORE}/shop/secrets`, {
      metadata: { name: "keys" },
      data: { AWS_ACCESS_KEY_ID: "c2VjcmV0" },
    });
    server.put(`${CORE}/shop/configmaps`, { metadata: { name: "profile" }, data: { PROFILE: "dev" } });
    const kubeconfig = tempFile(server.config.exportConfig());
    const files = mistake.manifests.map((one) => tempFile(JSON.stringify(one)));
    const { code, stdout } = await podrole([
      "explain",
      "-f",
      ...files,
      "-n",
      "shop",
      "--kubeconfig",
      kubeconfig,
    ]);
    expect(stdout.replaceAll(/\s+/g, " ")).toContain(mistake.says);
    expect(code).toBe(mistake.says.startsWith("deny ") ? 1 : 0);
    expect(stdout).not.toContain("c2VjcmV0");
  });
});
