import { parseRoleArn, type RoleArn } from "../../../model/arn.ts";
import { isRecord, own } from "../../../model/read.ts";
import { invalid, parsePolicy, type TrustPolicy } from "./policy.ts";

/** A policy document, and whose it is where the input says that. */
export interface GivenPolicy {
  readonly policy: TrustPolicy;
  readonly role: RoleArn | undefined;
  /** The role's MaxSessionDuration, where the input says it. */
  readonly maxSessionSeconds: number | undefined;
}

/**
 * What `aws iam get-role` prints, also with `--query Role` or `--query Role.AssumeRolePolicyDocument`; the document alone; and each of
 * them with the document URL-encoded, as IAM's API gives it.
 * @throws CodedError `POLICY_INVALID`
 */
export function givenPolicy(text: string): GivenPolicy {
  const value = decoded(text.trim());
  const role = isRecord(value) && isRecord(own(value, "Role")) ? own(value, "Role") : value;
  if (!isRecord(role) || !Object.hasOwn(role, "AssumeRolePolicyDocument")) {
    return { policy: parsePolicy(value), role: undefined, maxSessionSeconds: undefined };
  }
  const document = own(role, "AssumeRolePolicyDocument");
  const arn = own(role, "Arn");
  const max = own(role, "MaxSessionDuration");
  return {
    policy: parsePolicy(typeof document === "string" ? decoded(document) : document),
    role: typeof arn === "string" ? parseRoleArn(arn) : undefined,
    maxSessionSeconds: typeof max === "number" ? max : undefined,
  };
}

/** JSON, a JSON string that holds it, or either of them URL-encoded. */
function decoded(text: string): unknown {
  const plain = /^(?:%7B|%22)/i.test(text) ? fromUrl(text) : text;
  const value = json(plain);
  return typeof value === "string" ? json(value.startsWith("%") ? fromUrl(value) : value) : value;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(text === "" ? "it is empty" : "it is not JSON", error);
  }
}

function fromUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", "%20"));
  } catch (error) {
    throw invalid("it is not URL-encoded as IAM does it", error);
  }
}
