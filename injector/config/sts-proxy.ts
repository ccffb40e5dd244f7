import { hostOf } from "../../sidecar/kit/address.ts";
import type { Settings } from "./settings.ts";

/**
 * The proxy on the way to this STS endpoint; undefined: STS is called directly. An exemption is a host's whole name, or the end of
 * it if it begins with a dot. The admission policy has the same rule.
 */
export function stsProxyOf(
  endpoint: string,
  { stsProxy, stsNoProxy }: Pick<Settings, "stsProxy" | "stsNoProxy">,
): string | undefined {
  const host = hostOf(endpoint);
  const isExempt = stsNoProxy.some((one) => (one.startsWith(".") ? host.endsWith(one) : host === one));
  return isExempt ? undefined : stsProxy;
}
