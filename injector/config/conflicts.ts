import { METADATA_ADDRESSES } from "../../sidecar/contract/metadata.ts";
import { hostOf, normalAddress } from "../../sidecar/kit/address.ts";
import { annotationKeys } from "./annotation-keys.ts";
import type { SettingName, Settings } from "./settings.ts";
import { SOURCE_KINDS } from "../sources/sources.ts";

/** A rule for settings that are each valid but cannot be combined. */
export interface Conflict {
  /** The rule is not checked if one of these is invalid. */
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
      : `imds ${imds} needs ${open.join(" and ")} in block: the node's own service answers at an address that is not blocked.`;
  },
};

const ownEndpoint: Conflict = {
  between: ["stsEndpoint", "stsFips", "stsDualStack"],
  sentence: ({ stsEndpoint, stsFips, stsDualStack }) =>
    stsEndpoint !== undefined && (stsFips || stsDualStack)
      ? "stsEndpoint cannot be combined with stsFips or stsDualStack: they choose one of the region's own endpoints."
      : undefined,
};

const proxyless: Conflict = {
  between: ["stsProxy", "stsProxySecret", "stsNoProxy"],
  sentence: ({ stsProxy, stsProxySecret, stsNoProxy }) =>
    stsProxy === undefined && (stsProxySecret !== undefined || stsNoProxy.length > 0)
      ? "stsProxySecret and stsNoProxy need stsProxy."
      : undefined,
};

const blockedProxy: Conflict = {
  between: ["stsProxy", "block"],
  sentence: ({ stsProxy, block }) =>
    stsProxy !== undefined && block.includes(normalAddress(hostOf(stsProxy)) ?? "")
      ? "stsProxy is an address in block: the guard would cut sidecars off from their proxy."
      : undefined,
};

/** The other settings that a source needs. */
const sourceNeeds: Conflict = {
  between: ["source", "sourceOverride", "ambientSecret"],
  sentence: (settings) =>
    [settings.source, ...settings.sourceOverride].flatMap((source) => {
      const problem = SOURCE_KINDS[source].problem?.(settings);
      return problem === undefined ? [] : [`source or sourceOverride ${source} ${problem}.`];
    })[0],
};

/** A source of sourceOverride is judged in each namespace, whose annotation may choose another mode. */
const closedSource: Conflict = {
  between: ["guard", "source"],
  sentence: ({ guard, source }) =>
    guard === "verify" && SOURCE_KINDS[source].opensGuard
      ? `source ${source} needs the node's metadata service, which guard verify requires to be out of reach: set guard to auto or block.`
      : undefined,
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
    return twice === undefined ? undefined : `Two annotations have the key ${twice}: give each its own key.`;
  },
};

export const CONFLICTS: readonly Conflict[] = [
  ...sharedPorts,
  openAddress,
  ownEndpoint,
  proxyless,
  blockedProxy,
  sourceNeeds,
  closedSource,
  sharedKeys,
];
