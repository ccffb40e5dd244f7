import type { NewFile } from "../../print/write-files.ts";
import { shellWord } from "../../print/shell-word.ts";
import { askedCalls } from "../../trust/against/asked.ts";
import { parsePolicy } from "../../trust/against/policy.ts";
import { judge } from "../../trust/against/judge.ts";
import type { Need, Parties } from "../../trust/calls.ts";
import type { PolicyDocument, Warning } from "../../trust/document.ts";
import { documentsFor } from "../../trust/documents.ts";
import { commandsText, policyFiles, type PolicyFile } from "../../trust/folder.ts";
import { aboutLength } from "../../trust/length.ts";
import { note, type Note } from "../note.ts";
import { leftText, namedByContents } from "./inline.ts";
import { merged } from "./merged.ts";
import { oneOfEachName } from "./names.ts";
import type { KnownRole } from "./roles-file.ts";

/** A policy of a role or user. */
export interface PlannedPolicy {
  readonly document: PolicyDocument["document"];
  readonly of: string;
  /**
   * `set`: the policy is whole, and has to be set. `there`: what the role has now lets the pods in already. `add`: what the role has now is
   * not known, so this holds podrole's statements alone.
   */
  readonly state: "set" | "there" | "add";
  /** Of `there`, what the role has. */
  readonly policy: unknown;
  readonly warnings: readonly Warning[];
}

export interface TrustPlan {
  readonly policies: readonly PlannedPolicy[];
  readonly files: readonly NewFile[];
  /** Shell commands that set the policies, and that set those that are there now; empty if there are none. */
  readonly set: string;
  readonly restore: string;
  readonly notes: readonly Note[];
}

/**
 * Every policy that the needs ask for. Pure.
 * @param all needs
 * @param known the roles as AWS has them, by ARN; undefined where nobody has given them
 * @param folder that the files are for
 * @throws CodedError of what the policies cannot be written without, such as `PROVIDER_MISSING`
 */
export function trustPlan(
  all: readonly Need[],
  parties: Parties,
  known: ReadonlyMap<string, KnownRole> | undefined,
  folder: string,
): TrustPlan {
  const { kept, notes: ofNames } = oneOfEachName(documentsFor(all, parties), all, known?.keys());
  // What is left out is no permission of caller, broker or hub role either.
  const needs = all.filter(({ role }) => kept.has(role));
  const documents = documentsFor(needs, parties)
    .filter(({ of }) => kept.has(of))
    .map(namedByContents);
  const calls = askedCalls(needs, parties);
  const planned = documents.map(
    (
      one,
    ): {
      readonly one: PolicyDocument;
      readonly plan: PlannedPolicy;
      readonly before?: unknown;
      readonly isRefused?: boolean;
    } => {
      const { document, of, policy, warnings } = one;
      if (!document.endsWith("trust")) return { one, plan: { document, of, state: "set", policy, warnings } };
      const role = known?.get(of);
      if (role === undefined) return { one, plan: { document, of, state: "add", policy, warnings } };
      const ofRole = calls.filter((call) => call.role === of && call.document === document);
      const isThere =
        ofRole.length > 0 && ofRole.every((call) => judge(role.given, call).answer === "lets-in");
      const whole = isThere ? role.document : merged(role.document, policy);
      const about = isThere
        ? []
        : [
            ...warnings.filter(({ code }) => code !== "POLICY_LONG"),
            ...aboutLength({ ...one, policy: whole }),
          ];
      const plan: PlannedPolicy = {
        document,
        of,
        state: isThere ? "there" : "set",
        policy: whole,
        warnings: about,
      };
      // A Deny that is there wins over what is added.
      const policyAfter = parsePolicy(whole);
      const isRefused = ofRole.some(
        (call) => judge({ ...role.given, policy: policyAfter }, call).answer === "refuses",
      );
      return { one, plan, before: role.document, isRefused };
    },
  );
  const changing = planned.filter(({ plan }) => plan.state !== "there");
  const files = policyFiles(
    changing.map(({ one }) => one),
    folder,
  ).map((file, index) => {
    const { plan, before } = changing[index] ?? {};
    // Of another name than the whole policy: nobody shall set it by the command for that one.
    const path = plan?.state === "add" ? file.path.replace(/\.json$/, ".add.json") : file.path;
    return { ...file, path, text: asJson(plan?.policy), state: plan?.state, before };
  });
  const withBefore = files
    .filter(({ before, state }) => before !== undefined && state === "set")
    .map((file): PolicyFile => restoring(file, file.before));
  return {
    policies: planned.map(({ plan }) => plan),
    files: [...files, ...withBefore].map(({ path, text }) => ({ path, text })),
    set: commandsText(files.filter(({ state }) => state === "set")),
    restore: leftText(files) + commandsText(withBefore),
    notes: [
      ...ofNames,
      ...notesOn(
        planned.map(({ plan }) => plan),
        known,
      ),
      ...planned.filter(({ isRefused }) => isRefused).map(({ plan: { of } }) => trustRefuses(of)),
    ],
  };
}

const trustRefuses = (role: string): Note =>
  note(
    "TRUST_REFUSES",
    `A Deny in the trust policy of ${role} keeps these pods out. podrole trust-policy --against says which.`,
  );

/** The file with what is there now, beside the one that replaces it. */
function restoring({ path, of, command }: PolicyFile, before: unknown): PolicyFile {
  const file = path.replace(/\.json$/, ".before.json");
  return {
    path: file,
    text: asJson(before),
    of,
    command: command?.replace(shellWord(`file://${path}`), () => shellWord(`file://${file}`)),
  };
}

const asJson = (policy: unknown): string => `${JSON.stringify(policy, null, 2)}\n`;

function notesOn(
  plans: readonly PlannedPolicy[],
  known: ReadonlyMap<string, KnownRole> | undefined,
): readonly Note[] {
  const partial = plans.filter(({ state }) => state === "add");
  const long = plans.flatMap(({ of, warnings }) =>
    warnings
      .filter(({ code }) => code === "POLICY_LONG")
      .map(({ message }) => note("POLICY_LONG", `${of}: ${message}`)),
  );
  if (known === undefined) {
    if (partial.length === 0) return long;
    const message =
      "The trust policies hold podrole's statements alone. Set as they are, they would end what the roles trust now. Give --roles with what aws iam list-roles --output json prints: then they also hold what is there.";
    return [note("TRUST_PARTIAL", message), ...long];
  }
  return [...partial.map(({ of }) => roleUnknown(of)), ...long];
}

export const roleUnknown = (role: string): Note =>
  note(
    "ROLE_UNKNOWN",
    `${role} is not in the file of --roles, or its trust policy cannot be read: it may not exist, or be in another account.`,
  );
