/** What to do if STS, or the proxy on the way to it, cannot be reached. */

/** Node's codes for a certificate that no known CA has signed. */
const UNTRUSTED = /^(?:(?:DEPTH_ZERO_)?SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT))/;

/** What to do if STS does not answer, or cannot be reached at all. */
export const routeRemedy = (proxy: string | undefined): string =>
  proxy === undefined
    ? "Check the pod's DNS, egress network policies and the route to STS (or its VPC endpoint). If only a proxy leads out of the cluster, name it with the setting stsProxy."
    : "See in the proxy's log why it does not reach STS. If STS has a VPC endpoint in the pod's network, list its host in the setting stsNoProxy.";

/** AWS's names for endpoints that a region may not have: FIPS ones, and dual-stack ones, whose domains begin with api. */
const SPECIAL = /^https:\/\/(?:sts-fips\.|sts\.[a-z\d-]+\.api\.)/;

/**
 * What to do if STS cannot be reached.
 * @param why Node's code of the error
 */
export function unreachableRemedy(
  why: string,
  { endpoint, proxy }: { readonly endpoint: string; readonly proxy?: string },
): string {
  if (UNTRUSTED.test(why)) {
    return "Give the injector the CA of the STS endpoint with the setting stsCa, or see what intercepts the connection.";
  }
  if (why === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "Call the endpoint by a name that its certificate holds (the setting stsEndpoint).";
  }
  return why === "ENOTFOUND" && SPECIAL.test(endpoint)
    ? `Not every region has a FIPS or a dual-stack endpoint: see the settings stsFips and stsDualStack. ${routeRemedy(proxy)}`
    : routeRemedy(proxy);
}

/**
 * What to do if the proxy cannot be reached.
 * @param why Node's code of the error
 */
export function proxyUnreachableRemedy(why: string): string {
  if (UNTRUSTED.test(why)) {
    return "Give the injector the CA of the proxy's certificate with the setting stsCa.";
  }
  if (why === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "Name the proxy in the setting stsProxy as its certificate does.";
  }
  if (
    why === "ERR_SSL_WRONG_VERSION_NUMBER" ||
    why === "EPROTO" ||
    why === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
  ) {
    return "The proxy itself speaks no TLS: write the setting stsProxy with http://.";
  }
  return "Check the setting stsProxy, the pod's DNS and its egress network policies.";
}

/**
 * What to do about a proxy's answer.
 * @param status undefined if it did not answer in HTTP
 */
export function proxyRefusalRemedy(status: number | undefined, endpoint: string): string {
  const { hostname, port } = new URL(endpoint);
  switch (status) {
    case undefined:
      return "See whether the setting stsProxy names an HTTP proxy and its port. SOCKS is not supported, and https:// is for a proxy that speaks TLS itself.";
    case 407:
    // tinyproxy's answer to a wrong password.
    case 401:
      return "The proxy asks for user and password: put them into a Secret and name it with the setting stsProxySecret, or correct them there. Or let the proxy admit pods by their addresses.";
    case 502:
    case 503:
    case 504:
      return "The proxy itself does not reach STS: see its log, its DNS and its own way out.";
    default:
      return `Allow the method CONNECT to ${hostname}:${port || "443"} in the proxy's rules.`;
  }
}
