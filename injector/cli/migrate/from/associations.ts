import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { isRecord, own } from "../../../model/read.ts";
import { jsonObjects, parseJsonObject } from "../../input/json.ts";
import { parseSubject } from "../../trust/subject.ts";

/** An association of EKS Pod Identity: the role of a service account's pods. */
export interface Association {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The role that pods end up with. */
  readonly role: string;
  /** Where that is the association's target role: the role through which they get it. */
  readonly target?: string;
}

/**
 * What `aws eks describe-pod-identity-association` prints, for one association after the other.
 * @throws CodedError `ASSOCIATIONS_INVALID`, `SUBJECT_INVALID`
 */
export function parseAssociations(text: string, name: string): readonly Association[] {
  const objects = jsonObjects(text).map(parseJsonObject);
  return objects.map((object) => {
    if (!isRecord(object)) throw invalid(name, "it is no JSON");
    const association = own(object, "association") ?? object;
    if (!isRecord(association)) throw invalid(name, "it has no association");
    const field = (key: string): string | undefined => {
      const value = own(association, key);
      return typeof value === "string" ? value : undefined;
    };
    const [namespace, serviceAccount, first, target] = [
      field("namespace"),
      field("serviceAccount"),
      field("roleArn"),
      field("targetRoleArn"),
    ];
    if (namespace === undefined || serviceAccount === undefined || first === undefined) {
      throw invalid(name, "an association in it has no namespace, serviceAccount or roleArn");
    }
    const subject = parseSubject(namespace, serviceAccount);
    return { ...subject, ...(target === undefined ? { role: first } : { role: target, target: first }) };
  });
}

const invalid = (name: string, why: string): CodedError =>
  new CodedError("ASSOCIATIONS_INVALID", `${name} holds no associations: ${why}.`, {
    remedy:
      "Give what aws eks describe-pod-identity-association prints, of one association after the other: the list of them has no roles.",
  });
