import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { executableOnPath } from "./executable.ts";

/** A rendered object of unknown shape; a test that expects another shape fails. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Manifest = any;

export const CHART = fileURLToPath(new URL("../../deploy/chart/", import.meta.url));

/** PODROLE_TEST_HELM, or the first on PATH or in KUBEBUILDER_ASSETS. */
function helmPath(): string | undefined {
  const named = process.env["PODROLE_TEST_HELM"];
  if (named !== undefined && named !== "") return named;
  return executableOnPath("helm", process.env["KUBEBUILDER_ASSETS"] ?? "");
}

/** The reason why charts cannot be rendered on this machine, or undefined. Shown in the titles of skipped tests. */
export const whyNoHelm = (): string | undefined =>
  helmPath() === undefined ? "no helm in PODROLE_TEST_HELM, PATH or KUBEBUILDER_ASSETS" : undefined;

export interface HelmRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs helm to its end. @param input the standard input, which `-f -` reads */
export function helm(args: readonly string[], input = ""): HelmRun {
  const { status, stdout, stderr } = spawnSync(helmPath() ?? "helm", args, { input, encoding: "utf8" });
  return { status: status ?? -1, stdout, stderr };
}

/** A helm from `go install` assumes Kubernetes v1.20 unless a version is given. */
export const KUBE_VERSION = ["--kube-version", "1.36.1"];

/** `helm template` with the chart's defaults and these values over them. */
export const template = (values: object = {}, ...args: readonly string[]): HelmRun =>
  helm(
    ["template", "podrole", CHART, "-n", "podrole-system", ...KUBE_VERSION, "-f", "-", ...args],
    JSON.stringify(values),
  );

/** The objects of the rendered chart. @throws Error with helm's message */
export function rendered(values: object = {}, ...args: readonly string[]): readonly Manifest[] {
  const { status, stdout, stderr } = template(values, ...args);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

export const ofKind = (objects: readonly Manifest[], kind: string): Manifest =>
  objects.find((object) => object?.kind === kind);
