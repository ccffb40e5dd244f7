import { CodedError } from "../../../../sidecar/kit/errors.ts";
import type { DocumentName } from "../document.ts";
import type { Need, Parties } from "../calls.ts";
import { askedCalls, type AskedCall } from "./asked.ts";
import { judge, type CallAnswer } from "./judge.ts";
import type { GivenPolicy } from "./role-output.ts";

/**
 * What a given policy says to the calls for the role whose policy it is. Pure.
 * @param document which policy it is, where the input does not name the role; undefined: the trust policy of the pods' role
 * @throws CodedError `USAGE` where it is not known whose policy it is, or no pod asks for that role
 */
export function answersOf(
  given: GivenPolicy,
  needs: readonly Need[],
  parties: Parties,
  document: DocumentName | undefined,
): readonly CallAnswer[] {
  const { role } = given;
  const calls = askedCalls(needs, parties);
  const chosen = calls.filter((call) =>
    document === undefined && role !== undefined
      ? call.role === role
      : call.document === (document ?? "trust"),
  );
  const roles = rolesOf(chosen);
  if (roles.length === 0) throw notAsked(role ?? `a role with a policy ${document}`, calls);
  if (role !== undefined && roles.some((one) => one !== role)) throw notAsked(role, chosen);
  if (roles.length > 1) {
    throw new CodedError(
      "USAGE",
      "These pods ask for several roles, and the policy does not say whose it is.",
      {
        remedy: "Choose one with --role, or give what aws iam get-role prints.",
      },
    );
  }
  const wild = chosen.find(
    ({ subject }) => subject.serviceAccount.includes("*") || subject.namespace.includes("*"),
  );
  if (wild !== undefined) {
    throw new CodedError("USAGE", "--against checks one service account: a name with * is none.", {
      remedy: "Give the names of service accounts.",
    });
  }
  return chosen.map((call) => judge(given, call));
}

const rolesOf = (calls: readonly AskedCall[]): readonly string[] => [
  ...new Set(calls.map(({ role }) => role)),
];

const notAsked = (role: string, calls: readonly AskedCall[]): CodedError =>
  new CodedError("USAGE", `Nobody asks for ${role} here.`, {
    remedy: `Asked for: ${rolesOf(calls).slice(0, 10).join(", ")}.`,
  });
