import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { annotationKeys } from "./annotation-keys.ts";
import type { SettingName, Settings } from "./settings.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";

/** Settings that are each good and do not go together. */
export interface Conflict {
  /** Nothing is said where one of them has no good value yet. */
  readonly between: readonly SettingName[];
  /** One sentence where they conflict. */
  readonly sentence: (settings: Settings) => string | undefined;
}

const PORTS = ["credentialsPort", "healthPort", "imdsPort"] as const;

const sharedPorts: readonly Conflict[] = PORTS.flatMap((one, index) =>
  PORTS.slice(index + 1).map((other) => ({
    between: [one, other],
    sentence: (settings) =>
      settings[one] === settings[other] ? `${one} and ${other} are the same port.` : undefined,
  })),
);

const openAddress: Conflict = {
  between: ["imds", "block"],
  sentence: ({ imds, block }) => {
    const open = METADATA_ADDRESSES.filter((address) => !block.includes(address));
    return imds === "block" || open.length === 0
      ? undefined
      : `imds ${imds} needs ${open.join(" and ")} in block: at an address that is not blocked the node's own service answers.`;
  },
};

const ownEndpoint: Conflict = {
  between: ["stsEndpoint", "stsFips", "stsDualStack"],
  sentence: ({ stsEndpoint, stsFips, stsDualStack }) =>
    stsEndpoint !== undefined && (stsFips || stsDualStack)
      ? "stsEndpoint goes with neither stsFips nor stsDualStack: they choose among the region's own endpoints."
      : undefined,
};

/** What a source needs of other settings. */
const sourceNeeds: Conflict = {
  between: ["source", "sourceOverride", "ambientSecret"],
  sentence: (settings) =>
    [settings.source, ...settings.sourceOverride].flatMap((source) => {
      const problem = SOURCE_KINDS[source].problem?.(settings);
      return problem === undefined ? [] : [`source or sourceOverride ${source} ${problem}.`];
    })[0],
};

/** Two annotations under one key would each be read as the other. */
const sharedKeys: Conflict = {
  between: [
    "roleKey",
    "externalIdKey",
    "sessionNameKey",
    "serviceAccountKey",
    "defaultRoleKey",
    "namespaceKey",
    "permittedKey",
  ],
  sentence: (settings) => {
    const read = Object.values(annotationKeys(settings));
    const twice = read.find((key, index) => read.indexOf(key) !== index);
    return twice === undefined
      ? undefined
      : `Two annotations would be read from the key ${twice}: give each its own.`;
  },
};

export const CONFLICTS: readonly Conflict[] = [
  ...sharedPorts,
  openAddress,
  ownEndpoint,
  sourceNeeds,
  sharedKeys,
];
