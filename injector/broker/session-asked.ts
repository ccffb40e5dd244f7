import { BROKER, type SessionAsked } from "../../sidecar/contract/broker.ts";
import { POD_IDENTITY } from "../../sidecar/contract/session.ts";
import { parseJson } from "../../sidecar/kit/json.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import { parseRoleArn } from "../model/arn.ts";
import { isRecord, own } from "../model/read.ts";

const CONTAINER_IDENTITY = /^container\/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * What a request asks for.
 * @param body at most {@link BROKER.requestBytesMax} long
 * @throws IssueError `REQUEST_INVALID`, which repeats nothing of the body
 */
export function sessionAsked(body: string): SessionAsked {
  const read = parsed(body);
  const [identity, roleArn] = [read && own(read, "identity"), read && own(read, "roleArn")];
  if (typeof identity !== "string" || !(identity === POD_IDENTITY || CONTAINER_IDENTITY.test(identity)))
    throw invalid("identity must be pod or container/NAME");
  if (typeof roleArn !== "string" || parseRoleArn(roleArn) === undefined)
    throw invalid("roleArn must be the ARN of a role");
  return { identity, roleArn };
}

function parsed(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseJson(body);
    return isRecord(value) ? value : undefined;
  } catch {
    throw invalid("the body must be JSON");
  }
}

const invalid = (what: string): IssueError =>
  new IssueError("REQUEST_INVALID", `The request to POST ${BROKER.path} is not valid: ${what}.`, {
    kind: "definite",
    remedy: "Recreate the pod: its sidecar may be of a version that this broker does not know.",
  });
