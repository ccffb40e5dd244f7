import { VERSION_KEY } from "../../config/read-config.ts";
import { writtenIn } from "../../config/config-map.ts";
import { own, type Fields } from "../../model/read.ts";
import { plain, wrapped } from "../print/lines.ts";
import { injectorIn, tagOf } from "../live/deployment.ts";

/** Of this program. */
export interface Client {
  readonly version: string;
  readonly node: string;
}

/** Of a cluster and what is installed there. A field is absent where nothing says it. */
export interface Installed {
  readonly server: string;
  readonly kubernetes?: string;
  readonly namespace: string;
  /** The tag of the injector's image. */
  readonly version?: string;
  readonly image?: string;
  /** The version that the settings are for. */
  readonly settings?: string;
  /** What could not be read, and why; sentences. */
  readonly unknown: readonly string[];
}

/** What was read of a cluster; undefined where there is no such object. */
export interface Found {
  readonly server: string;
  readonly namespace: string;
  readonly version: Fields | undefined;
  readonly deployment: Fields | undefined;
  readonly configMap: Fields | undefined;
  readonly unknown: readonly string[];
}

/** Pure. */
export function installedIn({
  server,
  namespace,
  version,
  deployment,
  configMap,
  unknown,
}: Found): Installed {
  const kubernetes = text(version && own(version, "gitVersion"));
  const image = text(deployment && injectorIn(deployment).image);
  const settings = text(configMap && writtenIn(configMap)[VERSION_KEY]);
  const tag = image && tagOf(image);
  return {
    server,
    namespace,
    unknown,
    ...(kubernetes && { kubernetes }),
    ...(image && { image }),
    ...(tag && { version: tag }),
    ...(settings && { settings }),
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

export const clientText = ({ version, node }: Client): string => table({ podrole: version, Node: node });

/** @param client its version is compared with the installation's */
export function installedText(installed: Installed, client: Client, width: number): string {
  const { server, kubernetes, namespace, version, image, settings, unknown } = installed;
  const other = [version?.replace(/^v/, ""), settings].some(
    (one) => one !== undefined && one !== client.version,
  );
  const none = unknown.length === 0 && image === undefined && settings === undefined;
  const rows = {
    cluster: server,
    ...(kubernetes && { Kubernetes: kubernetes }),
    ...(image && { installed: `${version ?? "of an image without a tag"}, in ${namespace} (${image})` }),
    ...(settings && { settings: `for ${settings}` }),
    ...(none && { installed: `nothing in ${namespace}` }),
  };
  const notes = [
    ...unknown,
    ...(other ? ["The two are of different versions and may decide differently."] : []),
  ];
  return (
    table(rows) +
    notes
      .flatMap((note) => wrapped(note, width, 0))
      .map((line) => `${line}\n`)
      .join("")
  );
}

const table = (rows: Readonly<Record<string, string>>): string =>
  Object.entries(rows)
    .map(([name, value]) => `${name.padEnd(10)}  ${plain(value)}\n`)
    .join("");
