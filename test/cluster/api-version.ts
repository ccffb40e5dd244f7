import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { whyNot } from "./control-plane.ts";

/** Features of API servers, and the minor version of Kubernetes that first has each switched on. Older ones drop its fields. */
const SINCE = {
  "a subresource for resizes": 33,
  "another procMount": 33,
  "a gate for lax addresses": 33,
  "resources of a pod": 34,
  "claims of devices": 34,
  "rules for restarts": 35,
} as const;

export type Feature = keyof typeof SINCE;

/** The newest that podrole is tested with. */
const NEWEST_MINOR = 36;

/** The minor version of the API server that the suites start: 36 for Kubernetes 1.36. */
const minor = (): number => {
  if (whyNot() !== undefined) return NEWEST_MINOR;
  const program = join(process.env["KUBEBUILDER_ASSETS"] ?? "", "kube-apiserver");
  const said = execFileSync(program, ["--version"], { encoding: "utf8" });
  const [, found] = /v1\.(\d+)\./.exec(said) ?? [];
  if (found === undefined) throw new Error(`kube-apiserver --version said ${said}`);
  return Number(found);
};
const MINOR = minor();

export const isNewest = MINOR >= NEWEST_MINOR;

/** Why a test of the feature is skipped at this API server, or undefined. */
export const whyWithout = (feature: Feature | undefined): string | undefined =>
  feature === undefined || MINOR >= SINCE[feature]
    ? undefined
    : `Kubernetes 1.${MINOR} does not have ${feature}`;
