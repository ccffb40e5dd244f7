import { isRecord, own, type Fields } from "../../../injector/model/read.ts";

/**
 * Errors in an answer to an AdmissionReview, by the API reference of `admission.k8s.io/v1` and the API server's behaviour:
 * an unknown field, a patch that it could not apply and a key that it would drop are errors.
 */
export function problemsOf(answer: unknown, uid: string): readonly string[] {
  const response = isRecord(answer) ? own(answer, "response") : undefined;
  if (!isRecord(answer) || !isRecord(response)) return ["no response"];
  const allowed = own(response, "allowed");
  return [
    ...strangers(answer, ["apiVersion", "kind", "response"]),
    ...strangers(response, [
      "uid",
      "allowed",
      "status",
      "patch",
      "patchType",
      "warnings",
      "auditAnnotations",
    ]),
    ...unless(own(answer, "apiVersion") === "admission.k8s.io/v1", "apiVersion"),
    ...unless(own(answer, "kind") === "AdmissionReview", "kind"),
    ...unless(own(response, "uid") === uid, "uid"),
    ...unless(typeof allowed === "boolean", "allowed"),
    ...(allowed === true ? patchProblems(response) : refusalProblems(response)),
    ...warningProblems(own(response, "warnings")),
    ...auditProblems(own(response, "auditAnnotations")),
  ];
}

const unless = (holds: boolean, problem: string): readonly string[] => (holds ? [] : [problem]);

const strangers = (object: Fields, known: readonly string[]): readonly string[] =>
  Object.keys(object).filter((key) => !known.includes(key));

/** One line of valid UTF-8: warnings go into a header, messages into logs and terminals. */
const isLine = (value: unknown, most: number): value is string =>
  typeof value === "string" && value !== "" && value.length <= most && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value);

function refusalProblems(response: Fields): readonly string[] {
  const status = own(response, "status");
  if (!isRecord(status)) return ["refused without a status"];
  return [
    ...strangers(status, ["code", "reason", "message"]),
    ...unless(own(status, "code") === 403 && own(status, "reason") === "Forbidden", "status.code"),
    ...unless(isLine(own(status, "message"), 20_000), "status.message"),
    ...unless(/^\[[A-Z_]+\] /.test(String(own(status, "message"))), "status.message has no code"),
    ...unless(
      !Object.hasOwn(response, "patch") && !Object.hasOwn(response, "patchType"),
      "refused with a patch",
    ),
  ];
}

/** The operations of the answer's patch; empty when it has no patch. */
export function operationsOf(answer: Fields): readonly unknown[] {
  const response = own(answer, "response");
  const patch = isRecord(response) ? own(response, "patch") : undefined;
  const operations: unknown =
    typeof patch === "string" ? JSON.parse(Buffer.from(patch, "base64").toString()) : [];
  return Array.isArray(operations) ? operations : [];
}

function patchProblems(response: Fields): readonly string[] {
  const [patch, type] = [own(response, "patch"), own(response, "patchType")];
  if (patch === undefined && type === undefined) return unless(!Object.hasOwn(response, "status"), "status");
  if (typeof patch !== "string" || type !== "JSONPatch") return ["patch without patchType, or the reverse"];
  const operations = operationsOf({ response });
  return [
    ...unless(Buffer.from(patch, "base64").toString("base64") === patch, "patch is no base64"),
    ...unless(operations.length > 0, "patch is empty"),
    ...operations.flatMap((operation, index) => unless(isOperation(operation), `patch[${index}]`)),
  ];
}

/** The three operations of RFC 6902 that podrole uses. */
function isOperation(operation: unknown): boolean {
  if (!isRecord(operation)) return false;
  const [op, path] = [own(operation, "op"), own(operation, "path")];
  if (typeof path !== "string" || !/^(?:\/(?:[^~/]|~[01])*)+$/u.test(path)) return false;
  const keys = op === "remove" ? ["op", "path"] : ["op", "path", "value"];
  return (
    ["add", "replace", "remove"].includes(String(op)) &&
    strangers(operation, keys).length === 0 &&
    (op === "remove" || Object.hasOwn(operation, "value"))
  );
}

function warningProblems(warnings: unknown): readonly string[] {
  if (warnings === undefined) return [];
  if (!Array.isArray(warnings) || warnings.length === 0) return ["warnings"];
  return [
    ...warnings.flatMap((line, index) => unless(isLine(line, 4096), `warnings[${index}]`)),
    ...unless(warnings.join("").length <= 3600, "warnings that leave no room for others'"),
    ...unless(warnings.length <= 21, "more warnings than anybody reads"),
  ];
}

/** The API server prefixes the key with the webhook's name and a slash. It drops keys that are no qualified names then. */
function auditProblems(annotations: unknown): readonly string[] {
  if (annotations === undefined) return [];
  if (!isRecord(annotations) || Object.keys(annotations).length === 0) return ["auditAnnotations"];
  return Object.entries(annotations).flatMap(([key, value]) => [
    ...unless(/^[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?$/.test(key), `auditAnnotations, the key ${key}`),
    ...unless(isLine(value, 2000), `auditAnnotations.${key}`),
  ]);
}
