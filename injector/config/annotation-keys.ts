import { ANNOTATION } from "../../sidecar/contract/annotations.ts";
import type { Keys } from "../model/annotations.ts";
import { SETTING_NAMES, SETTINGS, type Setting, type Settings } from "./settings.ts";

/**
 * The cluster's spelling of every annotation. kube2iam and kiam let a cluster choose its keys, and such a cluster is to
 * move over without a change to a manifest. The default key is then not read any more, or there would be two ways to name
 * a role where the admin wanted one.
 */
export function annotationKeys(settings: Settings): Keys {
  const chosen = new Map(
    SETTING_NAMES.flatMap((name): [string, string][] => {
      const { spells }: Setting = SETTINGS[name];
      const key = settings[name];
      return spells !== undefined && typeof key === "string" ? [[spells, key]] : [];
    }),
  );
  const keys = Object.entries(ANNOTATION).map(([name, key]) => [name, chosen.get(key) ?? key]);
  return Object.freeze(Object.fromEntries(keys) as Keys);
}
