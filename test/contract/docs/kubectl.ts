import { strayAnnotations, type On } from "../../../injector/model/annotations.ts";
import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { missing, split, valuesOf, type Around } from "./arguments.ts";
import { KINDS, OBJECTS } from "./tree.ts";

const KUBECTL_ALWAYS = ["-n", "--namespace", "--context"];
const KUBECTL_BARE = new Set([
  "-A",
  "--all",
  "--all-namespaces",
  "--server-side",
  "--overwrite",
  "--previous",
  "--ignore-not-found",
  "-w",
  "-it",
]);
const KUBECTL: Readonly<Record<string, readonly string[]>> = {
  apply: ["-f", "--server-side", "--dry-run"],
  create: ["-f", "--dry-run", "-o"],
  delete: ["-f", "--ignore-not-found", "-l"],
  get: ["-o", "-A", "-l", "-w", "--field-selector", "--sort-by"],
  describe: ["-l"],
  label: ["--overwrite", "--dry-run", "-o"],
  annotate: ["--overwrite", "--dry-run", "-o"],
  rollout: [],
  scale: ["--replicas"],
  logs: ["-c", "--previous", "--tail", "--since", "-l"],
  exec: ["-c", "-it"],
  debug: ["-it", "--image", "--target", "--profile"],
  "port-forward": [],
  drain: [],
  auth: ["--as"],
};
const ROLLOUTS = new Set(["status", "restart", "history", "undo"]);
/** Verbs whose first word is a pod, unless it says otherwise. */
const OF_PODS = new Set(["logs", "exec", "debug", "port-forward"]);

/** Objects that the installation or the examples make, or that the page has a placeholder for. */
export function kubectl(args: readonly string[], around: Around): readonly string[] {
  const at = args.findIndex(
    (word, index) => !word.startsWith("-") && !KUBECTL_ALWAYS.includes(args[index - 1] ?? ""),
  );
  const verb = at === -1 ? "" : (args[at] ?? "");
  const flags = Object.hasOwn(KUBECTL, verb) ? KUBECTL[verb] : undefined;
  if (flags === undefined) return [`kubectl has no command \`${verb}\` that the docs may use`];
  const rest = args.filter((_, index) => index !== at);
  const { named, unknown, values } = split(rest, [...KUBECTL_ALWAYS, ...flags], KUBECTL_BARE);
  const namespace = values.get("-n") ?? values.get("--namespace");
  const inNamespace = namespace !== undefined && !isFree(namespace) && !isMade("Namespace", namespace);
  return [
    ...unknown.map((flag) => `kubectl ${verb} is not given \`${flag}\` in the docs`),
    ...valuesOf(rest, ["-f"]).flatMap((file) => missing(file, around)),
    ...(inNamespace ? [`nothing makes the namespace \`${namespace}\``] : []),
    ...objectComplaints(verb, named, namespace),
  ];
}

function objectComplaints(
  verb: string,
  named: readonly string[],
  namespace: string | undefined,
): readonly string[] {
  const [first = "", ...others] = named;
  if (verb === "rollout") {
    if (!ROLLOUTS.has(first)) return [`kubectl rollout has no command \`${first}\` that the docs may use`];
    return objectComplaints("", others, namespace);
  }
  if (verb === "auth" || verb === "create" || named.length === 0) return [];
  if (verb === "drain") return isFree(first) ? [] : [`\`${first}\` is no node that a page could know`];
  const marks = verb === "label" || verb === "annotate" ? named.filter(isMark) : [];
  const objects = named.filter((word) => !marks.includes(word));
  const pairs = OF_PODS.has(verb) && !first.includes("/") ? [["pods", first] as const] : pairsIn(objects);
  const complaints = pairs.flatMap(([type, name]) => {
    const kind = KINDS.get(type);
    if (kind === undefined) return [`kubectl knows no kind \`${type}\``];
    if (name === undefined || isFree(name) || isMade(kind, name, namespace)) return [];
    return [`neither installation nor examples make a ${kind} \`${name}\``];
  });
  const kind = KINDS.get(pairs[0]?.[0] ?? "");
  return [
    ...complaints,
    ...(kind === undefined ? [] : marks.flatMap((mark) => markComplaints(verb, kind, mark))),
  ];
}

const isMark = (word: string): boolean => /[=]|-$/.test(word);
const isFree = (name: string): boolean => /^[A-Z][A-Z-]*$/.test(name) || name.includes("$");
const isMade = (kind: string, name: string, namespace?: string): boolean =>
  OBJECTS.some(
    (one) =>
      one.kind === kind && one.name === name && (one.namespace ?? namespace) === (namespace ?? one.namespace),
  );

type Pair = readonly [type: string, name: string | undefined];

/** `kind/name ...`, or `kind name ...`, or `kind,kind`. */
function pairsIn(objects: readonly string[]): readonly Pair[] {
  if (objects.some((word) => word.includes("/"))) {
    return objects.map((word): Pair => [word.split("/")[0] ?? "", word.split("/")[1] ?? ""]);
  }
  const [types = "", ...names] = objects;
  return types
    .split(",")
    .flatMap((type): readonly Pair[] =>
      names.length === 0 ? [[type, undefined]] : names.map((name): Pair => [type, name]),
    );
}

const ANNOTATED: ReadonlySet<string> = new Set<On>(["Pod", "Namespace", "ServiceAccount"]);

/** A label that nobody reads, or an annotation that stands on the wrong kind. */
function markComplaints(verb: string, kind: string, mark: string): readonly string[] {
  const [key = ""] = mark.replace(/-$/, "").split("=");
  if (verb === "label") {
    const foreign = !key.includes("podrole.dev/");
    return foreign || key === NAMESPACE_LABEL.key ? [] : [`podrole reads no label \`${key}\``];
  }
  if (!ANNOTATED.has(kind)) return [];
  const value = mark.includes("=") ? mark.slice(mark.indexOf("=") + 1) : "";
  return strayAnnotations(kind as On, { [key]: value }).map(({ message, remedy }) => `${message} ${remedy}`);
}
