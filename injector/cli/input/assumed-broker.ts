import type { InjectorConfig } from "../../config/installation.ts";
import { requireGiven, type GivenSettings } from "./settings.ts";

/** Never written into a pod: no command that writes pods assumes it. */
const ASSUMED_URL = "https://podrole-broker.podrole-system.svc";

/** Settings for commands that write no pod: where the broker is, and its CA, change nothing that they tell. */
export interface AssumedBroker {
  readonly config: InjectorConfig;
  /** What was assumed; sentences. */
  readonly assumptions: readonly string[];
}

/** @throws CodedError `CONFIG_INVALID` */
export function assumingBroker(given: GivenSettings): AssumedBroker {
  const { flags, file } = given;
  const config = requireGiven({
    ...given,
    flags: { brokerUrl: file?.written["brokerUrl"] ?? ASSUMED_URL, ...flags },
  });
  const isUsed = [config.source, ...config.sourceOverride].includes("broker");
  const isWhole = config.brokerUrl !== ASSUMED_URL && config.brokerCa !== undefined;
  return {
    config: withAnyCa(config),
    assumptions:
      isUsed && !isWhole
        ? ["The settings do not say where the broker is and who its CA is: both are assumed to be set."]
        : [],
  };
}

/** The settings, with a stand-in where the controller has not written the broker's CA yet. */
export const withAnyCa = (config: InjectorConfig): InjectorConfig => ({
  ...config,
  brokerCa: config.brokerCa ?? "(assumed)",
});
