import { CodedError } from "../../sidecar/kit/errors.ts";
import { informer, type InformerDeps } from "./informer.ts";
import { readConfigFile, writtenIn } from "../config/config-map.ts";
import { configFrom, configInvalid, isAccepted, otherVersion, type Written } from "../config/read-config.ts";
import type { Trouble } from "../model/trouble.ts";
import { metadataOf, own, recordsIn, type Fields } from "../model/read.ts";
import type { ConfigInForce, SeenSettings } from "./config-in-force.ts";

/** Where settings are read from. */
export interface ConfigSource {
  /** Follows them until the signal; never rejects. */
  run(into: Pick<ConfigInForce, "see" | "seeNone">, signal: AbortSignal): Promise<void>;
  /** Why a change of them would not be seen at the moment, or undefined. */
  trouble(): Trouble | undefined;
}

/**
 * The file, if one is named, else the ConfigMap.
 * @param options of the command line
 * @throws CodedError for a file that cannot be used
 */
export const configSource = async (
  { config, configMap }: { readonly config?: string; readonly configMap: string },
  namespace: string,
  deps: InformerDeps,
): Promise<ConfigSource> =>
  config === undefined ? configMapSource({ namespace, name: configMap }, deps) : configFileSource(config);

/** Why no settings are in force yet, or undefined. Settings that were refused are the reason themselves. */
export function whyNoSettings(
  config: Pick<ConfigInForce, "missing" | "refused">,
  source: Pick<ConfigSource, "trouble">,
): Trouble | undefined {
  const missing = config.missing();
  const unread = config.refused() === undefined ? source.trouble() : undefined;
  return missing && (unread ?? missing);
}

/** The ConfigMap of an installation, followed. */
export function configMapSource(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  deps: InformerDeps,
): ConfigSource {
  const absent = missingConfigMap(namespace, name);
  let into: Pick<ConfigInForce, "see" | "seeNone"> | undefined;
  const followed = informer<SeenSettings>(
    {
      resource: "configmaps",
      path: `/api/v1/namespaces/${namespace}/configmaps`,
      name,
      cut: (object) => ({ written: settingsIn(object), writtenAt: lastWrite(object) }),
      onChange: (seen) => into?.see(seen),
      onListed: () => followed.size() === 0 && into?.seeNone(absent),
      onRemoved: () => into?.seeNone(absent),
    },
    deps,
  );
  return {
    run: (target, signal) => {
      into = target;
      return followed.run(signal);
    },
    trouble: () => {
      const why = followed.problem();
      if (why === undefined) return undefined;
      const { code, message, remedy } = notFollowed(namespace, name, why);
      return { code, message: `${message} ${remedy}` };
    },
  };
}

/** @param why a clause: what the API server answered */
export const notFollowed = (namespace: string, name: string, why: string): CodedError =>
  new CodedError("CONFIG_UNREAD", `The ConfigMap ${namespace}/${name} is not followed: ${why}.`, {
    remedy: "Check the program's Role and the API server.",
  });

export const missingConfigMap = (namespace: string, name: string): CodedError =>
  new CodedError("CONFIG_MISSING", `There is no ConfigMap ${namespace}/${name}.`, {
    remedy: "Apply podrole's ConfigMap again, or correct --config-map.",
  });

/**
 * A file that is read once.
 * @throws CodedError `CONFIG_UNREADABLE`, `CONFIG_OTHER_VERSION`, `CONFIG_INVALID`
 */
export async function configFileSource(path: string): Promise<ConfigSource> {
  const written = await readConfigFile(path);
  const other = otherVersion(written);
  if (other !== undefined) throw new CodedError(other.code, other.message);
  const reading = configFrom(written);
  if ("problems" in reading) throw configInvalid(reading.problems);
  return { run: async (into) => into.see({ written, writtenAt: 0 }), trouble: () => undefined };
}

/** The keys that the controller writes for the admission policies are not settings. */
const settingsIn = (configMap: Fields): Written =>
  Object.fromEntries(Object.entries(writtenIn(configMap)).filter(([key]) => !isAccepted(key)));

/** When anybody last wrote the object; times of the API server are whole seconds, so by then that second is over. */
function lastWrite(object: Fields): number | undefined {
  const metadata = metadataOf(object);
  const times = [own(metadata, "creationTimestamp"), ...recordsIn(metadata, "managedFields").map(timeOf)]
    .map((time) => Date.parse(String(time)))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.max(...times) + 1000;
}

const timeOf = (entry: Fields): unknown => own(entry, "time");
