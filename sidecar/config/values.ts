import { isIP } from "node:net";
import { ENV } from "../contract/env.ts";
import { CREDENTIALS_PORT } from "../contract/pod.ts";
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

export function ipAddress(raw: string): string {
  if (isIP(raw) === 0) throw new Error("must be IP addresses, separated by commas");
  return raw;
}
