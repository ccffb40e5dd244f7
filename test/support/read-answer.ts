import { grantedBy, type Granted } from "../../sidecar/sts/answer.ts";
import { CallError, type CallFailure } from "../../sidecar/sts/call-error.ts";

export const bytes = (body: string | Buffer): Buffer => (typeof body === "string" ? Buffer.from(body) : body);

/** What we make of an answer: the session, or why there is none. */
export function read(body: string | Buffer, status = 200): Granted | CallFailure {
  try {
    return grantedBy({ status, body: bytes(body) }, "AssumeRole");
  } catch (error) {
    if (error instanceof CallError) return error.failure;
    throw error;
  }
}
