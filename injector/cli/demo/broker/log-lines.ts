import { isRecord, own, type Fields } from "../../../model/read.ts";

/** Lines in the logs of sidecar and broker. Pure. */

/** Whether the sidecar was refused a new session. */
export const isRefused = (line: string, identity: string): boolean =>
  isAbout(line, identity, "no new credentials") && own(fieldsOf(line), "kind") === "definite";

/** Whether the sidecar holds a new session that lasts until `at` at least, in milliseconds since the epoch. */
export const isHeldUntil = (line: string, identity: string, at: number): boolean =>
  isAbout(line, identity, "credentials held") && Date.parse(expiryIn(line)) >= at;

/** Code and message of a refusal. */
export function refusalIn(line: string): { readonly code: string; readonly message: string } {
  const fields = fieldsOf(line);
  return { code: String(own(fields, "code")), message: String(own(fields, "reason")) };
}

export const expiryIn = (line: string): string => String(own(fieldsOf(line), "expiresAt"));

/** Whether the broker takes requests. */
export const isListening = (line: string): boolean => messageIn(line) === "listening";

/** Whether the broker says who it is. */
export const isOwnIdentity = (line: string): boolean => messageIn(line) === "own identity";

export const arnIn = (line: string): string => String(own(fieldsOf(line), "arn"));

const isAbout = (line: string, identity: string, message: string): boolean =>
  own(fieldsOf(line), "identity") === identity && messageIn(line) === message;

const messageIn = (line: string): unknown => own(fieldsOf(line), "msg");

/** A line of something else, such as a warning of Node's, has none. */
function fieldsOf(line: string): Fields {
  try {
    const fields: unknown = JSON.parse(line);
    return isRecord(fields) ? fields : {};
  } catch {
    return {};
  }
}
