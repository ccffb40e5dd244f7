import { readFile } from "node:fs/promises";
import { CodedError, systemCode } from "../../sidecar/kit/errors.ts";
import { fieldsIn, isRecord, metadataOf, own, stringMap, type Fields } from "../model/read.ts";
import type { Written } from "./read-config.ts";

/** The ConfigMap that an installation is configured by, in the injector's namespace. */
export const CONFIG_MAP = "podrole-config";

/** The data of a ConfigMap from the API server. */
export const writtenIn = (configMap: Fields): Written => stringMap(own(configMap, "data"));

/**
 * The settings in a file with a ConfigMap's manifest, which may be one of many, as in install.yaml.
 * @throws CodedError `CONFIG_UNREADABLE`
 */
export async function readConfigFile(path: string): Promise<Written> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, `cannot be read (${systemCode(error) ?? "unknown error"})`, "Correct the path.");
  });
  // Only here: an injector in a cluster is given no file. As `default`: in a bundle, a CommonJS module that is imported later has
  // no other export.
  const { default: yaml } = await import("yaml");
  const documents = yaml.parseAllDocuments(text, { version: "1.1", schema: "yaml-1.1" });
  // An empty stream is an object of another kind, without documents.
  const all = Array.isArray(documents) ? documents : [];
  if (all.some(({ errors }) => errors.length > 0)) {
    throw unreadable(path, "is neither YAML nor JSON", "Correct it and try again.");
  }
  return settingsAmong(
    all.map((document) => document.toJS({ maxAliasCount: 1000 }) as unknown),
    path,
  );
}

/** The settings of the one ConfigMap, or of several the one that is named as podrole's is. */
function settingsAmong(objects: readonly unknown[], path: string): Written {
  const maps = objects
    .flatMap((object) =>
      isRecord(object) && own(object, "kind") === "List" ? [own(object, "items")].flat() : [object],
    )
    .filter(isRecord)
    .filter((object) => own(object, "kind") === "ConfigMap");
  const named = maps.filter((object) => own(metadataOf(object), "name") === CONFIG_MAP);
  const [found, ...more] = named.length > 0 ? named : maps;
  if (found === undefined || more.length > 0) {
    const what = found === undefined ? "contains no ConfigMap" : "contains several possible ConfigMaps";
    throw unreadable(path, what, `Give the manifest of ${CONFIG_MAP}, as in deploy/install.yaml.`);
  }
  const data = fieldsIn(found, "data");
  const bad = Object.keys(data).find((key) => typeof data[key] !== "string");
  if (bad === undefined) return writtenIn(found);
  throw unreadable(
    path,
    `contains a value that is not a string, at ${JSON.stringify(bad.slice(0, 60))}`,
    "Put it in quotes.",
  );
}

const unreadable = (path: string, what: string, remedy: string): CodedError =>
  new CodedError("CONFIG_UNREADABLE", `${path} ${what}.`, { remedy });
