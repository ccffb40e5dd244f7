import { POLICY_ARNS_MAX } from "../contract/session.ts";
import { isRecord, printable } from "../kit/json.ts";
import type { StsAction } from "../sts/role-request.ts";

const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;
/** AWS's own, or an account's. */
const POLICY_ARN = /^arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy\/[\w+=,.@/-]{1,640}$/;
const EXTERNAL_ID = /^[\w+=,.@:/-]{2,1224}$/;
const TAGS_MAX = 50;
const POLICY_MAX = 2048;

type Check = (value: unknown, step: Readonly<Record<string, unknown>>) => string | undefined;

const CHECKS: Readonly<Record<string, Check>> = {
  roleArn: (value) =>
    typeof value === "string" && ROLE_ARN.test(value) ? undefined : "must be the ARN of an IAM role",
  durationSeconds: (value) =>
    Number.isInteger(value) && Number(value) >= 900 && Number(value) <= 43_200
      ? undefined
      : "must be a whole number from 900 to 43200",
  externalId: (value) =>
    typeof value === "string" && EXTERNAL_ID.test(value)
      ? undefined
      : "must be 2 to 1224 letters, digits or any of _+=,.@:/-",
  policy: (value) =>
    typeof value === "string" && value !== "" && value.length <= POLICY_MAX
      ? undefined
      : `must be a text of 1 to ${POLICY_MAX} characters`,
  policyArns: (value) => {
    const good =
      Array.isArray(value) && value.every((arn) => typeof arn === "string" && POLICY_ARN.test(arn));
    if (!good || value.length === 0 || value.length > POLICY_ARNS_MAX) {
      return `must be 1 to ${POLICY_ARNS_MAX} ARNs of managed policies`;
    }
    return new Set(value).size < value.length ? "names a policy twice" : undefined;
  },
  tags: (value) => {
    if (!isRecord(value)) return "must be an object of texts";
    const entries = Object.entries(value);
    if (entries.length > TAGS_MAX) return `may have at most ${TAGS_MAX} entries`;
    const good = entries.every(([key, text]) => typeof text === "string" && /^.{1,128}$/u.test(key));
    return good ? undefined : "must be an object of texts with keys of 1 to 128 characters";
  },
  transitiveTagKeys: (value, { tags }) => {
    const known = isRecord(tags) ? tags : {};
    const good =
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((key) => typeof key === "string" && Object.hasOwn(known, key));
    if (!good) return "must be keys of tags";
    return new Set(value).size < value.length ? "names a key twice" : undefined;
  },
};

/** Parameters that AssumeRole has and AssumeRoleWithWebIdentity has not. */
const ASSUME_ROLE_ONLY: ReadonlySet<string> = new Set(["externalId", "tags", "transitiveTagKeys"]);

/** The call that the first step is, or `name`: it is the only step, and has nothing but the role's ARN. */
export type FirstStep = StsAction | "name";

/**
 * The problems of a list of {@link Step}. It must not be empty, and must have no key that this version does not know: a
 * step that is half understood could grant more than intended. No value is repeated: an external id may be a secret.
 * @param first undefined if the source is not known
 */
export function stepProblems(steps: unknown, first: FirstStep | undefined): readonly string[] {
  if (!Array.isArray(steps) || steps.length === 0) return [" must be an array of steps"];
  if (first === "name" && steps.length > 1) return [" must be one role: the broker makes the calls to STS"];
  return steps.flatMap((step: unknown, index) =>
    problemsOf(step, index === 0 ? first : "AssumeRole").map((problem) => `[${index}]${problem}`),
  );
}

function problemsOf(step: unknown, call: FirstStep | undefined): readonly string[] {
  if (!isRecord(step)) return [" must be an object"];
  const keys = "roleArn" in step ? Object.keys(step) : ["roleArn", ...Object.keys(step)];
  return keys.flatMap((key) => {
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key] : undefined;
    if (check === undefined) return [`.${printable(key)} is not known`];
    const excluded = exclusion(key, call);
    if (excluded !== undefined) return [`.${key} is not possible: ${excluded}`];
    const problem = check(step[key], step);
    return problem === undefined ? [] : [`.${key} ${problem}`];
  });
}

function exclusion(key: string, call: FirstStep | undefined): string | undefined {
  if (call === "name" && key !== "roleArn") return "the broker makes the calls to STS";
  return call === "AssumeRoleWithWebIdentity" && ASSUME_ROLE_ONLY.has(key)
    ? "AssumeRoleWithWebIdentity takes none"
    : undefined;
}
