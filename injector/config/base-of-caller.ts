import { CodedError } from "../../sidecar/kit/errors.ts";
import { parseBaseRoleArn, type BaseRoleArn } from "../model/arn.ts";

/** `arn:aws:sts::111122223333:assumed-role/node/i-1` is of the account whose roles begin `arn:aws:iam::111122223333:role/`. */
export function baseOf(callerArn: string): BaseRoleArn {
  const [, partition = "", account = ""] = /^arn:([a-z-]+):(?:sts|iam)::(\d{12}):/.exec(callerArn) ?? [];
  const base = parseBaseRoleArn(`arn:${partition}:iam::${account}:role/`);
  if (base === undefined) throw baseUnknown("STS named an identity without an account");
  return base;
}

/** @param what a clause without its end: why the account is not known */
export const baseUnknown = (what: string): CodedError =>
  new CodedError("BASE_ROLE_UNKNOWN", `${what}, so baseRoleArn auto finds no base ARN.`, {
    remedy: "Give the program an AWS identity and a way to STS, or set baseRoleArn to the base ARN itself.",
  });
