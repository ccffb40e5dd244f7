import { numbers } from "../../../support/random-pods.ts";

/** What a pod and its namespace say, and how kube2iam runs. The names are those of the programs in `originals`. */
export interface Kube2iamCase {
  readonly Base: string;
  readonly DefaultRole: string;
  readonly Format: string;
  readonly Restricts: boolean;
  readonly Rule: string | null;
  readonly Role: string | null;
}

export interface KiamCase {
  readonly Base: string;
  readonly Strict: boolean;
  readonly Rule: string | null;
  readonly Role: string | null;
}

const ACCOUNT = "arn:aws:iam::111122223333:role/";
const ROLES = [
  "dev",
  "dev-admin",
  "team/dev",
  "prod",
  "prod-reader",
  "a.b",
  "axb",
  "role/dev",
  "/dev",
  "/team/dev",
  "",
  " ",
  "é",
  `${ACCOUNT}dev`,
  `${ACCOUNT}team/dev`,
  `${ACCOUNT}dev-admin`,
  "arn:aws:iam::444455556666:role/dev",
  "ARN:aws:iam::111122223333:role/dev",
];
const BASES = [ACCOUNT, ACCOUNT, ACCOUNT, `${ACCOUNT}team/`, `${ACCOUNT}a.b/`, ""];
const WORDS = [
  "dev",
  "prod",
  "team/",
  "-admin",
  "a.b",
  "a\\.b",
  ACCOUNT,
  "arn:aws:iam::\\d{12}:role/",
  "/",
  "role/",
  "er$",
  "^arn:",
  "^",
];
const GLUE = [
  "",
  "*",
  ".*",
  "**",
  "?",
  "|",
  "(",
  ")",
  "(?:dev|prod)",
  "[a-z]+",
  "[",
  "+",
  "{2}",
  "{1001}",
  "$",
  "\\",
  "(?i)",
  "(?=x)",
  "\\pL",
  "\\Q.\\E",
  "(?P<n>d)",
  "\\b",
];

const picker = (seed: number) => {
  const next = numbers(seed);
  const one = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const chance = (share: number): boolean => next() < share;
  const pattern = (): string => {
    if (chance(0.25))
      return one([
        ...ROLES,
        "*",
        ".*",
        "dev*",
        "*dev",
        "*e*",
        "team/*",
        `${ACCOUNT}*`,
        `${ACCOUNT}dev`,
        "d*v",
      ]);
    return Array.from(
      { length: 1 + Math.floor(next() * 3) },
      () => (chance(0.6) ? one(WORDS) : "") + one(GLUE),
    ).join("");
  };
  return { next, one, chance, pattern };
};

const ODD_RULES = [
  "",
  " ",
  "null",
  "[]",
  "{}",
  "dev",
  "[null]",
  '["dev", 1]',
  '["", 1]',
  '[["dev"]]',
  '["dev"',
  '"dev"',
  "1",
  '["dev"]x',
  '[{"a": "dev"}, "prod"]',
  '["de\\u0076"]',
];

export const KUBE2IAM_CASES: readonly Kube2iamCase[] = (() => {
  const { next, one, chance, pattern } = picker(17);
  return Array.from({ length: 800 }, () => ({
    Base: one(BASES),
    DefaultRole: chance(0.15) ? one(["dev", `${ACCOUNT}prod`]) : "",
    Format: one(["glob", "glob", "regexp", "regexp", "Regexp", "other"]),
    Restricts: chance(0.93),
    Rule: chance(0.03)
      ? null
      : chance(0.12)
        ? one(ODD_RULES)
        : JSON.stringify(Array.from({ length: 1 + Math.floor(next() * 3) }, pattern)),
    Role: chance(0.06) ? null : one(ROLES),
  }));
})();

export const KIAM_CASES: readonly KiamCase[] = (() => {
  const { one, chance, pattern } = picker(18);
  return Array.from({ length: 700 }, () => ({
    Base: one(BASES),
    Strict: chance(0.7),
    Rule: chance(0.04) ? null : chance(0.3) ? `${ACCOUNT}${pattern()}` : pattern(),
    Role: chance(0.06) ? null : one(ROLES),
  }));
})();
