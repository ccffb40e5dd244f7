import type { Need } from "../../trust/calls.ts";
import type { PolicyDocument } from "../../trust/document.ts";
import { arnsByName, sharedName } from "../../trust/folder.ts";
import { nameKeyOf } from "../../trust/principal.ts";
import { named } from "../../trust/subject.ts";
import { note, type Note } from "../note.ts";

/** ARNs of which no two are of one name in an account, and what is left out for that. */
export interface OneOfEachName {
  readonly kept: ReadonlySet<string>;
  readonly notes: readonly Note[];
}

/**
 * Whose policies are written. Whoever can annotate a pod can make up an ARN with the name of a role that exists, and AWS's commands know no more than the name. So
 * where AWS has a role of the name, it alone is kept; where that is not known, none of several.
 * @param known ARNs of the roles that AWS has; undefined where nobody has given them
 */
export function oneOfEachName(
  documents: readonly PolicyDocument[],
  needs: readonly Need[],
  known: Iterable<string> | undefined,
): OneOfEachName {
  const real = Map.groupBy(new Set(known), nameKeyOf);
  const keys = [...arnsByName(documents)].map(([key, arns]) => {
    const [role, ...others] = real.get(key) ?? [];
    if (role !== undefined && others.length === 0) {
      const made = arns.filter((arn) => arn !== role);
      return { kept: arns.filter((arn) => arn === role), notes: made.map((arn) => madeUp(arn, role, needs)) };
    }
    const all = new Set([...arns, ...(real.get(key) ?? [])]);
    if (all.size === 1) return { kept: arns, notes: [] };
    const remedy = known === undefined ? "Give --roles, by which podrole knows the one that does." : CORRECT;
    return {
      kept: [],
      notes: [
        note("ROLE_NAME_SHARED", `${sharedName([...all])} So no policy is written for them. ${remedy}`),
      ],
    };
  });
  return {
    kept: new Set(keys.flatMap((one) => one.kept)),
    notes: keys.flatMap(({ notes }) => notes),
  };
}

const CORRECT = "Correct what names the wrong one.";

function madeUp(arn: string, role: string, needs: readonly Need[]): Note {
  const subjects = needs.filter((need) => need.role === arn).flatMap((need) => need.subjects);
  const some = subjects.slice(0, 3).map(named).join(", ");
  const by = some === "" ? "" : `, which pods of ${some} name`;
  return note(
    "ROLE_NAME_SHARED",
    `There is no ${arn}${by}: the account's role of that name is ${role}. So no policy is written for it. ${CORRECT}`,
  );
}
