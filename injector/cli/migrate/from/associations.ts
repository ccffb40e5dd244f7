import { isDeepStrictEqual } from "node:util";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { annotation } from "../../../model/annotations.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import { jsonObjects, parseJsonObject } from "../../input/json.ts";
import { parseSubject } from "../../trust/subject.ts";
import { annotationsOf } from "./origin.ts";

/** An association of EKS Pod Identity: the role of a service account's pods. */
export interface Association {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** The role that pods end up with. */
  readonly role: string;
  /** Where that is the association's target role: the role through which they get it, and the external id of that call. */
  readonly target?: string;
  readonly externalId?: string;
  /** A session policy, which limits what pods may do by the role: JSON as written. */
  readonly policy?: string;
  /** Whether sessions get no tags. */
  readonly disableSessionTags: boolean;
  /** Names of fields that are not read here. */
  readonly others: readonly string[];
}

/** Fields of EKS's PodIdentityAssociation that do not change what pods get. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(
  "clusterName associationArn associationId ownerArn tags createdAt modifiedAt".split(" "),
);
const READ = ["namespace", "serviceAccount", "roleArn", "targetRoleArn", "externalId", "policy"] as const;

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
    const [namespace, serviceAccount, first, target, externalId, policy] = READ.map((key) => {
      const value = own(association, key) ?? "";
      // A policy that is passed over would be a limit that is lost.
      if (typeof value !== "string") throw invalid(name, `an association in it has a ${key} that is no text`);
      return value === "" ? undefined : value;
    });
    if (namespace === undefined || serviceAccount === undefined || first === undefined) {
      throw invalid(name, "an association in it has no namespace, serviceAccount or roleArn");
    }
    return {
      ...parseSubject(namespace, serviceAccount),
      ...(target === undefined ? { role: first } : { role: target, target: first }),
      ...(externalId === undefined ? {} : { externalId }),
      ...(policy === undefined ? {} : { policy }),
      disableSessionTags: own(association, "disableSessionTags") === true,
      others: othersIn(association),
    };
  });
}

function othersIn(association: Fields): readonly string[] {
  const known: ReadonlySet<string> = new Set([...READ, ...WITHOUT_EFFECT, "disableSessionTags"]);
  return Object.keys(association).filter((key) => !known.has(key));
}

/** Whether the pod asks podrole for the association's own session policy, or needs none. */
export function hasItsPolicy(pod: Fields, { policy }: Association): boolean {
  if (policy === undefined) return true;
  const asked = annotation(annotationsOf(pod), ANNOTATION.sessionPolicy);
  if (asked === undefined) return false;
  const [one, other] = [asked, policy].map(parseJsonObject);
  return one !== undefined && isDeepStrictEqual(one, other);
}

const invalid = (name: string, why: string): CodedError =>
  new CodedError("ASSOCIATIONS_INVALID", `${name} holds no associations: ${why}.`, {
    remedy:
      "Give what aws eks describe-pod-identity-association prints, of one association after the other: the list of them has no roles.",
  });
