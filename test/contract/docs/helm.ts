import { missing, split, valuesOf, type Around } from "./arguments.ts";
import { hasValue } from "./tree.ts";

const HELM: Readonly<Record<string, readonly string[]>> = {
  install: ["--namespace", "-n", "--create-namespace", "--set", "-f", "--wait", "--atomic", "--timeout"],
  upgrade: [
    "--namespace",
    "-n",
    "--set",
    "-f",
    "--reuse-values",
    "--install",
    "--wait",
    "--dry-run",
    "--timeout",
  ],
  template: ["--namespace", "-n", "--set", "-f", "--kube-version"],
  uninstall: ["--namespace", "-n", "--wait"],
  rollback: ["--namespace", "-n", "--wait"],
  history: ["--namespace", "-n"],
  get: ["--namespace", "-n", "-o"],
};
const HELM_BARE = new Set(["--create-namespace", "--wait", "--atomic", "--reuse-values", "--install"]);

/** The chart there is, with values that it has. That helm itself takes them is for test/chart/docs.test.ts. */
export function helm(args: readonly string[], around: Around): readonly string[] {
  const [verb = "", ...rest] = args;
  const flags = Object.hasOwn(HELM, verb) ? HELM[verb] : undefined;
  if (flags === undefined) return [`helm has no command \`${verb}\` that the docs may use`];
  const { named, unknown } = split(rest, flags, HELM_BARE);
  const charts = named.filter((word) => word.includes("/"));
  return [
    ...unknown.map((flag) => `helm ${verb} is not given \`${flag}\` in the docs`),
    ...[...charts, ...valuesOf(rest, ["-f"])].flatMap((file) => missing(file, around)),
    ...valuesOf(rest, ["--set"])
      .flatMap(settings)
      .filter((path) => !hasValue(path))
      .map((path) => `the chart has no value \`${path}\``),
  ];
}

/** The names in `a.b=c,d={e,f}`. */
export const settings = (text: string): readonly string[] =>
  text
    .replaceAll(/\{[^}]*\}/g, "")
    .split(",")
    .map((setting) => (setting.split("=")[0] ?? "").replace(/\[\d+\]$/, ""));
