import type { BaseRoleArn } from "../model/arn.ts";
import type { Keys } from "../model/annotations.ts";
import type { SettingName, Settings } from "./settings.ts";

/** Settings that only say how this cluster spells an annotation; together they are `keys`. */
export type KeyName = Extract<SettingName, `${string}Key`>;

/** The settings of the whole installation, which an administrator chooses, by their names in settings.ts. */
export interface InjectorConfig extends Omit<Settings, KeyName | "baseRoleArn"> {
  /** `auto` is resolved by now. */
  readonly baseRoleArn: BaseRoleArn | undefined;
  /** How this cluster spells each annotation. */
  readonly keys: Keys;
  /** Of podrole, for the status annotation. */
  readonly version: string;
}

/** Who may use which role; see the README's table. */
export type PolicyMode = NonNullable<InjectorConfig["policy"]>;
