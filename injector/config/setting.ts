import { annotationKey } from "./pod-kinds.ts";
import type { Kind } from "./kinds.ts";

interface About {
  /** One sentence for the person who sets it: `--help`, values.yaml and deploy/reference/options.md show it. */
  readonly about: string;
  /** The admission policies compare it with pods as text, so its value must have the form that its kind writes. */
  readonly policy?: true;
  /** Name of the variable by which guard or sidecar gets the value. */
  readonly guard?: string;
  readonly sidecar?: string;
  /** The annotation that overrides the setting, on a pod or on a namespace. */
  readonly pod?: string;
  readonly namespace?: string;
  /** The annotation that this setting gives another key. */
  readonly spells?: string;
  /** Null in the chart's values, since the default contains the injector's version. */
  readonly ofVersion?: true;
}

/** An option of the installation. */
export interface Setting<T = unknown> extends About {
  readonly kind: Kind<T>;
  /** Written as its kind writes it; undefined where the setting then has no value. */
  readonly default: string | undefined;
}

export const setting = <T>(kind: Kind<T>, fallback: string, more: About): Setting<T> => ({
  kind,
  default: fallback,
  ...more,
});

/** A setting without a default. */
export const optional = <T>(kind: Kind<T>, more: About): Setting<T | undefined> => ({
  kind,
  default: undefined,
  ...more,
});

/** The setting that gives an annotation another key. */
export const keyOf = (annotation: string, more = ""): Setting<string | undefined> =>
  optional(annotationKey, { about: `Other key of the annotation ${annotation}${more}.`, spells: annotation });
