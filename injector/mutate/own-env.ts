import { DEFAULTS } from "../../sidecar/kit/defaults.ts";
import type { EnvVar } from "../model/pod.ts";

const ASSUMED: ReadonlyMap<string, string> = new Map(Object.entries(DEFAULTS));

/** The variables without those that guard and sidecar assume anyway. */
export const withoutDefaults = (env: readonly EnvVar[]): readonly EnvVar[] =>
  env.filter(({ name, value }) => value === undefined || ASSUMED.get(name) !== value);
