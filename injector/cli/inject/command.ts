import { Command } from "commander";
import { admitPod } from "../../review/admit-pod.ts";
import { isLabelled, type Cluster } from "../../model/facts.ts";
import { manifestCluster } from "../../cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import { sentence } from "../../model/findings.ts";
import { serviceAccountIn } from "../../model/pod.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { isRecord } from "../../model/read.ts";
import { FILES, outputOption, withSettingOptions } from "../options.ts";
import { random, type Fresh } from "../../mutate/fresh.ts";
import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import { plain } from "../print/lines.ts";
import { Notes, type Note } from "./notes.ts";
import { requireBroker } from "./broker.ts";
import { givenSettings, requireGiven } from "../input/settings.ts";
import {
  assumptionsFrom,
  objectsIn,
  readManifests,
  withAssumptions,
  type AssumptionOptions,
} from "../input/files.ts";
import { toJson } from "../input/json.ts";
import { itemsOf } from "../input/lists.ts";
import { separated, type Manifest } from "../input/manifests.ts";
import { toYaml } from "../input/yaml-text.ts";
import { nameOfObject, namespaceIn, templateOf } from "../../model/workload.ts";

/** What came of a run: the documents to print, and what there is to say about which object. */
export interface Injection {
  readonly documents: readonly Manifest[];
  readonly notes: readonly Note[];
  /** Namespaces whose pods are left as they are, since they are not labelled for podrole. */
  readonly unlabelled: readonly string[];
}

export interface InjectDeps {
  readonly config: InjectorConfig;
  readonly cluster: Cluster;
  /** Namespace of objects that name none. */
  readonly namespace: string;
  readonly fresh: Fresh;
}

/**
 * Puts guard and sidecar into every pod and pod template, by the webhook's own code. What holds no pod keeps its very
 * text; an object that is denied is left out.
 */
export async function inject(manifests: readonly Manifest[], deps: InjectDeps): Promise<Injection> {
  const documents: Manifest[] = [];
  const notes = new Notes(deps.config);
  for (const manifest of manifests) {
    const changed = await injectValue(manifest.value, deps, notes);
    if (changed === manifest.value) documents.push(manifest);
    else if (changed !== undefined) {
      documents.push({ value: changed, text: separated(toYaml(changed), manifest.text) });
    }
  }
  return { documents, notes: notes.all, unlabelled: [...notes.unlabelled] };
}

/** The value with its pods injected, the very same value where there is nothing to change, undefined where denied. */
async function injectValue(value: unknown, deps: InjectDeps, notes: Notes): Promise<unknown> {
  if (!isRecord(value)) return value;
  const items = itemsOf(value);
  if (items !== undefined) {
    const results = await Promise.all(items.map((item) => injectValue(item, deps, notes)));
    if (results.every((result, index) => result === items[index])) return value;
    return { ...value, items: results.filter((result) => result !== undefined) };
  }
  const template = templateOf(value);
  const namespace = namespaceIn(value) ?? deps.namespace;
  const object = nameOfObject(value, namespace);
  if (template === undefined) {
    await notes.ofSurroundings(object, value, namespace, deps.cluster);
    return value;
  }
  const facts = await deps.cluster.facts(namespace, serviceAccountIn(template.pod));
  const outcome = admitPod(template.pod, facts, deps.config, deps.fresh);
  notes.ofPods(object, value, facts, outcome.findings);
  if (!isLabelled(facts)) notes.unlabelled.add(namespace);
  switch (outcome.kind) {
    case "deny":
      return undefined;
    case "skip":
      return value;
    case "inject":
      return template.replace(outcome.after);
  }
}

/** As kubectl would want it back: one object as itself, several as a List. */
function asJson(documents: readonly Manifest[]): string {
  const values = documents.map(({ value }) => value).filter((value) => value !== null && value !== undefined);
  return `${toJson(values.length === 1 ? values[0] : { apiVersion: "v1", kind: "List", items: values })}\n`;
}

interface InjectOptions extends AssumptionOptions {
  readonly filename: readonly string[];
  readonly output: "yaml" | "json";
  readonly namespace: string;
}

/** `podrole inject`: the webhook's patch, offline. */
export function injectCommand(bind: Bind): Command {
  const command = new Command("inject")
    .summary("add guard and sidecar to the pods of manifests")
    .description(
      "Add guard and sidecar to the pods and workloads of manifests, by the code of the webhook. Namespaces, " +
        "service accounts and RoleGrants in the manifests are taken for the cluster's. A denied object is left " +
        "out, and standard error says why.",
    )
    .requiredOption(...FILES)
    .addOption(outputOption("yaml", "json"))
    .option("-n, --namespace <name>", "namespace of objects that name none", "default");
  withAssumptions(command);
  withSettingOptions(command);
  return command.action(bind(runInject));
}

const LABEL = `${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`;
const UNLABELLED = `It is not labelled ${LABEL}, so its pods get neither guard nor role. To have them injected: kubectl label namespace NAME ${LABEL}`;

async function runInject(io: Io, options: InjectOptions & Record<string, unknown>): Promise<ExitCode> {
  const given = await givenSettings(options);
  requireBroker(given);
  const config = requireGiven(given);
  const manifests = await readManifests(options.filename, io.stdin);
  const cluster = manifestCluster(objectsIn(manifests), assumptionsFrom(options));
  const { documents, notes, unlabelled } = await inject(manifests, {
    config,
    cluster,
    namespace: options.namespace,
    fresh: random,
  });
  for (const namespace of unlabelled) io.stderr.write(`info  Namespace ${plain(namespace)}: ${UNLABELLED}\n`);
  for (const { object, finding } of notes)
    io.stderr.write(`${finding.severity}  ${object}: ${sentence(finding)}\n`);
  io.stdout.write(
    options.output === "json"
      ? asJson(documents)
      : documents.map(({ text }) => text.replace(/[^\n]$/, "$&\n")).join(""),
  );
  return notes.some(({ finding }) => finding.severity === "deny") ? 1 : 0;
}
