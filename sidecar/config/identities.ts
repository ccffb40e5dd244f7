import { IDENTITIES_MAX, type Identity } from "../contract/session.ts";
import { isRecord, parseJson, printable } from "../kit/json.ts";
import { stepProblems, type FirstStep } from "./steps.ts";

const NAME = /^(?:pod|container\/[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$/;
const SHA256 = /^[0-9a-f]{64}$/i;
const KEYS: ReadonlySet<string> = new Set(["name", "tokenFile", "tokenSha256", "steps"]);

/**
 * The parser of `PODROLE_IDENTITIES`. Two identities with the same name or token are refused: it would be a matter of
 * chance which of them a caller gets.
 * @throws Error naming every problem, and no value
 */
export function identitiesOf(firstStep: FirstStep | undefined) {
  return (raw: string): readonly Identity[] => {
    const parsed = parseJson(raw);
    if (!Array.isArray(parsed) || parsed.length === 0 || parsed.length > IDENTITIES_MAX) {
      throw new Error(`must be a JSON array of 1 to ${IDENTITIES_MAX} identities`);
    }
    const problems = parsed.flatMap((one: unknown, index) =>
      problemsOf(one, firstStep).map((problem) => `[${index}]${problem}`),
    );
    if (problems.length > 0) throw new Error(`is not valid: ${problems.join(", ")}`);
    const identities = parsed as readonly Identity[];
    for (const key of ["name", "tokenFile", "tokenSha256"] as const) {
      const values = identities.flatMap((one) => one[key] ?? []);
      const distinct = new Set(values.map((value) => (key === "tokenFile" ? value : value.toLowerCase())));
      if (distinct.size < values.length) throw new Error(`is not valid: two identities have the same ${key}`);
    }
    return identities;
  };
}

/** In one spelling only, so that two identities with one file are noticed. */
const isPlainPath = (path: unknown): boolean =>
  typeof path === "string" &&
  /^(?:\/[^/\0]+)+$/.test(path) &&
  path.split("/").every((part) => part !== "." && part !== "..");

function problemsOf(identity: unknown, firstStep: FirstStep | undefined): readonly string[] {
  if (!isRecord(identity)) return [" must be an object"];
  const { name, tokenFile, tokenSha256, steps } = identity;
  return [
    ...Object.keys(identity)
      .filter((key) => !KEYS.has(key))
      .map((key) => `.${printable(key)} is not known`),
    ...(typeof name === "string" && NAME.test(name) ? [] : [".name must be pod or container/NAME"]),
    ...(tokenFile === undefined && tokenSha256 === undefined ? [" needs tokenFile or tokenSha256"] : []),
    ...(tokenFile === undefined || isPlainPath(tokenFile)
      ? []
      : [".tokenFile must be an absolute path without . or .."]),
    ...(tokenSha256 === undefined || (typeof tokenSha256 === "string" && SHA256.test(tokenSha256))
      ? []
      : [".tokenSha256 must be a SHA-256 in 64 hex digits"]),
    ...stepProblems(steps, firstStep).map((problem) => `.steps${problem}`),
  ];
}
