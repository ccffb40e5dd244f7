import { isIP } from "node:net";
import { ENV } from "../contract/env.ts";
import { CREDENTIALS_PORT } from "../contract/pod.ts";
import { AWS_REGION } from "../contract/session.ts";
import { integer } from "../kit/env.ts";

/** Parsers of single variables. Their errors are to follow the variable's name, and repeat no value. */

export const portNumber = integer(1, 65_535);

export function otherThan(credentialsPort: string | undefined) {
  return (raw: string): number => {
    const port = portNumber(raw);
    if (port === Number(credentialsPort || CREDENTIALS_PORT)) throw new Error(`must differ from ${ENV.port}`);
    return port;
  };
}

export function region(raw: string): string {
  if (!AWS_REGION.test(raw)) throw new Error("must be an AWS region, such as eu-west-1");
  return raw;
}

/** Only the form is checked here. The injector has checked that they can be decoded. */
export function certificates(raw: string): string {
  const block = "-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----";
  if (!new RegExp(`^\\s*(?:${block}\\s*)+$`).test(raw)) throw new Error("must be PEM certificates");
  return raw;
}

export function ipAddress(raw: string): string {
  if (isIP(raw) === 0) throw new Error("must be IP addresses, separated by commas");
  return raw;
}
