import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments, stringify } from "yaml";
import { type Facts } from "../../injector/model/facts.ts";
import { manifestCluster } from "../../injector/cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import { isRecord, own, type Fields } from "../../injector/model/read.ts";
import { config } from "./config.ts";

export interface Golden {
  readonly name: string;
  readonly pod: Fields;
  readonly facts: () => Promise<Facts>;
  readonly config: InjectorConfig;
  readonly expectedFile: string;
}

const NAMESPACE = "shop";

/** Every `*.in.yaml` of a folder; what such a file holds is told in the folder's README. */
export function goldens(folder: URL): readonly Golden[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".in.yaml"))
    .sort()
    .map((file) => golden(folder, file.slice(0, -".in.yaml".length)));
}

function golden(folder: URL, name: string): Golden {
  const documents = documentsIn(readFileSync(new URL(`${name}.in.yaml`, folder), "utf8"));
  const pod = documents.find(({ kind }) => kind === "Pod");
  if (pod === undefined) throw new Error(`${name}.in.yaml holds no Pod`);
  const { kind: _, ...settings } = documents.find(({ kind }) => kind === "GoldenSettings") ?? {};
  const spec = own(pod, "spec");
  const account = isRecord(spec) ? own(spec, "serviceAccountName") : undefined;
  const cluster = manifestCluster(documents, {
    labels: { "podrole.dev/inject": "enabled" },
    annotations: {},
  });
  return {
    name,
    pod,
    facts: () => cluster.facts(NAMESPACE, typeof account === "string" ? account : "default"),
    config: config(settings),
    expectedFile: new URL(`${name}.out.yaml`, folder).pathname,
  };
}

export function documentsIn(text: string): readonly Fields[] {
  return parseAllDocuments(text).map((document) => {
    if ("empty" in document || document.errors.length > 0) throw new Error(`bad YAML: ${text.slice(0, 60)}`);
    return document.toJS() as Fields;
  });
}

/** One form of YAML for one value: no folded lines, no anchors for parts that are shared. */
export const dump = (value: unknown): string =>
  stringify(value, { lineWidth: 0, minContentWidth: 0, aliasDuplicateObjects: false });
