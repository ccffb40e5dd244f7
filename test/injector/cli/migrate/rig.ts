import { join } from "node:path";
import { podrole, type Run } from "../../../support/cli.ts";
import { tempFile, tempFolder } from "../../../support/temp-files.ts";

export const ACCOUNT = "arn:aws:iam::111122223333:role/";
export const ISSUER = "https://oidc.example/cluster";
export const ISSUED = ["--oidc-issuer", ISSUER] as const;

export type Json = Readonly<Record<string, unknown>>;

/** A new folder for `--dir`, which does not exist yet. */
export const newFolder = (): string => join(tempFolder(), "out");

interface Named {
  readonly name?: string;
  readonly namespace?: string;
}

/** An object; its namespace is `shop`, if it has one. */
export const object = (
  kind: string,
  { name = kind.toLowerCase(), namespace }: Named,
  more: Json = {},
): Json => ({
  apiVersion: VERSIONS[kind] ?? "v1",
  kind,
  metadata: {
    name,
    ...(CLUSTER_WIDE.has(kind) ? {} : { namespace: namespace ?? "shop" }),
    ...(more["metadata"] as Json | undefined),
  },
  ...Object.fromEntries(Object.entries(more).filter(([key]) => key !== "metadata")),
});

const CLUSTER_WIDE = new Set(["Namespace", "RoleGrant"]);
const VERSIONS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map((kind) => [kind, "apps/v1"]),
  ),
  ...Object.fromEntries(["Job", "CronJob"].map((kind) => [kind, "batch/v1"])),
  RoleGrant: "podrole.dev/v1alpha1",
};

export const namespace = (name: string, annotations: Json = {}, labels: Json = {}): Json =>
  object("Namespace", { name }, { metadata: { annotations, labels } });

/** A pod template with a role of this name, if it has one. */
export const template = (role: string | undefined, spec: Json = {}, metadata: Json = {}): Json => ({
  metadata: {
    labels: { app: "x" },
    annotations: role === undefined ? {} : { "iam.amazonaws.com/role": role },
    ...metadata,
  },
  spec: { containers: [{ name: "app", image: "shop/app:1" }], ...spec },
});

export const workload = (
  kind: string,
  name: Named,
  role: string | undefined,
  spec: Json = {},
  metadata: Json = {},
): Json => {
  const pod = template(role, spec, metadata);
  if (kind === "Pod") return object(kind, name, pod);
  const holder = { ...(kind === "Job" ? {} : { selector: { matchLabels: { app: "x" } } }), template: pod };
  return object(kind, name, {
    spec: kind === "CronJob" ? { schedule: "0 0 * * *", jobTemplate: { spec: { template: pod } } } : holder,
  });
};

/** A DaemonSet with the tool. */
export const tool = (image: string, ...args: readonly string[]): Json =>
  object(
    "DaemonSet",
    // kiam's first argument is `server` or `agent`.
    { name: /^[a-z]/.test(args[0] ?? "") ? `tool-${args[0]}` : "tool", namespace: "kube-system" },
    {
      spec: { template: { spec: { hostNetwork: true, containers: [{ name: "tool", image, args }] } } },
    },
  );

export const kube2iamTool = (...args: readonly string[]): Json =>
  tool("jtblin/kube2iam:0.11.1", `--base-role-arn=${ACCOUNT}`, ...args);

export const fileOf = (...objects: readonly Json[]): string =>
  tempFile(JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }), "objects.json");

/** `podrole migrate FROM -f <these>`. */
export const migrate = (from: string, objects: readonly Json[], ...args: readonly string[]): Promise<Run> =>
  podrole(["migrate", from, "-f", fileOf(...objects), ...args]);

export interface ReportJson {
  readonly settings: Readonly<Record<string, string>>;
  readonly namespaces: readonly {
    readonly name: string;
    readonly moves: boolean;
    readonly guardVerifies: boolean;
    readonly workloads: readonly {
      readonly object: string;
      readonly verdict: string;
      readonly roles: readonly string[];
      readonly now: { readonly kind: string; readonly arn?: string };
      readonly findings: readonly { readonly code: string; readonly severity: string }[];
      readonly notes: readonly string[];
    }[];
  }[];
  readonly grants: readonly { readonly metadata: { readonly name: string }; readonly spec: Json }[];
  readonly policies: readonly {
    readonly of: string;
    readonly state: string;
    readonly policy: { readonly Statement: readonly Json[] };
  }[];
  readonly notes: readonly { readonly code: string; readonly message: string }[];
  readonly steps: readonly {
    readonly title: string;
    readonly about: readonly string[];
    readonly commands: readonly string[];
    readonly back: readonly string[];
  }[];
  readonly files: readonly string[];
}

export async function report(
  from: string,
  objects: readonly Json[],
  ...args: readonly string[]
): Promise<ReportJson> {
  const { stdout, stderr } = await migrate(from, objects, ...args, "-o", "json");
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as ReportJson;
}

/** `Deployment shop/web: same arn…` of each workload. */
export const verdicts = ({ namespaces }: ReportJson): readonly string[] =>
  namespaces.flatMap(({ workloads }) =>
    workloads.map(({ object: name, verdict, roles, findings }) => {
      const codes = findings.filter(({ severity }) => severity === "deny").map(({ code }) => code);
      return [`${name}: ${verdict}`, ...codes, ...roles.map((role) => role.replace(ACCOUNT, ""))].join(" ");
    }),
  );

export const specsOf = ({ grants }: ReportJson): readonly Json[] => grants.map(({ spec }) => spec);
export const codesOf = ({ notes }: ReportJson): readonly string[] => [
  ...new Set(notes.map(({ code }) => code)),
];

/** Writes a file and returns its path. */
export const textFile = (text: string): string => tempFile(text);

/** What kube2iam needs in a trust policy. */
export const NODES = {
  Effect: "Allow",
  Principal: { AWS: "arn:aws:iam::111122223333:role/nodes" },
  Action: "sts:AssumeRole",
};
/** A file for `--roles`: each role with the statements of its trust policy. */
export const roles = (...known: readonly (readonly [string, readonly Json[]])[]): string =>
  textFile(
    JSON.stringify({
      Roles: known.map(([name, Statement]) => ({
        Arn: ACCOUNT + name,
        AssumeRolePolicyDocument: { Version: "2012-10-17", Statement },
        MaxSessionDuration: 3600,
      })),
    }),
  );
