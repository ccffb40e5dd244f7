import { isIPv4 } from "../kit/address.ts";
import type { StatusLine } from "./status-line.ts";

/** One request, as an AWS SDK begins with it. */
export interface Question {
  readonly method: "PUT" | "GET";
  readonly path: string;
  /** What is sent to an address. */
  readonly text: (address: string) => string;
  /** Whether no more bytes of the answer are needed. */
  readonly isEnough: (line: StatusLine) => boolean;
}

const text =
  (method: string, path: string, ...fields: readonly string[]) =>
  (address: string): string => {
    const host = isIPv4(address) ? address : `[${address}]`;
    return [`${method} ${path} HTTP/1.1`, `Host: ${host}`, ...fields, "Connection: close", "", ""].join(
      "\r\n",
    );
  };

const TOKEN_PATH = "/latest/api/token";
const CREDENTIALS_PATH = "/latest/meta-data/iam/security-credentials/";

/** A token, for the shortest time that EC2's service gives one for. Any byte of an answer is one too many. */
export const TOKEN: Question = {
  method: "PUT",
  path: TOKEN_PATH,
  text: text("PUT", TOKEN_PATH, "X-aws-ec2-metadata-token-ttl-seconds: 1", "Content-Length: 0"),
  isEnough: () => true,
};

/** The role's name, without a token (IMDSv1). */
export const CREDENTIALS: Question = {
  method: "GET",
  path: CREDENTIALS_PATH,
  text: text("GET", CREDENTIALS_PATH),
  isEnough: ({ kind }) => kind !== "part",
};
