import type { Source } from "./contract.ts";

const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;
const EXTERNAL_ID = /^[\w+=,.@:/-]{2,1224}$/;
const TAGS_MAX = 50;
const POLICY_MAX = 2048;

type Check = (value: unknown) => string | undefined;

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
  tags: (value) => {
    if (!isRecord(value)) return "must be an object of texts";
    const entries = Object.entries(value);
    if (entries.length > TAGS_MAX) return `may have at most ${TAGS_MAX} entries`;
    const good = entries.every(([key, text]) => typeof text === "string" && /^.{1,128}$/u.test(key));
    return good ? undefined : "must be an object of texts with keys of 1 to 128 characters";
  },
};

/**
 * What is wrong with a list of {@link Step}: not empty, with no key that this version does not know, since a step that is
 * half understood would grant more than was asked for. Values are not repeated: an external id is a shared secret to some.
 */
export function stepProblems(steps: unknown, source: Source | undefined): readonly string[] {
  if (!Array.isArray(steps) || steps.length === 0) return [" must be an array of steps"];
  return steps.flatMap((step: unknown, index) =>
    problemsOf(step, source === "web-identity" && index === 0).map((problem) => `[${index}]${problem}`),
  );
}

function problemsOf(step: unknown, byWebIdentity: boolean): readonly string[] {
  if (!isRecord(step)) return [" must be an object"];
  const keys = "roleArn" in step ? Object.keys(step) : ["roleArn", ...Object.keys(step)];
  return keys.flatMap((key) => {
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key] : undefined;
    if (check === undefined) return [`.${printable(key)} is not known`];
    if (byWebIdentity && (key === "externalId" || key === "tags")) {
      return [`.${key} is not possible: AssumeRoleWithWebIdentity takes none`];
    }
    const problem = check(step[key]);
    return problem === undefined ? [] : [`.${key} ${problem}`];
  });
}

export const printable = (key: string): string => key.replaceAll(/[^\w.-]/g, "?").slice(0, 40);

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
