import { readdirSync, readFileSync } from "node:fs";
import type { Operation } from "fast-json-patch";
import { parseAllDocuments, stringify } from "yaml";
import { type Facts } from "../../injector/model/facts.ts";
import { manifestCluster } from "../../injector/cluster/manifest-cluster.ts";
import type { InjectorConfig } from "../../injector/config/installation.ts";
import type { Pod } from "../../injector/model/pod.ts";
import { fieldsIn, own, type Fields } from "../../injector/model/read.ts";
import { applied } from "./additions.ts";
import { config } from "./config.ts";
import { injected } from "./pods.ts";

export interface Golden {
  readonly name: string;
  readonly pod: Fields;
  readonly facts: Facts;
  readonly config: InjectorConfig;
}

const NAMESPACE = "shop";

/** Every `*.in.yaml` of a folder; the folder's README describes these files. */
export function goldens(folder: URL): Promise<readonly Golden[]> {
  const files = readdirSync(folder).filter((file) => file.endsWith(".in.yaml"));
  return Promise.all(files.sort().map((file) => golden(folder, file.slice(0, -".in.yaml".length))));
}

async function golden(folder: URL, name: string): Promise<Golden> {
  const documents = documentsIn(readFileSync(new URL(`${name}.in.yaml`, folder), "utf8"));
  const ofKind = (wanted: string): Fields | undefined => documents.find(({ kind }) => kind === wanted);
  const pod = ofKind("Pod");
  if (pod === undefined) throw new Error(`${name}.in.yaml holds no Pod`);
  const { kind: _, ...settings } = ofKind("GoldenSettings") ?? {};
  const account = own(fieldsIn(pod, "spec"), "serviceAccountName");
  const cluster = manifestCluster(documents, {
    labels: { "podrole.dev/inject": "enabled" },
    annotations: {},
  });
  const facts = await cluster.facts(NAMESPACE, typeof account === "string" ? account : "default");
  const since = ofKind("ChangedSinceInjected");
  return {
    name,
    pod: since === undefined ? pod : changed(injected(pod, facts, config(settings)), since["operations"]),
    facts,
    config: config(settings),
  };
}

/** Changes the pod as other webhooks would, by the operations of an RFC 6902 patch. */
const changed = (pod: Pod, operations: unknown): Fields => ({
  ...applied(pod, operations as readonly Operation[]),
});

export function documentsIn(text: string): readonly Fields[] {
  return parseAllDocuments(text).map((document) => {
    if ("empty" in document || document.errors.length > 0) throw new Error(`bad YAML: ${text.slice(0, 60)}`);
    return document.toJS() as Fields;
  });
}

/** Writes the same YAML for the same value: no folded lines, no anchors for shared parts. */
export const dump = (value: unknown): string =>
  stringify(value, { lineWidth: 0, minContentWidth: 0, aliasDuplicateObjects: false });
