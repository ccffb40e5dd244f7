import { readdirSync } from "node:fs";
import type { Command } from "commander";
import { ANNOTATIONS } from "../../../injector/model/annotations.ts";
import { CHECKS } from "../../../injector/cli/check/result.ts";
import { podroleCommand } from "../../../injector/cli/podrole.ts";
import { injectorCommand } from "../../../injector/serve/command.ts";
import { FINDINGS } from "../../../injector/model/findings.ts";
import { METRICS } from "../../../injector/serve/metrics-table.ts";
import { CONTAINER_ROLE_PREFIX, NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { sidecarMetrics } from "../../support/sidecar-metrics.ts";
import { settings } from "./helm.ts";
import { flagComplaints, isCalled } from "./podrole.ts";
import { hasValue, isThere, textOf, VALUE_GROUPS } from "./tree.ts";

/** Whether what a page names is there: flags, annotations, codes, metrics, values, files. */

/** Names of a peer's, which a page about the way from there may use. */
export interface Peers {
  readonly flags: ReadonlySet<string>;
  readonly keys: ReadonlySet<string>;
}

/** What is wrong with a piece of inline code. */
export function nameComplaints(span: string, peers: Peers): readonly string[] {
  return [
    ...flagComplaintsIn(span, peers),
    ...codesIn(span),
    ...metricsIn(span),
    ...(FILE.test(span) && !isThere(span.replace(/\/?\*.*$/, "")) ? [`there is no file \`${span}\``] : []),
    ...valuesIn(span),
  ];
}

const FILE = /^(?:deploy|injector|sidecar|test|\.ci)\/[\w./*-]*$/;

const commands: readonly Command[] = [injectorCommand(), ...podroleCommand().commands];

function flagComplaintsIn(span: string, { flags }: Peers): readonly string[] {
  const [word = ""] = span.split(" ");
  const [flag = ""] = word.split("=");
  if (flag === "--set" || flag === "--set-file") {
    return settings(span.slice(flag.length).trim()).flatMap(valuesIn);
  }
  if (!/^--[a-z]/.test(flag) || flags.has(flag) || OTHERS_FLAGS.has(flag)) return [];
  const owner = commands.find(({ options }) => options.some((option) => isCalled(option, flag)));
  if (owner === undefined) return [`neither podrole-injector nor podrole has an option \`${flag}\``];
  return flagComplaints(owner, span.split(" "));
}

/** Of Node's, kubectl's and the sidecar image's own. */
const OTHERS_FLAGS = new Set([
  "--help",
  "--build-arg",
  "--dry-run",
  "--profile",
  "--target",
  "--noforward",
  "--noflush",
]);

const CODE = /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g;

const codesIn = (span: string): readonly string[] =>
  [...span.matchAll(CODE)]
    .map(([code]) => code)
    .filter((code) => !CODES.has(code) && !OTHERS.has(code))
    .map((code) => `no code and no variable of podrole's is called \`${code}\``);

/** Every word of that form that stands in the programs as a text or is a code of theirs. */
const CODES: ReadonlySet<string> = new Set([
  ...Object.keys(FINDINGS),
  ...Object.keys(CHECKS),
  ...["injector", "sidecar"].flatMap((folder) =>
    readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => [
        ...textOf(`${folder}/${file}`).matchAll(/["'`]([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)["'`]/g),
      ])
      .map(([, code]) => code ?? ""),
  ),
]);

/** The kernel's, Node's, the AWS SDKs' and the test suites' own words. */
const OTHERS = new Set([
  "AF_PACKET",
  "AF_XDP",
  "SO_BINDTODEVICE",
  "PACKET_QDISC_BYPASS",
  "PACKET_VNET_HDR",
  "SOCK_DGRAM",
  "SOCK_PACKET",
  "CAP_NET_RAW",
  "CAP_SETUID",
  "SYS_TIME",
  "NODE_OPTIONS",
  "NO_PROXY",
  "HTTPS_PROXY",
  "AWS_ROLE_ARN",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "PODROLE_TEST_PYTHON",
  "PODROLE_SDK_CACHE",
  "KUBEBUILDER_ASSETS",
  "POD_IP",
  "NODE_IMAGE",
]);

const METRIC_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(METRICS),
  ...sidecarMetrics().map(({ name }) => name),
]);

const metricsIn = (span: string): readonly string[] =>
  [...span.matchAll(/\bpodrole_[a-z_]+\b/g)]
    .map(([name]) => name)
    .filter(
      (name) => !METRIC_NAMES.has(name.replace(/_(?:bucket|sum|count)$/, "")) && !METRIC_NAMES.has(name),
    )
    .map((name) => `there is no metric \`${name}\``);

function valuesIn(span: string): readonly string[] {
  const [, path = ""] = /^([a-z]\w*(?:\.\w+)+)(?:=.*|: .*)?$/i.exec(span) ?? [];
  const isValue = VALUE_GROUPS.has(path.split(".")[0] ?? "") && !FILE_NAME.test(path);
  return isValue && !hasValue(path) ? [`the chart has no value \`${path}\``] : [];
}

/** `namespace.yaml` and the like are no values. */
const FILE_NAME = /\.(?:ya?ml|json|md|ts|mjs|pem|crt|key)$/;

const KEY =
  /(?<![\w.@-])((?:pods\.|workloads\.)?podrole\.dev|iam\.amazonaws\.com|eks\.amazonaws\.com)\/([\w.<>-]*[\w>])/g;

/** What is wrong with the labels and annotations that a text names, wherever in it. */
export function keyComplaints(text: string, { keys }: Peers): readonly string[] {
  // The path of a volume holds our name as well.
  const named = [...text.replaceAll(/\/var\/run\/secrets\/\S+/g, "").matchAll(KEY)].map(([key]) => key);
  return [...new Set(named)]
    .filter((key) => !KNOWN_KEYS.has(key) && !key.startsWith(CONTAINER_ROLE_PREFIX) && !keys.has(key))
    .map((key) => `podrole reads no annotation and no label \`${key}\``);
}

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  ...Object.keys(ANNOTATIONS),
  NAMESPACE_LABEL.key,
  "podrole.dev/v1alpha1",
  // EKS's own webhook reads it, and podrole writes it.
  "eks.amazonaws.com/skip-containers",
]);
