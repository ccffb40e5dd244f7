import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { InvalidArgumentError, Option, type Command } from "commander";
import { NAMESPACE_LABEL } from "../../../sidecar/contract/annotations.ts";
import type { Assumptions } from "../../cluster/manifest-cluster.ts";
import { isRecord, metadataOf, type Fields } from "../../model/read.ts";
import { kindOf, namespaceIn } from "../../model/workload.ts";
import type { Io } from "../io.ts";
import { filesOf } from "./folder.ts";
import { itemsOf, requireObjects } from "./lists.ts";
import { concatenated, parseManifests, type Manifest } from "./manifests.ts";
import { unreadable } from "./unreadable.ts";

/**
 * The documents of several files as one stream; `-` is standard input, and a folder stands for all manifests in it.
 * @throws CodedError `FILE_UNREADABLE`, `MANIFEST_UNPARSABLE`
 */
export async function readManifests(
  names: readonly string[],
  stdin: Io["stdin"],
): Promise<readonly Manifest[]> {
  const files = (await Promise.all(names.map(filesOf))).flat();
  const texts = await Promise.all(files.map((file) => readInput(file, stdin)));
  return concatenated(
    texts.map(({ text, name }, index) =>
      requireObjects(parseManifests(text, name), name, names.includes(files[index] ?? "")),
    ),
  );
}

/** Every object of the input, lists opened up: what the offline commands take for the cluster. */
export const objectsIn = (manifests: readonly Manifest[]): readonly Fields[] =>
  manifests.flatMap(({ value }) => flattened(value));

function flattened(value: unknown): readonly Fields[] {
  return isRecord(value) ? (itemsOf(value)?.flatMap(flattened) ?? [value]) : [];
}

/** The objects of the kinds that decide about pods, in the namespace that kubectl would put them into. */
export const placedIn = (objects: readonly Fields[], namespace: string): readonly Fields[] =>
  objects.map((one) =>
    NAMESPACED.has(kindOf(one)) && namespaceIn(one) === undefined
      ? { ...one, metadata: { ...metadataOf(one), namespace } }
      : one,
  );

const NAMESPACED: ReadonlySet<string> = new Set(["ServiceAccount", "LimitRange", "ConfigMap", "Secret"]);

/**
 * One file, or standard input for `-`.
 * @throws CodedError `FILE_UNREADABLE`
 */
export async function readInput(
  name: string,
  stdin: Io["stdin"],
): Promise<{ readonly text: string; readonly name: string }> {
  if (name === "-") return { text: await readAll(stdin), name: "standard input" };
  try {
    return { text: await readFile(name, "utf8"), name };
  } catch (error) {
    throw unreadable(name, error);
  }
}

export interface AssumptionOptions {
  readonly namespaceLabel: Readonly<Record<string, string>>;
  readonly namespaceAnnotation: Readonly<Record<string, string>>;
}

/** `key=value`, gathered over several uses of the option. */
const keyValue = (
  raw: string,
  previous: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> => {
  const at = raw.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be key=value.");
  return { ...previous, [raw.slice(0, at)]: raw.slice(at + 1) };
};

const LABELLED = { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value };

/** Adds the options that say what a namespace is like that the manifests do not hold. */
export const withAssumptions = (command: Command): Command =>
  command
    .optionsGroup("Namespaces that the manifests do not hold:")
    .addOption(
      new Option("--namespace-label <key=value>", "label that they have; repeatable")
        .argParser(keyValue)
        .default(LABELLED, `${NAMESPACE_LABEL.key}=${NAMESPACE_LABEL.value}`),
    )
    .addOption(
      new Option("--namespace-annotation <key=value>", "annotation that they have; repeatable")
        .argParser(keyValue)
        .default({}, "none"),
    );

export const assumptionsFrom = ({ namespaceLabel, namespaceAnnotation }: AssumptionOptions): Assumptions => ({
  labels: namespaceLabel,
  annotations: namespaceAnnotation,
});

/** What is assumed of a namespace, for a sentence. */
export function assumedWords({ labels, annotations }: Assumptions): string {
  const list = (kind: string, map: Readonly<Record<string, string>>): readonly string[] =>
    Object.entries(map).map(([key, value]) => `${kind} ${key}=${value}`);
  const words = [...list("label", labels), ...list("annotation", annotations)].join(", ");
  return words || "neither labels nor annotations";
}
