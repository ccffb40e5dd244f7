import type { Operation } from "../mutate/patch.ts";
import { CodedError } from "../../sidecar/kit/errors.ts";
import { FINDINGS, sentence, type Finding, type Severity } from "../model/findings.ts";
import { isRecord, own } from "../model/read.ts";

/** One request of the API server's, as far as a decision needs it. The object has not been validated. */
export interface Review {
  readonly uid: string;
  readonly operation: string;
  /** `group/resource[/subresource]`, the group empty for the core API. */
  readonly resource: string;
  /** From the request: in the object it may be missing. */
  readonly namespace: string;
  readonly username: string;
  readonly dryRun: boolean;
  readonly object: unknown;
  /** On UPDATE: the object as it was. */
  readonly oldObject: unknown;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly patchType?: "JSONPatch";
  /** Base64 of an RFC 6902 document. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

export interface AdmissionReview {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: AdmissionResponse;
}

/**
 * Reads an AdmissionReview, `admission.k8s.io/v1`.
 * @throws CodedError `REVIEW_INVALID`: without a uid there is nobody to answer. A bad object gets
 *   a decision, not an error, or a pod's author could make the webhook fail.
 */
export function parseReview(body: unknown): Review {
  const request = isRecord(body) ? own(body, "request") : undefined;
  if (!isRecord(body) || !isRecord(request)) throw invalid("has no request");
  if (own(body, "apiVersion") !== "admission.k8s.io/v1" || own(body, "kind") !== "AdmissionReview") {
    throw invalid("does not have apiVersion admission.k8s.io/v1 and kind AdmissionReview");
  }
  const uid = text(request, "uid");
  if (uid === "") throw invalid("has no request.uid");
  const resource = own(request, "resource");
  const user = own(request, "userInfo");
  const parts = isRecord(resource) ? [text(resource, "group"), text(resource, "resource")] : ["", ""];
  return {
    uid,
    operation: text(request, "operation"),
    resource: [...parts, text(request, "subResource")].join("/").replace(/\/$/, ""),
    namespace: text(request, "namespace"),
    username: isRecord(user) ? text(user, "username") : "",
    dryRun: own(request, "dryRun") === true,
    object: own(request, "object"),
    oldObject: own(request, "oldObject"),
  };
}

/**
 * Which review begins with this text, for one whose object is not read. An API server writes these fields first, in this
 * order, and nothing of the object before them. Undefined for the beginning of anything else.
 */
export function reviewBeginning(beginning: string): Review | undefined {
  const [, uid = "", group = "", resource = "", subresource = ""] = REVIEW_BEGINNING.exec(beginning) ?? [];
  if (uid === "") return undefined;
  return {
    uid,
    operation: "",
    resource: [group, resource, subresource].join("/").replace(/\/$/, ""),
    namespace: "",
    username: "",
    dryRun: false,
    object: undefined,
    oldObject: undefined,
  };
}

const TEXT = String.raw`"[^"\\]{0,253}"`;
const CAPTURED = String.raw`"([^"\\]{0,253})"`;
const REVIEW_BEGINNING = new RegExp(
  `^\\{"kind":"AdmissionReview","apiVersion":"admission\\.k8s\\.io/v1","request":\\{"uid":${CAPTURED},` +
    `"kind":\\{"group":${TEXT},"version":${TEXT},"kind":${TEXT}\\},` +
    `"resource":\\{"group":${CAPTURED},"version":${TEXT},"resource":${CAPTURED}\\}(?:,"subResource":${CAPTURED})?[,}]`,
);

const text = (object: Readonly<Record<string, unknown>>, key: string): string => {
  const value = own(object, key);
  return typeof value === "string" ? value : "";
};

const invalid = (why: string): CodedError =>
  new CodedError("REVIEW_INVALID", `The AdmissionReview ${why}.`, {
    remedy: "Send an AdmissionReview as a Kubernetes API server does.",
  });

const answer = (response: AdmissionResponse): AdmissionReview => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  response,
});

/** As many as a person corrects in one round. A hostile manifest can cause thousands. */
const MESSAGES_MAX = 20;

/** A message of this length is still read. */
const DENIAL_MAX = 4000;

/**
 * Of all warnings of a request an API server writes 4,096 characters; above that it cuts each at 256, in the midst of what to do
 * (apiserver 0.36, WithWarningRecorder). The rest is for the warnings of others.
 */
const WARNINGS_MAX = 3600;

/** Room for "And 1234 more.". */
const MORE = 20;
/** A shorter beginning of a message says nothing. */
const BEGINNING = 100;

/** The worst first: what denies the pods of a workload is only a warning about the workload. */
function messagesFor(findings: readonly Finding[], severity: Severity, most: number): readonly string[] {
  const all = findings
    .filter((one) => one.severity === severity)
    .toSorted((a, b) => Number(isDenial(b)) - Number(isDenial(a)));
  const shown: string[] = [];
  let left = most - MORE;
  for (const one of all.slice(0, MESSAGES_MAX)) {
    const line = within(one, left);
    if (line === undefined) break;
    left -= line.length + 1;
    shown.push(line);
  }
  const more = all.length - shown.length;
  return more > 0 ? [...shown, `And ${more} more.`] : shown;
}

const isDenial = ({ code }: Finding): boolean => FINDINGS[code].severity === "deny";

/** The finding in at most so many characters. Of what is too long, the message is cut and never what to do about it. */
function within(found: Finding, most: number): string | undefined {
  const whole = sentence(found);
  if (whole.length <= most) return whole;
  const room = found.message.length - (whole.length - most) - 1;
  return room < BEGINNING ? undefined : sentence({ ...found, message: `${found.message.slice(0, room)}…` });
}

const warnings = (findings: readonly Finding[]): Partial<AdmissionResponse> => {
  const lines = messagesFor(findings, "warn", WARNINGS_MAX);
  return lines.length === 0 ? {} : { warnings: lines };
};

/** @param audit keys without the webhook's name, which the API server puts before them */
export function allow(
  uid: string,
  operations: readonly Operation[],
  findings: readonly Finding[],
  audit: Readonly<Record<string, string>> = {},
): AdmissionReview {
  const patch = Buffer.from(JSON.stringify(operations)).toString("base64");
  return answer({
    uid,
    allowed: true,
    ...(operations.length === 0 ? {} : { patchType: "JSONPatch", patch }),
    ...warnings(findings),
    ...(Object.keys(audit).length === 0 ? {} : { auditAnnotations: audit }),
  });
}

/** The message names every reason, up to {@link MESSAGES_MAX}, so that a manifest is corrected in one round. */
export function deny(
  uid: string,
  findings: readonly Finding[],
  audit: Readonly<Record<string, string>> = {},
): AdmissionReview {
  const message = messagesFor(findings, "deny", DENIAL_MAX).join(" ");
  return answer({
    uid,
    allowed: false,
    status: { code: 403, reason: "Forbidden", message },
    ...warnings(findings),
    ...(Object.keys(audit).length === 0 ? {} : { auditAnnotations: audit }),
  });
}
