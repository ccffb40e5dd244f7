import { CodedError } from "../../../sidecar/kit/errors.ts";
import { CONFIG_MAP } from "../../config/config-map.ts";
import type { GivenSettings } from "../input/settings.ts";
import { PODROLE_NAMESPACE } from "../live/installed.ts";

/**
 * Every pod of source `broker` carries where the broker is and by which CA it is known. Nothing stands in for them offline: a cluster
 * has them from the chart and from its controller.
 * @throws CodedError `CONFIG_INVALID`
 */
export function requireBroker({ flags, file }: GivenSettings): void {
  const { source, sourceOverride = "", brokerUrl, brokerCa } = { ...file?.written, ...flags };
  const mayBe = source === "broker" || sourceOverride.split(",").includes("broker");
  const missing = [
    ...(mayBe && brokerUrl === undefined ? ["brokerUrl"] : []),
    // Where only some namespaces may choose the source, a pod of another needs no CA.
    ...(source === "broker" && brokerCa === undefined ? ["brokerCa"] : []),
  ];
  if (missing.length === 0) return;
  throw new CodedError(
    "CONFIG_INVALID",
    `Source broker needs ${missing.join(" and ")}: pods carry where the broker is and by which CA it is known.`,
    {
      remedy: `Take the cluster's settings: kubectl -n ${PODROLE_NAMESPACE} get configmap ${CONFIG_MAP} -o yaml > settings.yaml, and --config settings.yaml. Or give --broker-url and --broker-ca "$(cat ca.crt)".`,
    },
  );
}
