import { isIP } from "node:net";
import { ENV } from "../contract/env.ts";
import { CREDENTIALS_PORT } from "../contract/pod.ts";
import { integer, oneOf } from "../kit/env.ts";

/** Parsers of single variables. Their errors are to follow the variable's name, and repeat no value. */

export const portNumber = integer(1, 65_535);

export function otherThan(credentialsPort: string | undefined) {
  return (raw: string): number => {
    const port = portNumber(raw);
    if (port === Number(credentialsPort || CREDENTIALS_PORT)) throw new Error(`must differ from ${ENV.port}`);
    return port;
  };
}

/** Only the characters are checked, since a region becomes part of the host name that is called. */
export function region(raw: string): string {
  if (!/^[a-z]{2,}(?:-[a-z0-9]+){2,5}$/.test(raw))
    throw new Error("must be an AWS region, such as eu-west-1");
  return raw;
}

/** A custom endpoint is called as it is: the sidecar cannot make it FIPS or dual-stack. */
export function regionsOwn(endpoint: string | undefined) {
  return (raw: string): boolean => {
    const wanted = oneOf(["true", "false"])(raw) === "true";
    if (wanted && endpoint) throw new Error(`does not go with ${ENV.stsEndpoint}`);
    return wanted;
  };
}

/** Only the form is checked here. The injector has checked that they can be decoded. */
export function certificates(raw: string): string {
  const block = "-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----";
  if (!new RegExp(`^\\s*(?:${block}\\s*)+$`).test(raw)) throw new Error("must be PEM certificates");
  return raw;
}

export function httpUrl(raw: string): string {
  const url = URL.canParse(raw) ? new URL(raw) : undefined;
  const plain = url?.username === "" && url.password === "";
  if (!plain || !["http:", "https:"].includes(url.protocol)) {
    throw new Error("must be an http or https URL without a user name");
  }
  return raw;
}

export function ipAddress(raw: string): string {
  if (isIP(raw) === 0) throw new Error("must be IP addresses, separated by commas");
  return raw;
}
